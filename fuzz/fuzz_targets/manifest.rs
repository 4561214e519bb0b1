//! Kubernetes manifests as text: whatever is written, reading and asking it ends, nothing panics, and the order of objects
//! does not matter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::lint::lint;
use netpol_policy::manifest;
use netpol_policy::model::Protocol;

fuzz_target!(|text: &str| {
    let read = manifest::parse(text);
    assert_eq!(read.objects.len(), read.places.len());
    let strict = manifest::parse_strict(text);
    assert!(strict.objects.len() <= read.objects.len());
    assert!(read.errors.is_empty() || !strict.errors.is_empty());
    for warning in lint(&read.objects) {
        assert!(warning.object < read.objects.len());
    }

    let inventory = Inventory::new(read.objects.iter().cloned());
    let reversed = Inventory::new(read.objects.into_iter().rev());
    for connection in connections(&inventory) {
        let verdict = evaluate(&inventory, &connection);
        assert_eq!(verdict, evaluate(&reversed, &connection));
    }
});

/// Some of those that can be made between the pods, the templates and somebody outside.
fn connections(inventory: &Inventory) -> Vec<Connection> {
    let pods = inventory.pods().cloned();
    let templates = inventory.templates().map(|template| template.pod.clone());
    let ends = pods.chain(templates).take(2).map(|pod| End::Pod {
        address: pod.addresses.first().copied(),
        pod,
    });
    let outside = [203, 0, 113, 9].into();
    let ends: Vec<End> = ends.chain([End::Address(outside)]).collect();
    let mut connections = Vec::new();
    for source in &ends {
        for destination in &ends {
            let (from, to) = (source.clone(), destination.clone());
            connections.push(Connection::new(from, to, Protocol::Tcp, Some(80)));
        }
    }
    connections
}
