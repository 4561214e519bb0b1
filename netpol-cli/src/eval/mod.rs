//! `flows eval`: asks manifests who may talk to whom, without a cluster.
//!
//! ```text
//! args ─► one Request ─► answer ─► walk | json
//!      └► requests: a Request a line ─► an answer a line
//! ```

mod args;
pub(crate) mod json;
mod requests;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;

use self::args::Asked;
pub(crate) use self::args::command;
use crate::args::Output;
use crate::error::CliError;
use crate::manifests;
use crate::question::Answer;
use crate::screen;
use crate::walk::{self, Detail, Told};

/// Of one question: 0 allowed, 1 denied, 2 bad input, 3 not decided. Of many: 0, or 2 if any could not be asked.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let eval = args::read(matches)?;
    let loaded = manifests::load(matches)?;
    match eval.asked {
        Asked::One(request) => {
            let answer = Answer::of(&loaded.inventory, request)?;
            match eval.output {
                Output::Json => json::write(io::stdout(), &answer),
                Output::Text | Output::Wide => {
                    let told = Told::new(&loaded.inventory, &answer);
                    let text = walk::text(&told, Detail::Short, screen::width());
                    anstream::AutoStream::new(io::stdout(), eval.color).write_all(text.as_bytes())
                }
            }
            .or_else(CliError::of_answer)?;
            Ok(answer.exit_code())
        }
        Asked::Many(path) => {
            let all_answered = requests::run(&loaded.inventory, &path)?;
            Ok(ExitCode::from(if all_answered { 0 } else { 2 }))
        }
    }
}
