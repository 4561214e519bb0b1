//! What a cluster of some size did in a week: as many edges as wanted, all of them allowed, and a policy for every second workload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_policy::history::edge::{Agreement, Observed, PolicyName, Port, SeenAt};
use netpol_policy::history::rule::Part;
use netpol_policy::history::{
    Edge, EdgeKey, EdgeTotals, History, Interval, NodeHistory, Party, PodGroup, PolicyRevision,
    Present, RuleKey, RuleUse, UseTotals,
};
use netpol_policy::history::{RememberedPolicy, fingerprint};
use netpol_policy::inventory::NAMESPACE_NAME_LABEL;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol, Workload};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};
use serde_json::{Value, json};

const WORKLOADS_A_NAMESPACE: usize = 10;
/// Each admits a team on a port of its own.
const TEAMS: usize = 7;
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) edges: usize,
    pub(crate) policies: usize,
    pub(crate) nodes: usize,
}

/// When it ended.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn team(workload: usize) -> usize {
    workload / WORKLOADS_A_NAMESPACE % TEAMS
}

fn group(number: usize) -> Arc<PodGroup> {
    let namespace = format!("ns-{}", number / WORKLOADS_A_NAMESPACE);
    let app = format!("app-{}", number % WORKLOADS_A_NAMESPACE);
    let team = format!("team-{}", team(number));
    Arc::new(PodGroup {
        namespace: namespace.as_str().into(),
        namespace_labels: [(NAMESPACE_NAME_LABEL, namespace.as_str()), ("team", &team)]
            .into_iter()
            .collect(),
        workload: Workload {
            kind: "Deployment".into(),
            name: app.as_str().into(),
        },
        labels: [("app", app.as_str()), ("tier", "backend")]
            .into_iter()
            .collect(),
        ports: Vec::new(),
        host_network: false,
    })
}

/// Admits every team, on another port each.
fn policy(number: usize, workloads: usize) -> Value {
    let selected = number * 2 % workloads;
    let rules: Vec<Value> = (0..TEAMS)
        .map(|further| {
            let team = format!("team-{}", (team(selected) + further) % TEAMS);
            json!({
                "from": [{"namespaceSelector": {"matchLabels": {"team": team}}}],
                "ports": [{"port": 8000 + further}],
            })
        })
        .collect();
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": format!("policy-{number}"), "namespace": format!("ns-{}", selected / WORKLOADS_A_NAMESPACE)},
        "spec": {
            "podSelector": {"matchLabels": {"app": format!("app-{}", selected % WORKLOADS_A_NAMESPACE)}},
            "ingress": rules,
        },
    })
}

/// The history, and the manifests of its policies with one rule in a hundred taken away.
pub(crate) fn world(size: Size) -> (Vec<History>, String) {
    let workloads = size.policies * 2;
    let groups: Vec<Arc<PodGroup>> = (0..workloads).map(group).collect();
    let manifests: Vec<Value> = (0..size.policies)
        .map(|number| policy(number, workloads))
        .collect();
    let read = manifest::parse(&Value::from(manifests.as_slice()).to_string());
    assert_eq!(read.errors, []);
    let policies: Vec<RememberedPolicy> = read
        .objects
        .into_iter()
        .map(|object| match object {
            Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
            other => unreachable!("{other:?}"),
        })
        .collect();
    let histories = (0..size.nodes).map(|node| {
        let mut history = empty(node, &groups, &policies);
        let edges = (node..size.edges).step_by(size.nodes);
        for number in edges {
            history
                .edges
                .push(edge(number, &history.nodes[0].name, &groups));
        }
        let mine = policies.iter().skip(node).step_by(size.nodes);
        for policy in mine {
            history.uses.push(used(policy, &history.nodes[0].name));
        }
        history
    });
    let mut proposed = manifests;
    for policy in proposed.iter_mut().step_by(100) {
        let rules = policy["spec"]["ingress"].as_array_mut();
        rules.expect("a list").truncate(TEAMS - 1);
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": proposed});
    (histories.collect(), list.to_string())
}

fn empty(node: usize, groups: &[Arc<PodGroup>], policies: &[RememberedPolicy]) -> History {
    let name: Arc<str> = format!("node-{node}").into();
    let begin = now() - WEEK;
    let present = |group: &Arc<PodGroup>| Present {
        group: group.clone(),
        pods: BTreeMap::from([(name.clone(), 1)]),
        first_seen: begin,
        last_seen: now(),
    };
    let revision = |policy: &RememberedPolicy| PolicyRevision {
        policy: policy.clone(),
        since: begin,
        until: None,
    };
    History {
        nodes: vec![NodeHistory {
            name: name.clone(),
            store: format!("store-{node}").into(),
            read_at: now(),
            intervals: vec![Interval {
                from: begin,
                until: now(),
                losses: Vec::new(),
            }],
            dialect: "specification".into(),
        }],
        policies: policies.iter().map(revision).collect(),
        population: groups.iter().map(present).collect(),
        ..History::default()
    }
}

/// No two numbers give one key.
fn edge(number: usize, node: &Arc<str>, groups: &[Arc<PodGroup>]) -> Edge {
    let from = number % groups.len();
    let round = number / groups.len();
    let to = (from + 1 + round * 97) % groups.len();
    let further = (team(from) + TEAMS - team(to)) % TEAMS;
    let port = 8000 + u16::try_from(further).unwrap_or(0);
    Edge {
        key: EdgeKey {
            node: node.clone(),
            seen_at: SeenAt::Both,
            source: Party::Pods(groups[from].clone()),
            destination: Party::Pods(groups[to].clone()),
            service: None,
            protocol: Protocol::Tcp,
            port: Port::One(port),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: vec![PolicyName {
                kind: PolicyKind::NetworkPolicy,
                namespace: groups[to].namespace.clone(),
                name: format!("policy-{}", to / 2).into(),
            }],
        },
        totals: EdgeTotals {
            connections: 1 + number as u64 % 1000,
            resumed: 0,
            packets: 20,
            bytes: 4000,
            first_seen: now() - WEEK,
            last_seen: now() - Duration::from_secs(number as u64 % 86_400),
            after_change: 0,
            longest_after_change: None,
        },
    }
}

fn used(policy: &RememberedPolicy, node: &Arc<str>) -> RuleUse {
    RuleUse {
        key: RuleKey {
            node: node.clone(),
            policy: policy.name(),
            fingerprint: fingerprint(policy),
            direction: Direction::Ingress,
            part: Part::Entry {
                rule: 0,
                peer: Some(0),
                port: Some(0),
            },
        },
        totals: UseTotals {
            hits: 10,
            sole: 10,
            resumed: 0,
            forwarded: 10,
            bytes: 4000,
            first_seen: now() - WEEK,
            last_seen: now(),
        },
    }
}
