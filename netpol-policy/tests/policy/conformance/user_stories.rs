//! The user stories that the API was made for, in both versions of it.

use netpol_policy::model::Protocol::{Tcp, Udp};
use netpol_policy::verdict::Direction::{Egress, Ingress};

use super::form::{ADMIN, ALL, BASELINE, accept, deny, of_subject, pass};
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

const EVERY_POD: &str = "{namespaces: {}}";
const ALL_PODS: &str = "[{namespaces: {}}]";

/// Namespaces of tenants foo and bar, a sensitive one, one that monitors, and the cluster's own.
fn tenants() -> Cluster {
    Cluster::default()
        .namespace("sensitive", "{}")
        .namespace("monitoring", "{}")
        .namespace("kube-system", "{}")
        .namespace("foo-1", "{tenant: foo}")
        .namespace("foo-2", "{tenant: foo}")
        .namespace("bar-1", "{tenant: bar}")
        .pod("sensitive/vault", "{}")
        .pod("monitoring/agent", "{}")
        .pod("kube-system/dns", "{app: kube-dns}")
        .pod("foo-1/pod", "{}")
        .pod("foo-2/pod", "{}")
        .pod("bar-1/pod", "{}")
        .pod_with_ports(
            "bar-1/public",
            "{app: public}",
            "[{name: web-alt, containerPort: 8443}]",
        )
}

#[test]
fn story_1_deny_traffic_at_a_cluster_level() {
    for form in ALL {
        let sensitive = "{namespaces: {matchLabels: {kubernetes.io/metadata.name: sensitive}}}";
        let cluster = of_subject("deny", sensitive)
            .rules(Ingress, [deny("[{namespaces: {matchLabels: {}}}]")])
            .put(tenants(), form);
        // All pods, of its own namespace too; not those who are no pods.
        cluster.pod("sensitive/neighbour", "{}").expect(
            Tcp,
            80,
            &everyone().denied("*/*", "sensitive/*"),
        );
    }
}

#[test]
fn story_2_allow_traffic_at_a_cluster_level() {
    let monitoring = "[{namespaces: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]";
    let dns =
        "[{pods: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}},
                        podSelector: {matchLabels: {app: kube-dns}}}}]";
    let isolated = "{podSelector: {}, policyTypes: [Ingress, Egress]}";
    for form in ADMIN {
        let cluster = of_subject("allow", EVERY_POD)
            .rules(Ingress, [accept(monitoring)])
            .rules(Egress, [accept(dns)])
            .put(tenants().policy("foo-1/isolated", isolated), form);
        // What a NetworkPolicy isolates, monitoring reaches all the same, and it reaches DNS.
        let table = everyone()
            .denied("*", "foo-1/*")
            .denied("foo-1/*", "*")
            .allowed("monitoring/*", "foo-1/*")
            .allowed("foo-1/*", "kube-system/dns");
        cluster.expect(Tcp, 80, &table);
        // Accept at one end does not stand for the other.
        cluster.policy("kube-system/isolated", isolated).expect(
            Udp,
            53,
            &table
                .denied("*", "kube-system/*")
                .denied("kube-system/*", "*")
                .allowed("monitoring/*", "kube-system/*"),
        );
    }
}

#[test]
fn story_3_delegate_traffic_to_network_policy() {
    let public = "[{pods: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bar-1}},
                           podSelector: {matchLabels: {app: public}}}}]";
    for form in ADMIN {
        let delegated = of_subject("delegate", EVERY_POD)
            .rules(
                Egress,
                [
                    pass(public).on(Tcp, 8080).on_name("web-alt").on(Udp, 53),
                    deny(public),
                ],
            )
            .put(tenants(), form);
        let closed = everyone().denied("*/*", "bar-1/public");
        for (protocol, port, table) in [
            (Tcp, 8080, &everyone()),
            (Tcp, 8443, &everyone()),
            (Udp, 53, &everyone()),
            (Udp, 8080, &closed),
            (Tcp, 53, &closed),
        ] {
            delegated.expect(protocol, port, table);
        }
        delegated
            .policy(
                "foo-1/no-egress",
                "{podSelector: {}, policyTypes: [Egress]}",
            )
            .expect(Tcp, 8080, &everyone().denied("foo-1/*", "*"));
    }
}

#[test]
fn story_4_isolate_tenants() {
    // A policy for each tenant: what is of the same one is left to NetworkPolicy, everything else is denied.
    for form in ADMIN {
        let cluster = ["foo", "bar"]
            .into_iter()
            .fold(tenants(), |cluster, tenant| {
                let subject = format!("{{namespaces: {{matchLabels: {{tenant: {tenant}}}}}}}");
                let same = format!("[{subject}]");
                let name = if tenant == "foo" { "of-foo" } else { "of-bar" };
                of_subject(name, &subject)
                    .rules(Ingress, [pass(&same), deny(ALL_PODS)])
                    .put(cluster, form)
            });
        let table = everyone()
            .denied("*/*", "foo-1/*")
            .denied("*/*", "foo-2/*")
            .denied("*/*", "bar-1/*")
            .allowed("foo-1/*", "foo-2/*")
            .allowed("foo-2/*", "foo-1/*")
            .allowed("bar-1/*", "bar-1/*");
        cluster.expect(Tcp, 80, &table);
        cluster
            .policy(
                "foo-2/own",
                "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}",
            )
            .expect(Tcp, 80, &table.denied("*", "foo-2/*"));
    }
}

#[test]
fn story_5_cluster_wide_guardrails_that_a_namespace_may_replace() {
    for form in BASELINE {
        let cluster = of_subject("guardrails", EVERY_POD)
            .rules(Ingress, [deny(ALL_PODS)])
            .put(tenants(), form);
        let closed = everyone().denied("*/*", "*/*");
        cluster.expect(Tcp, 80, &closed);
        cluster
            .policy(
                "foo-1/from-foo",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {tenant: foo}}}]}]}",
            )
            .expect(
                Tcp,
                80,
                &closed.allowed("foo-2/*", "foo-1/*").denied("outside", "foo-1/*"),
            );
    }
}

/// Port 80 is accepted, port 81 passed on, the rest is as NetworkPolicy and Baseline say.
#[test]
fn three_tiers_that_each_decide_a_port() {
    for (admin, baseline) in [(ADMIN[0], BASELINE[0]), (ADMIN[1], BASELINE[1])] {
        let foo = "{namespaces: {matchLabels: {tenant: foo}}}";
        let cluster = of_subject("accept-80", foo)
            .priority(1)
            .rules(Ingress, [accept(ALL_PODS).on(Tcp, 80)])
            .put(tenants(), admin);
        let cluster = of_subject("pass-81", foo)
            .priority(2)
            .rules(Ingress, [pass(ALL_PODS).on(Tcp, 81)])
            .put(cluster, admin);
        let cluster = of_subject("baseline", foo)
            .rules(Ingress, [deny(ALL_PODS)])
            .put(cluster, baseline)
            .policy("foo-1/deny", "{podSelector: {}, ingress: []}");
        // Nobody outside is a pod, so only the NetworkPolicy of foo-1 keeps them away.
        let outside = everyone().denied("outside", "foo-1/*");
        let closed = outside
            .clone()
            .denied("*/*", "foo-1/*")
            .denied("*/*", "foo-2/*");
        cluster.expect(Tcp, 80, &outside);
        cluster.expect(Tcp, 81, &closed);
        cluster.expect(Tcp, 82, &closed);
        cluster
            .without_policy("foo-1/deny")
            .expect(Tcp, 80, &everyone());
    }
}
