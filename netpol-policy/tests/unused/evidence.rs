//! What takes from the confidence, and what leaves none.

use netpol_policy::history::{Loss, UseTotals, in_force};
use netpol_policy::unused::{Confidence, Options, PatchOptions, Status, patch, unused};

use super::world::{World, day};

const WEB: &str = "web: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}]}]}";
const AT: &str = "web ingress[0] from[0]";

/// What is said, how surely, and the worst that takes from it.
fn said(world: &World) -> (Status, Confidence, String) {
    let entry = world.entry(AT);
    let worst = entry.limits.first().map(ToString::to_string);
    (entry.status, entry.confidence, worst.unwrap_or_default())
}

#[track_caller]
fn assert_said(world: &World, confidence: Confidence, worst: &str) {
    let status = match confidence {
        Confidence::Insufficient => Status::InsufficientEvidence,
        _ => Status::Idle,
    };
    assert_eq!(said(world), (status, confidence, worst.to_owned()));
}

#[test]
fn a_young_policy_says_nothing() {
    let young = |since| {
        let mut world = World::new(WEB);
        world.0.policies[0].since = day(since);
        world
    };
    assert_said(
        &young(28),
        Confidence::Insufficient,
        "the policy has said this for 2d, and 7d are asked for",
    );
    assert_said(
        &young(20),
        Confidence::Medium,
        "the policy has said this for 10d only",
    );
    assert_said(&young(16), Confidence::High, "");
}

#[test]
fn a_change_begins_anew_and_what_was_before_does_not_count() {
    let before = WEB.replace("{app: build}", "{app: other}");
    let world = World::new("").said(&before, 0, 27).policies(WEB, 27);
    assert_said(
        &world,
        Confidence::Insufficient,
        "the policy has said this for 3d, and 7d are asked for",
    );
    // Uses of what it said before are another policy's.
    let mut world = World::new(&before).hits("web", "ingress[0] from[0]", 9, 9);
    world.0.policies[0].until = Some(day(10));
    let world = world.policies(WEB, 10);
    let entry = world.entry(AT);
    assert_eq!((entry.status, entry.totals), (Status::Idle, None));
    // Said again after it said something else: the window is the last time's.
    let world = World::new("")
        .said(WEB, 0, 10)
        .said(&before, 10, 28)
        .policies(WEB, 28);
    assert_eq!(said(&world).1, Confidence::Insufficient);
}

#[test]
fn what_was_not_watched_is_no_evidence() {
    let world = World::new(WEB);
    assert_said(
        &world
            .clone()
            .watched("n1", &[(25, 30)])
            .watched("n2", &[(25, 30)]),
        Confidence::Insufficient,
        "its nodes have been watched for 5d, and 7d are asked for",
    );
    assert_said(
        &world
            .clone()
            .watched("n1", &[(0, 4), (26, 30)])
            .watched("n2", &[(0, 4)]),
        Confidence::Insufficient,
        "its nodes were watched for 22% of the time",
    );
    assert_said(
        &world.clone().watched("n1", &[(0, 6), (24, 30)]),
        Confidence::Low,
        "its nodes were watched for 60% of the time",
    );
    assert_said(
        &world.clone().watched("n2", &[(0, 14), (16, 30)]),
        Confidence::Medium,
        "its nodes were watched for 97% of the time",
    );
    assert_said(
        &world.clone().missing("n1").missing("n2"),
        Confidence::Insufficient,
        "no node where the policy's pods run was watched since it says this",
    );
    // A clock that was set back makes intervals overlap: they count once.
    let entry = world.watched("n1", &[(0, 10), (0, 10), (5, 12)]).entry(AT);
    assert_eq!(entry.confidence, Confidence::Low);
}

/// A node counts by the pods that it has: one that was watched does not make up for one with most of them that was not.
#[test]
fn a_node_that_was_hardly_watched_counts_by_its_pods() {
    let many = World::new(WEB)
        .pods("prod/web", &[("n2", 96)])
        .watched("n2", &[(29, 30)]);
    assert_said(
        &many,
        Confidence::Insufficient,
        "its nodes were watched for 5% of the time",
    );
}

#[test]
fn pods_behind_interfaces_that_could_not_be_watched_count_as_unseen() {
    let world = |count, pods| {
        let mut world = World::new(WEB).pods("prod/web", &[("n1", pods)]).traffic(
            "ci/build",
            "prod/other",
            80,
            100_000,
        );
        let losses = &mut world.0.nodes[0].intervals[0].losses;
        losses.push(Loss {
            stage: "kernel".into(),
            reason: "interfaces_not_watched".into(),
            count,
        });
        world
    };
    assert_said(
        &world(1, 0),
        Confidence::Insufficient,
        "1 of 3 pods may run behind interfaces that could not be watched",
    );
    assert_said(
        &world(1, 40),
        Confidence::Low,
        "1 of 43 pods may run behind interfaces that could not be watched",
    );
    // No more of them than there are.
    assert_said(
        &world(50, 0),
        Confidence::Insufficient,
        "2 of 3 pods may run behind interfaces that could not be watched",
    );
}

/// The policy's pods were on n3 until they moved, and it lost what they did.
#[test]
fn losses_count_where_its_pods_were_before() {
    let mut world = World::new(WEB)
        .watched("n3", &[(0, 30)])
        .traffic("ci/build", "prod/web", 80, 10)
        .lost("n3", 1_000);
    assert_eq!(said(&world).1, Confidence::High);
    world.0.edges[0].key.node = "n3".into();
    assert_said(
        &world,
        Confidence::Insufficient,
        "1000 events lost beside about 10 connections",
    );
}

#[test]
fn a_missing_node_counts_by_the_pods_that_run_there() {
    let world = World::new(WEB);
    assert_said(
        &world.clone().missing("n2"),
        Confidence::Insufficient,
        "1 of 3 pods run where nothing is remembered: n2",
    );
    let many = world.clone().pods("prod/web", &[("n1", 40)]);
    assert_said(
        &many.missing("n2"),
        Confidence::Low,
        "1 of 43 pods run where nothing is remembered: n2",
    );
    // Nobody runs there now, and who knows who did.
    assert_said(
        &world.missing("n3"),
        Confidence::Medium,
        "nothing is remembered of n3, where its pods may have run before",
    );
}

#[test]
fn losses_weigh_by_how_much_was_seen_beside_them() {
    let world = World::new(WEB).traffic("ci/build", "prod/other", 80, 10_000);
    for (lost, confidence) in [
        (0, Confidence::High),
        (10, Confidence::Medium),
        (11, Confidence::Low),
        (100, Confidence::Low),
        (101, Confidence::Insufficient),
    ] {
        let entry = world.clone().lost("n1", lost).entry(AT);
        assert_eq!(entry.confidence, confidence, "{lost} lost");
    }
    // With nothing seen at all, any loss is too much.
    assert_said(
        &World::new(WEB).lost("n2", 1),
        Confidence::Insufficient,
        "1 event lost beside about 0 connections",
    );
    // A node without its pods does not matter.
    let elsewhere = World::new(WEB).watched("n3", &[(0, 30)]).lost("n3", 1_000);
    assert_said(&elsewhere, Confidence::High, "");
}

#[test]
fn losses_of_an_earlier_time_do_not_count() {
    let mut world = World::new(WEB)
        .watched("n1", &[(0, 10), (10, 30)])
        .lost("n1", 500);
    world.0.policies[0].since = day(12);
    assert_said(&world, Confidence::High, "");
}

#[test]
fn pods_that_just_came_could_not_need_it_before() {
    let web = WEB.replace("{app: web}", "{app: new}");
    assert_said(
        &World::new(&web).pods_from("prod/new", &[("n1", 1)], 29, 30),
        Confidence::Insufficient,
        "the policy has had pods for 1d, and 7d are asked for",
    );
    let peer = WEB.replace("{app: build}", "{app: new}");
    assert_said(
        &World::new(&peer).pods_from("ci/new", &[("n1", 1)], 29, 30),
        Confidence::Insufficient,
        "there have been pods that it is about for 1d, and 7d are asked for",
    );
    // A rollout with other labels is no new workload to the policy.
    let mut newer = super::world::group("prod/web");
    newer.labels = newer.labels.with("version", "2");
    assert_said(
        &World::new(WEB).group(newer, &[("n1", 1)], 29, 30),
        Confidence::High,
        "",
    );
}

#[test]
fn jobs_that_did_not_run_are_named() {
    let text = WEB.replace("{app: build}", "{app: report}");
    let young = |mut world: World| {
        world.0.policies[0].since = day(10);
        world
    };
    let job = |last| young(World::new(&text).pods_from("ci/report[CronJob]", &[], 0, last));
    assert_said(
        &job(8),
        Confidence::Insufficient,
        "only ci/report[CronJob] did not run in that time, and may need it",
    );
    assert_said(&job(25), Confidence::High, "");
    // Somebody else is there as well.
    let with_others = job(8).pods("ci/report", &[("n1", 1)]);
    assert_said(
        &with_others,
        Confidence::Low,
        "ci/report[CronJob] did not run in that time, and may need it",
    );
    // As the policy's own pods.
    let own = WEB.replace("{app: web}", "{app: report}");
    let own = young(World::new(&own).pods_from("prod/report[Job]", &[], 0, 8));
    assert_said(
        &own,
        Confidence::Insufficient,
        "only prod/report[Job] did not run in that time, and may need it",
    );
}

#[test]
fn a_policy_that_was_never_in_force_is_judged_by_its_words_alone() {
    let world = World::new("");
    let policies = super::world::policies(WEB);
    let report = netpol_policy::unused::unused(
        &world.0,
        &policies,
        &netpol_policy::unused::Options::default(),
        |_| {},
    );
    let entry = &report.policies[0].entries[0];
    assert_eq!(report.policies[0].since, None);
    assert_eq!(entry.status, Status::InsufficientEvidence);
    assert_eq!(
        entry.limits[0].to_string(),
        "the policy was never seen in force as it stands"
    );
}

#[test]
fn what_was_used_is_used_whatever_is_missing() {
    let used = |totals: &mut UseTotals| {
        totals.hits = 1;
        totals.sole = 1;
    };
    let world = World::new(WEB)
        .used("n1", "web", "ingress[0] from[0]", used)
        .lost("n1", 1_000_000)
        .missing("n2");
    assert_eq!(
        said(&world),
        (Status::Used, Confidence::High, String::new())
    );
}

#[test]
fn redundant_use_needs_as_much_evidence_as_none() {
    let mut world = World::new(WEB).hits("web", "ingress[0] from[0]", 9, 0);
    world.0.policies[0].since = day(29);
    let entry = world.entry(AT);
    assert_eq!(entry.status, Status::InsufficientEvidence);
    assert_eq!(entry.if_evidence_held, Some(Status::RedundantUse));
}

#[test]
fn a_history_of_nobody_says_nothing() {
    let world = World::new(WEB).missing("n1").missing("n2");
    let entry = World::new(&WEB.replace("{app: build}", "{app: none}"))
        .missing("n1")
        .missing("n2")
        .entry(AT);
    assert_eq!(entry.if_evidence_held, Some(Status::DanglingPeer));
    assert_eq!(world.entry(AT).status, Status::InsufficientEvidence);
}

/// A policy for nobody, a peer that nobody is, a port that nobody has, and one that stands twice.
const ABSENT: &str = "\
gone: {podSelector: {matchLabels: {app: gone}}, ingress: [{}]}
web: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: gone}}}]}, {ports: [{port: metrics}]}, {ports: [{port: 9}]}, {ports: [{port: 9}]}]}";

#[test]
fn lines_that_could_not_be_read_may_have_held_whoever_is_absent() {
    let by_absence = [
        ("gone ingress[0]", Status::DanglingSubject),
        ("web ingress[0] from[0]", Status::DanglingPeer),
        ("web ingress[1] ports[0]", Status::UnresolvedNamedPort),
    ];
    let whole = World::new(ABSENT);
    for (at, status) in by_absence {
        let entry = whole.entry(at);
        assert_eq!((entry.status, entry.confidence), (status, Confidence::High));
    }
    assert!(!whole.judged().is_damaged);
    let mut lossy = World::new(ABSENT).lost("n2", 1);
    let loss = &mut lossy.0.nodes.last_mut().unwrap().intervals[0].losses[0];
    (loss.stage, loss.reason) = ("history".into(), "unreadable_line".into());
    let cut = World::new(ABSENT).missing("");
    for world in [&lossy, &cut] {
        assert!(world.judged().is_damaged);
        for (at, status) in by_absence {
            let entry = world.entry(at);
            assert_eq!(entry.status, Status::InsufficientEvidence, "{at}");
            assert_eq!(entry.if_evidence_held, Some(status));
            assert_eq!(
                entry.limits[0].to_string(),
                "lines of the history could not be read"
            );
        }
        // The words of the policies are all there.
        let shadowed = world.entry("web ingress[3] ports[0]");
        assert_eq!(
            (shadowed.status, shadowed.confidence),
            (Status::Shadowed, Confidence::High)
        );
        assert_said(
            &World(netpol_policy::history::History {
                policies: World::new(WEB).0.policies,
                ..world.0.clone()
            }),
            Confidence::Insufficient,
            "lines of the history could not be read",
        );
    }
}

#[test]
fn nothing_absent_is_taken_out_of_a_damaged_history() {
    let world = World::new(&ABSENT.replace(", {ports: [{port: 9}]}", ""));
    let policies = in_force(&world.0);
    let taken = |is_damaged| {
        let options = Options {
            is_damaged,
            ..Options::default()
        };
        let report = unused(&world.0, &policies, &options, |_| {});
        let options = PatchOptions::default();
        let patch = patch(&world.0, &policies, &report, |_| true, &options, |_| {});
        patch.policies.len()
    };
    assert_eq!((taken(false), taken(true)), (2, 0));
}

#[test]
fn a_node_without_a_name_is_told_as_one() {
    let entry = World::new(WEB).missing("").entry(AT);
    let limits: Vec<String> = entry.limits.iter().map(ToString::to_string).collect();
    let told = "nothing is remembered of a node without a name, where its pods may have run before";
    assert!(limits.iter().any(|limit| limit == told), "{limits:?}");
}
