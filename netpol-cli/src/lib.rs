//! `flows`: shows what `netpol-agent` observes.
//!
//! ```text
//! argv ── args ── WatchFlowsRequest ──► server   (connection: an address, or by way of a cluster)
//!                                         │ items
//!                    watch ◄──────────────┘
//!                      ├─ line     one flow as text: columns, words, colour (text cleans hostile strings)
//!                      ├─ screen   rewrites lines on a terminal
//!                      └─ netpol_api::json   one object a line
//! eval                  manifests ─► verdict, without a server
//! explain               the same, with everything that was asked and its text (both: question, walk)
//! matrix                who may talk to whom in manifests, by workload
//! replay                what proposed policies would do to the traffic that was seen, from a history (proposed: from
//!                       manifests and git)
//! drift                 where what was seen and what policies say disagree, from a history
//! export, import        what nodes remember, from the server into a file, and from files into one
//! status                GetStatus as a table or JSON
//! suggest               policies for traffic that was seen (traffic: it in words)
//! tighten               policies in force without what nothing was seen to use
//! unused                which parts of policies traffic has shown to be of use
//! page, columns         text of several sections, and tables
//! complete              for `kubectl flows`
//! reference             docs/cli.md
//! ```
//!
//! Exit codes: 0 success (also when the reader of a pipe goes away), 1 no server or a broken stream, 2 wrong usage. Of
//! commands that may answer no (`drift`, `eval`, `explain`, `import`, `replay`, `suggest`, `tighten`, `unused`) 1 is an answer,
//! as their help says.

mod args;
mod cluster;
mod columns;
mod complete;
mod connection;
mod drift;
mod error;
mod eval;
mod explain;
mod export;
mod history;
mod import;
mod line;
mod manifests;
mod matrix;
mod page;
mod progress;
mod proposed;
mod question;
pub mod reference;
mod replay;
mod screen;
mod status;
mod suggest;
mod text;
mod tighten;
mod traffic;
mod unused;
mod walk;
mod watch;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{ArgMatches, ValueEnum};

use crate::error::CliError;

/// Runs a command line, whose program is called `name`, and says how it ended.
pub fn run(name: &'static str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(words) = complete::asked(&arguments) {
        let answer = complete::answer(args::command(), &words, cluster::contexts);
        // Nobody reads why there is no completion.
        let _ = io::stdout().write_all(answer.as_bytes());
        return ExitCode::SUCCESS;
    }
    let arguments = args::join_negations(arguments);
    let matches = match args::command()
        .bin_name(name)
        .try_get_matches_from(arguments)
    {
        Ok(matches) => matches,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nowhere to report a failure to report.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match dispatch(&matches) {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("flows: {}", text::clean(&error.to_string()));
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let done = match matches.subcommand() {
        Some(("watch", matches)) => on_runtime(watch::run(args::watch(matches, true)?)),
        Some(("list", matches)) => on_runtime(watch::run(args::watch(matches, false)?)),
        Some(("status", matches)) => on_runtime(status::run(args::status(matches)?)),
        Some(("drift", matches)) => return drift::run(matches),
        Some(("replay", matches)) => return replay::run(matches),
        Some(("eval", matches)) => return eval::run(matches),
        Some(("explain", matches)) => return explain::run(matches),
        Some(("export", matches)) => return export::run(matches),
        Some(("import", matches)) => return import::run(matches),
        Some(("matrix", matches)) => matrix::run(matches),
        Some(("suggest", matches)) => return suggest::run(matches),
        Some(("tighten", matches)) => return tighten::run(matches),
        Some(("unused", matches)) => return unused::run(matches),
        Some(("version", _)) => {
            writeln!(io::stdout(), "flows {}", env!("CARGO_PKG_VERSION")).map_err(CliError::Output)
        }
        Some(("completion", matches)) => completion(
            matches
                .get_one::<String>("shell")
                .map_or("", String::as_str),
        ),
        Some(("man", matches)) => man(matches.get_one::<String>("dir").map(Path::new)),
        _ => Err(CliError::Usage("no command given".to_owned())),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn completion(shell: &str) -> Result<(), CliError> {
    let mut script = Vec::new();
    match clap_complete::Shell::from_str(shell, true) {
        Ok(shell) => {
            clap_complete::generate(shell, &mut args::command(), "flows", &mut script);
        }
        // The parser lets nothing else through.
        Err(_) => script.extend_from_slice(complete::SCRIPT.as_bytes()),
    }
    io::stdout().write_all(&script).map_err(CliError::Output)
}

fn man(dir: Option<&Path>) -> Result<(), CliError> {
    match dir {
        Some(dir) => clap_mangen::generate_to(args::command(), dir).map_err(CliError::Output),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(args::command())
                .render(&mut page)
                .map_err(CliError::Output)?;
            io::stdout().write_all(&page).map_err(CliError::Output)
        }
    }
}

/// Connections live on a thread of their own: this one stands still while a pager reads, and servers take a client for dead
/// that is silent for long.
fn on_runtime<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?
        .block_on(work)
}
