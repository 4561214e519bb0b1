//! Which policy is asked, and when.

use netpol_policy::model::Protocol::Tcp;
use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DenyReason, Tier};

use super::{FROM_ALL, FROM_CI, TO_EVERYWHERE, path, world};
use Decision::{Allowed, Denied, Unknown};

#[test]
fn rule_27_the_tiers_are_asked_in_order_until_one_decides() {
    use Tier::{Admin, Baseline, NetworkPolicy};
    let rule = |action: &str| format!("ingress: [{{action: {action}, {FROM_CI}}}]");
    let (accept, deny, pass) = (rule("Accept"), rule("Deny"), rule("Pass"));
    let [accept, deny, pass] = [&accept, &deny, &pass].map(|rules| Some(rules.as_str()));
    let isolated = Some("{podSelector: {}}");
    let open = Some("{podSelector: {}, ingress: [{}]}");
    let nothing = format!(
        "ingress: [{{action: Deny, {FROM_CI}, protocols: [{{udp: {{destinationPort: {{number: 1}}}}}}]}}]"
    );
    let nothing = Some(nothing.as_str());
    let ask = |admin: Option<&str>, network_policy: Option<&str>, baseline: Option<&str>| {
        let mut cluster = world();
        if let Some(rules) = admin {
            cluster = cluster.admin("admin", 10, rules);
        }
        if let Some(spec) = network_policy {
            cluster = cluster.policy("shop/np", spec);
        }
        if let Some(rules) = baseline {
            cluster = cluster.baseline("baseline", 10, rules);
        }
        let found = cluster.build_to_db(Tcp, 5432);
        let path = path(&found);
        (found.decision, found.decided_by, path)
    };
    assert_eq!(
        ask(deny, open, accept),
        (Denied, DecidedBy::Policy, vec![(Admin, "denied")])
    );
    assert_eq!(
        ask(accept, isolated, deny),
        (Allowed, DecidedBy::Policy, vec![(Admin, "allowed")])
    );
    assert_eq!(
        ask(pass, isolated, accept),
        (
            Denied,
            DecidedBy::Policy,
            vec![(Admin, "passed"), (NetworkPolicy, "denied")]
        )
    );
    assert_eq!(
        ask(None, open, deny),
        (
            Allowed,
            DecidedBy::Policy,
            vec![(Admin, "not selected"), (NetworkPolicy, "allowed")]
        )
    );
    let to_baseline = |admin, baseline| {
        vec![
            (Admin, admin),
            (NetworkPolicy, "not selected"),
            (Baseline, baseline),
        ]
    };
    assert_eq!(
        ask(nothing, None, deny),
        (Denied, DecidedBy::Policy, to_baseline("no match", "denied"))
    );
    assert_eq!(
        ask(None, None, accept),
        (
            Allowed,
            DecidedBy::Policy,
            to_baseline("not selected", "allowed")
        )
    );
    // Selection alone isolates nothing.
    assert_eq!(
        ask(nothing, None, nothing),
        (
            Allowed,
            DecidedBy::Default,
            to_baseline("no match", "no match")
        )
    );
}

#[test]
fn rule_27_lower_numbers_go_first_and_the_first_rule_that_matches_decides() {
    let cluster = world()
        .admin("last", 1000, &format!("ingress: [{{action: Deny, {FROM_ALL}}}]"))
        .admin(
            "first",
            0,
            &format!(
                "ingress: [{{action: Deny, {FROM_CI}, protocols: [{{tcp: {{destinationPort: {{number: 1}}}}}}]}},
                           {{action: Accept, {FROM_CI}}}, {{action: Deny, {FROM_CI}}}]"
            ),
        );
    let found = cluster.build_to_db(Tcp, 5432);
    let by: Vec<_> = found
        .allowed_by
        .iter()
        .map(|by| (&*by.policy.name, by.rule, by.peer, by.port))
        .collect();
    assert_eq!(by, [("first", 1, Some(0), None)]);
    let found = cluster.build_to_db(Tcp, 1);
    assert_eq!(found.decision, Denied);
    let denial = &found.denied_by[0];
    assert_eq!(denial.reason, DenyReason::ExplicitDeny);
    let by: Vec<_> = denial
        .rules
        .iter()
        .map(|by| (&*by.policy.name, by.rule, by.peer, by.port))
        .collect();
    assert_eq!(by, [("first", 0, Some(0), Some(0))]);
    // Another pod of shop is matched by the later policy alone.
    let found = cluster.ask("shop/web", "shop/db", Tcp, 5432).ingress;
    assert_eq!(&*found.denied_by[0].policy.name, "last");
}

#[test]
fn rule_28_equal_priorities_are_unknown_unless_all_choices_agree() {
    let rule = |action: &str| format!("ingress: [{{action: {action}, {FROM_CI}}}]");
    let isolated = Some("{podSelector: {}}");
    for (one, other, network_policy, decision) in [
        ("Accept", "Deny", None, Unknown),
        ("Deny", "Accept", None, Unknown),
        ("Deny", "Deny", None, Denied),
        ("Accept", "Accept", isolated, Allowed),
        ("Pass", "Deny", None, Unknown),
        ("Pass", "Deny", isolated, Denied),
        ("Pass", "Accept", None, Allowed),
        ("Pass", "Accept", isolated, Unknown),
    ] {
        let mut cluster = world()
            .admin("one", 5, &rule(one))
            .admin("other", 5, &rule(other));
        if let Some(spec) = network_policy {
            cluster = cluster.policy("shop/np", spec);
        }
        let verdict = cluster.ask("ci/build", "shop/db", Tcp, 5432);
        let case = format!("{one} {other} {network_policy:?}");
        assert_eq!(verdict.ingress.decision, decision, "{case}");
        let is_told = verdict.caveats.contains(&Caveat::EqualPriority);
        assert!(is_told || decision != Unknown, "{case}");
    }
}

#[test]
fn rule_28_only_policies_that_both_match_are_undefined() {
    let from_ci = format!("ingress: [{{action: Deny, {FROM_CI}}}]");
    let from_shop =
        "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {team: shop}}}]}]";
    let cluster = world()
        .admin("one", 5, &from_ci)
        .admin("other", 5, from_shop);
    for (from, decision) in [("ci/build", Denied), ("shop/web", Allowed)] {
        let verdict = cluster.ask(from, "shop/db", Tcp, 1);
        assert_eq!(
            (verdict.ingress.decision, verdict.caveats),
            (decision, vec![]),
            "{from}"
        );
    }
    // A lower number decides before the two are asked.
    let decided = world()
        .admin(
            "first",
            4,
            &format!("ingress: [{{action: Accept, {FROM_CI}}}]"),
        )
        .admin("one", 5, &from_ci)
        .admin("two", 5, &format!("ingress: [{{action: Pass, {FROM_CI}}}]"));
    let verdict = decided.ask("ci/build", "shop/db", Tcp, 1);
    assert_eq!((verdict.decision(), verdict.caveats), (Allowed, vec![]));
}

#[test]
fn rule_28_holds_between_the_versions_of_the_api() {
    let deny = format!("ingress: [{{action: Deny, {FROM_CI}}}]");
    let (allow, accept) = (
        format!("ingress: [{{action: Allow, {FROM_CI}}}]"),
        format!("ingress: [{{action: Accept, {FROM_CI}}}]"),
    );
    let admin = world()
        .older_admin("older", 5, &allow)
        .admin("newer", 5, &deny);
    let verdict = admin.ask("ci/build", "shop/db", Tcp, 1);
    assert_eq!(
        (verdict.decision(), verdict.caveats),
        (Unknown, vec![Caveat::EqualPriority])
    );
    let apart = world()
        .older_admin("older", 5, &allow)
        .admin("newer", 6, &deny);
    assert_eq!(apart.build_to_db(Tcp, 1).decision, Allowed);
    // BaselineAdminNetworkPolicy has no priority, so nobody knows on which side of another policy it stands.
    let baseline = world().older_baseline(&deny).baseline("newer", 5, &accept);
    assert_eq!(baseline.build_to_db(Tcp, 1).decision, Unknown);
    let agreed = world().older_baseline(&deny).baseline("newer", 5, &deny);
    assert_eq!(agreed.build_to_db(Tcp, 1).decision, Denied);
}

#[test]
fn rule_37_selection_for_egress_does_not_keep_ingress_from_baseline() {
    let deny = format!(
        "ingress: [{{action: Deny, {FROM_ALL}}}], egress: [{{action: Deny, {TO_EVERYWHERE}}}]"
    );
    let (denied, open) = (
        (Denied, (Tier::Baseline, "denied")),
        (Allowed, (Tier::NetworkPolicy, "allowed")),
    );
    for (types, into, out) in [
        ("[Egress]", denied, open),
        ("[Ingress]", open, denied),
        ("[Ingress, Egress]", open, open),
    ] {
        for cluster in [
            world().baseline("b", 1, &deny),
            world().older_baseline(&deny),
        ] {
            let cluster = cluster.policy(
                "shop/np",
                &format!("{{podSelector: {{matchLabels: {{app: db}}}}, policyTypes: {types}, ingress: [{{}}], egress: [{{}}]}}"),
            );
            let egress = cluster.ask("shop/db", "ci/build", Tcp, 80).egress;
            for (found, (decision, last)) in [(cluster.build_to_db(Tcp, 5432), into), (egress, out)]
            {
                assert_eq!(found.decision, decision, "{types}");
                assert_eq!(path(&found).last(), Some(&last), "{types}");
            }
        }
    }
}
