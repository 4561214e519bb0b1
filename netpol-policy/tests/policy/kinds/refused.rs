//! What the definitions of the three kinds refuse.

use super::{ADMIN, BASELINE, CLUSTER, check_refused, check_rule, egress, refused, with};

#[test]
fn what_the_definitions_of_the_kinds_refuse_is_refused() {
    let many = |one: &str, count: usize| vec![one; count].join(", ");
    let deny = "{action: Deny, to: [{namespaces: {}}]}";
    let rule = |rest: &str| format!("{{action: Deny, to: [{{namespaces: {{}}}}], {rest}}}");
    for (kind, most) in [(ADMIN, 100), (BASELINE, 100), (CLUSTER, 25)] {
        let words = format!("items, found {}", most + 1);
        let rules = |count| format!("egress: [{}]", many(deny, count));
        assert_eq!(with(kind, &rules(most)).egress.len(), most);
        check_refused(kind, &rules(most + 1), "spec.egress", &words);
        let peers = |count| {
            format!(
                "{{action: Deny, to: [{}]}}",
                many("{namespaces: {}}", count)
            )
        };
        assert_eq!(egress(kind, &peers(most)).peers.len(), most);
        check_rule(kind, &peers(most + 1), ".to", &words);
        check_rule(kind, &peers(0), ".to", "items, found 0");
        check_rule(kind, "{action: Deny}", ".to", "items, found 0");
        check_rule(kind, &rule("from: []"), ".from", "expected no such field");
        check_rule(
            kind,
            &rule(&format!("name: {}", "é".repeat(101))),
            ".name",
            "at most 100",
        );
        egress(kind, &rule(&format!("name: {}", "é".repeat(100))));
        for (peer, field, words) in [
            (
                "{namespaces: {}, pods: {podSelector: {}}}",
                "",
                "found namespaces and pods",
            ),
            (
                "{namespaces: {matchLabels: {a: 'b c'}}}",
                ".namespaces.matchLabels.a",
                "label value",
            ),
            (
                "{namespaces: {matchLabel: {a: b}}}",
                ".namespaces.matchLabel",
                "no such field",
            ),
            (
                "{pods: {namespaceSelector: {}}}",
                ".pods.podSelector",
                "found none",
            ),
            (
                "{nodes: {matchExpressions: [{key: a, operator: In}]}}",
                ".nodes.matchExpressions[0].values",
                "found none",
            ),
            ("{networks: []}", ".networks", "found 0"),
            ("{networks: [10.0.0.0]}", ".networks[0]", "expected a CIDR"),
            (
                "{networks: [10.0.0.0/8, 10.0.0.0/8]}",
                ".networks[1]",
                "each item once",
            ),
            ("{networks: '10.0.0.0/8'}", ".networks", "invalid type"),
        ] {
            let rule = format!("{{action: Deny, to: [{peer}]}}");
            check_rule(kind, &rule, &format!(".to[0]{field}"), words);
        }
        let (list, port) = if kind == CLUSTER {
            ("protocols", "{destinationNamedPort: web}")
        } else {
            ("ports", "{namedPort: web}")
        };
        for peer in ["nodes: {}", "networks: [10.0.0.0/8]"] {
            let rule = format!(
                "{{action: Deny, to: [{{namespaces: {{}}}}, {{{peer}}}], {list}: [{port}]}}"
            );
            check_rule(
                kind,
                &rule,
                &format!(".{list}[0]"),
                "which have no named ports",
            );
        }
    }
    check_rule(
        ADMIN,
        "{action: Deny, to: [{pods: {podSelector: {}}}]}",
        ".to[0].pods.namespaceSelector",
        "found none",
    );
}

#[test]
fn what_every_policy_needs_has_to_be_there() {
    let of = |kind: (&str, &str), spec: &str| refused(&format!("{}{{{spec}}}}}", kind.0)).0;
    let subject = "subject: {namespaces: {}}";
    for (kind, spec, field) in [
        (ADMIN, "", "spec.priority"),
        (ADMIN, "priority: -1", "spec.priority"),
        (ADMIN, "priority: 1001", "spec.priority"),
        (ADMIN, "priority: 70000", "spec.priority"),
        (ADMIN, "priority: '1'", "spec.priority"),
        (ADMIN, "priority: 1", "spec.subject"),
        (ADMIN, "priority: 1, subject: {}", "spec.subject"),
        (
            ADMIN,
            "priority: 1, subject: {namespaces: {}, pods: {}}",
            "spec.subject",
        ),
        (
            ADMIN,
            "priority: 1, subject: {pods: {podSelector: {}}}",
            "spec.subject.pods.namespaceSelector",
        ),
        (
            ADMIN,
            "priority: 1, subject: {nodes: {}}",
            "spec.subject.nodes",
        ),
        (BASELINE, "", "spec.subject"),
        (CLUSTER, "priority: 1", "spec.tier"),
        (CLUSTER, "tier: NetworkPolicy, priority: 1", "spec.tier"),
        (CLUSTER, "tier: Admin", "spec.priority"),
        (CLUSTER, "tier: Admin, priority: 1", "spec.subject"),
        (
            CLUSTER,
            "tier: Admin, priority: 1, subject: {pods: {}}",
            "spec.subject.pods.podSelector",
        ),
    ] {
        assert_eq!(of(kind, spec), field, "{spec}");
    }
    assert_eq!(
        of(ADMIN, &format!("tier: Admin, priority: 1, {subject}")),
        "spec.tier"
    );
    let bare = "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}}";
    assert_eq!(refused(bare).0, "spec.tier");
    let nameless = format!("{}{{{}}}}}", CLUSTER.0, CLUSTER.1).replace("{name: p}", "{}");
    assert_eq!(refused(&nameless).0, "metadata.name");
}
