//! What became of a connection by two views: the rows of the table in `join/observed.rs`.

use netpol_api::v1::drop::Class;
use netpol_api::v1::{Agreement, Evidence, Flow, observed::Verdict};

use crate::drive::joined;
use crate::world::{CONNECTION, dropped, refused, unanswered};

const RESET: u32 = 0x14;

fn verdict(flow: &Flow) -> Verdict {
    flow.observed.as_ref().unwrap().verdict()
}

fn evidence(flow: &Flow) -> &Evidence {
    flow.observed.as_ref().unwrap().evidence.as_ref().unwrap()
}

#[test]
fn row_1_both_dropped_and_the_firewall_is_named() {
    let routing = dropped(CONNECTION.at_source(), Class::Routing, 1);
    let firewall = dropped(CONNECTION.at_destination(), Class::Firewall, 1);
    let flow = joined(routing.clone(), firewall.clone());
    let drop = evidence(&flow).drop.as_ref().unwrap();
    assert_eq!(
        (drop.class(), drop.node.as_str()),
        (Class::Firewall, "node-1")
    );
    let also = dropped(CONNECTION.at_source(), Class::Firewall, 1);
    let flow = joined(also, firewall);
    assert_eq!(evidence(&flow).drop.as_ref().unwrap().node, "node-0");
    let neither = joined(
        routing,
        dropped(CONNECTION.at_destination(), Class::Routing, 1),
    );
    assert_eq!(evidence(&neither).drop.as_ref().unwrap().node, "node-0");
}

#[test]
fn row_2_a_drop_alone_does_not_outweigh_an_answer_unless_it_cuts_off() {
    for (class, packets, expected) in [
        (Class::Resources, 1, Verdict::Forwarded),
        (Class::Resources, 9, Verdict::Forwarded),
        (Class::Firewall, 2, Verdict::Forwarded),
        (Class::Firewall, 3, Verdict::Dropped),
    ] {
        let lost = dropped(CONNECTION.at_destination(), class, packets);
        let flow = joined(CONNECTION.at_source(), lost);
        assert_eq!(verdict(&flow), expected, "{class:?} {packets}");
        let drop = evidence(&flow).drop.as_ref().unwrap();
        assert_eq!((drop.packets, drop.node.as_str()), (packets, "node-1"));
    }
}

#[test]
fn row_3_the_destinations_node_answered_in_the_destinations_name() {
    let source = |flags| refused(CONNECTION.at_source(), flags);
    let firewall = dropped(CONNECTION.at_destination(), Class::Firewall, 1);
    for (flags, reply) in [(RESET, "tcp-rst"), (0, "icmp-unreachable")] {
        let flow = joined(source(flags), firewall.clone());
        assert_eq!(verdict(&flow), Verdict::Rejected);
        assert_eq!(evidence(&flow).node_reply, reply);
        assert!(!evidence(&flow).refused_by_peer && !evidence(&flow).reply_seen);
    }
    // Delivered after all: then it was the pod that refused, and its node says so itself.
    let by_pod = refused(CONNECTION.at_destination(), RESET);
    let flow = joined(source(RESET), by_pod);
    assert_eq!(verdict(&flow), Verdict::Forwarded);
    assert!(evidence(&flow).refused_by_peer);
}

#[test]
fn row_4_a_drop_at_the_destinations_node_explains_silence() {
    let source = unanswered(CONNECTION.at_source());
    let destination = dropped(CONNECTION.at_destination(), Class::Firewall, 2);
    let flow = joined(source, destination);
    assert_eq!(verdict(&flow), Verdict::Dropped);
    assert_eq!(flow.summary, "dropped");
    assert_eq!(flow.node, "node-1");
    // Counters from the only interface there was; never the sum.
    assert_eq!(flow.forward.unwrap().packets, 4);
    assert_eq!(flow.agreement(), Agreement::AllowedButDropped);
    let vantages: Vec<_> = flow.vantages.iter().map(|v| v.node.as_str()).collect();
    assert_eq!(vantages, ["node-0"]);
}

#[test]
fn rows_5_and_6_a_drop_at_the_sources_node() {
    let at_source = |packets, last| {
        let mut flow = dropped(CONNECTION.at_source(), Class::Firewall, packets);
        flow.last_seen = crate::world::stamp(last);
        flow
    };
    let early = CONNECTION.last - 100;
    let late = CONNECTION.last + 100;
    for (packets, last, expected) in [
        (1, late, Verdict::Forwarded),
        (3, early, Verdict::Forwarded),
        (3, late, Verdict::Dropped),
    ] {
        let flow = joined(at_source(packets, last), CONNECTION.at_destination());
        assert_eq!(verdict(&flow), expected, "{packets} {last}");
        assert_eq!(evidence(&flow).drop.as_ref().unwrap().node, "node-0");
    }
    let cut_off = {
        let mut flow = at_source(3, early);
        flow.observed
            .as_mut()
            .unwrap()
            .evidence
            .as_mut()
            .unwrap()
            .reply_seen = true;
        flow
    };
    assert_eq!(
        verdict(&joined(cut_off, CONNECTION.at_destination())),
        Verdict::Dropped
    );
    let silent = unanswered(CONNECTION.at_destination());
    assert_eq!(
        verdict(&joined(at_source(1, early), silent)),
        Verdict::Dropped
    );
}

#[test]
fn row_7_whoever_saw_it_get_through() {
    let flow = joined(
        unanswered(CONNECTION.at_source()),
        CONNECTION.at_destination(),
    );
    assert_eq!(verdict(&flow), Verdict::Forwarded);
    assert!(evidence(&flow).delivered && evidence(&flow).reply_seen);
    assert_eq!(flow.agreement(), Agreement::Agree);
    assert_eq!(flow.summary, "");
    let flow = joined(
        CONNECTION.at_source(),
        unanswered(CONNECTION.at_destination()),
    );
    assert_eq!(verdict(&flow), Verdict::Forwarded);
    let mut unknown = unanswered(CONNECTION.at_destination());
    unknown
        .observed
        .as_mut()
        .unwrap()
        .set_verdict(Verdict::Unknown);
    let flow = joined(unanswered(CONNECTION.at_source()), unknown);
    assert_eq!(verdict(&flow), Verdict::Unanswered);
}

#[test]
fn counters_are_the_sources_where_both_have_them() {
    let mut destination = CONNECTION.at_destination();
    destination.forward = Some(netpol_api::v1::Counters {
        packets: 100,
        bytes: 100,
        tcp_flags: 0,
    });
    let flow = joined(CONNECTION.at_source(), destination);
    assert_eq!(flow.forward, CONNECTION.at_source().forward);
    assert_eq!(flow.vantages.len(), 2);
}
