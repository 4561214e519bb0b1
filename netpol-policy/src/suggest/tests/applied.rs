//! What is suggested beside policies in force, and once it is applied.

use super::golden::{EGRESS, of, shop, usual, yaml};
use super::world::{at, edge, enforce, group, outside, run};
use crate::history::{History, Party, PolicyRevision, RememberedPolicy};
use crate::suggest::Suggestions;

/// What is suggested, put in force.
fn apply(history: &mut History, suggestions: &Suggestions) {
    for one in &suggestions.policies {
        history
            .policies
            .retain(|policy| policy.policy.reference().name != one.policy.reference.name);
        history.policies.push(PolicyRevision {
            policy: RememberedPolicy::Network(one.policy.clone()),
            since: at(0),
            until: None,
        });
    }
}

#[test]
fn once_applied_it_is_suggested_again_under_the_same_names() {
    let mut history = usual();
    let first = shop(&history);
    apply(&mut history, &first);
    let again = shop(&history);
    assert_eq!(yaml(&again), yaml(&first));
    let replaced = again.replaced.iter().map(|one| &*one.name);
    assert_eq!(replaced.collect::<Vec<_>>(), ["db", "default-deny", "web"]);
    assert_eq!(again.in_force, []);

    // What grows takes the place of what it grew from, in one document.
    let [web, db] = [0, 1].map(|index| Party::Pods(history.population[index].group.clone()));
    history.edges.push(edge(&web, &db, 6432));
    history
        .edges
        .push(edge(&web, &outside("203.0.113.9/32"), 443));
    let more = shop(&history);
    let names = more.policies.iter().map(|one| &*one.policy.reference.name);
    assert_eq!(names.collect::<Vec<_>>(), ["db", "web", "default-deny"]);

    // What shrinks does not: it would take away what the other permits.
    history.edges.remove(2);
    let less = shop(&history);
    let names = less.policies.iter().map(|one| &*one.policy.reference.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["db", "web-suggested", "default-deny"]
    );
    assert_eq!(less.in_force[0].to_string(), "shop/web");
}

#[test]
fn no_name_of_a_policy_in_force_is_taken_and_what_it_permits_is_told() {
    let mut history = usual();
    enforce(
        &mut history,
        r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
",
    );
    let suggestions = shop(&history);
    let names: Vec<_> = suggestions
        .policies
        .iter()
        .map(|one| &*one.policy.reference.name)
        .collect();
    // A default deny is there already.
    assert_eq!(names, ["db", "web-suggested"]);
    let default_deny = suggestions.default_deny.map(|policy| policy.to_string());
    assert_eq!(default_deny.as_deref(), Some("shop/deny-all"));
    let in_force: Vec<_> = suggestions
        .in_force
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(in_force, ["shop/deny-all", "shop/web"]);
}

#[test]
fn workloads_of_one_name_are_told_apart_by_their_kind() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    let mut other = group("shop/web", "app=web-cache");
    other.workload.kind = "StatefulSet".into();
    let other = run(&mut history, other);
    history.edges.push(edge(&other, &db, 5432));
    let names: Vec<_> = shop(&history)
        .policies
        .iter()
        .map(|one| one.policy.reference.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["db", "web-deployment", "web-statefulset", "default-deny"]
    );
    assert_eq!(
        of(&history, "web", EGRESS).policies[1]
            .policy
            .reference
            .name,
        "web-statefulset".into()
    );
}

#[test]
fn workloads_without_pods_are_told_but_for_jobs() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    for kind in ["Deployment", "CronJob"] {
        let mut gone = group("shop/gone", &format!("app=gone-{kind}"));
        gone.workload.kind = kind.into();
        let gone = run(&mut history, gone);
        if let Some(present) = history.population.last_mut() {
            present.pods.clear();
        }
        history.edges.push(edge(&gone, &db, 5432));
    }
    let absent: Vec<_> = shop(&history)
        .policies
        .into_iter()
        .flat_map(|one| one.absent)
        .map(|name| name.to_string())
        .collect();
    assert_eq!(absent, ["shop/gone[Deployment]"]);
}
