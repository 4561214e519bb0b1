//! `flows suggest`: NetworkPolicies for traffic that was seen.
//!
//! ```text
//! args, history ─► netpol_policy::suggest ─┬─► page      YAML to apply; comments tell what each part is for
//!                                          │   └─ comments, evidence
//!                                          └─► json
//! ```

mod args;
mod comments;
pub(crate) mod evidence;
pub(crate) mod json;
mod page;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;
use netpol_policy::suggest::{Suggestions, suggest};

use self::args::Format;
pub(crate) use self::args::command;
use crate::error::CliError;
use crate::history;
use crate::progress::Reporter;
use crate::text::clean;

/// Something got no policy.
const WITHHELD: u8 = 1;

/// Suggests, and writes what can be applied. Warnings also go to standard error, since the output may go to kubectl.
///
/// # Errors
/// Bad arguments, a history that cannot be read, one that knows no such pods, an output that does not take more.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let mut arguments = args::read(matches)?;
    let (history, damaged) = history::load_with_damage(matches)
        .map_err(|error| args::with_workload_hint(error, matches))?;
    arguments.options.is_damaged = damaged > 0;
    let mut reporter = Reporter::start();
    let suggestions = suggest(&history, &arguments.options, |progress| {
        reporter.hear(|| {
            format!(
                "{} of {} kinds of traffic replayed",
                progress.done, progress.total
            )
        });
    });
    reporter.finish();
    let namespace = &arguments.options.namespace;
    if suggestions.is_empty() {
        return Err(CliError::Input(nobody(&arguments)));
    }
    let text = match arguments.format {
        Format::Yaml => page::page(&suggestions, namespace),
        Format::Json => {
            json::text(&suggestions, namespace).map_err(|error| CliError::Answer(error.into()))?
        }
    };
    warn(&suggestions);
    let mut out = io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    Ok(if suggestions.withheld.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WITHHELD)
    })
}

fn nobody(arguments: &args::Arguments) -> String {
    let options = &arguments.options;
    match &options.workload {
        None => format!("no pods of namespace {} are remembered", options.namespace),
        Some(workload) => {
            let kind = workload.kind.as_deref();
            let kind = kind.map_or_else(String::new, |kind| format!("[{kind}]"));
            format!(
                "no pods of {}/{}{kind} are remembered",
                options.namespace, workload.name
            )
        }
    }
}

/// Missing nodes were told as the history was read.
fn warn(suggestions: &Suggestions) {
    let mut warnings = evidence::limits(&suggestions.evidence);
    warnings.extend(page::notes(suggestions));
    warnings.extend(page::cut_off(&suggestions.left_out));
    for warning in warnings {
        anstream::eprintln!("flows: warning: {}", clean(&warning));
    }
}
