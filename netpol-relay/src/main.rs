//! The relay's entry point.

use clap::Parser;
use netpol_relay::{config::Config, run};

fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run::daemon(config))
}
