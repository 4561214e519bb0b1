//! Wires the stages together and takes them down again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use futures::FutureExt as _;
use netpol_policy::dialect::Dialect;
use netpol_transport::access::Access;
use netpol_transport::listen::{Door, bind_unix};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Clock, boottime};
use crate::config::Config;
use crate::convert::Converter;
use crate::drop_class::Names;
use crate::enforcement::Enforcement;
use crate::events::Teller;
use crate::grpc::{self, Facts, Observer, TcpDoor};
use crate::inventory::{self, Snapshot};
use crate::kernel::capability::Capability;
use crate::kernel::counters::SharedCounters;
use crate::kernel::observation::Observation;
use crate::local_node::LocalNode;
use crate::log::{FlowLog, Selection};
use crate::metrics::Metrics;
use crate::node_claim::NodeClaim;
use crate::pipeline::{Outputs, Pipeline, PipelineConfig};
use crate::status::Status;
use crate::tracker::{Tracker, TrackerConfig};
use crate::{export, history, http, kernel, telemetry};

/// How often the pipeline looks for what is due, when nothing comes in.
const TICK: Duration = Duration::from_millis(20);
/// How often the clocks are sampled.
const CLOCK_SAMPLE: Duration = Duration::from_secs(1);
/// Observations taken in between two looks for what is due.
const BATCH: usize = 1024;
/// Observations that wait for the pipeline; the kernel side counts what finds no room.
const QUEUE: usize = 65_536;
/// How long streams and listeners may take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where observations come from, and what their numbers mean.
pub struct Source {
    /// Observations.
    pub observations: mpsc::Receiver<Observation>,
    /// Names of drop reasons and kernel functions.
    pub names: Arc<dyn Names>,
    /// The node's own network namespace (inode number).
    pub node_netns: u32,
    /// What this kernel can and cannot do.
    pub capabilities: Vec<Capability>,
    /// The kernel side's own counters.
    pub counters: Arc<SharedCounters>,
}

/// The whole daemon: kernel side, pipeline and servers, until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever keeps it from starting, or ends it against its will.
pub async fn daemon(config: Config) -> Result<()> {
    telemetry::init(config.json)?;
    config.serving.check()?;
    config.export.check(config.inventory.is_some())?;
    let kernel_config = config.kernel.config()?;
    let loaded = kernel::load(&kernel_config)?;
    for capability in &loaded.capabilities {
        info!("{capability}");
    }
    let (sender, observations) = mpsc::channel(QUEUE);
    let source = Source {
        observations,
        names: loaded.names.clone(),
        node_netns: loaded.node_netns,
        capabilities: loaded.capabilities.clone(),
        counters: loaded.counters.clone(),
    };
    let kernel = loaded.start(&kernel_config, sender).await?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let result = run(config, source, stop).await;
    kernel.stop().await;
    result
}

/// Everything behind the kernel boundary, until told to stop.
///
/// # Errors
/// An inventory that cannot be had, or an address that cannot be had.
pub async fn run(config: Config, source: Source, stop: CancellationToken) -> Result<()> {
    let started = SystemTime::now();
    let node = match &config.node {
        Some(node) => node.clone(),
        None => host_name()?,
    };
    let metrics = Metrics::with_kernel(source.counters);
    let status = Arc::new(Status::default());
    let log = Arc::new(FlowLog::new(config.flows_kept, config.backlog));
    let dialect = Dialect::named(&config.dialect).context("--dialect names none that is known")?;
    let nothing = Snapshot::empty(dialect).remembering(config.address_memory);
    let snapshot = Arc::new(ArcSwap::from_pointee(nothing));
    let enforcement = Enforcement::new(metrics.clone(), snapshot.clone(), config.grace, started);
    let enforcement = Arc::new(enforcement);
    let inventory =
        inventory::Source::start(config.origin(), snapshot.clone(), metrics.clone()).await?;
    let converter = Arc::new(Converter {
        node: node.clone(),
        run: run_id(started),
    });
    let origin = export::Origin {
        log: &log,
        converter: &converter,
        metrics: &metrics,
        status: &status,
        stop: &stop,
    };
    let mut exports = export::start(&config.export.logs(), &origin)?;
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    if let Some(client) = inventory.client().filter(|_| config.export.events) {
        let export = exports.add_events(inventory.name(), &origin);
        let teller = Teller {
            client,
            node: node.clone(),
            window: config.export.events_window,
            export,
        };
        let (_, live) = log.subscribe(Selection::Blocked);
        tasks.spawn(teller.run(live, stop.clone()).map(Ok));
    }
    let remembered = match config.history.settings() {
        Some(settings) => {
            let origin = history::Origin {
                node: &node,
                dialect: &config.dialect,
                connections: config.connections,
                grace: config.grace,
                log: &log,
                snapshot: &snapshot,
                metrics: &metrics,
                status: &status,
            };
            Some(history::start(&settings, &origin, stop.clone())?)
        }
        None => None,
    };
    if let Some(running) = &remembered {
        exports.exports.push(running.export.clone());
        let recalling = enforcement.clone();
        tokio::spawn(recalling.recall(running.reader.clone(), node.clone()));
    }
    let tcp = TcpDoor::new(config.serving.clone(), metrics.clone());
    let door = tcp.open().await?;
    let claim = NodeClaim::default();
    if let Some(conflict) = claim.conflict() {
        warn!("{conflict}");
    }
    let observer = Arc::new(Observer {
        log: log.clone(),
        status: status.clone(),
        enforcement: enforcement.clone(),
        snapshot: snapshot.clone(),
        watches: inventory.watches(),
        converter,
        exports: exports.exports.clone(),
        history: grpc::Histories::new(remembered.as_ref()),
        metrics: metrics.clone(),
        access: Access::new(&config.serving, inventory.client())?,
        tcp,
        claim,
        facts: Facts {
            started,
            kernel: kernel_release()?,
            capabilities: source.capabilities,
            inventory_source: inventory.name().to_owned(),
            dialect: config.dialect.clone(),
        },
        stop: stop.clone(),
    });

    let mut servers: JoinSet<io::Result<()>> = JoinSet::new();
    let (listener, _socket) = bind_unix(&config.socket)?;
    servers.spawn(grpc::serve(
        Door::Unix(listener),
        observer.clone(),
        stop.clone(),
    ));
    info!(socket = %config.socket.display(), "serving flows");
    if let Some(door) = door {
        info!(address = %door, "serving flows");
        servers.spawn(grpc::serve(door, observer.clone(), stop.clone()));
    } else if observer.tcp.is_shut() {
        servers.spawn(grpc::serve_later(observer.clone(), stop.clone()));
    }
    if let Some(address) = config.http_listen {
        let listener = listen(address).await?;
        info!(address = %listener.local_addr()?, "serving /metrics and /healthz");
        servers.spawn(http::serve(listener, metrics.clone(), stop.clone()));
    }

    let tracker_config = TrackerConfig {
        connections: config.connections,
        answer_timeout: config.answer_timeout,
        node_netns: source.node_netns,
    };
    let pipeline_config = PipelineConfig {
        answer_timeout: config.answer_timeout,
        grace: config.grace,
        address_wait: config.address_wait(),
    };
    let pipeline = Pipeline::new(
        pipeline_config,
        LocalNode::new(&node),
        Tracker::new(tracker_config, source.names),
        snapshot.clone(),
        Outputs {
            log: log.clone(),
            status: status.clone(),
            enforcement,
            metrics,
        },
        Clock::sample()?,
    );
    let rate = Rate { log, status };
    tasks.spawn(drive(pipeline, source.observations, rate, stop.clone()));
    let watching = inventory.follow(stop.clone());
    tasks.spawn(async move {
        watching.await;
        Ok(())
    });

    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(task) = tasks.join_next() => task?,
        Some(server) = servers.join_next() => server?.context("a listener failed"),
    };
    stop.cancel();
    let farewell = async {
        while servers.join_next().await.is_some() {}
        while tasks.join_next().await.is_some() {}
        let written = async {
            if let Some(running) = remembered {
                running.end().await;
            }
        };
        tokio::join!(exports.end(), written);
    };
    if timeout(FAREWELL, farewell).await.is_err() {
        warn!(
            "streams or logs did not end in {} s and are cut",
            FAREWELL.as_secs()
        );
    }
    ended
}

/// Feeds the pipeline. Ends when told to, or when the source does.
async fn drive(
    mut pipeline: Pipeline,
    mut observations: mpsc::Receiver<Observation>,
    mut rate: Rate,
    stop: CancellationToken,
) -> Result<()> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut batch = Vec::with_capacity(BATCH);
    let mut sampled = Instant::now();
    let mut rated = (Instant::now(), rate.log.figures().seen);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            received = observations.recv_many(&mut batch, BATCH) => {
                if received == 0 {
                    anyhow::bail!("the kernel side ended");
                }
            }
            _ = ticks.tick() => {}
        }
        let now = boottime()?;
        if sampled.elapsed() >= CLOCK_SAMPLE {
            sampled = Instant::now();
            pipeline.set_clock(Clock::sample()?);
            rated = rate.measure(rated);
        }
        for observation in batch.drain(..) {
            pipeline.observe(observation, now);
        }
        pipeline.tick(now);
    }
}

/// Measures how many connections a second are published.
struct Rate {
    log: Arc<FlowLog>,
    status: Arc<Status>,
}

impl Rate {
    fn measure(&mut self, (since, seen): (Instant, u64)) -> (Instant, u64) {
        let now = (Instant::now(), self.log.figures().seen);
        let seconds = now.0.duration_since(since).as_secs_f64();
        // Exact far beyond any number of connections.
        let new = (now.1 - seen) as f64;
        if seconds > 0.0 {
            self.status.set_flows_per_second(new / seconds);
        }
        now
    }
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener> {
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

/// Flow ids begin with it, so that those of two runs never meet.
fn run_id(started: SystemTime) -> String {
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", since.as_millis())
}

fn host_name() -> Result<String> {
    let name = nix::sys::utsname::uname().context("cannot read the host name")?;
    Ok(name.nodename().to_string_lossy().into_owned())
}

fn kernel_release() -> Result<String> {
    let name = nix::sys::utsname::uname().context("cannot read the kernel release")?;
    Ok(name.release().to_string_lossy().into_owned())
}
