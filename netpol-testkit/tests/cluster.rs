//! Clusters made for real: what a pod reaches, and that nothing stays behind.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use netpol_testkit::firewall::{self, State};
use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::traffic::{
    Bound, FrameSocket, Outcome, PATIENCE, TcpAttempt, TcpServer, UdpAttempt, UdpServer,
    ethernet_frame, ping, tcp_loop, udp_flood,
};
use netpol_testkit::{Cluster, Namespace, PodSpec};

/// How long what is to be stopped is given to get through.
const BRIEFLY: Duration = Duration::from_millis(200);

fn pod_ipv6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x244, 1, 0, 0, 0, 0, last)
}

fn build() -> PodSpec {
    PodSpec::new("ci/build", [10, 244, 1, 10].into()).ipv6(pod_ipv6(0x10))
}

fn database() -> PodSpec {
    PodSpec::new("data/db", [10, 244, 1, 20].into()).ipv6(pod_ipv6(0x20))
}

#[test]
fn routed_pods_reach_each_other_in_both_families() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .pod(database())
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    for address in [db.ipv4(), db.ipv6()] {
        assert_eq!(
            ping(build.netns(), address, 7, PATIENCE).unwrap(),
            Outcome::Answered
        );
        let _tcp = TcpServer::start(db.netns(), (address, 5432).into()).unwrap();
        let _udp = UdpServer::echo(db.netns(), (address, 53).into()).unwrap();
        let tcp = TcpAttempt::to((address, 5432).into());
        assert_eq!(
            tcp.exchange_from(build.netns(), b"hello").unwrap(),
            Outcome::Answered
        );
        let udp = UdpAttempt::to((address, 53).into());
        assert_eq!(
            udp.exchange_from(build.netns(), b"hello").unwrap(),
            Outcome::Answered
        );
        let nobody = TcpAttempt::to((address, 1).into());
        assert_eq!(
            nobody.connect_from(build.netns()).unwrap(),
            Outcome::Refused
        );
        let nobody = UdpAttempt::to((address, 1).into());
        assert_eq!(
            nobody.exchange_from(build.netns(), b"x").unwrap(),
            Outcome::Refused
        );
    }
    assert_ne!(build.netns().inode().unwrap(), db.netns().inode().unwrap());
    assert!(build.host_interface().len() <= 15);
}

#[test]
fn bridged_pods_reach_each_other_and_the_node() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build().bridged("cni0"))
        .pod(database().bridged("cni0"))
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    for address in [
        db.ipv4(),
        db.ipv6(),
        netpol_testkit::cluster::NODE_IPV4.into(),
    ] {
        assert_eq!(
            ping(build.netns(), address, 8, PATIENCE).unwrap(),
            Outcome::Answered,
            "{address}"
        );
    }
}

#[test]
fn world_is_reached_through_the_node() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .world()
        .build()
        .unwrap();
    let build = cluster.pod("ci/build");
    for address in [
        netpol_testkit::cluster::WORLD_IPV4.into(),
        netpol_testkit::cluster::WORLD_IPV6.into(),
    ] {
        assert_eq!(
            ping(build.netns(), address, 9, PATIENCE).unwrap(),
            Outcome::Answered,
            "{address}"
        );
    }
    assert_eq!(
        ping(cluster.world(), build.ipv4(), 9, PATIENCE).unwrap(),
        Outcome::Answered
    );
}

#[test]
fn rules_stop_traffic_and_show_in_the_state() {
    if !require_root() || !require(&[Requirement::Command("nft")]) {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .pod(database())
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let attempt = TcpAttempt::to(db.at(5432));
    let before = State::capture(cluster.node()).unwrap();
    assert_eq!(
        attempt.connect_from(build.netns()).unwrap(),
        Outcome::Answered
    );
    assert_eq!(
        before.changes(&State::capture(cluster.node()).unwrap()),
        "",
        "traffic is no change"
    );

    let rules = |verdict: &str| {
        format!(
            "table inet t {{ chain c {{ type filter hook forward priority 0; \
             tcp dport 5432 counter {verdict}; }}; }}"
        )
    };
    firewall::nft(cluster.node(), &rules("drop")).unwrap();
    assert_eq!(
        attempt
            .timeout(BRIEFLY)
            .connect_from(build.netns())
            .unwrap(),
        Outcome::TimedOut
    );
    assert!(
        before
            .changes(&State::capture(cluster.node()).unwrap())
            .contains("+ nft: table inet t")
    );
    firewall::run(cluster.node(), "nft flush ruleset").unwrap();
    firewall::nft(cluster.node(), &rules("reject with tcp reset")).unwrap();
    assert_eq!(
        attempt.connect_from(build.netns()).unwrap(),
        Outcome::Refused
    );
    firewall::run(cluster.node(), "nft flush ruleset").unwrap();
    firewall::nft(cluster.node(), &rules("reject with icmpx admin-prohibited")).unwrap();
    assert_eq!(
        attempt.connect_from(build.netns()).unwrap(),
        Outcome::Unreachable
    );
}

#[test]
fn traffic_is_counted_and_bounded() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .pod(database())
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    let server = TcpServer::start(db.netns(), db.at(80)).unwrap();
    let counts = tcp_loop(
        build.netns(),
        TcpAttempt::to(db.at(80)),
        b"x",
        Bound::count(20),
    )
    .unwrap();
    assert_eq!(
        (counts.answered, counts.failed, server.accepted()),
        (20, 0, 20)
    );

    let sink = UdpServer::silent(db.netns(), db.at(9)).unwrap();
    let sent = udp_flood(build.netns(), db.at(9), 4000, b"x", Bound::count(50)).unwrap();
    assert_eq!(sent, 50);
    assert_eq!(sink.wait_for(50), 50);
    let silent = UdpAttempt::to(db.at(9)).timeout(BRIEFLY);
    assert_eq!(
        silent.exchange_from(build.netns(), b"x").unwrap(),
        Outcome::TimedOut
    );
}

#[test]
fn connection_is_aborted_with_a_reset() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .pod(database())
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    let _server = TcpServer::start(db.netns(), db.at(80)).unwrap();
    let attempt = TcpAttempt::to(db.at(80)).from_port(41_000);
    let mut connection = attempt.open(build.netns()).unwrap().unwrap();
    assert_eq!(connection.local_port().unwrap(), 41_000);
    assert_eq!(connection.exchange(b"one").unwrap(), Outcome::Answered);
    connection.abort().unwrap();
    // A FIN would leave the port in TIME_WAIT at the client for a minute, a RST frees it: at once, but for a program
    // that another thread is just starting, which has a copy of the socket until it runs.
    let sockets = || firewall::run(build.netns(), "ss -Htan").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while sockets().contains(":41000") {
        assert!(Instant::now() < deadline, "{}", sockets());
    }
}

#[test]
fn frames_are_sent_as_they_are() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npt")
        .pod(build())
        .pod(database())
        .build()
        .unwrap();
    let (build, db) = (cluster.pod("ci/build"), cluster.pod("data/db"));
    let sink = UdpServer::silent(db.netns(), db.at(9)).unwrap();
    let gateway = cluster.node().mac_address(build.host_interface()).unwrap();
    // UDP 10.244.1.10:1000 -> 10.244.1.20:9, "x", without a UDP checksum.
    let mut packet = vec![
        0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 244, 1, 10, 10, 244, 1, 20,
    ];
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend([0x03, 0xe8, 0, 9, 0, 9, 0, 0, b'x']);
    let socket = FrameSocket::open(build.netns(), "eth0").unwrap();
    // The one that is cut off first: it would have arrived by the time that the other has.
    for packet in [&packet[..7], &packet] {
        socket
            .send(&ethernet_frame(gateway, 0x0800, packet))
            .unwrap();
    }
    assert_eq!(sink.wait_for(1), 1);
}

#[test]
fn pods_come_and_go() {
    if !require_root() {
        return;
    }
    let mut cluster = Cluster::builder("npt").pod(build()).build().unwrap();
    let address = cluster.add_pod(database()).unwrap().ipv4();
    let answer =
        |cluster: &Cluster, patience| ping(cluster.pod("ci/build").netns(), address, 3, patience);
    assert_eq!(answer(&cluster, PATIENCE).unwrap(), Outcome::Answered);
    let veth = cluster.pod("data/db").host_interface().to_owned();
    cluster.remove_pod("data/db");
    assert_ne!(answer(&cluster, BRIEFLY).unwrap(), Outcome::Answered);
    assert!(!cluster.node().interfaces().unwrap().contains(&veth));
}

#[test]
fn nothing_stays_behind_even_after_a_panic() {
    if !require_root() {
        return;
    }
    let exists = |name: &str| std::path::Path::new("/run/netns").join(name).exists();
    let name = netpol_testkit::namespace::unique_name("npt-panic");
    let panicked = std::panic::catch_unwind(|| {
        let namespace = Namespace::create(&name).unwrap();
        assert!(exists(&name));
        namespace.run_in(|| panic!("on purpose"));
    });
    assert!(panicked.is_err());
    assert!(!exists(&name));
    let taken = Namespace::create(&name).unwrap();
    assert!(Namespace::create(&name).is_err(), "a taken name is refused");
    assert!(exists(taken.name()), "and what holds it is left alone");
}
