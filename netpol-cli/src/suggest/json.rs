//! Suggestions as one object in JSON; docs/suggesting.md describes it.

use netpol_policy::history::Traffic;
use netpol_policy::k8s::write;
use netpol_policy::suggest::{
    LeftOut, PeerEvidence, Seen, StillDenied, Suggested, SuggestedKind, SuggestedRule, Suggestions,
    Undecided,
};
use netpol_policy::verdict::Direction;
use serde::Serialize;
use serde_json::Value;

use super::evidence::{self, EvidenceJson};
use super::page;
use crate::traffic::{party, port, time};

/// Changes when a field is taken away or means something else.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct SuggestionsJson {
    version: u32,
    namespace: String,
    evidence: EvidenceJson,
    policies: Vec<PolicyJson>,
    kept: Vec<TrafficJson>,
    left_out: Vec<LeftOutJson>,
    undecided: Vec<UndecidedJson>,
    still_denied: Vec<StillDeniedJson>,
    passes_by_labels_of_now: Vec<TrafficJson>,
    withheld: Vec<String>,
    /// Nothing is to be let through of them.
    without_rules: Vec<String>,
    /// One in force that has another name.
    default_deny: Option<String>,
    replaced: Vec<String>,
    in_force: Vec<String>,
}

#[derive(Serialize)]
struct PolicyJson {
    /// `workloads` or `default-deny`.
    kind: &'static str,
    workloads: Vec<String>,
    by_labels_of_now: bool,
    /// `null` where lines of the history could not be read: it is not known.
    without_pods_now: Option<Vec<String>>,
    manifest: Value,
    ingress: Vec<RuleJson>,
    egress: Vec<RuleJson>,
}

/// The rule of the same index in the manifest.
#[derive(Serialize)]
struct RuleJson {
    kind: &'static str,
    seen: SeenJson,
    peers: Vec<PeerJson>,
    ports: Vec<PortJson>,
    services: Vec<String>,
}

#[derive(Serialize)]
struct PeerJson {
    seen: SeenJson,
    called: Vec<String>,
    also_selected: Vec<String>,
    /// `null` but for blocks.
    addresses: Option<u64>,
    /// `null` but for blocks, and where it is not known.
    addresses_seen: Option<u64>,
    /// How many are known of, where the peer is a whole namespace.
    workloads_of_namespace: Option<usize>,
}

#[derive(Serialize)]
struct PortJson {
    protocol: String,
    first: u16,
    last: u16,
    seen: u16,
}

#[derive(Serialize)]
pub(crate) struct SeenJson {
    connections: u64,
    resumed: u64,
    bytes: u64,
    first_seen: String,
    last_seen: String,
    nodes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct TrafficJson {
    source: String,
    destination: String,
    port: String,
    observed: &'static str,
    agreement: &'static str,
    #[serde(flatten)]
    seen: SeenJson,
}

#[derive(Serialize)]
struct LeftOutJson {
    workload: String,
    direction: &'static str,
    reason: &'static str,
    because: String,
    /// It got through, and will not, or perhaps not.
    cut_off: bool,
    /// `denied`, `denied-later`, `unknown` or `permitted`.
    then: &'static str,
    #[serde(flatten)]
    traffic: TrafficJson,
}

#[derive(Serialize)]
struct UndecidedJson {
    why: Vec<String>,
    #[serde(flatten)]
    traffic: TrafficJson,
}

#[derive(Serialize)]
struct StillDeniedJson {
    by: Vec<String>,
    #[serde(flatten)]
    traffic: TrafficJson,
}

/// The object, and a line break.
///
/// # Errors
/// None that is known: every key is text.
pub(super) fn text(suggestions: &Suggestions, namespace: &str) -> serde_json::Result<String> {
    let object = SuggestionsJson {
        version: VERSION,
        namespace: namespace.to_owned(),
        evidence: evidence::json(&suggestions.evidence),
        policies: suggestions
            .policies
            .iter()
            .map(|one| policy(one, suggestions))
            .collect(),
        kept: suggestions.kept.iter().map(traffic).collect(),
        left_out: suggestions.left_out.iter().map(left_out).collect(),
        undecided: suggestions.undecided.iter().map(undecided).collect(),
        still_denied: suggestions.still_denied.iter().map(still_denied).collect(),
        passes_by_labels_of_now: suggestions.passes_now.iter().map(traffic).collect(),
        withheld: suggestions.withheld.iter().map(page::withheld).collect(),
        without_rules: texts(&suggestions.without_rules),
        default_deny: suggestions.default_deny.as_ref().map(ToString::to_string),
        replaced: texts(&suggestions.replaced),
        in_force: texts(&suggestions.in_force),
    };
    let mut text = serde_json::to_string_pretty(&object)?;
    text.push('\n');
    Ok(text)
}

fn texts<'a, T: ToString + 'a>(all: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    all.into_iter().map(ToString::to_string).collect()
}

fn policy(suggested: &Suggested, suggestions: &Suggestions) -> PolicyJson {
    let is_damaged = suggestions.evidence.is_damaged();
    PolicyJson {
        kind: match suggested.kind {
            SuggestedKind::Workloads => "workloads",
            SuggestedKind::DefaultDeny => "default-deny",
        },
        workloads: texts(&suggested.workloads),
        by_labels_of_now: suggested.is_of_now,
        without_pods_now: (!is_damaged).then(|| texts(&suggested.absent)),
        manifest: write::network_policy(&suggested.policy),
        ingress: suggested.ingress.iter().map(rule).collect(),
        egress: suggested.egress.iter().map(rule).collect(),
    }
}

fn rule(rule: &SuggestedRule) -> RuleJson {
    let ports = rule.ports.iter().map(|span| PortJson {
        protocol: span.protocol.to_string(),
        first: span.first,
        last: span.last,
        seen: span.seen,
    });
    RuleJson {
        kind: rule.kind.as_str(),
        seen: seen(&rule.seen),
        peers: rule.peers.iter().map(peer).collect(),
        ports: ports.collect(),
        services: texts(&rule.services),
    }
}

fn peer(peer: &PeerEvidence) -> PeerJson {
    PeerJson {
        seen: seen(&peer.seen),
        called: peer.called.clone(),
        also_selected: texts(&peer.also),
        addresses: peer.block.as_ref().map(|block| block.addresses()),
        addresses_seen: peer.block.as_ref().and_then(|block| block.seen),
        workloads_of_namespace: peer.whole_namespace,
    }
}

pub(crate) fn seen(seen: &Seen) -> SeenJson {
    SeenJson {
        connections: seen.connections,
        resumed: seen.resumed,
        bytes: seen.bytes,
        first_seen: time(seen.first),
        last_seen: time(seen.last),
        nodes: texts(&seen.nodes),
    }
}

pub(crate) fn traffic(traffic: &Traffic) -> TrafficJson {
    TrafficJson {
        source: party(&traffic.source),
        destination: party(&traffic.destination),
        port: port(traffic),
        observed: traffic.observed.as_str(),
        agreement: traffic.agreement.as_str(),
        seen: seen(&Seen::of(traffic)),
    }
}

fn left_out(left_out: &LeftOut) -> LeftOutJson {
    LeftOutJson {
        workload: left_out.workload.to_string(),
        direction: match left_out.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        },
        reason: left_out.reason.as_str(),
        because: left_out.reason.to_string(),
        cut_off: left_out.is_cut_off(),
        then: left_out.fate.as_str(),
        traffic: traffic(&left_out.traffic),
    }
}

fn undecided(undecided: &Undecided) -> UndecidedJson {
    UndecidedJson {
        why: texts(&undecided.why),
        traffic: traffic(&undecided.traffic),
    }
}

fn still_denied(denied: &StillDenied) -> StillDeniedJson {
    StillDeniedJson {
        by: texts(&denied.by),
        traffic: traffic(&denied.traffic),
    }
}
