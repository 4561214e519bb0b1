//! Narrower policies as one object in JSON; docs/suggesting.md describes it.

use netpol_policy::k8s::write;
use netpol_policy::tighten::{Finding, Place, Proposal, Tightening, Unseen};
use netpol_policy::verdict::Direction;
use serde::Serialize;
use serde_json::Value;

use super::page;
use crate::suggest::evidence::{self, EvidenceJson};
use crate::suggest::json::{SeenJson, TrafficJson, seen, traffic};

/// Changes when a field is taken away or means something else.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct TighteningJson {
    version: u32,
    evidence: EvidenceJson,
    looked_at: usize,
    proposals: Vec<ProposalJson>,
    withheld: Vec<WithheldJson>,
}

#[derive(Serialize)]
struct ProposalJson {
    policy: String,
    /// Enough was watched.
    supported: bool,
    evidence: EvidenceJson,
    findings: Vec<FindingJson>,
    kept: Option<SeenJson>,
    denied_then: Vec<TrafficJson>,
    undecided: Vec<TrafficJson>,
    before: Value,
    after: Value,
}

#[derive(Serialize)]
struct FindingJson {
    /// `everyone`, `peer`, `every-port` or `port`.
    kind: &'static str,
    direction: &'static str,
    rule: usize,
    /// The index of the peer or the port, where it is one.
    entry: Option<usize>,
    place: String,
    permits: String,
    used: String,
    not_seen: String,
    /// `null` where it cannot be counted.
    not_seen_count: Option<u64>,
    /// Workloads that are known and would be denied.
    not_seen_workloads: Vec<String>,
}

#[derive(Serialize)]
struct WithheldJson {
    policy: String,
    would_deny: TrafficJson,
}

/// The object, and a line break.
///
/// # Errors
/// None that is known: every key is text.
pub(super) fn text(tightening: &Tightening) -> serde_json::Result<String> {
    let withheld = tightening.withheld.iter().map(|one| WithheldJson {
        policy: one.policy.to_string(),
        would_deny: traffic(&one.example),
    });
    let object = TighteningJson {
        version: VERSION,
        evidence: evidence::json(&tightening.evidence),
        looked_at: tightening.looked_at,
        proposals: tightening.proposals.iter().map(proposal).collect(),
        withheld: withheld.collect(),
    };
    let mut text = serde_json::to_string_pretty(&object)?;
    text.push('\n');
    Ok(text)
}

fn proposal(proposal: &Proposal) -> ProposalJson {
    ProposalJson {
        policy: proposal.before.reference.to_string(),
        supported: proposal.is_supported(),
        evidence: evidence::json(&proposal.evidence),
        findings: proposal.findings.iter().map(finding).collect(),
        kept: proposal.kept.as_ref().map(seen),
        denied_then: proposal.denied.iter().map(traffic).collect(),
        undecided: proposal.undecided.iter().map(traffic).collect(),
        before: write::network_policy(&proposal.before),
        after: write::network_policy(&proposal.after),
    }
}

fn finding(finding: &Finding) -> FindingJson {
    let (direction, rule) = finding.place.rule();
    let (kind, entry) = match finding.place {
        Place::Everyone { .. } => ("everyone", None),
        Place::Peer { peer, .. } => ("peer", Some(peer)),
        Place::EveryPort { .. } => ("every-port", None),
        Place::Port { port, .. } => ("port", Some(port)),
    };
    let (count, workloads) = match &finding.unseen {
        Unseen::Addresses(u64::MAX) | Unseen::OtherPorts => (None, Vec::new()),
        Unseen::Addresses(count) => (Some(*count), Vec::new()),
        Unseen::Ports(count) => (Some(u64::from(*count)), Vec::new()),
        // A usize has no more than 64 bits.
        Unseen::Workloads(names) => (Some(names.len() as u64), names.clone()),
        Unseen::Everyone(names) => (None, names.clone()),
    };
    FindingJson {
        kind,
        direction: match direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        },
        rule,
        entry,
        place: page::place(&finding.place),
        permits: finding.permits.clone(),
        used: finding.used.clone(),
        not_seen: finding.unseen.to_string(),
        not_seen_count: count,
        not_seen_workloads: workloads,
    }
}
