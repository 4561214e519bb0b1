//! AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy: what is read, and what is refused.

use netpol_policy::manifest;
use netpol_policy::model::{
    Action, Object, PortMatch, Protocol, TieredPeer, TieredPolicy, TieredRule,
};
use netpol_policy::verdict::{PolicyKind, Tier};

/// Kind, and the fields that its `spec` needs besides rules.
const ADMIN: (&str, &str) = (
    "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: p}, spec: ",
    "priority: 5, subject: {namespaces: {}}",
);
const BASELINE: (&str, &str) = (
    "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {name: default}, spec: ",
    "subject: {namespaces: {}}",
);
const CLUSTER: (&str, &str) = (
    "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}, spec: ",
    "tier: Admin, priority: 5, subject: {namespaces: {}}",
);

fn policy(text: &str) -> TieredPolicy {
    let mut read = manifest::parse(text);
    assert_eq!(read.errors, [], "{text}");
    match read.objects.pop() {
        Some(Object::TieredPolicy(policy)) => policy,
        other => panic!("{text}: {other:?}"),
    }
}

/// A policy with these rules.
fn with(kind: (&str, &str), rules: &str) -> TieredPolicy {
    policy(&format!("{}{{{}, {rules}}}}}", kind.0, kind.1))
}

fn egress(kind: (&str, &str), rule: &str) -> TieredRule {
    with(kind, &format!("egress: [{rule}]")).egress.remove(0)
}

fn refused(text: &str) -> (String, String) {
    let mut read = manifest::parse(text);
    assert!(read.objects.is_empty(), "accepted: {text}");
    let error = read.errors.pop().unwrap();
    assert_eq!(read.errors, []);
    (error.field, error.message)
}

fn refused_with(kind: (&str, &str), rules: &str) -> (String, String) {
    refused(&format!("{}{{{}, {rules}}}}}", kind.0, kind.1))
}

/// Refused at this field, with these words.
#[track_caller]
fn check_refused(kind: (&str, &str), rules: &str, field: &str, words: &str) {
    let (found, message) = refused_with(kind, rules);
    assert_eq!(found, field, "{rules}: {message}");
    assert!(message.contains(words), "{rules}: {message}");
}

/// One egress rule that is refused, at a field below `spec.egress[0]`.
#[track_caller]
fn check_rule(kind: (&str, &str), rule: &str, field: &str, words: &str) {
    let field = format!("spec.egress[0]{field}");
    check_refused(kind, &format!("egress: [{rule}]"), &field, words);
}

#[test]
fn the_three_kinds_are_read_whole() {
    let read = policy(
        "apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard, uid: u1, generation: 3}
spec:
  tier: Baseline
  priority: 1000
  subject:
    pods: {namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchExpressions: [{key: app, operator: Exists}]}}
  ingress:
  - name: from-ci
    action: Accept
    from: [{namespaces: {matchLabels: {team: build}}}]
    protocols:
    - tcp: {destinationPort: {number: 80}}
    - udp: {destinationPort: {range: {start: 53, end: 54}}}
    - sctp: {destinationPort: {number: 9}}
    - destinationNamedPort: web
  egress:
  - {action: Deny, to: [{networks: [10.0.0.0/8, '::/0']}]}
  - {action: Pass, to: [{nodes: {}}, {pods: {podSelector: {}}}]}
  - {action: Accept, to: [{domainNames: ['*.K8s.io.', k8s.io]}]}
",
    );
    assert_eq!(read.reference.kind, PolicyKind::ClusterNetworkPolicy);
    assert_eq!((&*read.reference.uid, read.reference.generation), ("u1", 3));
    assert_eq!((read.tier, read.priority), (Tier::Baseline, Some(1000)));
    assert_eq!(
        read.subjects.namespaces.requirements[0].to_string(),
        "team=a"
    );
    assert_eq!(read.subjects.pods.requirements[0].to_string(), "app");
    let rule = &read.ingress[0];
    assert_eq!(
        (rule.name.as_str(), rule.action),
        ("from-ci", Action::Accept)
    );
    let ports: Vec<_> = rule
        .ports
        .iter()
        .map(|port| (port.protocol, port.port.clone()))
        .collect();
    let expected = [
        (Some(Protocol::Tcp), PortMatch::Range(80, 80)),
        (Some(Protocol::Udp), PortMatch::Range(53, 54)),
        (Some(Protocol::Sctp), PortMatch::Range(9, 9)),
        (None, PortMatch::Name("web".into())),
    ];
    assert_eq!(ports, expected);
    let shown: Vec<_> = { read.egress.iter() }
        .map(|rule| match rule.peers.as_slice() {
            [TieredPeer::Networks(blocks)] => format!("{} {}", blocks[0], blocks[1]),
            [TieredPeer::Nodes(nodes), TieredPeer::Pods(pods)] => {
                format!(
                    "{} {}",
                    nodes.requirements.len(),
                    pods.namespaces.requirements.len()
                )
            }
            [TieredPeer::DomainNames(names)] => format!("{} {}", names[0], names[1]),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, ["10.0.0.0/8 ::/0", "0 0", "*.k8s.io k8s.io"]);

    let admin = with(
        ADMIN,
        "ingress: [{action: Pass, from: [{namespaces: {}}]}], egress: null",
    );
    assert_eq!((admin.tier, admin.priority), (Tier::Admin, Some(5)));
    assert_eq!((admin.ingress.len(), admin.egress.len()), (1, 0));
    let baseline = with(
        BASELINE,
        "ingress: [{action: Deny, from: [{namespaces: {}}]}]",
    );
    assert_eq!((baseline.tier, baseline.priority), (Tier::Baseline, None));
    assert_eq!(baseline.reference.to_string(), "default");
}

#[test]
fn rule_29_v1alpha1_says_allow_and_v1alpha2_accept() {
    let rule = |action| format!("{{action: {action}, to: [{{namespaces: {{}}}}]}}");
    assert_eq!(egress(ADMIN, &rule("Allow")).action, Action::Accept);
    assert_eq!(egress(BASELINE, &rule("Allow")).action, Action::Accept);
    assert_eq!(egress(CLUSTER, &rule("Accept")).action, Action::Accept);
    for (kind, action, words) in [
        (
            ADMIN,
            "Accept",
            "expected Allow, Deny or Pass, found \"Accept\"",
        ),
        (BASELINE, "Pass", "expected Allow or Deny, found \"Pass\""),
        (
            CLUSTER,
            "Allow",
            "expected Accept, Deny or Pass, found \"Allow\"",
        ),
        (CLUSTER, "accept", "found \"accept\""),
        (CLUSTER, "null", "found none"),
    ] {
        check_rule(kind, &rule(action), ".action", words);
    }
}

#[test]
fn rule_33_a_peer_without_a_known_field_is_kept_with_the_names_of_its_fields() {
    for (peer, names) in [
        ("{}", vec![]),
        (
            "{serviceAccounts: {}, a: [b]}",
            vec!["a", "serviceAccounts"],
        ),
        ("{pods: null, later: null}", vec![]),
    ] {
        for kind in [ADMIN, BASELINE, CLUSTER] {
            let rule = egress(
                kind,
                &format!("{{action: Deny, to: [{{namespaces: {{}}}}, {peer}]}}"),
            );
            let names: Vec<_> = names.iter().map(|name| String::from(*name)).collect();
            assert_eq!(rule.peers[1], TieredPeer::Unsupported(names), "{peer}");
        }
    }
    // Fields of the other direction are no fields here.
    let policy = with(CLUSTER, "ingress: [{action: Deny, from: [{nodes: {}}]}]");
    let nodes = TieredPeer::Unsupported(vec!["nodes".into()]);
    assert_eq!(policy.ingress[0].peers, [nodes]);
    check_rule(
        CLUSTER,
        "{action: Deny, to: [{namespaces: {}, serviceAccounts: {}}]}",
        ".to[0]",
        "expected one field, found namespaces and serviceAccounts",
    );
}

#[test]
fn rule_34_v1alpha1_ports_default_to_tcp_and_a_range_has_two_ends() {
    let ports = |kind, ports: &str| {
        let field = if kind == CLUSTER {
            "protocols"
        } else {
            "ports"
        };
        format!("{{action: Deny, to: [{{namespaces: {{}}}}], {field}: [{ports}]}}")
    };
    let rule = egress(
        ADMIN,
        &ports(
            ADMIN,
            "{portNumber: {port: 80}}, {portRange: {protocol: UDP, start: 1, end: 65535}}, {namedPort: web}",
        ),
    );
    let read: Vec<_> = { rule.ports.iter() }
        .map(|port| (port.protocol, port.port.clone()))
        .collect();
    let expected = [
        (Some(Protocol::Tcp), PortMatch::Range(80, 80)),
        (Some(Protocol::Udp), PortMatch::Range(1, 65535)),
        (None, PortMatch::Name("web".into())),
    ];
    assert_eq!(read, expected);
    for (port, field, words) in [
        (
            "{portRange: {start: 80, end: 80}}",
            ".portRange.end",
            "expected a port above 80, found 80",
        ),
        (
            "{portRange: {start: 81, end: 80}}",
            ".portRange.end",
            "found 80",
        ),
        ("{portRange: {start: 80}}", ".portRange.end", "found none"),
        (
            "{portRange: {start: 0, end: 80}}",
            ".portRange.start",
            "found 0",
        ),
        (
            "{portNumber: {protocol: TCP}}",
            ".portNumber.port",
            "found none",
        ),
        (
            "{portNumber: {port: 65536}}",
            ".portNumber.port",
            "found 65536",
        ),
        (
            "{portNumber: {protocol: ICMP, port: 80}}",
            ".portNumber.protocol",
            "TCP, UDP or SCTP",
        ),
        ("{namedPort: ''}", ".namedPort", "found none"),
        (
            "{}",
            "",
            "expected one of portNumber, portRange and namedPort",
        ),
        (
            "{portNumber: {port: 80}, namedPort: a}",
            "",
            "expected one of",
        ),
        ("{port: 80}", ".port", "expected no such field"),
        (
            "{portNumber: {port: 80, endPort: 81}}",
            ".portNumber.endPort",
            "expected no such field",
        ),
    ] {
        check_rule(
            ADMIN,
            &ports(ADMIN, port),
            &format!(".ports[0]{field}"),
            words,
        );
    }
    for (port, field, words) in [
        (
            "{tcp: {}}",
            ".tcp",
            "expected a destinationPort, found none",
        ),
        (
            "{udp: {destinationPort: {}}}",
            ".udp.destinationPort",
            "expected one of number and range",
        ),
        (
            "{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}",
            ".tcp.destinationPort",
            "expected one of",
        ),
        (
            "{sctp: {destinationPort: {number: 0}}}",
            ".sctp.destinationPort.number",
            "found 0",
        ),
        (
            "{tcp: {destinationPort: {range: {start: 2, end: 2}}}}",
            ".tcp.destinationPort.range.end",
            "above 2",
        ),
        (
            "{tcp: {destinationPort: {number: http}}}",
            ".tcp.destinationPort.number",
            "invalid type",
        ),
        (
            "{tcp: {destinationPort: {number: 1}}, destinationNamedPort: a}",
            "",
            "expected one of tcp, udp, sctp and",
        ),
        ("{}", "", "expected one of"),
        ("{icmp: {}}", ".icmp", "expected no such field"),
    ] {
        check_rule(
            CLUSTER,
            &ports(CLUSTER, port),
            &format!(".protocols[0]{field}"),
            words,
        );
    }
    // Each version has its own list.
    check_rule(
        CLUSTER,
        &ports(ADMIN, "{namedPort: a}"),
        ".ports",
        "expected no such field",
    );
    check_rule(
        ADMIN,
        &ports(CLUSTER, "{}"),
        ".protocols",
        "expected no such field",
    );
    check_rule(
        ADMIN,
        &ports(ADMIN, ""),
        ".ports",
        "expected 1 to 100 items, found 0",
    );
    check_rule(
        CLUSTER,
        &ports(CLUSTER, ""),
        ".protocols",
        "expected 1 to 25 items, found 0",
    );
}

#[test]
fn rule_35_domain_names_are_for_accepting_egress_only() {
    let rule = |action, names| format!("{{action: {action}, to: [{{domainNames: [{names}]}}]}}");
    egress(ADMIN, &rule("Allow", "k8s.io"));
    egress(CLUSTER, &rule("Accept", "'*.k8s.io'"));
    let (field, only) = (".to[0].domainNames", "in rules with action");
    check_rule(
        ADMIN,
        &rule("Deny", "k8s.io"),
        field,
        &format!("{only} Allow only"),
    );
    check_rule(
        CLUSTER,
        &rule("Pass", "k8s.io"),
        field,
        &format!("{only} Accept only"),
    );
    check_rule(
        BASELINE,
        &rule("Allow", "k8s.io"),
        field,
        "expected no such field",
    );
    check_rule(
        CLUSTER,
        &rule("Accept", ""),
        field,
        "expected 1 to 25 items, found 0",
    );
    let (first, second) = (".to[0].domainNames[0]", ".to[0].domainNames[1]");
    check_rule(
        CLUSTER,
        &rule("Accept", "io"),
        first,
        "expected a domain name",
    );
    check_rule(
        CLUSTER,
        &rule("Accept", "a.io, 'www.*.io'"),
        second,
        "\"www.*.io\"",
    );
    check_rule(
        CLUSTER,
        &rule("Accept", "a.io, a.io"),
        second,
        "each item once",
    );
    // Names on ingress are of no version: the peer fails closed (rule 33).
    let ingress = with(
        CLUSTER,
        "ingress: [{action: Accept, from: [{domainNames: [a.io]}]}]",
    );
    let names = TieredPeer::Unsupported(vec!["domainNames".into()]);
    assert_eq!(ingress.ingress[0].peers, [names]);
}

#[test]
fn rule_38_the_baseline_policy_of_v1alpha1_is_named_default() {
    let text =
        format!("{}{{{}}}}}", BASELINE.0, BASELINE.1).replace("name: default", "name: other");
    let expected = "expected \"default\", found \"other\"";
    assert_eq!(refused(&text), ("metadata.name".into(), expected.into()));
    check_refused(
        BASELINE,
        "priority: 1",
        "spec.priority",
        "expected no such field",
    );
}

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
