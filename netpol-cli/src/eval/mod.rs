//! `flows eval`: asks manifests who may talk to whom, without a cluster.
//!
//! ```text
//! args ─► one Request ─► answer ─► text | json
//!      └► requests: a Request a line ─► an answer a line
//! ```

mod args;
mod json;
mod requests;
mod text;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;
use netpol_policy::connection::Connection;
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::request::{self, Request, RequestError};
use netpol_policy::verdict::{Decision, Verdict};

use self::args::Asked;
pub(crate) use self::args::command;
use crate::args::Output;
use crate::error::CliError;
use crate::manifests;

/// Of one question: 0 allowed, 1 denied, 2 bad input, 3 not decided. Of many: 0, or 2 if any could not be asked.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let eval = args::read(matches)?;
    let loaded = manifests::load(matches)?;
    match eval.asked {
        Asked::One(request) => {
            let answer = Answer::of(&loaded.inventory, request)
                .map_err(|error| CliError::Input(error.to_string()))?;
            match eval.output {
                Output::Json => json::write(io::stdout(), &answer),
                Output::Text | Output::Wide => {
                    let text = text::answer(&loaded, &answer);
                    anstream::AutoStream::new(io::stdout(), eval.color).write_all(text.as_bytes())
                }
            }
            .map_err(CliError::Answer)?;
            Ok(ExitCode::from(match answer.verdict.decision() {
                Decision::Allowed => 0,
                Decision::Denied => 1,
                Decision::Unknown => 3,
            }))
        }
        Asked::Many(path) => {
            let all_answered = requests::run(&loaded.inventory, &path)?;
            Ok(ExitCode::from(if all_answered { 0 } else { 2 }))
        }
    }
}

/// A question and all that is to be said about it.
struct Answer {
    request: Request,
    /// Each connection that the question stands for, with what policies say of it.
    connections: Vec<(Connection, Verdict)>,
    /// What holds for all of them.
    verdict: Verdict,
}

impl Answer {
    fn of(inventory: &Inventory, request: Request) -> Result<Self, RequestError> {
        let connections: Vec<_> = request
            .connections(inventory)?
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
}
