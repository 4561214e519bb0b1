//! One question to manifests: its arguments, and its answer.

use std::process::ExitCode;

use clap::{Arg, ArgMatches};
use netpol_policy::connection::Connection;
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::request::{self, PortRef, Request, RequestError};
use netpol_policy::verdict::{Decision, Verdict};

use crate::error::CliError;

/// Who, whom and where; the ends are required.
pub(crate) fn arguments() -> [Arg; 4] {
    [
        Arg::new("from")
            .long("from")
            .value_name("END")
            .required(true)
            .help("Who opens the connection"),
        Arg::new("to")
            .long("to")
            .value_name("END")
            .required(true)
            .help("Who is to be reached"),
        Arg::new("port").long("port").value_name("PORT").help(
            "The port that is dialled: a number, or the name of a container's or a Service's port",
        ),
        Arg::new("protocol")
            .long("protocol")
            .value_name("PROTOCOL")
            .default_value("TCP")
            .help("TCP, UDP, SCTP, ICMP, ICMPv6 or a number"),
    ]
}

/// Reads the arguments.
///
/// # Errors
/// An end, a port or a protocol that is none.
pub(crate) fn read(matches: &ArgMatches) -> Result<Request, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let usage = |name: &'static str| {
        move |error: RequestError| CliError::Usage(format!("--{name}: {error}"))
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

/// A question and all that is to be said about it.
pub(crate) struct Answer {
    pub(crate) request: Request,
    /// Each connection that the question stands for, with what policies say of it.
    pub(crate) connections: Vec<(Connection, Verdict)>,
    /// What holds for all of them.
    pub(crate) verdict: Verdict,
}

impl Answer {
    /// Asks about every connection.
    ///
    /// # Errors
    /// An end or a port that the inventory does not have.
    pub(crate) fn of(inventory: &Inventory, request: Request) -> Result<Self, CliError> {
        let connections = request
            .connections(inventory)
            .map_err(|error| CliError::Input(error.to_string()))?;
        let connections: Vec<_> = connections
            .into_iter()
            .map(|connection| {
                let verdict = evaluate(inventory, &connection);
                (connection, verdict)
            })
            .collect();
        let verdicts = connections.iter().map(|(_, verdict)| verdict.clone());
        let verdict = request::combine(verdicts);
        Ok(Self {
            request,
            connections,
            verdict,
        })
    }

    /// 0 allowed, 1 denied, 3 not decided.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.verdict.decision() {
            Decision::Allowed => 0,
            Decision::Denied => 1,
            Decision::Unknown => 3,
        })
    }
}
