//! Ports of rules, which the two versions write in different ways.

use netpol_policy::model::{PortMatch, Protocol};

use super::{ADMIN, CLUSTER, check_rule, egress};

#[test]
fn rule_34_v1alpha1_ports_default_to_tcp_and_a_range_has_two_ends() {
    let ports = |kind, ports: &str| {
        let field = if kind == CLUSTER {
            "protocols"
        } else {
            "ports"
        };
        format!("{{action: Deny, to: [{{namespaces: {{}}}}], {field}: [{ports}]}}")
    };
    let rule = egress(
        ADMIN,
        &ports(
            ADMIN,
            "{portNumber: {port: 80}}, {portRange: {protocol: UDP, start: 1, end: 65535}}, {namedPort: web}",
        ),
    );
    let read: Vec<_> = { rule.ports.iter() }
        .map(|port| (port.protocol, port.port.clone()))
        .collect();
    let expected = [
        (Some(Protocol::Tcp), PortMatch::Range(80, 80)),
        (Some(Protocol::Udp), PortMatch::Range(1, 65535)),
        (None, PortMatch::Name("web".into())),
    ];
    assert_eq!(read, expected);
    for (port, field, words) in [
        (
            "{portRange: {start: 80, end: 80}}",
            ".portRange.end",
            "expected a port above 80, found 80",
        ),
        (
            "{portRange: {start: 81, end: 80}}",
            ".portRange.end",
            "found 80",
        ),
        ("{portRange: {start: 80}}", ".portRange.end", "found none"),
        (
            "{portRange: {start: 0, end: 80}}",
            ".portRange.start",
            "found 0",
        ),
        (
            "{portNumber: {protocol: TCP}}",
            ".portNumber.port",
            "found none",
        ),
        (
            "{portNumber: {port: 65536}}",
            ".portNumber.port",
            "found 65536",
        ),
        (
            "{portNumber: {protocol: ICMP, port: 80}}",
            ".portNumber.protocol",
            "TCP, UDP or SCTP",
        ),
        ("{namedPort: ''}", ".namedPort", "found none"),
        (
            "{}",
            "",
            "expected one of portNumber, portRange and namedPort",
        ),
        (
            "{portNumber: {port: 80}, namedPort: a}",
            "",
            "expected one of",
        ),
        ("{port: 80}", ".port", "expected no such field"),
        (
            "{portNumber: {port: 80, endPort: 81}}",
            ".portNumber.endPort",
            "expected no such field",
        ),
    ] {
        check_rule(
            ADMIN,
            &ports(ADMIN, port),
            &format!(".ports[0]{field}"),
            words,
        );
    }
    for (port, field, words) in [
        (
            "{tcp: {}}",
            ".tcp",
            "expected a destinationPort, found none",
        ),
        (
            "{udp: {destinationPort: {}}}",
            ".udp.destinationPort",
            "expected one of number and range",
        ),
        (
            "{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}",
            ".tcp.destinationPort",
            "expected one of",
        ),
        (
            "{sctp: {destinationPort: {number: 0}}}",
            ".sctp.destinationPort.number",
            "found 0",
        ),
        (
            "{tcp: {destinationPort: {range: {start: 2, end: 2}}}}",
            ".tcp.destinationPort.range.end",
            "above 2",
        ),
        (
            "{tcp: {destinationPort: {number: http}}}",
            ".tcp.destinationPort.number",
            "invalid type",
        ),
        (
            "{tcp: {destinationPort: {number: 1}}, destinationNamedPort: a}",
            "",
            "expected one of tcp, udp, sctp and",
        ),
        ("{}", "", "expected one of"),
        ("{icmp: {}}", ".icmp", "expected no such field"),
    ] {
        check_rule(
            CLUSTER,
            &ports(CLUSTER, port),
            &format!(".protocols[0]{field}"),
            words,
        );
    }
    // Each version has its own list.
    check_rule(
        CLUSTER,
        &ports(ADMIN, "{namedPort: a}"),
        ".ports",
        "expected no such field",
    );
    check_rule(
        ADMIN,
        &ports(CLUSTER, "{}"),
        ".protocols",
        "expected no such field",
    );
    check_rule(
        ADMIN,
        &ports(ADMIN, ""),
        ".ports",
        "expected 1 to 100 items, found 0",
    );
    check_rule(
        CLUSTER,
        &ports(CLUSTER, ""),
        ".protocols",
        "expected 1 to 25 items, found 0",
    );
}
