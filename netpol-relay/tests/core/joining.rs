//! Which views are of one connection, and how it comes out over time.

use netpol_api::v1::Flow;
use netpol_api::v1::drop::Class;
use netpol_api::v1::endpoint::Kind;
use netpol_relay::merge::{Config, Mode};

use crate::drive::{all_kept, flow_item, flows, followed, followed_with, joined};
use crate::world::{
    CONNECTION, Connection, at, dropped, ended, mid_stream, revised, stamp, unanswered,
};

fn ids(flows: &[Flow]) -> Vec<(&str, u64)> {
    flows
        .iter()
        .map(|flow| (flow.id.as_str(), flow.revision))
        .collect()
}

fn stay_apart(views: Vec<Vec<Flow>>, why: &str) {
    let sent: usize = views.iter().map(Vec::len).sum();
    assert_eq!(all_kept(views).len(), sent, "{why}");
}

#[test]
fn two_views_are_one_flow_with_the_destinations_id() {
    let flow = joined(CONNECTION.at_source(), CONNECTION.at_destination());
    assert_eq!(flow.id, CONNECTION.at_destination().id);
    assert_eq!(flow.revision, 2);
    assert_eq!(flow.first_seen, stamp(CONNECTION.first));
    assert!(!flow.mid_stream);
}

#[test]
fn what_only_looks_alike_stays_apart() {
    let [source, destination] = [CONNECTION.at_source(), CONNECTION.at_destination()];
    let changed = |change: fn(&mut Flow)| {
        let mut flow = destination.clone();
        change(&mut flow);
        vec![vec![source.clone()], vec![flow]]
    };
    stay_apart(
        changed(|flow| flow.source.as_mut().unwrap().address = "192.0.2.7".into()),
        "the source's address is translated",
    );
    stay_apart(
        changed(|flow| flow.destination.as_mut().unwrap().port = 80),
        "the source's node saw the Service alone",
    );
    stay_apart(changed(|flow| flow.ip_protocol = 17), "another protocol");
    stay_apart(
        vec![vec![source.clone()], vec![CONNECTION.on_one_node()]],
        "one node saw both ends",
    );
    stay_apart(
        vec![vec![source.clone(), destination.clone()]],
        "both came from one node",
    );
    let mut third = source.clone();
    third.node = "node-1".into();
    stay_apart(vec![vec![source], vec![third]], "the same end twice");
}

#[test]
fn ports_that_are_used_again_are_another_connection() {
    let again = Connection {
        first: 6000,
        last: 6400,
        ..CONNECTION
    };
    let flows = all_kept(vec![
        vec![ended(CONNECTION.at_source()), ended(again.at_source())],
        vec![
            ended(CONNECTION.at_destination()),
            ended(again.at_destination()),
        ],
    ]);
    let destinations = [CONNECTION.at_destination().id, again.at_destination().id];
    assert_eq!(
        ids(&flows),
        [(destinations[0].as_str(), 2), (destinations[1].as_str(), 2)]
    );
    stay_apart(
        vec![vec![CONNECTION.at_source()], vec![again.at_destination()]],
        "answered, and opened again",
    );
}

#[test]
fn an_opening_packet_that_got_through_late_is_the_same_connection() {
    let third_try = Connection {
        first: CONNECTION.first + 7000,
        last: CONNECTION.last + 7000,
        ..CONNECTION
    };
    let silent = unanswered(CONNECTION.at_source());
    joined(silent.clone(), third_try.at_destination());
    let given_up = Connection {
        first: CONNECTION.first + 140_000,
        last: CONNECTION.last + 140_000,
        ..CONNECTION
    };
    stay_apart(
        vec![vec![silent], vec![given_up.at_destination()]],
        "longer than any host goes on trying",
    );
    let meanwhile = revised(CONNECTION.at_source(), 2, third_try.last);
    joined(meanwhile, third_try.at_destination());
}

#[test]
fn a_view_from_the_middle_on_belongs_to_what_was_not_over_then() {
    let middle = |first| {
        let later = Connection {
            first,
            last: first + 100,
            ..CONNECTION
        };
        mid_stream(later.at_destination(), first)
    };
    let flow = joined(CONNECTION.at_source(), middle(60_000));
    assert!(!flow.mid_stream);
    assert_eq!(flow.first_seen, stamp(CONNECTION.first));
    stay_apart(
        vec![vec![ended(CONNECTION.at_source())], vec![middle(60_000)]],
        "over before",
    );
    stay_apart(
        vec![
            vec![mid_stream(CONNECTION.at_source(), 1000)],
            vec![
                Connection {
                    first: 20_000,
                    last: 20_100,
                    ..CONNECTION
                }
                .at_destination(),
            ],
        ],
        "there before the other was opened",
    );
}

#[test]
fn a_drop_whose_ends_nobody_on_its_node_knows_finds_the_sources_view() {
    let mut strange = dropped(CONNECTION.at_destination(), Class::Firewall, 1);
    for end in [&mut strange.source, &mut strange.destination] {
        let end = end.as_mut().unwrap();
        end.node.clear();
        end.pod.clear();
        end.set_kind(Kind::Unknown);
    }
    let flow = joined(unanswered(CONNECTION.at_source()), strange);
    assert!(flow.is_blocked());
    assert_eq!(flow.destination.unwrap().pod, "pod-1-2");
}

#[test]
fn the_other_view_that_comes_later_is_the_next_revision_of_the_same_id() {
    let mut merge = followed(2, Mode::Live);
    merge.push(0, flow_item(unanswered(CONNECTION.at_source())), at(1500));
    let alone = flows(&mut merge, 2600);
    assert_eq!(
        alone,
        [unanswered(CONNECTION.at_source())],
        "as the agent sent it"
    );
    let drop = dropped(CONNECTION.at_destination(), Class::Firewall, 2);
    merge.push(1, flow_item(drop.clone()), at(4000));
    let both = flows(&mut merge, 5100);
    assert_eq!(ids(&both), [(alone[0].id.as_str(), 2)]);
    assert!(both[0].is_blocked());
    merge.push(1, flow_item(revised(drop, 2, 4900)), at(6000));
    assert_eq!(ids(&flows(&mut merge, 7100)), [(alone[0].id.as_str(), 3)]);
}

#[test]
fn repetitions_and_overtaken_revisions_come_out_once() {
    let mut merge = followed(2, Mode::Live);
    let latest = revised(CONNECTION.at_source(), 5, 1500);
    for flow in [latest.clone(), latest.clone(), CONNECTION.at_source()] {
        merge.push(0, flow_item(flow), at(1600));
    }
    assert_eq!(flows(&mut merge, 2700), std::slice::from_ref(&latest));
    merge.push(0, flow_item(latest), at(2800));
    assert_eq!(flows(&mut merge, 9000), []);
    assert_eq!((merge.books().taken, merge.books().merged), (4, 3));
}

#[test]
fn a_view_that_learns_its_backend_finds_the_other_view_then() {
    let mut merge = followed(2, Mode::Live);
    let mut service = unanswered(CONNECTION.at_source());
    service.destination.as_mut().unwrap().address = "10.96.0.1".into();
    merge.push(0, flow_item(service), at(1500));
    assert_eq!(flows(&mut merge, 2600).len(), 1);
    merge.push(1, flow_item(CONNECTION.at_destination()), at(2600));
    merge.push(
        0,
        flow_item(revised(CONNECTION.at_source(), 2, 1500)),
        at(2700),
    );
    let both = flows(&mut merge, 9000);
    assert_eq!(ids(&both), [(CONNECTION.at_source().id.as_str(), 3)]);
    assert_eq!(both[0].vantages.len(), 2);
}

#[test]
fn two_flows_that_readers_know_stay_two() {
    let mut merge = followed(2, Mode::Live);
    let mut service = unanswered(CONNECTION.at_source());
    service.destination.as_mut().unwrap().address = "10.96.0.1".into();
    merge.push(0, flow_item(service), at(1500));
    merge.push(1, flow_item(CONNECTION.at_destination()), at(1500));
    assert_eq!(flows(&mut merge, 2600).len(), 2);
    let learnt = revised(CONNECTION.at_source(), 2, 1500);
    merge.push(0, flow_item(learnt.clone()), at(2700));
    assert_eq!(flows(&mut merge, 9000), [learnt]);
}

#[test]
fn known_skew_is_taken_off_to_find_the_other_view_and_stamps_stay_as_written() {
    let ahead = Connection {
        first: CONNECTION.first + 30_000,
        last: CONNECTION.last + 30_000,
        ..CONNECTION
    };
    for known in [false, true] {
        let mut merge = followed(2, Mode::Kept);
        if known {
            merge.set_clock_ahead(1, 30_000_000_000);
        }
        merge.push(0, flow_item(CONNECTION.at_source()), at(100_000));
        merge.push(1, flow_item(ahead.at_destination()), at(100_000));
        for node in [0, 1] {
            merge.ended(node, at(100_000));
        }
        let all = flows(&mut merge, 100_000);
        assert_eq!(all.len(), if known { 1 } else { 2 });
        if known {
            // Of one clock, the one that is right.
            assert_eq!(all[0].first_seen, stamp(CONNECTION.first));
            assert_eq!(all[0].last_seen, stamp(CONNECTION.last));
        }
    }
}

#[test]
fn the_oldest_connections_are_forgotten_beyond_the_bound() {
    let config = Config {
        connections: 10,
        ..Config::default()
    };
    let mut merge = followed_with(2, Mode::Live, config, 0);
    let number = |port| Connection { port, ..CONNECTION };
    for port in 1..=100 {
        merge.push(0, flow_item(number(port).at_source()), at(1500));
        assert_eq!(flows(&mut merge, 1500 + u64::from(port) * 2000).len(), 1);
        assert!(merge.held().0 <= 11, "{:?}", merge.held());
    }
    merge.push(1, flow_item(number(1).at_destination()), at(300_000));
    merge.push(1, flow_item(number(100).at_destination()), at(300_000));
    let flows = flows(&mut merge, 302_000);
    assert_eq!(
        flows[0],
        number(1).at_destination(),
        "forgotten, so a flow of its own"
    );
    assert_eq!(ids(&flows[1..]), [(number(100).at_source().id.as_str(), 2)]);
}
