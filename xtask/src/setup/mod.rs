//! `cargo xtask setup`: finds what is missing, says why it is needed, installs it.

pub(crate) mod cluster_tools;
pub(crate) mod facts;
pub(crate) mod plan;

use std::process::Command;

use anstream::println;
use anyhow::{Context, Result, bail};

use crate::console;
use facts::{Facts, LLVM};
use plan::{Action, Plan, Step, Toolchain};

/// Installs what is missing: for building and the demo, and unless `build_only` for all tests.
pub(crate) fn run(toolchain: Toolchain, build_only: bool) -> Result<()> {
    let mut taken = ensure(toolchain)?;
    if !build_only {
        taken += cluster_tools::ensure()?;
    }
    if taken == 0 {
        println!("Nothing to do: everything that building, testing and the demo need is here.");
    }
    Ok(())
}

/// Installs what building and the demo miss and returns how many steps that took. Silent when it took none.
pub(crate) fn ensure(toolchain: Toolchain) -> Result<usize> {
    let facts = Facts::gather();
    match plan::plan(&facts, toolchain, false) {
        Plan::Steps(steps) => perform(&steps, facts.root),
        Plan::Impossible(why) => bail!(why),
        Plan::Refresh(step) => {
            let refreshed = perform(&[step], facts.root)?;
            let facts = Facts::gather();
            match plan::plan(&facts, toolchain, true) {
                Plan::Steps(steps) => Ok(refreshed + perform(&steps, facts.root)?),
                Plan::Impossible(why) => bail!(why),
                Plan::Refresh(_) => bail!("apt-get update brought no package lists"),
            }
        }
    }
}

fn perform(steps: &[Step], root: bool) -> Result<usize> {
    if !root && steps.iter().any(|step| step.action.needs_root()) {
        let lines: Vec<String> = steps
            .iter()
            .filter(|step| step.action.needs_root())
            .map(|step| format!("  sudo {}   # {}", step.action, step.why))
            .collect();
        bail!(
            "Packages are missing and only root can install them. Run this, then try again:\n{}",
            lines.join("\n")
        );
    }
    for step in steps {
        println!("{} ({})", console::bold(&step.action.to_string()), step.why);
        let status = command(&step.action)
            .status()
            .with_context(|| format!("cannot start `{}`", step.action))?;
        if !status.success() {
            bail!("`{}` failed ({status})", step.action);
        }
    }
    Ok(steps.len())
}

fn command(action: &Action) -> Command {
    let words = action.command();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    match action {
        Action::AptUpdate | Action::AptInstall(_) => {
            command.env("DEBIAN_FRONTEND", "noninteractive");
        }
        Action::LinkerForDistribution => {
            let prefix = format!("/usr/lib/llvm-{LLVM}");
            let path = std::env::var("PATH").unwrap_or_default();
            command
                .env("PATH", format!("{prefix}/bin:{path}"))
                .env("LLVM_PREFIX", prefix);
        }
        Action::LinkerForRustup | Action::RustupNightly | Action::RustupComponent(_) => {}
    }
    // Cargo's wrapper around us names our own package and profile: none of the installed ones'.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}
