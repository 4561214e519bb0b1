//! Rules from traffic: peers that use the same ports are one rule, as a person would write it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::peer::{self, PeerEvidence};
use super::port::{Span, fold};
use super::reason::Reason;
use super::seen::Seen;
use super::sift::{Kept, Other};
use super::surroundings::Surroundings;
use crate::history::Traffic;
use crate::model::{Peer, Protocol, Rule};

/// What kind of traffic a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// Other pods.
    Pods,
    /// DNS servers, in the cluster or outside: UDP and TCP, since answers that are too long for the one come by the other.
    Dns,
    /// Nodes, by their addresses.
    Nodes,
    /// Outside of the cluster.
    Outside,
}

impl RuleKind {
    /// Its word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Dns => "dns",
            Self::Nodes => "nodes",
            Self::Outside => "outside",
        }
    }
}

/// A rule, and what was seen of the traffic that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct SuggestedRule {
    /// As it stands in the policy.
    pub rule: Rule,
    /// What it is for.
    pub kind: RuleKind,
    /// All of it.
    pub seen: Seen,
    /// For each of the rule's peers, in their order.
    pub peers: Vec<PeerEvidence>,
    /// For each of the rule's ports, in their order.
    pub ports: Vec<Span>,
    /// Services that were dialled, as `namespace/name`.
    pub services: BTreeSet<String>,
}

/// Rules for one direction of some pods, and what gets none.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) rules: Vec<SuggestedRule>,
    pub(crate) refused: Vec<(usize, Reason)>,
}

type Ports = BTreeSet<(Protocol, u16)>;

/// Makes rules for one direction of pods of `namespace`: for other pods first, for outside last.
pub(crate) fn build(
    namespace: &Arc<str>,
    kept: &[&Kept],
    traffic: &[Traffic],
    around: &Surroundings<'_>,
) -> Built {
    let mut built = Built::default();
    for kind in [RuleKind::Pods, RuleKind::Dns] {
        let all = of_kind(kept, kind);
        let mut rules: Vec<(Vec<Span>, Vec<&Kept>)> = by_ports(&all).into_iter().collect();
        rules.sort_by_cached_key(|(_, kept)| first_name(kept, namespace));
        for (ports, mut kept) in rules {
            let mut peers = peer::pods(namespace, &kept, traffic, around);
            let is_outside = |one: &&Kept| matches!(one.other, Other::Outside(_));
            let outside: Vec<&Kept> = kept.iter().copied().filter(is_outside).collect();
            match peer::outside(&outside, traffic, around) {
                Ok(more) => peers.extend(more),
                Err(reason) => {
                    built.refuse(&outside, &reason);
                    kept.retain(|one| !is_outside(one));
                }
            }
            built.push(kind, ports, peers, &kept, traffic);
        }
    }
    for (ports, kept) in by_ports(&of_kind(kept, RuleKind::Nodes)) {
        match peer::nodes(&kept, traffic, around) {
            Ok(peers) => built.push(RuleKind::Nodes, ports, peers, &kept, traffic),
            Err(reason) => built.refuse(&kept, &reason),
        }
    }
    // By port, not by address: the clients of two ports are seldom the same, and each would be a rule of its own.
    let mut rules: BTreeMap<Vec<IpNet>, (Ports, Vec<&Kept>)> = BTreeMap::new();
    for (port, kept) in by_port(&of_kind(kept, RuleKind::Outside)) {
        match peer::outside(&kept, traffic, around) {
            Ok(peers) => {
                let blocks = peers
                    .iter()
                    .filter_map(|(_, evidence)| evidence.block.as_ref());
                let blocks = blocks.map(|block| block.cidr.net()).collect();
                let (ports, all) = rules.entry(blocks).or_default();
                ports.insert(port);
                all.extend(kept);
            }
            Err(reason) => built.refuse(&kept, &reason),
        }
    }
    for (blocks, (ports, kept)) in rules {
        let peers = peer::of_blocks(&blocks, &kept, traffic);
        built.push(RuleKind::Outside, fold(&ports), peers, &kept, traffic);
    }
    built
}

impl Built {
    fn push(
        &mut self,
        kind: RuleKind,
        ports: Vec<Span>,
        peers: Vec<(Peer, PeerEvidence)>,
        kept: &[&Kept],
        traffic: &[Traffic],
    ) {
        // No rule is made of nothing.
        let Some(seen) = seen(kept, traffic) else {
            return;
        };
        let services = kept
            .iter()
            .filter_map(|one| traffic[one.traffic].service.as_ref());
        let services = services
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect();
        let (peers, evidence) = peers.into_iter().unzip();
        self.rules.push(SuggestedRule {
            rule: Rule {
                peers,
                ports: ports.iter().map(Span::rule).collect(),
            },
            kind,
            seen,
            peers: evidence,
            ports,
            services,
        });
    }

    fn refuse(&mut self, kept: &[&Kept], reason: &Reason) {
        let all = kept.iter().map(|one| (one.traffic, reason.clone()));
        self.refused.extend(all);
    }
}

/// What was seen of some traffic; `None` for none.
pub(crate) fn seen(kept: &[&Kept], traffic: &[Traffic]) -> Option<Seen> {
    Seen::sum(kept.iter().map(|one| &traffic[one.traffic]))
}

fn of_kind<'a>(kept: &[&'a Kept], kind: RuleKind) -> Vec<&'a Kept> {
    let is_of_kind = |one: &&&Kept| {
        kind == match one.other {
            Other::Pods { .. } | Other::Outside(_) if one.is_dns => RuleKind::Dns,
            Other::Pods { .. } => RuleKind::Pods,
            Other::Node(_) => RuleKind::Nodes,
            Other::Outside(_) => RuleKind::Outside,
        }
    };
    kept.iter().filter(is_of_kind).copied().collect()
}

/// Traffic by the ports, folded, that its other end uses.
fn by_ports<'a>(kept: &[&'a Kept]) -> BTreeMap<Vec<Span>, Vec<&'a Kept>> {
    let mut others: BTreeMap<&Other, (Ports, Vec<&Kept>)> = BTreeMap::new();
    for one in kept {
        let (ports, all) = others.entry(&one.other).or_default();
        for port in &one.ports {
            ports.insert((one.protocol, *port));
            if one.is_dns {
                ports.extend([(Protocol::Udp, *port), (Protocol::Tcp, *port)]);
            }
        }
        all.push(one);
    }
    let mut rules: BTreeMap<Vec<Span>, Vec<&Kept>> = BTreeMap::new();
    for (ports, all) in others.into_values() {
        rules.entry(fold(&ports)).or_default().extend(all);
    }
    rules
}

/// Traffic by its one port. That of outside has no other: only a Service's backends may differ in theirs.
fn by_port<'a>(kept: &[&'a Kept]) -> BTreeMap<(Protocol, u16), Vec<&'a Kept>> {
    let mut ports: BTreeMap<_, Vec<&Kept>> = BTreeMap::new();
    for one in kept {
        for port in &one.ports {
            ports.entry((one.protocol, *port)).or_default().push(one);
        }
    }
    ports
}

/// What a rule is sorted by: its own namespace's pods before others.
fn first_name(kept: &[&Kept], namespace: &Arc<str>) -> Option<(bool, Other)> {
    let others = kept.iter().map(|one| {
        let is_foreign = match &one.other {
            Other::Pods { namespace: of, .. } => of != namespace,
            _ => true,
        };
        (is_foreign, one.other.clone())
    });
    others.min()
}
