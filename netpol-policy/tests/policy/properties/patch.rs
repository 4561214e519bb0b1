//! Policies without their unused parts, read back from what is printed and asked of the naive evaluator: nothing that was seen
//! and allowed is denied, whatever was counted, kept apart or known of it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::history::{
    History, Interval, NodeHistory, Observed, Part, Party, PodGroup, PolicyName, PolicyRevision,
    Present, RememberedPolicy, RuleKey, RuleUse, UseTotals, fingerprint, traffic,
};
use netpol_policy::inventory::Inventory;
use netpol_policy::k8s::write;
use netpol_policy::model::Protocol;
use netpol_policy::unused::{Confidence, Options, Patch, PatchOptions, patch, unused};
use netpol_policy::verdict::{Decision, DirectionVerdict, RuleRef, TierOutcome};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::cases;
use super::library::Library;
use super::remembered::{edge, is_flow, ranges, remembered};
use crate::generator::{self, Case, Request};
use crate::oracle;

/// How a world is remembered.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// Uses are counted; else the policies said something else when the traffic was seen.
    is_counted: bool,
    /// Addresses outside are one with so many bits more.
    bits: u8,
    /// How much is taken out.
    min_confidence: Confidence,
}

fn memories() -> impl Strategy<Value = Memory> {
    let confidences = select(vec![
        Confidence::Medium,
        Confidence::Low,
        Confidence::Insufficient,
    ]);
    (any::<bool>(), select(vec![0, 3]), confidences).prop_map(
        |(is_counted, bits, min_confidence)| Memory {
            is_counted,
            bits,
            min_confidence,
        },
    )
}

fn day(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(number * 86_400)
}

/// A month of this traffic.
fn history(inventory: &Inventory, seen: &[Connection], memory: Memory) -> History {
    let (mut history, policies) = remembered(inventory);
    for node in &mut history.cluster {
        node.pod_cidrs = ranges(inventory);
    }
    let since = if memory.is_counted { 0 } else { 10 };
    history.policies = policies
        .iter()
        .map(|policy| PolicyRevision {
            policy: policy.clone(),
            since: day(since),
            until: None,
        })
        .collect();
    for connection in seen {
        let mut edge = edge(inventory, connection, memory.bits);
        let decision = evaluate(inventory, connection).decision();
        edge.key.computed = decision;
        if decision == Decision::Denied {
            edge.key.observed = Observed::Dropped;
        }
        (edge.totals.first_seen, edge.totals.last_seen) = (day(5), day(6));
        history.edges.push(edge);
        if memory.is_counted {
            count(&mut history, inventory, connection);
        }
    }
    let pods = inventory.pods().filter_map(|pod| {
        let node = pod.node.clone().unwrap_or_default();
        let (pod, address) = (pod.clone(), None);
        let end = End::Pod { pod, address };
        let itself = Connection::new(end.clone(), end, Protocol::Tcp, None);
        match edge(inventory, &itself, 0).key.source {
            Party::Pods(group) => Some(present(group, node)),
            _ => None,
        }
    });
    history.population = pods.collect();
    let nodes = inventory.nodes().map(|node| node.name.clone());
    history.nodes = nodes.map(watched).collect();
    history
}

fn present(group: Arc<PodGroup>, node: Arc<str>) -> Present {
    Present {
        group,
        pods: [(node, 1)].into(),
        first_seen: day(0),
        last_seen: day(30),
    }
}

fn watched(name: Arc<str>) -> NodeHistory {
    NodeHistory {
        store: name.clone(),
        name,
        read_at: day(30),
        intervals: vec![Interval {
            from: day(0),
            until: day(30),
            losses: Vec::new(),
        }],
        dialect: "specification".into(),
    }
}

/// What allowed a connection, or passed it on, as an agent counts it.
fn count(history: &mut History, inventory: &Inventory, connection: &Connection) {
    let verdict = evaluate(inventory, connection);
    for side in [&verdict.egress, &verdict.ingress] {
        let matched = matched(side);
        for rule in &matched {
            let mut policies = history.policies.iter().map(|one| &one.policy);
            let policy = policies
                .find(|one| *one.reference() == rule.policy)
                .unwrap();
            let number = |index: usize| u32::try_from(index).unwrap();
            history.uses.push(RuleUse {
                key: RuleKey {
                    node: "n0".into(),
                    policy: PolicyName::of(&rule.policy),
                    fingerprint: fingerprint(policy),
                    direction: rule.direction,
                    part: Part::Entry {
                        rule: number(rule.rule),
                        peer: rule.peer.map(number),
                        port: rule.port.map(number),
                    },
                },
                totals: UseTotals {
                    hits: 1,
                    sole: u64::from(matched.len() == 1),
                    resumed: 0,
                    forwarded: 1,
                    bytes: 1,
                    first_seen: day(5),
                    last_seen: day(6),
                },
            });
        }
    }
}

fn matched(side: &DirectionVerdict) -> Vec<RuleRef> {
    let passed = side.path.iter().flat_map(|step| match &step.outcome {
        TierOutcome::Passed(rules) => rules.as_slice(),
        _ => &[],
    });
    side.allowed_by.iter().chain(passed).cloned().collect()
}

/// The cluster, with the policies that are left as they are printed.
fn left(case: &Case, policies: &[RememberedPolicy], patch: &Patch) -> Vec<Value> {
    let mut objects = case.cluster.clone();
    for policy in policies {
        let patched = patch.policies.iter().find(|one| one.before == *policy);
        let after = patched.map_or(Some(policy), |patched| patched.after.as_ref());
        objects.extend(after.map(write::policy));
    }
    objects
}

/// Who is seen has an address: neither finished nor still to come.
fn has_addresses(connection: &Connection) -> bool {
    let ends = [&connection.source, &connection.destination];
    let without = |end: &&End| matches!(end, End::Pod { address: None, .. });
    !ends.iter().any(without)
}

/// Both directions: allowed, denied or `None`.
fn answers(world: &oracle::World, request: &Request) -> [Option<bool>; 2] {
    let answer = world.ask(&request.from, &request.to, request.protocol, &request.port);
    [answer.egress, answer.ingress].map(|decision| match decision {
        oracle::Decision::Allowed(_) => Some(true),
        oracle::Decision::Denied(_) => Some(false),
        oracle::Decision::Unknown => None,
    })
}

/// How many policies are changed without anything that was seen being denied.
fn nothing_seen_is_denied(case: &Case, memory: Memory) -> Result<usize, TestCaseError> {
    let library = Library::new(&case.objects());
    let inventory = &library.0;
    // Half of them are seen; the other half stand for what was not.
    let seen: Vec<(&Request, Connection)> = case
        .requests
        .iter()
        .step_by(2)
        .filter(|request| library.knows(request))
        .map(|request| (request, library.connection(request)))
        .filter(|(_, connection)| is_flow(inventory, connection) && has_addresses(connection))
        .collect();
    let connections: Vec<Connection> = seen.iter().map(|(_, one)| one.clone()).collect();
    let history = history(inventory, &connections, memory);
    let (_, policies) = remembered(inventory);
    let report = unused(&history, &policies, &Options::default(), |_| {});
    let options = PatchOptions {
        min_confidence: memory.min_confidence,
    };
    let patch = patch(&history, &policies, &report, |_| true, &options, |_| {});
    prop_assert_eq!(patch.replayed.traffic, traffic(&history).len());
    let before = oracle::World::new(case.objects());
    let after = oracle::World::new(left(case, &policies, &patch));
    for (request, _) in &seen {
        let (old, new) = (answers(&before, request), answers(&after, request));
        // What another direction stops, or may have stopped, was not seen to pass.
        if old.contains(&Some(false)) {
            continue;
        }
        for (old, new) in old.into_iter().zip(new) {
            prop_assert!(
                new == old || (old.is_none() && new != Some(false)),
                "{request:?} {old:?} {new:?}\n{patch:#?}"
            );
        }
    }
    Ok(patch.policies.len())
}

/// Asks of many worlds, in some of which something is taken out.
#[track_caller]
fn holds(worlds: impl Strategy<Value = Case>) {
    let found = Cell::new(0);
    let mut runner = TestRunner::new(cases(96));
    let held = runner.run(&(worlds, memories()), |(case, memory)| {
        found.set(found.get() + nothing_seen_is_denied(&case, memory)?);
        Ok(())
    });
    held.unwrap();
    assert!(found.get() > 20, "{} policies", found.get());
}

#[test]
fn nothing_that_was_seen_and_allowed_is_denied_by_what_is_left() {
    holds(generator::cases());
}

#[test]
fn the_same_of_network_policies_alone() {
    holds(generator::network_policy_cases());
}
