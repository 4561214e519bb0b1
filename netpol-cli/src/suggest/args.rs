//! The arguments of `flows suggest`.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use netpol_policy::suggest::{BlockLimits, Directions, Options, PEERS, WorkloadPattern};

use crate::error::CliError;
use crate::history;
use crate::unused::window;

/// What `flows suggest` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) options: Options,
    pub(super) format: Format,
}

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
}

const AFTER: &str = "\
Standard output is YAML that can be applied; comments tell what each rule was made for, and what was left out and why. \
Only traffic that got through is kept, and all of it is replayed against the policies before they are written.

Examples:
  flows suggest -n shop                            every workload, and the default deny
  flows suggest -n shop 'web[Deployment]' --direction ingress
  flows suggest -n shop --history week.jsonl.gz > shop.yaml
  flows suggest -n shop | kubectl diff -f -
  flows suggest -n shop -o json | jq '.left_out[] | select(.cut_off)'

Exit codes: 0 success; 1 something got no policy, which standard error names; 2 bad input, no server, or nothing is \
remembered of such pods.";

/// The command.
pub(crate) fn command() -> Command {
    let limits = BlockLimits::default();
    Command::new("suggest")
        .about("Write least-privilege NetworkPolicies for traffic that was seen")
        .after_help(AFTER)
        .arg(
            Arg::new("workload")
                .value_name("WORKLOAD")
                .help("Only this workload: NAME or NAME[KIND] [default: all of the namespace, and its default deny]"),
        )
        .arg(
            Arg::new("namespace")
                .short('n')
                .long("namespace")
                .value_name("NAMESPACE")
                .required(true)
                .help("The namespace of the policies"),
        )
        .args(history::arguments())
        .arg(
            Arg::new("direction")
                .long("direction")
                .value_name("WHICH")
                .default_value("both")
                .value_parser(["ingress", "egress", "both"])
                .help("What the policies isolate"),
        )
        .arg(
            Arg::new("blocks")
                .long("blocks")
                .value_name("NUMBER")
                .default_value(limits.most.to_string())
                .value_parser(value_parser!(u16).range(1..))
                .help("Put outside addresses together until a rule has no more blocks than these"),
        )
        .arg(prefix("widest", "IPv4", limits.widest_v4, 32))
        .arg(prefix("widest-v6", "IPv6", limits.widest_v6, 128))
        .arg(
            Arg::new("peers")
                .long("peers")
                .value_name("NUMBER")
                .default_value(PEERS.to_string())
                .value_parser(value_parser!(u16).range(1..))
                .help("More workloads of one namespace than these in a rule are the whole namespace"),
        )
        .arg(
            Arg::new("unenforced")
                .long("unenforced")
                .action(ArgAction::SetTrue)
                .help("Also keep what policies denied at that time and what got through all the same"),
        )
        .arg(
            Arg::new("min-window")
                .long("min-window")
                .value_name("TIME")
                .default_value("7d")
                .help("Warn where less was watched: 36h, 7d, 4w"),
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

fn prefix(name: &'static str, version: &str, default: u8, longest: i64) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("LENGTH")
        .default_value(default.to_string())
        .value_parser(value_parser!(u8).range(..=longest))
        .help(format!(
            "Prefix length of the widest {version} block that addresses are put together to"
        ))
}

/// Reads the arguments, but for the history.
///
/// # Errors
/// A workload or a time that is none.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let defaults = Options::new(text("namespace").unwrap_or_default());
    let limits = defaults.limits;
    let number = |name: &str| matches.get_one::<u16>(name).copied().map(usize::from);
    let length = |name: &str| matches.get_one::<u8>(name).copied();
    let direction = text("direction");
    let min_window = text("min-window").map(window).transpose()?;
    Ok(Arguments {
        options: Options {
            workload: text("workload").map(workload).transpose()?,
            directions: Directions {
                ingress: direction != Some("egress"),
                egress: direction != Some("ingress"),
            },
            limits: BlockLimits {
                most: number("blocks").unwrap_or(limits.most),
                widest_v4: length("widest").unwrap_or(limits.widest_v4),
                widest_v6: length("widest-v6").unwrap_or(limits.widest_v6),
            },
            peers: number("peers").unwrap_or(defaults.peers),
            unenforced: matches.get_flag("unenforced"),
            min_window: min_window.unwrap_or(defaults.min_window),
            ..defaults
        },
        format: match text("output") {
            Some("json") => Format::Json,
            _ => Format::Yaml,
        },
    })
}

/// `web` or `web[Deployment]`.
fn workload(text: &str) -> Result<WorkloadPattern, CliError> {
    let error = || {
        CliError::Usage(format!(
            "{text:?} is no workload such as web or web[Deployment]"
        ))
    };
    let (name, kind) = match text.split_once('[') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(']').ok_or_else(error)?)),
        None => (text, None),
    };
    let is_name = |part: &str| !part.is_empty() && !part.contains(['/', '[', ']']);
    if !is_name(name) || !kind.is_none_or(is_name) {
        return Err(error());
    }
    Ok(WorkloadPattern {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
    })
}

/// `--history` takes all that follows it: says so where one of its files is not there and reads like a workload.
pub(super) fn with_workload_hint(error: CliError, matches: &ArgMatches) -> CliError {
    let mut files = matches
        .get_many::<String>("history")
        .into_iter()
        .flatten()
        .skip(1);
    let is_workload =
        |file: &&String| !file.contains('.') && workload(file).is_ok() && !Path::new(file).exists();
    match files.find(is_workload) {
        Some(name) if !matches.contains_id("workload") => CliError::Input(format!(
            "{error}; if {name} is a workload, put the workload before --history"
        )),
        _ => error,
    }
}
