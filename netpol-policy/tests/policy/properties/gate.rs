//! What a replay says of each flow, against the naive evaluator of either set of policies: it may not know, and is never wrong.

use netpol_policy::history::History;
use netpol_policy::replay::{Change, LabelsOf, Options, replay};
use proptest::prelude::*;
use serde_json::Value;

use super::cases;
use super::library::Library;
use super::remembered::{edge, is_flow, ranges, remembered};
use crate::generator::{self, Case, Request};
use crate::oracle;

/// What the oracle says of a connection as a whole; `None` where it does not know.
fn is_allowed(world: &oracle::World, request: &Request) -> Option<bool> {
    use oracle::Decision::{Allowed, Denied, Unknown};
    let answer = world.ask(&request.from, &request.to, request.protocol, &request.port);
    match (answer.egress, answer.ingress) {
        (Denied(_), _) | (_, Denied(_)) => Some(false),
        (Unknown, _) | (_, Unknown) => None,
        (Allowed(_), Allowed(_)) => Some(true),
    }
}

/// The cluster with every third policy, and those that leave this rest.
fn objects(case: &Case, rest: usize) -> Vec<Value> {
    let policies = case.policies.iter().enumerate();
    let chosen = policies.filter(|(index, _)| [2, rest].contains(&(index % 3)));
    let chosen = chosen.map(|(_, policy)| policy.clone());
    case.cluster.iter().cloned().chain(chosen).collect()
}

fn each_flow_is_told_as_it_is(case: &Case) -> Result<(), TestCaseError> {
    let worlds = [0, 1].map(|rest| objects(case, rest));
    let oracles = worlds
        .each_ref()
        .map(|objects| oracle::World::new(objects.clone()).names(case.names.clone()));
    let libraries = worlds.each_ref().map(|objects| Library::new(objects));
    let [(history, before), (_, after)] =
        libraries.each_ref().map(|library| remembered(&library.0));
    let inventory = &libraries[0].0;
    let options = Options {
        labels: LabelsOf::FlowTime,
        pod_ranges: ranges(inventory),
    };
    for request in &case.requests {
        if !libraries[0].knows(request) {
            continue;
        }
        let connection = libraries[0].connection(request);
        if !is_flow(inventory, &connection) {
            continue;
        }
        let [old, new] = oracles.each_ref().map(|world| is_allowed(world, request));
        for bits in [0, 3] {
            let history = History {
                edges: vec![edge(inventory, &connection, bits)],
                ..history.clone()
            };
            let found = replay(&history, &before, &after, &options, |_| {});
            let told = found.rows.first().map(|row| row.change);
            let is_right = match (old, new, told) {
                (_, _, Some(Change::Unknown)) => true,
                (Some(true), Some(false), told) => told == Some(Change::NewlyDenied),
                (Some(false), Some(true), told) => told == Some(Change::NewlyAllowed),
                (Some(_), Some(_), told) => matches!(told, None | Some(Change::OtherReason)),
                // It is not told where the addresses of pods come from that have none.
                (None, _, _) | (_, None, _) => true,
            };
            prop_assert!(is_right, "{request:?}: {old:?}, {new:?}, told {told:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_gate_is_never_wrong_about_network_policies(case in generator::network_policy_cases()) {
        each_flow_is_told_as_it_is(&case)?;
    }

    #[test]
    fn a_gate_is_never_wrong_about_tiers(case in generator::cases()) {
        each_flow_is_told_as_it_is(&case)?;
    }
}
