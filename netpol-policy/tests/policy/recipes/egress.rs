//! Recipes for what an application reaches.

use netpol_policy::model::Protocol::{Tcp, Udp};

use crate::support::cluster::Cluster;
use crate::support::reachability::{Reachability, everyone};

/// An application, its neighbour, another namespace, and the cluster's DNS.
fn foo() -> Cluster {
    Cluster::default()
        .namespace("default", "{}")
        .namespace("other", "{}")
        .namespace("kube-system", "{}")
        .pod("default/foo", "{app: foo}")
        .pod("default/bar", "{app: bar}")
        .pod("other/pod", "{}")
        .pod("kube-system/dns", "{k8s-app: kube-dns}")
        .pod("kube-system/metrics", "{k8s-app: metrics-server}")
}

/// Pods of `foo` reach nobody.
fn foo_is_closed() -> Reachability {
    everyone().denied("default/foo", "*")
}

/// One rule, to the cluster's DNS alone.
const TO_DNS: &str = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}},
    podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}";

fn of_foo(rules: &str) -> String {
    format!(
        "{{podSelector: {{matchLabels: {{app: foo}}}}, policyTypes: [Egress], egress: [{rules}]}}"
    )
}

#[test]
fn recipe_11_deny_egress_traffic_from_an_application() {
    let cluster = foo().policy("default/foo-deny-egress", &of_foo(""));
    cluster.expect(Tcp, 80, &foo_is_closed());
    cluster.expect(Udp, 53, &foo_is_closed());
}

#[test]
fn recipe_11_deny_egress_traffic_from_an_application_but_dns() {
    let cluster = foo().policy("default/foo-deny-egress", &of_foo(TO_DNS));
    let dns = foo_is_closed().allowed("default/foo", "kube-system/dns");
    cluster.expect(Udp, 53, &dns);
    cluster.expect(Tcp, 53, &dns);
    cluster.expect(Tcp, 80, &foo_is_closed());
}

#[test]
fn recipe_12_deny_all_traffic_from_a_namespace_that_no_policy_allows() {
    foo()
        .policy(
            "default/default-deny-all-egress",
            "{podSelector: {}, policyTypes: [Egress], egress: []}",
        )
        .expect(Tcp, 80, &everyone().denied("default/*", "*"));
}

#[test]
fn recipe_14_deny_external_egress_traffic() {
    let cluster = foo().policy("default/foo-deny-external-egress", &of_foo(TO_DNS));
    let dns = foo_is_closed().allowed("default/foo", "kube-system/dns");
    cluster.expect(Udp, 53, &dns);
    cluster.expect(Tcp, 443, &foo_is_closed());
}

#[test]
fn recipe_14_deny_external_egress_traffic_and_allow_all_pods() {
    let rules = format!("{{to: [{{namespaceSelector: {{}}}}]}}, {TO_DNS}");
    let cluster = foo().policy("default/foo-deny-external-egress", &of_foo(&rules));
    let inside = everyone().denied("default/foo", "outside");
    cluster.expect(Tcp, 443, &inside);
    cluster.expect(Udp, 53, &inside);
}

#[test]
fn dns_by_port_alone_is_dns_of_everybody() {
    let cluster = foo().policy(
        "default/dns",
        &of_foo("{ports: [{port: 53, protocol: UDP}, {port: 53}]}"),
    );
    cluster.expect(Udp, 53, &everyone());
    cluster.expect(Tcp, 53, &everyone());
    cluster.expect(Tcp, 443, &foo_is_closed());
}

#[test]
fn the_world_and_not_the_cluster() {
    let rules = "{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.168.0.0/16]}},
                       {ipBlock: {cidr: '::/0', except: ['fd00::/8']}}]}";
    foo()
        .node("n1", "{}")
        .policy("default/outside-only", &of_foo(rules))
        .expect(Tcp, 443, &foo_is_closed().allowed("default/foo", "outside"));
}

#[test]
fn deny_everything_in_a_namespace_then_open_one_path() {
    let cluster = foo()
        .policy(
            "default/deny",
            "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        )
        .policy(
            "default/bar-from-foo",
            "{podSelector: {matchLabels: {app: bar}},
              ingress: [{from: [{podSelector: {matchLabels: {app: foo}}}], ports: [{port: 5432}]}]}",
        );
    let closed = everyone().denied("*", "default/*").denied("default/*", "*");
    // Ingress at the one end is not enough.
    cluster.expect(Tcp, 5432, &closed);
    let open = cluster.policy(
        "default/foo-to-bar",
        &of_foo("{to: [{podSelector: {matchLabels: {app: bar}}}], ports: [{port: 5432}]}"),
    );
    open.expect(
        Tcp,
        5432,
        &closed.clone().allowed("default/foo", "default/bar"),
    );
    open.expect(Tcp, 22, &closed);
    open.expect(Udp, 5432, &closed);
}
