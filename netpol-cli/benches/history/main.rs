//! What `flows` takes for a large history: its commands, as they are run, on an export of 100 nodes.
//!
//! `cargo bench -p netpol-cli --bench history`, with `-- --edges N --policies N` for another size.

mod world;

use std::env;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, UNIX_EPOCH};

use netpol_history::Writer;
use nix::sys::resource::{UsageWho, getrusage};

use world::Size;

const FLOWS: &str = env!("CARGO_BIN_EXE_flows");

fn main() {
    let size = Size {
        edges: number("--edges", 1_000_000),
        policies: number("--policies", 1_000),
        nodes: 100,
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history-bench");
    std::fs::create_dir_all(&directory).expect("a directory below target/");
    let history = directory.join("history.jsonl");
    let manifests = directory.join("proposed.json");
    let (histories, proposed) = world::world(size);
    std::fs::write(&manifests, proposed).expect("manifests");
    let file = BufWriter::new(File::create(&history).expect("a file"));
    let begun = Instant::now();
    let mut writer = Writer::new(file, UNIX_EPOCH, "bench").expect("a header");
    for history in &histories {
        writer.history(history).expect("a history");
    }
    writer
        .end()
        .and_then(|mut file| file.flush())
        .expect("an end");
    drop(histories);
    let bytes = std::fs::metadata(&history).map_or(0, |file| file.len());
    println!(
        "{} edges of {} nodes, {} policies: {} MB, written in {:.1} s",
        size.edges,
        size.nodes,
        size.policies,
        bytes / 1_000_000,
        begun.elapsed().as_secs_f64()
    );
    let history = history.to_string_lossy().into_owned();
    let manifests = manifests.to_string_lossy().into_owned();
    let of = ["--history", history.as_str()];
    let replay = ["replay", "--manifests", manifests.as_str(), "-o", "json"];
    time(
        "unused",
        &[&["unused", "-A", "-o", "json"], &of[..]].concat(),
    );
    time("replay", &[&replay[..], &of].concat());
    time("drift", &[&["drift", "-A", "-o", "json"], &of[..]].concat());
    time(
        "tighten",
        &[&["tighten", "-A", "-o", "json"], &of[..]].concat(),
    );
    time(
        "suggest",
        &[&["suggest", "-n", "ns-1", "-o", "json"], &of[..]].concat(),
    );
    std::fs::remove_dir_all(&directory).expect("our own directory");
}

/// The memory told is the most that any command had by then.
fn time(name: &str, arguments: &[&str]) {
    let begun = Instant::now();
    let output = Command::new(FLOWS)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("flows");
    let seconds = begun.elapsed().as_secs_f64();
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    println!(
        "flows {name:8} {seconds:6.1} s   {:5} MB at most   exit {}   {} bytes told",
        most / 1024,
        output.status.code().unwrap_or(-1),
        output.stdout.len()
    );
}

/// The value of a flag of ours; the bench harness gives others of its own.
fn number(flag: &str, default: usize) -> usize {
    let mut arguments = env::args().skip_while(|argument| argument != flag).skip(1);
    arguments
        .next()
        .map_or(default, |text| text.parse().expect(flag))
}
