//! What policies say of a connection by two inventories, and what is known of its ends.

use netpol_api::v1::computed::Verdict::{Allowed, Denied, Unknown};
use netpol_api::v1::{
    Agreement, Denial, Flow, PolicyRef, ServiceAddress, drop::Class, endpoint::Kind,
};
use prost_types::Duration;

use crate::drive::joined;
use crate::world::{CONNECTION, computed, dropped, unanswered};

fn says(
    mut flow: Flow,
    egress: netpol_api::v1::computed::Verdict,
    ingress: netpol_api::v1::computed::Verdict,
) -> Flow {
    flow.computed = Some(computed(egress, ingress));
    flow
}

#[test]
fn each_direction_is_decided_by_the_node_of_its_end() {
    for (at_source, at_destination, expected, differ) in [
        (
            (Allowed, Allowed),
            (Allowed, Allowed),
            (Allowed, Allowed),
            false,
        ),
        (
            (Allowed, Denied),
            (Allowed, Allowed),
            (Allowed, Allowed),
            true,
        ),
        (
            (Allowed, Allowed),
            (Denied, Allowed),
            (Allowed, Allowed),
            true,
        ),
        ((Denied, Allowed), (Allowed, Denied), (Denied, Denied), true),
        (
            (Allowed, Unknown),
            (Unknown, Denied),
            (Allowed, Denied),
            false,
        ),
        (
            (Unknown, Allowed),
            (Denied, Unknown),
            (Denied, Allowed),
            false,
        ),
    ] {
        let flow = joined(
            says(CONNECTION.at_source(), at_source.0, at_source.1),
            says(
                CONNECTION.at_destination(),
                at_destination.0,
                at_destination.1,
            ),
        );
        let computed_here = flow.computed.unwrap();
        let sides = (
            computed_here.egress.as_ref().unwrap().verdict(),
            computed_here.ingress.as_ref().unwrap().verdict(),
        );
        assert_eq!(sides, expected, "{at_source:?} {at_destination:?}");
        assert_eq!(
            computed_here.verdict,
            computed(expected.0, expected.1).verdict
        );
        assert_eq!(computed_here.caveats == ["nodes-differ"], differ);
    }
}

#[test]
fn agreement_and_sentence_follow_from_what_both_say_together() {
    // The destination's node does not know what policies say; the source's does.
    let mut source = says(unanswered(CONNECTION.at_source()), Allowed, Denied);
    let denial = Denial {
        policy: Some(PolicyRef {
            namespace: "shop".into(),
            name: "isolate".into(),
            ..PolicyRef::default()
        }),
        ..Denial::default()
    };
    source
        .computed
        .as_mut()
        .unwrap()
        .ingress
        .as_mut()
        .unwrap()
        .denied_by = vec![denial];
    let destination = says(
        dropped(CONNECTION.at_destination(), Class::Firewall, 1),
        Unknown,
        Unknown,
    );
    let flow = joined(source, destination);
    assert_eq!(flow.agreement(), Agreement::Agree);
    assert_eq!(flow.summary, "denied by shop/isolate");
}

#[test]
fn caveats_of_both_stay_once_and_the_shorter_time_since_a_change() {
    let with = |mut flow: Flow, caveats: &[&str], seconds: Option<i64>| {
        let computed = flow.computed.as_mut().unwrap();
        computed.caveats = caveats.iter().map(|c| (*c).to_owned()).collect();
        computed.changed_before = seconds.map(|seconds| Duration { seconds, nanos: 0 });
        flow
    };
    let flow = joined(
        with(
            CONNECTION.at_source(),
            &["host-network", "end-unknown"],
            Some(9),
        ),
        with(CONNECTION.at_destination(), &["end-unknown"], Some(4)),
    );
    let computed = flow.computed.unwrap();
    assert_eq!(computed.caveats, ["host-network", "end-unknown"]);
    assert_eq!(computed.changed_before.unwrap().seconds, 4);
}

#[test]
fn ends_are_told_by_who_knows_them() {
    let mut source = CONNECTION.at_source();
    let unknown = source.destination.as_mut().unwrap();
    unknown.set_kind(Kind::Unknown);
    unknown.pod.clear();
    unknown.node.clear();
    source.service = Some(ServiceAddress {
        name: "web".into(),
        address: "10.96.0.1".into(),
        ..ServiceAddress::default()
    });
    let mut destination = CONNECTION.at_destination();
    destination
        .source
        .as_mut()
        .unwrap()
        .labels
        .insert("stale".into(), "yes".into());
    let flow = joined(source.clone(), destination.clone());
    assert_eq!(flow.destination, destination.destination);
    assert_eq!(flow.source, source.source);
    assert_eq!(flow.service, source.service);
}
