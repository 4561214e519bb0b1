//! Address blocks, over both IP versions.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::cluster::{Cluster, Family};
use crate::support::reachability::everyone;
use crate::support::running::Running;

/// Pod x/a may open connections to these blocks alone.
fn a_of_x_to(blocks: &[String]) -> Cluster {
    let peers: Vec<_> = blocks
        .iter()
        .map(|block| format!("{{ipBlock: {block}}}"))
        .collect();
    xyz().policy(
        "x/to-blocks",
        &format!(
            "{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Egress], egress: [{{to: [{}]}}]}}",
            peers.join(", ")
        ),
    )
}

/// The block of each IP version that is one pod's address alone.
fn only(pod: &str) -> Vec<String> {
    [Family::V4, Family::V6]
        .map(|family| format!("{{cidr: '{}'}}", xyz().block_of(pod, family)))
        .into()
}

/// Large blocks around all pods, but not one pod's addresses.
fn around(pod: &str) -> Vec<String> {
    [(Family::V4, "0.0.0.0/4"), (Family::V6, "f000::/4")]
        .map(|(family, large)| {
            let one = xyz().block_of(pod, family);
            format!("{{cidr: '{large}', except: ['{one}']}}")
        })
        .into()
}

#[test]
fn egress_to_the_address_of_one_pod() {
    a_of_x_to(&only("y/b")).expect(
        Tcp,
        80,
        &everyone().denied("x/a", "*").allowed("x/a", "y/b"),
    );
}

#[test]
fn egress_to_a_block_except_one_address() {
    a_of_x_to(&around("x/b")).expect(
        Tcp,
        80,
        &everyone().denied("x/a", "x/b").denied("x/a", "outside"),
    );
}

#[test]
fn what_one_block_excepts_another_may_allow() {
    let excepted = around("x/b");
    let both: Vec<_> = excepted.iter().cloned().chain(only("x/b")).collect();
    a_of_x_to(&both).expect(Tcp, 80, &everyone().denied("x/a", "outside"));
    // The same as two policies.
    let second = format!(
        "{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Egress], egress: [{{to: [{}]}}]}}",
        only("x/b")
            .iter()
            .map(|block| format!("{{ipBlock: {block}}}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    a_of_x_to(&excepted).policy("x/to-b", &second).expect(
        Tcp,
        80,
        &everyone().denied("x/a", "outside"),
    );
}

#[test]
fn the_policy_updated_from_an_exception_to_its_opposite() {
    let mut running = Running::new(a_of_x_to(&around("x/b")));
    running.expect(
        Tcp,
        80,
        &everyone().denied("x/a", "x/b").denied("x/a", "outside"),
    );
    running.change(|_| a_of_x_to(&only("x/b")));
    running.expect(
        Tcp,
        80,
        &everyone().denied("x/a", "*").allowed("x/a", "x/b"),
    );
}

#[test]
fn a_block_of_one_ip_version_says_nothing_of_the_other() {
    let closed = everyone().denied("x/a", "*");
    let everything_v4 = a_of_x_to(&["{cidr: 0.0.0.0/0}".to_owned()]);
    everything_v4.expect_over(Family::V4, Tcp, 80, &everyone());
    everything_v4.expect_over(Family::V6, Tcp, 80, &closed);
    let everything_v6 = a_of_x_to(&["{cidr: '::/0'}".to_owned()]);
    everything_v6.expect_over(Family::V4, Tcp, 80, &closed);
    everything_v6.expect_over(Family::V6, Tcp, 80, &everyone());
}

#[test]
fn several_exceptions_are_cut_out_one_by_one() {
    let block = "{cidr: 10.0.0.0/8, except: [10.0.1.0/24, 10.0.2.2/32, 10.0.3.0/31]}".to_owned();
    // Subnets 1, 2 and 3 are those of x, y and z; pods a, b and c are the addresses 1, 2 and 3.
    a_of_x_to(&[block]).expect_over(
        Family::V4,
        Tcp,
        80,
        &everyone()
            .denied("x/a", "*")
            .allowed("x/a", "y/*")
            .denied("x/a", "y/b")
            .allowed("x/a", "z/*")
            .denied("x/a", "z/a"),
    );
}

#[test]
fn ingress_from_outside_and_not_from_pods() {
    xyz()
        .policy(
            "x/from-outside",
            "{podSelector: {}, ingress: [{from: [
              {ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: '::/0', except: ['fd00::/8']}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "x/*").allowed("outside", "x/*"),
        );
}

#[test]
fn a_block_or_a_pod_are_two_peers() {
    xyz()
        .policy(
            "x/outside-or-y",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [
              {ipBlock: {cidr: 203.0.113.0/24}}, {ipBlock: {cidr: '2001:db8::/32'}},
              {namespaceSelector: {matchLabels: {ns: 'y'}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "x/a")
                .allowed("y/*", "x/a")
                .allowed("outside", "x/a"),
        );
}
