//! Parts of a report in words.

use std::time::SystemTime;

use jiff::Timestamp;
use netpol_policy::explain;
use netpol_policy::history::{Part, Party, PolicyName, Port, Traffic};
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

/// In UTC to the second.
pub(super) fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(
        |_| "-".to_owned(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// `prod/web[Deployment]`, `node n1`, `198.51.100.0/24`.
pub(super) fn party(party: &Party) -> String {
    match party {
        Party::Pods(group) => format!(
            "{}/{}[{}]",
            group.namespace, group.workload.name, group.workload.kind
        ),
        Party::Node { name } => format!("node {name}"),
        Party::Service { namespace, name } => format!("{namespace}/{name}[Service]"),
        Party::Outside(block) => block.to_string(),
        Party::Unknown(block) => format!("{block} (nobody known)"),
        Party::Many => "many".to_owned(),
    }
}

/// `TCP 5432`, `UDP, many ports`, `ICMP`.
pub(super) fn port(traffic: &Traffic) -> String {
    match traffic.port {
        Port::One(port) => format!("{} {port}", traffic.protocol),
        Port::Many => format!("{}, many ports", traffic.protocol),
        Port::None => traffic.protocol.to_string(),
    }
}
