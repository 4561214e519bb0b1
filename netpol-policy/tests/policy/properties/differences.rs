//! What two sets of policies permit differently, against single evaluations under either set.

use netpol_policy::connection::{Connection, End};
use netpol_policy::difference::{Change, Limits, difference};
use netpol_policy::evaluate::evaluate;
use netpol_policy::history::RememberedPolicy;
use netpol_policy::manifest;
use netpol_policy::matrix::{Party, PortSet};
use netpol_policy::model::Object;
use netpol_policy::verdict::Decision;
use proptest::prelude::*;
use serde_json::Value;

use super::library::Library;
use crate::generator::{self, Case};

/// One set of policies, and the world under it.
struct World {
    policies: Vec<RememberedPolicy>,
    library: Library,
}

impl World {
    /// Every third policy stands in both worlds, the others in one of them.
    fn with(case: &Case, number: usize) -> Self {
        let policies = case.policies.iter().enumerate();
        let chosen = policies.filter(|(index, _)| [2, number].contains(&(index % 3)));
        let chosen: Vec<Value> = chosen.map(|(_, policy)| policy.clone()).collect();
        let read = manifest::parse(&Value::from(chosen.clone()).to_string());
        let policies = read.objects.into_iter().filter_map(|object| match object {
            Object::NetworkPolicy(policy) => Some(RememberedPolicy::Network(policy)),
            Object::TieredPolicy(policy) => Some(RememberedPolicy::Tiered(policy)),
            _ => None,
        });
        Self {
            policies: policies.collect(),
            library: Library::new(&[&*case.cluster, &*chosen].concat()).names(&case.names),
        }
    }

    fn decision(&self, connection: &Connection) -> Decision {
        evaluate(&self.library.0, connection).decision()
    }
}

/// Whether an end is one of the parties.
fn is_one_of(parties: &[Party], end: &End) -> bool {
    parties.iter().any(|party| match (party, end) {
        (Party::Pods(pods), End::Pod { pod, .. }) => {
            pods.namespace == pod.namespace && pods.live.contains(&pod.name)
        }
        (Party::Outside(outside), End::Address(address)) => {
            outside.blocks.iter().any(|block| block.contains(*address))
        }
        _ => false,
    })
}

/// Whether both ends stand in the comparison, and are not one and the same.
fn is_compared(connection: &Connection) -> bool {
    let takes_part = |end: &End| match end {
        End::Pod { pod, .. } => !pod.host_network && !pod.phase.is_finished(),
        End::Address(_) => true,
        _ => false,
    };
    let is_same = match (&connection.source, &connection.destination) {
        (End::Pod { pod, .. }, End::Pod { pod: other, .. }) => pod.name == other.name,
        _ => false,
    };
    // Of two families no connection comes about.
    let family = |end: &End| end.address().map(|address| address.is_ipv4());
    let (one, other) = (family(&connection.source), family(&connection.destination));
    connection.protocol.is_defined()
        && one.zip(other).is_none_or(|(one, other)| one == other)
        && connection.destination_port.is_some_and(|port| port > 0)
        && takes_part(&connection.source)
        && takes_part(&connection.destination)
        && !is_same
}

proptest! {
    #![proptest_config(super::cases(128))]

    #[test]
    fn a_difference_says_what_evaluation_under_either_set_says(case in generator::cases()) {
        let (before, after) = (World::with(&case, 0), World::with(&case, 1));
        let found = difference(
            &before.library.0, &before.policies, &after.policies, &Limits::default(), |_| (),
        );
        prop_assert_eq!(found.cut, None);
        for request in &case.requests {
            if !before.library.knows(request) {
                continue;
            }
            let connection = before.library.connection(request);
            if !is_compared(&connection) {
                continue;
            }
            let port = connection.destination_port.unwrap_or_default();
            let told = |ports: fn(&Change) -> &PortSet| found.changes.iter().any(|change| {
                is_one_of(&change.from, &connection.source)
                    && is_one_of(&change.to, &connection.destination)
                    && ports(change).contains(connection.protocol, port)
            });
            let opened = told(|change| &change.opened);
            let closed = told(|change| &change.closed);
            let unclear = told(|change| &change.unclear);
            let decisions = (before.decision(&connection), after.decision(&connection));
            let is_right = match decisions {
                (Decision::Denied, Decision::Allowed) => !closed && (opened || unclear),
                (Decision::Allowed, Decision::Denied) => !opened && (closed || unclear),
                _ => !opened && !closed,
            };
            // Pods of one workload may differ from each other in both worlds alike: then nothing can be said.
            let differ = |world: &World| !is_decided_for_all(world, &connection);
            prop_assert!(
                is_right || differ(&before) && differ(&after),
                "{request:?}: {decisions:?}, opened {opened}, closed {closed}, unclear {unclear}"
            );
        }
        for change in &found.changes {
            for (example, expected) in [
                (&change.opening, (Decision::Denied, Decision::Allowed)),
                (&change.closing, (Decision::Allowed, Decision::Denied)),
            ] {
                let Some(example) = example else { continue };
                prop_assert_eq!((example.before.decision(), example.after.decision()), expected);
                prop_assert!(is_one_of(&change.from, &example.connection.source) || is_sibling(&example.connection.source));
                prop_assert!(is_one_of(&change.to, &example.connection.destination) || is_sibling(&example.connection.destination));
            }
            prop_assert_eq!(change.opening.is_some(), !change.opened.is_empty());
            prop_assert_eq!(change.closing.is_some(), !change.closed.is_empty());
        }
    }
}

/// Another pod of a workload, which is not there but might be.
fn is_sibling(end: &End) -> bool {
    matches!(end, End::Pod { pod, .. } if pod.is_representative())
}

/// Whether all pods of both workloads are told the same.
fn is_decided_for_all(world: &World, connection: &Connection) -> bool {
    let alike = |end: &End| -> Vec<End> {
        let End::Pod { pod, .. } = end else {
            return vec![end.clone()];
        };
        let pods = world.library.0.pods();
        let alike = pods.filter(|other| {
            other.namespace == pod.namespace
                && other.workload.is_some()
                && other.workload == pod.workload
        });
        let mut ends: Vec<End> = alike
            .flat_map(|pod| {
                let addresses = pod.addresses.iter().map(|address| Some(*address));
                let none = pod.addresses.is_empty().then_some(None);
                addresses.chain(none).map(|address| End::Pod {
                    pod: pod.clone(),
                    address,
                })
            })
            .collect();
        ends.push(end.clone());
        ends
    };
    let decision = world.decision(connection);
    alike(&connection.source).iter().all(|source| {
        alike(&connection.destination).iter().all(|destination| {
            let connection = Connection {
                source: source.clone(),
                destination: destination.clone(),
                ..connection.clone()
            };
            world.decision(&connection) == decision
        })
    })
}
