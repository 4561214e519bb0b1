//! Many questions: one a line, and one answer a line in the same order.

mod answers;
mod line;
mod lines;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use netpol_policy::inventory::Inventory;

use self::answers::Answers;
use self::lines::{Lines, Next};
use crate::error::CliError;

/// Bytes that are read and written at once.
const BUFFER: usize = 1 << 16;

/// Answers all requests of a file, or of standard input (`-`), on standard output. Returns whether all could be answered.
///
/// # Errors
/// A file that cannot be read, an output that cannot be written.
pub(super) fn run(inventory: &Inventory, path: &str) -> Result<bool, CliError> {
    let unreadable = |error: io::Error| CliError::Input(format!("--requests {path}: {error}"));
    let input: Box<dyn Read> = match path {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(unreadable)?),
    };
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let mut lines = Lines::new(input, BUFFER);
    let mut answers = Answers::new(inventory);
    let mut all_answered = true;
    loop {
        if lines.would_read() {
            // Whoever waits for the answers to what was asked so far gets them.
            output.flush().map_err(CliError::Answer)?;
        }
        let number = lines.number();
        let answered = match lines.next().map_err(unreadable)? {
            Next::Line(line) if line.trim_ascii().is_empty() => continue,
            Next::Line(line) => answers.write(&mut output, number, line),
            Next::TooLong(line) => answers.refuse_too_long(&mut output, number, line),
            Next::End => break,
        };
        all_answered &= answered.map_err(CliError::Answer)?;
    }
    output.flush().map_err(CliError::Answer)?;
    Ok(all_answered)
}
