//! Policies that everybody writes, each with the table of who reaches whom.

use netpol_policy::model::Protocol::{self, Tcp, Udp};
use netpol_policy::verdict::Decision;

use crate::support::{World, outside};

const WEB: &str = "prod/web";
const DB: &str = "prod/db";
const BUILD: &str = "ci/build";
const OUTSIDE: &str = "outside";

/// From, to, protocol, port, and whether it is allowed.
type Row = (&'static str, &'static str, Protocol, u16, bool);

fn check(name: &str, specs: &[&str], table: &[Row]) {
    let world = World::with(specs);
    let end = |name: &str| {
        if name == OUTSIDE {
            outside()
        } else {
            world.pod(name)
        }
    };
    for (from, to, protocol, port, is_allowed) in table {
        let verdict = world.ask(end(from), end(to), *protocol, *port);
        let expected = if *is_allowed {
            Decision::Allowed
        } else {
            Decision::Denied
        };
        assert_eq!(
            verdict.decision(),
            expected,
            "{name}: {from} to {to} {protocol} {port}"
        );
    }
}

#[test]
fn deny_all_ingress_to_an_application() {
    check(
        "deny all ingress",
        &["{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}"],
        &[
            (WEB, DB, Tcp, 5432, false),
            (BUILD, DB, Tcp, 5432, false),
            (OUTSIDE, DB, Tcp, 5432, false),
            (DB, WEB, Tcp, 80, true),
            (DB, OUTSIDE, Tcp, 443, true),
            (BUILD, WEB, Tcp, 80, true),
        ],
    );
}

#[test]
fn deny_everything_in_a_namespace_then_open_one_path() {
    check(
        "default deny and one path",
        &[
            "{podSelector: {}, policyTypes: [Ingress, Egress]}",
            "{podSelector: {matchLabels: {app: db}},
              ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}",
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress],
              egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}",
        ],
        &[
            (WEB, DB, Tcp, 5432, true),
            (WEB, DB, Tcp, 22, false),
            (WEB, DB, Udp, 5432, false),
            (DB, WEB, Tcp, 5432, false),
            (WEB, OUTSIDE, Tcp, 443, false),
            (BUILD, DB, Tcp, 5432, false),
            (BUILD, OUTSIDE, Tcp, 443, true),
            (DB, DB, Tcp, 1, true),
        ],
    );
}

#[test]
fn allow_from_a_namespace_and_from_an_application_in_it() {
    let in_ci = "namespaceSelector: {matchLabels: {team: build}}";
    check(
        "from a namespace",
        &[&format!("{{ingress: [{{from: [{{{in_ci}}}]}}]}}")],
        &[
            (BUILD, DB, Tcp, 1, true),
            (WEB, DB, Tcp, 1, false),
            (OUTSIDE, DB, Tcp, 1, false),
        ],
    );
    check(
        "from an application of a namespace",
        &[&format!(
            "{{ingress: [{{from: [{{{in_ci}, podSelector: {{matchLabels: {{app: web}}}}}}]}}]}}"
        )],
        &[(BUILD, DB, Tcp, 1, false), (WEB, DB, Tcp, 1, false)],
    );
}

#[test]
fn egress_to_dns_only() {
    check(
        "DNS only",
        &[
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress],
            egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}]}",
        ],
        &[
            (WEB, OUTSIDE, Udp, 53, true),
            (WEB, OUTSIDE, Tcp, 53, true),
            (WEB, DB, Udp, 53, true),
            (WEB, OUTSIDE, Tcp, 443, false),
            (BUILD, WEB, Tcp, 80, true),
        ],
    );
}

#[test]
fn outside_only_and_not_the_cluster() {
    check(
        "the world except private addresses",
        &[
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [
            {ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.168.0.0/16]}}]}]}",
        ],
        &[
            (WEB, OUTSIDE, Tcp, 443, true),
            (WEB, DB, Tcp, 5432, false),
            (WEB, BUILD, Tcp, 1, false),
        ],
    );
}

#[test]
fn a_range_of_ports() {
    check(
        "node ports",
        &["{ingress: [{ports: [{port: 32000, endPort: 32768}]}]}"],
        &[
            (WEB, DB, Tcp, 31999, false),
            (WEB, DB, Tcp, 32000, true),
            (OUTSIDE, DB, Tcp, 32768, true),
            (WEB, DB, Tcp, 32769, false),
        ],
    );
}
