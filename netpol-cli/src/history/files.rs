//! History files, plain or packed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};

use netpol_history::file::read_any;
use netpol_history::{Contents, ReadError};
use netpol_policy::history::History;

use super::{Reporter, named, tell};
use crate::error::CliError;

/// Reads files, each memory of a node in them as a history of its own.
///
/// # Errors
/// A file that is not there, is no history, or is of a later version of the format.
pub(crate) fn read<'a>(
    paths: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<History>, CliError> {
    let mut parts = Vec::new();
    for path in paths {
        let contents = read_one(path)?;
        tell::problems(name(path), &contents.problems);
        parts.extend(named(name(path), contents.parts));
    }
    Ok(parts)
}

/// Reads one file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_one(path: &str) -> Result<Contents, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::Input(format!("{}: {error}", name(path)));
    let read_bytes = Cell::new(0);
    let (input, size): (Box<dyn Read>, Option<u64>) = if path == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).map_err(|error| failed(&error))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        // Whatever is no file has no size that says how far one is.
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let mut reporter = Reporter::start();
    let input = Counted {
        input,
        bytes: &read_bytes,
    };
    let contents = read_any(input, |_| {
        reporter.hear(|| progress(name(path), read_bytes.get(), size));
    });
    reporter.finish();
    contents.map_err(|error: ReadError| failed(&error))
}

/// As messages call it.
pub(crate) fn name(path: &str) -> &str {
    match path {
        "-" => "<stdin>",
        path => path,
    }
}

fn progress(name: &str, read: u64, size: Option<u64>) -> String {
    const MEGABYTE: u64 = 1_000_000;
    match size.and_then(|size| (read * 100).checked_div(size)) {
        Some(percent) => format!("reading {name}: {percent} %"),
        None => format!("reading {name}: {} MB", read / MEGABYTE),
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    input: R,
    bytes: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        // A usize has no more than 64 bits.
        self.bytes.set(self.bytes.get() + length as u64);
        Ok(length)
    }
}
