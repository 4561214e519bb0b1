//! What would make a gate say that nothing changes where something does.

use std::sync::Arc;

use super::support::{at, cluster, edge, group, pods, policies, present};
use crate::history::{Edge, History, Party, Port};
use crate::model::Labels;
use crate::replay::{Change, KnownPods, Options, Replay, Why, replay};
use crate::verdict::Caveat;

fn run(history: &History, before: &str, after: &str) -> Replay {
    let (before, after) = (policies(before), policies(after));
    replay(history, &before, &after, &Options::default(), |_| {})
}

fn changes(replay: &Replay) -> Vec<Change> {
    replay.rows.iter().map(|row| row.change).collect()
}

/// Egress of `prod/web` to these blocks alone.
fn egress_to(block: &str) -> String {
    format!(
        r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web, namespace: prod}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress: [{{to: [{{ipBlock: {{cidr: {block}}}}}]}}]
"
    )
}

fn to_db() -> Edge {
    edge(pods("prod/web"), pods("prod/db"), Port::One(5432))
}

#[test]
fn pods_of_a_node_without_ranges_may_have_any_address() {
    let mut history = History {
        edges: vec![to_db()],
        ..cluster()
    };
    let proposed = egress_to("10.244.0.0/16");
    assert_eq!(
        run(&history, "", &proposed).rows[0].change,
        Change::OtherReason
    );
    history.cluster[1].pod_cidrs.clear();
    let found = run(&history, "", &proposed);
    assert_eq!(changes(&found), [Change::Unknown]);
    let why = Why::Undecided(Caveat::AddressUnknown);
    assert!(found.rows[0].after.unknown.contains(&why));
}

#[test]
fn a_service_that_was_dialled_has_two_addresses_and_policies_may_see_either() {
    let mut dialled = to_db();
    dialled.key.service = Some(("prod".into(), "db".into()));
    let history = History {
        edges: vec![dialled],
        ..cluster()
    };
    // The range of the pods, and not that of the Services.
    let pods_only = egress_to("10.244.0.0/16");
    let found = run(&history, "", &pods_only);
    assert_eq!(changes(&found), [Change::Unknown]);
    let why = Why::Undecided(Caveat::AddressTranslated);
    assert_eq!(found.rows[0].after.unknown, [why].into());
    assert!(found.rows[0].before.unknown.is_empty());
    let both = egress_to("10.0.0.0/8");
    assert_eq!(changes(&run(&history, "", &both)), [Change::OtherReason]);
    // It was so before: nothing changes.
    let another = pods_only.replace(
        "egress: [",
        "egress: [{to: [{ipBlock: {cidr: 192.0.2.9/32}}]}, ",
    );
    assert_eq!(changes(&run(&history, &pods_only, &another)), []);
}

#[test]
fn whoever_was_seen_while_a_namespace_was_labelled_anew_may_be_selected() {
    let mut late = group("prod/web");
    late.namespace_labels = late.namespace_labels.with("tier", "inner");
    let history = History {
        edges: vec![edge(
            Party::Pods(Arc::new(late)),
            pods("prod/db"),
            Port::One(5432),
        )],
        ..cluster()
    };
    let inner = r"
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: inner}
spec:
  priority: 1
  subject: {pods: {namespaceSelector: {matchLabels: {tier: inner}}, podSelector: {matchLabels: {app: db}}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
";
    let found = run(&history, "", inner);
    assert_eq!(changes(&found), [Change::Unknown]);
    assert!(
        found.rows[0]
            .after
            .unknown
            .contains(&Why::NamespaceLabelsDiffer)
    );
}

#[test]
fn a_policy_that_selects_nobody_known_is_told() {
    let mut gone = present(group("prod/old"));
    gone.pods.clear();
    gone.last_seen = at(1);
    let history = History {
        edges: vec![to_db()],
        population: vec![gone],
        ..cluster()
    };
    let policy = |namespace: &str, app: &str| {
        let text =
            egress_to("10.0.0.0/8").replace("namespace: prod", &format!("namespace: {namespace}"));
        policies(&text.replace("app: web", app)).remove(0)
    };
    let known = KnownPods::of(&history);
    for (namespace, app, is_known) in [
        ("prod", "app: web", true),
        ("prod", "app: old", true),
        ("prod", "pod-template-hash: abc", true),
        ("prod", "app: none", false),
        ("default", "app: web", false),
    ] {
        let policy = policy(namespace, app);
        let told = known.not_selected_by(&[&policy]);
        assert_eq!(told.is_empty(), is_known, "{namespace} {app}");
    }
    assert!(known.has_namespace("prod") && !known.has_namespace("default"));
}

#[test]
fn who_shares_the_addresses_of_a_node_is_no_subject() {
    let mut shared = group("prod/web");
    shared.host_network = true;
    shared.labels = Labels::from_iter([("app", "web")]);
    let party = Party::Pods(Arc::new(shared));
    let history = History {
        edges: vec![edge(party, pods("prod/db"), Port::One(5432))],
        ..cluster()
    };
    let proposed = egress_to("192.0.2.0/24");
    assert_eq!(changes(&run(&history, "", &proposed)), []);
    let all = policies(&proposed);
    let told = KnownPods::of(&history).not_selected_by(&[&all[0]]);
    assert_eq!(told.len(), 1);
}
