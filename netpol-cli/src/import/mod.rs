//! `flows import`: checks history files, and adds them up into one.

mod reach;

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use netpol_policy::history::{History, latest};

use self::reach::{Cut, Reach};
use crate::args::{Output, color_of, output, output_of};
use crate::error::CliError;
use crate::history::{Contents, files, moment, save, tell};
use crate::screen;

const AFTER: &str = "\
Of two exports of one node's memory the later one counts, so nothing is counted twice: the same file may be added any \
number of times. A memory that was begun anew is another one, and both count. An export with --since is not added to a file \
that goes back further: it would take its place.

Examples:
  flows import week.jsonl.gz                                    check a file, and show what is in it
  flows import node-a.jsonl node-b.jsonl --into week.jsonl.gz   add up what was exported node by node
  flows import today.jsonl.gz --into week.jsonl.gz              add to what is there already

Exit codes: 0 success; 1 a file is damaged: what could be read was taken; 2 nothing was written.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("import")
        .about("Check history files, show what is in them, and add them up into one")
        .after_help(AFTER)
        .arg(
            Arg::new("files")
                .value_name("FILE")
                .num_args(1..)
                .required(true)
                .help("Files that `flows export` wrote; `-` is standard input"),
        )
        .arg(Arg::new("into").long("into").value_name("FILE").help(
            "File to add them to; made where it is not there, packed where its name ends in .gz",
        ))
        .arg(output(&["text", "json"]))
}

/// Reads, adds up, writes and shows.
///
/// # Errors
/// Files that are no histories, and an output that takes no more. The file of `--into` is then as it was.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let into = matches.get_one::<String>("into");
    let known = into.filter(|path| fs::metadata(path).is_ok_and(|found| found.is_file()));
    let paths = matches.get_many::<String>("files").into_iter().flatten();
    let destination = into.map(|path| save::Destination::open(path));
    let destination = destination.transpose().map_err(CliError::no_answer)?;
    let read = files::read(known.into_iter().chain(paths)).map_err(CliError::no_answer)?;
    let readings = |parts: &[History]| parts.iter().filter(|part| !part.nodes.is_empty()).count();
    let (stores, reach) = (readings(&read.parts), Reach::of(&read.parts));
    let parts = latest(read.parts);
    if let Some(cut) = reach.cut_by(&parts) {
        let message = cut_short(&cut);
        if into.is_some() {
            return Err(CliError::Input(message));
        }
        tell::note(&message);
    }
    if let Some(destination) = destination {
        destination.write(&parts).map_err(CliError::no_answer)?;
    }
    match stores.saturating_sub(readings(&parts)) {
        0 => {}
        1 => tell::note("1 reading is left out: the same memory was read later, or it is the same"),
        more => tell::note(&format!(
            "{more} readings are left out: the same memories were read later, or they are the same"
        )),
    }
    let contents = Contents::of(&parts);
    let text = match output_of(matches) {
        Output::Json => contents.json().map_err(CliError::Output)?,
        Output::Text | Output::Wide => contents.text(screen::terminal_width()),
    };
    let mut out = anstream::AutoStream::new(io::stdout(), color_of(matches));
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    Ok(match read.damaged {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

fn cut_short(cut: &Cut) -> String {
    format!(
        "{}: the latest export begins {:.0} and would take the place of one that begins {:.0}: export without --since, or \
         keep them in files of their own",
        cut.node,
        moment(cut.from),
        moment(cut.before)
    )
}
