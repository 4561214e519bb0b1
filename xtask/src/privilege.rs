//! What needs root says so in one sentence.

use anyhow::{Result, bail};

/// Fails unless the caller is root. `purpose` begins the sentence: "The demo makes …".
pub(crate) fn require_root(purpose: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    bail!(
        "{purpose}, which needs root: run `sudo -E env \"PATH=$PATH\" cargo xtask {}`.",
        arguments.join(" ")
    )
}
