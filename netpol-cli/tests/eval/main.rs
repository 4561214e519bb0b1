//! The real `flows eval` on manifests.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

mod documentation;
mod manifests;
mod one;
mod pod_ranges;
mod requests;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How a command ended.
#[derive(Debug, PartialEq)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn world() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/eval/world.yaml")
}

fn flows(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flows"));
    // Nobody listens there, and nobody has to.
    command.env("NETPOL_SERVER", "nonsense").args(arguments);
    command
}

fn run(command: &mut Command, stdin: &[u8]) -> Ended {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // Who does not read it all has ended.
        let _ = to.write_all(&bytes);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Asks the world.
fn eval(arguments: &[&str], stdin: &[u8]) -> Ended {
    let mut command = flows(&["eval", "--manifests"]);
    run(command.arg(world()).args(arguments), stdin)
}

/// Asks standard input.
fn eval_text(manifests: &str, arguments: &[&str]) -> Ended {
    let mut command = flows(&["eval", "--manifests", "-"]);
    run(command.args(arguments), manifests.as_bytes())
}
