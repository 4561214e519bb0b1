//! `cargo xtask clean`.

use anstream::println;
use anyhow::Result;
use netpol_testkit::record;

use crate::privilege;

/// Removes what processes that are gone recorded as theirs.
pub(crate) fn run() -> Result<()> {
    privilege::require_root("Clean removes network namespaces")?;
    let removed = record::sweep()?;
    for resource in &removed {
        println!("removed {resource}");
    }
    if removed.is_empty() {
        println!("Nothing to remove: no killed run left anything behind.");
    }
    Ok(())
}
