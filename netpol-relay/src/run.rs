//! Wires the parts together and takes them down again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use kube::Client;
use netpol_transport::access::Access;
use netpol_transport::listen::{Door, bind_unix};
use netpol_transport::serving::Authorization;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api_server::ApiServer;
use crate::config::{AgentOptions, Config};
use crate::connection::Connections;
use crate::discovery::kubernetes::Pods;
use crate::discovery::{Discovered, Discovery, Origin};
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::service::{self, Facts, Observer};
use crate::{http, merge, telemetry};

/// How long streams and listeners may take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long kept flows are waited for in streams that follow: somewhat longer than an agent may take to begin.
const CATCH_UP: Duration = Duration::from_secs(8);

/// What waits in one stream, and what is remembered for joining, in bytes each: streams are many.
const STREAM_BYTES: usize = 16 << 20;

/// Runs the relay until SIGTERM or SIGINT.
///
/// # Errors
/// Flags that make no sense, files or addresses that cannot be had.
pub async fn daemon(config: Config) -> Result<()> {
    telemetry::init(config.json)?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    run(config, stop).await
}

/// Runs the relay until told to stop.
///
/// # Errors
/// Flags that make no sense, files or addresses that cannot be had.
pub async fn run(config: Config, stop: CancellationToken) -> Result<()> {
    let started = SystemTime::now();
    let dialer = config.agents.dialer(&config.serving)?;
    let (discovery, origin, mut client) = discovery(&config.agents).await?;
    if client.is_none() && config.serving.authorization == Authorization::Kubernetes {
        client = Some(ApiServer::of(&config.agents).await?.client);
    }
    let access = Access::new(&config.serving, client)?;
    info!(agents = origin, "looking for agents");
    let nodes = Arc::new(Nodes::default());
    let metrics = Metrics::default();
    let mut servers: JoinSet<io::Result<()>> = JoinSet::new();

    let door = config.serving.door().await?;
    let socket = config.socket.as_deref().map(bind_unix).transpose()?;
    if door.is_none() && socket.is_none() {
        anyhow::bail!("nothing is served: give --listen ADDRESS:PORT or --socket PATH");
    }
    let facts = Facts {
        started,
        origin,
        streams: usize::try_from(config.streams)?,
        backlog: usize::try_from(config.backlog)?,
        merge: merge::Config {
            window: config.window,
            catch_up: CATCH_UP,
            bytes: STREAM_BYTES,
            connection_bytes: STREAM_BYTES,
            ..merge::Config::default()
        },
    };
    let tls = door.as_ref().and_then(Door::tls);
    if let Some(tls) = &tls {
        metrics.certificates(tls.clone());
    }
    let observer = Arc::new(Observer::new(
        nodes.clone(),
        metrics.clone(),
        access,
        tls,
        facts,
        stop.clone(),
    ));
    if let Some(door) = door {
        info!(address = %door, "serving flows");
        servers.spawn(service::serve(door, observer.clone(), stop.clone()));
    }
    let (listener, _socket) = socket.unzip();
    if let Some(listener) = listener {
        let door = Door::Unix(listener);
        info!(address = %door, "serving flows");
        servers.spawn(service::serve(door, observer.clone(), stop.clone()));
    }
    if let Some(address) = config.http_listen {
        let listener = listen(address).await?;
        info!(address = %listener.local_addr()?, "serving /metrics, /healthz and /readyz");
        let served = http::Served {
            metrics: metrics.clone(),
            nodes: nodes.clone(),
        };
        servers.spawn(http::serve(listener, served, stop.clone()));
    }

    let (found, discovered) = watch::channel(Discovered::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(discovery.follow(found, stop.clone()));
    let connections = Connections {
        nodes,
        dialer,
        metrics,
    };
    tasks.spawn(connections.supervise(discovered, stop.clone()));

    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(server) = servers.join_next() => server?.context("a listener failed"),
    };
    stop.cancel();
    let farewell = async {
        while servers.join_next().await.is_some() {}
        while tasks.join_next().await.is_some() {}
    };
    if timeout(FAREWELL, farewell).await.is_err() {
        warn!(
            "streams did not end in {} s and are cut",
            FAREWELL.as_secs()
        );
    }
    ended
}

/// What finds agents, what to call it, and the API server if that is asked.
async fn discovery(options: &AgentOptions) -> Result<(Discovery, String, Option<Client>)> {
    Ok(match &options.agents {
        Origin::List(addresses) => {
            let list = Discovery::List(addresses.clone());
            (list, "list".to_owned(), None)
        }
        Origin::Dns { host, port } => {
            let name = format!("dns://{host}:{port}");
            let (host, port) = (host.clone(), *port);
            (Discovery::Dns { host, port }, name, None)
        }
        Origin::Kubernetes => {
            let server = ApiServer::of(options).await?;
            let name = format!("namespace {} of {}", server.namespace, server.address);
            let pods = Pods::new(server.client.clone(), &server.namespace);
            let discovery = Discovery::Kubernetes(Box::new(pods));
            (discovery, name, Some(server.client))
        }
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

fn stop_on_signal(stop: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        stop.cancel();
    });
    Ok(())
}
