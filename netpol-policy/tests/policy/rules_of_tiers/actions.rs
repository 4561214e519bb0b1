//! Accept, Deny and Pass, and what they do not reach.

use netpol_policy::manifest;
use netpol_policy::model::Protocol::{self, Tcp};
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, TierOutcome};

use super::{FROM_ALL, FROM_CI, SHOP, TO_EVERYWHERE, world};
use Decision::{Allowed, Denied, Unknown};

#[test]
fn rule_29_allow_and_accept_are_one_action_of_two_versions() {
    let rule = |action: &str| format!("ingress: [{{action: {action}, {FROM_CI}}}]");
    let isolated = world().policy("shop/np", "{podSelector: {}}");
    let older = isolated.clone().older_admin("older", 1, &rule("Allow"));
    let newer = isolated.admin("newer", 1, &rule("Accept"));
    assert_eq!(older.build_to_db(Tcp, 1).decision, Allowed);
    assert_eq!(newer.build_to_db(Tcp, 1).decision, Allowed);
    for (version, kind, action) in [
        ("v1alpha1", "AdminNetworkPolicy", "Accept"),
        ("v1alpha2", "ClusterNetworkPolicy", "Allow"),
    ] {
        let tier = if version == "v1alpha2" {
            "tier: Admin, "
        } else {
            ""
        };
        let read = manifest::parse(&format!(
            "{{apiVersion: policy.networking.k8s.io/{version}, kind: {kind}, metadata: {{name: p}}, spec: {{{tier}priority: 1, {SHOP}, {}}}}}",
            rule(action)
        ));
        assert_eq!(read.objects, []);
        assert_eq!(read.errors[0].field, "spec.ingress[0].action");
    }
}

#[test]
fn rule_29_pass_skips_the_rest_of_its_tier_and_no_more() {
    let cluster = world()
        .admin(
            "first",
            1,
            &format!("ingress: [{{action: Pass, {FROM_CI}}}, {{action: Deny, {FROM_CI}}}]"),
        )
        .admin(
            "second",
            2,
            &format!("ingress: [{{action: Deny, {FROM_ALL}}}]"),
        );
    let found = cluster.build_to_db(Tcp, 1);
    assert_eq!(
        (found.decision, found.decided_by),
        (Allowed, DecidedBy::Default)
    );
    let TierOutcome::Passed(by) = &found.path[0].outcome else {
        panic!("{:?}", found.path);
    };
    let by: Vec<_> = by.iter().map(|by| (&*by.policy.name, by.rule)).collect();
    assert_eq!(by, [("first", 0)]);
    let baseline = cluster.baseline(
        "baseline",
        1,
        &format!("ingress: [{{action: Deny, {FROM_ALL}}}]"),
    );
    assert_eq!(baseline.build_to_db(Tcp, 1).decision, Denied);
}

#[test]
fn rule_29_a_rule_without_ports_covers_every_protocol() {
    const ICMP: Protocol = Protocol::Other(1);
    let isolated = world().policy("shop/np", "{podSelector: {}}");
    let verdict = isolated.ask("ci/build", "shop/db", ICMP, 0);
    assert_eq!(verdict.caveats, [Caveat::ProtocolUndefined]);
    let accepted = isolated.clone().admin(
        "all",
        1,
        &format!("ingress: [{{action: Accept, {FROM_CI}}}]"),
    );
    let verdict = accepted.ask("ci/build", "shop/db", ICMP, 0);
    assert_eq!(
        (verdict.ingress.decision, verdict.caveats),
        (Allowed, vec![])
    );
    let one_port = isolated.admin(
        "tcp",
        1,
        &format!("ingress: [{{action: Accept, {FROM_CI}, protocols: [{{tcp: {{destinationPort: {{number: 80}}}}}}]}}]"),
    );
    let verdict = one_port.ask("ci/build", "shop/db", ICMP, 0);
    assert_eq!(verdict.ingress.decision, Unknown);
    let denied = world().admin(
        "none",
        1,
        &format!("ingress: [{{action: Deny, {FROM_CI}}}]"),
    );
    assert_eq!(denied.build_to_db(ICMP, 0).decision, Denied);
}

#[test]
fn rule_30_accept_on_egress_does_not_stand_for_ingress() {
    let cluster = world().policy("ci/np", "{podSelector: {}}").admin(
        "out",
        1,
        &format!("egress: [{{action: Accept, {TO_EVERYWHERE}}}]"),
    );
    let verdict = cluster.ask("shop/web", "ci/build", Tcp, 80);
    assert_eq!(
        (verdict.egress.decision, verdict.ingress.decision),
        (Allowed, Denied)
    );
    assert_eq!(verdict.decision(), Denied);
}

#[test]
fn rule_36_a_pod_reaches_itself_but_through_a_service_tiers_decide() {
    let cluster = world().admin(
        "none",
        1,
        &format!(
            "ingress: [{{action: Deny, {FROM_ALL}}}], egress: [{{action: Deny, {TO_EVERYWHERE}}}]"
        ),
    );
    let direct = cluster.ask("shop/db", "shop/db", Tcp, 5432);
    assert_eq!(direct.decision(), Allowed);
    assert_eq!(direct.egress.decided_by, DecidedBy::SelfTraffic);
    let through = cluster.through_service("shop/db", "shop/db");
    assert_eq!(
        (through.egress.decision, through.ingress.decision),
        (Denied, Denied)
    );
    assert!(!through.caveats.contains(&Caveat::SelfThroughService));
}
