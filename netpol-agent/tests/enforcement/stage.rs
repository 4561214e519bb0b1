//! Connections whose flow is waited for, and what `flows` makes of them.

use std::time::Duration;

use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::traffic::{Outcome, TcpAttempt};
use netpol_testkit::{AgentProcess, FlowsCommand};
use serde_json::Value;

use crate::scene::Scene;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn can_run() -> bool {
    let programs = ["ip", "nft"].map(Requirement::Command);
    require(&[&[Requirement::Root], programs.as_slice()].concat())
}

/// Connects from `ci/build` to port 5432, which policies deny, and waits until the agent has told of it.
pub(crate) fn connect(scene: &Scene, agent: &AgentProcess, to: &str, port: u16, expected: Outcome) {
    let flow = observe(scene, agent, to, port, expected);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
}

/// The same, whatever policies say; gives what is told.
pub(crate) fn observe(
    scene: &Scene,
    agent: &AgentProcess,
    to: &str,
    port: u16,
    expected: Outcome,
) -> Value {
    let attempt = TcpAttempt::to(scene.cluster.pod(to).at(5432))
        .from_port(port)
        .timeout(Duration::from_millis(500));
    let build = scene.cluster.pod("ci/build").netns();
    assert_eq!(attempt.exchange_from(build, b"hello").unwrap(), expected);
    let told = FlowsCommand::against(agent)
        .wait_for(&["--from-port", &port.to_string()], PATIENCE, |_| true)
        .unwrap();
    told.unwrap_or_else(|| panic!("no flow from {port}: {}", agent.log()))
}

pub(crate) fn flows(agent: &AgentProcess, arguments: &[&str]) -> Value {
    let all = arguments.iter().copied().chain(["-o", "json"]);
    let text = FlowsCommand::against(agent).text(all).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn drift(agent: &AgentProcess) -> Value {
    flows(agent, &["drift"])
}
