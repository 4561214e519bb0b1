//! What traffic was seen over time: from history files, or from the server.
//!
//! ```text
//! --history FILE... ─► files ──┐
//!                              ├─► histories, one of each node ─► add_up ─► History
//! an agent, or a relay ─► rpc ─┘
//! ```

mod arguments;
mod contents;
pub(crate) mod files;
pub(crate) mod rpc;
pub(crate) mod save;
pub(crate) mod tell;
mod unfinished;

use clap::ArgMatches;
use netpol_policy::history::{History, add_up};

pub(crate) use self::arguments::arguments;
pub(crate) use self::contents::{Contents, moment};
use crate::error::CliError;
use crate::{args, on_runtime};

/// All that is remembered: what the files of `--history` hold, or what the server has now; and how many lines of files should have
/// told something and could not be read. That, and which nodes are missing, is told on standard error too.
///
/// # Errors
/// Files that are no histories, a server that does not answer, and nodes that remember nothing: with the exit code 2, since 1
/// is an answer of the commands that ask this.
pub(crate) fn load_with_damage(matches: &ArgMatches) -> Result<(History, u64), CliError> {
    let files::Read { parts, damaged } = match matches.get_many::<String>("history") {
        Some(paths) => files::read(paths).map_err(CliError::no_answer)?,
        None => {
            let connection = args::connection(matches)?;
            let parts = on_runtime(rpc::read(&connection, None)).map_err(CliError::no_answer)?;
            files::Read { parts, damaged: 0 }
        }
    };
    let history = add_up(parts);
    tell::missing(&history);
    if history.nodes.is_empty() {
        return Err(CliError::NothingRemembered.no_answer());
    }
    Ok((history, damaged))
}

/// What is missing without a name is missing from this source.
fn named(source: &str, mut parts: Vec<History>) -> Vec<History> {
    for node in parts.iter_mut().flat_map(|part| &mut part.missing) {
        if node.name.is_empty() {
            node.reason = format!("{source}: {}", node.reason);
        }
    }
    parts
}
