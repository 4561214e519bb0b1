//! The engine by the size of the cluster, and a naive evaluator beside it as yardstick. `cargo bench -p netpol-policy`;
//! the sizes are numbers of pods, with a namespace for 50 and a policy for ten.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[expect(dead_code, unused_imports, reason = "the tests use all of it")]
#[path = "../../tests/policy/oracle/mod.rs"]
mod oracle;
mod world;

use std::alloc::System;
use std::cell::Cell;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use netpol_policy::cache::VerdictCache;
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use self::world::World;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZES: [u32; 3] = [100, 10_000, 50_000];
/// Connections of one round.
const CONNECTIONS: u32 = 20_000;
/// Answers that are kept: twice as many as a round has, one for each direction.
const KEPT: usize = 100_000;

fn main() {
    memory();
    divan::main();
}

/// What an inventory and a full cache hold. Objects are counted as part of the inventory: it owns them.
fn memory() {
    const MIB: f64 = 1024.0 * 1024.0;
    println!("memory      pods   inventory   cache of {KEPT} answers");
    for pods in SIZES {
        let world = World::new(pods);
        let text = serde_json::Value::from(world.manifests.as_slice()).to_string();
        let region = Region::new(ALLOCATOR);
        let inventory = Inventory::new(netpol_policy::manifest::parse(&text).objects);
        let held = |region: &Region<'_, System>| {
            let change = region.change();
            (change.bytes_allocated - change.bytes_deallocated) as f64 / MIB
        };
        let objects = held(&region);
        let connections = world.connections(&inventory, CONNECTIONS * 4);
        let region = Region::new(ALLOCATOR);
        let cache = VerdictCache::new(KEPT);
        for connection in &connections {
            black_box(cache.evaluate(&inventory, connection));
        }
        println!(
            "        {pods:>8}  {objects:>6.1} MiB   {:>6.1} MiB",
            held(&region)
        );
    }
}

/// Every question for the first time.
#[divan::bench(args = SIZES)]
fn uncached(bencher: Bencher, pods: u32) {
    let world = World::new(pods);
    let inventory = world.inventory();
    let connections = world.connections(&inventory, CONNECTIONS);
    bencher
        .counter(ItemsCount::new(connections.len()))
        .bench_local(|| {
            for connection in &connections {
                black_box(evaluate(&inventory, black_box(connection)));
            }
        });
}

/// Every question once more.
#[divan::bench(args = SIZES)]
fn cached(bencher: Bencher, pods: u32) {
    let world = World::new(pods);
    let inventory = world.inventory();
    let connections = world.connections(&inventory, CONNECTIONS);
    let cache = VerdictCache::new(KEPT);
    bencher
        .counter(ItemsCount::new(connections.len()))
        .bench_local(|| {
            for connection in &connections {
                black_box(cache.evaluate(&inventory, black_box(connection)));
            }
        });
}

/// The rules word by word, without any index: the yardstick. It looks at every object for every question.
#[divan::bench(args = [100, 10_000], sample_count = 3, sample_size = 1)]
fn naive(bencher: Bencher, pods: u32) {
    const QUESTIONS: u32 = 20;
    let world = World::new(pods);
    let inventory = world.inventory();
    let questions = world.questions(&world.connections(&inventory, QUESTIONS));
    let naive = oracle::World::new(world.manifests.clone());
    bencher
        .counter(ItemsCount::new(questions.len()))
        .bench_local(|| {
            for (from, to, port) in &questions {
                black_box(naive.ask(from, to, "TCP", &(*port).into()));
            }
        });
}

/// One pod gets other labels while a snapshot is in use.
#[divan::bench(args = SIZES)]
fn pod_change(bencher: Bencher, pods: u32) {
    let world = World::new(pods);
    change(bencher, &world, |round| world.changed_pod(round));
}

/// One policy selects other pods while a snapshot is in use.
#[divan::bench(args = SIZES)]
fn policy_change(bencher: Bencher, pods: u32) {
    let world = World::new(pods);
    change(bencher, &world, |round| world.changed_policy(round));
}

fn change(bencher: Bencher, world: &World, object: impl Fn(u32) -> netpol_policy::model::Object) {
    let mut inventory = world.inventory();
    let round = Cell::new(0_u32);
    bencher
        .with_inputs(|| {
            round.set(round.get() + 1);
            object(round.get().wrapping_mul(7_919))
        })
        .bench_local_values(|object| {
            let snapshot = inventory.clone();
            inventory.apply(object);
            snapshot
        });
}

/// Everything anew, from objects.
#[divan::bench(args = SIZES, sample_count = 5, sample_size = 1)]
fn build(bencher: Bencher, pods: u32) {
    let world = World::new(pods);
    bencher
        .counter(ItemsCount::new(world.objects.len()))
        .with_inputs(|| world.objects.clone())
        .bench_local_values(Inventory::new);
}
