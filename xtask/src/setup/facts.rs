//! What stands on this machine. Reads only.

use std::path::{Path, PathBuf};
use std::process::Command;

use netpol_testkit::command;

/// LLVM major version of the distribution's BPF toolchain.
pub(crate) const LLVM: &str = "22";

/// A program and the Debian package it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// Programs that tests and demo run.
pub(crate) const TOOLS: [Tool; 8] = [
    Tool {
        program: "ip",
        package: "iproute2",
        why: "namespaces and veths of tests and demo",
    },
    Tool {
        program: "tc",
        package: "iproute2",
        why: "filters of tests",
    },
    Tool {
        program: "nft",
        package: "nftables",
        why: "enforcement in tests and demo",
    },
    Tool {
        program: "iptables",
        package: "iptables",
        why: "enforcement in tests",
    },
    Tool {
        program: "bpftool",
        package: "bpftool",
        why: "tests list attached programs with it",
    },
    Tool {
        program: "openssl",
        package: "openssl",
        why: "certificates of tests",
    },
    Tool {
        program: "pip3",
        package: "python3-pip",
        why: "brings helm and kubectl",
    },
    Tool {
        program: "cc",
        package: "gcc",
        why: "links Rust programs",
    },
];

/// Debian packages of the kernel-side compiler with a precompiled core, and of bpf-linker's LLVM.
pub(crate) const KERNEL_PACKAGES: [(&str, &str); 4] = [
    ("rustc-web", "compiles the kernel side"),
    ("cargo-web", "builds the kernel side"),
    (
        "libstd-rust-web-dev-bpf",
        "core for the BPF target, precompiled",
    ),
    ("llvm-22-dev", "bpf-linker links against it"),
];

/// The state of a machine, as far as set-up cares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) root: bool,
    pub(crate) apt: bool,
    /// Installed ones among the packages that set-up may want.
    pub(crate) installed: Vec<String>,
    /// Of those not installed, the ones apt knows about. Empty before `apt-get update` on a machine
    /// without package lists.
    pub(crate) available: Vec<String>,
    /// Programs of [`TOOLS`] that were not found.
    pub(crate) missing_tools: Vec<Tool>,
    pub(crate) bpf_linker: bool,
    pub(crate) rustup: bool,
    pub(crate) nightly: bool,
    pub(crate) rust_src: bool,
    pub(crate) rustfmt: bool,
    pub(crate) clippy: bool,
}

impl Facts {
    pub(crate) fn gather() -> Self {
        let mut wanted: Vec<&str> = TOOLS.iter().map(|tool| tool.package).collect();
        wanted.extend(KERNEL_PACKAGES.iter().map(|(package, _)| *package));
        let apt = command::exists("apt-get");
        let installed = if apt { installed(&wanted) } else { Vec::new() };
        wanted.retain(|package| !installed.iter().any(|name| name == package));
        let rustup = command::exists("rustup");
        let nightly_sysroot = if rustup {
            rustc_sysroot("nightly")
        } else {
            None
        };
        Self {
            root: nix::unistd::geteuid().is_root(),
            apt,
            // Slow to ask, and of no interest on a complete machine.
            available: if apt && !wanted.is_empty() {
                available(&wanted)
            } else {
                Vec::new()
            },
            installed,
            missing_tools: TOOLS
                .into_iter()
                .filter(|tool| !command::exists(tool.program))
                .collect(),
            bpf_linker: bpf_linker().is_some(),
            rustup,
            nightly: nightly_sysroot.is_some(),
            rust_src: nightly_sysroot.is_some_and(|sysroot| has_sources(&sysroot)),
            rustfmt: runs("cargo", &["fmt", "--version"]),
            clippy: runs("cargo", &["clippy", "--version"]),
        }
    }

    pub(crate) fn has_package(&self, package: &str) -> bool {
        self.installed.iter().any(|name| name == package)
    }

    /// The distribution's kernel-side compiler is complete.
    pub(crate) fn distribution_compiler(&self) -> bool {
        KERNEL_PACKAGES[..3]
            .iter()
            .all(|(package, _)| self.has_package(package))
    }

    /// rustup's kernel-side compiler is complete.
    pub(crate) fn rustup_compiler(&self) -> bool {
        self.nightly && self.rust_src
    }
}

/// Where the agent's build script finds bpf-linker: PATH, then cargo's own home.
pub(crate) fn bpf_linker() -> Option<PathBuf> {
    command::find("bpf-linker")
        .or_else(|| Some(cargo_home()?.join("bin/bpf-linker")).filter(|path| path.is_file()))
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    command::output(Command::new(program).args(arguments)).is_ok()
}

/// `rustup which` never installs a toolchain, unlike `rustup run`.
fn rustc_sysroot(toolchain: &str) -> Option<PathBuf> {
    let which = ["which", "--toolchain", toolchain, "rustc"];
    let path = command::output(Command::new("rustup").args(which)).ok()?;
    Some(Path::new(path.trim()).parent()?.parent()?.to_owned())
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/core").is_dir()
}

fn installed(packages: &[&str]) -> Vec<String> {
    // It fails when one package is unknown, and lists the others all the same.
    let mut query = Command::new("dpkg-query");
    query
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(packages);
    let Ok(output) = query.output() else {
        return Vec::new();
    };
    let listing = String::from_utf8_lossy(&output.stdout);
    let names = listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"));
    names.map(str::to_owned).collect()
}

fn available(packages: &[&str]) -> Vec<String> {
    let mut query = Command::new("apt-cache");
    query.arg("policy").args(packages);
    command::output(&mut query).map_or_else(|_| Vec::new(), |text| with_candidate(&text))
}

/// Packages of an `apt-cache policy` listing that have a version to install.
fn with_candidate(policy: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut package = "";
    for line in policy.lines() {
        if !line.starts_with(' ') {
            package = line.trim_end_matches(':');
        } else if let Some(version) = line.trim().strip_prefix("Candidate: ")
            && version != "(none)"
        {
            found.push(package.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_without_a_candidate_are_not_available() {
        let policy = "nftables:\n  Installed: (none)\n  Candidate: 1.0.6\n  Version table:\n     \
                      1.0.6 500\nrustc-web:\n  Installed: (none)\n  Candidate: (none)\n";
        assert_eq!(with_candidate(policy), ["nftables"]);
    }
}
