use super::*;
use crate::access::marked::{message, tells};

/// What the contract says remains, whoever reads.
const PUBLIC: [&str; 9] = [
    "Flow.id",
    "Flow.node",
    "Endpoint.address",
    "ServiceAddress.address",
    "Vantage.node",
    "Evidence.node_reply",
    "Drop.reason",
    "Drop.location",
    "Drop.node",
];

const KINDS: [Kind; 6] = [
    Kind::Unspecified,
    Kind::Pod,
    Kind::Node,
    Kind::Service,
    Kind::World,
    Kind::Unknown,
];

/// A flow in which everything about the source, the destination and the Service bears its namespace as text, in every
/// field that there is, and everything that may be of either bears both.
fn flow(source: Kind, destination: Kind) -> v1::Flow {
    let mut flow: v1::Flow = message("Flow", "source-destination-service", &PUBLIC);
    let end = |mark: &str, kind: Kind| {
        let mut end: v1::Endpoint = message("Endpoint", mark, &PUBLIC);
        end.set_kind(kind);
        end.withheld = false;
        Some(end)
    };
    flow.source = end("source", source);
    flow.destination = end("destination", destination);
    flow.service = Some(message("ServiceAddress", "service", &PUBLIC));
    let directions = [
        (v1::Direction::Egress, "source"),
        (v1::Direction::Ingress, "destination"),
    ];
    flow.vantages.clear();
    let computed = flow.computed.as_mut().unwrap();
    for (direction, mark) in directions {
        let mut seen: v1::Vantage = message("Vantage", mark, &PUBLIC);
        seen.set_direction(direction);
        flow.vantages.push(seen);
        let mut verdict: v1::DirectionVerdict = message("DirectionVerdict", mark, &PUBLIC);
        verdict.withheld = false;
        for denial in &mut verdict.denied_by {
            // What a policy of one end wants of the other names it.
            let nearest = denial.nearest.as_mut().unwrap();
            nearest.wants = vec!["app of source-destination".to_owned()];
        }
        match direction {
            v1::Direction::Egress => computed.egress = Some(verdict),
            _ => computed.ingress = Some(verdict),
        }
    }
    flow
}

#[test]
fn nothing_of_a_namespace_that_may_not_be_read_is_in_any_field() {
    let mut shown = 0;
    for source in KINDS {
        for destination in KINDS {
            for readable in 0..8 {
                let whole = flow(source, destination);
                assert!(
                    ["source", "destination", "service"]
                        .iter()
                        .all(|mark| tells(&whole, mark))
                );
                let may = |namespace: &str| match namespace {
                    "source" => readable & 1 != 0,
                    "destination" => readable & 2 != 0,
                    "service" => readable & 4 != 0,
                    _ => false,
                };
                let seen = withhold(whole, may);
                let expected = (source == Kind::Pod && may("source"))
                    || (destination == Kind::Pod && may("destination"));
                assert_eq!(seen.is_some(), expected);
                let Some(seen) = seen else { continue };
                shown += 1;
                for mark in ["source", "destination", "service"] {
                    let told = tells(&seen, mark);
                    assert!(
                        !told || may(mark),
                        "{source:?} {destination:?} {mark}: {seen:#?}"
                    );
                }
                let ends = [(&seen.source, "source"), (&seen.destination, "destination")];
                for (end, mark) in ends {
                    let end = end.as_ref().unwrap();
                    assert_eq!(end.withheld, !may(mark));
                    assert_eq!((&*end.address, end.port), ("plain", 1));
                }
            }
        }
    }
    assert!(shown > 40, "{shown}");
}

fn pods() -> v1::Flow {
    let mut flow = flow(Kind::Pod, Kind::Pod);
    flow.agreement = v1::Agreement::Agree.into();
    let observed = flow.observed.as_mut().unwrap();
    observed.set_verdict(v1::observed::Verdict::Dropped);
    let computed = flow.computed.as_mut().unwrap();
    computed.set_verdict(v1::computed::Verdict::Denied);
    for verdict in [&mut computed.egress, &mut computed.ingress] {
        let verdict = verdict.as_mut().unwrap();
        verdict.set_verdict(v1::computed::Verdict::Denied);
        verdict.denied_by.truncate(1);
        verdict.denied_by[0].set_reason(v1::denial::Reason::PeerNotSelected);
    }
    flow
}

#[test]
fn whoever_may_read_all_of_it_gets_it_as_it_is() {
    let flow = pods();
    assert_eq!(withhold(flow.clone(), |_| true), Some(flow));
}

#[test]
fn the_verdict_and_ones_own_policies_remain() {
    let seen = withhold(pods(), |namespace| namespace == "destination").unwrap();
    let computed = seen.computed.unwrap();
    let (egress, ingress) = (computed.egress.unwrap(), computed.ingress.unwrap());
    assert!(egress.withheld && egress.denied_by.is_empty() && egress.path.is_empty());
    assert_eq!(egress.verdict(), v1::computed::Verdict::Denied);
    assert!(!ingress.withheld && !ingress.path.is_empty() && !ingress.allowed_by.is_empty());
    assert_eq!(
        ingress.denied_by[0].policy.as_ref().unwrap().name,
        "destination"
    );
    assert_eq!(ingress.denied_by[0].nearest, None);
    assert_eq!(
        seen.summary,
        "destination/destination: no ingress rule admits plain"
    );
    assert_eq!(
        seen.observed.unwrap().verdict(),
        v1::observed::Verdict::Dropped
    );
}

#[test]
fn a_denial_by_somebody_elses_policy_is_told_without_its_name() {
    let mut flow = pods();
    let computed = flow.computed.as_mut().unwrap();
    let egress = computed.egress.as_mut().unwrap();
    egress.set_verdict(v1::computed::Verdict::Allowed);
    let told = |flow: v1::Flow| {
        withhold(flow, |namespace| namespace == "source")
            .unwrap()
            .summary
    };
    assert_eq!(
        told(flow.clone()),
        "denied by a policy of a namespace that you may not read"
    );
    flow.set_agreement(v1::Agreement::DeniedButForwarded);
    assert_eq!(
        told(flow),
        "denied by a policy of a namespace that you may not read, yet forwarded"
    );
}

#[test]
fn cluster_scoped_policies_of_ones_own_end_remain() {
    let mut flow = pods();
    let computed = flow.computed.as_mut().unwrap();
    for verdict in [&mut computed.egress, &mut computed.ingress] {
        let denial = &mut verdict.as_mut().unwrap().denied_by[0];
        denial.set_reason(v1::denial::Reason::ExplicitDeny);
        let policy = denial.policy.as_mut().unwrap();
        policy.namespace.clear();
        policy.kind = "AdminNetworkPolicy".to_owned();
        policy.name = "isolate".to_owned();
    }
    let seen = withhold(flow, |namespace| namespace == "source").unwrap();
    assert_eq!(
        seen.summary,
        "AdminNetworkPolicy isolate: an egress rule denies plain"
    );
    assert!(!tells(&seen.computed.unwrap().ingress.unwrap(), "isolate"));
}

#[test]
fn the_outside_is_no_secret_and_a_service_of_others_is() {
    let mut flow = flow(Kind::Pod, Kind::World);
    flow.destination = Some(v1::Endpoint {
        address: "192.0.2.1".to_owned(),
        kind: Kind::World.into(),
        ..v1::Endpoint::default()
    });
    flow.vantages.truncate(1);
    flow.computed.as_mut().unwrap().ingress = None;
    let seen = withhold(flow.clone(), |namespace| namespace == "source").unwrap();
    assert!(!seen.destination.unwrap().withheld);
    let service = seen.service.unwrap();
    assert_eq!((&*service.name, &*service.address), ("", "plain"));
    flow.service = None;
    assert_eq!(
        withhold(flow.clone(), |namespace| namespace == "source"),
        Some(flow)
    );
}
