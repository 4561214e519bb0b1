//! The binary, run on a history.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use netpol_history::Writer;
use netpol_history::file;
use netpol_policy::history::History;
use tempfile::TempDir;

use crate::shop;

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay")
}

/// A history in a file of its own.
pub(crate) struct Recorded(TempDir);

impl Recorded {
    pub(crate) fn of(history: &History) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("week.jsonl");
        let output = file::Output::new(File::create(&path).unwrap(), &path);
        let mut writer = Writer::new(output, shop::at(0), "test").unwrap();
        writer.history(history).unwrap();
        writer.end().unwrap().finish().unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("week.jsonl")
    }

    /// Writes manifests beside it, and gives their path.
    pub(crate) fn manifests(&self, text: &str) -> String {
        let path = self.0.path().join("manifests.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn replay(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flows"))
            .arg("replay")
            .arg("--history")
            .arg(self.path())
            .args(arguments)
            .current_dir(directory())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What is printed of the proposed policies.
    pub(crate) fn proposed(&self, arguments: &[&str]) -> String {
        let arguments = [&["--manifests", "proposed"], arguments].concat();
        String::from_utf8(self.replay(&arguments).stdout).unwrap()
    }
}
