//! What is sent to agents changes nothing of what a reader gets.

use netpol_api::filter::Filter;
use netpol_api::v1::{EndpointFilter, Flow, FlowFilter, WatchFlowsRequest};
use netpol_relay::merge::{Mode, Youngest};
use netpol_relay::pushdown::Plan;
use proptest::prelude::*;

use crate::drive::all_kept;
use crate::world::stamp;
use crate::worlds::{NODES, Story, bare, identity, worlds};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn ends() -> impl Strategy<Value = EndpointFilter> {
    let end = |change: fn(&mut EndpointFilter)| {
        let mut end = EndpointFilter::default();
        change(&mut end);
        end
    };
    proptest::sample::select(vec![
        end(|end| end.namespace = words(&["team-1"])),
        end(|end| end.pod = words(&["team-0/pod-0-*"])),
        end(|end| end.cidr = words(&["10.0.1.0/24"])),
        end(|end| end.port = words(&["1-2"])),
        end(|end| end.port = words(&["8080"])),
        end(|end| end.port = words(&["443"])),
        end(|end| end.service = words(&["team-0/web"])),
        end(|end| {
            end.cidr = words(&["10.0.0.0/23"]);
            end.port = words(&["2"]);
            end.namespace = words(&["team-0", "team-1"]);
        }),
    ])
}

fn filters() -> impl Strategy<Value = FlowFilter> {
    let some =
        |values: Vec<i32>| proptest::sample::subsequence(values.clone(), 0..=values.len().min(2));
    let ends = || prop_oneof![3 => Just(None), 1 => ends().prop_map(Some)];
    let rarely =
        |strategy: BoxedStrategy<Vec<i32>>| prop_oneof![3 => Just(Vec::new()), 1 => strategy];
    (
        ends(),
        ends(),
        ends(),
        rarely(some(vec![1, 2]).boxed()),
        rarely(some((1..=5).collect()).boxed()),
        rarely(some((1..=4).collect()).boxed()),
        rarely(some(vec![1, 2]).boxed()),
        prop_oneof![3 => Just(Vec::new()), 1 => Just(words(&["node-1"]))],
    )
        .prop_map(
            |(any_end, source, destination, protocol, observed, agreement, direction, node)| {
                FlowFilter {
                    any_end,
                    source,
                    destination,
                    protocol,
                    observed,
                    agreement,
                    direction,
                    node,
                    ..FlowFilter::default()
                }
            },
        )
}

fn requests() -> impl Strategy<Value = WatchFlowsRequest> {
    let time = || prop_oneof![2 => Just(None), 1 => (0u64..800_000).prop_map(stamp)];
    (filters(), filters(), time(), time()).prop_map(|(filter, exclude, since, until)| {
        WatchFlowsRequest {
            since,
            until,
            filter: Some(filter),
            exclude: Some(exclude),
            ..WatchFlowsRequest::default()
        }
    })
}

/// What agents send that are asked so.
fn sent(stories: &[Story], request: &WatchFlowsRequest) -> Vec<Vec<Flow>> {
    let filter = Filter::of_request(request).unwrap();
    let mut nodes = vec![Vec::new(); NODES];
    for (node, flow) in stories.iter().flat_map(Story::views) {
        let seen = flow.last_seen.map(|time| (time.seconds, time.nanos));
        let bound = |time: prost_types::Timestamp| (time.seconds, time.nanos);
        let after = request.since.is_none_or(|since| seen >= Some(bound(since)));
        let before = request.until.is_none_or(|until| seen <= Some(bound(until)));
        if after && before && filter.matches(&flow) {
            nodes[node].push(flow);
        }
    }
    nodes
}

fn answer(plan: &Plan, nodes: Vec<Vec<Flow>>) -> Vec<Flow> {
    let mut flows: Vec<Flow> = all_kept(nodes)
        .into_iter()
        .filter(|flow| plan.matches(flow, true))
        .map(bare)
        .collect();
    flows.sort_by_key(identity);
    flows
}

fn all(stories: &[Story]) -> Vec<Vec<Flow>> {
    sent(stories, &WatchFlowsRequest::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_answer_is_the_same_as_if_agents_sent_everything(stories in worlds(), request in requests()) {
        let plan = Plan::new(&request, false).unwrap();
        prop_assert_eq!(answer(&plan, sent(&stories, &plan.request)), answer(&plan, all(&stories)));
    }

    #[test]
    fn no_blocked_connection_is_missed_and_each_was_blocked_by_a_node(stories in worlds()) {
        let request = WatchFlowsRequest { blocked_only: true, ..WatchFlowsRequest::default() };
        let plan = Plan::new(&request, false).unwrap();
        prop_assert!(plan.request.blocked_only);
        let ends = |flows: Vec<Flow>| -> Vec<_> {
            flows.iter().map(|flow| {
                let (address, port, to, _) = identity(flow);
                (address, port, to)
            }).collect()
        };
        let told = ends(answer(&plan, sent(&stories, &plan.request)));
        for blocked in ends(answer(&plan, all(&stories))) {
            prop_assert!(told.contains(&blocked), "{:?}", blocked);
        }
        let blocked_somewhere = stories.iter().filter(|story| story.has_blocked_view()).count();
        prop_assert_eq!(told.len(), blocked_somewhere);
    }

    #[test]
    fn the_last_ones_are_the_youngest_of_all(stories in worlds(), last in 0u64..10) {
        let request = WatchFlowsRequest { last: Some(last), ..WatchFlowsRequest::default() };
        let plan = Plan::new(&request, false).unwrap();
        let mut nodes = all(&stories);
        for node in &mut nodes {
            node.sort_by_key(|flow| flow.last_seen.map(|time| (time.seconds, time.nanos)));
            let most = usize::try_from(plan.request.last.unwrap()).unwrap();
            node.drain(..node.len().saturating_sub(most));
        }
        let mut youngest = Youngest::new(plan.last.unwrap());
        let all = all_kept(nodes);
        for flow in all.clone() {
            youngest.push(flow);
        }
        let expected = &all[all.len() - all.len().min(usize::try_from(last).unwrap())..];
        prop_assert_eq!(youngest.into_flows().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn last_is_sent_only_where_agents_filter_all_there_is() {
    let asked = |request: WatchFlowsRequest, restricted| {
        let request = WatchFlowsRequest {
            last: Some(20),
            ..request
        };
        Plan::new(&request, restricted).unwrap().request.last
    };
    let with = |filter: FlowFilter| WatchFlowsRequest {
        filter: Some(filter),
        ..WatchFlowsRequest::default()
    };
    assert_eq!(asked(WatchFlowsRequest::default(), false), Some(140));
    assert_eq!(
        asked(
            with(FlowFilter {
                protocol: vec![1],
                ..FlowFilter::default()
            }),
            false
        ),
        Some(140)
    );
    assert_eq!(
        asked(
            with(FlowFilter {
                agreement: vec![1],
                ..FlowFilter::default()
            }),
            false
        ),
        Some(u64::MAX)
    );
    assert_eq!(
        asked(WatchFlowsRequest::default(), true),
        Some(u64::MAX),
        "not all is shown"
    );
    let until = WatchFlowsRequest {
        until: stamp(5),
        ..WatchFlowsRequest::default()
    };
    assert_eq!(asked(until, false), Some(u64::MAX));
}

#[test]
fn since_is_asked_of_kept_flows_alone() {
    let request = WatchFlowsRequest {
        since: stamp(10_000),
        follow: true,
        ..WatchFlowsRequest::default()
    };
    let plan = Plan::new(&request, false).unwrap();
    let early = Story::local(0, 1, 5000).views().remove(0).1;
    assert!(!plan.matches(&early, true));
    assert!(plan.matches(&early, false));
}

#[test]
fn a_stream_consists_of_what_was_asked_for() {
    let mode = |follow, last, since| {
        let request = WatchFlowsRequest {
            follow,
            last,
            since,
            ..WatchFlowsRequest::default()
        };
        Plan::new(&request, false).unwrap().mode()
    };
    assert_eq!(mode(false, None, None), Mode::Kept);
    assert_eq!(mode(true, None, None), Mode::Live);
    assert_eq!(mode(true, Some(0), stamp(0)), Mode::Live);
    assert_eq!(mode(true, Some(5), None), Mode::KeptAndLive);
    assert_eq!(mode(true, None, stamp(0)), Mode::KeptAndLive);
}

#[test]
fn a_filter_that_cannot_be_meant_is_refused() {
    let request = WatchFlowsRequest {
        filter: Some(FlowFilter {
            protocol: vec![99],
            ..FlowFilter::default()
        }),
        ..WatchFlowsRequest::default()
    };
    let error = Plan::new(&request, false).unwrap_err().to_string();
    assert_eq!(error, "filter.protocol: \"99\" is no value of this kind");
}
