//! That generated worlds meet what they are made to meet: without it the other properties would prove little.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::generator;
use crate::oracle::{Decision, World};

const WORLDS: usize = 200;
/// Of some 25,000 answers.
const OFTEN: u32 = 10;

#[test]
fn worlds_meet_every_kind_of_answer() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..WORLDS {
        let case = generator::cases().new_tree(&mut runner).unwrap().current();
        let world = World::new(case.objects()).names(case.names.clone());
        for request in &case.requests {
            let answer = world.ask(&request.from, &request.to, request.protocol, &request.port);
            for (direction, decision) in [("egress", answer.egress), ("ingress", answer.ingress)] {
                let (word, reasons) = match decision {
                    Decision::Allowed(reasons) => ("allowed", reasons.surely),
                    Decision::Denied(reasons) => ("denied", reasons.surely),
                    Decision::Unknown => ("unknown", Default::default()),
                };
                for reason in &reasons {
                    let what = format!("{direction} {word} by {}", reason.kind);
                    *met.entry(what).or_default() += 1;
                    if reason.port.is_some() {
                        *met.entry(format!("port of {}", reason.kind)).or_default() += 1;
                    }
                }
                if reasons.is_empty() {
                    *met.entry(format!("{direction} {word}")).or_default() += 1;
                }
            }
        }
    }
    let kinds = [
        "NetworkPolicy",
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
    ];
    let mut wanted = Vec::new();
    for direction in ["egress", "ingress"] {
        wanted.extend(["allowed", "unknown"].map(|word| format!("{direction} {word}")));
        for kind in kinds {
            wanted.push(format!("{direction} allowed by {kind}"));
            wanted.push(format!("{direction} denied by {kind}"));
        }
    }
    wanted.extend(kinds.map(|kind| format!("port of {kind}")));
    wanted.retain(|what| met.get(what).is_none_or(|times| *times < OFTEN));
    assert!(wanted.is_empty(), "too rare: {wanted:?} of {met:#?}");
}
