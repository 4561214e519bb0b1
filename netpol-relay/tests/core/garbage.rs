//! A node that sends what no agent would: nothing panics, and nobody else loses anything.

use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{self, Flow};
use netpol_relay::merge::{Config, Mode};
use proptest::prelude::*;
use prost_types::Timestamp;

use crate::drive::{flow_item, followed_with, items};
use crate::world::{at, node_name};
use crate::worlds::{NODES, Story, final_flows, identity, told_alone, worlds};

const NOW: u64 = 3_000_000;

fn stamps() -> impl Strategy<Value = Option<Timestamp>> {
    let extreme = |values: Vec<i64>| proptest::sample::select(values);
    let seconds = extreme(vec![
        i64::MIN,
        -1,
        0,
        1,
        1_700_000_100,
        1_800_000_000,
        9_223_372_036,
        i64::MAX,
    ]);
    let nanos =
        proptest::sample::select(vec![i32::MIN, -1, 0, 999_999_999, 1_000_000_000, i32::MAX]);
    proptest::option::of((seconds, nanos).prop_map(|(seconds, nanos)| Timestamp { seconds, nanos }))
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("nonsense".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("0-1-0".to_owned()),
        (1000usize..300_000).prop_map(|length| "x".repeat(length)),
        "\\PC{0,20}",
    ]
}

fn endpoints() -> impl Strategy<Value = Option<v1::Endpoint>> {
    // Ports that no generated connection has.
    let end = (texts(), 50_000u32..50_003, texts(), any::<i32>());
    proptest::option::of(end.prop_map(|(address, port, node, kind)| v1::Endpoint {
        address,
        port,
        node,
        kind,
        ..v1::Endpoint::default()
    }))
}

fn nonsense() -> impl Strategy<Value = v1::WatchFlowsResponse> {
    let numbers = || prop_oneof![Just(0), Just(1), Just(u64::MAX)];
    let observed =
        proptest::option::of((any::<i32>(), numbers()).prop_map(|(verdict, packets)| {
            v1::Observed {
                verdict,
                evidence: Some(v1::Evidence {
                    drop: Some(v1::Drop {
                        packets,
                        ..v1::Drop::default()
                    }),
                    ..v1::Evidence::default()
                }),
            }
        }));
    let vantage = (0i32..4).prop_map(|direction| v1::Vantage {
        direction,
        ..v1::Vantage::default()
    });
    let flow = (
        texts(),
        numbers(),
        (stamps(), stamps()),
        prop_oneof![texts(), Just(node_name(1))],
        (endpoints(), endpoints()),
        observed,
        proptest::collection::vec(vantage, 0..3),
        any::<bool>(),
    );
    let flow = flow.prop_map(
        |(id, revision, times, node, ends, observed, vantages, mid_stream)| Flow {
            id,
            revision,
            first_seen: times.0,
            last_seen: times.1,
            node,
            source: ends.0,
            destination: ends.1,
            observed,
            vantages,
            mid_stream,
            ..Flow::default()
        },
    );
    let lost = (texts(), numbers(), stamps()).prop_map(|(reason, count, time)| v1::Lost {
        reason,
        count,
        time,
        ..v1::Lost::default()
    });
    prop_oneof![
        8 => flow.prop_map(|flow| Some(Item::Flow(flow))),
        1 => lost.prop_map(|lost| Some(Item::Lost(lost))),
        1 => Just(Some(Item::Node(v1::NodeState::default()))),
        1 => Just(None),
    ]
    .prop_map(|item| v1::WatchFlowsResponse {
        item,
        ..v1::WatchFlowsResponse::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_others_send_comes_out_all_the_same(
        stories in worlds(),
        nonsense in proptest::collection::vec(nonsense(), 0..60),
        live in any::<bool>(),
    ) {
        let mode = if live { Mode::Live } else { Mode::Kept };
        // The last node is the one that has gone wrong.
        let mut merge = followed_with(NODES + 1, mode, Config::default(), NOW);
        merge.set_clock_ahead(NODES, i64::MIN);
        let views: Vec<_> = stories.iter().flat_map(Story::views).collect();
        let mut out = Vec::new();
        for step in 0..views.len().max(nonsense.len()) {
            let now = NOW + 10 * u64::try_from(step).unwrap();
            if let Some(response) = nonsense.get(step) {
                merge.push(NODES, response.clone(), at(now));
            }
            if let Some((node, flow)) = views.get(step) {
                merge.push(*node, flow_item(flow.clone()), at(now));
            }
            if step % 7 == 0 {
                out.extend(items(&mut merge, now));
            }
        }
        for node in 0..=NODES {
            merge.ended(node, at(NOW + 1000));
        }
        merge.close();
        out.extend(items(&mut merge, NOW + 60_000));
        prop_assert_eq!(merge.books().waiting, 0);
        let honest = out.into_iter().filter_map(|item| match item {
            Item::Flow(flow) if is_honest(&flow) => Some(flow),
            _ => None,
        });
        let mut expected: Vec<Flow> = stories.iter().map(|story| told_alone(story, 1)).collect();
        expected.sort_by_key(identity);
        prop_assert_eq!(final_flows(honest.collect())?, expected);
    }
}

fn is_honest(flow: &Flow) -> bool {
    let source = flow.source.as_ref();
    flow.protocol() == v1::Protocol::Tcp && source.is_some_and(|source| source.port < 50_000)
}
