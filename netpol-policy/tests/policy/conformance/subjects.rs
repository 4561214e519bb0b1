//! Which pods a policy applies to.

use netpol_policy::model::Protocol::Tcp;

use super::form::{ALL, DIRECTIONS, Towards, deny, of_subject};
use super::{house, houses};
use crate::support::reachability::everyone;

#[test]
fn every_namespace() {
    for form in ALL {
        for direction in DIRECTIONS {
            of_subject("of-all", "{namespaces: {}}")
                .rules(direction, [deny(&house("green"))])
                .put(houses(), form)
                .expect(
                    Tcp,
                    80,
                    &everyone()
                        .denied_by(direction, "*/*", "green/*")
                        // A pod in its node's network is no subject.
                        .allowed_by(direction, "forest/*", "green/*"),
                );
        }
    }
}

#[test]
fn namespaces_by_the_label_that_every_namespace_has() {
    for form in ALL {
        for direction in DIRECTIONS {
            of_subject(
                "of-red",
                "{namespaces: {matchLabels: {kubernetes.io/metadata.name: red}}}",
            )
            .rules(direction, [deny(&house("green"))])
            .put(houses(), form)
            .expect(
                Tcp,
                80,
                &everyone().denied_by(direction, "red/*", "green/*"),
            );
        }
    }
}

#[test]
fn pods_by_both_selectors() {
    let cluster = houses().relabelled("red/pod-1", "{house: red, role: server}");
    for form in ALL {
        for direction in DIRECTIONS {
            of_subject(
                "of-servers",
                "{pods: {namespaceSelector: {matchLabels: {house: red}}, podSelector: {matchLabels: {role: server}}}}",
            )
            .rules(direction, [deny(&house("green"))])
            .put(cluster.clone(), form)
            .expect(
                Tcp,
                80,
                &everyone().denied_by(direction, "red/pod-1", "green/*"),
            );
            // One selector of the two is not enough.
            of_subject(
                "of-servers",
                "{pods: {namespaceSelector: {matchLabels: {house: blue}}, podSelector: {matchLabels: {role: server}}}}",
            )
            .rules(direction, [deny(&house("green"))])
            .put(cluster.clone(), form)
            .expect(Tcp, 80, &everyone());
        }
    }
}

#[test]
fn peers_by_pods_and_by_expressions() {
    let cluster = houses().relabelled("green/pod-1", "{house: green, role: server}");
    let servers = "[{pods: {namespaceSelector: {matchExpressions: [{key: house, operator: NotIn, values: [blue]}]},
                            podSelector: {matchExpressions: [{key: role, operator: Exists}]}}}]";
    for form in ALL {
        for direction in DIRECTIONS {
            of_subject("of-red", "{namespaces: {matchLabels: {house: red}}}")
                .rules(direction, [deny(servers)])
                .put(cluster.clone(), form)
                .expect(
                    Tcp,
                    80,
                    &everyone().denied_by(direction, "red/*", "green/pod-1"),
                );
        }
    }
}
