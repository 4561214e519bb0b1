//! Connections with an end that the inventory learns of late.

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
        let tuple = tuple(port, address);
        let key = FlowKey::new(&tuple, TCP, VETH);
        let mut state = FlowState {
            first_seen: first,
            last_seen: first,
            flags: flow_flag::OPENING_SEEN | flow_flag::REPLY_SEEN | flow_flag::NEW_REPORTED,
            ..FlowState::default()
        };
        if key.low == tuple.source && key.low_port == port {
            state.flags |= flow_flag::POD_IS_LOW;
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

fn told(revision: u64, name: &str) -> Vec<(u64, String)> {
    vec![(revision, name.to_owned())]
}

#[test]
fn a_connection_waits_for_an_address_that_becomes_known() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), []);
    assert_eq!(stage.metrics.connections_held.get(), 1);
    assert_eq!(stage.told(SECOND + 500 * MS), []);
    stage.learn(&late_pod("10.0.0.9"), SECOND + 600 * MS);
    assert_eq!(stage.told(SECOND + 600 * MS), told(1, "prod/late"));
    assert_eq!(stage.waits("learnt"), 1);
    assert_eq!(stage.metrics.connections_held.get(), 0);
    assert_eq!(stage.told(40 * SECOND), told(1, "prod/late"));
}

#[test]
fn a_blocked_one_waits_too_and_says_at_last_what_was_seen_by_then() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.block(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND + 500 * MS), []);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    let (blocked, _) = stage.log.subscribe(Selection::Blocked);
    assert_eq!(blocked[0].observed.verdict, ObservedVerdict::Dropped);
    assert_eq!(stage.waits("given_up"), 1);
}

#[test]
fn what_becomes_known_later_is_told_again_for_a_while() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    // Something else changes.
    stage.learn(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: ci}\n",
        3 * SECOND,
    );
    assert_eq!(stage.told(3 * SECOND), told(1, "unknown"));
    stage.learn(&late_pod("10.0.0.9"), 4 * SECOND);
    assert_eq!(stage.told(4 * SECOND), told(2, "prod/late"));
    assert_eq!(stage.waits("told_again"), 1);
    let (kept, _) = stage.log.subscribe(Selection::All);
    assert!(kept[0].is_news(), "another name for its end");

    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    assert_eq!(stage.told(33 * SECOND), told(1, "unknown"));
    stage.learn(&late_pod("10.0.0.9"), 33 * SECOND);
    assert_eq!(
        stage.told(34 * SECOND),
        told(1, "unknown"),
        "it is too late"
    );
}

#[test]
fn an_address_outside_is_told_at_once_and_again_if_it_was_a_pods() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "172.16.0.9", SECOND);
    assert_eq!(stage.told(SECOND), told(1, "world"));
    stage.learn(&late_pod("172.16.0.9"), 2 * SECOND);
    assert_eq!(stage.told(2 * SECOND), told(2, "prod/late"));
}

#[test]
fn a_pod_that_had_the_address_only_later_is_not_named() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    let later = late_pod("10.0.0.9").replace("00:16:39", "00:16:43");
    stage.learn(&later, 4 * SECOND);
    assert_eq!(stage.told(5 * SECOND), told(1, "unknown"));
}

#[test]
fn an_address_that_was_waited_for_in_vain_is_not_waited_for_again_at_once() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), []);
    assert_eq!(stage.told(2 * SECOND).len(), 1);
    stage.connect(40_001, "10.0.0.9", 3 * SECOND);
    assert_eq!(stage.told(3 * SECOND).len(), 2);
    stage.connect(40_002, "10.0.0.9", 40 * SECOND);
    assert_eq!(
        stage.told(40 * SECOND).len(),
        2,
        "it is after half a minute"
    );
}

#[test]
fn nothing_waits_without_a_wait_or_before_the_first_inventory() {
    let mut stage = Stage::new(Duration::ZERO);
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), told(1, "unknown"));

    let mut stage = Stage::new(Duration::from_secs(1));
    stage.snapshot.store(Arc::default());
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND).len(), 1);
    stage.learn(
        &format!("{CLUSTER}---\n{}", late_pod("10.0.0.9")),
        2 * SECOND,
    );
    assert_eq!(stage.told(2 * SECOND), told(2, "prod/late"));
}

#[test]
fn there_is_room_for_so_many_and_those_that_are_forgotten_give_it_up() {
    let mut stage = Stage::new(Duration::from_secs(1));
    for port in 0..4097 {
        stage.connect(20_000 + port, "10.0.0.9", SECOND);
    }
    assert_eq!(stage.told(SECOND), told(1, "unknown"));
    assert_eq!(stage.waits("no_room"), 1);
    assert_eq!(stage.metrics.connections_held.get(), 4096);
    assert_eq!(stage.told(2 * SECOND).len(), 4097);
    assert_eq!(stage.metrics.connections_held.get(), 0);
}
