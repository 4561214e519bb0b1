use netpol_api::v1::{
    Agreement, Computed, Counters, Drop, Endpoint, Evidence, Flow, Lost, Observed, Protocol,
    ServiceAddress, drop::Class, endpoint::Kind, lost::Stage, observed::Verdict as Saw,
};

use super::*;

fn pod(namespace: &str, name: &str, port: u32) -> Option<Endpoint> {
    Some(Endpoint {
        address: "10.0.0.1".into(),
        port,
        kind: Kind::Pod.into(),
        namespace: namespace.into(),
        pod: name.into(),
        ..Endpoint::default()
    })
}

fn address(address: &str, port: u32) -> Option<Endpoint> {
    Some(Endpoint {
        address: address.into(),
        port,
        kind: Kind::World.into(),
        ..Endpoint::default()
    })
}

fn flow(verdict: Saw, evidence: Evidence, summary: &str) -> Flow {
    Flow {
        last_seen: Some(prost_types::Timestamp {
            seconds: 1_772_357_400,
            nanos: 123_456_789,
        }),
        protocol: Protocol::Tcp.into(),
        source: pod("ci", "build", 40000),
        destination: pod("prod", "db", 5432),
        forward: Some(Counters {
            packets: 4,
            ..Counters::default()
        }),
        observed: Some(Observed {
            verdict: verdict.into(),
            evidence: Some(evidence),
        }),
        summary: summary.into(),
        ..Flow::default()
    }
}

fn plain(width: Option<usize>, flows: &[Flow]) -> String {
    let mut lines = Lines::new(false, width, TimeZone::UTC);
    let rows: Vec<String> = flows.iter().flat_map(|flow| lines.flow(flow)).collect();
    anstream::adapter::strip_str(&rows.join("\n")).to_string()
}

fn dropped(class: Class) -> Evidence {
    let drop = Drop {
        class: class.into(),
        packets: 3,
        ..Drop::default()
    };
    Evidence {
        drop: Some(drop),
        ..Evidence::default()
    }
}

#[test]
fn every_verdict_has_its_own_word_and_mark() {
    let nothing = Evidence::default;
    let refused = Evidence {
        refused_by_peer: true,
        ..Evidence::default()
    };
    let mut ignored = flow(Saw::Forwarded, nothing(), "prod/db denies it");
    ignored.agreement = Agreement::DeniedButForwarded.into();
    let mut other = flow(Saw::Dropped, dropped(Class::Firewall), "policies allow it");
    other.agreement = Agreement::AllowedButDropped.into();
    let flows = [
        flow(Saw::Forwarded, nothing(), ""),
        flow(Saw::Forwarded, refused, "nobody listens there"),
        flow(
            Saw::Dropped,
            dropped(Class::Firewall),
            "prod/db: no ingress rule admits ci/build",
        ),
        flow(Saw::Dropped, dropped(Class::Routing), "no route"),
        flow(
            Saw::Rejected,
            nothing(),
            "prod/db: no ingress rule admits ci/build",
        ),
        flow(Saw::Unanswered, nothing(), ""),
        flow(Saw::Unknown, nothing(), ""),
        ignored,
        other,
    ];
    assert_eq!(
        plain(None, &flows),
        "\
09:30:00.123  ✓ forwarded    ci/build         → prod/db:5432          tcp
09:30:00.123  ! refused      ci/build         → prod/db:5432          tcp            nobody listens there
09:30:00.123  ✗ BLOCKED      ci/build         → prod/db:5432          tcp     ×3     prod/db: no ingress rule admits ci/build
09:30:00.123  ✗ DROPPED      ci/build         → prod/db:5432          tcp     ×3     no route
09:30:00.123  ✗ REJECTED     ci/build         → prod/db:5432          tcp     ×4     prod/db: no ingress rule admits ci/build
09:30:00.123  ? no answer    ci/build         → prod/db:5432          tcp     ×4
09:30:00.123  · unknown      ci/build         → prod/db:5432          tcp
09:30:00.123  ! forwarded    ci/build         → prod/db:5432          tcp            NOT ENFORCED: prod/db denies it
09:30:00.123  ✗ BLOCKED      ci/build         → prod/db:5432          tcp     ×3     NOT BY POLICY: policies allow it"
    );
}

#[test]
fn ipv6_services_nodes_and_portless_protocols() {
    let mut v6 = flow(Saw::Forwarded, Evidence::default(), "");
    v6.source = address("2001:db8::1", 40000);
    v6.destination = address("2001:db8::2", 443);
    let mut service = flow(Saw::Forwarded, Evidence::default(), "");
    service.service = Some(ServiceAddress {
        namespace: "prod".into(),
        name: "db".into(),
        address: "10.96.0.1".into(),
        port: 80,
    });
    let mut node = flow(Saw::Forwarded, Evidence::default(), "");
    node.protocol = Protocol::Icmp.into();
    node.source = Some(Endpoint {
        address: "192.0.2.1".into(),
        kind: Kind::Node.into(),
        node: "worker-1".into(),
        ..Endpoint::default()
    });
    node.destination = pod("prod", "db", 0);
    assert_eq!(
        plain(None, &[v6, service, node]),
        "\
09:30:00.123  ✓ forwarded    [2001:db8::1]    → [2001:db8::2]:443     tcp
09:30:00.123  ✓ forwarded    ci/build         → prod/db:5432 (via prod/db:80)  tcp
09:30:00.123  ✓ forwarded    node/worker-1    → prod/db                        icmp"
    );
}

#[test]
fn a_narrow_terminal_gets_the_reason_on_rows_of_its_own() {
    let blocked = flow(
        Saw::Dropped,
        dropped(Class::Firewall),
        "prod/db: no ingress rule admits ci/build (nearest: ingress[0].from[0] wants namespace team=database)",
    );
    assert_eq!(
        plain(Some(90), &[blocked]),
        "\
09:30:00.123  ✗ BLOCKED      ci/build         → prod/db:5432          tcp     ×3
              prod/db: no ingress rule admits ci/build (nearest: ingress[0].from[0] wants
              namespace team=database)"
    );
}

#[test]
fn a_denial_by_a_cluster_scoped_policy_reads_like_any_other() {
    let mut enforced = flow(
        Saw::Dropped,
        dropped(Class::Firewall),
        "ClusterNetworkPolicy isolate (Admin tier): ingress[2].from[1] denies ci/build",
    );
    enforced.agreement = Agreement::Agree.into();
    let mut ignored = flow(
        Saw::Forwarded,
        Evidence::default(),
        "denied by ClusterNetworkPolicy isolate, yet forwarded",
    );
    ignored.agreement = Agreement::DeniedButForwarded.into();
    assert_eq!(
        plain(None, &[enforced, ignored]),
        "\
09:30:00.123  ✗ BLOCKED      ci/build         → prod/db:5432          tcp     ×3     ClusterNetworkPolicy isolate (Admin tier): ingress[2].from[1] denies ci/build
09:30:00.123  ! forwarded    ci/build         → prod/db:5432          tcp            NOT ENFORCED: denied by ClusterNetworkPolicy isolate, yet forwarded"
    );
}

#[test]
fn wide_rows_tell_what_to_know_before_relying_on_a_verdict() {
    let mut unsure = flow(Saw::Dropped, dropped(Class::Firewall), "not known");
    unsure.computed = Some(Computed {
        caveats: vec!["host-network".into(), "equal-priority".into()],
        ..Computed::default()
    });
    let rows = Lines::new(true, None, TimeZone::UTC).flow(&unsure);
    assert!(
        rows[1].contains("caveats: host-network equal-priority"),
        "{rows:?}"
    );
}

#[test]
fn colour_repeats_what_the_words_say() {
    let blocked = flow(Saw::Dropped, dropped(Class::Firewall), "");
    let rows = Lines::new(false, None, TimeZone::UTC).flow(&blocked);
    assert!(
        rows[0].contains("\x1b[1m\x1b[31m✗ BLOCKED"),
        "{:?}",
        rows[0]
    );
}

#[test]
fn hostile_names_reach_the_terminal_without_controls() {
    let mut hostile = flow(Saw::Dropped, dropped(Class::Firewall), "bad\n\x1b[2Jreason");
    hostile.source = pod("ci", "x\x1b]0;owned\x07", 0);
    hostile.service = Some(ServiceAddress {
        name: "s\r".into(),
        namespace: "\x1b[A".into(),
        ..Default::default()
    });
    let mut lines = Lines::new(true, None, TimeZone::UTC);
    hostile.node = "n\x1b[H".into();
    for row in lines.flow(&hostile) {
        let ours = anstream::adapter::strip_str(&row).to_string();
        assert!(!row.contains("\x1b[2J") && !row.contains("\x1b[H") && !row.contains("\x1b[A"));
        assert!(!ours.contains(|c: char| c.is_control()), "{ours:?}");
    }
}

#[test]
fn a_gap_is_visible() {
    let lost = Lost {
        stage: Stage::Kernel.into(),
        reason: "ring_full".into(),
        count: 12,
        ..Lost::default()
    };
    let row = Lines::new(false, None, TimeZone::UTC).lost(&lost);
    assert_eq!(
        anstream::adapter::strip_str(&row.join("\n")).to_string(),
        "              ! LOST         12 events lost in the kernel: ring full"
    );
}

#[test]
fn an_end_that_may_not_be_read_is_an_address() {
    let mut flow = flow(Saw::Dropped, dropped(Class::Firewall), "denied by policy");
    flow.destination = Some(Endpoint {
        address: "10.0.3.4".into(),
        port: 5432,
        kind: Kind::Pod.into(),
        withheld: true,
        ..Endpoint::default()
    });
    assert_eq!(
        plain(None, &[flow]),
        "09:30:00.123  ✗ BLOCKED      ci/build         → 10.0.3.4:5432 (withheld)  tcp     ×3     denied by policy"
    );
}

#[test]
fn wide_rows_tell_both_nodes_of_a_connection() {
    let vantage = |node: &str, interface: &str, direction: v1::Direction| v1::Vantage {
        node: node.into(),
        interface: interface.into(),
        direction: direction.into(),
        ..v1::Vantage::default()
    };
    let mut flow = flow(Saw::Forwarded, Evidence::default(), "");
    flow.node = "worker-2".into();
    flow.vantages = vec![vantage("", "veth7", v1::Direction::Ingress)];
    let details = |flow: &Flow| {
        let rows = Lines::new(true, None, TimeZone::UTC).flow(flow);
        anstream::adapter::strip_str(&rows[1]).to_string()
    };
    assert_eq!(
        details(&flow),
        "              on worker-2, veth7 ingress, sent 4 packets 0 bytes"
    );
    flow.vantages = vec![
        vantage("worker-1", "veth3", v1::Direction::Egress),
        vantage("worker-2", "veth7", v1::Direction::Ingress),
    ];
    assert_eq!(
        details(&flow),
        "              worker-1: veth3 egress, worker-2: veth7 ingress, sent 4 packets 0 bytes"
    );
}

#[test]
fn how_well_the_flows_of_a_node_come_stands_among_them() {
    use v1::node_state::State;
    let lines = Lines::new(false, None, TimeZone::UTC);
    let row = |state: State, message: &str| {
        let row = lines.node(&v1::NodeState {
            node: "worker-1\x1b[2J".into(),
            state: state.into(),
            message: message.into(),
            time: Some(prost_types::Timestamp {
                seconds: 1_772_357_400,
                nanos: 0,
            }),
        });
        anstream::adapter::strip_str(&row.join("\n")).to_string()
    };
    assert_eq!(
        [
            row(State::Unreachable, "connection refused"),
            row(State::NoAgent, "no pod of the DaemonSet is on it"),
            row(State::Late, "4 s behind"),
            row(State::Followed, ""),
        ]
        .join("\n"),
        "\
09:30:00.000  ! MISSING      node worker-1\u{fffd}[2J: its flows do not come: connection refused
09:30:00.000  ! MISSING      node worker-1\u{fffd}[2J: no agent runs there, its flows are not seen: no pod of the DaemonSet is on it
09:30:00.000  ! LATE         node worker-1\u{fffd}[2J: its flows come late, after younger ones: 4 s behind
09:30:00.000  ✓ NODE         node worker-1\u{fffd}[2J: its flows come from here on"
    );
}

#[test]
fn a_loss_says_on_which_node() {
    let lost = Lost {
        stage: Stage::Kernel.into(),
        reason: "ring_full".into(),
        count: 1,
        node: "worker-1".into(),
        ..Lost::default()
    };
    let row = Lines::new(false, None, TimeZone::UTC).lost(&lost);
    assert_eq!(
        anstream::adapter::strip_str(&row.join("\n")).to_string(),
        "              ! LOST         1 event lost in the kernel on worker-1: ring full"
    );
}

#[test]
fn a_narrow_terminal_gets_what_is_told_on_several_rows() {
    let lines = Lines::new(false, Some(60), TimeZone::UTC);
    let time = Timestamp::from_second(1_772_357_400).unwrap();
    let rows = lines.notice(
        time,
        "! GAP",
        "the connection to somewhere broke; connecting again",
    );
    assert_eq!(
        anstream::adapter::strip_str(&rows.join("\n")).to_string(),
        "\
09:30:00.000  ! GAP          the connection to somewhere
                             broke; connecting again"
    );
}
