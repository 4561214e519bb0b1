//! Policies, labels, pods and namespaces that change: a table for each state (rule 25). The inventory is changed in
//! place, and answers from before a change are at hand after it.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::everyone;
use crate::support::running::Running;

#[test]
fn a_policy_updated_from_allow_all_to_deny_all() {
    let mut running = Running::new(xyz().policy("x/changes", "{podSelector: {}, ingress: [{}]}"));
    running.expect(Tcp, 81, &everyone());
    running.change(|cluster| cluster.policy("x/changes", "{podSelector: {}, ingress: []}"));
    running.expect(Tcp, 81, &everyone().denied("*", "x/*"));
}

#[test]
fn a_policy_created_and_deleted() {
    let mut running = Running::new(xyz());
    running.expect(Tcp, 80, &everyone());
    running.change(|cluster| {
        cluster.policy(
            "x/deny-all",
            "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        )
    });
    running.expect(Tcp, 80, &everyone().denied("*", "x/*").denied("x/*", "*"));
    running.change(|cluster| cluster.without_policy("x/deny-all"));
    running.expect(Tcp, 80, &everyone());
}

#[test]
fn a_namespace_gets_the_label_that_lets_it_in_and_loses_it() {
    let mut running = Running::new(xyz().policy(
        "x/from-updated",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]}",
    ));
    let closed = everyone().denied("*", "x/a");
    running.expect(Tcp, 80, &closed);
    running.change(|cluster| cluster.namespace("y", "{ns: 'y', ns2: updated}"));
    running.expect(Tcp, 80, &closed.clone().allowed("y/*", "x/a"));
    running.change(|cluster| cluster.namespace("y", "{ns: 'y'}"));
    running.expect(Tcp, 80, &closed);
}

#[test]
fn a_pod_gets_the_label_that_lets_it_in_and_loses_it() {
    let mut running = Running::new(xyz().policy(
        "x/from-updated",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b, pod2: updated}}}]}]}",
    ));
    let closed = everyone().denied("*", "x/a");
    running.expect(Tcp, 80, &closed);
    running.change(|cluster| cluster.relabelled("x/b", "{pod: b, pod2: updated}"));
    running.expect(Tcp, 80, &closed.clone().allowed("x/b", "x/a"));
    running.change(|cluster| cluster.relabelled("x/b", "{pod: b}"));
    running.expect(Tcp, 80, &closed);
}

#[test]
fn a_pod_of_another_namespace_gets_the_label_that_lets_it_in() {
    let mut running = Running::new(xyz().policy(
        "x/from-updated",
        "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {new: label}},
          namespaceSelector: {matchExpressions: [{key: ns, operator: In, values: ['y', z]}]}}]}]}",
    ));
    let closed = everyone().denied("*", "x/*");
    running.expect(Tcp, 80, &closed);
    running.change(|cluster| cluster.relabelled("y/b", "{pod: b, new: label}"));
    running.expect(Tcp, 80, &closed.clone().allowed("y/b", "x/*"));
    // The same label in the policy's own namespace does not count.
    running.change(|cluster| cluster.relabelled("x/b", "{pod: b, new: label}"));
    running.expect(Tcp, 80, &closed.allowed("y/b", "x/*"));
}

#[test]
fn a_pod_gets_the_label_that_isolates_it() {
    let mut running = Running::new(xyz().policy(
        "x/isolated",
        "{podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]}",
    ));
    running.expect(Tcp, 80, &everyone());
    running.change(|cluster| cluster.relabelled("x/a", "{pod: a, target: isolated}"));
    running.expect(Tcp, 80, &everyone().denied("*", "x/a"));
}

#[test]
fn a_pod_made_later_is_isolated_as_its_labels_say() {
    let mut running =
        Running::new(xyz().policy("x/deny", "{podSelector: {matchLabels: {pod: d}}}"));
    running.expect(Tcp, 80, &everyone());
    running.change(|cluster| cluster.pod("x/d", "{pod: d}"));
    running.expect(Tcp, 80, &everyone().denied("*", "x/d"));
    running.change(|cluster| cluster.without_pod("x/d"));
    running.expect(Tcp, 80, &everyone());
}

#[test]
fn an_address_that_another_pod_got() {
    let mut running = Running::new(xyz().policy(
        "x/from-third-of-y",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [
          {ipBlock: {cidr: 10.0.2.3/32}}, {ipBlock: {cidr: 'fd00:0:0:2::3/128'}}]}]}",
    ));
    running.expect(
        Tcp,
        80,
        &everyone().denied("*", "x/a").allowed("y/c", "x/a"),
    );
    // Pod c has the address that b had, and the one of c goes to a new pod.
    running.change(|cluster| cluster.without_pod("y/b").pod("y/d", "{pod: d}"));
    running.expect(
        Tcp,
        80,
        &everyone().denied("*", "x/a").allowed("y/d", "x/a"),
    );
}

#[test]
fn a_namespace_made_later_is_let_in_by_its_label() {
    let mut running = Running::new(xyz().policy(
        "x/from-y",
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}]}]}",
    ));
    let closed = everyone().denied("*", "x/*").allowed("y/*", "x/*");
    running.expect(Tcp, 80, &closed);
    running.change(|cluster| {
        cluster
            .namespace("later", "{ns: 'y'}")
            .pod("later/a", "{pod: a}")
            .namespace("other", "{ns: other}")
            .pod("other/a", "{pod: a}")
    });
    running.expect(Tcp, 80, &closed.allowed("later/*", "x/*"));
}
