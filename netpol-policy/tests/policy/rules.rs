//! Rule by rule: isolation, selectors, ports, protocols.

use std::net::SocketAddr;

use netpol_policy::connection::Connection;
use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DenyReason};

use crate::support::{World, outside};
use Decision::{Allowed, Denied, Unknown};

fn ingress(spec: &str, from: &str, port: u16) -> Decision {
    World::with(&[spec])
        .tcp(from, "prod/db", port)
        .ingress
        .decision
}

#[test]
fn rule_1_both_directions_are_needed_and_both_are_evaluated() {
    let world = World::with(&[
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}",
    ]);
    let verdict = world.tcp("prod/web", "prod/db", 5432);
    assert_eq!(
        (verdict.egress.decision, verdict.ingress.decision),
        (Denied, Allowed)
    );
    assert_eq!(verdict.decision(), Denied);
    assert_eq!(world.tcp("ci/build", "prod/db", 5432).decision(), Allowed);
}

#[test]
fn rules_2_and_22_isolation_is_per_direction_and_replies_need_no_rule() {
    let world = World::with(&["{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"]);
    let verdict = world.tcp("prod/web", "prod/db", 5432);
    assert_eq!(verdict.decision(), Allowed);
    assert_eq!(verdict.ingress.decided_by, DecidedBy::Default);
    assert_eq!(world.tcp("prod/db", "prod/web", 80).decision(), Denied);
}

#[test]
fn rule_4_absent_policy_types() {
    for (spec, from_db, to_db) in [
        ("{podSelector: {matchLabels: {app: db}}}", Allowed, Denied),
        (
            "{podSelector: {matchLabels: {app: db}}, egress: []}",
            Allowed,
            Denied,
        ),
        (
            "{podSelector: {matchLabels: {app: db}}, egress: [{ports: [{port: 1}]}]}",
            Denied,
            Denied,
        ),
        (
            "{podSelector: {matchLabels: {app: db}}, policyTypes: [], egress: [{}]}",
            Allowed,
            Denied,
        ),
    ] {
        let world = World::with(&[spec]);
        assert_eq!(
            world.tcp("prod/db", "prod/web", 80).egress.decision,
            from_db,
            "{spec}"
        );
        assert_eq!(
            world.tcp("prod/web", "prod/db", 80).ingress.decision,
            to_db,
            "{spec}"
        );
    }
}

#[test]
fn rules_5_6_7_what_missing_null_and_empty_mean() {
    for (spec, expected) in [
        ("{policyTypes: [Ingress]}", Denied),
        ("{policyTypes: [Ingress], ingress: null}", Denied),
        ("{policyTypes: [Ingress], ingress: []}", Denied),
        ("{podSelector: null, ingress: [{}]}", Allowed),
        (
            "{podSelector: {}, ingress: [{from: [], ports: []}]}",
            Allowed,
        ),
        ("{ingress: [{from: null, ports: null}]}", Allowed),
        (
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}",
            Allowed,
        ),
    ] {
        assert_eq!(ingress(spec, "ci/build", 5432), expected, "{spec}");
    }
    let denied = World::with(&["{}"]).tcp("ci/build", "prod/db", 1).ingress;
    assert_eq!(denied.denied_by[0].reason, DenyReason::NoRules);
    assert_eq!(denied.denied_by[0].nearest, None);
}

#[test]
fn rule_8_scope_of_selectors_in_a_peer() {
    for (peers, from_ci, from_web) in [
        ("{podSelector: {}}", Denied, Allowed),
        ("{namespaceSelector: {}}", Allowed, Allowed),
        (
            "{namespaceSelector: {matchLabels: {team: build}}, podSelector: {matchLabels: {app: web}}}",
            Denied,
            Denied,
        ),
        (
            "{namespaceSelector: {matchLabels: {team: build}}}, {podSelector: {matchLabels: {app: web}}}",
            Allowed,
            Allowed,
        ),
    ] {
        let spec = format!("{{ingress: [{{from: [{peers}]}}]}}");
        assert_eq!(ingress(&spec, "ci/build", 1), from_ci, "{peers}");
        assert_eq!(ingress(&spec, "prod/web", 1), from_web, "{peers}");
        let world = World::with(&[&spec]);
        let verdict = world.ask(outside(), world.pod("prod/db"), Protocol::Tcp, 1);
        assert_eq!(
            verdict.ingress.decision, Denied,
            "selectors never match outside: {peers}"
        );
    }
}

#[test]
fn rule_11_every_namespace_has_its_name_as_a_label() {
    let by_name = |name: &str| {
        format!(
            "{{ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}}}]}}]}}"
        )
    };
    assert_eq!(ingress(&by_name("ci"), "ci/build", 1), Allowed);
    assert_eq!(
        ingress(&by_name("prod"), "prod/web", 1),
        Allowed,
        "not even a manifest"
    );
    assert_eq!(ingress(&by_name("prod"), "ci/build", 1), Denied);
}

#[test]
fn rules_12_13_15_23_ports() {
    let world = |ports: &str| World::with(&[&format!("{{ingress: [{{ports: [{ports}]}}]}}")]);
    for (ports, protocol, port, expected) in [
        ("{port: 53}", Protocol::Tcp, 53, Allowed),
        ("{port: 53}", Protocol::Udp, 53, Denied),
        ("{protocol: UDP}", Protocol::Udp, 7, Allowed),
        ("{protocol: UDP}", Protocol::Tcp, 7, Denied),
        ("{}", Protocol::Tcp, 7, Allowed),
        ("{}", Protocol::Sctp, 7, Denied),
        ("{port: 10, endPort: 20}", Protocol::Tcp, 10, Allowed),
        ("{port: 10, endPort: 20}", Protocol::Tcp, 20, Allowed),
        ("{port: 10, endPort: 20}", Protocol::Tcp, 9, Denied),
        ("{port: 10, endPort: 20}", Protocol::Tcp, 21, Denied),
        ("{port: 10, endPort: 10}", Protocol::Tcp, 10, Allowed),
    ] {
        let world = world(ports);
        let verdict = world.ask(world.pod("ci/build"), world.pod("prod/db"), protocol, port);
        assert_eq!(
            verdict.ingress.decision, expected,
            "{ports} {protocol} {port}"
        );
    }
    let world = world("{port: 53}");
    let verdict = world.ask(
        world.pod("ci/build"),
        world.pod("prod/db"),
        Protocol::Other(1),
        0,
    );
    assert_eq!(verdict.ingress.decision, Unknown);
    assert_eq!(verdict.caveats, [Caveat::ProtocolUndefined]);
}

#[test]
fn rule_14_named_ports_are_the_destination_pods() {
    for (ports, protocol, port, expected) in [
        ("{port: sql}", Protocol::Tcp, 5432, Allowed),
        ("{port: sql}", Protocol::Tcp, 5433, Denied),
        ("{port: dns}", Protocol::Tcp, 53, Denied),
        ("{port: dns, protocol: UDP}", Protocol::Udp, 53, Allowed),
        ("{port: metrics}", Protocol::Tcp, 9090, Allowed),
        ("{port: gone}", Protocol::Tcp, 9091, Denied),
    ] {
        let ingress = format!("{{ingress: [{{ports: [{ports}]}}]}}");
        let egress = format!(
            "{{policyTypes: [Egress], podSelector: {{matchLabels: {{app: web}}}}, egress: [{{ports: [{ports}]}}]}}"
        );
        let world = World::with(&[&ingress, &egress]);
        let verdict = world.ask(world.pod("prod/web"), world.pod("prod/db"), protocol, port);
        assert_eq!(
            verdict.ingress.decision, expected,
            "{ports} {protocol} {port}"
        );
        assert_eq!(
            verdict.egress.decision, expected,
            "egress {ports} {protocol} {port}"
        );
        let outside = world.ask(world.pod("prod/web"), outside(), protocol, port);
        assert_eq!(outside.egress.decision, Denied, "no pod: {ports}");
    }
    let denied =
        World::with(&["{ingress: [{ports: [{port: gone}]}]}"]).tcp("ci/build", "prod/db", 9091);
    assert_eq!(
        denied.ingress.denied_by[0].reason,
        DenyReason::NamedPortUnresolved
    );
}

#[test]
fn rule_10_operators_in_peers_and_subjects() {
    for (requirement, web, build) in [
        (
            "{key: app, operator: In, values: [web, x]}",
            Allowed,
            Denied,
        ),
        (
            "{key: app, operator: NotIn, values: [web]}",
            Denied,
            Allowed,
        ),
        (
            "{key: tier, operator: NotIn, values: [x]}",
            Allowed,
            Allowed,
        ),
        ("{key: app, operator: Exists}", Allowed, Allowed),
        ("{key: tier, operator: Exists}", Denied, Denied),
        ("{key: tier, operator: DoesNotExist}", Allowed, Allowed),
        (
            "{key: app, operator: Exists}, {key: app, operator: NotIn, values: [web]}",
            Denied,
            Allowed,
        ),
    ] {
        let peer = format!(
            "{{ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchExpressions: [{requirement}]}}}}]}}]}}"
        );
        assert_eq!(ingress(&peer, "prod/web", 1), web, "{requirement}");
        assert_eq!(ingress(&peer, "ci/build", 1), build, "{requirement}");
        // The same requirement decides whether `web` is isolated.
        let subject = format!(
            "{{podSelector: {{matchExpressions: [{requirement}]}}, policyTypes: [Egress]}}"
        );
        let isolated = World::with(&[&subject])
            .tcp("prod/web", "prod/db", 1)
            .egress
            .decision;
        assert_eq!(isolated == Denied, web == Allowed, "{requirement}");
    }
}

#[test]
fn rule_13_a_services_port_is_not_the_pods() {
    let world = World::with(&["{ingress: [{ports: [{port: 80}]}]}"]);
    let ask = |port| {
        let mut connection = Connection::new(
            world.pod("ci/build"),
            world.pod("prod/db"),
            Protocol::Tcp,
            Some(port),
        );
        connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
        evaluate(&world.0, &connection).ingress.decision
    };
    assert_eq!(ask(5432), Denied, "80 was dialled, 5432 is reached");
    assert_eq!(ask(80), Allowed);
}

#[test]
fn policies_of_a_namespace_apply_to_its_pods_alone() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let verdict = world.tcp("ci/build", "ci/build", 1);
    assert_eq!(verdict.decision(), Allowed);
    let out = world.ask(world.pod("ci/build"), outside(), Protocol::Tcp, 1);
    assert_eq!(out.egress.decided_by, DecidedBy::Default);
}

#[test]
fn rule_23_what_nothing_isolates_is_allowed_for_every_protocol() {
    let world = World::with(&[]);
    let verdict = world.ask(
        world.pod("ci/build"),
        world.pod("prod/db"),
        Protocol::Other(1),
        0,
    );
    assert_eq!((verdict.decision(), verdict.caveats), (Allowed, vec![]));
}

#[test]
fn rule_25_the_labels_of_the_moment_decide() {
    let pod = |labels: &str| {
        format!(
            "{{kind: Pod, apiVersion: v1, metadata: {{name: build, namespace: ci, labels: {labels}}}, spec: {{containers: []}}, status: {{podIPs: [{{ip: 10.1.0.7}}]}}}}"
        )
    };
    let namespace = |labels: &str| {
        format!("{{kind: Namespace, apiVersion: v1, metadata: {{name: ci, labels: {labels}}}}}")
    };
    let before = World::with(&[
        "{ingress: [{from: [{namespaceSelector: {matchLabels: {team: build}}, podSelector: {matchLabels: {app: build}}}]}]}",
    ]);
    let ask = |world: &World| world.tcp("ci/build", "prod/db", 1).ingress.decision;
    assert_eq!(ask(&before), Allowed);
    let relabelled = before.and(&pod("{app: other}"));
    assert_eq!(ask(&relabelled), Denied);
    let back = relabelled.and(&pod("{app: build}"));
    assert_eq!(ask(&back), Allowed);
    assert_eq!(ask(&back.and(&namespace("{team: other}"))), Denied);
}
