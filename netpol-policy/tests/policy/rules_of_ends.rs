//! Rule by rule: addresses, a pod and itself, nodes, hostNetwork, finished pods.

use std::net::SocketAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::dialect::Dialect;
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{Caveat, DecidedBy, Decision};

use crate::support::{WORLD, World, objects, outside};
use Decision::{Allowed, Denied, Unknown};

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
fn rule_17_a_dialect_may_keep_blocks_away_from_pods_and_nodes() {
    let world = World::with(&["{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"]);
    for (from, by_specification, by_cilium) in [
        (world.pod("ci/build"), Allowed, Denied),
        (world.pod("prod/host"), Allowed, Denied),
        (world.node("192.168.0.2"), Allowed, Denied),
        (outside(), Allowed, Allowed),
    ] {
        let connection = Connection::new(from, world.pod("prod/db"), Protocol::Tcp, Some(1));
        for (dialect, decision) in [
            (Dialect::SPECIFICATION, by_specification),
            (Dialect::CILIUM, by_cilium),
        ] {
            let inventory = world.0.clone().with_dialect(dialect);
            let ingress = evaluate(&inventory, &connection).ingress;
            assert_eq!(
                ingress.decision, decision,
                "{} {dialect:?}",
                connection.source
            );
        }
    }
}

#[test]
fn rule_18_a_block_may_see_what_was_dialled_or_what_is_reached() {
    for (peer, decision, is_told) in [
        // The backend alone, the Service alone, both, neither.
        ("ipBlock: {cidr: 10.1.0.0/16}", Allowed, true),
        ("ipBlock: {cidr: 10.96.0.0/16}", Denied, true),
        ("ipBlock: {cidr: 10.0.0.0/8}", Allowed, false),
        ("ipBlock: {cidr: 192.0.2.0/24}", Denied, false),
        (
            "ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.5/32]}",
            Denied,
            true,
        ),
        ("podSelector: {}", Allowed, false),
    ] {
        let world = World::with(&[&format!(
            "{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{{to: [{{{peer}}}]}}]}}"
        )]);
        let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
        let mut connection = Connection::new(from, to, Protocol::Tcp, Some(5432));
        let direct = evaluate(&world.0, &connection);
        connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
        let through = evaluate(&world.0, &connection);
        assert_eq!(
            (direct.decision(), through.decision()),
            (decision, decision),
            "{peer}"
        );
        assert!(
            !direct.caveats.contains(&Caveat::AddressTranslated),
            "{peer}"
        );
        assert_eq!(
            through.caveats.contains(&Caveat::AddressTranslated),
            is_told,
            "{peer}"
        );
    }
}

#[test]
fn rule_18_ingress_sees_the_source_as_it_left_its_pod() {
    let world = World::with(&["{ingress: [{from: [{ipBlock: {cidr: 10.1.0.6/32}}]}]}"]);
    let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
    let mut connection = Connection::new(from, to, Protocol::Tcp, Some(5432));
    connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
    let verdict = evaluate(&world.0, &connection);
    assert_eq!(verdict.ingress.decision, Allowed);
    assert!(!verdict.caveats.contains(&Caveat::AddressTranslated));
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
fn rule_20_holds_both_ways_and_for_pods_in_the_nodes_network() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]).and(
        "{kind: Pod, apiVersion: v1, metadata: {name: unscheduled, namespace: prod}, spec: {containers: []}, status: {podIPs: [{ip: 10.1.0.8}]}}",
    );
    // Pods db and web are on n1 and n2; host is in the network of n2.
    for (pod, other, is_own) in [
        ("prod/db", world.node("192.168.0.1"), true),
        ("prod/db", world.node("192.168.0.2"), false),
        ("prod/db", world.pod("prod/host"), false),
        ("prod/web", world.pod("prod/host"), true),
        ("prod/unscheduled", world.node("192.168.0.1"), false),
    ] {
        let (decision, decided_by) = if is_own {
            (Allowed, DecidedBy::Node)
        } else {
            (Denied, DecidedBy::Policy)
        };
        let into = world.ask(other.clone(), world.pod(pod), Protocol::Tcp, 80);
        let out = world.ask(world.pod(pod), other.clone(), Protocol::Tcp, 80);
        for direction in [into.ingress, out.egress] {
            assert_eq!(
                (direction.decision, direction.decided_by),
                (decision, decided_by),
                "{pod} and {other}"
            );
        }
    }
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
fn rule_24_who_has_the_address_of_a_finished_pod_now_is_who_it_belongs_to() {
    let heir = "{kind: Pod, apiVersion: v1, metadata: {name: heir, namespace: prod}, spec: {containers: []}, status: {podIPs: [{ip: 10.1.0.9}]}}";
    let world =
        World::with(&["{ingress: [{from: [{namespaceSelector: {matchLabels: {team: build}}}]}]}"]);
    let address = "10.1.0.9".parse().unwrap();
    let ask = |world: &World| {
        let verdict = world.ask(
            world.0.end_at(address),
            world.pod("prod/db"),
            Protocol::Tcp,
            1,
        );
        verdict.ingress.decision
    };
    // The finished pod is one of namespace ci; its labels count no more.
    assert_eq!(ask(&world), Denied);
    let world = world.and(heir);
    let End::Pod { pod, .. } = world.0.end_at(address) else {
        panic!("nobody has the address");
    };
    assert_eq!(&*pod.name, "heir");
    assert_eq!(ask(&world), Denied);
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
