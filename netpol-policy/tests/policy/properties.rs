//! What holds for every world.

use netpol_policy::manifest;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generator::{self, Case, Request};
use crate::oracle;

mod coverage;
mod differences;
mod explain;
mod found;
mod gate;
mod incremental;
mod library;
mod metamorphic;
mod patch;
mod reduce;
mod remembered;

use self::library::{Library, difference};
use self::reduce::reduced;

/// That many worlds, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let raised = std::env::var_os("PROPTEST_CASES").map(|_| default.cases);
    ProptestConfig {
        cases: raised.unwrap_or(usual),
        failure_persistence: None,
        ..default
    }
}

/// Every request, in both directions.
fn agrees(case: &Case) -> Result<(), TestCaseError> {
    let library = Library::new(&case.objects()).names(&case.names);
    let oracle = oracle::World::new(case.objects()).names(case.names.clone());
    for request in &case.requests {
        if disagreement(&oracle, &library, request).is_some() {
            return Err(TestCaseError::fail(reduced(case, request)));
        }
    }
    Ok(())
}

fn disagreement(oracle: &oracle::World, library: &Library, request: &Request) -> Option<String> {
    let verdict = library.ask(request);
    let answer = oracle.ask(&request.from, &request.to, request.protocol, &request.port);
    let egress = difference(&answer.egress, &verdict.egress)
        .map(|difference| format!("egress of {request:?}\n{difference}"));
    egress.or_else(|| {
        difference(&answer.ingress, &verdict.ingress)
            .map(|difference| format!("ingress of {request:?}\n{difference}"))
    })
}

proptest! {
    // A disagreement is made small by what reports it.
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..cases(96) })]

    #[test]
    fn the_oracle_agrees_on_network_policies(case in generator::network_policy_cases()) {
        agrees(&case)?;
    }

    #[test]
    fn the_oracle_agrees_on_tiers(case in generator::cases()) {
        agrees(&case)?;
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_an_api_server_accepts_is_accepted_strictly(case in generator::cases()) {
        let mut objects = case.objects();
        // What a server of today does not know it refuses.
        objects.retain(|object| !generator::has_unknown_peer(object));
        let mut read = manifest::parse_strict(&serde_json::Value::from(objects).to_string());
        // Blocks of old forms are in these worlds too (rule 26).
        read.errors.retain(|error| !error.message.starts_with("expected the canonical form"));
        prop_assert_eq!(read.errors, []);
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(manifest::parse(&text).objects, []);
        prop_assert_eq!(manifest::parse(&String::from_utf8_lossy(&bytes)).objects, []);
    }

    #[test]
    fn broken_bytes_never_panic_and_cost_only_their_document(
        case in generator::cases(), at in any::<Index>(), length in 0_usize..8,
        patch in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let documents: Vec<String> = case.objects().iter().map(ToString::to_string).collect();
        let mut text = documents.join("\n---\n").into_bytes();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch);
        let read = manifest::parse(&String::from_utf8_lossy(&text));
        // One patch reaches two documents at most.
        prop_assert!(read.objects.len() + read.ignored.len() + 2 >= documents.len(), "{:?}", read.errors);
        let library = Library::of(read.objects);
        for request in case.requests.iter().filter(|request| request.addresses() == 2) {
            library.ask(request);
        }
    }
}
