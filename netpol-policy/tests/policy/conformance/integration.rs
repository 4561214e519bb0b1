//! The three tiers together: Admin before NetworkPolicy before Baseline.

use netpol_policy::model::Protocol::Tcp;
use netpol_policy::verdict::Direction::{Egress, Ingress};

use super::form::{Form, Rule, accept, deny, of_house, pass};
use super::{house, houses};
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

/// The tiers of both versions of the API.
const TIERS: [(Form, Form); 2] = [
    (Form::AdminNetworkPolicy, Form::BaselineAdminNetworkPolicy),
    (
        Form::ClusterNetworkPolicyOfAdmin,
        Form::ClusterNetworkPolicyOfBaseline,
    ),
];

/// Red in all three tiers: the Admin tier does this with green, NetworkPolicy allows green alone, Baseline denies it.
fn three_tiers((admin, baseline): (Form, Form), ingress: &Rule, egress: &Rule) -> Cluster {
    let cluster = houses().policy(
        "red/allow-green",
        "{podSelector: {}, policyTypes: [Ingress, Egress],
          ingress: [{from: [{namespaceSelector: {matchLabels: {house: green}}}]}],
          egress: [{to: [{namespaceSelector: {matchLabels: {house: green}}}]}]}",
    );
    let cluster = of_house("admin", "red")
        .rules(Ingress, [ingress.clone()])
        .rules(Egress, [egress.clone()])
        .put(cluster, admin);
    of_house("baseline", "red")
        .rules(Ingress, [deny(&house("green"))])
        .rules(Egress, [deny(&house("green"))])
        .put(cluster, baseline)
}

#[test]
fn what_the_admin_tier_denies_network_policy_cannot_allow() {
    let green = house("green");
    for tiers in TIERS {
        three_tiers(tiers, &deny(&green), &deny(&green)).expect(
            Tcp,
            80,
            &everyone().denied("*", "red/*").denied("red/*", "*"),
        );
    }
}

#[test]
fn what_the_admin_tier_passes_network_policy_decides() {
    let green = house("green");
    for tiers in TIERS {
        let closed = everyone().denied("*", "red/*").denied("red/*", "*");
        let into = three_tiers(tiers, &pass(&green), &deny(&green));
        into.expect(Tcp, 80, &closed.clone().allowed("green/*", "red/*"));
        let both = three_tiers(tiers, &pass(&green), &pass(&green));
        both.expect(
            Tcp,
            80,
            &closed
                .allowed("green/*", "red/*")
                .allowed("red/*", "green/*"),
        );
    }
}

#[test]
fn without_a_network_policy_baseline_decides_what_was_passed() {
    let green = house("green");
    for tiers in TIERS {
        three_tiers(tiers, &pass(&green), &pass(&green))
            .without_policy("red/allow-green")
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("green/*", "red/*")
                    .denied("red/*", "green/*"),
            );
    }
}

#[test]
fn what_the_admin_tier_accepts_neither_of_the_others_denies() {
    for tiers in TIERS {
        let blue = house("blue");
        three_tiers(tiers, &accept(&blue), &accept(&blue)).expect(
            Tcp,
            80,
            &everyone()
                .denied("*", "red/*")
                .denied("red/*", "*")
                // By the Admin tier; the pods of green by NetworkPolicy, before Baseline is asked.
                .allowed("blue/*", "red/*")
                .allowed("red/*", "blue/*")
                .allowed("green/*", "red/*")
                .allowed("red/*", "green/*"),
        );
    }
}

#[test]
fn a_network_policy_keeps_what_it_isolates_from_baseline() {
    for (_, baseline) in TIERS {
        let cluster = of_house("baseline", "red")
            .rules(Ingress, [accept(&house("blue")), deny(&house("green"))])
            .put(houses(), baseline);
        cluster.expect(Tcp, 80, &everyone().denied("green/*", "red/*"));
        // What Baseline accepts is denied, what it denies is allowed.
        cluster
            .policy(
                "red/allow-green",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {house: green}}}]}]}",
            )
            .expect(
                Tcp,
                80,
                &everyone().denied("*", "red/*").allowed("green/*", "red/*"),
            );
    }
}

#[test]
fn pods_that_no_network_policy_selects_still_reach_baseline() {
    for (_, baseline) in TIERS {
        let cluster = houses()
            .relabelled("red/pod-0", "{house: red, open: 'true'}")
            .policy(
                "red/open",
                "{podSelector: {matchLabels: {open: 'true'}}, ingress: [{}]}",
            );
        of_house("baseline", "red")
            .rules(Ingress, [deny("[{namespaces: {}}]")])
            .put(cluster, baseline)
            .expect(
                Tcp,
                80,
                &everyone()
                    .denied("*/*", "red/pod-1")
                    .allowed("forest/*", "red/*"),
            );
    }
}

#[test]
fn pass_in_the_baseline_tier_leaves_the_default() {
    let green = house("green");
    let form = Form::ClusterNetworkPolicyOfBaseline;
    let passing = of_house("pass", "red")
        .priority(1)
        .rules(Ingress, [pass(&green)])
        .put(houses(), form);
    of_house("deny", "red")
        .priority(2)
        .rules(Ingress, [deny(&green), deny(&house("blue"))])
        .put(passing, form)
        .expect(Tcp, 80, &everyone().denied("blue/*", "red/*"));
}
