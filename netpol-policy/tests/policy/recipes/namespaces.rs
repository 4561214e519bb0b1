//! Recipes for namespaces: closing one, and letting others in.

use netpol_policy::model::Protocol::Tcp;

use super::web;
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

#[test]
fn recipe_03_deny_all_traffic_to_a_namespace_that_no_policy_allows() {
    web()
        .policy("default/default-deny-all", "{podSelector: {}, ingress: []}")
        .expect(Tcp, 80, &everyone().denied("*", "default/*"));
}

#[test]
fn recipe_04_deny_traffic_from_other_namespaces() {
    // `matchLabels` with nothing after it is null: every pod, as `{}`.
    for subjects in ["{}", "{matchLabels: }", "{matchLabels: null}"] {
        web()
            .policy(
                "default/deny-from-other-namespaces",
                &format!(
                    "{{podSelector: {subjects}, ingress: [{{from: [{{podSelector: {{}}}}]}}]}}"
                ),
            )
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("*", "default/*")
                    .allowed("default/*", "default/*"),
            );
    }
}

#[test]
fn recipe_05_allow_traffic_from_all_namespaces() {
    web()
        .policy("default/deny-all", "{podSelector: {}, ingress: []}")
        .policy(
            "default/web-allow-all-namespaces",
            "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "default/*")
                .allowed("*/*", "default/web"),
        );
}

#[test]
fn recipe_06_allow_traffic_from_a_namespace() {
    web()
        .policy(
            "default/web-allow-prod",
            "{podSelector: {matchLabels: {app: web}},
              ingress: [{from: [{namespaceSelector: {matchLabels: {purpose: production}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "default/web")
                .allowed("prod/*", "default/web"),
        );
}

#[test]
fn recipe_07_allow_traffic_from_some_pods_in_another_namespace() {
    Cluster::default()
        .namespace("default", "{}")
        .namespace("operations", "{team: operations}")
        .namespace("shop", "{team: shop}")
        .pod("default/web", "{app: web}")
        .pod("default/monitor", "{type: monitoring}")
        .pod("operations/monitor", "{type: monitoring}")
        .pod("operations/other", "{}")
        .pod("shop/monitor", "{type: monitoring}")
        .policy(
            "default/web-allow-monitoring",
            "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{
              namespaceSelector: {matchLabels: {team: operations}},
              podSelector: {matchLabels: {type: monitoring}}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "default/web")
                .allowed("operations/monitor", "default/web"),
        );
}
