//! What an inventory says after any changes is what one made anew says, with a cache and without.

use std::collections::BTreeSet;

use netpol_policy::cache::VerdictCache;
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::Object;
use netpol_policy::verdict::Verdict;
use proptest::prelude::*;
use serde_json::Value;

use super::cases;
use super::library::Library;
use crate::generator::{self, Case, Request};

/// Small, so that answers have to make room for others too.
const KEPT_ANSWERS: usize = 100;

fn objects(case: &Case) -> Vec<Object> {
    manifest::parse(&Value::from(case.objects()).to_string()).objects
}

fn key(object: &Object) -> (String, String, String) {
    let (namespace, name) = object.key();
    (object.kind().into(), namespace.into(), name.into())
}

fn answers(library: &Library, requests: &[Request]) -> Vec<Verdict> {
    requests
        .iter()
        .map(|request| library.ask(request))
        .collect()
}

/// Fails where the cache says something else than the evaluation.
fn cached(
    cache: &VerdictCache,
    library: &Library,
    requests: &[Request],
) -> Result<(), TestCaseError> {
    for request in requests {
        let connection = library.connection(request);
        let fresh = evaluate(&library.0, &connection);
        for _ in 0..2 {
            prop_assert_eq!(
                &*cache.evaluate(&library.0, &connection),
                &fresh,
                "{:?}",
                request
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn changes_lead_where_a_new_inventory_begins(before in generator::cases(), after in generator::cases()) {
        let cache = VerdictCache::new(KEPT_ANSWERS);
        let mut library = Library::of(objects(&before)).names(&after.names);
        cached(&cache, &library, &before.requests)?;
        let (snapshot, said) = (library.0.clone(), answers(&library, &before.requests));

        let wanted = objects(&after);
        let staying: BTreeSet<_> = wanted.iter().map(key).collect();
        for (kind, namespace, name) in objects(&before).iter().map(key) {
            let is_there = !staying.contains(&(kind.clone(), namespace.clone(), name.clone()));
            if is_there {
                prop_assert!(library.0.remove(&kind, &namespace, &name), "{kind} {namespace}/{name}");
                prop_assert!(!library.0.remove(&kind, &namespace, &name), "{kind} {namespace}/{name}");
            }
        }
        for object in wanted {
            library.0.apply(object);
            // Between any two changes the cache has to know what it still knows.
            let is_whole = |request: &&Request| library.knows(request);
            let some: Vec<_> = before.requests.iter().filter(is_whole).take(8).cloned().collect();
            cached(&cache, &library, &some)?;
        }
        cached(&cache, &library, &after.requests)?;

        let anew = Library::of(objects(&after)).names(&after.names);
        prop_assert_eq!(answers(&library, &after.requests), answers(&anew, &after.requests));
        let old = Library(snapshot);
        prop_assert_eq!(answers(&old, &before.requests), said, "a snapshot changed");
        prop_assert_eq!(library.0.namespaces(), anew.0.namespaces());
    }

    #[test]
    fn what_is_emptied_is_as_new(case in generator::cases()) {
        let all = objects(&case);
        let mut inventory = Inventory::new(all.clone());
        for (kind, namespace, name) in all.iter().map(key) {
            inventory.remove(&kind, &namespace, &name);
        }
        prop_assert_eq!(format!("{inventory:?}").matches("Subject {").count(), 0);
        prop_assert!(inventory.namespaces().is_empty());
        prop_assert_eq!(inventory.policy_block("10.0.0.1".parse().unwrap()), None);
    }
}
