//! One policy allows what another does not: within a direction the one that allows counts, between the two directions
//! the one that does not.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::cluster::{Cluster, Family};
use crate::support::reachability::{Reachability, everyone};

const NOTHING: &str = "[]";
const EVERYTHING: &str = "[{}]";
const ALL_PODS: &str = "[{PEERS: [{namespaceSelector: {}}]}]";
const ALL_ADDRESSES: &str = "[{PEERS: [{ipBlock: {cidr: 0.0.0.0/0}}]}]";
/// Rules that include nobody: addresses that nobody has, a namespace that is not there.
const NO_ADDRESS: &str = "[{PEERS: [{ipBlock: {cidr: 0.0.0.0/31}}]}]";
const NO_POD: &str = "[{PEERS: [{namespaceSelector: {matchLabels: {never: here}}}]}]";

/// Ingress of pod y/c by the rules of each policy.
fn ingress(cluster: Cluster, policies: &[&str]) -> Cluster {
    policies
        .iter()
        .enumerate()
        .fold(cluster, |cluster, (index, rules)| {
            let rules = rules.replace("PEERS", "from");
            cluster.policy(
                &format!("y/ingress-{index}"),
                &format!("{{podSelector: {{matchLabels: {{pod: c}}}}, policyTypes: [Ingress], ingress: {rules}}}"),
            )
        })
}

/// Egress of pod x/b by the rules of each policy.
fn egress(cluster: Cluster, policies: &[&str]) -> Cluster {
    policies
        .iter()
        .enumerate()
        .fold(cluster, |cluster, (index, rules)| {
            let rules = rules.replace("PEERS", "to");
            cluster.policy(
                &format!("x/egress-{index}"),
                &format!("{{podSelector: {{matchLabels: {{pod: b}}}}, policyTypes: [Egress], egress: {rules}}}"),
            )
        })
}

/// The same policies in either direction, over IPv4.
fn both_ways(policies: &[&str], into_c: &Reachability, out_of_b: &Reachability) {
    ingress(xyz(), policies).expect_over(Family::V4, Tcp, 80, into_c);
    egress(xyz(), policies).expect_over(Family::V4, Tcp, 80, out_of_b);
}

fn c_is_closed() -> Reachability {
    everyone().denied("*", "y/c")
}

fn b_is_closed() -> Reachability {
    everyone().denied("x/b", "*")
}

#[test]
fn what_ingress_allows_egress_may_deny_and_the_other_way_round() {
    let cluster = egress(ingress(xyz(), &[EVERYTHING]), &[NOTHING]);
    cluster.expect(Tcp, 80, &b_is_closed());
    let cluster = egress(ingress(xyz(), &[NOTHING]), &[EVERYTHING]);
    cluster.expect(Tcp, 80, &c_is_closed());
}

#[test]
fn deny_all_under_allow_all() {
    both_ways(&[NOTHING, EVERYTHING], &everyone(), &everyone());
    both_ways(&[EVERYTHING, NOTHING], &everyone(), &everyone());
}

#[test]
fn deny_all_under_all_pods() {
    for policies in [[NOTHING, ALL_PODS], [NO_ADDRESS, ALL_PODS]] {
        both_ways(
            &policies,
            &everyone().denied("outside", "y/c"),
            &everyone().denied("x/b", "outside"),
        );
    }
}

#[test]
fn deny_all_under_all_addresses() {
    for policies in [[NOTHING, ALL_ADDRESSES], [NO_POD, ALL_ADDRESSES]] {
        both_ways(&policies, &everyone(), &everyone());
    }
}

#[test]
fn rules_that_include_nobody_deny_all() {
    for policies in [[NO_ADDRESS], [NO_POD], [NOTHING]] {
        both_ways(&policies, &c_is_closed(), &b_is_closed());
    }
}
