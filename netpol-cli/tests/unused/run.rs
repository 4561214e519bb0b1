//! The binary, run where the history of a month lies.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unused")
}

pub(crate) fn flows(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flows"))
        .args(arguments)
        .current_dir(directory())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// `flows unused` of the month, and its exit code.
pub(crate) fn unused(arguments: &[&str]) -> (String, Option<i32>) {
    let month = ["unused", "--history", "month.jsonl"];
    let output = flows(&[&month, arguments].concat());
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code(),
    )
}
