//! The arguments of `flows eval`.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use netpol_policy::request::{self, PortRef, Request};

use crate::args::{Output, color_of, output, output_of};
use crate::error::CliError;
use crate::manifests;

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
  flows eval --manifests deploy/ --from prod/web[Deployment] --to prod/db[StatefulSet] --port 5432
  kubectl get pods,ns,netpol -A -o yaml | flows eval --manifests - --from ci/build --to 192.0.2.7 --port 443
  flows eval --manifests deploy/ --requests requests.jsonl

Exit codes: 0 allowed, 1 denied, 2 bad input, 3 cannot be decided. With --requests: 0, or 2 if a line could not be asked.";

/// The command.
pub(crate) fn command() -> Command {
    let question = |arg: Arg| arg.conflicts_with("requests");
    Command::new("eval")
        .about("Ask manifests whether a connection is allowed, without a cluster")
        .after_help(AFTER)
        .args(manifests::arguments())
        .arg(question(
            Arg::new("from")
                .long("from")
                .value_name("END")
                .required_unless_present("requests")
                .help("Who opens the connection"),
        ))
        .arg(question(
            Arg::new("to")
                .long("to")
                .value_name("END")
                .required_unless_present("requests")
                .help("Who is to be reached"),
        ))
        .arg(question(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .help("The port that is dialled: a number, or the name of a container's or a Service's port"),
        ))
        .arg(question(
            Arg::new("protocol")
                .long("protocol")
                .value_name("PROTOCOL")
                .default_value("TCP")
                .help("TCP, UDP, SCTP, ICMP, ICMPv6 or a number"),
        ))
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
            None => Asked::One(request(matches)?),
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

fn request(matches: &ArgMatches) -> Result<Request, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let usage = |name: &'static str| {
        move |error: request::RequestError| CliError::Usage(format!("--{name}: {error}"))
    };
    // clap has seen to it that both ends are there, and gives the protocol its default.
    let end = |name| text(name).unwrap_or_default().parse().map_err(usage(name));
    Ok(Request {
        from: end("from")?,
        to: end("to")?,
        protocol: request::protocol(text("protocol").unwrap_or("TCP"))
            .map_err(usage("protocol"))?,
        port: text("port")
            .map(str::parse::<PortRef>)
            .transpose()
            .map_err(usage("port"))?,
    })
}
