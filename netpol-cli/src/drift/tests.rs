use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::drift::{Options, drift};
use netpol_policy::history::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode,
    NodeHistory, Observed, Party, PodGroup, PolicyName, PolicyRevision, Port, RememberedPolicy,
    SeenAt,
};
use netpol_policy::model::{Labels, NetworkPolicy, Protocol, Selector, Workload};
use netpol_policy::verdict::{Decision, PolicyKind, PolicyRef};

use super::{json, text};

/// 2026-03-01T09:00:00Z and so many seconds.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_355_600 + seconds)
}

fn pods(namespace: &str, name: &str) -> Party {
    Party::Pods(Arc::new(PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::default(),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: Vec::new(),
        host_network: false,
    }))
}

fn closed(namespace: &str) -> PolicyName {
    PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: namespace.into(),
        name: "closed".into(),
    }
}

fn isolating(namespace: &str) -> PolicyRevision {
    PolicyRevision {
        policy: RememberedPolicy::Network(NetworkPolicy {
            reference: PolicyRef {
                kind: PolicyKind::NetworkPolicy,
                namespace: namespace.into(),
                name: "closed".into(),
                uid: "".into(),
                generation: 1,
            },
            subjects: Selector::default(),
            ingress: Some(Vec::new()),
            egress: None,
        }),
        since: at(0),
        until: None,
    }
}

fn edge(node: &str, (from, to): (Party, Party), agreement: Agreement, connections: u64) -> Edge {
    let (observed, computed) = match agreement {
        Agreement::DeniedButForwarded => (Observed::Forwarded, Decision::Denied),
        Agreement::AllowedButDropped => (Observed::Dropped, Decision::Allowed),
        Agreement::Agree => (Observed::Dropped, Decision::Denied),
        Agreement::Undetermined => (Observed::Unanswered, Decision::Denied),
    };
    let namespace = match &to {
        Party::Pods(group) => group.namespace.clone(),
        _ => "prod".into(),
    };
    Edge {
        key: EdgeKey {
            node: node.into(),
            seen_at: SeenAt::Both,
            source: from,
            destination: to,
            service: None,
            protocol: Protocol::Tcp,
            port: Port::One(5432),
            observed,
            drop: observed.is_blocked().then(|| DropKind {
                reason: "NETFILTER_DROP".into(),
                class: "firewall".into(),
            }),
            computed,
            agreement,
            policies: match computed {
                Decision::Denied => vec![closed(&namespace)],
                _ => Vec::new(),
            },
        },
        totals: EdgeTotals {
            connections,
            resumed: 0,
            packets: 1,
            bytes: 60,
            first_seen: at(60),
            last_seen: at(600),
            after_change: 0,
            longest_after_change: None,
        },
    }
}

fn history() -> History {
    let to = |name| (pods("ci", "build"), pods("prod", name));
    let mut late = edge(
        "node-2",
        (pods("ci", "build"), pods("dev", "api")),
        Agreement::DeniedButForwarded,
        2,
    );
    late.totals.after_change = 2;
    late.totals.longest_after_change = Some(Duration::from_millis(1240));
    let nodes = [("node-1", 0), ("node-2", 3)].map(|(name, lost)| NodeHistory {
        name: name.into(),
        store: name.into(),
        read_at: at(3600),
        intervals: vec![Interval {
            from: at(0),
            until: at(3600),
            losses: vec![Loss {
                stage: "kernel".into(),
                reason: "ring_full".into(),
                count: lost,
            }],
        }],
        dialect: "specification".into(),
    });
    History {
        nodes: nodes.to_vec(),
        missing: vec![MissingNode {
            name: "node-3".into(),
            reason: "connection refused".into(),
        }],
        edges: vec![
            edge("node-1", to("db"), Agreement::DeniedButForwarded, 4),
            edge("node-1", to("web"), Agreement::DeniedButForwarded, 1),
            edge(
                "node-2",
                (pods("ci", "build"), pods("dev", "web")),
                Agreement::Agree,
                7,
            ),
            edge(
                "node-2",
                (pods("prod", "web"), pods("prod", "db")),
                Agreement::AllowedButDropped,
                3,
            ),
            edge("node-2", to("db"), Agreement::Undetermined, 6),
            late,
        ],
        policies: vec![isolating("prod"), isolating("dev")],
        ..History::default()
    }
}

fn page(history: &History, wide: bool) -> String {
    let options = Options::default();
    let page = text::page((&drift(history, &options), 0), &options, wide, None);
    anstream::adapter::strip_str(&page).to_string()
}

#[test]
fn the_page_tells_what_disagrees_who_is_behind_it_and_what_it_rests_on() {
    assert_eq!(
        page(&history(), false),
        "\
Denied by policy, and it went through
  FROM                  TO                    PORT      CONNECTIONS  LAST SEEN             DENIED BY
✗ ci/build[Deployment]  prod/db[Deployment]   TCP 5432  4            2026-03-01T09:10:00Z  prod/closed
✗ ci/build[Deployment]  prod/web[Deployment]  TCP 5432  1            2026-03-01T09:10:00Z  prod/closed

Denied by policy, and it went through around a change
  FROM                  TO                   PORT      CONNECTIONS  LAST SEEN             DENIED BY   AFTER
  ci/build[Deployment]  dev/api[Deployment]  TCP 5432  2            2026-03-01T09:10:00Z  dev/closed  up to 1.2s

Allowed by policy, and a firewall of the node stopped it
  FROM                  TO                   PORT      CONNECTIONS  LAST SEEN             DROPPED BY                 ALLOWED BY
✗ prod/web[Deployment]  prod/db[Deployment]  TCP 5432  3            2026-03-01T09:10:00Z  NETFILTER_DROP (firewall)  no policy

Policies, by what came of the connections they deny
  POLICY       STOPPED  LET THROUGH  HOST NETWORK  AFTER A CHANGE          OPEN BEFORE
  dev/closed   7        0            0             2, up to 1.2s after it  0
✗ prod/closed  0        5            0             0                       0            never seen to be enforced

Nodes, by what came of the denied connections they had to stop
  NODE    STOPPED  LET THROUGH  UNCLEAR  DROPPED THOUGH ALLOWED
✗ node-1  0        5            0        0                       seems to enforce nothing
  node-2  7        0            6        3                       enforces what was seen

Evidence
2026-03-01T09:00:00Z to 2026-03-01T10:00:00Z, 100 % of it watched by 2 nodes: node-1, node-2
Lost: 3 kernel ring full
Missing: node-3: connection refused
17 connections compared
6 connections not compared: what became of them is not known
"
    );
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let documentation = include_str!("../../../docs/drift.md");
    let page = page(&history(), false);
    let from = page.find("Policies, by what came").unwrap();
    let until = page.find("\nEvidence\n").unwrap();
    let shown = &page[from..until];
    assert!(documentation.contains(shown), "{shown}");
    for kind in netpol_policy::drift::Kind::ALL {
        let row = format!("| `{}` |", kind.as_str());
        assert!(documentation.contains(&row), "{row}");
    }
}

#[test]
fn nothing_to_compare_is_no_agreement() {
    let empty = page(&History::default(), false);
    assert!(
        empty.starts_with("Nothing could be compared, so nothing is known of drift.\n"),
        "{empty}"
    );
    assert!(empty.contains("No node watched in this time.\n"), "{empty}");
    let mut agreeing = history();
    agreeing
        .edges
        .retain(|edge| edge.key.agreement == Agreement::Agree);
    let agreeing = page(&agreeing, false);
    assert!(
        agreeing.starts_with("What was seen and what policies say agree wherever"),
        "{agreeing}"
    );
}

#[test]
fn json_has_all_of_it() {
    let options = Options::default();
    let text = json::text((&drift(&history(), &options), 0), &options).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let kinds: Vec<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "not-enforced",
            "not-enforced",
            "late-enforcement",
            "dropped"
        ]
    );
    assert_eq!(document["findings"][0]["connections"], 4);
    assert_eq!(
        document["findings"][2]["longest_after_change_seconds"],
        1.24
    );
    assert_eq!(document["findings"][3]["drop"]["reason"], "NETFILTER_DROP");
    assert_eq!(document["nodes"][0]["enforcement"], "nothing");
    assert_eq!(document["nodes"][1]["enforcement"], "seen");
    assert_eq!(document["coverage"]["outcome_unknown"], 6);
    assert_eq!(document["evidence"]["missing"][0]["node"], "node-3");
    assert_eq!(document["beyond_lag"], true);
}
