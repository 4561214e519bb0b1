//! Connections are counted once each, under what they have in common.

use super::*;

#[test]
fn an_edge_says_who_and_how_much_whichever_replica_it_was() {
    let mut stage = Stage::new();
    stage.take(&connection(1));
    let mut other = connection(2);
    other.source.identity = pod_of("shop", "web-2", ("Deployment", "web"));
    other.last_seen = at(30);
    stage.take(&other);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.resumed), (2, 0));
    assert_eq!((edge.totals.packets, edge.totals.bytes), (10, 1000));
    assert_eq!(
        (edge.totals.first_seen, edge.totals.last_seen),
        (at(10), at(30))
    );
    assert_eq!(
        (edge.key.seen_at, edge.key.port),
        (SeenAt::Source, Port::One(80))
    );
    assert!(matches!(&edge.key.source, Party::Pods(group) if &*group.workload.name == "web"));
}

#[test]
fn a_revision_adds_what_is_new_and_no_connection() {
    let mut stage = Stage::new();
    let mut flow = connection(1);
    stage.take(&flow);
    flow.revision = 2;
    flow.forward = counters(10);
    flow.last_seen = at(90);
    stage.take(&flow);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.packets), (1, 12));
    assert_eq!(edge.totals.last_seen, at(90));
}

#[test]
fn an_end_that_becomes_known_moves_the_count() {
    let mut stage = Stage::new();
    let mut unknown = connection(1);
    unknown.destination.identity = Identity::Unknown;
    stage.take(&unknown);
    assert!(matches!(stage.edge().key.destination, Party::Unknown(_)));
    stage.take(&connection(1));
    assert!(matches!(stage.edge().key.destination, Party::Pods(_)));
}

#[test]
fn connections_from_before_the_agent_are_kept_apart() {
    let mut stage = Stage::new();
    let mut flow = at_destination(with_ingress(connection(1), allowed_by(&["web"])));
    flow.mid_stream = true;
    stage.take(&flow);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.resumed), (0, 1));
    let uses = stage.history().uses;
    let totals = &uses[0].totals;
    assert_eq!((totals.hits, totals.sole, totals.resumed), (0, 0, 1));
}

#[test]
fn what_comes_soon_after_a_change_is_counted_apart() {
    let mut stage = Stage::new();
    for (id, after) in [(1, Some(4)), (2, Some(2)), (3, None)] {
        let mut flow = connection(id);
        let changed_before = after.map(Duration::from_secs);
        flow.computed = Arc::new(Computed {
            changed_before,
            ..(*flow.computed).clone()
        });
        stage.take(&flow);
    }
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.after_change), (3, 2));
    assert_eq!(totals.longest_after_change, Some(Duration::from_secs(4)));
}

#[test]
fn protocols_without_ports_have_none() {
    let mut stage = Stage::new();
    let mut ping = connection(1);
    ping.protocol = 1;
    ping.icmp = Some((8, 0));
    stage.take(&ping);
    assert_eq!(stage.edge().key.port, Port::None);
}

#[test]
fn nothing_is_counted_before_the_first_inventory_and_all_of_it_after() {
    let mut stage = Stage::new();
    let mut early = connection(1);
    early.computed = Arc::new(Computed {
        generation: 0,
        ..(*early.computed).clone()
    });
    stage.take(&early);
    assert_eq!(stage.history().edges, []);
    stage.take(&connection(1));
    assert_eq!(stage.edge().totals.connections, 1);
}

#[test]
fn a_connection_that_was_forgotten_is_not_counted_again() {
    let mut stage = Stage::remembering(8);
    for id in 1..=100 {
        stage.take(&connection(id));
    }
    let mut again = connection(1);
    again.revision = 2;
    again.last_seen = at(500);
    stage.take(&again);
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.last_seen), (100, at(500)));
    // One that was held back until now has a lower number, and was never counted.
    stage.take(&connection(0));
    assert_eq!(stage.edge().totals.connections, 101);
}

#[test]
fn an_open_connection_goes_on_where_it_counts_already() {
    let mut stage = Stage::new();
    let flow = at_destination(with_ingress(connection(1), allowed_by(&["web"])));
    stage.take(&flow);
    for id in [1, 2] {
        stage.recorder.go_on(&Progress {
            id: crate::flow::FlowId(id),
            last_seen: at(600),
            forward: counters(30),
            reply: counters(20),
        });
    }
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.packets), (1, 50));
    assert_eq!(totals.last_seen, at(600));
    let used = &stage.history().uses[0].totals;
    assert_eq!((used.hits, used.bytes, used.last_seen), (1, 5000, at(600)));
}
