//! Whatever comes in, what there is stays bounded, and its sums are those of what came in.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use netpol_policy::history::edge::{Agreement, Observed, Port, SeenAt};
use netpol_policy::history::{Party, PodGroup};
use netpol_policy::model::{Cidr, Labels, Protocol, Workload};
use netpol_policy::verdict::Decision;
use proptest::prelude::*;

use super::*;

fn pods(name: &str) -> Party {
    Party::Pods(Arc::new(PodGroup {
        namespace: "shop".into(),
        namespace_labels: Labels::default(),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::default(),
        ports: Vec::new(),
        host_network: false,
    }))
}

fn outside(address: [u8; 4]) -> Party {
    Party::Outside(Cidr::from(ipnet::IpNet::from(std::net::IpAddr::from(
        address,
    ))))
}

fn key(source: Party, destination: Party, port: u16) -> EdgeKey {
    EdgeKey {
        node: "node-a".into(),
        seen_at: SeenAt::Source,
        source,
        destination,
        service: None,
        protocol: Protocol::Tcp,
        port: Port::One(port),
        observed: Observed::Forwarded,
        drop: None,
        computed: Decision::Allowed,
        agreement: Agreement::Agree,
        policies: Vec::new(),
    }
}

fn one(second: u64) -> EdgeTotals {
    let time = UNIX_EPOCH + Duration::from_secs(second);
    EdgeTotals {
        connections: 1,
        resumed: second % 2,
        packets: 3,
        bytes: second,
        first_seen: time,
        last_seen: time,
        after_change: 1,
        longest_after_change: Some(Duration::from_secs(second)),
    }
}

fn total(edges: &Edges) -> Option<EdgeTotals> {
    let mut all = edges.iter().map(|edge| edge.totals);
    let first = all.next()?;
    Some(all.fold(first, |mut sum, totals| {
        sum.add(&totals);
        sum
    }))
}

#[test]
fn a_scan_of_ports_leaves_the_ports_that_are_used() {
    let mut edges = Edges::new(1000);
    for second in 0..100 {
        edges.add(key(pods("web"), pods("db"), 5432), one(second));
    }
    for port in 1..=10_000 {
        edges.add(key(pods("web"), pods("db"), port), one(200));
    }
    assert!(edges.len() <= 64, "{}", edges.len());
    let of_port = |port| edges.iter().find(|edge| edge.key.port == port).unwrap();
    assert_eq!(of_port(Port::One(5432)).totals.connections, 101);
    assert!(of_port(Port::Many).totals.connections > 9900);
    assert_eq!(total(&edges).unwrap().connections, 100 + 10_000);
}

#[test]
fn a_scan_of_addresses_becomes_blocks_and_those_take_in_what_follows() {
    let mut edges = Edges::new(1000);
    let mut evicted = 0;
    for third in 0..40 {
        for last in 0..250 {
            let scanned = outside([198, 51, third, last]);
            evicted += edges.add(key(pods("web"), scanned, 443), one(1)).1;
        }
    }
    assert_eq!(evicted, 0);
    assert!(edges.len() <= 128, "{}", edges.len());
    assert_eq!(total(&edges).unwrap().connections, 40 * 250);
    let count = edges.len();
    edges.add(key(pods("web"), outside([198, 51, 7, 251]), 443), one(2));
    assert_eq!(edges.len(), count);
}

#[test]
fn a_scan_of_everything_on_every_port_stays_within_the_bound() {
    let mut edges = Edges::new(1000);
    for _ in 0..50 {
        edges.add(key(pods("web"), pods("db"), 5432), one(9));
    }
    for peer in 0..300 {
        let peer = pods(&format!("peer-{peer}"));
        for port in 1..=100 {
            let (_, evicted) = edges.add(key(pods("scanner"), peer.clone(), port), one(1));
            assert_eq!(evicted, 0);
            assert!(edges.len() <= 1000);
        }
    }
    assert_eq!(total(&edges).unwrap().connections, 30_050);
    let kept = edges.iter().filter(|edge| edge.key.port == Port::One(5432));
    assert_eq!(kept.map(|edge| edge.totals.connections).sum::<u64>(), 50);
}

#[test]
fn where_nothing_can_be_folded_what_was_not_seen_for_long_goes_and_is_counted() {
    let mut edges = Edges::new(100);
    let mut evicted = 0;
    for pair in 0..150 {
        let (source, destination) = (pods(&format!("a-{pair}")), pods(&format!("b-{pair}")));
        evicted += edges.add(key(source, destination, 80), one(pair)).1;
    }
    assert!(edges.len() <= 100);
    let left = total(&edges).unwrap();
    assert_eq!(left.connections + left.resumed + evicted, 150 + 75);
    assert!(left.first_seen >= UNIX_EPOCH + Duration::from_secs(50));
}

#[test]
fn a_connection_is_found_where_its_edge_went() {
    let mut edges = Edges::new(1000);
    let (place, _) = edges.add(key(pods("web"), pods("db"), 9999), one(1));
    for port in 1..200 {
        edges.add(key(pods("web"), pods("db"), port), one(2));
        edges.add(key(pods("web"), pods("db"), port), one(2));
    }
    // The port comes again, under which the first connection counts no more.
    edges.add(key(pods("web"), pods("db"), 9999), one(3));
    let before = total(&edges).unwrap();
    assert!(edges.change(&place, |totals| totals.bytes += 1000));
    assert_eq!(total(&edges).unwrap().bytes, before.bytes + 1000);
    edges.take_back(&place, &one(1));
    let again = edges.iter().find(|edge| edge.key.port == Port::One(9999));
    assert_eq!(again.unwrap().totals.connections, 1);
    assert_eq!(total(&edges).unwrap().connections, before.connections - 1);
}

#[test]
fn the_last_connection_that_is_taken_back_takes_the_edge_along() {
    let mut edges = Edges::new(1000);
    let (place, _) = edges.add(key(pods("web"), pods("db"), 80), one(1));
    edges.take_back(&place, &one(1));
    assert_eq!((edges.len(), edges.families.len()), (0, 0));
    assert!(!edges.change(&place, |_| {}));
}

#[test]
fn what_is_too_old_goes() {
    let mut edges = Edges::new(1000);
    edges.add(key(pods("web"), pods("db"), 80), one(10));
    edges.add(key(pods("web"), pods("db"), 81), one(20));
    edges.forget_before(UNIX_EPOCH + Duration::from_secs(20));
    let left: Vec<Port> = edges.iter().map(|edge| edge.key.port).collect();
    assert_eq!(left, [Port::One(81)]);
}

#[derive(Clone, Debug)]
enum Step {
    Add([u8; 4], u8, u16),
    TakeBack(usize),
    Grow(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let few = prop_oneof![Just(10_u8), Just(11), any::<u8>()];
    prop_oneof![
        8 => (prop::array::uniform4(few), 0..80_u8, 0..100_u16)
            .prop_map(|(address, peer, port)| Step::Add(address, peer, port)),
        1 => any::<usize>().prop_map(Step::TakeBack),
        1 => (any::<usize>(), 0..1000_u64).prop_map(|(place, bytes)| Step::Grow(place, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Totals before are totals after, whatever was folded; what was evicted apart.
    #[test]
    fn sums_are_exact_and_the_number_is_bounded(
        most in 20..400_usize,
        steps in prop::collection::vec(step(), 0..2500),
    ) {
        let mut edges = Edges::new(most);
        // With what each connection carried.
        let mut places: Vec<(Arc<Place>, u64)> = Vec::new();
        let (mut connections, mut bytes, mut has_evicted) = (0_u64, 0_u64, false);
        for step in steps {
            match step {
                Step::Add(address, peer, port) => {
                    let source = match peer {
                        0..20 => outside(address),
                        peer => pods(&format!("pod-{peer}")),
                    };
                    let destination = match address[3] % 3 {
                        0 => match outside(address) {
                            Party::Outside(block) => Party::Unknown(block),
                            other => other,
                        },
                        _ => pods(&format!("peer-{}", address[3])),
                    };
                    let mut share = one(5);
                    share.resumed = 0;
                    let (place, evicted) = edges.add(key(source, destination, port), share);
                    places.push((place, 5));
                    (connections, bytes) = (connections + 1 - evicted, bytes + 5);
                    has_evicted |= evicted > 0;
                }
                Step::TakeBack(place) if !places.is_empty() => {
                    let (place, carried) = places.swap_remove(place % places.len());
                    if edges.change(&place, |_| {}) {
                        let mut share = one(5);
                        (share.resumed, share.bytes) = (0, carried);
                        edges.take_back(&place, &share);
                        (connections, bytes) = (connections - 1, bytes - carried);
                    }
                }
                Step::Grow(place, more) if !places.is_empty() => {
                    let count = places.len();
                    let (place, carried) = &mut places[place % count];
                    if edges.change(place, |totals| totals.bytes += more) {
                        (*carried, bytes) = (*carried + more, bytes + more);
                    }
                }
                _ => {}
            }
            prop_assert!(edges.len() <= most);
        }
        let left = total(&edges);
        prop_assert_eq!(left.as_ref().map_or(0, |left| left.connections), connections);
        if !has_evicted {
            prop_assert_eq!(left.map_or(0, |left| left.bytes), bytes);
        }
        // No family remembers a key that is gone.
        let known: HashSet<EdgeKey> = edges.iter().map(|edge| edge.key).collect();
        let members = edges.families.values().flat_map(|family| &family.members);
        prop_assert!(members.into_iter().all(|key| known.contains(&**key)));
    }
}
