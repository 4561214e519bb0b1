//! `nodes` as peers of egress rules, and pods in a node's network.

use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};
use netpol_policy::verdict::Direction::{Egress, Ingress};

use super::form::{ADMIN, ALL, BASELINE, accept, deny, of_house, pass};
use super::{WITH_PORTS, houses};
use crate::support::reachability::everyone;

const LINUX_NODES: &str = "[{nodes: {matchLabels: {kubernetes.io/os: linux}}}]";

/// A house, the nodes, and all addresses there are.
const GREEN_AND_NODES_AND_EVERYWHERE: &str = "[
    {pods: {namespaceSelector: {matchLabels: {house: green}}, podSelector: {matchLabels: {house: green}}}},
    {nodes: {matchLabels: {kubernetes.io/os: linux}}}, {networks: [0.0.0.0/0, '::/0']}]";

#[test]
fn accept_and_pass_of_some_ports_on_nodes_before_a_deny_of_all() {
    for form in ADMIN {
        let cluster = of_house("of-red", "red")
            .rules(
                Egress,
                [
                    accept(LINUX_NODES).on(Tcp, 36363),
                    pass(LINUX_NODES).on(Udp, 34345),
                    deny(GREEN_AND_NODES_AND_EVERYWHERE),
                ],
            )
            .put(houses(), form);
        let closed = everyone().denied("red/*", "*");
        let nodes = closed
            .clone()
            .allowed("red/*", "node/n1")
            .allowed("red/*", "forest/centaur");
        cluster.expect(Tcp, 36363, &nodes);
        cluster.expect(Udp, 34345, &nodes);
        cluster.expect(Tcp, 36364, &closed);
        cluster.expect(Udp, 34346, &closed);
        cluster.expect(Sctp, 36363, &closed);
    }
}

#[test]
fn a_range_of_ports_on_nodes_before_a_deny_of_all() {
    for form in BASELINE {
        let cluster = of_house("of-red", "red")
            .rules(
                Egress,
                [
                    accept(LINUX_NODES).on_range(Tcp, 36363, 36364),
                    deny(GREEN_AND_NODES_AND_EVERYWHERE),
                ],
            )
            .put(houses(), form);
        let closed = everyone().denied("red/*", "*");
        let nodes = closed
            .clone()
            .allowed("red/*", "node/n1")
            .allowed("red/*", "forest/centaur");
        cluster.expect(Tcp, 36363, &nodes);
        cluster.expect(Tcp, 36364, &nodes);
        cluster.expect(Tcp, 36365, &closed);
        cluster.expect(Udp, 36363, &closed);
    }
}

#[test]
fn nodes_are_selected_by_their_own_labels() {
    for form in ALL {
        let cluster = houses().node("n2", "{kubernetes.io/os: windows}");
        of_house("of-red", "red")
            .rules(Egress, [deny(LINUX_NODES)])
            .put(cluster.clone(), form)
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("red/*", "node/n1")
                    .denied("red/*", "forest/centaur"),
            );
        of_house("of-red", "red")
            .rules(Egress, [deny("[{nodes: {}}]")])
            .put(cluster, form)
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("red/*", "node/*")
                    .denied("red/*", "forest/centaur"),
            );
    }
}

#[test]
fn pods_in_a_nodes_network_are_neither_subjects_nor_selected() {
    for form in ALL {
        let cluster = of_house("of-forest", "forest")
            .rules(Ingress, [deny("[{namespaces: {}}]")])
            .rules(Egress, [deny("[{namespaces: {}}]")])
            .put(houses(), form);
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 80, &everyone());
        }
        of_house("of-red", "red")
            .rules(Ingress, [deny("[{namespaces: {matchLabels: {house: forest}}}]")])
            .rules(
                Egress,
                [deny("[{pods: {namespaceSelector: {}, podSelector: {matchLabels: {house: forest}}}}]")],
            )
            .put(houses(), form)
            .expect(Tcp, 80, &everyone());
    }
}
