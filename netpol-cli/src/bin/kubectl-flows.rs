//! `kubectl flows`: kubectl runs any `kubectl-…` it finds on the path.

use std::process::ExitCode;

fn main() -> ExitCode {
    netpol_cli::run("kubectl flows", std::env::args_os())
}
