//! The command line, and what it asks the server for.

mod connection;
mod filters;
mod namespaces;
pub(crate) mod since;

#[cfg(test)]
use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use netpol_api::v1::WatchFlowsRequest;

pub(crate) use connection::read as connection;
pub(crate) use filters::join_negations;
pub(crate) use namespaces::Namespaces;

use crate::{
    connection::Connection, drift, error::CliError, eval, explain, export, import, matrix, replay,
    suggest, tighten, unused,
};

/// How to write items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Wide,
    Json,
}

/// `flows watch` and `flows list`.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) connection: Connection,
    pub(crate) request: WatchFlowsRequest,
    pub(crate) namespaces: Namespaces,
    /// Never rewrite a line that stands.
    pub(crate) append: bool,
    pub(crate) output: Output,
    pub(crate) color: anstream::ColorChoice,
}

/// `flows status`.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) connection: Connection,
    /// The one node that is of interest.
    pub(crate) node: Option<String>,
    pub(crate) output: Output,
    pub(crate) color: anstream::ColorChoice,
}

const ABOUT: &str =
    "Shows the connections of pods: which were allowed, which were blocked, and by which policy";

const EXAMPLES: &str = "\
Examples:
  flows watch --blocked                       what is blocked, live
  flows watch --to-namespace prod --port 443  new connections into prod
  flows list --since 5m --policy prod/db      kept flows that policy prod/db decided
  flows watch --not --namespace kube-system   everything but kube-system
  flows watch -A --context kind-dev           everything that a cluster's relay has, from a laptop
  flows list -o json | jq .summary            one JSON object a line
  flows eval --manifests deploy/ --from 'prod/web[Deployment]' --to 'prod/db[Service]' --port 5432
                                              whether manifests allow it, without a cluster

Exit codes: 0 success, 1 no server or a broken stream, 2 wrong usage; drift, eval, explain, import, \
replay, suggest, tighten and unused have their own.";

const COMPLETION: &str = "\
Examples:
  flows completion bash > /etc/bash_completion.d/flows
  kubectl flows completion kubectl > ~/.local/bin/kubectl_complete-flows
  chmod +x ~/.local/bin/kubectl_complete-flows    anywhere on the PATH; for `kubectl flows`";

const FILTERING: &str = "\
Flags of different kinds all have to match, one value of a kind is enough: --namespace a,b --port 443.
--not before a filter flag excludes what it matches: --not --port 53. Several exclude one by one.
Names may end in `*`.";

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("flows")
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .args(connection::arguments())
        .arg(
            Arg::new("color")
                .long("color")
                .global(true)
                .value_name("WHEN")
                .default_value("auto")
                .value_parser(["auto", "always", "never"])
                .help("When to colour; auto: on a terminal, unless NO_COLOR is set"),
        )
        .subcommand(stream_command("watch", "Show flows as they happen", "0").arg(append()))
        .subcommand(stream_command(
            "list",
            "Show the flows that are kept, then exit",
            "all",
        ))
        .subcommand(
            Command::new("status")
                .about("Show what is watched on each node, what is degraded and why, and what was lost")
                .arg(output(&["text", "json"]))
                .arg(
                    Arg::new("node")
                        .long("node")
                        .value_name("NAME")
                        .help("All that the agent of one node says"),
                ),
        )
        .subcommand(drift::command())
        .subcommand(replay::command())
        .subcommand(asks_nobody(eval::command()))
        .subcommand(asks_nobody(explain::command()))
        .subcommand(export::command())
        .subcommand(asks_nobody(import::command()))
        .subcommand(asks_nobody(matrix::command()))
        .subcommand(suggest::command())
        .subcommand(tighten::command())
        .subcommand(unused::command())
        .subcommand(asks_nobody(
            Command::new("version").about("Show the version"),
        ))
        .subcommand(asks_nobody(
            Command::new("completion")
                .about("Write a completion script for a shell, or the program by which kubectl completes")
                .after_help(COMPLETION)
                .arg(
                    Arg::new("shell")
                        .required(true)
                        .value_parser(["bash", "elvish", "fish", "powershell", "zsh", "kubectl"]),
                ),
        ))
        .subcommand(asks_nobody(
            Command::new("man").about("Write the manual page").arg(
                Arg::new("dir")
                    .long("dir")
                    .value_name("DIR")
                    .help("Write one page for each command into this directory instead"),
            ),
        ))
}

/// A command that asks no server.
fn asks_nobody(command: Command) -> Command {
    command.args(connection::ignored())
}

fn stream_command(name: &'static str, about: &'static str, last: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .after_help(FILTERING)
        .arg(output(&["text", "wide", "json"]))
        .arg(
            Arg::new("last")
                .long("last")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help(format!("At most this many kept flows [default: {last}]")),
        )
        .arg(
            Arg::new("since")
                .long("since")
                .value_name("TIME")
                .help("Kept flows from then on: 90s, 5m, 2h, or 2026-03-01T09:30:00Z"),
        )
        .arg(
            Arg::new("blocked")
                .long("blocked")
                .action(ArgAction::SetTrue)
                .help("Only blocked connections: dropped or rejected"),
        )
        .arg(namespaces::argument())
        .args(filters::arguments())
}

fn append() -> Arg {
    Arg::new("append")
        .long("append")
        .action(ArgAction::SetTrue)
        .help("On a terminal, never rewrite a line: print each flow once, and again when its verdict changes")
}

pub(crate) fn output(formats: &[&'static str]) -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .default_value("text")
        .value_parser(formats.to_vec())
        .help("How to write")
}

/// Reads the arguments of `watch` (`follow`) and `list`.
pub(crate) fn watch(matches: &ArgMatches, follow: bool) -> Result<Watch, CliError> {
    let since = matches
        .get_one::<String>("since")
        .map(|text| since::parse(text))
        .transpose();
    let since = since.map_err(|error| CliError::Usage(format!("--since: {error}")))?;
    let (mut filter, exclude) = filters::read(matches)?;
    let namespaces = namespaces::read(matches, &mut filter, &exclude);
    let last = matches.get_one::<u64>("last").copied();
    let request = WatchFlowsRequest {
        // Following servers send no kept flows unless asked to: --since asks.
        last: last.or((follow && since.is_some()).then_some(u64::MAX)),
        since,
        until: None,
        follow,
        blocked_only: matches.get_flag("blocked"),
        filter: Some(filter),
        exclude: Some(exclude),
    };
    Ok(Watch {
        connection: connection::read(matches)?,
        request,
        namespaces,
        append: !follow || matches.get_flag("append"),
        output: output_of(matches),
        color: color_of(matches),
    })
}

/// Reads the arguments of `status`.
pub(crate) fn status(matches: &ArgMatches) -> Result<Status, CliError> {
    Ok(Status {
        node: matches.get_one::<String>("node").cloned(),
        connection: connection::read(matches)?,
        output: output_of(matches),
        color: color_of(matches),
    })
}

pub(crate) fn output_of(matches: &ArgMatches) -> Output {
    match matches.get_one::<String>("output").map(String::as_str) {
        Some("json") => Output::Json,
        Some("wide") => Output::Wide,
        _ => Output::Text,
    }
}

pub(crate) fn color_of(matches: &ArgMatches) -> anstream::ColorChoice {
    match matches.get_one::<String>("color").map(String::as_str) {
        Some("always") => anstream::ColorChoice::Always,
        Some("never") => anstream::ColorChoice::Never,
        _ => anstream::ColorChoice::Auto,
    }
}

/// The arguments as the parser wants them, for tests; the server is one at an address.
#[cfg(test)]
pub(crate) fn parse_watch(arguments: &[&str]) -> Result<Watch, String> {
    let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    arguments.splice(1..1, ["--server".into(), "http://localhost:4245".into()]);
    let matches = command()
        .try_get_matches_from(join_negations(arguments))
        .map_err(|error| error.to_string())?;
    match matches.subcommand() {
        Some((name, matches)) => watch(matches, name == "watch").map_err(|error| error.to_string()),
        None => Err("no command".to_owned()),
    }
}
