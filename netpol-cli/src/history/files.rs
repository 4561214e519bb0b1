//! History files, plain or packed.

use std::cell::Cell;
use std::fs::File;
use std::io;

use netpol_history::file::read_any;
use netpol_history::{Contents, ReadError};
use netpol_policy::history::History;

use super::{named, tell};
use crate::error::CliError;
use crate::progress::Reporter;

/// What several files hold.
#[derive(Debug)]
pub(crate) struct Read {
    /// Each memory of a node as a history of its own.
    pub(crate) parts: Vec<History>,
    /// Lines that should have told something and could not be read.
    pub(crate) damaged: u64,
}

/// Reads files, one after the other.
///
/// # Errors
/// A file that is not there, is no history, or is of a later version of the format.
pub(crate) fn read<'a>(paths: impl IntoIterator<Item = &'a String>) -> Result<Read, CliError> {
    let mut read = Read {
        parts: Vec::new(),
        damaged: 0,
    };
    for path in paths {
        let contents = read_one(path)?;
        tell::problems(name(path), &contents.problems);
        read.damaged = read.damaged.saturating_add(contents.problems.damaged());
        read.parts.extend(named(name(path), contents.parts));
    }
    Ok(read)
}

/// Reads one file.
///
/// # Errors
/// As [`read`].
fn read_one(path: &str) -> Result<Contents, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::Input(format!("{}: {error}", name(path)));
    let read_bytes = Cell::new(0);
    let (input, size): (Box<dyn io::Read>, Option<u64>) = if path == "-" {
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
fn name(path: &str) -> &str {
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

impl<R: io::Read> io::Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        // A usize has no more than 64 bits.
        self.bytes.set(self.bytes.get() + length as u64);
        Ok(length)
    }
}
