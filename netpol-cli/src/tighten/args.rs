//! The arguments of `flows tighten`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use netpol_policy::tighten::Options;

use crate::error::CliError;
use crate::history;
use crate::unused::window;

/// What `flows tighten` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) options: Options,
    /// Also write what too little evidence speaks for.
    pub(super) include_insufficient: bool,
    pub(super) format: Format,
}

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
}

const AFTER: &str = "\
Looked for: address blocks, selectors and ranges of ports of which little was used, and rules for everyone or for every port. \
What let nothing through stays: see `flows unused`. Nothing is widened, and all that was used is replayed against the \
narrower policies before they are written.

Examples:
  flows tighten -n shop
  flows tighten --history week.jsonl.gz > narrower.yaml
  flows tighten -n shop | kubectl diff -f -
  flows tighten -o json | jq '.proposals[] | select(.supported) | .policy'

Exit codes: 0 success; 1 a narrower policy would have denied what was seen, and was not written; 2 bad input, no server, \
or nothing is remembered of a namespace.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("tighten")
        .about(
            "Write NetworkPolicies in force without what they permit and nothing was seen to use",
        )
        .after_help(AFTER)
        .args(history::arguments())
        .arg(
            Arg::new("namespace")
                .short('n')
                .long("namespace")
                .value_name("NAMESPACE")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help("Only policies of these namespaces"),
        )
        .arg(
            Arg::new("min-window")
                .long("min-window")
                .value_name("TIME")
                .default_value("7d")
                .help("Propose nothing for pods that were watched for less: 36h, 7d, 4w"),
        )
        .arg(
            Arg::new("include-insufficient")
                .long("include-insufficient")
                .action(ArgAction::SetTrue)
                .help("Also write the policies that too little evidence speaks for"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FORMAT")
                .default_value("yaml")
                .value_parser(["yaml", "json"])
                .help("How to write"),
        )
}

/// Reads the arguments, but for the history.
///
/// # Errors
/// A time that is none.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let defaults = Options::default();
    let namespaces = matches.get_many::<String>("namespace");
    let min_window = matches.get_one::<String>("min-window");
    let min_window = min_window.map(|text| window(text)).transpose()?;
    Ok(Arguments {
        options: Options {
            namespaces: namespaces
                .into_iter()
                .flatten()
                .map(|name| name.as_str().into())
                .collect(),
            min_window: min_window.unwrap_or(defaults.min_window),
            ..defaults
        },
        include_insufficient: matches.get_flag("include-insufficient"),
        format: match matches.get_one::<String>("output").map(String::as_str) {
            Some("json") => Format::Json,
            _ => Format::Yaml,
        },
    })
}
