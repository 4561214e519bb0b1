//! `flows replay`: what proposed policies would do to the traffic that was seen.
//!
//! ```text
//! args ─► proposed ─► Sets { before, after } ─┐          ┌─ text
//!                                             ├─► Found ─┼─ json, markdown
//!         history ─► Basis ───────────────────┘   │      └─ sarif, junit
//!                                                 └─ words
//! ```
//!
//! Two things stand beside one another and are never mixed: what was seen of the traffic, and what policies say of it.

mod args;
mod basis;
mod fail;
mod found;
mod json;
mod junit;
mod markdown;
mod sarif;
mod sentences;
mod text;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::ArgMatches;

use self::args::Format;
pub(crate) use self::args::command;
use self::found::Found;
use crate::args::color_of;
use crate::error::CliError;
use crate::{history, proposed, screen};

/// Something of what `--fail-on` names was found.
const FOUND: u8 = 1;

/// Replays, and writes what was found.
///
/// # Errors
/// Bad arguments, manifests or a history that cannot be read, a history that shows nothing, an output that does not take
/// more.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let arguments = args::read(matches)?;
    let proposed = proposed::load(matches).map_err(CliError::no_answer)?;
    let asks_about_labels = arguments.labels_now && !proposed.objects().is_empty();
    if !asks_about_labels && !proposed.declares_policies() {
        let message = "no policy that is evaluated stands in the manifests, nothing was compared";
        return Err(CliError::Input(message.to_owned()));
    }
    let (history, damaged) = history::load_with_damage(matches).map_err(CliError::no_answer)?;
    let found = Found::of((&history, damaged), &proposed, arguments);
    let text = match found.arguments.format {
        Format::Text => text::page(&found, false, screen::terminal_width()),
        Format::Wide => text::page(&found, true, screen::terminal_width()),
        Format::Json => json::text(&found).map_err(CliError::Answer)?,
        Format::Markdown => markdown::text(&found),
        Format::Sarif => sarif::text(&found).map_err(CliError::Answer)?,
        Format::JUnit => junit::text(&found)?,
    };
    let mut out = AutoStream::new(io::stdout(), color_of(matches));
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    let insufficient = found.insufficient();
    if !insufficient.is_empty() {
        let reasons = insufficient.join("; ");
        return Err(CliError::Input(format!("insufficient evidence: {reasons}")));
    }
    Ok(if found.failures().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    })
}
