use std::time::{Duration, UNIX_EPOCH};

use netpol_policy::manifest;

use super::*;
use crate::inventory::{Change, ObjectKey, Report};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn policy(port: u16, label: &str) -> Change {
    let text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: web, namespace: shop, uid: '{label}'}}\n\
         spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}\n"
    );
    Change::Apply(manifest::parse(&text).objects.remove(0))
}

fn gone() -> Change {
    Change::Remove(ObjectKey {
        kind: "NetworkPolicy".into(),
        namespace: "shop".into(),
        name: "web".into(),
    })
}

struct Stage {
    snapshot: Snapshot,
    policies: Policies,
}

impl Stage {
    fn new() -> Self {
        Self {
            snapshot: Snapshot::default(),
            policies: Policies::default(),
        }
    }

    fn change(&mut self, change: Change, seconds: u64) {
        self.snapshot = self
            .snapshot
            .next(vec![change], Report::default(), at(seconds));
        self.policies.follow(&self.snapshot, at(seconds));
    }

    fn times(&self) -> Vec<(u64, Option<u64>)> {
        let since_epoch = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let all = self.policies.all().into_iter();
        all.map(|one| (since_epoch(one.since), one.until.map(since_epoch)))
            .collect()
    }
}

#[test]
fn a_policy_has_a_revision_for_each_form_and_none_for_a_version_that_says_the_same() {
    let mut stage = Stage::new();
    stage.change(policy(80, "a"), 10);
    stage.change(policy(80, "b"), 20);
    assert_eq!(stage.times(), [(10, None)]);
    assert_eq!(&*stage.policies.all()[0].policy.reference().uid, "b");
    stage.change(policy(81, "b"), 30);
    stage.change(gone(), 40);
    stage.change(policy(80, "c"), 50);
    assert_eq!(stage.times(), [(10, Some(30)), (30, Some(40)), (50, None)]);
}

#[test]
fn verdicts_of_the_past_find_what_the_policy_said_then() {
    let mut stage = Stage::new();
    stage.change(policy(80, ""), 10);
    let reference = stage.policies.all()[0].policy.reference().clone();
    stage.change(policy(81, ""), 20);
    let said = |generation| stage.policies.fingerprint(&reference, generation);
    assert_ne!(said(1), said(2));
    assert_eq!((said(2), said(0)), (said(3), said(1)));
    let unknown = PolicyRef {
        generation: 7,
        ..reference.clone()
    };
    assert_eq!(stage.policies.fingerprint(&unknown, 2), None);
}

#[test]
fn what_the_store_holds_goes_on_where_it_says_the_same() {
    let mut before = Stage::new();
    before.change(policy(80, "a"), 10);
    let held = before.policies.all().remove(0);
    // Known before anything is seen, and only after.
    for is_late in [false, true] {
        for (port, times) in [
            (80, vec![(10, None)]),
            (81, vec![(10, Some(100)), (100, None)]),
        ] {
            let mut stage = Stage::new();
            if !is_late {
                stage.policies.load(held.clone());
            }
            stage.change(policy(port, "a"), 100);
            if is_late {
                stage.policies.load(held.clone());
            }
            assert_eq!(stage.times(), times, "{is_late}");
            stage.change(gone(), 200);
            assert_eq!(stage.times().last().unwrap().1, Some(200));
        }
    }
    // It went while nobody looked.
    let mut stage = Stage::new();
    stage.policies.load(held);
    stage.policies.follow(
        &Snapshot::default().next(Vec::new(), Report::default(), at(5)),
        at(70),
    );
    assert_eq!(stage.times(), [(10, Some(70))]);
}

#[test]
fn a_policy_that_came_while_the_clock_was_ahead_is_not_of_the_future() {
    let mut stage = Stage::new();
    stage.change(policy(80, "a"), 10);
    stage.change(policy(81, "a"), 9000);
    stage.change(policy(82, "a"), 9500);
    stage.policies.not_after(at(100));
    assert_eq!(
        stage.times(),
        [(10, Some(100)), (100, Some(100)), (100, None)]
    );
    stage.change(policy(82, "b"), 110);
    stage.change(gone(), 120);
    assert_eq!(
        stage.times(),
        [(10, Some(100)), (100, Some(100)), (100, Some(120))]
    );
}
