//! What is taken out, and what stays.

use netpol_policy::history::{Party, Port, RememberedPolicy, in_force};
use netpol_policy::k8s::write::{Comments, policy_yaml};
use netpol_policy::model::Cidr;
use netpol_policy::unused::{
    Confidence, Cut, Keeping, Options, Patch, PatchOptions, PolicyReport, patch, unused,
};
use netpol_policy::verdict::{Decision, Direction};

use super::world::{World, day, policies};

fn patched_with(world: &World, options: PatchOptions) -> Patch {
    let policies = in_force(&world.0);
    let report = unused(&world.0, &policies, &Options::default(), |_| {});
    patch(&world.0, &policies, &report, |_| true, &options, |_| {})
}

fn patched(world: &World) -> Patch {
    patched_with(world, PatchOptions::default())
}

fn rules(policy: &RememberedPolicy) -> String {
    let yaml = policy_yaml(policy, &Comments::default());
    yaml.split_once("spec:").unwrap().1.to_owned()
}

const BUILD: &str = "{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}";
const WEB: &str = "{podSelector: {matchLabels: {app: web}}}";

/// The policy that is left of `spec` says what `expected` does.
#[track_caller]
fn assert_left(world: &World, expected: &str) {
    let patch = patched(world);
    let after = patch.policies[0].after.as_ref().unwrap();
    let expected = &policies(&format!("web: {{{expected}}}"))[0];
    assert_eq!(rules(after), rules(expected));
}

#[test]
fn a_peer_a_port_and_a_rule_are_taken_out_by_themselves() {
    let all = "podSelector: {}";
    // A peer of two.
    let world = World::new(&format!(
        "web: {{{all}, ingress: [{{from: [{BUILD}, {WEB}]}}]}}"
    ))
    .hits("web", "ingress[0] from[1]", 3, 3)
    .traffic("prod/web", "prod/web", 80, 3);
    assert_left(&world, &format!("{all}, ingress: [{{from: [{WEB}]}}]"));
    // A port of two.
    let world = World::new(&format!(
        "web: {{{all}, ingress: [{{from: [{BUILD}], ports: [{{port: 80}}, {{port: 81}}]}}]}}"
    ))
    .hits("web", "ingress[0] from[0] ports[1]", 3, 3)
    .traffic("ci/build", "prod/web", 81, 3);
    assert_left(
        &world,
        &format!("{all}, ingress: [{{from: [{BUILD}], ports: [{{port: 81}}]}}]"),
    );
    // A rule of two, and the second keeps its place in what is counted.
    let world = World::new(&format!(
        "web: {{{all}, ingress: [{{ports: [{{port: 79}}]}}, {{from: [{BUILD}, {WEB}], ports: [{{port: 81}}]}}]}}"
    ))
    .hits("web", "ingress[1] from[1] ports[0]", 3, 3)
    .traffic("prod/web", "prod/web", 81, 3);
    assert_left(
        &world,
        &format!("{all}, ingress: [{{from: [{WEB}], ports: [{{port: 81}}]}}]"),
    );
    let patch = patched(&world);
    let cuts: Vec<Cut> = patch.policies[0]
        .removed
        .iter()
        .map(|one| one.cut)
        .collect();
    let direction = Direction::Ingress;
    assert_eq!(
        cuts,
        [
            Cut::Rule { direction, rule: 0 },
            Cut::Peer {
                direction,
                rule: 1,
                peer: 0
            }
        ]
    );
    assert_eq!((patch.replayed.traffic, patch.replayed.connections), (1, 3));
}

#[test]
fn the_last_peer_takes_its_rule_since_none_would_match_everyone() {
    let world = World::new(&format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}]}}]}}"
    ));
    let patch = patched(&world);
    let policy = &patch.policies[0];
    let Some(RememberedPolicy::Network(after)) = &policy.after else {
        panic!("{policy:?}");
    };
    // Isolated, without a rule: neither open to all nor gone.
    assert_eq!(after.ingress, Some(Vec::new()));
    assert_eq!(after.egress, None);
    assert_eq!(policy.closed, [Direction::Ingress]);
    // The same of the last port.
    let world = World::new("web: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}");
    let patch = patched(&world);
    let Some(RememberedPolicy::Network(after)) = &patch.policies[0].after else {
        panic!("{patch:?}");
    };
    assert_eq!(after.ingress, Some(Vec::new()));
}

#[test]
fn a_peer_and_a_port_that_are_used_with_others_stay() {
    let world = World::new(&format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}, {WEB}], ports: [{{port: 80}}, {{port: 81}}]}}]}}"
    ))
    .hits("web", "ingress[0] from[0] ports[0]", 3, 3)
    .hits("web", "ingress[0] from[1] ports[1]", 3, 3)
    .traffic("ci/build", "prod/web", 80, 3)
    .traffic("prod/web", "prod/web", 81, 3);
    let patch = patched(&world);
    assert_eq!(patch.policies, []);
    let kept: Vec<String> = patch
        .kept
        .iter()
        .map(|kept| kept.entry.to_string())
        .collect();
    assert_eq!(
        kept,
        [
            "prod/web ingress[0] from[0] ports[1]",
            "prod/web ingress[0] from[1] ports[0]"
        ]
    );
    assert!(patch.kept.iter().all(|kept| kept.why == Keeping::NotAlone));
}

#[test]
fn what_something_seen_would_miss_stays_and_is_named() {
    // The count of uses was lost, the traffic was not.
    let world = World::new(&format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}, {WEB}]}}]}}"
    ))
    .traffic("ci/build", "prod/web", 80, 7);
    let patch = patched(&world);
    let after = patch.policies[0].after.as_ref().unwrap();
    let expected = &policies(&format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}]}}]}}"
    ))[0];
    assert_eq!(rules(after), rules(expected));
    let [kept] = patch.kept.as_slice() else {
        panic!("{:?}", patch.kept);
    };
    assert_eq!(kept.entry.to_string(), "prod/web ingress[0] from[0]");
    let Keeping::Changes(changed) = &kept.why else {
        panic!("{kept:?}");
    };
    assert_eq!(changed.traffic.totals.connections, 7);
}

#[test]
fn of_two_that_shadow_each_other_one_stays() {
    let world = World::new(&format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}]}}, {{from: [{BUILD}]}}, {{from: [{BUILD}]}}]}}"
    ))
    .traffic("ci/build", "prod/web", 80, 7);
    assert_left(
        &world,
        &format!("podSelector: {{}}, ingress: [{{from: [{BUILD}]}}]"),
    );
    let patch = patched(&world);
    assert_eq!(patch.policies[0].removed.len(), 2);
    assert_eq!(patch.kept.len(), 1);
    assert_eq!(patch.kept[0].why, Keeping::Covers);
    assert_eq!(
        patch.kept[0].entry.to_string(),
        "prod/web ingress[0] from[0]"
    );
}

#[test]
fn what_guards_stays() {
    let world = World::new(
        "closed: {podSelector: {matchLabels: {app: gone}}}
        open: {podSelector: {matchLabels: {app: gone}}, ingress: [{}]}",
    );
    let patch = patched(&world);
    let [policy] = patch.policies.as_slice() else {
        panic!("{patch:?}");
    };
    // A policy that selects nobody goes whole, but a default deny waits for the pods it is for.
    assert_eq!(policy.before.name().name.as_ref(), "open");
    assert_eq!(policy.after, None);
    assert_eq!(policy.removed[0].cut, Cut::Policy);
    let [kept] = patch.kept.as_slice() else {
        panic!("{patch:?}");
    };
    assert_eq!(
        (kept.entry.to_string().as_str(), &kept.why),
        ("prod/closed ingress", &Keeping::Guards)
    );
}

#[test]
fn what_too_little_is_known_of_stays_unless_it_is_asked_for() {
    let text = format!("web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}, {WEB}]}}]}}");
    let world = World::new("")
        .policies(&text, 28)
        .hits("web", "ingress[0] from[1]", 1, 1);
    assert_eq!(patched(&world).policies, []);
    let min_confidence = Confidence::Insufficient;
    let patch = patched_with(&world, PatchOptions { min_confidence });
    let because = &patch.policies[0].removed[0].because;
    assert_eq!(
        because.as_slice(),
        [
            "idle: nothing was seen that it matches (confidence insufficient: the policy has said this for 2d, and 7d are asked for)"
        ]
    );
}

/// A CronJob that runs once a month, beside others that its policy selects too.
#[test]
fn what_a_job_may_need_that_did_not_run_stays_and_the_job_is_named() {
    let text = format!("web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}, {WEB}]}}]}}");
    let mut world = World::new(&text)
        .pods_from("prod/monthly[CronJob]", &[], 0, 5)
        .hits("web", "ingress[0] from[1]", 3, 3)
        .traffic("prod/web", "prod/web", 80, 3);
    world.0.policies[0].since = day(10);
    let patch = patched(&world);
    assert_eq!(patch.policies, []);
    let [kept] = patch.kept.as_slice() else {
        panic!("{:?}", patch.kept);
    };
    let Keeping::Unsure(limit) = &kept.why else {
        panic!("{kept:?}");
    };
    assert_eq!(
        limit.to_string(),
        "prod/monthly[CronJob] did not run in that time, and may need it"
    );
    let min_confidence = Confidence::Low;
    let patch = patched_with(&world, PatchOptions { min_confidence });
    assert_eq!(patch.policies.len(), 1);
}

#[test]
fn a_rule_of_a_tier_goes_and_a_policy_without_rules_goes_with_it() {
    let text = "kind: ClusterNetworkPolicy
apiVersion: policy.networking.k8s.io/v1alpha2
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress:
  - {action: Accept, from: [{pods: {podSelector: {matchLabels: {app: none}}}}]}
  - {action: Deny, from: [{pods: {podSelector: {matchLabels: {app: none}}}}]}";
    let patch = patched(&World::new(text));
    let Some(RememberedPolicy::Tiered(after)) = &patch.policies[0].after else {
        panic!("{patch:?}");
    };
    // The second is shadowed by the first, which goes; so it stays, since it denies.
    assert_eq!(after.ingress.len(), 1);
    assert_eq!(patch.kept.len(), 1);
    let only = text.rsplit_once('\n').unwrap().0;
    let patch = patched(&World::new(only));
    assert_eq!(patch.policies[0].after, None);
}

/// All ports of a scan as one, allowed once by an earlier form of the policy: the answer is not known before nor after.
#[test]
fn what_may_be_needed_by_traffic_that_cannot_be_decided_stays() {
    let text = format!(
        "web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}], ports: [{{port: 80}}, {{port: 443}}]}}]}}"
    );
    let world = |first, computed| {
        World::new("")
            .policies(&text, 10)
            .hits("web", "ingress[0] from[0] ports[0]", 3, 3)
            .traffic("ci/build", "prod/web", 80, 3)
            .traffic("ci/build", "prod/web", 0, 900)
            .but(|edge| {
                edge.key.port = Port::Many;
                edge.key.computed = computed;
                edge.totals.first_seen = day(first);
                edge.totals.last_seen = day(first + 1);
            })
    };
    for (first, computed, is_kept) in [
        (5, Decision::Allowed, true),
        // Each of them was counted, and none by that port.
        (15, Decision::Allowed, false),
        (5, Decision::Unknown, true),
        (5, Decision::Denied, false),
    ] {
        let patch = patched(&world(first, computed));
        assert_eq!(patch.policies.is_empty(), is_kept, "{first} {computed:?}");
        if is_kept {
            let [kept] = patch.kept.as_slice() else {
                panic!("{:?}", patch.kept);
            };
            assert_eq!(
                kept.entry.to_string(),
                "prod/web ingress[0] from[0] ports[1]"
            );
            assert!(matches!(kept.why, Keeping::MayBeNeeded(_)), "{kept:?}");
        }
    }
}

/// Two rules let all of a block out, and the other end's answer is not known: one rule less leaves a part of it in doubt.
#[test]
fn what_was_allowed_in_one_direction_is_not_left_in_doubt_for_the_sake_of_the_other() {
    let text = "web: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/30}}, {ipBlock: {cidr: 10.0.0.4/30}}]}], policyTypes: [Egress]}";
    let world = World::new(text)
        .hits("web", "egress[0] to[0]", 3, 3)
        .traffic("prod/web", "10.0.0.0/29", 80, 3)
        .but(|edge| {
            edge.key.destination = Party::Unknown(Cidr::parse_lenient("10.0.0.0/29").unwrap().0);
            edge.key.computed = Decision::Unknown;
        });
    let min_confidence = Confidence::Insufficient;
    let patch = patched_with(&world, PatchOptions { min_confidence });
    assert_eq!(patch.policies, []);
}

/// Counts of a damaged file.
#[test]
fn counts_that_are_too_large_to_be_added_up_are_no_reason_to_stop() {
    let text = format!("web: {{podSelector: {{}}, ingress: [{{from: [{BUILD}, {WEB}]}}]}}");
    let world = World::new(&text)
        .hits("web", "ingress[0] from[1]", u64::MAX, u64::MAX)
        .traffic("prod/web", "prod/web", 80, u64::MAX)
        .traffic("prod/web", "prod/web", 81, u64::MAX)
        .pods("prod/web", &[("n1", u32::MAX), ("n2", u32::MAX)])
        .pods("prod/more", &[("n1", u32::MAX), ("", u32::MAX)])
        .lost("n1", u64::MAX);
    let patch = patched(&world);
    assert_eq!(patch.replayed.connections, u64::MAX);
    // As much was lost as was seen.
    assert_eq!(patch.policies, []);
}

/// An address block that may hold the pods' addresses: nobody can tell any more whether it allowed them.
#[test]
fn what_may_have_been_allowed_by_an_address_stays_unless_it_was_heard_to_be_denied() {
    let text = "web: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: none}}}]}, {from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}";
    let mut world = World::new(text).traffic("ci/build", "prod/web", 80, 7);
    let patch = patched(&world);
    let removed: Vec<Cut> = patch.policies[0]
        .removed
        .iter()
        .map(|one| one.cut)
        .collect();
    let direction = Direction::Ingress;
    assert_eq!(removed, [Cut::Rule { direction, rule: 0 }]);
    assert_eq!(patch.kept.len(), 1);
    assert_eq!(
        patch.kept[0].entry.to_string(),
        "prod/web ingress[1] from[0]"
    );
    assert_eq!(patch.replayed.unknown, 1);
    world.0.edges[0].key.computed = Decision::Denied;
    let patch = patched(&world);
    assert_eq!(patch.policies[0].removed.len(), 2);
    assert_eq!((patch.kept.len(), patch.replayed.unknown), (0, 1));
}

#[test]
fn other_policies_than_those_that_are_wanted_stay() {
    let world = World::new(
        "one: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
        two: {podSelector: {}, ingress: [{ports: [{port: 81}]}]}",
    );
    let policies = in_force(&world.0);
    let report = unused(&world.0, &policies, &Options::default(), |_| {});
    let is_wanted = |policy: &PolicyReport| &*policy.policy.name == "two";
    let options = PatchOptions::default();
    let patch = patch(&world.0, &policies, &report, is_wanted, &options, |_| {});
    let names: Vec<String> = patch
        .policies
        .iter()
        .map(|one| one.before.name().name.to_string())
        .collect();
    assert_eq!(names, ["two"]);
}
