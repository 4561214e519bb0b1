//! Where lines go: standard output or a file.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::rotation::{Limits, RotatedFile};

/// What the command line names as the place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output, written `-`.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl From<&OsStr> for Target {
    fn from(text: &OsStr) -> Self {
        match text.as_encoded_bytes() {
            b"-" => Self::Stdout,
            _ => Self::File(text.into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An open target.
#[derive(Debug)]
pub(super) enum Sink {
    /// Standard output; whether it holds the beginning of a line alone.
    Stdout { is_torn: bool },
    /// A file.
    File(RotatedFile),
}

impl Sink {
    pub(super) fn new(target: Target, limits: Limits) -> Self {
        match target {
            Target::Stdout => Self::Stdout { is_torn: false },
            Target::File(path) => Self::File(RotatedFile::new(path, limits)),
        }
    }

    /// Writes a line, which ends with a line feed; one that failed is to be written again.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout { is_torn } => {
                let mut stdout = io::stdout().lock();
                if *is_torn {
                    stdout.write_all(b"\n")?;
                    *is_torn = false;
                }
                let written = stdout.write_all(line).and_then(|()| stdout.flush());
                *is_torn = written.is_err();
                written
            }
            Self::File(file) => file.write(line),
        }
    }

    /// Opens a file anew before the next line.
    pub(super) fn reopen(&mut self) {
        if let Self::File(file) = self {
            file.reopen();
        }
    }
}

/// What a failure to write comes to, in one word of a bounded vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The disk, or this user's part of it, is full.
    NoSpace,
    /// Anything else.
    Unwritable,
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Self::NoSpace,
            _ => Self::Unwritable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_output() {
        assert_eq!(Target::from(OsStr::new("-")), Target::Stdout);
        let file = Target::from(OsStr::new("./-"));
        assert_eq!(file, Target::File("./-".into()));
        assert_eq!(file.to_string(), "./-");
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let full = RotatedFile::new(
            "/dev/full".into(),
            Limits {
                bytes: 100,
                files: 2,
            },
        );
        let error = Sink::File(full).write(b"line\n").unwrap_err();
        assert_eq!(Failure::from(&error), Failure::NoSpace);
        let other = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Failure::from(&other), Failure::Unwritable);
    }
}
