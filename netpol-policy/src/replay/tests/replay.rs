use std::sync::Arc;

use super::support::{at, cluster, edge, group, outside, pods, policies, present};
use crate::history::{Edge, History, Observed, Party, PodGroup, Port};
use crate::model::Labels;
use crate::replay::{
    Change, Decisive, LabelsOf, Options, Progress, Proposed, Replay, Row, Sum, Why, replay,
};
use crate::verdict::{Caveat, Decision, DenyReason, Direction};

const NOTHING: &str = "";

const DB_FROM_WEB: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
";

fn run(edges: Vec<Edge>, before: &str, after: &str) -> Replay {
    let history = History { edges, ..cluster() };
    let options = Options::default();
    let (before, after) = (policies(before), policies(after));
    replay(&history, &before, &after, &options, |_| {})
}

/// `change source -> destination:port`.
fn words(replay: &Replay) -> Vec<String> {
    let word = |row: &Row| {
        let port = match row.port {
            Port::One(port) => port.to_string(),
            Port::None => "-".into(),
            Port::Many => "*".into(),
        };
        let change = row.change.as_str();
        format!("{change} {} -> {}:{port}", row.source, row.destination)
    };
    replay.rows.iter().map(word).collect()
}

fn to_db(source: &str) -> Edge {
    edge(pods(source), pods("prod/db"), Port::One(5432))
}

#[test]
fn traffic_is_grouped_by_what_changes_for_whom() {
    let mut relabelled = group("prod/api");
    relabelled.labels = relabelled.labels.with("track", "canary");
    let canary = edge(
        Party::Pods(Arc::new(relabelled)),
        pods("prod/db"),
        Port::One(5432),
    );
    let edges = vec![
        to_db("prod/web"),
        to_db("prod/api"),
        canary,
        edge(pods("prod/web"), pods("prod/api"), Port::One(80)),
        edge(outside("203.0.113.7/32"), pods("prod/db"), Port::One(22)),
        edge(outside("203.0.113.8/32"), pods("prod/db"), Port::One(22)),
        edge(Party::Many, pods("prod/db"), Port::Many),
    ];
    let replay = run(edges, NOTHING, DB_FROM_WEB);
    assert_eq!(
        words(&replay),
        [
            "newly-denied prod/api[Deployment] -> prod/db[Deployment]:5432",
            "newly-denied outside -> prod/db[Deployment]:22",
            "unknown many -> prod/db[Deployment]:*",
            "other-reason prod/web[Deployment] -> prod/db[Deployment]:5432",
        ]
    );
    let [api, outside, many, web] = replay.rows.as_slice() else {
        panic!("{replay:?}");
    };
    let twice = Sum {
        connections: 20,
        resumed: 2,
        bytes: 10_000,
    };
    assert_eq!(api.seen.sum, twice);
    assert_eq!((api.seen.first, api.seen.last), (at(0), at(60)));
    let addresses: Vec<String> = outside
        .source_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(addresses, ["203.0.113.7/32", "203.0.113.8/32"]);
    assert!(many.after.unknown.contains(&Why::ManyParties));
    assert_eq!(many.before.decision, Decision::Unknown);
    assert_eq!(
        (web.before.decision, web.after.decision),
        (Decision::Allowed, Decision::Allowed)
    );
    // The one that no policy is about.
    assert_eq!(replay.unchanged.all(), 11);
}

#[test]
fn a_new_denial_names_the_policy_and_the_rule_that_comes_nearest() {
    let replay = run(vec![to_db("prod/api")], NOTHING, DB_FROM_WEB);
    let [row] = replay.rows.as_slice() else {
        panic!("{replay:?}");
    };
    let [reason] = row.after.reasons.as_slice() else {
        panic!("{row:?}");
    };
    assert_eq!(reason.direction, Direction::Ingress);
    let Decisive::Isolated {
        policy,
        reason,
        nearest: Some(nearest),
    } = &reason.what
    else {
        panic!("{reason:?}");
    };
    assert_eq!(policy.to_string(), "prod/db");
    assert_eq!(*reason, DenyReason::PeerNotSelected);
    assert_eq!(nearest.wants, ["pod app=web"]);
    let before: Vec<_> = row.before.reasons.iter().map(|one| &one.what).collect();
    assert_eq!(before, [&Decisive::Default, &Decisive::Default]);
}

#[test]
fn what_was_seen_stands_beside_what_policies_say() {
    let mut blocked = to_db("prod/api");
    blocked.key.observed = Observed::Dropped;
    blocked.key.computed = Decision::Denied;
    let edges = vec![to_db("prod/api"), blocked];
    let denied = run(edges.clone(), NOTHING, DB_FROM_WEB);
    assert_eq!(denied.rows[0].change, Change::NewlyDenied);
    // What was seen of one and the same does not depend on the policies that it is replayed against.
    let seen = &denied.rows[0].seen;
    assert_eq!((seen.forwarded(), seen.blocked()), (11, 11));
    let allowed = run(edges, DB_FROM_WEB, NOTHING);
    assert_eq!(allowed.rows[0].change, Change::NewlyAllowed);
    assert_eq!(allowed.rows[0].seen, *seen);
}

#[test]
fn a_rule_that_moves_within_its_policy_is_no_other_reason() {
    let moved = DB_FROM_WEB.replace(
        "  ingress:\n",
        "  ingress:\n  - from: [{podSelector: {matchLabels: {app: tool}}}]\n",
    );
    let replay = run(vec![to_db("prod/web")], DB_FROM_WEB, &moved);
    assert_eq!(replay.rows, []);
    let renamed = DB_FROM_WEB.replace("name: db", "name: database");
    let replay = run(vec![to_db("prod/web")], DB_FROM_WEB, &renamed);
    assert_eq!(
        words(&replay),
        ["other-reason prod/web[Deployment] -> prod/db[Deployment]:5432"]
    );
}

#[test]
fn what_is_decided_otherwise_stands_in_another_row() {
    // Both for another reason: one allowed as before, one denied as before.
    let renamed = DB_FROM_WEB.replace("name: db", "name: database");
    let mut canary = group("prod/web");
    canary.labels = Labels::from_iter([("app", "canary")]);
    let canary = edge(
        Party::Pods(Arc::new(canary)),
        pods("prod/db"),
        Port::One(5432),
    );
    let replay = run(vec![to_db("prod/web"), canary], DB_FROM_WEB, &renamed);
    let decisions = replay.rows.iter().map(|row| row.after.decision);
    let decisions: Vec<Decision> = decisions.collect();
    assert_eq!(decisions, [Decision::Allowed, Decision::Denied]);
}

#[test]
fn a_rule_is_told_once_whichever_of_its_peers_decide() {
    let policy = |blocks: [&str; 2]| {
        let peers = blocks.map(|block| format!("{{ipBlock: {{cidr: {block}}}}}"));
        format!(
            "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web, namespace: prod}}
spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{}]}}]}}",
            peers.join(", ")
        )
    };
    let edges = ["203.0.113.7/32", "203.0.113.8/32"];
    let edges = edges.map(|block| edge(pods("prod/web"), outside(block), Port::One(443)));
    for (blocks, change) in [
        (["203.0.113.7/32", "203.0.113.8/32"], Change::OtherReason),
        (["198.51.100.7/32", "203.0.113.9/32"], Change::NewlyDenied),
    ] {
        let replay = run(edges.to_vec(), NOTHING, &policy(blocks));
        let [row] = replay.rows.as_slice() else {
            panic!("{replay:?}");
        };
        assert_eq!(row.change, change);
        let told: Vec<_> = row.after.reasons.iter().collect();
        let of_policy = told.iter().filter(|one| one.what.policy().is_some());
        assert_eq!(of_policy.count(), 1, "{told:?}");
    }
}

#[test]
fn what_cannot_be_told_counts_only_where_a_policy_that_changed_may_be_about_it() {
    let service = |namespace: &str| Party::Service {
        namespace: namespace.into(),
        name: "db".into(),
    };
    let edges = vec![
        edge(pods("ci/web"), service("prod"), Port::One(5432)),
        edge(pods("ci/web"), service("ci"), Port::One(5432)),
    ];
    let replay = run(edges, NOTHING, DB_FROM_WEB);
    assert_eq!(
        words(&replay),
        ["unknown ci/web[Deployment] -> prod/db[Service]:5432"]
    );
    let why = Why::Undecided(Caveat::BackendUnknown);
    assert_eq!(replay.rows[0].after.unknown, [why].into());
    assert_eq!(replay.unchanged.all(), 11);
}

#[test]
fn proposed_labels_count_after_the_change_alone() {
    let history = History {
        edges: vec![to_db("prod/web")],
        population: vec![present(group("prod/web")), present(group("prod/db"))],
        ..cluster()
    };
    let policies = policies(DB_FROM_WEB);
    let relabelled = Proposed {
        namespaces: Vec::new(),
        templates: vec![template("prod/web", "site")],
    };
    for (labels, expected) in [
        (LabelsOf::FlowTime, &[][..]),
        (LabelsOf::Now(Proposed::default()), &[]),
        (
            LabelsOf::Now(relabelled),
            &["newly-denied prod/web[Deployment] -> prod/db[Deployment]:5432"],
        ),
    ] {
        let options = Options {
            labels,
            ..Options::default()
        };
        let replay = replay(&history, &policies, &policies, &options, |_| {});
        assert_eq!(words(&replay), expected);
    }
}

fn template(name: &str, app: &str) -> Arc<crate::model::Template> {
    let PodGroup {
        namespace,
        workload,
        ..
    } = group(name);
    let yaml = format!(
        r"
apiVersion: apps/v1
kind: {}
metadata: {{name: {}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {app}}}}}
  template:
    metadata: {{labels: {{app: {app}}}}}
    spec: {{containers: []}}
",
        workload.kind, workload.name
    );
    let mut objects = super::support::objects(&yaml);
    match objects.pop() {
        Some(crate::model::Object::Template(template)) => {
            assert_eq!(template.pod.labels, Labels::from_iter([("app", app)]));
            Arc::new(template)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn progress_is_told_from_nothing_to_all() {
    let edges = (0..50).map(|port| edge(pods("a/a"), pods("b/b"), Port::One(port)));
    let history = History {
        edges: edges.collect(),
        ..cluster()
    };
    let mut told = Vec::new();
    let found = replay(
        &history,
        &[],
        &[],
        &Options::default(),
        |Progress { done, total }| {
            assert_eq!(total, 50);
            told.push(done);
        },
    );
    assert_eq!(told, (0..=50).collect::<Vec<_>>());
    assert_eq!(found.unchanged.connections, 500);
}
