//! Memory and time of the inventory from an API server, by the size of the cluster.
//!
//! `cargo bench -p netpol-agent --bench inventory`; with `-- 10000 streamed` for one size and one way to list.
//!
//! The API server of the tests serves the pods from this process, which takes some gigabytes; a child follows it.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod follower;
mod pod;

use std::time::{Duration, Instant};

use netpol_testkit::ApiServer;
use serde_json::{Value, json};

use follower::Follower;

const SIZES: [u32; 2] = [10_000, 50_000];
/// How the first list is read.
const LISTS: [&str; 2] = ["streamed", "pages"];
const MIB: f64 = 1024.0 * 1024.0;

fn main() {
    if follower::run_if_asked() {
        return;
    }
    // `cargo bench` has arguments of its own, which begin with dashes.
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |what: &str, others: &[&str]| {
        let none = !chosen.iter().any(|one| others.contains(&one.as_str()));
        none || chosen.iter().any(|one| one == what)
    };
    println!(
        "memory    pods  list       ready  inventory   a pod   resident: before  after  at most  trimmed"
    );
    let sizes = SIZES.map(|pods| pods.to_string());
    let sizes = sizes.each_ref().map(String::as_str);
    for pods in SIZES {
        if !is_chosen(&pods.to_string(), &sizes) {
            continue;
        }
        let server = ApiServer::start().unwrap();
        let size = fill(&server, pods);
        for list in LISTS.into_iter().filter(|list| is_chosen(list, &LISTS)) {
            server.stream_lists(list == LISTS[0]);
            measure(&server, pods, list);
        }
        println!("          of {size} bytes of JSON each");
    }
}

/// Applies pods and their namespaces; the mean size of a pod.
fn fill(server: &ApiServer, pods: u32) -> usize {
    let mut size = 0;
    for number in 0..pods {
        let pod = pod::pod(number, 0);
        size += pod.to_string().len();
        server.apply(namespace(&pod)).unwrap();
        server.apply(pod).unwrap();
    }
    // What it remembers of the way there is no concern of ours.
    server.forget_history();
    size / pods as usize
}

fn namespace(pod: &Value) -> Value {
    let name = &pod["metadata"]["namespace"];
    let labels = json!({ "kubernetes.io/metadata.name": name, "team": "delivery" });
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

fn measure(server: &ApiServer, pods: u32, list: &str) {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    server.kubeconfig(&kubeconfig).unwrap();
    let mut follower = Follower::start(&kubeconfig, Duration::from_secs(600), &[]);
    let before = follower.figures();
    let begun = Instant::now();
    follower.wait_for(|figures| figures.generation > 0 && figures.pods == pods);
    let ready = begun.elapsed().as_secs_f64();
    // What the list needed and the inventory does not is let go.
    std::thread::sleep(Duration::from_secs(2));
    let after = follower.figures();
    let trimmed = follower.trimmed();
    let live = after.live - before.live;
    let [resident, now, peak, trimmed] = [
        before.resident,
        after.resident,
        after.peak,
        trimmed.resident,
    ]
    .map(|bytes| bytes as f64 / MIB);
    println!(
        "      {pods:>8}  {list:<8}  {ready:>5.1} s  {:>5.1} MiB  {:>5} B  {resident:>12.1} MiB  {now:>5.1}  {peak:>7.1}  {trimmed:>7.1}",
        live as f64 / MIB,
        live / pods as usize,
    );
}
