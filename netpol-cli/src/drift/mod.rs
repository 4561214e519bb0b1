//! `flows drift`: where what was seen and what policies say disagree.
//!
//! ```text
//! args ─► history ─► netpol_policy::drift ─► text | json ─► exit code
//!                                              └─ words
//! ```

mod args;
mod json;
mod text;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::ArgMatches;
use netpol_policy::drift::drift;

pub(crate) use self::args::command;
use crate::args::{Output, color_of};
use crate::error::CliError;
use crate::{history, screen};

/// Drift was found, and `--fail` asks for it.
const FOUND: u8 = 1;

/// Compares, and writes what was found.
///
/// # Errors
/// Bad arguments, a history that cannot be read, an output that does not take more; with `--fail`, nothing that could be
/// compared and lines of the history that could not be read.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let arguments = args::read(matches)?;
    let (history, damaged) = history::load_with_damage(matches).map_err(CliError::no_answer)?;
    let drift = drift(&history, &arguments.options);
    let found = (&drift, damaged);
    let text = match arguments.output {
        Output::Json => json::text(found, &arguments.options).map_err(CliError::Answer)?,
        Output::Text => text::page(found, &arguments.options, false, screen::terminal_width()),
        Output::Wide => text::page(found, &arguments.options, true, screen::terminal_width()),
    };
    let mut out = AutoStream::new(io::stdout(), color_of(matches));
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    if let Some(unread) = words::unread(damaged).filter(|_| arguments.fail) {
        return Err(CliError::Input(format!(
            "--fail: {unread}, so what disagrees may not be told"
        )));
    }
    if arguments.fail && drift.coverage.compared == 0 {
        return Err(CliError::Input(
            "--fail: nothing could be compared, so nothing is known of drift".to_owned(),
        ));
    }
    Ok(if arguments.fail && drift.is_beyond_lag() {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

#[cfg(test)]
mod tests;
