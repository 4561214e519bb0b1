//! Why traffic gets no rule.

use super::golden::{shop, usual};
use super::world::{edge, enforce, group, history, node, outside, run};
use crate::history::{Agreement, Edge, History, Observed, Party, Port};
use crate::model::{Cidr, Protocol};
use crate::suggest::{Fate, Options, Suggestions, suggest};
use crate::verdict::Direction;

/// The reason for which one of `web`'s connections to `db`, changed in some way, is left out; its policies are printed all
/// the same.
fn reason(change: impl FnOnce(&mut History, &mut Edge)) -> String {
    let mut history = history();
    let web = run(&mut history, group("shop/web", "app=web"));
    let db = run(&mut history, group("data/db", "app=db"));
    let mut changed = edge(&web, &db, 5432);
    change(&mut history, &mut changed);
    history.edges = vec![changed];
    let suggestions = suggest(&history, &Options::new("shop"), |_| ());
    assert_eq!(workloads(&suggestions), 1);
    assert_eq!(suggestions.withheld, []);
    let left_out = suggestions.left_out.iter().map(|one| one.reason.as_str());
    left_out.collect::<Vec<_>>().join(" ")
}

/// Those with a policy of their own, and those that the default deny stands for.
fn workloads(suggestions: &Suggestions) -> usize {
    let named = suggestions.policies.iter().map(|one| one.workloads.len());
    named.sum::<usize>() + suggestions.without_rules.len()
}

#[test]
fn only_what_got_through_is_kept() {
    for (observed, expected) in [
        (Observed::Forwarded, ""),
        (Observed::Dropped, "blocked"),
        (Observed::Rejected, "blocked"),
        (Observed::Unanswered, "unanswered"),
        (Observed::Unknown, "outcome-unknown"),
    ] {
        let found = reason(|_, edge| edge.key.observed = observed);
        assert_eq!(found, expected, "{observed:?}");
    }
    let unenforced = reason(|_, edge| edge.key.agreement = Agreement::DeniedButForwarded);
    assert_eq!(unenforced, "not-enforced");
}

#[test]
fn other_ends_that_no_rule_can_name() {
    let unknown = Cidr::parse_lenient("10.244.1.9/32").unwrap().0;
    let service = |name: &str| Party::Service {
        namespace: "shop".into(),
        name: name.into(),
    };
    let mut host = group("data/db", "app=db");
    host.host_network = true;
    for (other, expected) in [
        (Party::Many, "many-parties"),
        (Party::Unknown(unknown), "party-unknown"),
        (service("elsewhere"), "backend-unknown"),
        (service("gone"), "backend-unknown"),
        (node("n1"), "own-node"),
        (node("n2"), ""),
        (node("n9"), "node-unknown"),
        (Party::Pods(host.into()), "host-network"),
        (
            Party::Pods(group("data/bare", "").into()),
            "peer-without-labels",
        ),
        (
            Party::Pods(
                group(
                    "data/hash",
                    "pod-template-hash=5d4f,ci.example/git-commit=1f3a,config-hash=9",
                )
                .into(),
            ),
            "peer-without-labels",
        ),
        (outside("203.0.113.0/24"), ""),
        (outside("203.0.0.0/16"), "outside-wide"),
        (outside("192.0.2.0/24"), "outside-in-cluster"),
    ] {
        let words = format!("{other:?}");
        let found = reason(|_, edge| edge.key.destination = other);
        assert_eq!(found, expected, "{words}");
    }
    let blind = reason(|history, edge| {
        history.nodes[0].dialect = "cilium".into();
        edge.key.destination = node("n2");
    });
    assert_eq!(blind, "node-not-matched");
}

#[test]
fn ports_that_no_rule_can_name() {
    for (protocol, port, expected) in [
        (Protocol::Tcp, Port::Many, "many-ports"),
        (Protocol::Tcp, Port::None, "port-unknown"),
        (Protocol::Other(1), Port::None, "protocol-undefined"),
        (Protocol::Sctp, Port::One(9), ""),
    ] {
        let found = reason(|_, edge| (edge.key.protocol, edge.key.port) = (protocol, port));
        assert_eq!(found, expected, "{protocol} {port:?}");
    }
}

#[test]
fn outside_addresses_that_lie_too_far_apart() {
    let mut history = history();
    let web = run(&mut history, group("shop/web", "app=web"));
    for index in 0..9 {
        let address = outside(&format!("203.0.{index}.1/32"));
        history.edges.push(edge(&web, &address, 443));
    }
    let suggestions = suggest(&history, &Options::new("shop"), |_| ());
    assert_eq!(suggestions.left_out.len(), 9);
    let words = suggestions.left_out[0].reason.to_string();
    assert!(words.contains("9 blocks where 8 are the limit"), "{words}");
    assert!(suggestions.left_out[0].is_cut_off());
    assert_eq!(suggestions.left_out[0].fate, Fate::Denied);
    assert_eq!(suggestions.without_rules.len(), 1);
}

#[test]
fn policies_of_others_are_not_ours_to_heal() {
    let mut history = history();
    let web = run(&mut history, group("shop/web", "app=web"));
    let db = run(&mut history, group("data/db", "app=db"));
    enforce(
        &mut history,
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shut, namespace: data}, spec: {}}",
    );
    history.edges.push(edge(&web, &db, 5432));
    let suggestions = suggest(&history, &Options::new("shop"), |_| ());
    assert_eq!(suggestions.still_denied.len(), 1);
    assert_eq!(suggestions.policies.len(), 2);
}

#[test]
fn what_is_left_out_is_told_with_what_becomes_of_it() {
    let mut history = usual();
    let [web, db] = [0, 1].map(|index| Party::Pods(history.population[index].group.clone()));
    let mut blocked = edge(&web, &db, 5432);
    blocked.key.observed = Observed::Dropped;
    history.edges.push(blocked);
    let mut unwanted = edge(&web, &db, 22);
    unwanted.key.observed = Observed::Unanswered;
    history.edges.push(unwanted);
    history
        .edges
        .push(edge(&outside("198.51.0.0/16"), &db, 8080));
    history.edges.push(edge(&Party::Many, &web, 8080));
    let fates = |history: &History| {
        let left_out = shop(history).left_out;
        let fates = left_out
            .iter()
            .filter(|one| one.direction == Direction::Ingress);
        fates
            .map(|one| (one.reason.as_str(), one.fate.as_str(), one.is_cut_off()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fates(&history),
        [
            ("blocked", "permitted", false),
            ("unanswered", "denied", false),
            ("outside-wide", "denied", true),
            ("many-parties", "unknown", true),
        ]
    );
    enforce(
        &mut history,
        r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
",
    );
    assert_eq!(fates(&history)[2], ("outside-wide", "denied-later", true));
}
