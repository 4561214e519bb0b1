//! What is valid and most likely a mistake, seen with all objects at hand.

use netpol_policy::lint::lint;

use super::support::objects;

/// Name of the object, field and message of each warning.
fn warnings(text: &str) -> Vec<(String, String, String)> {
    let objects = objects(text);
    { lint(&objects).into_iter() }
        .map(|warning| {
            let name = objects[warning.object].key().1.to_owned();
            (name, warning.field, warning.message)
        })
        .collect()
}

fn fields(text: &str) -> Vec<String> {
    let found = warnings(text).into_iter();
    found
        .map(|(name, field, _)| format!("{name} {field}"))
        .collect()
}

fn cluster(name: &str, tier: &str, priority: u16, subject: &str, rules: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: {name}}},
          spec: {{tier: {tier}, priority: {priority}, subject: {{namespaces: {subject}}}, {rules}}}}}\n---\n"
    )
}

const INGRESS: &str = "ingress: [{action: Deny, from: [{namespaces: {}}]}]";
const EGRESS: &str = "egress: [{action: Deny, to: [{namespaces: {}}]}]";

#[test]
fn rule_28_policies_without_an_order_between_them() {
    let a = cluster("a", "Admin", 5, "{}", INGRESS);
    for (other, expected) in [
        (
            cluster("b", "Admin", 5, "{}", INGRESS),
            vec!["b spec.priority"],
        ),
        (
            cluster("b", "Admin", 5, "{matchLabels: {team: x}}", INGRESS),
            vec!["b spec.priority"],
        ),
        (cluster("b", "Admin", 6, "{}", INGRESS), vec![]),
        (cluster("b", "Baseline", 5, "{}", INGRESS), vec![]),
        (cluster("b", "Admin", 5, "{}", EGRESS), vec![]),
        (cluster("b", "Admin", 5, "{}", "egress: []"), vec![]),
    ] {
        assert_eq!(fields(&format!("{a}{other}")), expected, "{other}");
    }
    // Of no namespace are both.
    let x = cluster("red", "Admin", 5, "{matchLabels: {team: x}}", INGRESS);
    let y = cluster("blue", "Admin", 5, "{matchLabels: {team: z}}", INGRESS);
    assert_eq!(fields(&format!("{x}{y}")), [""; 0]);
    let admin = "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: c},
        spec: {priority: 5, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}";
    let found = warnings(&format!("{a}{x}{admin}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[1]
            .2
            .contains("ClusterNetworkPolicy a, ClusterNetworkPolicy red"),
        "{found:?}"
    );
    let baseline = "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {name: default},
        spec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}";
    let other = cluster("b", "Baseline", 5, "{}", INGRESS);
    assert_eq!(fields(&format!("{other}{baseline}")), ["default "]);
}

#[test]
fn selectors_that_match_nothing() {
    let never = "{matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}";
    let policy = format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{podSelector: {never},
          ingress: [{{}}, {{from: [{{podSelector: {never}}}, {{podSelector: {{}}}}]}}], egress: [{{to: [{{namespaceSelector: {never}}}]}}]}}}}"
    );
    let expected = [
        "p spec.podSelector",
        "p spec.ingress[1].from[0].podSelector",
        "p spec.egress[0].to[0].namespaceSelector",
    ];
    assert_eq!(fields(&policy), expected);
    let rules = format!(
        "egress: [{{action: Deny, to: [{{nodes: {never}}}, {{pods: {{podSelector: {never}}}}}, {{networks: ['::/0']}}]}}]"
    );
    let tiered = cluster("c", "Admin", 1, never, &rules);
    let expected = [
        "c spec.subject",
        "c spec.egress[0].to[0]",
        "c spec.egress[0].to[1]",
    ];
    assert_eq!(fields(&tiered), expected);
    assert!(warnings(&tiered)[0].2.contains("label a "));
}

#[test]
fn one_name_for_several_ports() {
    let pod = |ports: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: a, ports: [{ports}]}}]}}}}"
        )
    };
    let two = "{name: web, containerPort: 80}, {name: web, containerPort: 81}";
    let found = warnings(&pod(two));
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .2
            .starts_with("TCP ports 80 and 81 are both named \"web\""),
        "{found:?}"
    );
    let protocols = "{name: dns, containerPort: 53}, {name: dns, containerPort: 54, protocol: UDP}";
    assert_eq!(fields(&pod(protocols)), [""; 0]);
    let template = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: b}}, spec: {{template: {{spec: {{containers: [{{name: a, ports: [{two}]}}]}}}}}}}}"
    );
    assert_eq!(fields(&template), ["b "]);
}

#[test]
fn rule_33_peers_that_are_not_known() {
    let rules =
        "egress: [{action: Accept, to: [{namespaces: {}}, {namespace: {}, later: {}}, {}]}]";
    let found = warnings(&cluster("c", "Admin", 1, "{}", rules));
    let found: Vec<_> = { found.iter() }
        .map(|(_, field, message)| (field.as_str(), message.as_str()))
        .collect();
    let expected = [
        (
            "spec.egress[0].to[1]",
            "has no field that is known, found {later, namespace}: its rule fails closed",
        ),
        (
            "spec.egress[0].to[2]",
            "has no field that is known, found {}: its rule fails closed",
        ),
    ];
    assert_eq!(found, expected);
}
