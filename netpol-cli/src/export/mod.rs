//! `flows export`: what the nodes remember, into a file.
//!
//! ```text
//! an agent, or a relay ─► history::rpc ─► latest of each store ─► history::save ─► FILE
//! ```

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use netpol_policy::history::latest;

use crate::args::{self, since};
use crate::error::CliError;
use crate::history::{Contents, rpc, save, tell};
use crate::on_runtime;

const AFTER: &str = "\
The file holds what every node remembers: who connected to whom, which rules matched, when each node watched and what it \
lost, and the policies of that time. A node that could not be asked is named in it.

With --since, it holds what was last seen since then, and claims to have watched no longer; what is in it counts in full. It \
is for a look at the last day: `flows import` adds no such file to one that goes back further.

Examples:
  flows export -o week.jsonl.gz             all that is remembered
  flows export -o today.jsonl --since 24h   what was last seen within a day
  flows import mon.jsonl.gz tue.jsonl.gz --into week.jsonl.gz
  flows replay --history week.jsonl.gz --manifests deploy/

Exit codes: 0 success, also where single nodes are missing; 1 no server, or no node remembers anything; 2 wrong usage, or \
FILE cannot be written.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("export")
        .about("Write what the nodes remember of traffic into a file")
        .after_help(AFTER)
        .arg(
            Arg::new("into")
                .short('o')
                .long("output")
                .value_name("FILE")
                .required(true)
                .help("File to write; packed where its name ends in .gz; `-` is standard output"),
        )
        .arg(
            Arg::new("since")
                .long("since")
                .value_name("TIME")
                .help("Only what was seen since then: 90s, 5m, 24h, or 2026-03-01T09:30:00Z"),
        )
}

/// Asks once, and writes the answer.
///
/// # Errors
/// No server, nothing to write, or an output that does not take it: that has the exit code 2, also where it shows late.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let since = matches.get_one::<String>("since");
    let since = since
        .map(|text| since::moment(text))
        .transpose()
        .map_err(|error| CliError::Usage(format!("--since: {error}")))?;
    let path = matches
        .get_one::<String>("into")
        .map_or("-", String::as_str);
    let destination = save::Destination::open(path).map_err(CliError::no_answer)?;
    let connection = args::connection(matches)?;
    let parts = latest(on_runtime(rpc::read(&connection, since))?);
    parts.iter().for_each(tell::missing);
    if parts.iter().all(|part| part.nodes.is_empty()) {
        return Err(CliError::NothingRemembered);
    }
    destination
        .write(&parts)
        .map_err(|error| match error.is_broken_pipe() {
            true => error,
            false => error.no_answer(),
        })?;
    tell::note(&format!("{path}: {}", Contents::of(&parts).line()));
    Ok(ExitCode::SUCCESS)
}
