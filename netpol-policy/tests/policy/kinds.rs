//! AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy: what is read, and what is refused.

mod ports;
mod refused;

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
