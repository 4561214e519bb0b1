//! Every developer action: `cargo xtask ACTION`.
//!
//! ```text
//!   setup ◄── build ◄─┬─ test    fmt, clippy, all tests      doctor  what is missing, what it costs
//!  (installs what is   ├─ demo    a cluster to look at       docs    docs/cli.md
//!      missing)        └─ bench   ratios with and without    clean   leftovers of killed runs
//!       └── in a container: image                            fuzz    fuzz targets, for a while
//! ```

mod bench;
mod build;
mod cargo;
mod clean;
mod console;
mod demo;
mod docs;
mod doctor;
mod fuzz;
mod image;
mod privilege;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer actions: set-up, build, demo, test, bench.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find what is missing on this machine and install it
    Setup {
        /// Where the kernel-side compiler comes from
        #[arg(long, value_enum, default_value_t = setup::plan::Toolchain::Auto)]
        toolchain: setup::plan::Toolchain,
        /// Only what building and the demo need, without the tests' helm and kubectl
        #[arg(long)]
        build_only: bool,
    },
    /// Explain what this machine has and lacks, and what that costs
    Doctor,
    /// Build the kernel side, the agent and flows
    Build(build::Options),
    /// Run formatting, lints and all tests
    Test(test::Options),
    /// Show the product on a small cluster of network namespaces (needs root)
    Demo(demo::Options),
    /// Measure: micro-benchmarks, and traffic with and without the agent (needs root)
    Bench(bench::Options),
    /// Regenerate docs/cli.md
    Docs,
    /// Run the fuzz targets for a bounded time
    Fuzz(fuzz::Options),
    /// Build the container image into an OCI archive, with docker, podman or buildah
    Image(image::Options),
    /// Remove what killed demo and test runs left behind, by exact name
    Clean,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().action {
        Action::Setup {
            toolchain,
            build_only,
        } => setup::run(toolchain, build_only),
        Action::Doctor => doctor::run(),
        Action::Build(options) => build::run(&options),
        Action::Test(options) => test::run(&options),
        Action::Demo(options) => demo::run(&options),
        Action::Bench(options) => bench::run(&options),
        Action::Docs => docs::run(),
        Action::Fuzz(options) => fuzz::run(&options),
        Action::Image(options) => image::run(&options),
        Action::Clean => clean::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{} {error:#}", console::paint(console::BAD, "error:"));
            ExitCode::FAILURE
        }
    }
}
