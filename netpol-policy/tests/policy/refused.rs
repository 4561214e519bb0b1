//! Policies that are not in force, and the field that is to blame.

use netpol_policy::manifest;

fn invalid(spec: &str) -> (String, String) {
    let text = format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: prod}}, spec: {spec}}}"
    );
    let mut read = manifest::parse(&text);
    assert!(read.objects.is_empty(), "accepted: {spec}");
    let error = read.errors.pop().unwrap();
    assert_eq!(error.object.as_deref(), Some("NetworkPolicy prod/p"));
    (error.field, error.message)
}

#[test]
fn rules_9_10_15_16_a_policy_the_api_server_would_refuse_is_refused_with_the_field() {
    for (spec, field) in [
        ("{ingress: [{from: [{}]}]}", "spec.ingress[0].from[0]"),
        (
            "{egress: [{}, {to: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}",
            "spec.egress[1].to[1]",
        ),
        (
            "{ingress: [{ports: [{port: 10, endPort: 9}]}]}",
            "spec.ingress[0].ports[0].endPort",
        ),
        (
            "{ingress: [{ports: [{port: sql, endPort: 9}]}]}",
            "spec.ingress[0].ports[0].endPort",
        ),
        (
            "{ingress: [{ports: [{endPort: 9}]}]}",
            "spec.ingress[0].ports[0].endPort",
        ),
        (
            "{ingress: [{ports: [{port: '5432'}]}]}",
            "spec.ingress[0].ports[0].port",
        ),
        (
            "{ingress: [{ports: [{port: 0}]}]}",
            "spec.ingress[0].ports[0].port",
        ),
        (
            "{ingress: [{ports: [{port: 65536}]}]}",
            "spec.ingress[0].ports[0].port",
        ),
        (
            "{ingress: [{ports: [{protocol: ICMP}]}]}",
            "spec.ingress[0].ports[0].protocol",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/9]}}]}]}",
            "spec.ingress[0].from[0].ipBlock.except[0]",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
            "spec.ingress[0].from[0].ipBlock.except[0]",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: nonsense}}]}]}",
            "spec.ingress[0].from[0].ipBlock.cidr",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}",
            "spec.podSelector.matchExpressions[0].operator",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            "spec.podSelector.matchExpressions[0].values",
        ),
        (
            "{podSelector: {matchLabels: {a: 1}}}",
            "spec.podSelector.matchLabels.a",
        ),
        ("{policyTypes: [ingress]}", "spec.policyTypes[0]"),
        (
            "{policyTypes: [Ingress, Egress, Ingress]}",
            "spec.policyTypes",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
            "spec.podSelector.matchExpressions[0].values",
        ),
        (
            "{podSelector: {matchExpressions: [{key: '', operator: Exists}]}}",
            "spec.podSelector.matchExpressions[0].key",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In, values: ['b c']}]}}",
            "spec.podSelector.matchExpressions[0].values[0]",
        ),
        (
            "{podSelector: {matchLabels: {-a: b}}}",
            "spec.podSelector.matchLabels",
        ),
        (
            "{podSelector: {matchLabels: {A.com/a: b}}}",
            "spec.podSelector.matchLabels",
        ),
        (
            "{podSelector: {matchLabels: {a: b-}}}",
            "spec.podSelector.matchLabels.a",
        ),
        (
            "{ingress: [{ports: [{port: UPPER}]}]}",
            "spec.ingress[0].ports[0].port",
        ),
        (
            "{ingress: [{ports: [{port: 80.5}]}]}",
            "spec.ingress[0].ports[0].port",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['::/1']}}]}]}",
            "spec.ingress[0].from[0].ipBlock.except[0]",
        ),
        ("{ingress: {}}", "spec.ingress"),
    ] {
        let (found, message) = invalid(spec);
        assert_eq!(found, field, "{spec}: {message}");
    }
}
