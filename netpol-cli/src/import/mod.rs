//! `flows import`: checks history files, and adds them up into one.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use netpol_policy::history::latest;

use crate::args::{Output, color_of, output, output_of};
use crate::error::CliError;
use crate::history::{Contents, files, save, tell};

const AFTER: &str = "\
Of two exports of one node's memory the later one counts, so nothing is counted twice: the same file may be added any \
number of times. A memory that was begun anew is another one, and both count.

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
    let read = files::read(known.into_iter().chain(paths)).map_err(CliError::no_answer)?;
    let stores = read
        .parts
        .iter()
        .filter(|part| !part.nodes.is_empty())
        .count();
    let parts = latest(read.parts);
    let kept = parts.iter().filter(|part| !part.nodes.is_empty()).count();
    if let Some(path) = into {
        save::write(path, &parts).map_err(CliError::no_answer)?;
    }
    if kept < stores {
        tell::note(&match stores - kept {
            1 => "1 reading is left out: the same memory was read later".to_owned(),
            more => format!("{more} readings are left out: the same memories were read later"),
        });
    }
    let contents = Contents::of(&parts);
    let text = match output_of(matches) {
        Output::Json => contents.json().map_err(CliError::Output)?,
        Output::Text | Output::Wide => contents.text(),
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
