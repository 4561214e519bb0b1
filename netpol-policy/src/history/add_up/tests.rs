use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::history::traffic::traffic;
use crate::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, Interval, Loss, NodeHistory, Observed, Part, Party,
    PodGroup, PolicyName, PolicyRevision, Port, Present, RememberedPolicy, RuleKey, RuleUse,
    SeenAt, UseTotals, in_force, rule_totals,
};
use crate::manifest;
use crate::model::{Labels, Node, Object, Protocol, Workload};
use crate::verdict::{Decision, Direction, PolicyKind};

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn group(name: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: "prod".into(),
        namespace_labels: Labels::default(),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: Vec::new(),
        host_network: false,
    })
}

fn key(node: &str, seen_at: SeenAt, port: u16) -> EdgeKey {
    EdgeKey {
        node: node.into(),
        seen_at,
        source: Party::Pods(group("web")),
        destination: Party::Pods(group("db")),
        service: None,
        protocol: Protocol::Tcp,
        port: Port::One(port),
        observed: Observed::Forwarded,
        drop: None,
        computed: Decision::Allowed,
        agreement: Agreement::Agree,
        policies: vec![policy_name()],
    }
}

fn edge(node: &str, seen_at: SeenAt, port: u16, connections: u64, seen: (u64, u64)) -> Edge {
    Edge {
        key: key(node, seen_at, port),
        totals: EdgeTotals {
            connections,
            resumed: 0,
            packets: connections * 10,
            bytes: connections * 1000,
            first_seen: at(seen.0),
            last_seen: at(seen.1),
            after_change: 0,
            longest_after_change: None,
        },
    }
}

fn policy_name() -> PolicyName {
    PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: "db".into(),
    }
}

/// The same policy, which allows another port each.
fn policy(port: u64) -> RememberedPolicy {
    let text = format!(
        "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db, namespace: prod}}
spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}"
    );
    match manifest::parse(&text).objects.pop() {
        Some(Object::NetworkPolicy(policy)) => RememberedPolicy::Network(policy),
        other => panic!("{other:?}"),
    }
}

/// Read once: properties ask for them a hundred thousand times.
static FORMS: LazyLock<[RememberedPolicy; 2]> = LazyLock::new(|| [policy(1), policy(2)]);

/// What a store holds when it is read: more, the later that is.
fn reading(node: &str, store: &str, read_at: u64) -> History {
    let ports = 1 + u16::try_from(read_at % 3).unwrap();
    let seen = (10, read_at);
    let edges = (1..=ports).map(|port| edge(node, SeenAt::Source, port, read_at, seen));
    let name = policy_name();
    // The policy takes another form every eight seconds, and comes back to the first.
    let form = |since: u64| PolicyRevision {
        policy: FORMS[usize::try_from(since / 8 % 2).unwrap()].clone(),
        since: at(since),
        until: (since + 8 <= read_at).then(|| at(since + 8)),
    };
    History {
        nodes: vec![NodeHistory {
            name: node.into(),
            store: store.into(),
            read_at: at(read_at),
            intervals: vec![Interval {
                from: at(0),
                until: at(read_at),
                losses: Vec::new(),
            }],
            dialect: "specification".into(),
        }],
        edges: edges.collect(),
        uses: vec![RuleUse {
            key: RuleKey {
                node: node.into(),
                policy: name,
                fingerprint: 1,
                direction: Direction::Ingress,
                part: Part::Isolation,
            },
            totals: UseTotals {
                hits: read_at,
                sole: 0,
                resumed: 0,
                forwarded: 0,
                bytes: 0,
                first_seen: at(10),
                last_seen: at(read_at),
            },
        }],
        policies: (0..=read_at).step_by(8).map(form).collect(),
        population: vec![Present {
            group: group("web"),
            pods: BTreeMap::from([(node.into(), 2), ("elsewhere".into(), 1)]),
            first_seen: at(10),
            last_seen: at(read_at),
        }],
        cluster: vec![Node {
            name: format!("seen-at-{read_at}").as_str().into(),
            labels: Labels::default(),
            addresses: Vec::new(),
            kubelet_port: None,
            pod_cidrs: Vec::new(),
        }],
        missing: vec![MissingNode {
            name: "b".to_owned(),
            reason: "unreachable".to_owned(),
        }],
        ..History::default()
    }
}

fn connections(history: &History) -> u64 {
    history
        .edges
        .iter()
        .map(|edge| edge.totals.connections)
        .sum()
}

#[test]
fn the_later_reading_of_a_store_counts_and_another_store_counts_too() {
    let (early, late) = (reading("a", "s", 30), reading("a", "s", 33));
    let sum = add_up(vec![late.clone(), early.clone()]);
    assert_eq!(sum.edges, late.edges);
    assert_eq!(sum.uses, late.uses);
    assert_eq!(sum.nodes, late.nodes);

    let anew = reading("a", "t", 60);
    let sum = add_up(vec![early.clone(), anew.clone(), late.clone()]);
    assert_eq!(sum.nodes.len(), 2);
    assert_eq!(connections(&sum), connections(&late) + connections(&anew));
    let traffic = traffic(&sum);
    assert_eq!(traffic.len(), 1);
    assert_eq!(traffic[0].totals.last_seen, at(60));
    assert_eq!(traffic[0].nodes, ["a".into()]);
    let hits = rule_totals(&sum).into_values().map(|one| one.totals.hits);
    assert_eq!(hits.collect::<Vec<_>>(), [93]);
}

/// What was added up cannot be taken apart: rather less than twice.
#[test]
fn of_stores_that_were_added_up_none_is_counted_again() {
    let both = add_up(vec![reading("a", "s", 30), reading("a", "t", 60)]);
    let later = reading("a", "t", 66);
    let sum = add_up(vec![both.clone(), later.clone()]);
    assert_eq!(sum.nodes, later.nodes);
    assert_eq!(connections(&sum), connections(&later));
    // The parts themselves can.
    let parts = latest(vec![reading("a", "s", 30), reading("a", "t", 60)]);
    let sum = add_up([parts, vec![later.clone()]].concat());
    assert_eq!(sum.nodes.len(), 2);
    assert_eq!(
        connections(&sum),
        connections(&reading("a", "s", 30)) + connections(&later)
    );
}

#[test]
fn a_node_that_another_history_has_is_not_missing() {
    let names = |history: &History| -> Vec<String> {
        let missing = history.missing.iter();
        missing.map(|node| node.name.clone()).collect()
    };
    let alone = add_up(vec![reading("a", "s", 30), reading("c", "s", 31)]);
    assert_eq!(names(&alone), ["b"]);
    let whole = add_up(vec![alone, reading("b", "s", 10)]);
    assert_eq!(names(&whole), Vec::<String>::new());
}

#[test]
fn a_policy_is_in_force_in_the_form_that_was_seen_last() {
    let times = |history: &History| -> Vec<(u64, Option<u64>)> {
        let second = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let policies = history.policies.iter();
        policies
            .map(|one| {
                (
                    second(one.since).as_secs(),
                    one.until.map(|time| second(time).as_secs()),
                )
            })
            .collect()
    };
    // One node was read in the first form, the other after two changes.
    let sum = add_up(vec![reading("a", "s", 5), reading("b", "s", 20)]);
    assert_eq!(times(&sum), [(0, Some(8)), (8, Some(16)), (16, None)]);
    assert_eq!(in_force(&sum), [policy(1)]);
    // A node that started late knows the present form alone, since later.
    let mut late = reading("b", "s", 22);
    late.policies = vec![PolicyRevision {
        policy: policy(1),
        since: at(19),
        until: None,
    }];
    let sum = add_up(vec![late, reading("a", "s", 20)]);
    assert_eq!(times(&sum), [(0, Some(8)), (8, Some(16)), (16, None)]);
    // One that was read before the policy went does not bring it back.
    let mut gone = reading("b", "s", 23);
    gone.policies
        .iter_mut()
        .for_each(|one| one.until = Some(one.until.unwrap_or(at(22))));
    let sum = add_up(vec![reading("a", "s", 20), gone]);
    assert_eq!(times(&sum).last(), Some(&(16, Some(22))));
    assert!(in_force(&sum).is_empty());
}

#[test]
fn pods_are_counted_by_their_own_node_and_else_by_the_latest() {
    let mut old = reading("a", "s", 20);
    old.population[0].pods = BTreeMap::from([("a".into(), 1), ("x".into(), 7)]);
    let mut new = reading("c", "s", 30);
    new.population[0].pods = BTreeMap::from([("a".into(), 5), ("c".into(), 2), ("x".into(), 8)]);
    let sum = add_up(vec![new, old]);
    assert_eq!(sum.population.len(), 1);
    let pods = &sum.population[0].pods;
    assert_eq!(
        pods,
        &BTreeMap::from([("a".into(), 1), ("c".into(), 2), ("x".into(), 8)])
    );
    assert_eq!(sum.cluster[0].name, "seen-at-30".into());
}

/// As an agent's that had to set its store aside and begin another.
#[test]
fn what_was_known_before_a_store_was_replaced_is_not_taken_for_what_is_so_now() {
    let old = reading("a", "s", 100);
    assert_eq!(in_force(&old).len(), 1);
    let mut new = reading("a", "t", 5_000);
    new.policies.clear();
    new.population[0].group = group("db");
    let sum = add_up(vec![old.clone(), new.clone()]);
    assert_eq!(in_force(&sum), []);
    assert_eq!(sum.policies.last().unwrap().until, Some(at(100)));
    let pods = |name: &str| -> usize {
        let of = |one: &&Present| &*one.group.workload.name == name;
        sum.population.iter().find(of).unwrap().pods.len()
    };
    assert_eq!((pods("web"), pods("db")), (0, 2));
    assert_eq!(connections(&sum), connections(&old) + connections(&new));
    // From which something is missing: perhaps that very policy.
    new.missing = vec![MissingNode {
        name: String::new(),
        reason: "1 lines about policies cannot be read".to_owned(),
    }];
    assert_eq!(in_force(&add_up(vec![old, new])).len(), 1);
}

#[test]
fn a_reading_after_the_clock_was_set_back_is_later_all_the_same() {
    let before = reading("a", "s", 100);
    let mut after = reading("a", "s", 101);
    after.nodes[0].read_at = at(40);
    after.nodes[0].intervals[0].until = at(40);
    after.policies = vec![PolicyRevision {
        policy: policy(9),
        since: at(30),
        until: None,
    }];
    let sum = add_up(vec![before, after.clone()]);
    assert_eq!(sum.nodes, after.nodes);
    assert_eq!(connections(&sum), connections(&after));
    assert_eq!(in_force(&sum), [policy(9)]);
}

#[test]
fn of_a_damaged_copy_and_a_whole_one_the_whole_one_counts() {
    let whole = reading("a", "s", 32);
    let mut damaged = whole.clone();
    damaged.edges.pop();
    damaged.nodes[0].intervals[0].losses = vec![Loss {
        stage: "history".into(),
        reason: "unreadable_line".into(),
        count: 1,
    }];
    for histories in [[&whole, &damaged], [&damaged, &whole]] {
        let sum = add_up(histories.map(Clone::clone).to_vec());
        assert_eq!(sum.edges, whole.edges);
        assert_eq!(sum.nodes, whole.nodes);
    }
}

#[test]
fn what_a_cut_file_left_out_is_missing_until_a_whole_one_tells_it() {
    let cut = |mut history: History| {
        history.missing = vec![MissingNode {
            name: String::new(),
            reason: "the history ends early".to_owned(),
        }];
        history.nodes[0].intervals[0].losses = vec![Loss {
            stage: "history".into(),
            reason: "unreadable_line".into(),
            count: 1,
        }];
        history
    };
    let whole = |read_at| History {
        missing: Vec::new(),
        ..reading("a", "s", read_at)
    };
    let remains = |histories: &[&History]| {
        let sum = add_up(histories.iter().map(|one| (*one).clone()).collect());
        sum.missing.iter().any(|node| node.name.is_empty())
    };
    let damaged = cut(reading("a", "s", 32));
    for read_at in [32, 40] {
        assert!(!remains(&[&damaged, &whole(read_at)]), "{read_at}");
        assert!(!remains(&[&whole(read_at), &damaged]), "{read_at}");
    }
    // The earlier one, one of another node, and one that does not know which nodes there are.
    assert!(remains(&[&damaged, &whole(20)]));
    assert!(remains(&[&damaged, &reading("c", "s", 40)]));
    let mut knows_no_cluster = whole(40);
    knows_no_cluster.cluster.clear();
    assert!(remains(&[&damaged, &knows_no_cluster]));
    // Something else is damaged still.
    let other = cut(reading("c", "s", 30));
    assert!(remains(&[&damaged, &other, &whole(40)]));
    let all = [&damaged, &other, &whole(40), &reading("c", "s", 31)];
    assert!(!remains(&all));
    assert!(remains(&[&cut(whole(40)), &whole(40), &cut(whole(41))]));
}

/// An agent whose disk is full when it starts has no store to name, until there is room.
#[test]
fn a_memory_without_a_store_may_have_become_part_of_one() {
    let nowhere = reading("a", "", 30);
    let store = reading("a", "s", 40);
    assert_eq!(
        add_up(vec![nowhere.clone(), store.clone()]).nodes,
        store.nodes
    );
    // One that was begun after the store was read is not in it.
    let later = reading("a", "", 50);
    let sum = add_up(vec![nowhere, store.clone(), later.clone()]);
    assert_eq!(connections(&sum), connections(&store) + connections(&later));
}

fn readings() -> impl Strategy<Value = Vec<History>> {
    // Some are of the same moment, and some of long ago.
    let read_at = prop_oneof![12..40_u64, 400..440_u64];
    let one = (0..3_usize, 0..3_usize, read_at);
    prop::collection::vec(one, 0..6).prop_map(|readings| {
        let readings = readings.into_iter();
        readings
            .map(|(node, store, read_at)| {
                reading(["a", "b", "c"][node], ["s", "t", "u"][store], read_at)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn order_does_not_matter(histories in readings(), turn in 0..6_usize) {
        let mut turned = histories.clone();
        turned.reverse();
        let length = turned.len();
        turned.rotate_left(turn.min(length));
        prop_assert_eq!(add_up(turned), add_up(histories));
    }

    #[test]
    fn nothing_is_counted_twice(histories in readings()) {
        let sum = add_up(histories.clone());
        prop_assert_eq!(&add_up(vec![sum.clone()]), &sum);
        prop_assert_eq!(&add_up([histories.clone(), histories.clone()].concat()), &sum);
        let parts = latest(histories.clone());
        prop_assert_eq!(&latest(parts.clone()), &parts);
        prop_assert_eq!(&add_up([parts, histories.clone()].concat()), &sum);

        let mut last: BTreeMap<_, &History> = BTreeMap::new();
        for history in &histories {
            let node = &history.nodes[0];
            let known = last.entry((&node.name, &node.store)).or_insert(history);
            if known.nodes[0].read_at < node.read_at {
                *known = history;
            }
        }
        let expected: u64 = last.values().map(|history| connections(history)).sum();
        prop_assert_eq!(connections(&sum), expected);
        let hits: u64 = last.values().map(|history| history.uses[0].totals.hits).sum();
        let totals = rule_totals(&sum);
        prop_assert_eq!(totals.values().map(|one| one.totals.hits).sum::<u64>(), hits);
        prop_assert!(in_force(&sum).len() <= 1);
    }
}
