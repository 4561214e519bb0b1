//! The manifests of a directory, and what the last good version of each said.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use netpol_policy::manifest;

use super::change::{Change, ObjectKey};
use super::objects::Objects;
use super::report::{ForeignKind, Problem, Report};

/// Directories may nest this deep; deeper ones are most likely a loop of links.
const DEPTH: usize = 16;
/// Bytes of a manifest; a file beyond that is refused, since it would be held in memory whole.
const LARGEST: u64 = 256 << 20;

/// Every manifest read so far.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<PathBuf, File>,
    objects: Objects,
    /// Why the directory could not be listed the last time.
    unlisted: Option<Problem>,
}

/// What a file says beside its objects.
#[derive(Debug, Default)]
struct File {
    /// As last read; `None` where it could not be.
    text: Option<String>,
    /// Its objects, which [`Objects`] holds.
    keys: BTreeSet<ObjectKey>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    not_evaluated: Vec<ForeignKind>,
    ignored: BTreeSet<String>,
}

impl Files {
    /// Reads what changed, and returns whether anything did.
    ///
    /// # Errors
    /// When the directory itself cannot be listed.
    pub(crate) fn refresh(&mut self, directory: &Path) -> io::Result<bool> {
        let mut paths = Vec::new();
        list(directory, DEPTH, &mut paths)?;
        let mut changed = self.unlisted.take().is_some();
        self.files.retain(|path, file| {
            let is_there = paths.binary_search(path).is_ok();
            if !is_there {
                file.take_back(path, &mut self.objects);
                changed = true;
            }
            is_there
        });
        for path in paths {
            match read(&path) {
                Ok(text) => {
                    let file = self.files.entry(path.clone()).or_default();
                    if file.text.as_ref() != Some(&text) {
                        file.replace(&path, text, &mut self.objects);
                        changed = true;
                    }
                }
                // Between listing and reading it went away; the next look will see that.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let errors = vec![whole_file(&path, error.to_string())];
                    let file = self.files.entry(path).or_default();
                    changed |= file.errors != errors;
                    file.errors = errors;
                    // Whatever can be read next is news.
                    file.text = None;
                }
            }
        }
        Ok(changed)
    }

    /// Keeps what is known, since the directory cannot be listed. Returns whether that is news.
    pub(crate) fn keep(&mut self, directory: &Path, error: &io::Error) -> bool {
        let message = format!("cannot be listed, the last version stays in force: {error}");
        let unlisted = Some(whole_file(directory, message));
        let changed = self.unlisted != unlisted;
        self.unlisted = unlisted;
        changed
    }

    /// How the objects in force differ from those of the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        self.objects.take_changes()
    }

    /// Everything that is to be told of the files.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report {
            warnings: self.objects.overruled().collect(),
            ..Report::default()
        };
        report.errors.extend(self.unlisted.clone());
        for file in self.files.values() {
            report.errors.extend_from_slice(&file.errors);
            report.warnings.extend_from_slice(&file.warnings);
            for kind in &file.not_evaluated {
                *report.not_evaluated.entry(kind.clone()).or_default() += 1;
            }
            report.ignored.extend(file.ignored.iter().cloned());
        }
        report
    }
}

impl File {
    /// Takes a new text. Where nothing in it can be used, the objects of the last good one stay in force.
    fn replace(&mut self, path: &Path, text: String, objects: &mut Objects) {
        let read = manifest::parse(&text);
        let in_file = |error| in_file(path, error);
        self.errors = read.errors.iter().map(in_file).collect();
        self.warnings = read.warnings.iter().map(in_file).collect();
        self.ignored = read.ignored.into_iter().collect();
        self.not_evaluated = read
            .not_evaluated
            .into_iter()
            .map(|policy| ForeignKind {
                kind: policy.kind,
                api_version: policy.api_version,
            })
            .collect();
        self.text = Some(text);
        if read.objects.is_empty() && !self.errors.is_empty() {
            return;
        }
        let file: Arc<Path> = path.into();
        let before = std::mem::take(&mut self.keys);
        for (object, place) in read.objects.into_iter().zip(&read.places) {
            let document = document_number(place.document);
            self.keys.insert(objects.describe(&file, document, object));
        }
        for key in before.difference(&self.keys) {
            objects.withdraw(path, key);
        }
    }

    /// Takes back everything it says.
    fn take_back(&self, path: &Path, objects: &mut Objects) {
        for key in &self.keys {
            objects.withdraw(path, key);
        }
    }
}

/// The text of a regular file. Anything else, such as a FIFO that nobody writes to, would never come to an end.
fn read(path: &Path) -> io::Result<String> {
    let invalid = |message| io::Error::new(io::ErrorKind::InvalidInput, message);
    let file = fs::OpenOptions::new()
        .read(true)
        // Otherwise opening a FIFO waits for its writer.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(invalid("is no regular file".to_owned()));
    }
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(invalid(format!("is larger than {LARGEST} bytes")));
    }
    Ok(text)
}

fn whole_file(path: &Path, message: String) -> Problem {
    Problem {
        file: Some(path.to_owned()),
        document: 0,
        object: String::new(),
        field: String::new(),
        message,
    }
}

/// Manifests below a directory. Hidden entries are left out: a mounted ConfigMap keeps its versions in them, and links to
/// the one in force by visible names.
fn list(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // It went away between being listed and being read. The root has to be there.
        Err(error) if error.kind() == io::ErrorKind::NotFound && depth < DEPTH => return Ok(()),
        Err(error) if depth < DEPTH => {
            let directory = directory.display();
            return Err(io::Error::new(
                error.kind(),
                format!("{directory}: {error}"),
            ));
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link whose target is gone has no metadata and no content.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            if depth > 0 && !leads_back(&path) {
                list(&path, depth - 1, found)?;
            }
        } else if is_manifest(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Whether a directory is a link to one that it lies in. Several of those would be walked in every order.
fn leads_back(directory: &Path) -> bool {
    let Ok(target) = fs::canonicalize(directory) else {
        return false;
    };
    let mut above = directory.ancestors().skip(1);
    above.any(|one| fs::canonicalize(one).is_ok_and(|one| one == target))
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
}

fn document_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn in_file(path: &Path, error: &manifest::ManifestError) -> Problem {
    Problem {
        file: Some(path.to_owned()),
        document: document_number(error.document),
        object: error.object.clone().unwrap_or_default(),
        field: error.field.clone(),
        message: error.message.clone(),
    }
}

#[cfg(test)]
mod tests;
