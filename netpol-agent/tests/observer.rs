//! Scripted observations and manifests in, the real gRPC socket out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::net::IpAddr;
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
use netpol_api::v1::observer_client::ObserverClient;
use netpol_api::v1::watch_flows_response::Item;
use netpol_common::record::{
    DropEvent, DropKey, DropState, EventHeader, EventKind, FlowKey, FlowState, Tuple, drop_flag,
    flow_flag as f,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

const NODE: u32 = 4026531840;
const PATIENCE: Duration = Duration::from_secs(10);

const CLUSTER: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: ci}
---
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {team: delivery}}
---
apiVersion: v1
kind: Pod
metadata: {name: build, namespace: ci, labels: {app: build}}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {app: web}}
status: {phase: Running, podIPs: [{ip: 10.0.1.1}]}
";

const POLICY: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: restrict-traffic, namespace: prod}
spec:
  podSelector: {}
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {team: database}}
";

struct Table;

impl Names for Table {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("NETFILTER_DROP")
    }
    fn location(&self, _: u64) -> Option<&str> {
        Some("nft_do_chain")
    }
}

struct Agent {
    directory: tempfile::TempDir,
    observations: mpsc::Sender<Observation>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    client: ObserverClient<Channel>,
}

impl Agent {
    async fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let manifests = directory.path().join("manifests");
        std::fs::create_dir(&manifests).unwrap();
        std::fs::write(manifests.join("cluster.yaml"), CLUSTER).unwrap();
        std::fs::write(manifests.join("policy.yaml"), POLICY).unwrap();
        let socket = directory.path().join("run/netpol.sock");
        let mut line = vec![
            "netpol-agent".into(),
            "--inventory".into(),
            manifests.into_os_string(),
        ];
        line.extend(["--socket".into(), socket.clone().into_os_string()]);
        line.extend(["--node", "node-1"].iter().chain(arguments).map(Into::into));
        let config = Config::parse_from(line);
        let (observations, receiver) = mpsc::channel(1024);
        let source = Source {
            observations: receiver,
            names: Arc::new(Table),
            node_netns: NODE,
            capabilities: Vec::new(),
            counters: Arc::default(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(config, source, stop.clone()));
        let client = connect(socket).await;
        let agent = Self {
            directory,
            observations,
            stop,
            task,
            client,
        };
        for (ifindex, name, address) in
            [(10, "veth-build", "10.0.0.1"), (20, "veth-web", "10.0.1.1")]
        {
            agent
                .send(Observation::InterfaceUp(Interface {
                    ifindex,
                    name: name.into(),
                    kind: "veth".into(),
                    routed: vec![address.parse::<IpAddr>().unwrap()],
                    hook: Some("tcx"),
                    error: None,
                }))
                .await;
        }
        agent
    }

    async fn send(&self, observation: Observation) {
        self.observations.send(observation).await.unwrap();
    }

    async fn flow(&self, opener: &Tuple, flags: u32, packets: [u64; 2]) {
        let key = FlowKey::new(opener, 6, 10);
        let now = boottime().unwrap();
        let mut state = FlowState {
            first_seen: now,
            last_seen: now,
            flags: flags | f::OPENING_SEEN | f::NEW_REPORTED,
            ..FlowState::default()
        };
        if key.low == opener.source {
            state.flags |= f::POD_IS_LOW;
        }
        state.counters[0].packets = packets[0];
        state.counters[1].packets = packets[1];
        self.send(Observation::Flow {
            kind: EventKind::FlowNew,
            key,
            state,
        })
        .await;
    }

    async fn watch(
        &mut self,
        request: v1::WatchFlowsRequest,
    ) -> tonic::Streaming<v1::WatchFlowsResponse> {
        self.client.watch_flows(request).await.unwrap().into_inner()
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

async fn connect(socket: PathBuf) -> ObserverClient<Channel> {
    for _ in 0..1000 {
        let path = socket.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move {
                let stream = tokio::net::UnixStream::connect(path).await?;
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        let endpoint = tonic::transport::Endpoint::from_static("http://localhost");
        if let Ok(channel) = endpoint.connect_with_connector(connector).await {
            return ObserverClient::new(channel);
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("no agent on {}", socket.display());
}

fn tuple(source_port: u16) -> Tuple {
    let address = |text: &str| record_address(text.parse().unwrap());
    Tuple {
        source: address("10.0.0.1"),
        destination: address("10.0.1.1"),
        source_port,
        destination_port: 80,
    }
}

fn dropped(tuple: Tuple) -> Observation {
    let now = boottime().unwrap();
    Observation::Drop(DropEvent {
        header: EventHeader::default(),
        key: DropKey {
            tuple,
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
    })
}

async fn next(stream: &mut tonic::Streaming<v1::WatchFlowsResponse>) -> Item {
    loop {
        let message = timeout(PATIENCE, stream.message()).await.unwrap();
        if let Some(item) = message.unwrap().unwrap().item {
            return item;
        }
    }
}

async fn next_flow(stream: &mut tonic::Streaming<v1::WatchFlowsResponse>) -> v1::Flow {
    match next(stream).await {
        Item::Flow(flow) => flow,
        other => panic!("{other:?}"),
    }
}

fn following() -> v1::WatchFlowsRequest {
    v1::WatchFlowsRequest {
        follow: true,
        ..v1::WatchFlowsRequest::default()
    }
}

#[tokio::test]
async fn a_denied_connection_names_both_pods_and_the_policy() {
    let mut agent = Agent::start(&[]).await;
    let mut stream = agent.watch(following()).await;
    agent.flow(&tuple(40000), 0, [1, 0]).await;
    agent.send(dropped(tuple(40000))).await;
    let flow = next_flow(&mut stream).await;
    assert!(flow.is_blocked());
    assert_eq!(flow.source.unwrap().pod, "build");
    assert_eq!(flow.destination.unwrap().pod, "web");
    assert_eq!(
        v1::Agreement::try_from(flow.agreement),
        Ok(v1::Agreement::Agree)
    );
    assert!(
        flow.summary.starts_with("prod/restrict-traffic: "),
        "{}",
        flow.summary
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_rejection_is_one_flow_and_one_revision() {
    let mut agent = Agent::start(&[]).await;
    let mut stream = agent.watch(following()).await;
    agent
        .flow(&tuple(40000), f::NODE_RST | f::ENDED, [1, 1])
        .await;
    agent.send(dropped(tuple(40000))).await;
    let flow = next_flow(&mut stream).await;
    let observed = flow.observed.unwrap();
    assert_eq!(
        (flow.revision, observed.verdict()),
        (1, v1::observed::Verdict::Rejected)
    );
    assert_eq!(observed.evidence.unwrap().node_reply, "tcp-rst");
    agent.stop().await;
}

#[tokio::test]
async fn blocked_flows_survive_a_flood_of_allowed_ones() {
    let mut agent = Agent::start(&["--flows-kept", "8"]).await;
    let mut live = agent.watch(following()).await;
    agent.send(dropped(tuple(1))).await;
    assert_eq!(next_flow(&mut live).await.source.unwrap().port, 1);
    for port in 2..200 {
        agent.flow(&tuple(port), f::REPLY_SEEN, [1, 1]).await;
        let told = next_flow(&mut live).await;
        assert_eq!(told.source.unwrap().port, u32::from(port));
    }
    let request = v1::WatchFlowsRequest {
        blocked_only: true,
        ..v1::WatchFlowsRequest::default()
    };
    let mut stream = agent.watch(request).await;
    assert_eq!(next_flow(&mut stream).await.source.unwrap().port, 1);
    assert!(
        timeout(PATIENCE, stream.message())
            .await
            .unwrap()
            .unwrap()
            .is_none()
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_loss_stands_in_the_stream_and_in_the_status() {
    let mut agent = Agent::start(&[]).await;
    let mut stream = agent.watch(following()).await;
    agent
        .send(Observation::Lost {
            reason: "ring_full",
            count: 7,
        })
        .await;
    let Item::Lost(lost) = next(&mut stream).await else {
        panic!("a flow")
    };
    assert_eq!((lost.reason.as_str(), lost.count), ("ring_full", 7));
    let status = agent
        .client
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(status.lost[0].count, 7);
    assert_eq!((status.node.as_str(), status.subscribers), ("node-1", 1));
    assert_eq!(status.interfaces.len(), 2);
    agent.stop().await;
}

#[tokio::test]
async fn a_broken_manifest_is_reported_and_its_last_good_version_stays() {
    let mut agent = Agent::start(&[]).await;
    let path = agent.directory.path().join("manifests/policy.yaml");
    std::fs::write(path, "kind: NetworkPolicy\nspec: [").unwrap();
    let inventory = timeout(PATIENCE, async {
        loop {
            let status = agent
                .client
                .get_status(v1::GetStatusRequest {})
                .await
                .unwrap();
            let inventory = status.into_inner().inventory.unwrap();
            if !inventory.errors.is_empty() {
                return inventory;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert!(inventory.errors[0].file.ends_with("policy.yaml"));
    assert_eq!((inventory.network_policies, inventory.pods), (1, 2));
    agent.stop().await;
}

#[tokio::test]
async fn a_pod_whose_manifest_comes_late_is_named_in_the_next_revision() {
    let mut agent = Agent::start(&[]).await;
    let mut stream = agent.watch(following()).await;
    let mut drop = dropped(tuple(40000));
    let Observation::Drop(event) = &mut drop else {
        unreachable!("made as a drop")
    };
    event.key.tuple.destination = record_address("10.0.1.9".parse().unwrap());
    let again = DropEvent {
        state: DropState {
            packets: 2,
            ..event.state
        },
        ..*event
    };
    agent.send(drop).await;
    let before = next_flow(&mut stream).await.destination.unwrap();
    assert_eq!((before.pod.as_str(), before.port), ("", 80));

    let late = r"
kind: Pod
apiVersion: v1
metadata: {name: late, namespace: prod}
status: {phase: Running, startTime: '2026-01-01T00:00:00Z', podIPs: [{ip: 10.0.1.9}]}
";
    let path = agent.directory.path().join("manifests/late.yaml");
    std::fs::write(path, late).unwrap();
    timeout(PATIENCE, async {
        loop {
            let status = agent.client.get_status(v1::GetStatusRequest {}).await;
            let inventory = status.unwrap().into_inner().inventory.unwrap();
            if inventory.pods == 3 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    let sweep = Observation::Sweep {
        flows: Vec::new(),
        drops: vec![(again.key, again.state)],
    };
    agent.send(sweep).await;
    let after = next_flow(&mut stream).await;
    assert_eq!(after.destination.unwrap().pod, "late");
    assert_eq!(
        after.computed.unwrap().verdict(),
        v1::computed::Verdict::Denied
    );
    agent.stop().await;
}
