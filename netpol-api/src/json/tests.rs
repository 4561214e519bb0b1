use proptest::prelude::*;
use serde_json::json;

use super::*;

fn example() -> v1::Flow {
    v1::Flow {
        id: "f1".into(),
        revision: 2,
        last_seen: Some(prost_types::Timestamp {
            seconds: 1_772_357_400,
            nanos: 5,
        }),
        protocol: v1::Protocol::Tcp.into(),
        ip_protocol: 6,
        source: Some(v1::Endpoint {
            address: "10.0.1.5".into(),
            port: 40000,
            kind: v1::endpoint::Kind::Pod.into(),
            namespace: "ci".into(),
            pod: "build".into(),
            pod_age: Some(prost_types::Duration {
                seconds: 61,
                nanos: 500_000_000,
            }),
            labels: [
                ("b".to_owned(), "2".to_owned()),
                ("a".to_owned(), "1".to_owned()),
            ]
            .into(),
            ..v1::Endpoint::default()
        }),
        forward: Some(v1::Counters {
            packets: 4,
            bytes: 240,
            tcp_flags: 0x02,
        }),
        observed: Some(v1::Observed {
            verdict: v1::observed::Verdict::Dropped.into(),
            evidence: None,
        }),
        computed: Some(v1::Computed {
            verdict: v1::computed::Verdict::Denied.into(),
            ingress: Some(v1::DirectionVerdict {
                decided_by: v1::direction_verdict::DecidedBy::Policy.into(),
                allowed_by: vec![v1::RuleRef {
                    rule: 0,
                    peer: Some(0),
                    ..v1::RuleRef::default()
                }],
                ..v1::DirectionVerdict::default()
            }),
            egress: Some(denied_in_admin_tier()),
            ..v1::Computed::default()
        }),
        agreement: v1::Agreement::DeniedButForwarded.into(),
        summary: "because".into(),
        ..v1::Flow::default()
    }
}

/// By a rule of a ClusterNetworkPolicy, which also stands in the path.
fn denied_in_admin_tier() -> v1::DirectionVerdict {
    let policy = v1::PolicyRef {
        kind: "ClusterNetworkPolicy".into(),
        name: "isolate".into(),
        ..v1::PolicyRef::default()
    };
    let rule = v1::RuleRef {
        policy: Some(policy.clone()),
        direction: v1::Direction::Egress.into(),
        rule: 2,
        ..v1::RuleRef::default()
    };
    v1::DirectionVerdict {
        denied_by: vec![v1::Denial {
            policy: Some(policy),
            reason: v1::denial::Reason::ExplicitDeny.into(),
            rules: vec![rule.clone()],
            nearest: None,
        }],
        path: vec![v1::TierStep {
            tier: v1::tier_step::Tier::Admin.into(),
            outcome: v1::tier_step::Outcome::Passed.into(),
            rules: vec![rule],
        }],
        ..v1::DirectionVerdict::default()
    }
}

fn response(flow: v1::Flow) -> v1::WatchFlowsResponse {
    v1::WatchFlowsResponse {
        item: Some(v1::watch_flows_response::Item::Flow(flow)),
        ..v1::WatchFlowsResponse::default()
    }
}

#[test]
fn a_flow_has_stable_names_and_leaves_out_what_is_empty() {
    let item = Item::of_response(&response(example())).unwrap();
    let rule = json!({
        "policy": {"kind": "ClusterNetworkPolicy", "name": "isolate"},
        "direction": "egress",
        "rule": 2,
    });
    assert_eq!(
        serde_json::to_value(item).unwrap(),
        json!({
            "type": "flow",
            "id": "f1",
            "revision": 2,
            "last_seen": "2026-03-01T09:30:00.000000005Z",
            "protocol": "tcp",
            "ip_protocol": 6,
            "source": {
                "address": "10.0.1.5",
                "port": 40000,
                "kind": "pod",
                "namespace": "ci",
                "pod": "build",
                "labels": {"a": "1", "b": "2"},
                "pod_age_seconds": 61.5,
            },
            "forward": {"packets": 4, "bytes": 240, "tcp_flags": ["syn"]},
            "observed": {"verdict": "dropped"},
            "computed": {
                "verdict": "denied",
                "egress": {
                    "denied_by": [{
                        "policy": {"kind": "ClusterNetworkPolicy", "name": "isolate"},
                        "reason": "explicit_deny",
                        "rules": [rule],
                    }],
                    "path": [{"tier": "admin", "outcome": "passed", "rules": [rule]}],
                },
                "ingress": {"decided_by": "policy", "allowed_by": [{"rule": 0, "peer": 0}]},
            },
            "agreement": "denied_but_forwarded",
            "summary": "because",
        })
    );
}

#[test]
fn a_loss_is_an_item_of_its_own_type() {
    let lost = v1::Lost {
        stage: v1::lost::Stage::Kernel.into(),
        reason: "ring_full".into(),
        count: 7,
        ..v1::Lost::default()
    };
    assert_eq!(
        serde_json::to_value(Item::Lost((&lost).into())).unwrap(),
        json!({"type": "lost", "stage": "kernel", "reason": "ring_full", "count": 7})
    );
}

#[test]
fn what_was_written_reads_back_as_the_same_message() {
    let text = serde_json::to_string(&Item::of_response(&response(example()))).unwrap();
    let item: Item = serde_json::from_str(&text).unwrap();
    assert_eq!(v1::WatchFlowsResponse::from(item), response(example()));
}

#[test]
fn a_newer_writer_does_not_break_a_reader() {
    let text = r#"{"type":"flow","id":"x","protocol":"quic","colour":"green"}"#;
    let Item::Flow(flow) = serde_json::from_str(text).unwrap() else {
        panic!("no flow")
    };
    assert_eq!(flow.id, "x");
    assert!(flow.protocol.is_unspecified());
}

proptest! {
    #[test]
    fn times_and_flags_survive(seconds in -62_135_596_800i64..253_402_300_799, nanos in 0i32..1_000_000_000, flags in 0u32..256) {
        let mut flow = example();
        flow.first_seen = Some(prost_types::Timestamp { seconds, nanos });
        flow.forward = Some(v1::Counters { packets: 1, bytes: 1, tcp_flags: flags });
        let text = serde_json::to_string(&Item::of_response(&response(flow.clone()))).unwrap();
        let item: Item = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(v1::WatchFlowsResponse::from(item), response(flow));
    }
}
