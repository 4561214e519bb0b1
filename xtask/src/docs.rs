//! `cargo xtask docs`.

use anyhow::Result;

use crate::cargo;

/// Regenerates `docs/cli.md` from the definition of the command line.
pub(crate) fn run() -> Result<()> {
    cargo::run(&mut cargo::command([
        "run",
        "-q",
        "-p",
        "netpol-cli",
        "--example",
        "cli-docs",
    ]))
}
