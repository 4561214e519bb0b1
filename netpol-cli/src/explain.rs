//! `flows explain`: the whole story of one connection, with the policies' own text.

mod quotes;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use self::quotes::FileQuotes;
use crate::args::{Output, color_of, output, output_of};
use crate::error::CliError;
use crate::manifests;
use crate::question::{self, Answer};
use crate::screen;
use crate::walk::{self, Detail, Told};

const AFTER: &str = "\
Ends: NAMESPACE/POD, NAMESPACE/NAME[KIND] (a workload, such as prod/web[Deployment], or a Service), node/NAME, or an IP address.

Examples:
  flows explain --manifests deploy/ --from ci/build --to prod/db --port 5432
  kubectl get pods,ns,netpol -A -o yaml | flows explain --manifests - --from 192.0.2.7 --to prod/web[Deployment] --port http

Exit codes: 0 allowed, 1 denied, 2 bad input, 3 cannot be decided.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("explain")
        .about("Tell why a connection is allowed or denied: every policy that was asked, with its text, and what would allow it")
        .after_help(AFTER)
        .args(manifests::arguments())
        .args(question::arguments())
        .arg(output(&["text", "json"]))
}

/// Exits as `flows eval` does.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let request = question::read(matches)?;
    let loaded = manifests::load(matches)?;
    let answer = Answer::of(&loaded.inventory, request)?;
    let told = Told::new(&loaded.inventory, &answer);
    let quotes = FileQuotes::new(&loaded);
    match output_of(matches) {
        Output::Json => walk::json::write(io::stdout(), &answer, &told, &quotes),
        Output::Text | Output::Wide => {
            let text = walk::text(&told, Detail::Full(&quotes), screen::width());
            anstream::AutoStream::new(io::stdout(), color_of(matches)).write_all(text.as_bytes())
        }
    }
    .or_else(CliError::of_answer)?;
    Ok(answer.exit_code())
}
