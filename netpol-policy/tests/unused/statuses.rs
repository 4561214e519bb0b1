//! Every status, and what leads to it.

use netpol_policy::unused::{Confidence, Status};

use super::world::{LAST, World, day, group};

const WEB: &str = "web: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}], ports: [{port: 80}]}]}";

#[test]
fn what_matched_and_what_did_not() {
    for (hits, sole, status) in [
        (0, 0, Status::Idle),
        (5, 0, Status::RedundantUse),
        (5, 1, Status::Used),
    ] {
        let mut world = World::new(WEB);
        if hits > 0 {
            world = world.hits("web", "ingress[0] from[0] ports[0]", hits, sole);
        }
        let entry = world.entry("web ingress[0] from[0] ports[0]");
        assert_eq!((entry.status, entry.confidence), (status, Confidence::High));
        assert_eq!(entry.limits, []);
        assert_eq!(
            entry.window.unwrap().length(),
            day(LAST).duration_since(day(0)).unwrap()
        );
    }
}

#[test]
fn uses_of_several_nodes_are_added_up() {
    let at = "ingress[0] from[0] ports[0]";
    let world = World::new(WEB)
        .hits("web", at, 5, 0)
        .used("n2", "web", at, |totals| {
            totals.hits = 2;
            totals.sole = 1;
            totals.last_seen = day(12);
        });
    let entry = world.entry("web ingress[0] from[0] ports[0]");
    let totals = entry.totals.unwrap();
    assert_eq!(entry.status, Status::Used);
    assert_eq!(
        (totals.hits, totals.sole, totals.last_seen),
        (7, 1, day(29))
    );
}

#[test]
fn a_connection_that_was_open_before_is_a_use() {
    let at = "ingress[0] from[0] ports[0]";
    let open = |totals: &mut netpol_policy::history::UseTotals| totals.resumed = 2;
    let entry = World::new(WEB)
        .used("n1", "web", at, open)
        .entry("web ingress[0] from[0] ports[0]");
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::Used, Confidence::High)
    );
    // Whether others allowed it too was not counted.
    let entry = World::new(WEB)
        .hits("web", at, 3, 0)
        .used("n2", "web", at, open)
        .entry("web ingress[0] from[0] ports[0]");
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::RedundantUse, Confidence::Low)
    );
}

#[test]
fn a_default_deny_and_a_rule_that_denies_are_never_unused_for_having_no_hits() {
    let tiered = "kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{pods: {podSelector: {matchLabels: {app: build}}}}]}
  - {action: Accept, from: [{namespaces: {}}]}";
    let world = World::new(&format!("closed: {{podSelector: {{}}}}\n---\n{tiered}"));
    let status = |world: &World, name: &str| world.entry(name).status;
    assert_eq!(status(&world, "closed ingress"), Status::Deny);
    assert_eq!(status(&world, "guard ingress[0] from[0]"), Status::Deny);
    assert_eq!(status(&world, "guard ingress[1] from[0]"), Status::Idle);
    let world = world.hits("closed", "ingress", 4, 0);
    assert_eq!(status(&world, "closed ingress"), Status::Used);
    let world = world.hits("guard", "ingress[0] from[0]", 4, 4);
    assert_eq!(status(&world, "guard ingress[0] from[0]"), Status::Used);
}

#[test]
fn a_policy_without_pods_dangles_whatever_its_rules() {
    let text = WEB.replace(
        "podSelector: {matchLabels: {app: web}}, i",
        "podSelector: {matchLabels: {app: gone}}, i",
    );
    let world = World::new(&text);
    let entry = world.entry("web ingress[0] from[0] ports[0]");
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::DanglingSubject, Confidence::High)
    );
    // A deny of nobody too.
    let closed = World::new("closed: {podSelector: {matchLabels: {app: gone}}}");
    assert_eq!(
        closed.entry("closed ingress").status,
        Status::DanglingSubject
    );
}

/// Whether a NetworkPolicy means pods on the host network is undefined (rule 21); that a policy of the tiers does not is
/// defined (rule 31).
#[test]
fn pods_on_the_host_network_leave_open_whether_a_network_policy_dangles() {
    let on_hosts = |world: World, name: &str| {
        let mut hosts = group(name);
        hosts.host_network = true;
        world.group(hosts, &[("n1", 1)], 0, LAST)
    };
    let subject = WEB.replace(
        "podSelector: {matchLabels: {app: web}}, i",
        "podSelector: {matchLabels: {app: gone}}, i",
    );
    let peer = WEB.replace("{app: build}", "{app: gone}");
    for (text, status) in [
        (subject, Status::DanglingSubject),
        (peer, Status::DanglingPeer),
    ] {
        let world = World::new(&text);
        let at = "web ingress[0] from[0] ports[0]";
        assert_eq!(world.entry(at).status, status);
        let entry = on_hosts(world, "prod/gone").entry(at);
        assert_eq!(entry.status, Status::InsufficientEvidence);
        assert_eq!(entry.if_evidence_held, Some(status));
        assert_eq!(
            entry.limits[0].to_string(),
            "prod/gone[Deployment] on the host network would match, and whether a NetworkPolicy means such pods is not defined"
        );
    }
    let tiered = "kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: gone}}}}]}]";
    let entry = on_hosts(World::new(tiered), "prod/gone").entry("guard ingress[0] from[0]");
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::DanglingPeer, Confidence::High)
    );
}

/// Pods that came and went between two looks at an inventory stand in no population.
#[test]
fn who_was_seen_in_traffic_alone_was_there() {
    let text = WEB.replace("{app: build}", "{app: hourly}");
    let at = "web ingress[0] from[0] ports[0]";
    let world = World::new(&text).traffic("ci/hourly[CronJob]", "prod/web", 443, 1);
    assert_eq!(world.entry(at).status, Status::Idle);
    // What does not come back was there until then.
    let world = World::new(&text).traffic("ci/hourly", "prod/web", 443, 1);
    let entry = world.entry(at);
    assert_eq!(entry.if_evidence_held, Some(Status::DanglingPeer));
    assert_eq!(
        entry.limits[0].to_string(),
        "the last one it is about has been gone for 1d, and 7d are asked for"
    );
}

/// A pipeline's own kind of runs, a pod by itself.
#[test]
fn what_nothing_keeps_running_may_come_back() {
    let text = WEB.replace("{app: build}", "{app: run}");
    for kind in ["CronJob", "Job", "TaskRun", "Pod"] {
        let name = format!("ci/run[{kind}]");
        let world = World::new(&text).pods_from(&name, &[], 0, 5);
        let entry = world.entry("web ingress[0] from[0] ports[0]");
        assert_eq!(entry.status, Status::Idle, "{kind}");
    }
}

#[test]
fn pods_that_went_have_to_be_gone_for_long_enough() {
    let text = WEB.replace(
        "podSelector: {matchLabels: {app: web}}, i",
        "podSelector: {matchLabels: {app: old}}, i",
    );
    for (last, status, confidence) in [
        (5, Status::DanglingSubject, Confidence::High),
        (18, Status::DanglingSubject, Confidence::Medium),
        (27, Status::InsufficientEvidence, Confidence::Insufficient),
    ] {
        let world = World::new(&text).pods_from("prod/old", &[], 0, last);
        let entry = world.entry("web ingress[0] from[0] ports[0]");
        assert_eq!(
            (entry.status, entry.confidence),
            (status, confidence),
            "day {last}"
        );
    }
    // A Job comes back.
    let world = World::new(&text).pods_from("prod/old[Job]", &[], 0, 20);
    assert_ne!(
        world.entry("web ingress[0] from[0] ports[0]").status,
        Status::DanglingSubject
    );
}

#[test]
fn a_peer_that_matches_nobody_dangles() {
    for (peer, status) in [
        (
            "podSelector: {matchLabels: {app: build}}",
            Status::DanglingPeer,
        ),
        ("podSelector: {}", Status::Idle),
        (
            "namespaceSelector: {matchLabels: {team: none}}",
            Status::DanglingPeer,
        ),
        (
            "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ci}}",
            Status::Idle,
        ),
        ("ipBlock: {cidr: 203.0.113.0/24}", Status::Idle),
    ] {
        let text = format!("web: {{podSelector: {{}}, ingress: [{{from: [{{{peer}}}]}}]}}");
        let entry = World::new(&text).entry("web ingress[0] from[0]");
        assert_eq!(
            (entry.status, entry.confidence),
            (status, Confidence::High),
            "{peer}"
        );
    }
    // What is asked for is not remembered, so nobody can tell.
    let text = "web: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web, job-name: x}}}]}]}";
    let entry = World::new(text).entry("web ingress[0] from[0]");
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::Idle, Confidence::Medium)
    );
}

#[test]
fn a_named_port_has_to_be_somebodys() {
    let ingress = "web: {podSelector: {}, ingress: [{ports: [{port: http}]}]}";
    let egress = "web: {podSelector: {}, egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}], ports: [{port: http}]}], policyTypes: [Egress]}";
    let anybody =
        "web: {podSelector: {}, egress: [{ports: [{port: http}]}], policyTypes: [Egress]}";
    let (at, to, any) = (
        "web ingress[0] ports[0]",
        "web egress[0] to[0] ports[0]",
        "web egress[0] ports[0]",
    );
    let none = Status::UnresolvedNamedPort;
    assert_eq!(World::new(ingress).entry(at).status, none);
    assert_eq!(World::new(egress).entry(to).status, none);
    assert_eq!(World::new(anybody).entry(any).status, none);
    // Rule 14: the name and the protocol, of the destination.
    let build = |text: &str| World::new(text).with_port("http", 8080);
    assert_eq!(build(ingress).entry(at).status, none);
    assert_eq!(build(egress).entry(to).status, Status::Idle);
    assert_eq!(build(anybody).entry(any).status, Status::Idle);
    let udp = egress.replace("{port: http}", "{port: http, protocol: UDP}");
    assert_eq!(build(&udp).entry(to).status, none);
    // Some of the pods are enough, and it is said how many.
    let some = World::new(ingress)
        .pods("prod/db", &[("n1", 1)])
        .with_port("http", 80);
    let entry = some.entry(at);
    assert_eq!(entry.status, Status::Idle);
    assert!(
        entry
            .because
            .ends_with("1 of 2 kinds of pods have a port named http"),
        "{}",
        entry.because
    );
}

#[test]
fn a_use_speaks_against_nobody_being_there() {
    let text = WEB.replace("{app: build}", "{app: late}");
    let world = World::new(&text).used("n1", "web", "ingress[0] from[0] ports[0]", |totals| {
        totals.hits = 1;
        totals.sole = 1;
        totals.last_seen = day(28);
    });
    let entry = world.entry("web ingress[0] from[0] ports[0]");
    assert_eq!(entry.status, Status::InsufficientEvidence);
    assert_eq!(entry.if_evidence_held, Some(Status::DanglingPeer));
}
