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
use netpol_policy::history::History;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

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
    let nodes = directory.join("nodes.jsonl");
    let manifests = directory.join("proposed.json");
    let (histories, proposed) = world::world(size);
    std::fs::write(&manifests, proposed).expect("manifests");
    write(&nodes, &histories);
    drop(histories);
    println!(
        "{} edges of {} nodes, {} policies: {} MB as the nodes tell it",
        size.edges,
        size.nodes,
        size.policies,
        megabytes(&nodes)
    );
    // What every node says of the cluster becomes one: as `flows export` writes it.
    let history = directory.join("history.jsonl");
    let [nodes, manifests, file] =
        [&nodes, &manifests, &history].map(|path| path.to_str().expect("our own path"));
    time("import", &["import", nodes, "--into", file]);
    println!("{} MB added up", megabytes(&history));
    let of = |arguments: &[&'static str]| [arguments, &["-o", "json", "--history", file]].concat();
    time("unused", &of(&["unused", "-A"]));
    time(
        "replay",
        &[&of(&["replay"])[..], &["--manifests", manifests]].concat(),
    );
    time("drift", &of(&["drift"]));
    time("tighten", &of(&["tighten"]));
    time("suggest", &of(&["suggest", "-n", "ns-1"]));
    std::fs::remove_dir_all(&directory).expect("our own directory");
}

fn write(path: &Path, histories: &[History]) {
    let file = BufWriter::new(File::create(path).expect("a file"));
    let mut writer = Writer::new(file, UNIX_EPOCH, "bench").expect("a header");
    for history in histories {
        writer.history(history).expect("a history");
    }
    let end = writer.end().and_then(|mut file| file.flush());
    end.expect("an end");
}

fn megabytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len()) / 1_000_000
}

/// The memory told is the most that any command had by then.
fn time(name: &str, arguments: &[&str]) {
    let before = children().user_time();
    let begun = Instant::now();
    let output = Command::new(FLOWS)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("flows");
    let seconds = begun.elapsed().as_secs_f64();
    let usage = children();
    let user = (usage.user_time() - before).num_milliseconds() as f64 / 1000.0;
    println!(
        "flows {name:8} {seconds:6.1} s, of them {user:5.1} s computing   {:5} MB at most   exit {}   {} bytes told",
        usage.max_rss() / 1024,
        output.status.code().unwrap_or(-1),
        output.stdout.len()
    );
}

fn children() -> Usage {
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("what the kernel counts")
}

/// The value of a flag of ours; the bench harness gives others of its own.
fn number(flag: &str, default: usize) -> usize {
    let mut arguments = env::args().skip_while(|argument| argument != flag).skip(1);
    arguments
        .next()
        .map_or(default, |text| text.parse().expect(flag))
}
