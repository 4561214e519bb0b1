//! Who is let in by selectors of pods and namespaces.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::{Reachability, everyone};

/// Pod x/a lets in `from`, a list of peers.
fn a_of_x_allows(from: &str, expected: &Reachability) {
    let spec = format!("{{podSelector: {{matchLabels: {{pod: a}}}}, ingress: [{{from: {from}}}]}}");
    xyz()
        .policy("x/allow-to-a", &spec)
        .expect(Tcp, 80, expected);
}

/// Nobody reaches x/a.
fn a_is_closed() -> Reachability {
    everyone().denied("*", "x/a")
}

#[test]
fn a_pod_of_the_own_namespace_by_label() {
    a_of_x_allows(
        "[{podSelector: {matchLabels: {pod: b}}}]",
        &a_is_closed().allowed("x/b", "x/a"),
    );
}

#[test]
fn a_pod_of_the_own_namespace_by_expression() {
    a_of_x_allows(
        "[{podSelector: {matchExpressions: [{key: pod, operator: In, values: [b]}]}}]",
        &a_is_closed().allowed("x/b", "x/a"),
    );
}

#[test]
fn every_pod_of_the_own_namespace() {
    a_of_x_allows("[{podSelector: {}}]", &a_is_closed().allowed("x/*", "x/a"));
}

#[test]
fn pods_of_all_namespaces_are_not_everyone() {
    a_of_x_allows(
        "[{namespaceSelector: {}}]",
        &a_is_closed().allowed("*/*", "x/a"),
    );
}

#[test]
fn another_namespace_by_label() {
    a_of_x_allows(
        "[{namespaceSelector: {matchLabels: {ns: 'y'}}}]",
        &a_is_closed().allowed("y/*", "x/a"),
    );
}

#[test]
fn another_namespace_by_the_label_every_namespace_has() {
    a_of_x_allows(
        "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: 'y'}}}]",
        &a_is_closed().allowed("y/*", "x/a"),
    );
}

#[test]
fn another_namespace_by_expression() {
    a_of_x_allows(
        "[{namespaceSelector: {matchExpressions: [{key: ns, operator: In, values: ['y']}]}}]",
        &a_is_closed().allowed("y/*", "x/a"),
    );
}

#[test]
fn a_namespace_or_a_pod_are_two_peers() {
    a_of_x_allows(
        "[{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}},
          {podSelector: {matchLabels: {pod: b}}}]",
        &a_is_closed()
            .allowed("y/*", "x/a")
            .allowed("z/*", "x/a")
            .allowed("x/b", "x/a"),
    );
}

#[test]
fn a_namespace_and_a_pod_are_one_peer() {
    a_of_x_allows(
        "[{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]},
           podSelector: {matchLabels: {pod: b}}}]",
        &a_is_closed().allowed("y/b", "x/a").allowed("z/b", "x/a"),
    );
}

#[test]
fn several_pods_and_several_namespaces_by_expressions() {
    a_of_x_allows(
        "[{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]},
           podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]",
        &a_is_closed()
            .allowed("y/b", "x/a")
            .allowed("y/c", "x/a")
            .allowed("z/b", "x/a")
            .allowed("z/c", "x/a"),
    );
}

#[test]
fn any_of_several_pod_selectors() {
    a_of_x_allows(
        "[{podSelector: {matchLabels: {pod: b}}}, {podSelector: {matchLabels: {pod: c}}}]",
        &a_is_closed().allowed("x/b", "x/a").allowed("x/c", "x/a"),
    );
}

#[test]
fn one_pod_of_another_namespace() {
    a_of_x_allows(
        "[{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: a}}}]",
        &a_is_closed().allowed("y/a", "x/a"),
    );
}

#[test]
fn a_key_that_no_namespace_has() {
    let all_pods = a_is_closed().allowed("*/*", "x/a");
    for (operator, table) in [
        ("Exists", &a_is_closed()),
        ("In, values: [x]", &a_is_closed()),
        ("DoesNotExist", &all_pods),
        ("NotIn, values: [x]", &all_pods),
    ] {
        let requirement = format!("{{key: ns2, operator: {operator}}}");
        a_of_x_allows(
            &format!("[{{namespaceSelector: {{matchExpressions: [{requirement}]}}}}]"),
            table,
        );
    }
}

#[test]
fn labels_and_expressions_of_one_selector_both_count() {
    a_of_x_allows(
        "[{namespaceSelector: {matchLabels: {ns: 'y'}, matchExpressions: [{key: ns, operator: In, values: ['y', z]}]}}]",
        &a_is_closed().allowed("y/*", "x/a"),
    );
    a_of_x_allows(
        "[{namespaceSelector: {matchLabels: {ns: x}, matchExpressions: [{key: ns, operator: In, values: ['y', z]}]}}]",
        &a_is_closed(),
    );
}

#[test]
fn pods_of_other_namespaces_are_kept_out_of_all_pods() {
    xyz()
        .policy(
            "x/own-namespace-only",
            "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "x/*").allowed("x/*", "x/*"),
        );
}

#[test]
fn subjects_by_expressions() {
    xyz()
        .policy(
            "x/deny-to-all-but-c",
            "{podSelector: {matchExpressions: [{key: pod, operator: NotIn, values: [c]}]}}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "x/*").allowed("*", "x/c"));
}

#[test]
fn egress_to_every_namespace_but_one() {
    xyz()
        .policy(
            "x/not-to-y",
            "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector:
              {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: ['y']}]}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("x/a", "y/*").denied("x/a", "outside"),
        );
}

#[test]
fn egress_to_one_pod_of_another_namespace() {
    xyz()
        .policy(
            "x/to-a-of-y",
            "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to:
              [{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: a}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("x/a", "*").allowed("x/a", "y/a"),
        );
}

#[test]
fn selectors_never_match_a_node_or_a_pod_in_its_network() {
    let cluster = xyz()
        .node("n1", "{pod: b}")
        .host_network_pod("x/host", "{pod: b}", "n1");
    cluster
        .clone()
        .policy(
            "x/from-b",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "x/a").allowed("x/b", "x/a"),
        );
    cluster
        .policy(
            "x/isolate-b",
            "{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress, Egress]}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "x/b").denied("x/b", "*"));
}
