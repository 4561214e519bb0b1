//! Histories made of a few lines: thirty days, two nodes, a few workloads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode, NodeHistory,
    Observed, Part, Party, PodGroup, PolicyRevision, Port, Present, RememberedPolicy, RuleKey,
    RuleUse, SeenAt, UseTotals, fingerprint, in_force,
};
use netpol_policy::inventory::NAMESPACE_NAME_LABEL;
use netpol_policy::manifest;
use netpol_policy::model::{Cidr, Labels, NamedPort, Object, Protocol, Workload};
use netpol_policy::unused::{Entry, Options, Report, path, unused};
use netpol_policy::verdict::{Decision, Direction};

/// The last day that is remembered.
pub(crate) const LAST: u64 = 30;

/// A moment, in days from the first that is remembered.
pub(crate) fn day(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(number * 86_400)
}

/// A history to be asked about.
#[derive(Clone, Default)]
pub(crate) struct World(pub(crate) History);

impl World {
    /// Nodes n1 and n2 that were watched all the time, three pods of prod/web and one of ci/build.
    pub(crate) fn new(policies: &str) -> Self {
        let mut world = Self::default();
        for name in ["n1", "n2"] {
            world.0.nodes.push(node(name, &[(0, LAST)]));
        }
        world
            .pods("prod/web", &[("n1", 2), ("n2", 1)])
            .pods("ci/build", &[("n1", 1)])
            .policies(policies, 0)
    }

    /// Policies that say this since a day.
    pub(crate) fn policies(mut self, text: &str, since: u64) -> Self {
        let since = day(since);
        let revisions = policies(text).into_iter().map(|policy| PolicyRevision {
            policy,
            since,
            until: None,
        });
        self.0.policies.extend(revisions);
        self
    }

    /// Policies that said this from one day until another.
    pub(crate) fn said(mut self, text: &str, since: u64, until: u64) -> Self {
        let revisions = policies(text).into_iter().map(|policy| PolicyRevision {
            policy,
            since: day(since),
            until: Some(day(until)),
        });
        self.0.policies.extend(revisions);
        self
    }

    /// Pods of `namespace/app[kind]`, with the label `app`, that are there all the time; the kind is Deployment where none is
    /// named.
    pub(crate) fn pods(self, name: &str, nodes: &[(&str, u32)]) -> Self {
        let group = group(name);
        self.group(group, nodes, 0, LAST)
    }

    /// Pods that were there from one day until another.
    pub(crate) fn pods_from(self, name: &str, nodes: &[(&str, u32)], from: u64, to: u64) -> Self {
        let group = group(name);
        self.group(group, nodes, from, to)
    }

    pub(crate) fn group(
        mut self,
        group: PodGroup,
        nodes: &[(&str, u32)],
        from: u64,
        to: u64,
    ) -> Self {
        let nodes = nodes.iter().map(|(name, count)| (Arc::from(*name), *count));
        self.0.population.push(Present {
            group: Arc::new(group),
            pods: nodes.collect::<BTreeMap<_, _>>(),
            first_seen: day(from),
            last_seen: day(to),
        });
        self
    }

    /// Gives the last pods a port with a name.
    pub(crate) fn with_port(mut self, name: &str, port: u16) -> Self {
        let last = self.0.population.last_mut().unwrap();
        Arc::make_mut(&mut last.group).ports.push(NamedPort {
            name: name.into(),
            protocol: Protocol::Tcp,
            port,
        });
        self
    }

    /// A part of the policy `name` as it stands matched this often, on a node.
    pub(crate) fn hits(self, name: &str, at: &str, hits: u64, sole: u64) -> Self {
        self.used("n1", name, at, |totals| {
            totals.hits = hits;
            totals.sole = sole;
        })
    }

    pub(crate) fn used(
        mut self,
        node: &str,
        name: &str,
        at: &str,
        change: impl FnOnce(&mut UseTotals),
    ) -> Self {
        let policies = in_force(&self.0);
        let policy = policies
            .iter()
            .find(|one| &*one.name().name == name)
            .unwrap();
        let (direction, part) = part(at);
        let mut totals = UseTotals {
            hits: 0,
            sole: 0,
            resumed: 0,
            forwarded: 0,
            bytes: 0,
            first_seen: day(1),
            last_seen: day(29),
        };
        change(&mut totals);
        self.0.uses.push(RuleUse {
            key: RuleKey {
                node: node.into(),
                policy: policy.name(),
                fingerprint: fingerprint(policy),
                direction,
                part,
            },
            totals,
        });
        self
    }

    /// Connections between pods, over TCP, that were seen on n1 at both ends.
    pub(crate) fn traffic(mut self, from: &str, to: &str, port: u16, connections: u64) -> Self {
        let party = |name: &str| match Cidr::parse_lenient(name) {
            Ok((block, _)) => Party::Outside(block),
            Err(_) => Party::Pods(self.known(name)),
        };
        let key = EdgeKey {
            node: "n1".into(),
            seen_at: SeenAt::Both,
            source: party(from),
            destination: party(to),
            service: None,
            protocol: Protocol::Tcp,
            port: Port::One(port),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: Vec::new(),
        };
        self.0.edges.push(Edge {
            key,
            totals: EdgeTotals {
                connections,
                resumed: 0,
                packets: connections,
                bytes: connections,
                first_seen: day(1),
                last_seen: day(29),
                after_change: 0,
                longest_after_change: None,
            },
        });
        self
    }

    /// Changes what was seen last.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Edge)) -> Self {
        change(self.0.edges.last_mut().unwrap());
        self
    }

    /// The pods as they are known, or as [`group`] makes them.
    fn known(&self, name: &str) -> Arc<PodGroup> {
        let made = group(name);
        let mut known = self.0.population.iter().map(|present| &present.group);
        let known = known
            .find(|group| group.namespace == made.namespace && group.workload == made.workload);
        known.cloned().unwrap_or_else(|| made.into())
    }

    /// Replaces when a node watched.
    pub(crate) fn watched(mut self, name: &str, intervals: &[(u64, u64)]) -> Self {
        self.0.nodes.retain(|node| &*node.name != name);
        self.0.nodes.push(node(name, intervals));
        self
    }

    /// Takes a node's history away.
    pub(crate) fn missing(mut self, name: &str) -> Self {
        self.0.nodes.retain(|node| &*node.name != name);
        self.0.missing.push(MissingNode {
            name: name.to_owned(),
            reason: "no answer".to_owned(),
        });
        self
    }

    /// Something was lost on a node all the time that it watched.
    pub(crate) fn lost(mut self, name: &str, count: u64) -> Self {
        let mut nodes = self.0.nodes.iter_mut();
        let node = nodes.find(|node| &*node.name == name).unwrap();
        node.intervals[0].losses.push(Loss {
            stage: "kernel".into(),
            reason: "ring_full".into(),
            count,
        });
        self
    }

    pub(crate) fn judged(&self) -> Report {
        unused(&self.0, &in_force(&self.0), &Options::default(), |_| {})
    }

    /// What is said of one part: `web ingress[0] from[1]`.
    pub(crate) fn entry(&self, wanted: &str) -> Entry {
        let report = self.judged();
        let mut known = Vec::new();
        for policy in &report.policies {
            for entry in &policy.entries {
                let path = path(policy.policy.kind, entry.direction, entry.part);
                let name = format!("{} {path}", policy.policy.name);
                if name == wanted {
                    return entry.clone();
                }
                known.push(name);
            }
        }
        panic!("no {wanted} in {known:?}");
    }
}

fn node(name: &str, intervals: &[(u64, u64)]) -> NodeHistory {
    let intervals = intervals.iter().map(|(from, until)| Interval {
        from: day(*from),
        until: day(*until),
        losses: Vec::new(),
    });
    NodeHistory {
        name: name.into(),
        store: name.into(),
        read_at: day(LAST),
        intervals: intervals.collect(),
        dialect: "specification".into(),
    }
}

/// `namespace/app` or `namespace/app[kind]`, with the label `app`.
pub(crate) fn group(name: &str) -> PodGroup {
    let (namespace, rest) = name.split_once('/').unwrap();
    let (app, kind) = match rest.split_once('[') {
        Some((app, kind)) => (app, kind.trim_end_matches(']')),
        None => (rest, "Deployment"),
    };
    PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::default().with(NAMESPACE_NAME_LABEL, namespace),
        workload: Workload {
            kind: kind.into(),
            name: app.into(),
        },
        labels: Labels::from_iter([("app", app)]),
        ports: Vec::new(),
        host_network: false,
    }
}

/// NetworkPolicies of prod: `name: spec` a line.
pub(crate) fn policies(text: &str) -> Vec<RememberedPolicy> {
    let documents = text.trim().split("\n---\n").flat_map(|document| {
        if document.trim_start().starts_with("kind:") {
            return vec![document.to_owned()];
        }
        let lines = document.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (name, spec) = line.split_once(": ").unwrap();
                format!(
                    "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: prod}}, spec: {spec}}}"
                )
            })
            .collect()
    });
    let read = manifest::parse(&documents.collect::<Vec<_>>().join("\n---\n"));
    assert_eq!(read.errors, []);
    let policies = read.objects.into_iter().map(|object| match object {
        Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
        Object::TieredPolicy(policy) => RememberedPolicy::Tiered(policy),
        other => panic!("{other:?}"),
    });
    policies.collect()
}

/// Reads `ingress[0] from[1] ports[0]`, or `ingress` for a direction without rules.
fn part(text: &str) -> (Direction, Part) {
    let mut fields = text.split(' ');
    let (list, rule) = numbered(fields.next().unwrap());
    let direction = if list == "ingress" {
        Direction::Ingress
    } else {
        Direction::Egress
    };
    let Some(rule) = rule else {
        return (direction, Part::Isolation);
    };
    let (mut peer, mut port) = (None, None);
    for field in fields {
        match numbered(field) {
            ("from" | "to", number) => peer = number,
            (_, number) => port = number,
        }
    }
    (direction, Part::Entry { rule, peer, port })
}

fn numbered(field: &str) -> (&str, Option<u32>) {
    match field.split_once('[') {
        Some((list, number)) => (list, number.trim_end_matches(']').parse().ok()),
        None => (field, None),
    }
}
