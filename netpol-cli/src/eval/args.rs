//! The arguments of `flows eval`.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use netpol_policy::request::Request;

use crate::args::{Output, color_of, output, output_of};
use crate::error::CliError;
use crate::manifests;
use crate::question;

/// What `flows eval` is to do.
#[derive(Debug)]
pub(super) struct Eval {
    pub(super) asked: Asked,
    pub(super) output: Output,
    pub(super) color: anstream::ColorChoice,
}

#[derive(Debug)]
pub(super) enum Asked {
    One(Request),
    /// A file of requests, or `-`.
    Many(String),
}

const AFTER: &str = "\
Ends: NAMESPACE/POD, NAMESPACE/NAME[KIND] (a workload, such as prod/web[Deployment], or a Service), node/NAME, or an IP address.

Examples:
  flows eval --manifests deploy/ --from 'prod/web[Deployment]' --to 'prod/db[Service]' --port 5432
  kubectl get po,ns,netpol -A -o yaml | flows eval --manifests - --from ci/build --to 192.0.2.7
  flows eval --manifests deploy/ --requests requests.jsonl

Exit codes: 0 allowed, 1 denied, 2 bad input, 3 cannot be decided. With --requests: 0, or 2 if a line could not be asked.";

/// The command.
pub(crate) fn command() -> Command {
    let or_requests = |arg: Arg| {
        let arg = arg.conflicts_with("requests");
        if arg.is_required_set() {
            return arg.required(false).required_unless_present("requests");
        }
        arg
    };
    Command::new("eval")
        .about("Ask manifests whether a connection is allowed, without a cluster")
        .after_help(AFTER)
        .args(manifests::arguments())
        .args(question::arguments().map(or_requests))
        .arg(
            Arg::new("requests")
                .long("requests")
                .value_name("FILE")
                .help("Answer many: one JSON object a line, with id, from, to, protocol and port, from a file or -"),
        )
        .arg(output(&["text", "json"]))
}

/// Reads the arguments, but for the manifests.
///
/// # Errors
/// An end, port or protocol that is none; standard input for two things.
pub(super) fn read(matches: &ArgMatches) -> Result<Eval, CliError> {
    Ok(Eval {
        asked: match matches.get_one::<String>("requests") {
            Some(path) => Asked::Many(requests(matches, path)?),
            None => Asked::One(question::read(matches)?),
        },
        output: output_of(matches),
        color: color_of(matches),
    })
}

fn requests(matches: &ArgMatches, path: &str) -> Result<String, CliError> {
    let usage = |message: &str| Err(CliError::Usage(message.to_owned()));
    let mut manifests = matches
        .get_many::<String>("manifests")
        .into_iter()
        .flatten();
    if path == "-" && manifests.any(|path| path == "-") {
        return usage("--manifests and --requests cannot both be standard input");
    }
    let is_chosen = matches.value_source("output") == Some(ValueSource::CommandLine);
    if is_chosen && output_of(matches) != Output::Json {
        return usage("--requests: the answers are JSON, one a line");
    }
    Ok(path.to_owned())
}
