//! The real `flows` binary against servers that play a script.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

mod cluster;
mod drift;
mod history;
mod local;
mod paused;
mod scripted;

use tokio::process::Command;

/// A call that nothing around it decides: no variable, no kubeconfig of whoever runs the tests.
fn flows(arguments: &[&str]) -> Command {
    call(env!("CARGO_BIN_EXE_flows"), arguments)
}

fn call(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("TZ", "UTC").kill_on_drop(true);
    for variable in [
        "NETPOL_SERVER",
        "NETPOL_NAMESPACE",
        "KUBECONFIG",
        "HTTPS_PROXY",
        "https_proxy",
    ] {
        command.env_remove(variable);
    }
    command.env("HOME", "/nonexistent");
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
