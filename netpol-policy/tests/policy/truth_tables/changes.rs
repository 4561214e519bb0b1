//! Policies and labels that change, each state a table of its own (rule 25).

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::everyone;

#[test]
fn a_policy_updated_from_allow_all_to_deny_all() {
    let before = xyz().policy("x/changes", "{podSelector: {}, ingress: [{}]}");
    before.expect(Tcp, 81, &everyone());
    before
        .policy("x/changes", "{podSelector: {}, ingress: []}")
        .expect(Tcp, 81, &everyone().denied("*", "x/*"));
}

#[test]
fn a_policy_deleted() {
    let before = xyz().policy(
        "x/deny-all",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
    );
    before.expect(Tcp, 80, &everyone().denied("*", "x/*").denied("x/*", "*"));
    before
        .without_policy("x/deny-all")
        .expect(Tcp, 80, &everyone());
}

#[test]
fn a_namespace_gets_the_label_that_lets_it_in() {
    let before = xyz().policy(
        "x/from-updated",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]}",
    );
    let closed = everyone().denied("*", "x/a");
    before.expect(Tcp, 80, &closed);
    let after = before.namespace("y", "{ns: 'y', ns2: updated}");
    after.expect(Tcp, 80, &closed.clone().allowed("y/*", "x/a"));
    after.namespace("y", "{ns: 'y'}").expect(Tcp, 80, &closed);
}

#[test]
fn a_pod_gets_the_label_that_lets_it_in() {
    let before = xyz().policy(
        "x/from-updated",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b, pod2: updated}}}]}]}",
    );
    let closed = everyone().denied("*", "x/a");
    before.expect(Tcp, 80, &closed);
    before.relabelled("x/b", "{pod: b, pod2: updated}").expect(
        Tcp,
        80,
        &closed.allowed("x/b", "x/a"),
    );
}

#[test]
fn a_pod_gets_the_label_that_isolates_it() {
    let before = xyz().policy(
        "x/isolated",
        "{podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]}",
    );
    before.expect(Tcp, 80, &everyone());
    before
        .relabelled("x/a", "{pod: a, target: isolated}")
        .expect(Tcp, 80, &everyone().denied("*", "x/a"));
}

#[test]
fn a_pod_added_later_is_isolated_as_its_labels_say() {
    let cluster = xyz()
        .policy("x/deny", "{podSelector: {matchLabels: {pod: d}}}")
        .pod("x/d", "{pod: d}");
    cluster.expect(Tcp, 80, &everyone().denied("*", "x/d"));
}

#[test]
fn a_namespace_made_later_is_let_in_by_its_label() {
    let cluster = xyz()
        .policy(
            "x/from-y",
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}]}]}",
        )
        .namespace("later", "{ns: 'y'}")
        .pod("later/a", "{pod: a}")
        .namespace("other", "{ns: other}")
        .pod("other/a", "{pod: a}");
    cluster.expect(
        Tcp,
        80,
        &everyone()
            .denied("*", "x/*")
            .allowed("y/*", "x/*")
            .allowed("later/*", "x/*"),
    );
}
