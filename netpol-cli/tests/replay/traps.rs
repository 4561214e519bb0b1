//! What would let a change pass that nobody has looked at.

use std::fs;
use std::sync::Arc;

use netpol_policy::history::{History, Party, PodGroup, Port};
use netpol_policy::model::Workload;
use serde_json::Value;

use crate::run::Recorded;
use crate::{sarif, shop};

const OTHER_KIND: &str = "
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec: {endpointSelector: {}}
";

/// Exit code, and what is said on stdout and stderr.
fn replay(recorded: &Recorded, manifests: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let path = recorded.manifests(manifests);
    let output = recorded.replay(&[&["--manifests", &path], arguments].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn in_force() -> String {
    fs::read_to_string(crate::run::directory().join("in-force.yaml")).unwrap()
}

#[test]
fn manifests_without_a_policy_are_not_compared() {
    let recorded = Recorded::of(&shop::history());
    let config_map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}";
    let misspelled = in_force().replace("kind: NetworkPolicy", "kind: NetworkPolicies");
    for manifests in ["", "---\n---\n", config_map, OTHER_KIND, &misspelled] {
        for arguments in [&[][..], &["--prune"], &["--fail-on", "none"]] {
            let (code, said) = replay(&recorded, manifests, arguments);
            assert_eq!(code, Some(2), "{manifests} {said}");
            assert!(said.contains("no policy that is evaluated"), "{said}");
        }
    }
    let output = recorded.replay(&["--manifests", "-"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_policy_that_is_not_evaluated_is_nothing_that_passes() {
    let recorded = Recorded::of(&shop::history());
    let both = in_force() + OTHER_KIND;
    let (code, said) = replay(&recorded, &both, &[]);
    assert_eq!(code, Some(1), "{said}");
    let line = "manifests.yaml:20) is of a kind that is not evaluated, and may change anything";
    assert!(said.contains("✗ CiliumNetworkPolicy shop/db ("), "{said}");
    assert!(said.contains(line), "{said}");
    assert_eq!(
        replay(&recorded, &both, &["--fail-on", "newly-denied"]).0,
        Some(0)
    );

    let path = recorded.manifests(&both);
    let output = |format| {
        let output = recorded.replay(&["--manifests", &path, "-o", format]);
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&output("json")).unwrap();
    assert_eq!(json["failures"], serde_json::json!(["unknown"]));
    let log: Value = serde_json::from_str(&output("sarif")).unwrap();
    sarif::check(&log);
    assert_eq!(log["runs"][0]["results"][0]["level"], "error");
    let report = quick_junit::Report::deserialize_from_str(&output("junit")).unwrap();
    assert_eq!(report.test_suites[2].failures, 1);
    assert!(output("markdown").contains("- CiliumNetworkPolicy shop/db"));
}

#[test]
fn a_kustomization_that_is_not_rendered_is_of_another_namespace() {
    let recorded = Recorded::of(&shop::history());
    let bare = in_force().replace(", namespace: shop", "");
    let (code, said) = replay(&recorded, &bare, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the history knows no pods in any namespace of the manifests (default)"),
        "{said}"
    );
}

#[test]
fn a_list_is_its_items() {
    let recorded = Recorded::of(&shop::history());
    let deny = r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}]}"#;
    let (code, said) = replay(&recorded, deny, &["--fail-on", "newly-denied"]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn too_little_was_seen() {
    let nothing = History {
        edges: Vec::new(),
        ..shop::history()
    };
    let (code, said) = replay(&Recorded::of(&nothing), &in_force(), &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("insufficient evidence: no traffic is remembered"),
        "{said}"
    );

    let mut minutes = shop::history();
    let interval = &mut minutes.nodes[0].intervals;
    interval.truncate(1);
    interval[0].until = shop::at(150);
    let minutes = Recorded::of(&minutes);
    let (code, said) = replay(&minutes, &in_force(), &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no node watched for 1d (--min-window), the longest for 2m 30s"),
        "{said}"
    );
    let (code, said) = replay(&minutes, &in_force(), &["--min-window", "2m"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = replay(&minutes, &in_force(), &["-o", "markdown"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("❌ **Insufficient evidence") && !said.contains('✅'),
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_of_a_history_may_have_been_anything() {
    let recorded = Recorded::of(&shop::history());
    let text = fs::read_to_string(recorded.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let edge = lines
        .iter()
        .position(|line| line.contains("\"edge\""))
        .unwrap();
    let without = |from: usize, to: usize| [&lines[..from], &lines[to..]].concat().join("\n");
    for broken in [
        without(edge, edge + 1),
        without(lines.len() - 1, lines.len()),
        text.replacen("TCP", "TPC", 1),
    ] {
        fs::write(recorded.path(), broken).unwrap();
        let (code, said) = replay(&recorded, &in_force(), &["--fail-on", "none"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("of the history could not be read"), "{said}");
        assert!(!said.contains("Nothing was lost"), "{said}");
    }
}

#[test]
fn whom_nobody_knows_and_what_is_labelled_otherwise_is_told() {
    let recorded = Recorded::of(&shop::history());
    let next = in_force().replace("app: db", "app: dbs")
        + "
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: site}}
  template: {metadata: {labels: {app: site}}, spec: {containers: []}}
";
    let (_, said) = replay(&recorded, &next, &[]);
    let nobody =
        "No pods are known that these select, so nothing can be said of what they do: shop/db.\n";
    assert!(said.contains(nobody), "{said}");
    let labels = "The manifests change labels, and only --labels now asks about that: shop/web[Deployment].\n";
    assert!(said.contains(labels), "{said}");
    let (_, said) = replay(&recorded, &next, &["--labels", "now"]);
    assert!(!said.contains("only --labels now"), "{said}");
}

#[test]
fn what_policies_permit_and_cannot_be_told_counts_where_it_is_asked_about() {
    let mut history = shop::history();
    // So that the addresses of pods are known by their ranges alone, and a block may hold a part of them.
    history.edges.truncate(1);
    let recorded = Recorded::of(&history);
    let some_pods = in_force().replace(
        "- from: [{podSelector: {matchLabels: {app: web}}}]\n    ports: [{port: http}]",
        "- from: [{ipBlock: {cidr: 10.244.1.0/25}}]\n    ports: [{port: http}]",
    );
    for (fail_on, expected) in [("unknown", 0), ("opened", 0), ("opened,unknown", 1)] {
        let (code, said) = replay(&recorded, &some_pods, &["--fail-on", fail_on]);
        assert_eq!(code, Some(expected), "{fail_on} {said}");
    }
}

#[test]
fn huge_counts_are_no_trouble() {
    let mut history = shop::history();
    for edge in &mut history.edges {
        let totals = &mut edge.totals;
        // As many as a history may tell of.
        (totals.connections, totals.resumed) = (1 << 40, 1 << 40);
        (totals.packets, totals.bytes) = (u64::MAX, u64::MAX);
    }
    let losses = history.nodes[0]
        .intervals
        .iter_mut()
        .flat_map(|one| &mut one.losses);
    losses.for_each(|loss| loss.count = u64::MAX);
    let again = history.nodes[0].intervals[1].clone();
    history.nodes[0].intervals.push(again);
    let recorded = Recorded::of(&history);
    for format in ["text", "wide", "json", "markdown", "sarif", "junit"] {
        let output = recorded.replay(&["--manifests", "proposed", "-o", format]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[test]
fn a_comment_has_room_on_github() {
    let mut history = shop::history();
    let name = "[@everyone|`]".repeat(40);
    history.edges.extend((0..2000).map(|number| {
        let hostile = PodGroup {
            workload: Workload {
                kind: "Deployment".into(),
                name: format!("{number}{name}").into(),
            },
            ..PodGroup::clone(&shop::group("shop", "", "tool"))
        };
        let db = shop::group("shop", "StatefulSet", "db");
        let port = Port::One(number);
        shop::edge(Party::Pods(Arc::new(hostile)), Party::Pods(db), port, 1)
    }));
    let missing = (0..500).map(|number| netpol_policy::history::MissingNode {
        name: format!("n{number}{name}"),
        reason: name.clone(),
    });
    history.missing = missing.collect();
    history.policies.clear();
    let text = Recorded::of(&history).proposed(&["-o", "markdown", "--fail-on", "none"]);
    assert!(text.len() < 65_536, "{}", text.len());
    assert!(text.contains("\n… and "), "{text}");
    assert!(text.ends_with("</sub>\n"));
}
