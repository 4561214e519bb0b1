//! The examples of the Kubernetes documentation.

use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};

use super::web;
use crate::support::cluster::{Cluster, Family};
use crate::support::reachability::everyone;

#[test]
fn default_deny_all_ingress() {
    web()
        .policy(
            "default/default-deny-ingress",
            "{podSelector: {}, policyTypes: [Ingress]}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "default/*"));
}

#[test]
fn allow_all_ingress_whatever_else_denies() {
    web()
        .policy(
            "default/default-deny-ingress",
            "{podSelector: {}, policyTypes: [Ingress]}",
        )
        .policy(
            "default/allow-all-ingress",
            "{podSelector: {}, ingress: [{}], policyTypes: [Ingress]}",
        )
        .expect(Tcp, 80, &everyone());
}

#[test]
fn default_deny_all_egress() {
    web()
        .policy(
            "default/default-deny-egress",
            "{podSelector: {}, policyTypes: [Egress]}",
        )
        .expect(Tcp, 80, &everyone().denied("default/*", "*"));
}

#[test]
fn allow_all_egress_leaves_ingress_as_it_was() {
    web()
        .policy(
            "default/default-deny-all",
            "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        )
        .policy(
            "default/allow-all-egress",
            "{podSelector: {}, egress: [{}], policyTypes: [Egress]}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "default/*"));
}

/// A database reached from one namespace, one application or one network; it reaches one subnet on one port.
#[test]
fn the_database_of_three_peers_and_one_subnet() {
    let cluster = Cluster::default()
        .namespace("default", "{}")
        .namespace("myproject", "{project: myproject}")
        .namespace("else", "{}")
        .pod("default/db", "{role: db}")
        .pod("default/frontend", "{role: frontend}")
        .pod("default/other", "{}")
        .pod("myproject/any", "{}")
        .pod("else/frontend", "{role: frontend}")
        .policy(
            "default/db",
            "{podSelector: {matchLabels: {role: db}}, policyTypes: [Ingress, Egress],
              ingress: [{from: [
                {ipBlock: {cidr: 203.0.0.0/16, except: [203.0.114.0/24]}},
                {namespaceSelector: {matchLabels: {project: myproject}}},
                {podSelector: {matchLabels: {role: frontend}}}],
                ports: [{protocol: TCP, port: 6379}]}],
              egress: [{to: [{ipBlock: {cidr: 10.0.2.0/24}}], ports: [{protocol: TCP, port: 5978}]}]}",
        );
    let closed = everyone()
        .denied("*", "default/db")
        .denied("default/db", "*");
    cluster.expect_over(
        Family::V4,
        Tcp,
        6379,
        &closed
            .clone()
            .allowed("default/frontend", "default/db")
            .allowed("myproject/any", "default/db")
            .allowed("outside", "default/db"),
    );
    // 10.0.2.0/24 is where the pods of myproject are.
    cluster.expect_over(
        Family::V4,
        Tcp,
        5978,
        &closed.clone().allowed("default/db", "myproject/any"),
    );
    cluster.expect_over(Family::V4, Tcp, 80, &closed);
}

#[test]
fn a_range_of_ports_to_a_block() {
    let cluster = Cluster::default()
        .namespace("default", "{}")
        .pod("default/db", "{role: db}")
        .policy(
            "default/multi-port-egress",
            "{podSelector: {matchLabels: {role: db}}, policyTypes: [Egress], egress: [{
              to: [{ipBlock: {cidr: 203.0.113.0/24}}, {ipBlock: {cidr: '2001:db8::/32'}}],
              ports: [{protocol: TCP, port: 32000, endPort: 32768}]}]}",
        );
    let closed = everyone().denied("default/db", "outside");
    for (port, table) in [
        (31999, &closed),
        (32000, &everyone()),
        (32768, &everyone()),
        (32769, &closed),
    ] {
        cluster.expect(Tcp, port, table);
        cluster.expect(Udp, port, &closed);
        cluster.expect(Sctp, port, &closed);
    }
}

#[test]
fn several_namespaces_by_their_names() {
    web()
        .policy(
            "default/from-two",
            "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchExpressions:
              [{key: kubernetes.io/metadata.name, operator: In, values: [prod, dev]}]}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "default/web")
                .allowed("prod/*", "default/web")
                .allowed("dev/*", "default/web"),
        );
}
