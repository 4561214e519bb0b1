//! The daemon's entry point.

use std::process::ExitCode;

use clap::Parser;
use netpol_agent::{config::Config, run, self_test};

fn main() -> anyhow::Result<ExitCode> {
    let config = Config::parse();
    if config.self_test {
        let passed = self_test::run(&config)?;
        return Ok(if passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run::daemon(config));
    // A credential plugin that never ends is not waited for.
    runtime.shutdown_background();
    ended?;
    Ok(ExitCode::SUCCESS)
}
