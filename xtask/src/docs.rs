//! `cargo xtask docs`.

use anyhow::Result;

use crate::cargo;

/// Regenerates `docs/cli.md` from the definition of the command line: the test that compares the
/// two writes the page when it is told to.
pub(crate) fn run() -> Result<()> {
    let mut test = cargo::command(["test", "--quiet", "-p", "netpol-cli", "--test", "reference"]);
    cargo::run(test.env("UPDATE_REFERENCE", "1"))
}
