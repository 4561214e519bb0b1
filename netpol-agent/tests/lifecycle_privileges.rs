//! What the agent may lack, and what it says when it lacks more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::traffic::{Outcome, TcpAttempt};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec, Result, artifact};
use scene::Scene;
use serde_json::Value;

/// An unprivileged user's number.
const NOBODY: &str = "65532";

/// A node with a pod, and a copy of the agent which that user may run there.
fn scene() -> (Scene, PathBuf) {
    let scene = Scene::new([PodSpec::new("ci/build", [10, 244, 9, 10].into())]);
    let directory = scene.directory.path();
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o777)).unwrap();
    let agent = directory.join("netpol-agent");
    std::fs::copy(artifact::binary("netpol-agent").unwrap(), &agent).unwrap();
    (scene, agent)
}

/// Starts it as that user with exactly these capabilities (`bpf,net_admin`; none when empty).
fn start(scene: &Scene, agent: &Path, capabilities: &str, hook: &str) -> Result<AgentProcess> {
    let words = capabilities.split(',').filter(|name| !name.is_empty());
    let set = words.fold("-all".to_owned(), |set, name| format!("{set},+{name}"));
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    for kind in ["--bounding-set", "--inh-caps", "--ambient-caps"] {
        command.args([kind, &set]);
    }
    command.arg(agent).args(["--hook", hook, "--inventory"]);
    command
        .arg(scene.directory.path().join("manifests"))
        .env("RUST_BACKTRACE", "0");
    AgentProcess::start_command(scene.cluster.node(), scene.directory.path(), command)
}

fn able() -> bool {
    require_root() && require(&[Requirement::Command("setpriv")])
}

#[test]
fn three_capabilities_are_enough_to_see_flows_and_drops() {
    if !able() {
        return;
    }
    for hook in ["tcx", "clsact"] {
        let (scene, binary) = scene();
        let agent = start(&scene, &binary, "bpf,perfmon,net_admin", hook).unwrap();
        let flows = FlowsCommand::against(&agent);
        for capability in capabilities(&agent) {
            // Names of kernel functions are for those with CAP_SYSLOG.
            assert!(
                capability["available"] == true || capability["name"] == "symbols",
                "{capability}"
            );
        }
        let build = scene.cluster.pod("ci/build").netns();
        let nowhere = TcpAttempt::to(([10, 244, 9, 99], 80).into());
        assert_eq!(nowhere.connect_from(build).unwrap(), Outcome::Unreachable);
        let seen = flows
            .wait_for(
                &["--to-address", "10.244.9.99"],
                Duration::from_secs(10),
                |flow| flow["source"]["pod"] == "build",
            )
            .unwrap();
        assert!(seen.is_some(), "{}", agent.log());
        agent.stop().unwrap();
    }
}

#[test]
fn with_syslog_nothing_is_missing_that_root_has() {
    if !able() {
        return;
    }
    let (scene, binary) = scene();
    let agent = start(&scene, &binary, "bpf,perfmon,net_admin,syslog", "auto").unwrap();
    let limited = capabilities(&agent);
    agent.stop().unwrap();
    let agent = scene.agent(&[]);
    assert_eq!(limited, capabilities(&agent));
    agent.stop().unwrap();
}

/// What the agent says the kernel offers it.
fn capabilities(agent: &AgentProcess) -> Vec<Value> {
    let text = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    let status: Value = serde_json::from_str(&text).unwrap();
    status["capabilities"].as_array().unwrap().clone()
}

#[test]
fn each_missing_capability_is_named() {
    if !able() {
        return;
    }
    let (scene, binary) = scene();
    for (capabilities, missing) in [
        ("perfmon,net_admin,syslog", "CAP_BPF"),
        ("bpf,net_admin,syslog", "CAP_PERFMON"),
        ("bpf,perfmon,syslog", "CAP_NET_ADMIN"),
        (
            "",
            "CAP_BPF is missing (to make maps and load programs), CAP_PERFMON",
        ),
    ] {
        let error = start(&scene, &binary, capabilities, "auto")
            .unwrap_err()
            .to_string();
        let last = error.lines().last().unwrap_or_default();
        let expected =
            format!("Error: run as root or with more capabilities: {missing} is missing");
        assert!(last.starts_with(&expected), "{capabilities}: {error}");
    }
}
