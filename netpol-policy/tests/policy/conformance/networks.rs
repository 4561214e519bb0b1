//! `networks` as peers of egress rules.

use netpol_policy::model::Protocol::{self, Tcp, Udp};
use netpol_policy::verdict::Direction::Egress;

use super::form::{ADMIN, ALL, accept, deny, of_house, pass};
use super::{WITH_PORTS, houses};
use crate::support::cluster::Family;
use crate::support::reachability::everyone;

/// All addresses there are.
const EVERYWHERE: &str = "[{networks: [0.0.0.0/0, '::/0']}]";

#[test]
fn denying_all_networks_denies_pods_and_nodes_too() {
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny(EVERYWHERE)])
            .put(houses(), form);
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 80, &everyone().denied("red/*", "*"));
        }
    }
}

#[test]
fn an_accept_by_labels_before_the_denial_of_all_networks() {
    let rules = [
        accept(
            "[{pods: {namespaceSelector: {matchLabels: {house: green}}, podSelector: {matchLabels: {house: green}}}}]",
        ),
        deny(EVERYWHERE),
    ];
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(Egress, rules.clone())
            .put(houses(), form);
        let closed = everyone().denied("red/*", "*").allowed("red/*", "green/*");
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 53, &closed);
        }
    }
}

#[test]
fn an_accept_of_two_addresses_before_the_denial_of_all_networks() {
    let only = |family| {
        ["blue/pod-0", "yellow/pod-0"]
            .map(|pod| format!("'{}'", houses().block_of(pod, family)))
            .join(", ")
    };
    let (v4, v6) = (only(Family::V4), only(Family::V6));
    let two = format!("[{{networks: [{v4}, {v6}]}}]");
    for form in ALL {
        let closed = everyone().denied("red/*", "*");
        let open = of_house("of-red", "red")
            .rules(Egress, [accept(&two), deny(EVERYWHERE)])
            .put(houses(), form);
        open.expect(
            Tcp,
            80,
            &closed
                .clone()
                .allowed("red/*", "blue/pod-0")
                .allowed("red/*", "yellow/pod-0"),
        );
        of_house("of-red", "red")
            .rules(Egress, [deny(EVERYWHERE), accept(&two)])
            .put(houses(), form)
            .expect(Tcp, 80, &closed);
    }
}

#[test]
fn all_pods_passed_before_the_denial_of_all_networks() {
    for form in ADMIN {
        of_house("of-red", "red")
            .rules(Egress, [pass("[{namespaces: {}}]"), deny(EVERYWHERE)])
            .put(houses(), form)
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("red/*", "*")
                    .allowed("red/*", "*/*")
                    .denied("red/*", "forest/*"),
            );
    }
}

#[test]
fn networks_of_one_ip_version_say_nothing_of_the_other() {
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny("[{networks: [0.0.0.0/0]}]")])
            .put(houses(), form);
        cluster.expect_over(Family::V4, Tcp, 80, &everyone().denied("red/*", "*"));
        cluster.expect_over(Family::V6, Tcp, 80, &everyone());
    }
}

#[test]
fn networks_with_ports() {
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(
                Egress,
                [
                    accept(EVERYWHERE).on_range(Tcp, 8000, 9000),
                    deny(EVERYWHERE).on_range(Tcp, 1, 65535),
                ],
            )
            .put(houses(), form);
        cluster.expect(Tcp, 8080, &everyone());
        cluster.expect(Tcp, 80, &everyone().denied("red/*", "*"));
        cluster.expect(Udp, 80, &everyone());
    }
}

#[test]
fn networks_without_ports_cover_icmp_too() {
    const ICMP: Protocol = Protocol::Other(1);
    const ICMP_V6: Protocol = Protocol::Other(58);
    for form in ALL {
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny(EVERYWHERE)])
            .put(houses(), form);
        let closed = everyone().denied("red/*", "*");
        cluster.expect_over(Family::V4, ICMP, 0, &closed);
        cluster.expect_over(Family::V6, ICMP_V6, 0, &closed);
        // A rule with ports is for their protocols alone.
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny(EVERYWHERE).on_range(Tcp, 1, 65535)])
            .put(houses(), form);
        cluster.expect_over(Family::V4, ICMP, 0, &everyone());
    }
}
