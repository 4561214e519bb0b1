//! `flows tighten`: rules that permit far more than was used, as they should be.
//!
//! ```text
//! args, history ─► netpol_policy::tighten ─┬─► page   YAML to apply; comments tell what each change is for
//!                                          └─► json
//! ```

mod args;
mod json;
mod page;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;
use netpol_policy::tighten::tighten;

use self::args::Format;
pub(crate) use self::args::command;
use crate::error::CliError;
use crate::history;
use crate::progress::Reporter;
use crate::text::clean;
use crate::unused::nobody_in;

/// A narrower policy would have denied what was seen.
const WITHHELD: u8 = 1;

/// Narrows what is too wide, and writes what can be applied.
///
/// # Errors
/// Bad arguments, a history that cannot be read, namespaces that it does not know, an output that does not take more.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let mut arguments = args::read(matches)?;
    let (history, damaged) = history::load_with_damage(matches)?;
    arguments.options.is_damaged = damaged > 0;
    let namespaces = matches.get_many("namespace").into_iter().flatten();
    let namespaces: Vec<String> = namespaces.cloned().collect();
    nobody_in(&namespaces, &history, &[])?;
    let mut reporter = Reporter::start();
    let tightening = tighten(&history, &arguments.options, |progress| {
        reporter.hear(|| {
            format!(
                "{} of {} kinds of traffic asked about",
                progress.done, progress.total
            )
        });
    });
    reporter.finish();
    let text = match arguments.format {
        Format::Yaml => page::page(&tightening, arguments.include_insufficient),
        Format::Json => json::text(&tightening).map_err(|error| CliError::Answer(error.into()))?,
    };
    for line in page::all_withheld(&tightening) {
        anstream::eprintln!("flows: warning: {}", clean(&line));
    }
    let mut out = io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    Ok(if tightening.withheld.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WITHHELD)
    })
}
