//! Observations and manifests in, flows out.

mod identities;
mod late;
mod open;

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

use netpol_common::record::{DropKey, DropState, FlowKey, FlowState, Tuple, drop_flag, flow_flag};
use netpol_policy::manifest;

use super::*;
use crate::drop_class::Names;
use crate::flow::{Identity, ObservedVerdict, record_address};
use crate::inventory::{Change, Report};
use crate::kernel::observation::Interface;
use crate::log::Selection;
use crate::tracker::TrackerConfig;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const VETH: u32 = 5;
const TCP: u8 = 6;
const NODE: u32 = 4_026_531_840;

const CLUSTER: &str = r"
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.0.0.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, uid: '1'}
status: {podIPs: [{ip: 10.0.0.1}]}
";

/// Started one second before the machine's boot.
fn late_pod(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: late, namespace: prod, uid: '2'}}\n\
         status: {{startTime: '1970-01-01T00:16:39Z', podIPs: [{{ip: {address}}}]}}\n"
    )
}

struct Firewall;

impl Names for Firewall {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("NETFILTER_DROP")
    }
    fn location(&self, _: u64) -> Option<&str> {
        None
    }
}

/// A pipeline on a machine that was started 1000 s after the epoch, with one pod's interface.
struct Stage {
    pipeline: Pipeline,
    snapshot: Arc<ArcSwap<Snapshot>>,
    log: Arc<FlowLog>,
    metrics: Metrics,
}

impl Stage {
    fn new(address_wait: Duration) -> Self {
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let log = Arc::new(FlowLog::new(8192, 8192));
        let metrics = Metrics::default();
        let config = PipelineConfig {
            answer_timeout: Duration::from_secs(2),
            grace: Duration::ZERO,
            address_wait,
        };
        let tracker = TrackerConfig {
            connections: 8192,
            answer_timeout: Duration::from_secs(2),
            node_netns: NODE,
        };
        let outputs = Outputs {
            log: log.clone(),
            status: Arc::default(),
            enforcement: Arc::default(),
            metrics: metrics.clone(),
        };
        let mut pipeline = Pipeline::new(
            config,
            LocalNode::new("node-1"),
            Tracker::new(tracker, Arc::new(Firewall)),
            snapshot.clone(),
            outputs,
            Clock::from_sample(0, UNIX_EPOCH + Duration::from_secs(1000)),
        );
        let interface = Interface {
            ifindex: VETH,
            name: "veth5".to_owned(),
            kind: "veth".to_owned(),
            routed: vec!["10.0.0.1".parse().unwrap()],
            hook: None,
            error: None,
        };
        pipeline.observe(Observation::InterfaceUp(interface), 0);
        let stage = Self {
            pipeline,
            snapshot,
            log,
            metrics,
        };
        stage.learn(CLUSTER, 0);
        stage
    }

    /// Takes manifests into the inventory, at this time since boot (nanoseconds).
    fn learn(&self, manifests: &str, now: u64) {
        let read = manifest::parse(manifests);
        assert_eq!(read.errors, []);
        let changes = read.objects.into_iter().map(Change::Apply).collect();
        let now = UNIX_EPOCH + Duration::from_secs(1000) + Duration::from_nanos(now);
        let next = self.snapshot.load().next(changes, Report::default(), now);
        self.snapshot.store(Arc::new(next));
    }

    /// `web` connected to an address, from this port, and was answered.
    fn connect(&mut self, port: u16, address: &str, first: u64) {
        self.answered(tuple(port, address), None, first);
    }

    /// A connection of `web` that was answered, by this backend where its address was translated.
    fn answered(&mut self, dialled: Tuple, backend: Option<(&str, u16)>, first: u64) {
        let key = FlowKey::new(&dialled, TCP, VETH);
        let mut state = FlowState {
            first_seen: first,
            last_seen: first,
            flags: flow_flag::OPENING_SEEN | flow_flag::REPLY_SEEN | flow_flag::NEW_REPORTED,
            ..FlowState::default()
        };
        if key.low == dialled.source && key.low_port == dialled.source_port {
            state.flags |= flow_flag::POD_IS_LOW;
        }
        if let Some((address, port)) = backend {
            state.flags |= flow_flag::CT_REPLY;
            state.ct_reply = Tuple {
                source: record_address(address.parse().unwrap()),
                source_port: port,
                destination: dialled.source,
                destination_port: dialled.source_port,
            };
        }
        state.counters[0].packets = 1;
        state.counters[1].packets = 1;
        let kind = EventKind::FlowEstablished;
        self.pipeline
            .observe(Observation::Flow { kind, key, state }, first);
    }

    /// A firewall of the node dropped what `web` sent to an address.
    fn block(&mut self, port: u16, address: &str, first: u64) {
        let key = DropKey {
            tuple: tuple(port, address),
            ifindex: VETH,
            input_ifindex: VETH,
            netns: NODE,
            protocol: TCP,
            ..DropKey::default()
        };
        let state = DropState {
            first_seen: first,
            last_seen: first,
            packets: 1,
            flags: drop_flag::OPENING,
            ..DropState::default()
        };
        let drops = vec![(key, state)];
        let flows = Vec::new();
        self.pipeline
            .observe(Observation::Sweep { flows, drops }, first);
    }

    /// Revision and destination of every connection that was published by now.
    fn told(&mut self, now: u64) -> Vec<(u64, String)> {
        self.pipeline.tick(now);
        let (kept, _) = self.log.subscribe(Selection::All);
        let told = kept.iter().map(|flow| {
            let name = match flow.destination.identity {
                Identity::Unknown => "unknown".to_owned(),
                Identity::World => "world".to_owned(),
                _ => flow.destination.name(),
            };
            (flow.revision, name)
        });
        told.collect()
    }

    fn waits(&self, outcome: &str) -> u64 {
        let text = self.metrics.render().unwrap();
        let series = format!("netpol_address_waits_total{{outcome=\"{outcome}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

fn tuple(port: u16, address: &str) -> Tuple {
    Tuple {
        source: record_address("10.0.0.1".parse().unwrap()),
        destination: record_address(address.parse().unwrap()),
        source_port: port,
        destination_port: 80,
    }
}
