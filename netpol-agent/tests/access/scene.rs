//! An agent that asks an API server who may read what, and callers with tokens.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use netpol_agent::clock::boottime;
use netpol_agent::config::Config;
use netpol_agent::drop_class::Names;
use netpol_agent::flow::record_address;
use netpol_agent::kernel::observation::{Interface, Observation};
use netpol_agent::run::{Source, run};
use netpol_api::v1;
use netpol_api::v1::watch_flows_response::Item;
use netpol_common::record::{DropEvent, DropKey, DropState, EventHeader, Tuple, drop_flag};
use netpol_testkit::ApiServer;
use netpol_testkit::authority::{Authority, Validity};
use netpol_transport::client::{self, Client, Options, Server, Token};
use netpol_transport::tls::{self, ClientTls, ClientTlsFiles};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const FLOWS: &str = "flows.observer.netpol";

const NAME: &str = "netpol-agent.netpol.svc";
const NODE: u32 = 4026531840;

struct Table;

impl Names for Table {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("NETFILTER_DROP")
    }
    fn location(&self, _: u64) -> Option<&str> {
        Some("nft_do_chain")
    }
}

fn objects() -> Vec<Value> {
    let namespace = |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let pod = |namespace: &str, name: &str, address: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "namespace": namespace, "name": name, "labels": { "app": name } },
            "spec": { "nodeName": "node-1", "containers": [] },
            "status": { "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }] },
        })
    };
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "namespace": "prod", "name": "restrict-traffic" },
        "spec": {
            "podSelector": {},
            "ingress": [{ "from": [{ "namespaceSelector": { "matchLabels": { "a": "b" } } }] }],
        },
    });
    vec![
        namespace("ci"),
        namespace("prod"),
        pod("ci", "build", "10.0.0.1"),
        pod("prod", "web", "10.0.1.1"),
        policy,
    ]
}

/// A running agent and its API server. Connections are from `ci/build` to `prod/web`, denied by
/// `prod/restrict-traffic`.
pub(crate) struct Scene {
    pub(crate) server: ApiServer,
    directory: tempfile::TempDir,
    authority: Authority,
    address: SocketAddr,
    observations: mpsc::Sender<Observation>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Scene {
    /// Answers are taken for true for a second.
    pub(crate) async fn start() -> Self {
        Self::start_with("--authorization-cache 1").await
    }

    /// With these arguments; `DIR` stands for its directory.
    pub(crate) async fn start_with(arguments: &str) -> Self {
        let server = ApiServer::start().unwrap();
        for object in objects() {
            server.apply(object).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        server
            .kubeconfig(&directory.path().join("kubeconfig"))
            .unwrap();
        let authority = Authority::new().unwrap();
        let identity = authority.server(&[NAME], Validity::Always).unwrap();
        identity.write(directory.path(), "tls").unwrap();
        std::fs::write(directory.path().join("ca.crt"), authority.certificate()).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let line = format!(
            "netpol-agent --kubeconfig DIR/kubeconfig --socket DIR/agent.sock --node node-1 --listen {address} \
             --tls-cert DIR/tls.crt --tls-key DIR/tls.key --authorization kubernetes {arguments}"
        );
        let line = line.replace("DIR", directory.path().to_str().unwrap());
        let (observations, receiver) = mpsc::channel(1024);
        let source = Source {
            observations: receiver,
            names: Arc::new(Table),
            node_netns: NODE,
            capabilities: Vec::new(),
            counters: Arc::default(),
        };
        let stop = CancellationToken::new();
        let config = Config::parse_from(line.split_whitespace());
        let scene = Self {
            server,
            directory,
            authority,
            address,
            observations,
            task: tokio::spawn(run(config, source, stop.clone())),
            stop,
        };
        scene.ready().await;
        scene
    }

    async fn ready(&self) {
        let knows_all = async {
            while self
                .inventory()
                .await
                .is_none_or(|inventory| inventory.pods != 2)
            {
                assert!(!self.task.is_finished());
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, knows_all).await.unwrap();
        for (ifindex, name, address) in
            [(10, "veth-build", "10.0.0.1"), (20, "veth-web", "10.0.1.1")]
        {
            self.send(Observation::InterfaceUp(Interface {
                ifindex,
                name: name.into(),
                kind: "veth".into(),
                routed: vec![address.parse::<IpAddr>().unwrap()],
                hook: Some("tcx"),
                error: None,
            }))
            .await;
        }
    }

    async fn inventory(&self) -> Option<v1::InventoryStatus> {
        let mut client = self.by_socket().await.ok()?;
        let status = client.get_status(v1::GetStatusRequest {}).await.ok()?;
        status.into_inner().inventory
    }

    async fn send(&self, observation: Observation) {
        self.observations.send(observation).await.unwrap();
    }

    /// A connection from `ci/build` to `prod/web` is dropped.
    pub(crate) async fn drop_from(&self, port: u16) {
        self.drop_between("10.0.0.1", "10.0.1.1", port).await;
    }

    /// A connection between others is.
    pub(crate) async fn drop_between(&self, source: &str, destination: &str, port: u16) {
        let now = boottime().unwrap();
        let address = |text: &str| record_address(text.parse().unwrap());
        let event = DropEvent {
            header: EventHeader::default(),
            key: DropKey {
                tuple: Tuple {
                    source: address(source),
                    destination: address(destination),
                    source_port: port,
                    destination_port: 80,
                },
                reason: 1,
                ifindex: 10,
                input_ifindex: 10,
                netns: NODE,
                protocol: 6,
                ..DropKey::default()
            },
            state: DropState {
                first_seen: now,
                last_seen: now,
                packets: 1,
                bytes: 60,
                flags: drop_flag::OPENING,
                tcp_flags: 2,
                ..DropState::default()
            },
        };
        self.send(Observation::Drop(event)).await;
    }

    /// Drops `count` connections, and waits until the agent keeps them.
    pub(crate) async fn keep(&self, count: u16) {
        for port in 1..=count {
            self.drop_from(port).await;
        }
        let mut stream = self.by_socket().await.unwrap();
        let kept = async {
            loop {
                let request = v1::WatchFlowsRequest::default();
                let found = read(&mut stream, request).await.unwrap();
                if found.len() >= usize::from(count) {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, kept).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn by_socket(&self) -> Result<Client, client::ConnectError> {
        let server = Server::Unix(self.path("agent.sock"));
        client::connect(&server, &Options::default()).await
    }

    pub(crate) fn over_tls(&self) -> (Server, Options) {
        let files = ClientTlsFiles {
            authority: Some(self.path("ca.crt").into()),
            server_name: Some(NAME.to_owned()),
            ..ClientTlsFiles::default()
        };
        let options = Options {
            tls: Some(ClientTls::load(&files).unwrap()),
            token: None,
        };
        (
            format!("https://{}", self.address).parse().unwrap(),
            options,
        )
    }

    /// Somebody with this token; with none where it is empty.
    pub(crate) async fn caller(&self, token: &str) -> Client {
        let (server, mut options) = self.over_tls();
        options.token = Some(Token::Text(token.to_owned())).filter(|_| !token.is_empty());
        client::connect(&server, &options).await.unwrap()
    }

    /// Somebody with a certificate of the authority in `DIR/ca.crt`.
    pub(crate) async fn caller_with_certificate(&self) -> Client {
        let identity = self
            .authority
            .client("netpol-relay", Validity::Always)
            .unwrap();
        let (certificate, key) = identity.write(self.directory.path(), "client").unwrap();
        let files = ClientTlsFiles {
            authority: Some(self.path("ca.crt").into()),
            identity: Some(tls::Identity {
                certificate: certificate.into(),
                key: key.into(),
            }),
            server_name: Some(NAME.to_owned()),
        };
        let (server, mut options) = self.over_tls();
        options.tls = Some(ClientTls::load(&files).unwrap());
        client::connect(&server, &options).await.unwrap()
    }

    /// How often the API server was asked to create one of these.
    pub(crate) fn reviews(&self, resource: &str) -> u64 {
        let asked = ("create".to_owned(), resource.to_owned());
        self.server
            .requests()
            .get(&asked)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.task).await;
        ended.unwrap().unwrap().unwrap();
    }
}

/// All kept flows that a request gives.
pub(crate) async fn read(
    client: &mut Client,
    request: v1::WatchFlowsRequest,
) -> Result<Vec<v1::Flow>, Status> {
    let mut stream = client.watch_flows(request).await?.into_inner();
    let mut flows = Vec::new();
    while let Some(message) = timeout(PATIENCE, stream.message()).await.unwrap()? {
        match message.item.unwrap() {
            Item::Flow(flow) => flows.push(flow),
            other => panic!("{other:?}"),
        }
    }
    Ok(flows)
}

pub(crate) fn following() -> v1::WatchFlowsRequest {
    v1::WatchFlowsRequest {
        follow: true,
        ..v1::WatchFlowsRequest::default()
    }
}

/// The next flow, or what the stream ends with.
pub(crate) async fn next(
    stream: &mut Streaming<v1::WatchFlowsResponse>,
) -> Result<v1::Flow, Status> {
    let message = timeout(PATIENCE, stream.message()).await.unwrap()?;
    match message.expect("an end without a reason").item.unwrap() {
        Item::Flow(flow) => Ok(flow),
        other => panic!("{other:?}"),
    }
}
