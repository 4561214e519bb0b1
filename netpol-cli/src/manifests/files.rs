//! Paths into texts.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::problem::{Problem, What};
use crate::error::CliError;

/// Directories may nest this deep; deeper ones are most likely a loop of mounts.
const DEPTH: usize = 64;
/// Bytes of one text; one beyond that is refused, since it would be held in memory whole.
pub(crate) const LARGEST: u64 = 1 << 30;

/// One text with manifests.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path as it was given, or found below one that was given; `<stdin>` for standard input.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: String,
}

/// What was read, in the order of the arguments and below a directory by name.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) sources: Vec<Source>,
    /// Files below a directory that cannot be read.
    pub(crate) problems: Vec<Problem>,
    /// What was read already, under whatever path.
    seen: HashSet<PathBuf>,
}

/// Reads every path once.
///
/// # Errors
/// A path that was given and cannot be read.
pub(crate) fn read<'a>(paths: impl Iterator<Item = &'a String>) -> Result<Texts, CliError> {
    let mut texts = Texts::default();
    for path in paths {
        let unreadable = |error: io::Error| CliError::Input(format!("--manifests {path}: {error}"));
        if path == "-" {
            if texts.seen.insert(PathBuf::from("-")) {
                let text = text(io::stdin().lock(), LARGEST).map_err(unreadable)?;
                let name = "<stdin>".to_owned();
                texts.sources.push(Source { name, text });
            }
        } else if Path::new(path).is_dir() {
            texts
                .directory(Path::new(path), DEPTH)
                .map_err(unreadable)?;
        } else {
            // Of any kind, also a pipe that a shell has made.
            texts.file(Path::new(path)).map_err(unreadable)?;
        }
    }
    Ok(texts)
}

impl Texts {
    fn file(&mut self, path: &Path) -> io::Result<()> {
        if self.is_new(path) {
            let text = text(File::open(path)?, LARGEST)?;
            let name = path.display().to_string();
            self.sources.push(Source { name, text });
        }
        Ok(())
    }

    /// Manifests below a directory. Hidden entries are left out: a mounted ConfigMap keeps its versions in them, and links
    /// to the one in force by visible names. Links to what was read already are not followed, so loops end.
    fn directory(&mut self, directory: &Path, depth: usize) -> io::Result<()> {
        if !self.is_new(directory) {
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort();
        for path in entries {
            let result = match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() && depth == 0 => {
                    Err(io::Error::other("lies too deep"))
                }
                Ok(metadata) if metadata.is_dir() => self.directory(&path, depth - 1),
                _ if !is_manifest(&path) => Ok(()),
                // Anything else, such as a FIFO that nobody writes to, might never come to an end.
                Ok(metadata) if !metadata.is_file() => Err(io::Error::other("is no regular file")),
                Ok(_) => self.file(&path),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.problems.push(Problem {
                    source: path.display().to_string(),
                    what: What::Unreadable(error),
                });
            }
        }
        Ok(())
    }

    fn is_new(&mut self, path: &Path) -> bool {
        // The pipes that a shell names have no path of their own.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.seen.insert(path)
    }
}

/// All of a text.
///
/// # Errors
/// What cannot be read, is no UTF-8, or has more than `most` bytes.
pub(crate) fn text(from: impl Read, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("is larger than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("is no UTF-8 text"))
}

pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
}
