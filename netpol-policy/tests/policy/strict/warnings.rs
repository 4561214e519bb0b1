//! What is only warned of unless `--strict` is given, or always.

use netpol_policy::manifest;

use super::check;

#[test]
fn rule_26_cidrs_in_old_forms_are_warned_of_and_refused_when_strict() {
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {
        ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}],
        egress: [{to: [{ipBlock: {cidr: 'fd00::/8'}}]}]}}";
    let tiered = |version: &str, kind: &str, spec: &str| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/{version}, kind: {kind}, metadata: {{name: default}},
            spec: {{{spec}, egress: [{{action: Deny, to: [{{nodes: {{}}}}, {{networks: ['::/0', 10.0.0.0/8]}}]}}]}}}}"
        )
    };
    let node = "{apiVersion: v1, kind: Node, metadata: {name: node}, spec: {podCIDRs: [10.0.0.0/24, 'fd00::/64']}}";
    let subject = "subject: {namespaces: {}}";
    let networks = "spec.egress[0].to[1].networks";
    let cases = [
        (
            policy.to_owned(),
            "10.0.0.0/8",
            "10.0.0.1/8",
            "spec.ingress[0].from[1].ipBlock.cidr".to_owned(),
        ),
        (
            policy.to_owned(),
            "10.1.0.0/16",
            "10.01.0.0/16",
            "spec.ingress[0].from[1].ipBlock.except[0]".to_owned(),
        ),
        (
            policy.to_owned(),
            "fd00::/8",
            "fd00::1/8",
            "spec.egress[0].to[0].ipBlock.cidr".to_owned(),
        ),
        (
            tiered(
                "v1alpha1",
                "AdminNetworkPolicy",
                &format!("priority: 1, {subject}"),
            ),
            "10.0.0.0/8",
            "10.0.0.0/08",
            format!("{networks}[1]"),
        ),
        (
            tiered("v1alpha1", "BaselineAdminNetworkPolicy", subject),
            "::/0",
            "::1/0",
            format!("{networks}[0]"),
        ),
        (
            tiered(
                "v1alpha2",
                "ClusterNetworkPolicy",
                &format!("tier: Admin, priority: 1, {subject}"),
            ),
            "10.0.0.0/8",
            "10.0.0.1/8",
            format!("{networks}[1]"),
        ),
        (
            node.to_owned(),
            "fd00::/64",
            "fd00::5/64",
            "spec.podCIDRs[1]".to_owned(),
        ),
    ];
    for (valid, part, other, field) in cases {
        assert_eq!(manifest::parse(&valid).warnings, [], "{valid}");
        check(
            &valid,
            &[(part, other, field.as_str(), "expected the canonical form")],
        );
        let warnings = manifest::parse(&valid.replacen(part, other, 1)).warnings;
        let fields: Vec<_> = warnings.iter().map(|warning| &warning.field).collect();
        assert_eq!(fields, [&field]);
        assert!(warnings[0].message.contains(other), "{:?}", warnings[0]);
    }
}

#[test]
fn rules_without_effect_and_types_listed_twice_are_warned_of() {
    let warnings = |spec: &str| {
        let text = format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {spec}}}"
        );
        let read = manifest::parse_strict(&text);
        assert_eq!((read.objects.len(), read.errors), (1, vec![]), "{spec}");
        { read.warnings.into_iter() }
            .map(|warning| warning.field)
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(
        warnings("{policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}"),
        none
    );
    assert_eq!(warnings("{ingress: [{}], egress: [{}]}"), none);
    assert_eq!(
        warnings("{policyTypes: [Ingress], ingress: [{}], egress: []}"),
        none
    );
    assert_eq!(
        warnings("{policyTypes: [Ingress], ingress: [], egress: [{}]}"),
        ["spec.egress"]
    );
    assert_eq!(
        warnings("{policyTypes: [Egress], ingress: [{}]}"),
        ["spec.ingress"]
    );
    assert_eq!(
        warnings("{policyTypes: [Ingress, Ingress]}"),
        ["spec.policyTypes[1]"]
    );
}
