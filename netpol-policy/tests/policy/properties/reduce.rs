//! A world on which oracle and library disagree, made small enough to read.

use serde_json::Value;

use super::{Library, disagreement};
use crate::generator::{Case, Request};
use crate::oracle;

/// The disagreement and what is left of the world when nothing more can be taken out of it.
pub(super) fn reduced(case: &Case, request: &Request) -> String {
    let disagrees = |world: &[Value]| {
        let library = Library::read(world)?.names(&case.names);
        let oracle = oracle::World::new(world.to_vec()).names(case.names.clone());
        disagreement(&oracle, &library, request)
    };
    let mut world = case.objects();
    let still = |worlds: Vec<Vec<Value>>| {
        let mut worlds = worlds.into_iter();
        worlds.find(|world| disagrees(world).is_some())
    };
    while let Some(less) = still(smaller(&world, request)) {
        world = less;
    }
    let difference = disagrees(&world).unwrap_or_default();
    let objects: Vec<String> = world.iter().map(ToString::to_string).collect();
    format!(
        "{difference}\n{}\nnames {:?}",
        objects.join("\n"),
        case.names
    )
}

/// Each world that has one object less, but for those asked about, or one item of a list in a policy.
fn smaller(world: &[Value], request: &Request) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (at, object) in world.iter().enumerate() {
        let metadata = &object["metadata"];
        let names = [
            metadata["namespace"].as_str().unwrap_or("node"),
            metadata["name"].as_str().unwrap(),
        ];
        let end = names.join("/");
        if request.from != end && request.to != end {
            let mut less = world.to_vec();
            less.remove(at);
            all.push(less);
        }
    }
    for (at, object) in world.iter().enumerate() {
        if object["kind"].as_str().unwrap().ends_with("Policy") {
            for spec in shorter(&object["spec"]) {
                let mut less = world.to_vec();
                less[at]["spec"] = spec;
                all.push(less);
            }
        }
    }
    all
}

/// Each value with one item less in one list somewhere within.
fn shorter(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut less = items.clone();
                less.remove(at);
                all.push(less.into());
                for item in shorter(&items[at]) {
                    let mut less = items.clone();
                    less[at] = item;
                    all.push(less.into());
                }
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                for shorter in shorter(field) {
                    let mut less = fields.clone();
                    less[key] = shorter;
                    all.push(less.into());
                }
            }
        }
        _ => {}
    }
    all
}
