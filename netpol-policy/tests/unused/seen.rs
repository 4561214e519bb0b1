//! Traffic that a line may need although no use of it was counted.

use std::net::IpAddr;

use netpol_policy::history::{Edge, Observed, Party, PolicyName, Port};
use netpol_policy::model::{Cidr, Protocol, Service, ServicePort, ServiceType, TargetPort};
use netpol_policy::unused::{Confidence, Status};
use netpol_policy::verdict::{Decision, PolicyKind};

use super::world::{World, day, group};

const WEB: &str = "web: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}], ports: [{port: 80}]}]}";
const AT: &str = "web ingress[0] from[0] ports[0]";

/// What is said of a line, how surely, and the worst that takes from it.
#[track_caller]
fn assert_said(world: &World, at: &str, confidence: Confidence, worst: &str) {
    let entry = world.entry(at);
    let status = match confidence {
        Confidence::Insufficient => Status::InsufficientEvidence,
        _ => Status::Idle,
    };
    let limits = entry.limits.first().map(ToString::to_string);
    assert_eq!(
        (entry.status, entry.confidence, limits.unwrap_or_default()),
        (status, confidence, worst.to_owned())
    );
}

fn undecided(edge: &mut Edge) {
    edge.key.computed = Decision::Unknown;
}

/// Nobody counts on the node of the other end, and the pod's own was not watched, or lost it.
#[test]
fn what_was_seen_at_the_other_end_alone_was_seen() {
    let policy = || PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: "web".into(),
    };
    let world = |port| {
        let world = World::new(WEB).traffic("ci/build", "prod/web", port, 7);
        world.but(|edge| edge.key.policies = vec![policy()])
    };
    assert_said(
        &world(80),
        AT,
        Confidence::Insufficient,
        "7 connections that it matches were seen, where its uses are not counted",
    );
    assert_eq!(world(80).entry(AT).because, "no use of it was counted");
    // By another of its lines.
    assert_said(&world(81), AT, Confidence::High, "");
    // Before the policy said this.
    let mut before = world(80).but(|edge| edge.totals.last_seen = day(5));
    before.0.policies[0].since = day(6);
    assert_said(&before, AT, Confidence::High, "");
    // A use that is counted is no matter.
    let used = world(80).hits("web", "ingress[0] from[0] ports[0]", 7, 7);
    assert_eq!(used.entry(AT).status, Status::Used);
}

#[test]
fn traffic_that_could_not_be_decided_may_have_needed_it() {
    let world = |from, port| {
        World::new(WEB)
            .traffic(from, "prod/web", port, 2)
            .but(undecided)
    };
    assert_said(
        &world("ci/build", 80),
        AT,
        Confidence::Insufficient,
        "it cannot be told whether 2 connections needed it",
    );
    for (from, port) in [("ci/build", 81), ("prod/web", 80), ("192.0.2.1/32", 80)] {
        assert_said(&world(from, port), AT, Confidence::High, "");
    }
    let stopped = world("ci/build", 80).but(|edge| edge.key.observed = Observed::Dropped);
    assert_said(&stopped, AT, Confidence::High, "");
}

/// A pod that just started, whose labels came too late; a scan.
#[test]
fn somebody_unknown_weighs_by_how_much_was_seen_beside() {
    let block = Cidr::parse_lenient("10.244.1.7/32").unwrap().0;
    for party in [Party::Unknown(block), Party::Many] {
        for (others, confidence) in [(199, Confidence::Insufficient), (99_999, Confidence::Low)] {
            for is_source in [true, false] {
                let world = World::new(WEB)
                    .traffic("prod/web", "ci/build", 443, others)
                    .traffic("ci/build", "prod/web", 80, 3)
                    .but(undecided)
                    .but(|edge| match is_source {
                        true => edge.key.source = party.clone(),
                        false => edge.key.destination = party.clone(),
                    });
                let entry = world.entry(AT);
                assert_eq!(
                    entry.confidence, confidence,
                    "{party:?} {others} {is_source}"
                );
                let beside = others + 3;
                assert_eq!(
                    entry.limits[0].to_string(),
                    format!(
                        "it cannot be told whether 3 connections by somebody unknown needed it, beside about {beside} others"
                    )
                );
            }
        }
    }
}

/// Rule 23: whether a rule without ports is about ICMP is undefined.
#[test]
fn pings_may_need_a_rule_without_ports() {
    let ping = |edge: &mut Edge| {
        undecided(edge);
        edge.key.protocol = Protocol::Other(1);
        edge.key.port = Port::None;
    };
    let world = |text: &str| {
        World::new(text)
            .traffic("ci/build", "prod/web", 0, 5)
            .but(ping)
    };
    assert_said(&world(WEB), AT, Confidence::High, "");
    assert_said(
        &world(&WEB.replace(", ports: [{port: 80}]", "")),
        "web ingress[0] from[0]",
        Confidence::Insufficient,
        "it cannot be told whether 5 connections needed it",
    );
}

/// Rule 18: by the address of the Service, as some implementations see it.
#[test]
fn an_egress_rule_may_be_about_the_address_of_a_service() {
    let text = "web: {podSelector: {matchLabels: {app: web}}, egress: [{to: [{ipBlock: {cidr: 10.96.0.1/32}}], ports: [{port: 443}]}], policyTypes: [Egress]}";
    let at = "web egress[0] to[0] ports[0]";
    let address: IpAddr = "10.96.0.1".parse().unwrap();
    let mut world = World::new(text)
        .traffic("prod/web", "192.0.2.10/32", 6443, 40)
        .but(|edge| {
            edge.key.service = Some(("default".into(), "kubernetes".into()));
            edge.key.computed = Decision::Denied;
        });
    assert_said(&world, at, Confidence::High, "");
    world.0.services.push(Service {
        namespace: "default".into(),
        name: "kubernetes".into(),
        kind: ServiceType::ClusterIp,
        cluster_addresses: vec![address],
        is_headless: false,
        external_addresses: Vec::new(),
        selector: None,
        ports: vec![ServicePort {
            name: "https".into(),
            protocol: Protocol::Tcp,
            port: 443,
            target: TargetPort::Number(6443),
            node_port: None,
        }],
    });
    assert_said(
        &world,
        at,
        Confidence::Insufficient,
        "it cannot be told whether 40 connections needed it",
    );
    // The same where policy stopped it.
    let stopped = world.but(|edge| edge.key.observed = Observed::Dropped);
    assert_said(&stopped, at, Confidence::High, "");
}

/// Rule 21: an ingress controller on the host network, which policy as it is read here does not let in, gets in.
#[test]
fn a_peer_on_the_host_network_gets_in_as_its_node() {
    let mut controller = group("ci/build");
    controller.host_network = true;
    let world = |node: &str| {
        let node = Party::Node { name: node.into() };
        World::new(WEB)
            .group(controller.clone(), &[("n1", 1)], 0, 30)
            .traffic("ci/build", "prod/web", 80, 6)
            .but(|edge| {
                edge.key.source = node;
                edge.key.computed = Decision::Denied;
            })
    };
    assert_said(
        &world("n1"),
        AT,
        Confidence::Insufficient,
        "it cannot be told whether 6 connections needed it",
    );
    assert_said(&world("n2"), AT, Confidence::High, "");
}
