//! What was written is what is read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use netpol_policy::history::{Agreement, DropKind, Observed, Party, Port};
use netpol_policy::model::{Cidr, Protocol};
use proptest::prelude::*;

use super::batch::{
    Expected, at, batch, cluster_node, edge_key, edge_totals, group, interval, revision,
    revision_key, service, use_key, use_totals, whole,
};
use super::{StoreError, open};
use crate::history::changes::Changes;

#[test]
fn batches_are_read_back_after_each_opening() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(0));
    let id = history.nodes[0].store.clone();
    for number in 1..=6 {
        store.write(&batch(number), at(0)).unwrap();
        if number % 2 == 0 {
            drop(store);
            let (again, history) = open(directory.path()).unwrap();
            assert_eq!(whole(&history), Ok(number));
            assert_eq!(history.nodes[0].store, id);
            store = again;
        }
    }
    let other = tempfile::tempdir().unwrap();
    let (_, history) = open(other.path()).unwrap();
    assert_ne!(history.nodes[0].store, id, "each has a name of its own");
}

#[test]
fn groups_that_nothing_names_any_more_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    let rows = |store: &super::Store| {
        use redb::{ReadableDatabase as _, ReadableTableMetadata as _};
        let database = &store.open.as_ref().unwrap().database;
        let groups = database.begin_read().unwrap();
        let groups = groups.open_table(crate::history::store::schema::GROUPS);
        groups.unwrap().len().unwrap()
    };
    for number in 1..=10 {
        store.write(&batch(number), at(0)).unwrap();
    }
    // The two ends of all, and three sources of their own.
    assert_eq!(rows(&store), 5);
    // One comes back that was gone.
    let edges = vec![(edge_key("job-1", 1), Some(edge_totals(1)))];
    let changes = |edges| Changes {
        edges,
        ..Changes::default()
    };
    store.write(&changes(edges.clone()), at(0)).unwrap();
    assert_eq!(rows(&store), 6);
    drop(store);
    let (mut store, history) = open(directory.path()).unwrap();
    assert!(history.edges.iter().any(|edge| edge.key == edges[0].0));
    let gone = vec![(edges[0].0.clone(), None)];
    store.write(&changes(gone), at(0)).unwrap();
    assert_eq!(rows(&store), 5);
}

#[test]
fn nobody_else_reads_it_and_a_second_agent_is_told() {
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("netpol/history");
    let (mut store, _) = open(&directory).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.clone()), 0o700);
    let file = directory.join("history.redb");
    assert_eq!(mode(file.clone()), 0o600);

    let refused = open(&directory).unwrap_err();
    assert_eq!(refused, StoreError::InUse(file.clone()));
    assert_eq!(
        refused.to_string(),
        format!("{} is in use by another agent", file.display())
    );
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    let (_, history) = open(&directory).unwrap();
    assert_eq!(whole(&history), Ok(1));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "no leftovers");
}

/// One change of something, from few keys so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Edge(u8, Option<u64>),
    Use(u32, Option<u64>),
    Interval(Option<u64>),
    Policy(Option<u64>),
    Present(u8, Option<u32>),
    Cluster(u8),
    Services(u8),
    /// What came so far is written.
    Write,
    /// The agent starts anew.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let value = || proptest::option::weighted(0.7, 1_u64..1_000_000);
    prop_oneof![
        6 => (0_u8..12, value()).prop_map(|(key, value)| Step::Edge(key, value)),
        3 => (0_u32..4, value()).prop_map(|(key, value)| Step::Use(key, value)),
        1 => value().prop_map(Step::Interval),
        1 => value().prop_map(Step::Policy),
        3 => (0_u8..4, proptest::option::of(0_u32..5)).prop_map(|(key, value)| Step::Present(key, value)),
        1 => (0_u8..4).prop_map(Step::Cluster),
        1 => (0_u8..4).prop_map(Step::Services),
        3 => Just(Step::Write),
        1 => Just(Step::Reopen),
    ]
}

/// Edges that differ in everything that an edge can be.
fn edge(number: u8) -> netpol_policy::history::EdgeKey {
    let mut key = edge_key(["web", "api", "job"][usize::from(number % 3)], 1);
    let block = |text: &str| Cidr::parse_lenient(text).unwrap().0;
    match number / 3 {
        0 => {}
        1 => {
            key.destination = Party::Outside(block("2001:db8::/64"));
            key.service = None;
            key.protocol = Protocol::Other(47);
            key.port = Port::None;
            key.policies.clear();
        }
        2 => {
            key.source = Party::Many;
            key.port = Port::Many;
            key.observed = Observed::Rejected;
            key.agreement = Agreement::AllowedButDropped;
            key.drop = Some(DropKind {
                reason: "NETFILTER_DROP".into(),
                class: "firewall".into(),
            });
            // Else three numbers would be one edge.
            key.destination = Party::Node {
                name: format!("node-{number}").into(),
            };
        }
        _ => {
            key.destination = Party::Unknown(block("10.0.0.7/32"));
            key.protocol = Protocol::Udp;
        }
    }
    key
}

fn take(changes: &mut Changes, step: &Step) {
    fn put<K: PartialEq, V>(held: &mut Vec<(K, Option<V>)>, key: K, value: Option<V>) {
        // A batch speaks of each key once.
        held.retain(|(held, _)| *held != key);
        held.push((key, value));
    }
    match step {
        Step::Edge(key, value) => {
            put(&mut changes.edges, edge(*key), value.map(edge_totals));
        }
        Step::Use(key, value) => put(&mut changes.uses, use_key(*key), value.map(use_totals)),
        Step::Interval(value) => put(&mut changes.intervals, at(0), value.map(interval)),
        Step::Policy(value) => {
            let revision = revision(value.map(at));
            let key = revision_key(&revision);
            put(&mut changes.policies, key, value.map(|_| revision));
        }
        Step::Present(key, value) => {
            let group = group(["web", "api", "job", "db"][usize::from(*key)]);
            let present = value.map(|count| netpol_policy::history::Present {
                group: group.clone(),
                pods: [("".into(), count)].into(),
                first_seen: at(0),
                last_seen: at(u64::from(count)),
            });
            put(&mut changes.population, group, present);
        }
        Step::Cluster(count) => {
            let names = (0..*count).map(|number| cluster_node(&format!("node-{number}")));
            changes.cluster = Some(names.collect());
        }
        Step::Services(count) => {
            let names = (0..*count).map(|number| service(&format!("service-{number}")));
            changes.services = Some(names.collect());
        }
        Step::Write | Step::Reopen => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_store_holds_what_was_written_last(steps in proptest::collection::vec(step(), 1..80)) {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = open(directory.path()).unwrap();
        let (mut pending, mut expected) = (Changes::default(), Expected::default());
        for step in steps.iter().chain([&Step::Write, &Step::Reopen]) {
            take(&mut pending, step);
            match step {
                Step::Write => {
                    let changes = std::mem::take(&mut pending);
                    store.write(&changes, at(0)).unwrap();
                    expected.take(changes);
                }
                Step::Reopen => {
                    drop(store);
                    let (again, history) = open(directory.path()).unwrap();
                    prop_assert_eq!(&Expected::of(&history), &expected);
                    store = again;
                }
                _ => {}
            }
        }
    }
}
