//! Disks that are full or cannot be written.

#[path = "../support/figures.rs"]
mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

use figures::{HTTP, figure, wait_for_figure};
use netpol_testkit::{AgentProcess, command};

use crate::stage::{Stage, ask, can_run, settled};

const UP: &str = "netpol_export_up{export=\"history\"}";
const FAILURES: &str = "netpol_export_failures_total{export=\"history\"}";

/// A file system in memory. Unmounted when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path, options: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "netpol-test"]);
        command::output(mount.arg(at)).unwrap();
        Self(at.to_owned())
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.arg("-o").arg(format!("remount,{options}"));
        command::output(mount.arg(&self.0)).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Also while an agent still has it open.
        let mut umount = Command::new("umount");
        let _ = umount.arg("--lazy").arg(&self.0).output();
    }
}

/// What `flows status` says keeps the history from being written; empty while nothing does.
fn trouble(agent: &AgentProcess) -> String {
    let status = ask(agent, &["status"]);
    let mut exports = status["exports"].as_array().unwrap().iter();
    let history = exports.find(|export| export["name"] == "history").unwrap();
    let error = history["error"].as_str();
    error.unwrap_or_default().to_owned()
}

/// The agent goes on in memory while its disk is as it was mounted, and writes once it is as remounted.
fn goes_on_and_recovers(mounted: &str, remounted: &str, told: &str) {
    let stage = Stage::new("");
    let tmpfs = Tmpfs::mount(&stage.store(), mounted);
    let agent = stage.agent(&["--http-listen", HTTP]);
    let error = settled(|| trouble(&agent), |error| !error.is_empty());
    assert!(error.contains(told), "{error:?}: {}", agent.log());
    let node = stage.scene.cluster.node();
    assert_eq!(wait_for_figure(node, UP, 0), 0);
    assert!(figure(node, FAILURES) > 0);
    stage.talk("ci/build", "data/db", 5432, 3);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 3), 3);
    let about = |line: &&str| line.contains("history") && line.contains("WARN");
    let lines = agent.log().lines().filter(about).count();
    assert_eq!(lines, 1, "told once: {}", agent.log());

    tmpfs.remount(remounted);
    let error = settled(|| trouble(&agent), String::is_empty);
    assert_eq!(error, "", "{}", agent.log());
    assert_eq!(wait_for_figure(node, UP, 1), 1);
    agent.stop().unwrap();
    let agent = stage.agent(&[]);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 3), 3);
    agent.kill().unwrap();
}

#[test]
fn a_full_disk_is_told_and_waited_for() {
    if can_run() {
        goes_on_and_recovers("size=16k", "size=256m", "space");
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_told_and_waited_for() {
    if can_run() {
        goes_on_and_recovers("size=256m,ro", "rw", "ead-only");
    }
}
