//! Traffic as it is remembered, and what is said of it: never more than what holds for the connections themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Observed, Party, PodGroup, Port, Present,
    RememberedPolicy, SeenAt,
};
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{Cidr, Workload};
use netpol_policy::replay::{
    Asked, Change, Engine, LabelsOf, Options, Proposed, Replay, Sum, Why, replay,
};
use netpol_policy::verdict::{Caveat, Decision};
use proptest::prelude::*;
use serde_json::Value;

use super::cases;
use super::library::Library;
use crate::generator::{self, Case};

/// Nothing but this may keep it open what is decided for the connection itself.
fn may_be_forgotten(why: &Why) -> bool {
    let why_open = [
        Why::AddressesDiffer,
        Why::OwnNode,
        Why::Undecided(Caveat::AddressUnknown),
        // The node of pods that share its addresses.
        Why::Undecided(Caveat::EndUnknown),
        Why::Undecided(Caveat::DomainNamesUnknown),
    ];
    why_open.contains(why) || matches!(why, Why::GeneratedLabel(_))
}

/// The inventory with its nodes and Services as a history, and its policies.
pub(super) fn remembered(inventory: &Inventory) -> (History, Vec<RememberedPolicy>) {
    let history = History {
        cluster: inventory.nodes().map(|node| (**node).clone()).collect(),
        services: inventory.services().map(|one| (**one).clone()).collect(),
        ..History::default()
    };
    let network = inventory.all_policies();
    let network = network.map(|policy| RememberedPolicy::Network((**policy).clone()));
    let tiered = inventory.tiered_policies();
    let tiered = tiered.map(|policy| RememberedPolicy::Tiered((**policy).clone()));
    (history, network.chain(tiered).collect())
}

/// Every address that a pod has: where pods' addresses come from.
pub(super) fn ranges(inventory: &Inventory) -> Vec<Cidr> {
    let pods = inventory.pods().filter(|pod| !pod.host_network);
    let addresses = pods.flat_map(|pod| &pod.addresses);
    addresses.map(|address| block(*address, 0)).collect()
}

/// The block of an address, and of so many bits more.
fn block(address: std::net::IpAddr, bits: u8) -> Cidr {
    let length = if address.is_ipv4() { 32 } else { 128 };
    let text = format!("{address}/{}", length - bits);
    Cidr::parse_lenient(&text).unwrap().0
}

/// What is remembered of an end: of an address outside, one that so many bits more are one with.
fn party(inventory: &Inventory, end: &End, bits: u8) -> Party {
    match end {
        End::Pod { pod, .. } => Party::Pods(Arc::new(PodGroup {
            namespace: pod.namespace.clone(),
            namespace_labels: inventory.namespace_labels(&pod.namespace),
            workload: pod.workload.clone().unwrap_or_else(|| Workload {
                kind: "Pod".into(),
                name: pod.name.clone(),
            }),
            labels: PodGroup::lasting(&pod.labels),
            ports: pod.ports.clone(),
            host_network: pod.host_network,
        })),
        End::Node { node, .. } => Party::Node {
            name: node.name.clone(),
        },
        End::Service { service, .. } => Party::Service {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
        },
        End::Address(address) => Party::Outside(block(*address, bits)),
        End::Unknown(address) => Party::Unknown(block(*address, bits)),
    }
}

/// The node that a pod's traffic is seen on.
fn seen_on(end: &End) -> Option<Arc<str>> {
    match end {
        End::Pod { pod, .. } if !pod.host_network => pod.node.clone(),
        _ => None,
    }
}

pub(super) fn edge(inventory: &Inventory, connection: &Connection, bits: u8) -> Edge {
    let on = [&connection.source, &connection.destination];
    let node = on.into_iter().find_map(seen_on);
    let seen = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    Edge {
        key: EdgeKey {
            node: node.unwrap_or_default(),
            seen_at: SeenAt::Source,
            source: party(inventory, &connection.source, bits),
            destination: party(inventory, &connection.destination, bits),
            service: None,
            protocol: connection.protocol,
            port: connection.destination_port.map_or(Port::None, Port::One),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: Vec::new(),
        },
        totals: EdgeTotals {
            connections: 1,
            resumed: 0,
            packets: 2,
            bytes: 100,
            first_seen: seen,
            last_seen: seen,
            after_change: 0,
            longest_after_change: None,
        },
    }
}

/// Whether it has two ends: what somebody sends to itself is no flow.
pub(super) fn is_flow(inventory: &Inventory, connection: &Connection) -> bool {
    party(inventory, &connection.source, 0) != party(inventory, &connection.destination, 0)
}

/// What is asked about a world, but for what pods and nodes send to themselves, which is no flow.
fn connections(case: &Case) -> (Inventory, Vec<Connection>) {
    let library = Library::new(&case.objects()).names(&case.names);
    let connections = case
        .requests
        .iter()
        .map(|request| library.connection(request));
    let connections = connections
        .filter(|connection| is_flow(&library.0, connection))
        .collect();
    let ranges = ranges(&library.0);
    (library.0.with_pod_ranges(&ranges), connections)
}

/// All pods as they are, present.
fn population(inventory: &Inventory) -> Vec<Present> {
    let seen = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let present = inventory.pods().filter_map(|pod| {
        let (pod, address) = (pod.clone(), None);
        match party(inventory, &End::Pod { pod, address }, 0) {
            Party::Pods(group) => Some(Present {
                group,
                pods: [("n0".into(), 1)].into(),
                first_seen: seen,
                last_seen: seen,
            }),
            _ => None,
        }
    });
    present.collect()
}

/// The same world, with a label that is not remembered in the place of one that is.
fn forgetful(case: &Case) -> Case {
    let renamed = |objects: &[Value]| {
        let text = Value::from(objects).to_string();
        let text = text.replace(r#""tier""#, r#""pod-template-hash""#);
        // The policies of one kind have a field of that name.
        let text = text.replace(r#""pod-template-hash":"Admin""#, r#""tier":"Admin""#);
        let text = text.replace(r#""pod-template-hash":"Baseline""#, r#""tier":"Baseline""#);
        serde_json::from_str(&text).unwrap()
    };
    Case {
        cluster: renamed(&case.cluster),
        policies: renamed(&case.policies),
        ..case.clone()
    }
}

fn is_as_evaluated(case: &Case) -> Result<(), TestCaseError> {
    let (inventory, connections) = connections(case);
    let (mut history, policies) = remembered(&inventory);
    history.population = population(&inventory);
    let engine =
        |labels| Engine::with_pod_ranges(&history, &policies, labels, inventory.pod_ranges());
    let mut engine_now = engine(LabelsOf::Now(Proposed::default()));
    let mut engine = engine(LabelsOf::FlowTime);
    for connection in &connections {
        let known = evaluate(&inventory, connection).decision();
        for bits in [0, 3] {
            let edge = edge(&inventory, connection, bits);
            let nodes: Vec<_> = [&connection.source, &connection.destination]
                .into_iter()
                .filter_map(seen_on)
                .collect();
            let asked = Asked {
                nodes: &nodes,
                ..Asked::from(&edge.key)
            };
            let answer = engine.ask(&asked);
            // Nothing was labelled anew meanwhile.
            prop_assert_eq!(&engine_now.ask(&asked), &answer);
            prop_assert_eq!(
                answer.decision() == Decision::Unknown,
                !answer.unknown.is_empty(),
                "{:?} {:?}",
                connection,
                answer
            );
            if answer.decision() != Decision::Unknown {
                prop_assert_eq!(answer.decision(), known, "{:?} {:?}", connection, answer);
            } else if known != Decision::Unknown {
                let forgotten = answer.unknown.iter().any(may_be_forgotten);
                prop_assert!(forgotten, "{:?} {:?}", connection, answer);
            }
        }
    }
    Ok(())
}

/// What is found, by change.
fn sums(replay: &Replay) -> BTreeMap<Change, u64> {
    let mut sums = BTreeMap::new();
    for row in &replay.rows {
        *sums.entry(row.change).or_default() += row.seen.sum.all();
    }
    sums
}

fn replay_is_what_the_engines_say(case: &Case, cut: usize) -> Result<(), TestCaseError> {
    let (inventory, connections) = connections(case);
    let (mut history, policies) = remembered(&inventory);
    let edges = connections.iter();
    history.edges = edges.map(|one| edge(&inventory, one, 0)).collect();
    let cut = cut.min(policies.len());
    let (before, after) = (&policies[..], &policies[cut..]);
    let options = Options {
        labels: LabelsOf::FlowTime,
        pod_ranges: inventory.pod_ranges().to_vec(),
    };
    let run = |before: &[_], after: &[_]| replay(&history, before, after, &options, |_| {});

    let same = run(before, before);
    prop_assert_eq!(&same.rows, &[]);
    prop_assert_eq!(same.unchanged.all(), history.edges.len() as u64);

    let found = run(before, after);
    let told = sums(&found);
    let all: Sum = found.unchanged;
    let in_rows: u64 = found.rows.iter().map(|row| row.seen.sum.all()).sum();
    prop_assert_eq!(in_rows + all.all(), history.edges.len() as u64);

    let mut mirrored = sums(&run(after, before));
    let (denied, allowed) = (
        mirrored.remove(&Change::NewlyDenied),
        mirrored.remove(&Change::NewlyAllowed),
    );
    mirrored.extend(denied.map(|count| (Change::NewlyAllowed, count)));
    mirrored.extend(allowed.map(|count| (Change::NewlyDenied, count)));
    prop_assert_eq!(&told, &mirrored);

    // Nothing that the engines tell apart is left out for not being asked about.
    let engine = |policies| {
        let ranges = inventory.pod_ranges();
        Engine::with_pod_ranges(&history, policies, LabelsOf::FlowTime, ranges)
    };
    let (mut old, mut new) = (engine(before), engine(after));
    let mut expected: BTreeMap<Change, u64> = BTreeMap::new();
    for traffic in netpol_policy::history::traffic(&history) {
        let (one, other) = (old.answer(&traffic), new.answer(&traffic));
        let change = match (one.decision(), other.decision()) {
            (Decision::Allowed, Decision::Denied) => Change::NewlyDenied,
            (Decision::Denied, Decision::Allowed) => Change::NewlyAllowed,
            (one, other) if one != other => Change::Unknown,
            _ => continue,
        };
        *expected.entry(change).or_default() += traffic.totals.connections;
    }
    for change in [Change::NewlyDenied, Change::NewlyAllowed] {
        prop_assert_eq!(told.get(&change), expected.get(&change));
    }
    prop_assert!(told.get(&Change::Unknown) >= expected.get(&Change::Unknown));
    Ok(())
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_is_said_of_remembered_traffic_holds_for_the_connections(case in generator::cases()) {
        is_as_evaluated(&case)?;
    }

    #[test]
    fn labels_that_are_not_remembered_decide_nothing(case in generator::cases()) {
        is_as_evaluated(&forgetful(&case))?;
    }

    #[test]
    fn a_replay_finds_what_two_engines_say(case in generator::cases(), cut in 0..8_usize) {
        replay_is_what_the_engines_say(&case, cut)?;
    }
}
