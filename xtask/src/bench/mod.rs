//! `cargo xtask bench`: micro-benchmarks, and traffic with and without the agent.

mod traffic;

use anstream::println;
use anyhow::Result;

use crate::console::{self, HEADING};
use crate::{build, cargo, privilege};

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the traffic bench
    #[arg(long, conflicts_with = "micro")]
    traffic: bool,
    /// Only the micro-benchmarks
    #[arg(long)]
    micro: bool,
    /// Rounds of the traffic bench; the best of each kind counts
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: u16,
}

/// Runs what was asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.micro {
        privilege::require_root("The traffic bench makes network namespaces")?;
    }
    if !options.traffic {
        println!("{}", console::paint(HEADING, "── micro-benchmarks"));
        cargo::run(&mut cargo::command(["bench", "--benches"]))?;
    }
    if !options.micro {
        println!(
            "{}",
            console::paint(HEADING, "── traffic between two pods through the node")
        );
        build::binaries(true)?;
        traffic::run(options.rounds)?;
    }
    Ok(())
}
