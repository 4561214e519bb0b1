//! Writing a history file: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

use netpol_history::Writer;
use netpol_history::file::Output;
use netpol_policy::history::History;

use crate::error::CliError;
use crate::progress::Reporter;

/// Writes histories, each of one node at most, under a name of its own first: a file of this name is replaced by a whole
/// one alone. `-` is standard output.
///
/// # Errors
/// What the file system says, with the path.
pub(crate) fn write(path: &str, parts: &[History]) -> Result<(), CliError> {
    if path == "-" {
        let out = io::BufWriter::new(io::stdout().lock());
        return fill(out, parts)
            .and_then(|mut out| out.flush())
            .map_err(CliError::Output);
    }
    let named = |error: io::Error| {
        CliError::Output(io::Error::new(error.kind(), format!("{path}: {error}")))
    };
    let path = Path::new(path);
    // A pipe or a device keeps its name.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let file = File::options().write(true).open(path).map_err(named)?;
        return whole(file, path, parts).map(drop).map_err(named);
    }
    let unfinished = Unfinished::beside(path).map_err(named)?;
    let file = File::create_new(&unfinished.0).map_err(named)?;
    whole(file, path, parts)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished.0, path))
        .map_err(named)
}

/// A file that is removed, unless it has got another name.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "names no file"))?;
        let mut unfinished = name.to_owned();
        unfinished.push(format!(".{}.part", process::id()));
        Ok(Self(path.with_file_name(unfinished)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there where all went well.
        let _ = fs::remove_file(&self.0);
    }
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
