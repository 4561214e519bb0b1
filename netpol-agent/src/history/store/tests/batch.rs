//! Batches that can be told to be whole: each speaks of every table, and says its number everywhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_history::manifest::{self, ClusterObject};
use netpol_history::record::{ObjectRecord, PolicyRecord};
use netpol_policy::history::rule::Part;
use netpol_policy::history::{
    Agreement, EdgeKey, EdgeTotals, History, Interval, Loss, Observed, Party, PodGroup, PolicyName,
    PolicyRevision, Port, Present, RuleKey, SeenAt, UseTotals, fingerprint,
};
use netpol_policy::model::{Labels, NamedPort, Node, Protocol, Service, Workload};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};
use serde_json::json;

use crate::history::changes::{Changes, RevisionKey};

pub(super) const NODE: &str = "node-1";

/// Edges that every batch updates.
const EDGES: u16 = 100;
/// So many batches an edge of its own stays, before another batch takes it out.
const STAYS: u64 = 3;

/// A moment, in seconds since some time in 2026.
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
}

pub(super) fn group(name: &str) -> Arc<PodGroup> {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Labels>();
    Arc::new(PodGroup {
        namespace: "prod".into(),
        namespace_labels: labels(&[("kubernetes.io/metadata.name", "prod")]),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: labels(&[("app", name), ("team", "\"quotes\" and ünïcode")]),
        ports: vec![NamedPort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: 8080,
        }],
        host_network: false,
    })
}

pub(super) fn policy_name() -> PolicyName {
    PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: "db".into(),
    }
}

/// Connections from `source` to the database.
pub(super) fn edge_key(source: &str, port: u16) -> EdgeKey {
    EdgeKey {
        node: NODE.into(),
        seen_at: SeenAt::Both,
        source: Party::Pods(group(source)),
        destination: Party::Pods(group("db")),
        service: Some(("prod".into(), "db".into())),
        protocol: Protocol::Tcp,
        port: Port::One(port),
        observed: Observed::Forwarded,
        drop: None,
        computed: Decision::Allowed,
        agreement: Agreement::Agree,
        policies: vec![policy_name()],
    }
}

pub(super) fn edge_totals(number: u64) -> EdgeTotals {
    EdgeTotals {
        connections: number,
        resumed: 0,
        packets: 3 * number,
        bytes: 180 * number,
        first_seen: at(0),
        last_seen: at(number) + Duration::from_nanos(number),
        after_change: 1,
        longest_after_change: Some(Duration::from_millis(number)),
    }
}

pub(super) fn use_key(rule: u32) -> RuleKey {
    RuleKey {
        node: NODE.into(),
        policy: policy_name(),
        fingerprint: u64::MAX - 1,
        direction: Direction::Ingress,
        part: Part::Entry {
            rule,
            peer: Some(0),
            port: None,
        },
    }
}

pub(super) fn use_totals(number: u64) -> UseTotals {
    UseTotals {
        hits: number,
        sole: number,
        resumed: 0,
        forwarded: number,
        bytes: number,
        first_seen: at(0),
        last_seen: at(number),
    }
}

pub(super) fn revision(until: Option<SystemTime>) -> PolicyRevision {
    let manifest = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "namespace": "prod", "name": "db", "uid": "u", "generation": 1 },
        "spec": { "podSelector": { "matchLabels": { "app": "db" } }, "policyTypes": ["Ingress"] },
    });
    manifest::policy(&PolicyRecord {
        manifest,
        since: at(0).into(),
        until: until.map(Into::into),
    })
    .unwrap()
}

pub(super) fn revision_key(revision: &PolicyRevision) -> RevisionKey {
    RevisionKey {
        policy: revision.policy.name(),
        fingerprint: fingerprint(&revision.policy),
        since: revision.since,
    }
}

pub(super) fn cluster_node(name: &str) -> Node {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
        "spec": { "podCIDRs": ["10.0.0.0/24"] },
    });
    match manifest::object(&ObjectRecord { manifest }).unwrap() {
        ClusterObject::Node(node) => node,
        ClusterObject::Service(_) => unreachable!("it says Node"),
    }
}

pub(super) fn service(name: &str) -> Service {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "prod", "name": name },
        "spec": { "clusterIPs": ["10.96.0.1"], "ports": [{ "port": 80 }] },
    });
    match manifest::object(&ObjectRecord { manifest }).unwrap() {
        ClusterObject::Service(service) => service,
        ClusterObject::Node(_) => unreachable!("it says Service"),
    }
}

fn port(number: u64) -> u16 {
    u16::try_from(10_000 + number % 50_000).unwrap()
}

/// What batch `number` writes, from 1 on: its number into rows that are there, a row of its own, and out with that of an earlier
/// batch.
pub(super) fn batch(number: u64) -> Changes {
    let mut edges: Vec<_> = (0..EDGES)
        .map(|port| (edge_key("web", port), Some(edge_totals(number))))
        .collect();
    // Its source is a group that no other batch names.
    let own = |number: u64| edge_key(&format!("job-{number}"), port(number));
    edges.push((own(number), Some(edge_totals(number))));
    if number > STAYS {
        edges.push((own(number - STAYS), None));
    }
    let revision = revision(Some(at(number)));
    let present = Present {
        group: group("web"),
        pods: [(Arc::from(NODE), u32::try_from(number).unwrap())].into(),
        first_seen: at(0),
        last_seen: at(number),
    };
    Changes {
        edges,
        uses: (0..20)
            .map(|rule| (use_key(rule), Some(use_totals(number))))
            .collect(),
        intervals: vec![(at(0), Some(interval(number)))],
        policies: vec![(revision_key(&revision), Some(revision))],
        population: vec![(present.group.clone(), Some(present))],
        cluster: Some(vec![
            cluster_node("node-1"),
            cluster_node(&format!("node-{}", 1 + number)),
        ]),
        services: Some(vec![service(&format!("db-{number}"))]),
    }
}

pub(super) fn interval(number: u64) -> Interval {
    Interval {
        from: at(0),
        until: at(number),
        losses: vec![Loss {
            stage: "kernel".into(),
            reason: "ring_full".into(),
            count: number,
        }],
    }
}

/// Which batch was the last to be written: 0 for none. An error where the history is not exactly that batch and those before
/// it, one after the other.
pub(super) fn whole(history: &History) -> Result<u64, String> {
    let said: BTreeSet<u64> = history
        .edges
        .iter()
        .filter(|edge| edge.key.source == Party::Pods(group("web")))
        .map(|edge| edge.totals.connections)
        .chain(history.uses.iter().map(|one| one.totals.hits))
        .collect();
    let mut said = said.into_iter();
    let (number, other) = (said.next().unwrap_or(0), said.next());
    if let Some(other) = other {
        return Err(format!("batches {number} and {other} are mixed"));
    }
    let mut expected = Expected::default();
    for earlier in number.saturating_sub(STAYS)..=number {
        if earlier > 0 {
            expected.take(batch(earlier));
        }
    }
    let found = Expected::of(history);
    if found != expected {
        return Err(format!(
            "not what batch {number} leaves: {found:#?}\n{expected:#?}"
        ));
    }
    Ok(number)
}

/// What a store holds, whatever the order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    edges: Vec<(EdgeKey, EdgeTotals)>,
    uses: Vec<(RuleKey, UseTotals)>,
    intervals: Vec<(SystemTime, Interval)>,
    policies: Vec<(RevisionKey, PolicyRevision)>,
    population: Vec<(Arc<PodGroup>, Present)>,
    cluster: Vec<Node>,
    services: Vec<Service>,
}

impl Expected {
    /// What a batch leaves of it.
    pub(super) fn take(&mut self, changes: Changes) {
        fn take<K: PartialEq, V>(held: &mut Vec<(K, V)>, changes: Vec<(K, Option<V>)>) {
            for (key, value) in changes {
                held.retain(|(held, _)| *held != key);
                held.extend(value.map(|value| (key, value)));
            }
        }
        take(&mut self.edges, changes.edges);
        take(&mut self.uses, changes.uses);
        take(&mut self.intervals, changes.intervals);
        take(&mut self.policies, changes.policies);
        take(&mut self.population, changes.population);
        self.cluster = changes.cluster.unwrap_or(std::mem::take(&mut self.cluster));
        self.services = changes
            .services
            .unwrap_or(std::mem::take(&mut self.services));
        self.order();
    }

    pub(super) fn of(history: &History) -> Self {
        let history = history.clone();
        let intervals = history.nodes.into_iter().flat_map(|node| node.intervals);
        let mut found = Self {
            edges: history
                .edges
                .into_iter()
                .map(|edge| (edge.key, edge.totals))
                .collect(),
            uses: history
                .uses
                .into_iter()
                .map(|one| (one.key, one.totals))
                .collect(),
            intervals: intervals.map(|one| (one.from, one)).collect(),
            policies: history
                .policies
                .into_iter()
                .map(|one| (revision_key(&one), one))
                .collect(),
            population: history
                .population
                .into_iter()
                .map(|one| (one.group.clone(), one))
                .collect(),
            cluster: history.cluster,
            services: history.services,
        };
        found.order();
        found
    }

    fn order(&mut self) {
        self.edges.sort_by_cached_key(|edge| format!("{edge:?}"));
        self.uses.sort_by_cached_key(|one| format!("{one:?}"));
        self.intervals.sort_by_key(|(from, _)| *from);
        self.policies.sort_by_cached_key(|one| format!("{one:?}"));
        self.population.sort_by_cached_key(|one| format!("{one:?}"));
    }
}
