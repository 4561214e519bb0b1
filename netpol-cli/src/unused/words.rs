//! Parts of a report in words.

use netpol_policy::explain;
use netpol_policy::history::{Part, PolicyName};
use netpol_policy::unused::{Entry, PolicyReport, Status};

/// The policy's name, whatever its generation.
pub(super) fn name(policy: &PolicyReport) -> PolicyName {
    let reference = &policy.policy;
    PolicyName {
        kind: reference.kind,
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
    }
}

/// The field that an entry is, as far as one field says it: the peer where it has one, else the port, else the rule.
pub(super) fn field(policy: &PolicyReport, entry: &Entry) -> String {
    let direction = entry.direction;
    let Part::Entry { rule, peer, port } = entry.part else {
        return "spec.policyTypes".to_owned();
    };
    let mut field = format!("spec.{}[{rule}]", explain::rules_list(direction));
    match (peer, port) {
        (Some(peer), _) => field.push_str(&format!(".{}[{peer}]", explain::peers_list(direction))),
        (None, Some(port)) => {
            let list = explain::ports_list(policy.policy.kind);
            field.push_str(&format!(".{list}[{port}]"));
        }
        (None, None) => {}
    }
    field
}

/// Why an entry has its status and its confidence, the worst first.
pub(super) fn why(entry: &Entry) -> String {
    let limits: Vec<String> = entry.limits.iter().map(ToString::to_string).collect();
    let limits = limits.join("; ");
    match (entry.status, limits.as_str()) {
        (_, "") => entry.because.clone(),
        (Status::InsufficientEvidence, limits) => {
            format!("insufficient evidence: {limits}; so far {}", entry.because)
        }
        (_, limits) => format!("{}; {limits}", entry.because),
    }
}
