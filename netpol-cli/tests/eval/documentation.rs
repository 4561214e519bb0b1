//! docs/evaluating-manifests.md: its commands do what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/evaluating-manifests.md");

/// The fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let parts = PAGE.split("```").skip(1).step_by(2);
    let prefix = format!("{language}\n");
    parts
        .filter_map(|part| part.strip_prefix(&prefix))
        .collect()
}

#[test]
fn every_command_runs_as_written_and_answers_as_shown() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("shop.yaml"), blocks("yaml")[0]).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_flows")).parent().unwrap();
    let path = std::env::join_paths([program, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let mut last = String::new();
    let codes: Vec<_> = blocks("sh")
        .into_iter()
        .map(|block| {
            let mut shell = Command::new("sh");
            let shell = shell.arg("-c").arg(block).env("PATH", &path);
            let output = shell.current_dir(directory.path()).output().unwrap();
            assert!(output.stderr.is_empty(), "{output:?}");
            last = String::from_utf8(output.stdout).unwrap();
            output.status.code()
        })
        .collect();
    // The last one asks about a workload that is not there.
    assert_eq!(codes, [Some(0), Some(0), Some(0), Some(2)]);
    assert_eq!(last, blocks("jsonl")[0]);
}
