//! The binaries of this workspace, as they were built.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Path of the binary `name`, from the newest of these that exists: the directory of the running
/// program (and its parent, for tests in `deps`), then `debug` and `release` of the target
/// directory.
///
/// # Errors
/// [`Error::NotBuilt`].
pub fn binary(name: &str) -> Result<PathBuf> {
    let searched = candidates(name);
    searched
        .iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path.clone())))
        .max_by_key(|(modified, _)| *modified)
        .map(|(_, path)| path)
        .ok_or_else(|| Error::NotBuilt {
            name: name.to_owned(),
            searched,
        })
}

fn candidates(name: &str) -> Vec<PathBuf> {
    let running = std::env::current_exe().ok();
    let own = running.as_deref().and_then(Path::parent);
    let target = target_directory();
    let mut paths: Vec<PathBuf> = [own, own.and_then(Path::parent)]
        .into_iter()
        .flatten()
        .map(Path::to_owned)
        .chain([target.join("debug"), target.join("release")])
        .map(|directory| directory.join(name))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Where cargo builds to: `CARGO_TARGET_DIR`, or `target` in the workspace.
#[must_use]
pub fn target_directory() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => directory.into(),
        None => workspace().join("target"),
    }
}

/// Where `cargo xtask setup` puts programs that no package of the system has.
#[must_use]
pub fn tools_directory() -> PathBuf {
    target_directory().join("tools")
}

/// Root of the checkout this was built from.
#[must_use]
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_binary_says_how_to_get_it() {
        let error = binary("no-such-binary").unwrap_err().to_string();
        assert!(error.contains("cargo xtask build"), "{error}");
        assert!(workspace().join("Cargo.toml").exists());
    }
}
