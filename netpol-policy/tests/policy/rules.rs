//! NetworkPolicy v1, rule by rule, from manifests to verdicts.

use std::net::SocketAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DenyReason};

use crate::support::{WORLD, World, objects, outside};
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
fn rules_16_17_except_is_no_deny_and_pod_addresses_count() {
    let spec = "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.6/32]}}]}]}";
    let world = World::with(&[spec]);
    let verdict = world.tcp("ci/build", "prod/db", 1);
    assert_eq!(verdict.ingress.decision, Allowed);
    assert_eq!(verdict.caveats, [Caveat::IpBlockMatchesPod]);
    let verdict = world.tcp("prod/web", "prod/db", 1);
    assert_eq!(verdict.ingress.decision, Denied);
    let nearest = verdict.ingress.denied_by[0].nearest.clone().unwrap();
    assert_eq!(nearest.wants, ["address in 10.0.0.0/8 except 10.1.0.6/32"]);
    let other = "{ingress: [{from: [{podSelector: {}}]}]}";
    assert_eq!(
        World::with(&[spec, other])
            .tcp("prod/web", "prod/db", 1)
            .ingress
            .decision,
        Allowed
    );
}

#[test]
fn blocks_never_match_across_ip_versions() {
    for (cidr, from, expected) in [
        ("0.0.0.0/0", "fd00::7", Denied),
        ("::/0", "fd00::7", Allowed),
        ("::/0", "203.0.113.9", Denied),
    ] {
        let world = World::with(&[&format!(
            "{{ingress: [{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}]}}"
        )]);
        let from = End::Address(from.parse().unwrap());
        let verdict = world.ask(from, world.pod("prod/db"), Protocol::Tcp, 1);
        assert_eq!(verdict.ingress.decision, expected, "{cidr}");
    }
}

#[test]
fn rule_19_a_pod_reaches_itself() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let verdict = world.tcp("prod/db", "prod/db", 5432);
    assert_eq!(verdict.decision(), Allowed);
    assert_eq!(verdict.ingress.decided_by, DecidedBy::SelfTraffic);
}

#[test]
fn rule_19_through_a_service_it_is_undefined() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let mut connection = Connection::new(
        world.pod("prod/db"),
        world.pod("prod/db"),
        Protocol::Tcp,
        Some(5432),
    );
    connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
    let verdict = evaluate(&world.0, &connection);
    assert_eq!(verdict.decision(), Unknown);
    assert_eq!(verdict.caveats, [Caveat::SelfThroughService]);
}

#[test]
fn rule_20_only_the_own_node_is_exempt() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let own = world.ask(
        world.node("192.168.0.1"),
        world.pod("prod/db"),
        Protocol::Tcp,
        80,
    );
    assert_eq!(
        (own.decision(), own.ingress.decided_by),
        (Allowed, DecidedBy::Node)
    );
    let other = world.ask(
        world.node("192.168.0.2"),
        world.pod("prod/db"),
        Protocol::Tcp,
        80,
    );
    assert_eq!(other.ingress.decision, Denied);
    assert_eq!(other.egress.decided_by, DecidedBy::NotASubject);
}

#[test]
fn rule_21_host_network_pods_are_their_nodes_address() {
    let selected =
        World::with(&["{ingress: [{from: [{podSelector: {matchLabels: {app: host}}}]}]}"]);
    let verdict = selected.tcp("prod/host", "prod/db", 80);
    assert_eq!(verdict.ingress.decision, Denied);
    assert_eq!(verdict.caveats, [Caveat::HostNetwork]);
    let address = World::with(&["{ingress: [{from: [{ipBlock: {cidr: 192.168.0.2/32}}]}]}"]);
    assert_eq!(
        address.tcp("prod/host", "prod/db", 80).ingress.decision,
        Allowed
    );
    assert_eq!(
        address.tcp("prod/web", "prod/host", 80).decision(),
        Allowed,
        "no subject"
    );
}

#[test]
fn rule_24_finished_pods_own_no_address_and_contested_ones_are_nobodys() {
    let inventory = Inventory::new(objects(WORLD));
    assert!(inventory.pod_at("10.1.0.9".parse().unwrap()).is_none());
    assert!(
        inventory.pod_at("192.168.0.2".parse().unwrap()).is_none(),
        "hostNetwork"
    );
    let address = "10.1.0.7".parse().unwrap();
    assert!(inventory.pod_at(address).is_some());
    let twin = objects(
        "{kind: Pod, apiVersion: v1, metadata: {name: twin}, spec: {containers: []}, status: {podIPs: [{ip: 10.1.0.7}]}}",
    );
    let inventory = Inventory::new(objects(WORLD).into_iter().chain(twin));
    assert!(inventory.pod_at(address).is_none());
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
fn rule_17_the_caveat_is_for_what_only_a_block_allows() {
    let block = "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}";
    let pods = "{ingress: [{from: [{podSelector: {}}]}]}";
    let caveats = |specs: &[&str]| World::with(specs).tcp("prod/web", "prod/db", 1).caveats;
    assert_eq!(caveats(&[block]), [Caveat::IpBlockMatchesPod]);
    assert_eq!(caveats(&[block, pods]), []);
    let world = World::with(&["{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"]);
    let verdict = world.ask(outside(), world.pod("prod/db"), Protocol::Tcp, 1);
    assert_eq!(
        (verdict.decision(), verdict.caveats),
        (Allowed, vec![]),
        "no pod"
    );
}

#[test]
fn rule_17_mapped_addresses_are_ipv4() {
    let world = World::with(&["{ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}"]);
    let mapped = End::Address("::ffff:203.0.113.9".parse().unwrap());
    let verdict = world.ask(mapped, world.pod("prod/db"), Protocol::Tcp, 1);
    assert_eq!(verdict.decision(), Allowed);
    assert!(world.0.pod_at("::ffff:10.1.0.5".parse().unwrap()).is_some());
}

#[test]
fn rule_19_through_a_service_policies_that_allow_are_enough() {
    let world = World::with(&["{policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}"]);
    let mut connection = Connection::new(
        world.pod("prod/db"),
        world.pod("prod/db"),
        Protocol::Tcp,
        Some(5432),
    );
    connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
    let verdict = evaluate(&world.0, &connection);
    assert_eq!((verdict.decision(), verdict.caveats), (Allowed, vec![]));
}

#[test]
fn rule_26_stored_blocks_of_old_forms_are_in_force() {
    for cidr in [
        "203.0.113.9/24",
        "203.0.113.000/24",
        "::ffff:203.0.113.0/120",
    ] {
        let world = World::with(&[&format!(
            "{{ingress: [{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}]}}"
        )]);
        let verdict = world.ask(outside(), world.pod("prod/db"), Protocol::Tcp, 1);
        assert_eq!(verdict.decision(), Allowed, "{cidr}");
    }
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
