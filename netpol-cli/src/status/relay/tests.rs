use netpol_api::v1::{
    Capability, Lost, NodeState, Watch, get_status_response::Server, lost::Stage, node_state::State,
};

use super::*;
use crate::status::Subject;

fn agent(node: &str, seen: u64) -> GetStatusResponse {
    GetStatusResponse {
        node: node.into(),
        version: "0.1.0".into(),
        flows_seen: seen,
        flows_blocked: 3,
        flows_per_second: 1.25,
        inventory: Some(InventoryStatus {
            generation: 40,
            ..InventoryStatus::default()
        }),
        ..GetStatusResponse::default()
    }
}

fn node(name: &str, state: State, message: &str, status: Option<GetStatusResponse>) -> NodeStatus {
    NodeStatus {
        state: Some(NodeState {
            node: name.into(),
            state: state.into(),
            message: message.into(),
            time: None,
        }),
        address: "10.0.0.7:4245".into(),
        status,
        ..NodeStatus::default()
    }
}

fn relay() -> GetStatusResponse {
    let mut degraded = agent("worker-1", 1200);
    degraded.lost = vec![Lost {
        stage: Stage::Kernel.into(),
        reason: "ring_full".into(),
        count: 12,
        ..Lost::default()
    }];
    degraded.capabilities = vec![Capability {
        name: "drop reasons".into(),
        cost: "drops are not seen".into(),
        ..Capability::default()
    }];
    degraded.inventory = Some(InventoryStatus {
        generation: 7,
        watches: vec![Watch {
            resource: "pods".into(),
            state: watch::State::Failing.into(),
            error: "needs watch on pods (403 Forbidden)".into(),
            ..Watch::default()
        }],
        ..InventoryStatus::default()
    });
    let mut skewed = node("worker-2", State::Followed, "", Some(agent("worker-2", 5)));
    skewed.warnings = vec!["its clock is 3.2 s behind the relay's".into()];
    skewed.clock_ahead = Some(prost_types::Duration {
        seconds: -3,
        nanos: -200_000_000,
    });
    GetStatusResponse {
        server: Server::Relay.into(),
        version: "0.1.0".into(),
        started: Some(prost_types::Timestamp {
            seconds: 1_000,
            nanos: 0,
        }),
        time: Some(prost_types::Timestamp {
            seconds: 1_065,
            nanos: 0,
        }),
        subscribers: 2,
        nodes: vec![
            node(
                "control-1",
                State::Followed,
                "",
                Some(agent("control-1", 77)),
            ),
            node("worker-1", State::Late, "4 s behind", Some(degraded)),
            skewed,
            node(
                "worker-3",
                State::Unreachable,
                "connection refused",
                Some(agent("worker-3", 9)),
            ),
            node(
                "a-worker",
                State::NoAgent,
                "the DaemonSet has no pod there",
                None,
            ),
        ],
        lost: vec![Lost {
            stage: Stage::Relay.into(),
            reason: "slow_reader".into(),
            count: 4,
            ..Lost::default()
        }],
        ..GetStatusResponse::default()
    }
}

fn text(status: &GetStatusResponse, node: Option<&str>) -> String {
    let text = Subject::of(status, node).unwrap().text(Timestamp::now());
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn nodes_that_are_missing_come_first_and_each_says_what_is_wrong() {
    assert_eq!(
        text(&relay(), None),
        "\
relay      0.1.0, up 1m 5s
nodes      2 of 5 followed
flows      1291 seen, 12 blocked, 5.0 a second; 2 watching

Nodes
    NODE       STATE     AGENT  FLOWS  BLOCKED  LOST  INVENTORY
  ✗ a-worker   NO AGENT  -      -      -        -     -
      the DaemonSet has no pod there
  ✗ worker-3   MISSING   0.1.0  9      3        0     generation 40
      connection refused
  ! worker-1   LATE      0.1.0  1200   3        12    generation 7, stale
      4 s behind
      no drop reasons: drops are not seen
      pods: needs watch on pods (403 Forbidden)
    control-1  followed  0.1.0  77     3        0     generation 40
  ! worker-2   followed  0.1.0  5      3        0     generation 40
      its clock is 3.2 s behind the relay's

Losses in the relay
  4  relay  slow reader
"
    );
}

#[test]
fn a_node_is_shown_whole() {
    let shown = text(&relay(), Some("worker-1"));
    assert!(
        shown.starts_with(
            "state      LATE\n! 4 s behind\nnode       worker-1\nagent      0.1.0, up unknown\n"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("\nLosses\n  12  kernel  ring full\n"),
        "{shown}"
    );
    assert_eq!(
        text(&relay(), Some("a-worker")),
        "node       a-worker\nstate      NO AGENT\n✗ the DaemonSet has no pod there\n"
    );
}

#[test]
fn a_node_that_is_not_there_is_answered_with_those_that_are() {
    let known = Subject::of(&relay(), Some("x")).unwrap_err();
    assert_eq!(known, "control-1, worker-1, worker-2, worker-3, a-worker");
    let known = Subject::of(&agent("worker-1", 0), Some("x")).unwrap_err();
    assert_eq!(known, "worker-1");
}

#[test]
fn a_relay_that_knows_no_node_yet_says_so() {
    let status = GetStatusResponse {
        server: Server::Relay.into(),
        ..GetStatusResponse::default()
    };
    assert!(text(&status, None).contains("\n  ✗ no node is known yet: there are no flows\n"));
}

#[test]
fn names_from_a_server_cannot_steer_the_terminal() {
    let mut status = relay();
    status.nodes[0] = node("x\x1b[2J", State::Unreachable, "y\x1b[H\nz", None);
    let shown = text(&status, None);
    assert!(!shown.contains('\x1b') && !shown.contains("\nz"), "{shown}");
}

#[test]
fn json_has_each_node_with_its_state_and_its_agents_status() {
    let status = relay();
    let json = Subject::of(&status, None).unwrap().json().unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["server"], "relay");
    let nodes = json["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    assert_eq!(nodes[1]["node"], "worker-1");
    assert_eq!(nodes[1]["state"], "late");
    assert_eq!(nodes[1]["status"]["lost"][0]["reason"], "ring_full");
    assert_eq!(nodes[2]["clock_ahead_seconds"], -3.2);
    assert_eq!(nodes[4]["status"], serde_json::Value::Null);

    let one = Subject::of(&status, Some("worker-3"))
        .unwrap()
        .json()
        .unwrap();
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["message"], "connection refused");
    assert_eq!(one["status"]["node"], "worker-3");
}
