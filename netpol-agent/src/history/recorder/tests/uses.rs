//! Parts of policies are counted where they bore on a connection.

use super::*;

#[test]
fn a_verdict_that_changes_moves_the_count_with_its_uses() {
    let mut stage = Stage::new();
    let said = |flow| at_destination(with_ingress(flow, allowed_by(&["web"])));
    stage.take(&blocked(said(connection(1))));
    let edge = stage.edge();
    assert_eq!(edge.key.observed, Observed::Dropped);
    assert_eq!(&*edge.key.drop.unwrap().class, "firewall");
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 0)]);
    stage.take(&said(connection(1)));
    let edge = stage.edge();
    assert_eq!(
        (edge.key.observed, edge.totals.connections),
        (Observed::Forwarded, 1)
    );
    assert_eq!(edge.key.drop, None);
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 1)]);
}

#[test]
fn a_rule_is_sole_where_no_other_allows_it() {
    let mut stage = Stage::new();
    for (id, names) in [(1, &["web"][..]), (2, &["web", "all"])] {
        stage.take(&at_destination(with_ingress(
            connection(id),
            allowed_by(names),
        )));
    }
    let all = Part::Entry {
        rule: 0,
        peer: None,
        port: None,
    };
    assert_eq!(
        stage.uses(),
        [
            ("all".to_owned(), all, 1, 0, 1),
            ("web".to_owned(), ENTRY, 2, 1, 2)
        ]
    );
}

#[test]
fn rules_count_on_the_node_of_the_pod_that_their_policy_selects() {
    let mut stage = Stage::new();
    // Seen here at its source alone: the ingress rule counts on the other node.
    stage.take(&with_ingress(connection(1), allowed_by(&["web"])));
    assert_eq!(stage.uses(), []);
    // Dropped before it reached the destination, which runs here all the same.
    let mut local = blocked(with_ingress(
        connection(2),
        denied_by(vec![(DenyReason::NoRules, Vec::new())]),
    ));
    let here: Arc<Pod> = Arc::new(Pod {
        node: Some("node-a".into()),
        ..(*pod("shop", "db-0")).clone()
    });
    local.destination.identity = Identity::Pod {
        pod: here,
        workload: None,
        age: None,
    };
    stage.take(&local);
    assert_eq!(stage.uses(), [("web".to_owned(), Part::Isolation, 1, 1, 0)]);
}

#[test]
fn explicit_denials_and_passes_are_hits_of_their_rules() {
    let mut stage = Stage::new();
    let denied = denied_by(vec![(DenyReason::ExplicitDeny, vec![rule("web")])]);
    stage.take(&blocked(at_destination(with_ingress(
        connection(1),
        denied,
    ))));
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 0)]);
    let passed = DirectionVerdict {
        path: vec![TierStep {
            tier: Tier::Admin,
            outcome: TierOutcome::Passed(vec![rule("web"), rule("all")]),
        }],
        ..allowed().ingress
    };
    stage.take(&at_destination(with_ingress(connection(2), passed)));
    assert_eq!(stage.uses()[1], ("web".to_owned(), ENTRY, 2, 1, 1));
}

#[test]
fn a_policy_that_nobody_saw_is_a_counted_loss() {
    let mut stage = Stage::new();
    stage.take(&at_destination(with_ingress(
        connection(1),
        allowed_by(&["gone"]),
    )));
    assert_eq!(stage.uses(), []);
    let lost = &stage.status.lost()[0];
    assert_eq!(
        (lost.stage, lost.reason, lost.count),
        (crate::flow::Stage::History, "policy_unseen", 1)
    );
}
