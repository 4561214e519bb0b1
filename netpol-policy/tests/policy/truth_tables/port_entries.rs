//! Every form of an entry of `ports`, alone and in pairs, for both directions.

use netpol_policy::model::Protocol::{self, Sctp, Tcp, Udp};

use super::xyz;
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

/// What is asked: the ports that every pod serves.
const SERVED: [(Protocol, u16); 6] = [
    (Tcp, 80),
    (Tcp, 81),
    (Udp, 80),
    (Udp, 81),
    (Sctp, 80),
    (Sctp, 81),
];

/// An entry, and which of the served ports it covers.
const ENTRIES: [(&str, &[(Protocol, u16)]); 14] = [
    ("{}", &[(Tcp, 80), (Tcp, 81)]),
    ("{port: 81}", &[(Tcp, 81)]),
    ("{port: serve-81-tcp}", &[(Tcp, 81)]),
    ("{protocol: TCP}", &[(Tcp, 80), (Tcp, 81)]),
    ("{protocol: TCP, port: 81}", &[(Tcp, 81)]),
    ("{protocol: TCP, port: serve-81-tcp}", &[(Tcp, 81)]),
    ("{protocol: UDP}", &[(Udp, 80), (Udp, 81)]),
    ("{protocol: UDP, port: 81}", &[(Udp, 81)]),
    // A name is of one protocol.
    ("{protocol: UDP, port: serve-81-tcp}", &[]),
    ("{protocol: SCTP}", &[(Sctp, 80), (Sctp, 81)]),
    ("{protocol: SCTP, port: 81}", &[(Sctp, 81)]),
    ("{protocol: SCTP, port: serve-81-tcp}", &[]),
    ("{port: 80, endPort: 81}", &[(Tcp, 80), (Tcp, 81)]),
    ("{protocol: UDP, port: 1, endPort: 80}", &[(Udp, 80)]),
];

/// Pod x/a with one policy for each direction, of one rule that lists these ports.
fn with_ports(ports: &str) -> Cluster {
    xyz()
        .policy(
            "x/ingress",
            &format!("{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Ingress], ingress: [{{ports: {ports}}}]}}"),
        )
        .policy(
            "y/egress",
            &format!("{{podSelector: {{matchLabels: {{pod: b}}}}, policyTypes: [Egress], egress: [{{to: [{{namespaceSelector: {{}}}}], ports: {ports}}}]}}"),
        )
}

fn covers(ports: &str, covered: &[(Protocol, u16)]) {
    let cluster = with_ports(ports);
    let egress = everyone().denied("y/b", "outside");
    for (protocol, port) in SERVED {
        let table = if covered.contains(&(protocol, port)) {
            egress.clone()
        } else {
            egress.clone().denied("*", "x/a").denied("y/b", "*")
        };
        cluster.expect(protocol, port, &table);
    }
}

#[test]
fn no_entry_covers_every_port() {
    covers("[]", &SERVED);
    covers("null", &SERVED);
}

#[test]
fn one_entry() {
    for (entry, covered) in ENTRIES {
        covers(&format!("[{entry}]"), covered);
    }
}

#[test]
fn two_entries_cover_what_either_does() {
    for (index, (one, by_one)) in ENTRIES.iter().enumerate() {
        for (other, by_other) in &ENTRIES[index + 1..] {
            let both = [*by_one, *by_other].concat();
            covers(&format!("[{one}, {other}]"), &both);
        }
    }
}
