//! The arguments of `flows drift`.

use std::time::SystemTime;

use clap::{Arg, ArgAction, ArgMatches, Command};
use netpol_policy::drift::Options;

use crate::args::{Output, output, output_of, since};
use crate::error::CliError;
use crate::history;

/// What `flows drift` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) options: Options,
    pub(super) output: Output,
    /// Whether drift is a failure.
    pub(super) fail: bool,
}

const AFTER: &str = "\
What was seen and what policies say are never derived from one another; this lists where they disagree:
  not-enforced      denied by policy, and it went through
  host-network      the same, and an end is a node or a hostNetwork pod: network plugins differ there
  late-enforcement  the same, all of it around a change: who enforces policies heard of it later or earlier than the agent
  already-open      the same, all of it perhaps open before the agent started: what policies do to that is undefined
  dropped           allowed by policy, and a firewall of the node stopped it
  late-admission    the same, all of it around a change

Examples:
  flows drift                                  of the whole cluster, by its relay
  flows drift --since 1h -n prod
  flows drift --history week.jsonl.gz --fail   in CI or from cron

Exit codes: 0 success; with --fail, 1 where something is not-enforced, host-network or dropped; 2 for bad input, where \
nothing could be read and, with --fail, where nothing could be compared or lines of the history could not be read.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("drift")
        .about("Show where what was seen and what policies say disagree")
        .after_help(AFTER)
        .args(history::arguments())
        .arg(
            Arg::new("since")
                .long("since")
                .value_name("TIME")
                .help("Only traffic seen since then: 90s, 5m, 2h, or 2026-03-01T09:30:00Z"),
        )
        .arg(
            Arg::new("namespace")
                .short('n')
                .long("namespace")
                .value_name("NAMESPACE")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help("Only what has an end or a policy in these namespaces"),
        )
        .arg(output(&["text", "wide", "json"]))
        .arg(
            Arg::new("fail")
                .long("fail")
                .action(ArgAction::SetTrue)
                .help("Exit with 1 where anything disagrees that neither a change nor the agent's start explains"),
        )
}

/// Reads the arguments, but for the history.
///
/// # Errors
/// A time that is none.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let since = matches.get_one::<String>("since");
    let since = since.map(|text| since::moment(text)).transpose();
    let since = since.map_err(|error| CliError::Usage(format!("--since: {error}")))?;
    let namespaces = matches.get_many::<String>("namespace");
    Ok(Arguments {
        options: Options {
            since: since.map(SystemTime::from),
            namespaces: namespaces.into_iter().flatten().cloned().collect(),
        },
        output: output_of(matches),
        fail: matches.get_flag("fail"),
    })
}
