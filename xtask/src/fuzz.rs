//! `cargo xtask fuzz`.

use std::process::Command;

use anstream::println;
use anyhow::{Context, Result, bail};
use netpol_testkit::{artifact, command};

use crate::{cargo, console};

/// Options of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Target to run; all of them by default
    target: Option<String>,
    /// How long to run each target
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
}

/// Runs each target for a bounded time. Needs cargo-fuzz and rustup's nightly.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !command::exists("cargo-fuzz") {
        bail!("cargo-fuzz is not installed: run `cargo install cargo-fuzz`");
    }
    let targets = match &options.target {
        Some(target) => vec![target.clone()],
        None => all_targets()?,
    };
    for target in targets {
        println!(
            "{}",
            console::paint(console::HEADING, &format!("fuzz {target}"))
        );
        let time = format!("-max_total_time={}", options.seconds);
        // rustup's proxy, not the cargo that started us: only the proxy knows `+nightly`.
        let mut fuzz = Command::new("cargo");
        fuzz.current_dir(artifact::workspace());
        fuzz.args(["+nightly", "fuzz", "run", &target, "--", &time]);
        cargo::run(fuzz.env_remove("RUSTUP_TOOLCHAIN"))?;
    }
    Ok(())
}

fn all_targets() -> Result<Vec<String>> {
    let directory = artifact::workspace().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&directory)
        .with_context(|| format!("no fuzz targets in {}", directory.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
