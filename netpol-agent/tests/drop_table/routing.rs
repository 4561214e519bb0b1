//! Packets that the node cannot or will not deliver: routes, neighbours, reverse paths, hop limits. The policy denies the
//! connection as well, and still is not to blame.

use netpol_testkit::ClusterBuilder;
use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::{FrameSocket, Outcome, ethernet_frame};
use serde_json::json;

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

/// Servers of the same policy.
fn stage(requirements: &[Requirement], servers: &[(&'static str, u8)]) -> Option<Stage> {
    let build = |cluster: ClusterBuilder| {
        let clients = [(DENIED, 10), (ALLOWED, 30)];
        let pods = clients.iter().chain(servers);
        pods.fold(cluster, |cluster, (name, last)| {
            cluster.pod(pod(name, *last).label("app", "db"))
        })
    };
    Stage::with(requirements, build, [])
}

#[test]
fn routes_that_are_missing_or_refuse() {
    let servers = [
        ("data/unrouted", 21),
        ("data/blackhole", 22),
        ("data/prohibit", 23),
        ("data/unreachable", 24),
    ];
    let Some(stage) = stage(&[], &servers) else {
        return;
    };
    for (name, last) in servers {
        let kind = name.trim_start_matches("data/");
        for address in [format!("10.78.1.{last}/32"), format!("fd78::{last:x}/128")] {
            stage.run(&format!("ip route del {address}"));
            if kind != "unrouted" {
                stage.run(&format!("ip route add {kind} {address}"));
            }
        }
    }
    let freed = |reason, locations| {
        Expected::dropped(reason, locations).no_policy("routing", "no policy: no route to ")
    };
    let no_route = freed("IP_INNOROUTES", &["ip_error"]).answered(Outcome::Unreachable);
    let no_route6 =
        freed("IP_INNOROUTES", &["ip6_pkt_drop", "ip6_pkt_discard"]).answered(Outcome::Unreachable);
    let silent = freed("NOT_SPECIFIED", &["ip_error"]);
    let refusing = silent.clone().answered(Outcome::Unreachable);
    let silent6 = freed("NOT_SPECIFIED", &["dst_discard_out"]);
    let refusing6 = freed("IP_INNOROUTES", &["ip6_pkt_drop", "ip6_pkt_prohibit"])
        .answered(Outcome::Unreachable);
    // The kernel answers few packets of a source that it has no route for (net.ipv4.route.error_burst): both ask.
    stage.play(&[
        Case::new(5001, no_route.clone()).to("data/unrouted"),
        Case::new(5001, no_route.clone())
            .to("data/unrouted")
            .from(ALLOWED),
        Case::new(5001, no_route).to("data/unrouted").udp(),
        Case::new(5001, no_route6).to("data/unrouted").v6(),
        Case::new(5002, silent.clone()).to("data/blackhole"),
        Case::new(5002, silent.clone())
            .to("data/blackhole")
            .from(ALLOWED),
        Case::new(5002, silent).to("data/blackhole").udp(),
        Case::new(5002, silent6).to("data/blackhole").v6(),
        Case::new(5003, refusing.clone()).to("data/prohibit"),
        Case::new(5003, refusing.clone())
            .to("data/prohibit")
            .udp()
            .from(ALLOWED),
        Case::new(5003, refusing6).to("data/prohibit").v6(),
        Case::new(5004, refusing)
            .to("data/unreachable")
            .from(ALLOWED),
    ]);
}

#[test]
fn reverse_path_and_hop_limit() {
    let build = |cluster: ClusterBuilder| {
        [
            ("ci/spoofer", 11),
            ("ci/near", 12),
            (SERVER, 20),
            (ALLOWED, 30),
        ]
        .into_iter()
        .fold(cluster, |cluster, (name, last)| {
            cluster.pod(pod(name, last))
        })
    };
    let Some(stage) = Stage::with(&[], build, []) else {
        return;
    };
    stage.cluster.rp_filter(stage.pod("ci/spoofer"), 1).unwrap();
    let gateway = stage
        .node()
        .ip(["-br", "link", "show", "dev", stage.interface("ci/spoofer")])
        .unwrap();
    let gateway = gateway.split_whitespace().nth(2).unwrap();
    let permanent = ["lladdr", gateway, "dev", "eth0", "nud", "permanent"];
    let neighbour = ["neigh", "replace", "169.254.1.1"]
        .into_iter()
        .chain(permanent);
    stage.pod("ci/spoofer").netns().ip(neighbour).unwrap();
    // Its address is to be found behind another interface. That also silences ARP towards it.
    stage.run(&format!(
        "ip route change 10.78.1.11/32 dev {}",
        stage.interface(ALLOWED)
    ));
    let near = stage.pod("ci/near").netns();
    near.sysctl("ipv4/ip_default_ttl", "1").unwrap();
    near.sysctl("ipv6/conf/eth0/hop_limit", "1").unwrap();
    let reverse_path = Expected::dropped("IP_RPFILTER", &[]).no_policy(
        "routing",
        "no policy: 10.78.1.11 is no valid source on that interface",
    );
    let hop_limit = Expected::dropped("IP_INHDR", &["ip_forward", "ip6_forward"])
        .no_policy("routing", "no policy: the packet's hop limit ends before ")
        .outcome(Outcome::Unreachable);
    stage.play(&[
        Case::new(5001, reverse_path.clone()).from("ci/spoofer"),
        Case::new(5001, reverse_path).from("ci/spoofer").udp(),
        Case::new(5002, hop_limit.clone()).from("ci/near"),
        Case::new(5002, hop_limit.clone()).from("ci/near").udp(),
        Case::new(5002, hop_limit).from("ci/near").v6(),
    ]);
}

#[test]
fn neighbour_that_does_not_answer() {
    let Some(stage) = stage(&[], &[(SERVER, 20)]) else {
        return;
    };
    let interface = stage.interface(SERVER);
    stage
        .node()
        .sysctl(&format!("ipv4/neigh/{interface}/retrans_time_ms"), "100")
        .unwrap();
    stage
        .pod(SERVER)
        .netns()
        .ip(["link", "set", "eth0", "arp", "off"])
        .unwrap();
    stage.run(&format!("ip neigh flush dev {interface}"));
    let dead = Expected::dropped("NEIGH_FAILED", &[])
        .no_policy(
            "neighbour",
            "no policy: 10.78.1.20 does not answer on its link",
        )
        .on(Device::Destination)
        .answered(Outcome::Unreachable);
    stage.play(&[
        Case::new(5001, dead.clone()),
        Case::new(5001, dead.clone()).from(ALLOWED),
        Case::new(5001, dead).udp(),
    ]);
}

/// A packet out of nowhere, as after a failover or when conntrack forgot: rules for `ctstate INVALID` drop it with the
/// reason of any other rule.
#[test]
fn packet_that_conntrack_calls_invalid() {
    let Some(stage) = Stage::set_up(&[Requirement::Command("nft")]) else {
        return;
    };
    stage
        .node()
        .sysctl("netfilter/nf_conntrack_tcp_loose", "0")
        .unwrap();
    stage.nft(
        "table inet t { chain c { type filter hook forward priority 0; ct state invalid drop; }; }",
    );
    let source = stage.pod(DENIED);
    let port = stage.fresh_port();
    let gateway = stage.node().mac_address(source.host_interface()).unwrap();
    let frame = ethernet_frame(
        gateway,
        0x0800,
        &acknowledgement([10, 78, 1, 10], port, [10, 78, 1, 20], 5001),
    );
    let socket = FrameSocket::open(source.netns(), "eth0").unwrap();
    for _ in 0..4 {
        socket.send(&frame).unwrap();
    }
    let drop = "/observed/evidence/drop";
    let flow = stage.expect(
        port,
        &[
            ("/source/pod", json!("build")),
            ("/destination/pod", json!("db")),
            ("/destination/port", json!(5001)),
            ("/observed/verdict", json!("dropped")),
            (&format!("{drop}/reason"), json!("NETFILTER_DROP")),
            (&format!("{drop}/class"), json!("conntrack_invalid")),
            (&format!("{drop}/packets"), json!(4)),
            ("/mid_stream", json!(true)),
            ("/direction_inferred", json!(true)),
            ("/computed/verdict", json!("denied")),
            ("/agreement", json!("undetermined")),
        ],
    );
    let summary = flow["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("no policy: a packet that belongs to no known connection"),
        "{summary}"
    );
}

/// An IPv4 packet with a TCP ACK and no data.
fn acknowledgement(source: [u8; 4], source_port: u16, destination: [u8; 4], port: u16) -> Vec<u8> {
    let mut ip = vec![0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0];
    ip.extend(source);
    ip.extend(destination);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    let mut tcp = [source_port.to_be_bytes(), port.to_be_bytes()].concat();
    tcp.extend([0, 0, 1, 0, 0, 0, 2, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    let pseudo_header = [&source[..], &destination, &[0, 6, 0, 20]].concat();
    let sum = checksum(&[pseudo_header, tcp.clone()].concat());
    tcp[16..18].copy_from_slice(&sum);
    ip.extend(tcp);
    ip
}

/// RFC 1071, over an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes()
}
