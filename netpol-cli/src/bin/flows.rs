//! `flows`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    netpol_cli::run("flows", std::env::args_os())
}
