//! What a test needs from the machine. A test that cannot run never passes silently.

use std::fmt;
use std::io::Write;
use std::path::Path;

use crate::command;

/// Something a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// User id 0.
    Root,
    /// A program on PATH.
    Command(&'static str),
    /// A file that the kernel offers when it has a feature, such as `/sys/kernel/btf/vmlinux`.
    KernelFile(&'static str),
}

impl Requirement {
    fn is_met(self) -> bool {
        match self {
            Self::Root => nix::unistd::geteuid().is_root(),
            Self::Command(program) => command::exists(program),
            Self::KernelFile(path) => Path::new(path).exists(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Command(program) => write!(f, "the program {program}"),
            Self::KernelFile(path) => write!(f, "a kernel with {path}"),
        }
    }
}

/// Environment variable naming the file to which each skipped test adds a line.
pub const SKIPPED_FILE: &str = "NETPOL_SKIPPED_FILE";

/// True when the calling test can run. Otherwise the skip is written to standard error (past the
/// test runner's capture) and to the file named by [`SKIPPED_FILE`], and false is returned.
///
/// # Panics
/// With `CI` set in the environment: there a skipped test is a failed one.
#[must_use]
pub fn require(requirements: &[Requirement]) -> bool {
    let missing: Vec<String> = requirements
        .iter()
        .filter(|requirement| !requirement.is_met())
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED {test}: needs {}\n", missing.join(" and "));
    assert!(
        std::env::var_os("CI").is_none(),
        "{line}under CI every test has to run"
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os(SKIPPED_FILE) {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    false
}

/// True when the calling test can run as root with the tools that every cluster needs.
///
/// # Panics
/// As [`require`].
#[must_use]
pub fn require_root() -> bool {
    require(&[Requirement::Root, Requirement::Command("ip")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_told_apart() {
        assert!(Requirement::Command("sh").is_met());
        assert!(!Requirement::Command("no-such-program-netpol").is_met());
        assert!(Requirement::KernelFile("/proc/self/stat").is_met());
        assert_eq!(Requirement::Command("nft").to_string(), "the program nft");
    }
}
