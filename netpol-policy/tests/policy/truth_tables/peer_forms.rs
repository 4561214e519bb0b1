//! Every form of an entry of `from` and `to`, for both directions.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::cluster::Family;
use crate::support::reachability::everyone;

/// Peers of one rule, and the ends that they include.
const PEERS: [(&str, &[&str]); 11] = [
    ("[]", &["*"]),
    ("null", &["*"]),
    // All pods of the policy's own namespace, of one namespace, of all.
    ("[{podSelector: {}}]", &["x/*"]),
    (
        "[{podSelector: {}, namespaceSelector: {matchLabels: {ns: z}}}]",
        &["z/*"],
    ),
    ("[{podSelector: {}, namespaceSelector: {}}]", &["*/*"]),
    // Pods of one label in each.
    ("[{podSelector: {matchLabels: {pod: c}}}]", &["x/c"]),
    (
        "[{podSelector: {matchLabels: {pod: c}}, namespaceSelector: {matchLabels: {ns: z}}}]",
        &["z/c"],
    ),
    (
        "[{podSelector: {matchLabels: {pod: c}}, namespaceSelector: {}}]",
        &["*/c"],
    ),
    // The addresses of namespace y, and those without pods a and b of it.
    ("[{ipBlock: {cidr: 10.0.2.0/24}}]", &["y/*"]),
    (
        "[{ipBlock: {cidr: 10.0.2.0/24, except: [10.0.2.0/30]}}, {podSelector: {matchLabels: {pod: b}}}]",
        &["x/b"],
    ),
    (
        "[{ipBlock: {cidr: 10.0.2.0/24, except: [10.0.2.0/31, 10.0.2.2/32]}}]",
        &["y/c"],
    ),
];

#[test]
fn from() {
    for (peers, included) in PEERS {
        let mut table = everyone().denied("*", "x/a");
        for peer in included {
            table = table.allowed(peer, "x/a");
        }
        xyz()
            .policy(
                "x/from",
                &format!("{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Ingress], ingress: [{{from: {peers}}}]}}"),
            )
            .expect_over(Family::V4, Tcp, 80, &table);
    }
}

#[test]
fn to() {
    for (peers, included) in PEERS {
        let mut table = everyone().denied("x/a", "*");
        for peer in included {
            table = table.allowed("x/a", peer);
        }
        xyz()
            .policy(
                "x/to",
                &format!("{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Egress], egress: [{{to: {peers}}}]}}"),
            )
            .expect_over(Family::V4, Tcp, 80, &table);
    }
}
