//! Policies that deny all or allow all.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::everyone;

#[test]
fn without_policies_everyone_reaches_everyone() {
    xyz().expect(Tcp, 80, &everyone());
}

#[test]
fn default_deny_ingress_isolates_one_namespace() {
    xyz()
        .policy(
            "x/deny-ingress",
            "{podSelector: {}, policyTypes: [Ingress]}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "x/*"));
}

#[test]
fn default_deny_egress_isolates_one_namespace() {
    xyz()
        .policy("x/deny-egress", "{podSelector: {}, policyTypes: [Egress]}")
        .expect(Tcp, 80, &everyone().denied("x/*", "*"));
}

#[test]
fn default_deny_all_isolates_both_ways() {
    let cluster = xyz().policy(
        "x/deny-all",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
    );
    let table = everyone().denied("*", "x/*").denied("x/*", "*");
    cluster.expect(Tcp, 80, &table);
    cluster.expect(Tcp, 81, &table);
}

#[test]
fn deny_all_written_with_null_or_empty_lists_is_the_same() {
    for rules in [
        "ingress: [], egress: []",
        "ingress: null, egress: null",
        "egress: []",
    ] {
        xyz()
            .policy(
                "x/deny-all",
                &format!("{{podSelector: {{}}, policyTypes: [Ingress, Egress], {rules}}}"),
            )
            .expect(Tcp, 80, &everyone().denied("*", "x/*").denied("x/*", "*"));
    }
}

#[test]
fn allow_all_ingress_changes_nothing() {
    let cluster = xyz().policy("x/allow-all", "{podSelector: {}, ingress: [{}]}");
    cluster.expect(Tcp, 80, &everyone());
    cluster.expect(Tcp, 81, &everyone());
}

#[test]
fn allow_all_egress_changes_nothing() {
    let cluster = xyz().policy(
        "x/allow-all",
        "{podSelector: {}, policyTypes: [Egress], egress: [{}]}",
    );
    cluster.expect(Tcp, 80, &everyone());
    cluster.expect(Tcp, 81, &everyone());
}

#[test]
fn deny_egress_of_one_pod() {
    xyz()
        .policy(
            "x/deny-egress-of-a",
            "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]}",
        )
        .expect(Tcp, 80, &everyone().denied("x/a", "*"));
}

#[test]
fn deny_in_every_namespace_leaves_only_the_pods_themselves() {
    let deny = "{podSelector: {}, policyTypes: [Ingress]}";
    xyz()
        .policy("x/deny", deny)
        .policy("y/deny", deny)
        .policy("z/deny", deny)
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "*").allowed("*/*", "outside"),
        );
}

#[test]
fn a_policy_that_selects_no_pod_isolates_none() {
    xyz()
        .policy(
            "x/deny-nobody",
            "{podSelector: {matchLabels: {pod: d}}, policyTypes: [Ingress, Egress]}",
        )
        .expect(Tcp, 80, &everyone());
}
