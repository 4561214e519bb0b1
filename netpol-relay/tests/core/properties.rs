//! Whatever arrives when: the same flows come out, each connection once, in order.

use netpol_api::v1::Flow;
use netpol_api::v1::watch_flows_response::Item;
use netpol_relay::merge::{Config, Mode};
use proptest::prelude::*;

use crate::drive::{flow_item, flows, followed_with, items};
use crate::world::{at, millis, revised};
use crate::worlds::{NODES, Story, final_flows, told_alone, worlds};

/// After everything that the stories tell of.
const NOW: u64 = 3_000_000;

/// Which node sends next, whether it says its last word twice, and how long until then.
fn turns() -> impl Strategy<Value = Vec<(usize, bool, u64)>> {
    let pause = prop_oneof![3 => Just(0), 1 => 1u64..3000];
    proptest::collection::vec((0..NODES, any::<bool>(), pause), 300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_interleaving_and_repetition_comes_to_the_same(stories in worlds(), turns in turns()) {
        let mut queues: Vec<Vec<Flow>> = vec![Vec::new(); NODES];
        for (node, flow) in stories.iter().flat_map(Story::views) {
            queues[node].push(revised(flow.clone(), 1, millis(flow.first_seen)));
            queues[node].push(Flow { revision: 2, ..flow });
        }
        for queue in &mut queues {
            queue.reverse();
        }
        let mut merge = followed_with(NODES, Mode::Live, Config::default(), NOW);
        let (mut now, mut out) = (NOW, Vec::new());
        for (node, again, pause) in turns {
            now += pause;
            if let Some(flow) = queues[node].pop() {
                if again {
                    let later = queues[node].len() / 2;
                    queues[node].insert(later, flow.clone());
                }
                merge.push(node, flow_item(flow), at(now));
            }
            if pause > 500 {
                out.extend(flows(&mut merge, now));
            }
        }
        for (node, queue) in queues.into_iter().enumerate() {
            for flow in queue.into_iter().rev() {
                merge.push(node, flow_item(flow), at(now));
            }
        }
        merge.close();
        out.extend(flows(&mut merge, now));
        prop_assert_eq!(merge.books().waiting, 0);
        let expected = stories.iter().map(|story| told_alone(story, 2)).collect();
        prop_assert_eq!(final_flows(out)?, sorted(expected));
    }

    #[test]
    fn kept_flows_are_complete_in_order_and_once(stories in worlds(), turns in turns()) {
        let mut queues: Vec<Vec<Flow>> = vec![Vec::new(); NODES];
        for (node, flow) in stories.iter().flat_map(Story::views) {
            queues[node].push(flow);
        }
        for queue in &mut queues {
            queue.sort_by_key(|flow| std::cmp::Reverse(millis(flow.last_seen)));
        }
        let mut merge = followed_with(NODES, Mode::Kept, Config::default(), NOW);
        let mut out = Vec::new();
        for (node, _, _) in turns {
            if let Some(flow) = queues[node].pop() {
                merge.push(node, flow_item(flow), at(NOW));
                out.extend(flows(&mut merge, NOW));
            }
        }
        for (node, queue) in queues.into_iter().enumerate() {
            for flow in queue.into_iter().rev() {
                merge.push(node, flow_item(flow), at(NOW));
            }
            merge.ended(node, at(NOW));
        }
        out.extend(flows(&mut merge, NOW));
        prop_assert!(merge.is_over());
        let times: Vec<u64> = out.iter().map(|flow| millis(flow.last_seen)).collect();
        prop_assert!(times.is_sorted(), "{:?}", times);
        prop_assert_eq!(out.len(), stories.len(), "each once");
        let expected = stories.iter().map(|story| told_alone(story, 1)).collect();
        prop_assert_eq!(final_flows(out)?, sorted(expected));
    }

    #[test]
    fn live_flows_that_come_within_the_window_are_in_order(
        delays in proptest::collection::vec(0u64..800, NODES),
        times in proptest::collection::vec((0..NODES, 0u64..20_000), 1..200),
    ) {
        let mut arrivals: Vec<(u64, usize, u64)> = times
            .iter()
            .map(|(node, time)| (NOW + time + delays[*node], *node, NOW + time))
            .collect();
        arrivals.sort_unstable();
        let mut merge = followed_with(NODES, Mode::Live, Config::default(), NOW);
        let mut out = Vec::new();
        for (number, (now, node, time)) in arrivals.iter().enumerate() {
            let port = u32::try_from(number).unwrap();
            let story = Story::local(*node, port, *time);
            merge.push(*node, flow_item(story.views().remove(0).1), at(*now));
            out.extend(items(&mut merge, *now));
        }
        out.extend(items(&mut merge, NOW + 30_000));
        let times: Vec<u64> = out
            .iter()
            .map(|item| match item {
                Item::Flow(flow) => millis(flow.last_seen),
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(times.len(), arrivals.len());
        prop_assert!(times.is_sorted(), "{:?}", times);
    }
}

fn sorted(mut flows: Vec<Flow>) -> Vec<Flow> {
    flows.sort_by_key(crate::worlds::identity);
    flows
}
