//! Recipes for what reaches an application.

use netpol_policy::model::Protocol::{Tcp, Udp};

use super::web;
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

#[test]
fn recipe_01_deny_all_traffic_to_an_application() {
    web()
        .policy(
            "default/web-deny-all",
            "{podSelector: {matchLabels: {app: web}}, ingress: []}",
        )
        .expect(Tcp, 80, &everyone().denied("*", "default/web"));
}

/// The pods of a shop: all of one application but the last.
fn bookstore() -> Cluster {
    Cluster::default()
        .namespace("default", "{}")
        .namespace("elsewhere", "{}")
        .pod("default/api", "{app: bookstore, role: api}")
        .pod("default/frontend", "{app: bookstore, role: frontend}")
        .pod("default/search", "{app: bookstore, role: search}")
        .pod("default/db", "{app: bookstore, role: db}")
        .pod("default/inventory", "{app: inventory, role: web}")
        .pod("default/stranger", "{app: other}")
        .pod("elsewhere/frontend", "{app: bookstore, role: frontend}")
}

#[test]
fn recipe_02_limit_traffic_to_an_application() {
    bookstore()
        .policy(
            "default/api-allow",
            "{podSelector: {matchLabels: {app: bookstore, role: api}},
              ingress: [{from: [{podSelector: {matchLabels: {app: bookstore}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "default/api")
                .allowed("default/frontend", "default/api")
                .allowed("default/search", "default/api")
                .allowed("default/db", "default/api"),
        );
}

#[test]
fn recipe_02a_allow_all_traffic_to_an_application() {
    let denied = web().policy("default/deny-all", "{podSelector: {}, ingress: []}");
    let closed = everyone().denied("*", "default/*");
    denied.expect(Tcp, 80, &closed);
    for rules in ["[{}]", "[{from: []}]", "[{from: [], ports: []}]"] {
        denied
            .clone()
            .policy(
                "default/web-allow-all",
                &format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: {rules}}}"),
            )
            .expect(Tcp, 80, &closed.clone().allowed("*", "default/web"));
    }
}

#[test]
fn recipe_08_allow_external_traffic() {
    let denied = web().policy("default/deny-all", "{podSelector: {}, ingress: []}");
    let closed = everyone().denied("*", "default/*");
    let open = closed.clone().allowed("*", "default/web");
    denied
        .clone()
        .policy(
            "default/web-allow-external",
            "{podSelector: {matchLabels: {app: web}}, ingress: [{}]}",
        )
        .expect(Tcp, 80, &open);
    let one_port = denied.policy(
        "default/web-allow-external",
        "{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}",
    );
    one_port.expect(Tcp, 80, &open);
    one_port.expect(Tcp, 443, &closed);
    one_port.expect(Udp, 80, &closed);
}

#[test]
fn recipe_09_allow_traffic_only_to_a_port() {
    for port in ["5000", "api"] {
        let cluster = Cluster::default()
            .namespace("default", "{}")
            .pod_with_ports(
                "default/apiserver",
                "{app: apiserver}",
                "[{name: api, containerPort: 5000}, {name: metrics, containerPort: 1001}]",
            )
            .pod("default/monitoring", "{role: monitoring}")
            .pod("default/other", "{role: other}")
            .policy(
                "default/api-allow-5000",
                &format!(
                    "{{podSelector: {{matchLabels: {{app: apiserver}}}}, ingress: [{{
                      ports: [{{port: {port}}}], from: [{{podSelector: {{matchLabels: {{role: monitoring}}}}}}]}}]}}"
                ),
            );
        let closed = everyone().denied("*", "default/apiserver");
        cluster.expect(
            Tcp,
            5000,
            &closed
                .clone()
                .allowed("default/monitoring", "default/apiserver"),
        );
        cluster.expect(Tcp, 1001, &closed);
    }
}

#[test]
fn recipe_10_allow_traffic_with_multiple_selectors() {
    bookstore()
        .policy(
            "default/db-allow-services",
            "{podSelector: {matchLabels: {app: bookstore, role: db}}, ingress: [{from: [
              {podSelector: {matchLabels: {app: bookstore, role: search}}},
              {podSelector: {matchLabels: {app: bookstore, role: api}}},
              {podSelector: {matchLabels: {app: inventory, role: web}}}]}]}",
        )
        .expect(
            Tcp,
            6379,
            &everyone()
                .denied("*", "default/db")
                .allowed("default/search", "default/db")
                .allowed("default/api", "default/db")
                .allowed("default/inventory", "default/db"),
        );
}
