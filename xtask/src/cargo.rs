//! Running cargo in this workspace.

use std::process::Command;

use anyhow::{Context, Result, bail};
use netpol_testkit::{artifact, command};

/// `cargo ARGUMENTS`, in the root of the workspace.
pub(crate) fn command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    // The cargo that started us, so that a `cargo +TOOLCHAIN xtask` stays on its toolchain.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(artifact::workspace());
    command
}

/// Runs `command` with our own terminal; a failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command::describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}
