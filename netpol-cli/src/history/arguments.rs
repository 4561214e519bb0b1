//! Flags of every command that reads a history.

use clap::{Arg, ArgAction};

/// `--history`; without it the server is asked.
pub(crate) fn arguments() -> [Arg; 1] {
    [Arg::new("history")
        .long("history")
        .value_name("FILE")
        .action(ArgAction::Append)
        .num_args(1..)
        .help(
            "History files, written by `flows export` and added up; `-` is standard input [default: what the server \
             has now]",
        )]
}
