//! Ingress and egress are decided apart, and both are needed.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::everyone;

#[test]
fn ingress_and_egress_of_one_policy() {
    let cluster = xyz().policy(
        "x/both",
        "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress, Ingress],
          ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}],
          egress: [{ports: [{port: 80}]}]}",
    );
    let from_b = everyone().denied("*", "x/a").allowed("x/b", "x/a");
    cluster.expect(Tcp, 80, &from_b);
    cluster.expect(Tcp, 81, &from_b.denied("x/a", "*"));
}

#[test]
fn what_the_server_allows_the_clients_egress_may_deny() {
    let from_a_of_x = "ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}, podSelector: {matchLabels: {pod: a}}}]}]";
    xyz()
        .policy(
            "x/to-a-of-y",
            "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to:
              [{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: a}}}]}]}",
        )
        .policy(
            "y/to-a",
            &format!("{{podSelector: {{matchLabels: {{pod: a}}}}, {from_a_of_x}}}"),
        )
        .policy(
            "y/to-b",
            &format!("{{podSelector: {{matchLabels: {{pod: b}}}}, {from_a_of_x}}}"),
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("x/a", "*")
                .denied("*", "y/a")
                .denied("*", "y/b")
                .allowed("x/a", "y/a"),
        );
}

#[test]
fn egress_of_a_pod_can_be_open_while_its_ingress_is_closed() {
    let open = xyz().policy(
        "x/egress",
        "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{}]}",
    );
    open.expect(Tcp, 80, &everyone());
    open.policy(
        "x/ingress",
        "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]}",
    )
    .expect(Tcp, 80, &everyone().denied("*", "x/a"));
}

#[test]
fn egress_rules_without_policy_types_close_ingress_too() {
    xyz()
        .policy(
            "x/to-b",
            "{podSelector: {matchLabels: {pod: a}}, egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("x/a", "*")
                .denied("*", "x/a")
                .allowed("x/a", "x/b"),
        );
}

#[test]
fn ingress_rules_without_policy_types_leave_egress_open() {
    xyz()
        .policy(
            "x/from-b",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "x/a").allowed("x/b", "x/a"),
        );
}

#[test]
fn rules_of_a_direction_that_policy_types_leave_out_say_nothing() {
    xyz()
        .policy(
            "x/egress-only",
            "{podSelector: {}, policyTypes: [Egress],
              ingress: [{from: [{podSelector: {matchLabels: {pod: nobody}}}]}], egress: [{}]}",
        )
        .expect(Tcp, 80, &everyone());
}

#[test]
fn a_pod_reaches_itself_whatever_denies_it() {
    let cluster = xyz().policy(
        "x/deny-all",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
    );
    for port in [80, 81] {
        let itself = cluster.ask("x/a", "x/a", Tcp, port);
        let neighbour = cluster.ask("x/a", "x/b", Tcp, port);
        assert_ne!(itself.decision(), neighbour.decision());
    }
}
