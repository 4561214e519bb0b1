//! Priorities, actions and labels that change while the cluster is asked.

use netpol_policy::model::Protocol::Tcp;
use netpol_policy::verdict::Direction::{Egress, Ingress};

use super::form::{
    ADMIN, ALL, BASELINE, DIRECTIONS, Towards, accept, deny, of_house, of_subject, pass,
};
use super::{house, houses};
use crate::support::reachability::everyone;
use crate::support::running::Running;

#[test]
fn a_priority_that_changes_sides() {
    let green = house("green");
    for form in ADMIN {
        for direction in DIRECTIONS {
            let passing = |priority| {
                of_house("pass", "red")
                    .priority(priority)
                    .rules(direction, [pass(&green)])
            };
            let denying = of_house("deny", "red")
                .priority(50)
                .rules(direction, [deny(&green)])
                .put(houses(), form);
            let denied = everyone().denied_by(direction, "red/*", "green/*");
            let mut running = Running::new(passing(60).put(denying, form));
            running.expect(Tcp, 80, &denied);
            running.change(|cluster| passing(40).put(cluster, form));
            running.expect(Tcp, 80, &everyone());
            running.change(|cluster| passing(51).put(cluster, form));
            running.expect(Tcp, 80, &denied);
        }
    }
}

#[test]
fn a_deny_that_becomes_a_pass_and_the_network_policy_that_goes() {
    for (admin, baseline) in [(ADMIN[0], BASELINE[0]), (ADMIN[1], BASELINE[1])] {
        let green = house("green");
        let policy = |ingress, egress| {
            of_house("admin", "red")
                .rules(Ingress, [ingress])
                .rules(Egress, [egress])
        };
        let cluster = policy(deny(&green), deny(&green)).put(houses(), admin);
        let cluster = of_house("baseline", "red")
            .rules(Ingress, [deny(&green)])
            .rules(Egress, [deny(&green)])
            .put(cluster, baseline)
            .policy(
                "red/allow-green",
                "{podSelector: {}, policyTypes: [Ingress, Egress],
                  ingress: [{from: [{namespaceSelector: {matchLabels: {house: green}}}]}],
                  egress: [{to: [{namespaceSelector: {matchLabels: {house: green}}}]}]}",
            );
        let mut running = Running::new(cluster);
        let closed = everyone().denied("*", "red/*").denied("red/*", "*");
        running.expect(Tcp, 80, &closed);
        running.change(|cluster| policy(pass(&green), deny(&green)).put(cluster, admin));
        let ingress = closed.allowed("green/*", "red/*");
        running.expect(Tcp, 80, &ingress);
        running.change(|cluster| policy(pass(&green), pass(&green)).put(cluster, admin));
        running.expect(Tcp, 80, &ingress.allowed("red/*", "green/*"));
        running.change(|cluster| cluster.without_policy("red/allow-green"));
        let by_baseline = everyone()
            .denied("green/*", "red/*")
            .denied("red/*", "green/*");
        running.expect(Tcp, 80, &by_baseline);
    }
}

#[test]
fn a_namespace_that_loses_the_label_it_is_accepted_for() {
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(
                Egress,
                [
                    accept(&house("green")),
                    deny("[{networks: [0.0.0.0/0, '::/0']}]"),
                ],
            )
            .put(houses(), form);
        let closed = everyone().denied("red/*", "*");
        let open = closed.clone().allowed("red/*", "green/*");
        let mut running = Running::new(cluster);
        running.expect(Tcp, 80, &open);
        running.change(|cluster| cluster.namespace("green", "{house: other}"));
        running.expect(Tcp, 80, &closed);
        running.change(|cluster| cluster.namespace("green", "{house: green}"));
        running.expect(Tcp, 80, &open);
    }
}

#[test]
fn a_pod_that_gets_the_label_of_the_subject() {
    for form in ALL {
        for direction in DIRECTIONS {
            let cluster = of_subject(
                "of-servers",
                "{pods: {namespaceSelector: {}, podSelector: {matchLabels: {role: server}}}}",
            )
            .rules(direction, [deny(&house("green"))])
            .put(houses(), form);
            let mut running = Running::new(cluster);
            running.expect(Tcp, 80, &everyone());
            running
                .change(|cluster| cluster.relabelled("blue/pod-0", "{house: blue, role: server}"));
            running.expect(
                Tcp,
                80,
                &everyone().denied_by(direction, "blue/pod-0", "green/*"),
            );
        }
    }
}

#[test]
fn a_node_that_gets_another_label() {
    for form in ALL {
        let linux = "[{nodes: {matchLabels: {kubernetes.io/os: linux}}}]";
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny(linux)])
            .put(houses(), form);
        let mut running = Running::new(cluster);
        let closed = everyone()
            .denied("red/*", "node/n1")
            .denied("red/*", "forest/centaur");
        running.expect(Tcp, 80, &closed);
        running.change(|cluster| cluster.node("n1", "{kubernetes.io/os: windows}"));
        running.expect(Tcp, 80, &everyone());
        running.change(|cluster| cluster.node("n1", "{kubernetes.io/os: linux}"));
        running.expect(Tcp, 80, &closed);
    }
}
