//! Who is selected, and peers that are not known.

use netpol_policy::dialect::Dialect;
use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol::{self, Tcp, Udp};
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DenyReason};

use super::{FROM_CI, TO_EVERYWHERE, world};
use Decision::{Allowed, Denied};

#[test]
fn rule_31_host_network_pods_are_neither_subjects_nor_selected() {
    let cluster = world().admin(
        "all",
        1,
        "ingress: [{action: Deny, from: [{namespaces: {}}]}], egress: [{action: Deny, to: [{namespaces: {}}]}]",
    );
    for (from, to, egress, ingress) in [
        ("shop/host", "ci/build", Allowed, Allowed),
        ("ci/build", "shop/host", Allowed, Allowed),
        ("shop/host", "shop/db", Allowed, Allowed),
        ("shop/db", "shop/host", Allowed, Allowed),
        ("shop/web", "shop/db", Denied, Denied),
    ] {
        let verdict = cluster.ask(from, to, Tcp, 80);
        assert_eq!(
            (verdict.egress.decision, verdict.ingress.decision),
            (egress, ingress),
            "{from} to {to}"
        );
        let takes_part = from == "shop/host" || to == "shop/host";
        assert_eq!(
            verdict.caveats.contains(&Caveat::HostNetwork),
            takes_part,
            "{from} to {to}"
        );
    }
}

#[test]
fn rule_32_networks_match_pods_in_every_dialect() {
    let cluster = world().admin(
        "out",
        1,
        &format!("egress: [{{action: Deny, {TO_EVERYWHERE}}}]"),
    );
    for to in ["ci/build", "shop/db", "node/n2", "shop/host", "outside"] {
        let connection = cluster.connection("shop/web", to, Tcp, 80);
        for dialect in [Dialect::SPECIFICATION, Dialect::CILIUM] {
            let inventory = cluster.inventory().clone().with_dialect(dialect);
            let verdict = evaluate(&inventory, &connection);
            assert_eq!(verdict.egress.decision, Denied, "{to} {dialect:?}");
            assert!(!verdict.caveats.contains(&Caveat::IpBlockMatchesPod));
        }
    }
}

#[test]
fn rule_32_nodes_are_node_addresses_on_egress() {
    let cluster = world().admin(
        "out",
        1,
        "egress: [{action: Deny, to: [{nodes: {matchLabels: {disk: ssd}}}]}]",
    );
    for (to, decision) in [
        ("node/n1", Denied),
        ("shop/host", Denied),
        ("node/n2", Allowed),
        ("ci/build", Allowed),
        ("outside", Allowed),
    ] {
        assert_eq!(cluster.web_to(to, Tcp, 80).decision, decision, "{to}");
    }
    // `nodes` is no field of an ingress peer (rule 33).
    let ingress = world().admin("in", 1, "ingress: [{action: Accept, from: [{nodes: {}}]}]");
    let verdict = ingress.ask("node/n1", "shop/db", Tcp, 80);
    assert_eq!(verdict.ingress.decided_by, DecidedBy::Default);
    assert_eq!(verdict.caveats, [Caveat::UnsupportedPeer]);
}

#[test]
fn rule_33_an_accept_with_an_unknown_peer_matches_nothing_at_all() {
    for peers in ["{}", "{fromTheFuture: {a: b}}", "{namespaces: {}}, {}"] {
        let cluster = world().policy("shop/np", "{podSelector: {}}").admin(
            "future",
            1,
            &format!("ingress: [{{action: Accept, from: [{peers}]}}]"),
        );
        let verdict = cluster.ask("ci/build", "shop/db", Tcp, 1);
        assert_eq!(verdict.ingress.decision, Denied, "{peers}");
        assert_eq!(&*verdict.ingress.denied_by[0].policy.name, "np");
        assert_eq!(verdict.caveats, [Caveat::UnsupportedPeer], "{peers}");
    }
}

#[test]
fn rule_33_a_deny_or_a_pass_with_an_unknown_peer_denies_everything() {
    for action in ["Deny", "Pass"] {
        for peers in [
            "{}",
            "{fromTheFuture: []}",
            "{namespaces: {matchLabels: {no: one}}}, {}",
        ] {
            let cluster = world().admin(
                "future",
                1,
                &format!(
                    "ingress: [{{action: {action}, from: [{peers}], protocols: [{{tcp: {{destinationPort: {{number: 1}}}}}}]}}]"
                ),
            );
            for (protocol, port) in [(Tcp, 1), (Tcp, 2), (Udp, 1), (Protocol::Other(1), 0)] {
                let verdict = cluster.ask("outside", "shop/db", protocol, port);
                assert_eq!(
                    verdict.ingress.decision, Denied,
                    "{action} {peers} {protocol}"
                );
                assert_eq!(verdict.caveats, [Caveat::UnsupportedPeer]);
                assert_eq!(
                    verdict.ingress.denied_by[0].reason,
                    DenyReason::ExplicitDeny
                );
            }
            let other_direction = cluster.web_to("ci/build", Tcp, 1);
            assert_eq!(other_direction.decision, Allowed);
        }
    }
}

#[test]
fn rule_33_a_rule_before_the_unknown_peer_decides_without_it() {
    let cluster = world().admin(
        "future",
        1,
        &format!("ingress: [{{action: Accept, {FROM_CI}}}, {{action: Deny, from: [{{}}]}}]"),
    );
    let verdict = cluster.ask("ci/build", "shop/db", Tcp, 1);
    assert_eq!((verdict.decision(), verdict.caveats), (Allowed, vec![]));
}
