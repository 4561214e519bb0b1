//! The arguments of `flows replay`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use netpol_policy::model::Cidr;

use super::fail::{FailOn, Kind, NONE};
use crate::args::output;
use crate::error::CliError;
use crate::unused::window;
use crate::{history, proposed};

/// What `flows replay` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) format: Format,
    pub(super) fail_on: FailOn,
    /// What is watched for less is no evidence.
    pub(super) min_window: Duration,
    /// Ask about the labels that workloads have now, instead of those that they had.
    pub(super) labels_now: bool,
    /// Where the addresses of pods come from; empty: what the cluster's nodes say.
    pub(super) pod_ranges: Vec<Cidr>,
}

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Wide,
    Json,
    Markdown,
    Sarif,
    JUnit,
}

const AFTER: &str = "\
Traffic that was seen, against the policies before a change and after it:
  newly-denied   allowed before, denied after
  newly-allowed  denied before, allowed after
  unknown        a policy that changes is about it, and it cannot be told;
                 also a policy of a kind that is not evaluated
  other-reason   the same verdict, by other policies or by none
and beside it, since traffic that was not seen shows nothing:
  opened         what policies permit after the change and did not before
  closed         the other way round

Examples:
  flows replay --manifests policies/                        against what the cluster's agents remember
  flows replay --manifests policies/ --history week.jsonl.gz --base origin/main
  kustomize build overlays/prod | flows replay --manifests - --history week.jsonl.gz -o markdown
  flows replay --manifests policies/ --history week.jsonl.gz --fail-on newly-denied,newly-allowed -o sarif

Exit codes: 0 nothing of what --fail-on names was found, 1 something was, 2 bad input, nothing could be read, no policy \
stands in the manifests, or insufficient evidence: nothing was watched for as long as --min-window, no traffic is \
remembered, a part of the history cannot be read, or it is of another cluster.";

/// The command.
pub(crate) fn command() -> Command {
    let kinds = Kind::ALL.map(Kind::as_str);
    Command::new("replay")
        .about("Show what proposed policies would do to the traffic that was seen")
        .after_help(AFTER)
        .args(proposed::arguments())
        .args(history::arguments())
        .arg(
            Arg::new("labels")
                .long("labels")
                .value_name("WHEN")
                .default_value("flow-time")
                .value_parser(["flow-time", "now"])
                .help(
                    "Whose labels to ask policies about: those of the time of the traffic, or those that the same workloads \
                     have now, or will have by the manifests",
                ),
        )
        .arg(
            Arg::new("pod-cidr")
                .long("pod-cidr")
                .value_name("CIDR")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help(
                    "Ranges that addresses of pods come from, so that address blocks can be decided [default: podCIDRs of \
                     the nodes]",
                ),
        )
        .arg(
            Arg::new("fail-on")
                .long("fail-on")
                .value_name("KIND")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .default_values(FailOn::USUAL.map(Kind::as_str))
                .value_parser([&kinds[..], &[NONE]].concat())
                .hide_default_value(true)
                .help(format!(
                    "Exit with 1 where any of this was found, joined with commas [default: {}]",
                    FailOn::USUAL.map(Kind::as_str).join(",")
                )),
        )
        .arg(
            Arg::new("min-window")
                .long("min-window")
                .value_name("TIME")
                .default_value("1d")
                .help("Exit with 2 where no node watched for so long: 36h, 7d, 4w"),
        )
        .arg(output(&["text", "wide", "json", "markdown", "sarif", "junit"]))
}

/// Reads the arguments, but for the manifests and the history.
///
/// # Errors
/// Ranges that are none; standard input for two things.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let reads_stdin = |name| {
        let mut paths = matches.get_many::<String>(name).into_iter().flatten();
        paths.any(|path| path == "-")
    };
    if reads_stdin("manifests") && reads_stdin("history") {
        let message = "--manifests and --history cannot both be standard input";
        return Err(CliError::Usage(message.to_owned()));
    }
    let words = matches.get_many::<String>("fail-on");
    let fail_on = FailOn::of(words.into_iter().flatten())
        .map_err(|error| CliError::Usage(format!("--fail-on: {error}")))?;
    let ranges = matches.get_many::<String>("pod-cidr");
    let ranges = ranges.into_iter().flatten().map(|text| {
        let read = Cidr::parse_lenient(text);
        read.map(|(range, _)| range)
            .map_err(|error| CliError::Usage(format!("--pod-cidr: {error}")))
    });
    let min_window = matches.get_one::<String>("min-window");
    let min_window = min_window.map(|text| window(text)).transpose()?;
    Ok(Arguments {
        min_window: min_window.unwrap_or_default(),
        format: match matches.get_one::<String>("output").map(String::as_str) {
            Some("wide") => Format::Wide,
            Some("json") => Format::Json,
            Some("markdown") => Format::Markdown,
            Some("sarif") => Format::Sarif,
            Some("junit") => Format::JUnit,
            _ => Format::Text,
        },
        fail_on,
        labels_now: matches.get_one::<String>("labels").map(String::as_str) == Some("now"),
        pod_ranges: ranges.collect::<Result<_, _>>()?,
    })
}
