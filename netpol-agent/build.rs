//! Builds the kernel side and hands its object to the agent, which embeds it.
//!
//! Two toolchains can do it; `NETPOL_EBPF_TOOLCHAIN` chooses (`auto`, `distribution`, `rustup`):
//! - the distribution's compiler, where it comes with a precompiled core for BPF (Debian: `libstd-rust-web-dev-bpf`);
//! - rustup's nightly with `rust-src`, which compiles core itself.
//!
//! `cargo xtask setup` installs one of them, and `bpf-linker`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "bpfel-unknown-none";
const DISTRIBUTION_CARGO: &str = "/usr/bin/cargo";
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

/// `-C target-cpu=v3`: 32-bit registers, and with them atomics that a program may name (kernel 5.12).
const RUSTFLAGS: &str = "-C linker=bpf-linker -C target-cpu=v3 -C debuginfo=2 -C link-arg=--btf";

enum Toolchain {
    Distribution,
    Rustup,
}

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for path in [
        "netpol-ebpf",
        "netpol-common/src",
        "netpol-common/Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo::rerun-if-env-changed=NETPOL_EBPF_TOOLCHAIN");
    let target_dir = PathBuf::from(variable("OUT_DIR")).join("kernel");
    let Some(toolchain) = choose() else {
        fail("no compiler for the kernel side was found");
    };
    let mut command = cargo(&toolchain);
    command
        .current_dir(&root)
        .args(["build", "--release", "--package", "netpol-ebpf"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target_dir);
    if env::var_os("CARGO_FEATURE_KERNEL_LOG").is_some() {
        command.args(["--features", "log"]);
    }
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => fail("the kernel side did not build (see above)"),
        Err(error) => fail(&format!("cannot run {:?}: {error}", command.get_program())),
    }
    let object = target_dir.join(TARGET).join("release/netpol-ebpf");
    println!("cargo::rustc-env=NETPOL_KERNEL_OBJECT={}", object.display());
}

fn choose() -> Option<Toolchain> {
    let wanted = env::var("NETPOL_EBPF_TOOLCHAIN").unwrap_or_else(|_| "auto".to_owned());
    match wanted.as_str() {
        "distribution" => Some(Toolchain::Distribution),
        "rustup" => Some(Toolchain::Rustup),
        "auto" if distribution_has_core() => Some(Toolchain::Distribution),
        "auto" if rustup_has_source() => Some(Toolchain::Rustup),
        "auto" => None,
        other => fail(&format!(
            "NETPOL_EBPF_TOOLCHAIN is `{other}`, expected auto, distribution or rustup"
        )),
    }
}

fn distribution_has_core() -> bool {
    Path::new("/usr/lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir()
        && Path::new(DISTRIBUTION_CARGO).exists()
}

fn rustup_has_source() -> bool {
    let sysroot = Command::new("rustup")
        .args(["run", "nightly", "rustc", "--print", "sysroot"])
        .output();
    sysroot.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success()
            && Path::new(&sysroot)
                .join("lib/rustlib/src/rust/library/core")
                .is_dir()
    })
}

/// A cargo that knows nothing of the build it runs in: that one is for another target with other flags.
fn cargo(toolchain: &Toolchain) -> Command {
    let mut command = match toolchain {
        Toolchain::Distribution => {
            let mut command = Command::new(DISTRIBUTION_CARGO);
            command
                .env("RUSTC", DISTRIBUTION_RUSTC)
                // The kernel side needs `asm!` for BPF, which stable compilers keep behind a feature gate.
                .env("RUSTC_BOOTSTRAP", "1");
            command
        }
        Toolchain::Rustup => {
            let mut command = Command::new("rustup");
            command
                .args(["run", "nightly", "cargo", "-Z", "build-std=core"])
                .env_remove("RUSTC");
            command
        }
    };
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "CARGO",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
    ] {
        command.env_remove(name);
    }
    command.env("RUSTFLAGS", RUSTFLAGS);
    if let Some(home) = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
    {
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(home.join("bin")).chain(env::split_paths(&path));
        if let Ok(path) = env::join_paths(paths) {
            command.env("PATH", path);
        }
    }
    command
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("cargo did not set {name}")))
}

fn fail(reason: &str) -> ! {
    eprintln!(
        "error: {reason}\nhelp: `cargo xtask setup` installs what the kernel side needs, `cargo xtask doctor` says what is missing"
    );
    exit(1);
}
