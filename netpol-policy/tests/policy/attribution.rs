//! Which rules and policies a verdict names, and what is left open.

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{
    Caveat, Decision, Denial, DenyReason, Direction, PolicyKind, RuleRef, TierOutcome,
};

use crate::support::{World, outside};
use Decision::{Allowed, Denied, Unknown};

#[test]
fn the_nearest_rule_misses_by_the_fewest_conditions() {
    let world = World::with(&["{ingress: [
        {from: [{namespaceSelector: {matchLabels: {team: database, env: prod}}, podSelector: {matchLabels: {app: x}}}]},
        {from: [{namespaceSelector: {matchLabels: {team: database}}}], ports: [{port: 5432}]}]}"]);
    let verdict = world.tcp("ci/build", "prod/db", 5432);
    let denial = &verdict.ingress.denied_by[0];
    let nearest = denial.nearest.as_ref().unwrap();
    assert_eq!(denial.reason, DenyReason::PeerNotSelected);
    assert_eq!(
        (nearest.rule.direction, nearest.rule.rule, nearest.rule.peer),
        (Direction::Ingress, 1, Some(0))
    );
    assert_eq!(nearest.wants, ["namespace team=database"]);
}

#[test]
fn a_rule_that_includes_the_peer_makes_it_a_matter_of_ports() {
    let world = World::with(&["{ingress: [
        {from: [{podSelector: {matchLabels: {app: other}}}]},
        {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}"]);
    let verdict = world.tcp("prod/web", "prod/db", 22);
    let denial = &verdict.ingress.denied_by[0];
    assert_eq!(denial.reason, DenyReason::PortMismatch);
    assert_eq!(denial.nearest.as_ref().unwrap().wants, ["TCP port 5432"]);
}

#[test]
fn rule_3_policies_are_a_union_and_every_rule_that_allows_is_named() {
    let world = World::with(&[
        "{podSelector: {}, policyTypes: [Ingress]}",
        "{ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {}}], ports: [{port: 5432}]}, {}]}",
    ]);
    let verdict = world.tcp("prod/web", "prod/db", 5432);
    let named: Vec<_> = verdict
        .ingress
        .allowed_by
        .iter()
        .map(|by| (&*by.policy.name, by.rule, by.peer, by.port))
        .collect();
    assert_eq!(
        named,
        [
            ("p1", 0, Some(0), Some(0)),
            ("p1", 0, Some(1), Some(0)),
            ("p1", 1, None, None)
        ]
    );
    assert!(verdict.ingress.denied_by.is_empty());
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let stranger = || End::Unknown("10.1.0.99".parse().unwrap());
    for (rule, expected) in [
        ("{from: [{podSelector: {}}]}", Unknown),
        ("{}", Allowed),
        ("{from: [{podSelector: {}}], ports: [{port: 81}]}", Denied),
    ] {
        let world = World::with(&[&format!("{{ingress: [{rule}]}}")]);
        let verdict = world.ask(stranger(), world.pod("prod/db"), Protocol::Tcp, 80);
        assert_eq!(verdict.ingress.decision, expected, "{rule}");
        assert_eq!(verdict.egress.decision, Unknown);
        assert!(verdict.caveats.contains(&Caveat::EndUnknown));
    }
}

/// The one denial of TCP from `prod/web` to `prod/db`.
fn denial(spec: &str, port: u16) -> Denial {
    let mut denied = World::with(&[spec])
        .tcp("prod/web", "prod/db", port)
        .ingress
        .denied_by;
    assert_eq!(denied.len(), 1);
    denied.remove(0)
}

#[test]
fn every_isolating_policy_of_a_denial_has_its_reason() {
    let world = World::with(&[
        "{podSelector: {}, policyTypes: [Ingress]}",
        "{ingress: [{from: [{podSelector: {matchLabels: {app: other}}}]}]}",
        "{ingress: [{ports: [{port: 80}, {port: 443}]}]}",
        "{ingress: [{ports: [{port: 80}, {port: gone}]}]}",
        "{podSelector: {matchLabels: {app: web}}}",
        "{policyTypes: [Egress]}",
    ]);
    let denied = world.tcp("prod/web", "prod/db", 22).ingress.denied_by;
    let found: Vec<_> = denied
        .iter()
        .map(|denial| {
            let wants = denial
                .nearest
                .as_ref()
                .map(|nearest| nearest.wants.join(" and "));
            (
                &*denial.policy.name,
                denial.reason,
                wants.unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("p0", DenyReason::NoRules, String::new()),
            (
                "p1",
                DenyReason::PeerNotSelected,
                "pod app=other".to_owned()
            ),
            (
                "p2",
                DenyReason::PortMismatch,
                "TCP port 80 or 1 more".to_owned()
            ),
            (
                "p3",
                DenyReason::NamedPortUnresolved,
                "TCP port named gone or 1 more".to_owned()
            ),
        ]
    );
}

#[test]
fn nobody_is_said_to_be_in_no_rule_who_is_in_one() {
    // Each rule misses by one condition; the second includes the other end.
    let spec = "{ingress: [
        {from: [{podSelector: {matchLabels: {app: other}}}], ports: [{port: 22}]},
        {from: [{podSelector: {}}], ports: [{port: 80}]}]}";
    let denial = denial(spec, 22);
    assert_eq!(denial.reason, DenyReason::PortMismatch);
    let nearest = denial.nearest.unwrap();
    assert_eq!(
        (nearest.rule.rule, nearest.rule.peer, nearest.rule.port),
        (1, Some(0), Some(0))
    );
}

#[test]
fn a_name_of_another_protocol_is_not_what_was_missing() {
    let udp = denial("{ingress: [{ports: [{port: gone, protocol: UDP}]}]}", 22);
    assert_eq!(udp.reason, DenyReason::PortMismatch);
    let named = denial("{ingress: [{ports: [{port: 80}, {port: gone}]}]}", 22);
    assert_eq!(named.nearest.unwrap().rule.port, Some(1));
}

#[test]
fn what_is_missing_in_words() {
    for (peer, from_web, from_outside) in [
        (
            "podSelector: {matchLabels: {app: x, tier: z}}",
            "pod app=x and pod tier=z",
            "a pod app=x,tier=z of namespace prod",
        ),
        (
            "namespaceSelector: {matchLabels: {a: b}}",
            "namespace a=b",
            "a pod of a namespace a=b",
        ),
        (
            "namespaceSelector: {}, podSelector: {matchLabels: {app: x}}",
            "pod app=x",
            "a pod app=x",
        ),
        (
            "ipBlock: {cidr: 192.0.2.0/24}",
            "address in 192.0.2.0/24",
            "address in 192.0.2.0/24",
        ),
    ] {
        let world = World::with(&[&format!("{{ingress: [{{from: [{{{peer}}}]}}]}}")]);
        for (from, expected) in [(world.pod("prod/web"), from_web), (outside(), from_outside)] {
            let verdict = world.ask(from, world.pod("prod/db"), Protocol::Tcp, 1);
            let nearest = verdict.ingress.denied_by[0].nearest.as_ref().unwrap();
            assert_eq!(nearest.wants.join(" and "), expected, "{peer}");
        }
    }
}

#[test]
fn a_port_that_was_not_seen_is_not_guessed() {
    for (rule, decision, caveats) in [
        ("{ports: [{port: 80}]}", Unknown, vec![Caveat::PortUnknown]),
        ("{ports: [{port: sql}]}", Unknown, vec![Caveat::PortUnknown]),
        ("{ports: [{}]}", Allowed, vec![]),
        ("{ports: [{protocol: UDP, port: 80}]}", Denied, vec![]),
    ] {
        let world = World::with(&[&format!("{{ingress: [{rule}]}}")]);
        let (from, to) = (world.pod("prod/web"), world.pod("prod/db"));
        let verdict = evaluate(&world.0, &Connection::new(from, to, Protocol::Tcp, None));
        assert_eq!(
            (verdict.decision(), verdict.caveats),
            (decision, caveats),
            "{rule}"
        );
    }
}

#[test]
fn a_service_without_its_backend_is_not_guessed() {
    let service = "{kind: Service, apiVersion: v1, metadata: {name: sql, namespace: prod}, spec: {clusterIP: 10.96.0.9}}";
    for (rule, expected, reason) in [
        ("{}", Allowed, None),
        ("{ports: [{port: 80}]}", Unknown, None),
        ("{to: [{podSelector: {}}]}", Unknown, None),
        ("{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}", Unknown, None),
        (
            "{to: [{podSelector: {}}], ports: [{protocol: UDP}]}",
            Denied,
            Some(DenyReason::PortMismatch),
        ),
    ] {
        let spec = format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{rule}]}}");
        let world = World::with(&[&spec]).and(service);
        let address = "10.96.0.9".parse().unwrap();
        let to = End::Service {
            service: world.0.service_at(address).unwrap().clone(),
            address,
        };
        let verdict = world.ask(world.pod("prod/web"), to, Protocol::Tcp, 80);
        assert_eq!(verdict.egress.decision, expected, "{rule}");
        assert_eq!(
            verdict.egress.denied_by.first().map(|denial| denial.reason),
            reason,
            "{rule}"
        );
        assert_eq!(verdict.ingress.decision, Unknown);
        assert_eq!(verdict.caveats, [Caveat::BackendUnknown]);
    }
}

/// A ClusterNetworkPolicy of the Admin tier for every pod.
fn admin(name: &str, priority: u16, rules: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: {name}}}, spec: {{tier: Admin, priority: {priority}, subject: {{namespaces: {{}}}}, {rules}}}}}"
    )
}

/// Policy, rule, peer and port of each.
fn named(rules: &[RuleRef]) -> Vec<(&str, usize, Option<usize>, Option<usize>)> {
    rules
        .iter()
        .map(|by| (&*by.policy.name, by.rule, by.peer, by.port))
        .collect()
}

#[test]
fn the_deciding_rule_of_a_tier_is_named_with_every_peer_and_port_that_matches() {
    let rules = |action: &str| {
        format!(
            "ingress: [
              {{action: Deny, from: [{{namespaces: {{matchLabels: {{team: build}}}}}}]}},
              {{action: {action}, from: [
                  {{namespaces: {{matchLabels: {{team: build}}}}}}, {{namespaces: {{}}}},
                  {{pods: {{podSelector: {{matchLabels: {{app: web}}}}}}}}],
                protocols: [{{tcp: {{destinationPort: {{number: 80}}}}}},
                  {{tcp: {{destinationPort: {{number: 5432}}}}}}, {{destinationNamedPort: sql}}]}},
              {{action: Deny, from: [{{namespaces: {{}}}}]}}]"
        )
    };
    let expected = [
        ("first", 1, Some(1), Some(1)),
        ("first", 1, Some(1), Some(2)),
        ("first", 1, Some(2), Some(1)),
        ("first", 1, Some(2), Some(2)),
    ];
    let later = admin(
        "later",
        2,
        "ingress: [{action: Accept, from: [{namespaces: {}}]}]",
    );
    let ask = |action: &str| {
        let world = World::with(&["{ingress: [{}]}"]);
        let world = world.and(&admin("first", 1, &rules(action))).and(&later);
        world.tcp("prod/web", "prod/db", 5432).ingress
    };
    let accepted = ask("Accept");
    assert_eq!(named(&accepted.allowed_by), expected);
    let kind = accepted.allowed_by[0].policy.kind;
    assert_eq!(kind, PolicyKind::ClusterNetworkPolicy);
    let denied = ask("Deny");
    let [denial] = &*denied.denied_by else {
        panic!("{denied:?}");
    };
    assert_eq!(denial.reason, DenyReason::ExplicitDeny);
    assert_eq!(
        (named(&denial.rules), &denial.nearest),
        (expected.to_vec(), &None)
    );
    // What passes it on stands in the path, what allows it then is named as ever.
    let passed = ask("Pass");
    let TierOutcome::Passed(by) = &passed.path[0].outcome else {
        panic!("{passed:?}");
    };
    assert_eq!(named(by), expected);
    assert_eq!(named(&passed.allowed_by), [("p0", 0, None, None)]);
}

#[test]
fn a_denial_after_a_pass_is_the_network_policys() {
    let world = World::with(&["{ingress: [{ports: [{port: 80}]}]}"]).and(&admin(
        "pass",
        1,
        "ingress: [{action: Pass, from: [{namespaces: {}}]}]",
    ));
    let denied = world.tcp("prod/web", "prod/db", 22).ingress.denied_by;
    let [denial] = &*denied else {
        panic!("{denied:?}");
    };
    assert_eq!(
        (&*denial.policy.name, denial.reason),
        ("p0", DenyReason::PortMismatch)
    );
    assert_eq!(denial.nearest.as_ref().unwrap().wants, ["TCP port 80"]);
}

#[test]
fn policies_of_equal_priority_that_agree_are_all_named() {
    let rules =
        |action: &str| format!("ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]");
    let world = |action: &str| {
        World::with(&[])
            .and(&admin("one", 1, &rules(action)))
            .and(&admin("two", 1, &rules(action)))
            .tcp("prod/web", "prod/db", 22)
            .ingress
    };
    let names = ["one", "two"];
    let accepted = world("Accept");
    let by: Vec<_> = accepted
        .allowed_by
        .iter()
        .map(|by| &*by.policy.name)
        .collect();
    assert_eq!(by, names);
    let denied = world("Deny");
    let by: Vec<_> = denied.denied_by.iter().map(|by| &*by.policy.name).collect();
    assert_eq!(by, names);
}

#[test]
fn thousands_of_exceptions_are_counted_and_not_listed() {
    let except: Vec<_> = (0..250).map(|n| format!("203.0.{n}.0/24")).collect();
    let spec = format!(
        "{{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: 203.0.0.0/16, except: [{}]}}}}]}}]}}",
        except.join(",")
    );
    let world = World::with(&[&spec]);
    let verdict = world.ask(outside(), world.pod("prod/db"), Protocol::Tcp, 5432);
    let nearest = verdict.ingress.denied_by[0].nearest.as_ref().unwrap();
    let [wants] = nearest.wants.as_slice() else {
        panic!("{nearest:?}");
    };
    assert!(
        wants.starts_with("address in 203.0.0.0/16 except 203.0.0.0/24, 203.0.1.0/24"),
        "{wants}"
    );
    assert!(wants.ends_with("203.0.7.0/24 and 242 more"), "{wants}");
}
