//! What implementations got wrong and the usual suites do not ask, each under the name of the fault.

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DenyReason, PolicyKind, Verdict};

use crate::support::{World, outside};
use Decision::{Allowed, Denied, Unknown};

/// What one policy says of TCP from the web server to the database, both of its own namespace.
fn web_to_db(spec: &str, port: u16) -> Verdict {
    World::with(&[spec]).tcp("prod/web", "prod/db", port)
}

#[test]
fn a_port_entry_with_nothing_but_a_protocol() {
    let world = World::with(&["{ingress: [{ports: [{protocol: UDP}]}]}"]);
    for (protocol, port, decision) in [
        (Udp, 1, Allowed),
        (Udp, 65535, Allowed),
        (Tcp, 1, Denied),
        (Sctp, 1, Denied),
    ] {
        let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
        let verdict = world.ask(from, to, protocol, port);
        assert_eq!(verdict.decision(), decision, "{protocol} {port}");
    }
}

#[test]
fn policy_types_omitted_beside_egress_rules() {
    let verdict = web_to_db("{egress: [{}]}", 1);
    assert_eq!(
        (verdict.egress.decision, verdict.ingress.decision),
        (Allowed, Denied)
    );
    assert_eq!(verdict.ingress.denied_by[0].reason, DenyReason::NoRules);
}

#[test]
fn a_list_of_peers_that_is_empty() {
    for (spec, decision) in [
        ("{ingress: [{from: []}]}", Allowed),
        ("{ingress: [{from: null}]}", Allowed),
        ("{ingress: [{from: [], ports: [{port: 2}]}]}", Denied),
        ("{ingress: []}", Denied),
    ] {
        assert_eq!(web_to_db(spec, 1).decision(), decision, "{spec}");
    }
}

#[test]
fn baseline_for_a_pod_that_is_isolated_for_egress_only() {
    let baseline =
        "{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy,
        metadata: {name: default}, spec: {subject: {namespaces: {}},
        ingress: [{action: Deny, from: [{namespaces: {}}]}]}}";
    for (types, decision) in [("[Egress]", Denied), ("[Ingress]", Allowed)] {
        let spec = format!("{{policyTypes: {types}, ingress: [{{}}], egress: [{{}}]}}");
        let world = World::with(&[&spec]).and(baseline);
        let ingress = world.tcp("ci/build", "prod/db", 1).ingress;
        assert_eq!(ingress.decision, decision, "{types}");
        let by = ingress.denied_by.first().map(|denial| denial.policy.kind);
        let is_denied = decision == Denied;
        assert_eq!(
            by,
            is_denied.then_some(PolicyKind::BaselineAdminNetworkPolicy)
        );
    }
}

#[test]
fn a_port_without_a_protocol() {
    let world = World::with(&["{ingress: [{ports: [{port: 53}]}]}"]);
    for (protocol, decision) in [(Tcp, Allowed), (Udp, Denied), (Sctp, Denied)] {
        let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
        let verdict = world.ask(from, to, protocol, 53);
        assert_eq!(verdict.decision(), decision, "{protocol}");
    }
}

#[test]
fn the_ends_of_a_range() {
    let spec = "{ingress: [{ports: [{port: 32000, endPort: 32768}]}]}";
    for (port, decision) in [
        (31999, Denied),
        (32000, Allowed),
        (32768, Allowed),
        (32769, Denied),
    ] {
        assert_eq!(web_to_db(spec, port).decision(), decision, "{port}");
    }
}

#[test]
fn a_pod_selector_of_a_peer_is_for_the_policys_namespace() {
    let world = World::with(&["{ingress: [{from: [{podSelector: {}}]}]}"]);
    assert_eq!(world.tcp("prod/web", "prod/db", 1).decision(), Allowed);
    assert_eq!(world.tcp("ci/build", "prod/db", 1).decision(), Denied);
    let twin = "{kind: Pod, apiVersion: v1, metadata: {name: web, namespace: ci, labels: {app: web}}, spec: {containers: []}, status: {podIPs: [{ip: 10.1.0.8}]}}";
    let world =
        World::with(&["{ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"]).and(twin);
    assert_eq!(world.tcp("ci/web", "prod/db", 1).decision(), Denied);
}

#[test]
fn a_name_that_a_port_of_another_protocol_has() {
    // The database's `dns` is UDP.
    for (ports, protocol, decision) in [
        ("{port: dns}", Tcp, Denied),
        ("{port: dns}", Udp, Denied),
        ("{port: dns, protocol: UDP}", Udp, Allowed),
        ("{port: dns, protocol: UDP}", Tcp, Denied),
    ] {
        let world = World::with(&[&format!("{{ingress: [{{ports: [{ports}]}}]}}")]);
        let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
        let verdict = world.ask(from, to, protocol, 53);
        assert_eq!(verdict.decision(), decision, "{ports} {protocol}");
    }
}

#[test]
fn the_other_ip_version() {
    let over_v6 = |spec: &str| {
        let world = World::with(&[spec]);
        let (from, to): (_, std::net::IpAddr) =
            ("2001:db8::9".parse().unwrap(), "fd00::5".parse().unwrap());
        let to = End::Pod {
            pod: world.0.pod_at(to).unwrap().clone(),
            address: Some(to),
        };
        world.ask(End::Address(from), to, Tcp, 1).decision()
    };
    for (cidr, decision) in [
        ("0.0.0.0/0", Denied),
        ("::/0", Allowed),
        ("2001:db8::/32", Allowed),
        ("2001:db9::/32", Denied),
    ] {
        let spec = format!("{{ingress: [{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}]}}");
        assert_eq!(over_v6(&spec), decision, "{cidr}");
    }
    assert_eq!(over_v6("{}"), Denied, "isolation has no IP version");
}

#[test]
fn the_address_that_a_finished_pod_still_shows() {
    let world = World::with(&["{ingress: [{from: [{namespaceSelector: {}}]}]}"]);
    let address = "10.1.0.9".parse().unwrap();
    assert!(
        world
            .0
            .pod("ci", "done")
            .unwrap()
            .addresses
            .contains(&address)
    );
    let from = world.0.end_at(address);
    assert_eq!(from, End::Address(address));
    let verdict = world.ask(from, world.pod("prod/db"), Tcp, 1);
    assert_eq!(verdict.decision(), Denied, "no pod has it any more");
}

#[test]
fn a_pod_and_itself() {
    let spec = "{policyTypes: [Ingress, Egress]}";
    let world = World::with(&[spec]);
    for protocol in [Tcp, Udp, Sctp] {
        let end = || world.pod("prod/web");
        let verdict = world.ask(end(), end(), protocol, 80);
        assert_eq!(verdict.decision(), Allowed);
        assert_eq!(verdict.egress.decided_by, DecidedBy::SelfTraffic);
    }
    assert_eq!(web_to_db(spec, 1).decision(), Denied);
}

#[test]
fn a_node_and_a_pod() {
    let world = World::with(&[
        "{ingress: [{from: [{namespaceSelector: {}}]}]}",
        "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24}}]}]}",
    ]);
    for (node, pod, decision) in [
        // Its own node, whatever the policy; another, which no pod selector matches; another, by address.
        ("192.168.0.1", "prod/db", Allowed),
        ("192.168.0.2", "prod/db", Denied),
        ("192.168.0.1", "prod/web", Allowed),
    ] {
        let verdict = world.ask(world.node(node), world.pod(pod), Tcp, 10250);
        assert_eq!(verdict.decision(), decision, "{node} {pod}");
        assert_eq!(verdict.egress.decided_by, DecidedBy::NotASubject);
    }
}

#[test]
fn a_service_between_two_pods() {
    let dialled = Some("10.96.0.1:80".parse().unwrap());
    for (rule, decision, caveats) in [
        // The port is the backend's, not the one that was dialled.
        ("{ports: [{port: 5432}]}", Allowed, vec![]),
        ("{ports: [{port: 80}]}", Denied, vec![]),
        ("{ports: [{port: sql}]}", Allowed, vec![]),
        // Selectors match the backend.
        (
            "{to: [{podSelector: {matchLabels: {app: db}}}]}",
            Allowed,
            vec![],
        ),
        // A block of Service addresses may match on some implementations.
        (
            "{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}",
            Denied,
            vec![Caveat::AddressTranslated],
        ),
    ] {
        let world = World::with(&[&format!(
            "{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{rule}]}}"
        )]);
        let mut connection =
            Connection::new(world.pod("prod/web"), world.pod("prod/db"), Tcp, Some(5432));
        connection.dialled = dialled;
        let verdict = evaluate(&world.0, &connection);
        assert_eq!(
            (verdict.decision(), verdict.caveats),
            (decision, caveats),
            "{rule}"
        );
    }
}

#[test]
fn a_service_between_a_pod_and_itself() {
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let end = || world.pod("prod/db");
    let mut connection = Connection::new(end(), end(), Tcp, Some(5432));
    connection.dialled = Some("10.96.0.1:80".parse().unwrap());
    let verdict = evaluate(&world.0, &connection);
    assert_eq!(
        (verdict.decision(), verdict.caveats),
        (Unknown, vec![Caveat::SelfThroughService])
    );
}

#[test]
fn a_host_network_pod_as_a_peer() {
    for (peer, decision) in [
        ("podSelector: {matchLabels: {app: host}}", Denied),
        ("podSelector: {}", Denied),
        ("namespaceSelector: {}", Denied),
        ("ipBlock: {cidr: 192.168.0.2/32}", Allowed),
    ] {
        let world = World::with(&[
            &format!("{{ingress: [{{from: [{{{peer}}}]}}]}}"),
            &format!("{{policyTypes: [Egress], egress: [{{to: [{{{peer}}}]}}]}}"),
        ]);
        // The database is on another node.
        let into = world.tcp("prod/host", "prod/db", 80);
        let out = world.tcp("prod/db", "prod/host", 80);
        assert_eq!(into.ingress.decision, decision, "{peer}");
        assert_eq!(out.egress.decision, decision, "{peer}");
        assert!(into.caveats.contains(&Caveat::HostNetwork));
    }
    let world = World::with(&["{policyTypes: [Ingress, Egress]}"]);
    let verdict = world.ask(outside(), world.pod("prod/host"), Tcp, 80);
    assert_eq!(verdict.decision(), Allowed, "and it is no subject");
}
