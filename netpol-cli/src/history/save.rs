//! Writing a history file: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use netpol_history::Writer;
use netpol_history::file::Output;
use netpol_policy::history::History;
use tempfile::TempPath;

use super::unfinished;
use crate::error::CliError;
use crate::progress::Reporter;

/// Where a history will be written: asked for before there is anything to write, so that a path that cannot be written to costs
/// nobody an export.
pub(crate) struct Destination<'a> {
    /// As it was given, for messages.
    path: &'a str,
    place: Place,
}

enum Place {
    Stdout,
    /// A pipe or a device keeps its name.
    Stream(File),
    /// Under a name of its own first: a file of this name is replaced by a whole one alone.
    Beside {
        file: File,
        unfinished: TempPath,
        path: PathBuf,
    },
}

impl<'a> Destination<'a> {
    /// `-` is standard output.
    ///
    /// # Errors
    /// What the file system says, with the path.
    pub(crate) fn open(path: &'a str) -> Result<Self, CliError> {
        let place = match path {
            "-" => Ok(Place::Stdout),
            path => Place::of(Path::new(path)),
        };
        let place = place.map_err(|error| failed(path, error))?;
        Ok(Self { path, place })
    }

    /// Writes histories, each of one node at most.
    ///
    /// # Errors
    /// What the file system says, with the path. A file that was there is then as it was.
    pub(crate) fn write(self, parts: &[History]) -> Result<(), CliError> {
        let packs = Path::new(self.path);
        let written = match self.place {
            Place::Stdout => {
                let out = io::BufWriter::new(io::stdout().lock());
                let written = fill(out, parts).and_then(|mut out| out.flush());
                return written.map_err(CliError::Output);
            }
            Place::Stream(file) => whole(file, packs, parts).map(drop),
            Place::Beside {
                file,
                unfinished,
                path,
            } => whole(file, packs, parts)
                .and_then(|file| file.sync_all())
                .and_then(|()| unfinished.persist(path).map_err(|failed| failed.error)),
        };
        written.map_err(|error| failed(self.path, error))
    }
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path).ok();
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return File::options().write(true).open(path).map(Self::Stream);
        }
        // Behind a link, what it points to is replaced.
        let path = match found {
            Some(_) => fs::canonicalize(path)?,
            None => path.to_owned(),
        };
        let (file, unfinished) = unfinished::beside(&path)?;
        if let Some(found) = found {
            // Whoever could not read the old file cannot read the new one.
            file.set_permissions(found.permissions())?;
        }
        Ok(Self::Beside {
            file,
            unfinished,
            path,
        })
    }
}

fn failed(path: &str, error: io::Error) -> CliError {
    CliError::Output(io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn whole(file: File, name: &Path, parts: &[History]) -> io::Result<File> {
    fill(Output::new(file, name), parts)?.finish()
}

fn fill<W: Write>(out: W, parts: &[History]) -> io::Result<W> {
    let out = Told {
        out,
        reporter: Reporter::start(),
        bytes: 0,
    };
    let program = concat!("flows ", env!("CARGO_PKG_VERSION"));
    let mut writer = Writer::new(out, SystemTime::now(), program)?;
    for part in parts {
        writer.history(part)?;
    }
    let told = writer.end()?;
    told.reporter.finish();
    Ok(told.out)
}

/// Tells how much was written.
struct Told<W> {
    out: W,
    reporter: Reporter,
    bytes: u64,
}

impl<W: Write> Write for Told<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const MEGABYTE: u64 = 1_000_000;
        let length = self.out.write(bytes)?;
        // A usize has no more than 64 bits.
        self.bytes = self.bytes.saturating_add(length as u64);
        let bytes = self.bytes;
        self.reporter
            .hear(|| format!("writing: {} MB", bytes / MEGABYTE));
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
