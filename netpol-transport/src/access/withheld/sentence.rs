//! The summary of a flow from which something is withheld, made from what is left of it alone.

use netpol_api::v1;
use netpol_api::v1::denial::Reason;
use netpol_api::v1::{Agreement, Direction, computed, drop, observed};
use netpol_api::word::Word;

/// The sentence, without a full stop; empty where everything went as policies say.
pub(super) fn of(flow: &v1::Flow) -> String {
    let observed = flow.observed.as_ref();
    let evidence = observed.and_then(|observed| observed.evidence.as_ref());
    let drop = evidence.and_then(|evidence| evidence.drop.as_ref());
    match flow.agreement() {
        Agreement::Agree if flow.is_blocked() => return denial(flow),
        Agreement::DeniedButForwarded => {
            let denial = denials(flow).next();
            let policy = denial.map_or_else(unnamed, |(_, denial)| policy(denial));
            return format!("denied by {policy}, yet forwarded");
        }
        Agreement::AllowedButDropped => {
            let place = drop.map_or_else(|| "rejected on this node".to_owned(), place);
            return format!("allowed by policy, dropped by something else: {place}");
        }
        Agreement::Agree | Agreement::Undetermined | Agreement::Unspecified => {}
    }
    let refused = evidence.is_some_and(|evidence| evidence.refused_by_peer);
    match (observed.map(v1::Observed::verdict), drop) {
        (Some(observed::Verdict::Forwarded), Some(drop)) => {
            format!("forwarded, but a packet was dropped: {}", place(drop))
        }
        (Some(observed::Verdict::Forwarded), None) if refused => {
            format!("refused by {}", name(flow.destination.as_ref()))
        }
        (Some(observed::Verdict::Forwarded) | None, _) => String::new(),
        (Some(observed::Verdict::Dropped | observed::Verdict::Rejected), Some(drop)) => {
            if drop.class() == drop::Class::Firewall {
                let place = place(drop);
                format!("dropped by a firewall; what policies say is not known: {place}")
            } else {
                format!("no policy: {} ({})", drop.class().word(), place(drop))
            }
        }
        (Some(observed::Verdict::Dropped | observed::Verdict::Rejected), None) => {
            "rejected on this node".to_owned()
        }
        (Some(observed::Verdict::Unanswered), _) => "no answer; no drop was seen".to_owned(),
        (Some(observed::Verdict::Unknown | observed::Verdict::Unspecified), _) => {
            "seen in mid-connection only".to_owned()
        }
    }
}

/// What may be told of who denies it, the destination's policies first.
fn denials(flow: &v1::Flow) -> impl Iterator<Item = (Direction, &v1::Denial)> {
    let computed = flow.computed.iter();
    let directions = computed.flat_map(|computed| {
        [
            (Direction::Ingress, &computed.ingress),
            (Direction::Egress, &computed.egress),
        ]
    });
    let directions =
        directions.filter_map(|(direction, verdict)| Some((direction, verdict.as_ref()?)));
    directions
        .filter(|(_, verdict)| verdict.verdict() == computed::Verdict::Denied)
        .flat_map(|(direction, verdict)| {
            let denials = verdict.denied_by.iter();
            denials.map(move |denial| (direction, denial))
        })
}

fn denial(flow: &v1::Flow) -> String {
    let Some((direction, denial)) = denials(flow).next() else {
        return format!("denied by {}", unnamed());
    };
    let (way, admits, other) = match direction {
        Direction::Egress => ("egress", "leads to", flow.destination.as_ref()),
        _ => ("ingress", "admits", flow.source.as_ref()),
    };
    let other = name(other);
    let because = match denial.reason() {
        Reason::NoRules => format!("allows no {way} at all"),
        Reason::PeerNotSelected => format!("no {way} rule {admits} {other}"),
        Reason::PortMismatch => format!("no {way} rule for {other} opens {}", port(flow)),
        Reason::NamedPortUnresolved => {
            format!("an {way} rule names a port that the destination does not have")
        }
        Reason::ExplicitDeny => format!("an {way} rule denies {other}"),
        Reason::Unspecified => format!("denies it by {way}"),
    };
    let policy = policy(denial);
    match denials(flow).count() - 1 {
        0 => format!("{policy}: {because}"),
        more => format!("{policy}: {because} (and {more} more)"),
    }
}

fn unnamed() -> String {
    "a policy of a namespace that you may not read".to_owned()
}

fn policy(denial: &v1::Denial) -> String {
    match &denial.policy {
        Some(policy) if policy.namespace.is_empty() => format!("{} {}", policy.kind, policy.name),
        Some(policy) => format!("{}/{}", policy.namespace, policy.name),
        None => "policy".to_owned(),
    }
}

fn name(end: Option<&v1::Endpoint>) -> String {
    match end {
        Some(end) if !end.pod.is_empty() => format!("{}/{}", end.namespace, end.pod),
        Some(end) => end.address.clone(),
        None => "an end that is not known".to_owned(),
    }
}

fn port(flow: &v1::Flow) -> String {
    let protocol = flow.protocol().word().to_uppercase();
    match flow.destination.as_ref().map(|end| end.port) {
        None | Some(0) => protocol,
        Some(port) => format!("{protocol} {port}"),
    }
}

/// Reason, and the function where it is known.
fn place(drop: &v1::Drop) -> String {
    if drop.location.is_empty() {
        drop.reason.clone()
    } else {
        format!("{} at {}", drop.reason, drop.location)
    }
}
