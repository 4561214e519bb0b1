//! `cargo xtask build`.

use anyhow::Result;

use crate::cargo;
use crate::setup::{self, plan::Toolchain};

/// Options of `cargo xtask build`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Optimised, as it is shipped
    #[arg(long)]
    pub(crate) release: bool,
}

/// Sets up, then builds all host crates; the agent's build script builds and embeds the kernel side.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::ensure(Toolchain::Auto)?;
    let release = options.release.then_some("--release");
    cargo::run(&mut cargo::command(["build"].into_iter().chain(release)))
}

/// Builds what demo and traffic bench run, quietly unless there is something to do.
pub(crate) fn binaries(release: bool) -> Result<()> {
    setup::ensure(Toolchain::Auto)?;
    let arguments = ["build", "-p", "netpol-agent", "-p", "netpol-cli", "--bins"];
    cargo::run(&mut cargo::command(
        arguments.into_iter().chain(release.then_some("--release")),
    ))
}
