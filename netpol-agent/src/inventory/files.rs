//! The manifests of a directory, and what the last good version of each said.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use netpol_policy::manifest;
use netpol_policy::model::Object;

/// Directories may nest this deep; deeper ones are most likely a loop of links.
const DEPTH: usize = 16;
/// Bytes of a manifest; a file beyond that is refused, since it would be held in memory whole.
const LARGEST: u64 = 256 << 20;

/// Something in a file that cannot be used. The rest of the file, and of the inventory, stays in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// Which file.
    pub file: PathBuf,
    /// Document within it, from 1; 0 for the file as a whole.
    pub document: u32,
    /// `kind namespace/name` where that could be read.
    pub object: String,
    /// Field path; empty where the document as a whole is meant.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// Every manifest read so far.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<PathBuf, File>,
    /// Why the directory could not be listed the last time.
    unlisted: Option<FileError>,
}

#[derive(Debug, Default)]
struct File {
    text: String,
    objects: Vec<Object>,
    errors: Vec<FileError>,
}

impl Files {
    /// Reads what changed, and returns whether anything did.
    ///
    /// # Errors
    /// When the directory itself cannot be listed.
    pub(crate) fn refresh(&mut self, directory: &Path) -> io::Result<bool> {
        let mut paths = Vec::new();
        list(directory, DEPTH, &mut paths)?;
        let count = self.files.len();
        self.files.retain(|path, _| paths.contains(path));
        let mut changed = self.unlisted.take().is_some() || self.files.len() != count;
        for path in paths {
            match read(&path) {
                Ok(text) => {
                    if self.files.get(&path).is_some_and(|file| file.text == text) {
                        continue;
                    }
                    self.files
                        .entry(path.clone())
                        .or_default()
                        .replace(&path, text);
                    changed = true;
                }
                // Between listing and reading it went away; the next look will see that.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let errors = vec![whole_file(&path, error.to_string())];
                    let file = self.files.entry(path).or_default();
                    changed |= file.errors != errors;
                    file.errors = errors;
                    // Whatever can be read next is news.
                    file.text.clear();
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

    /// Every object in force, in the order of files.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.files.values().flat_map(|file| &file.objects)
    }

    /// Everything that cannot be used.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &FileError> {
        let files = self.files.values().flat_map(|file| &file.errors);
        self.unlisted.iter().chain(files)
    }
}

impl File {
    /// Takes a new text. Where nothing in it can be used, the objects of the last good one stay in force.
    fn replace(&mut self, path: &Path, text: String) {
        let read = manifest::parse(&text);
        self.errors = read
            .errors
            .iter()
            .map(|error| file_error(path, error))
            .collect();
        if self.errors.is_empty() || !read.objects.is_empty() {
            self.objects = read.objects;
        }
        self.text = text;
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

fn whole_file(path: &Path, message: String) -> FileError {
    FileError {
        file: path.to_owned(),
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

fn file_error(path: &Path, error: &manifest::ManifestError) -> FileError {
    FileError {
        file: path.to_owned(),
        document: u32::try_from(error.document).unwrap_or(u32::MAX),
        object: error.object.clone().unwrap_or_default(),
        field: error.field.clone(),
        message: error.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_told_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        nix::unistd::mkfifo(
            &root.join("fifo.yaml"),
            nix::sys::stat::Mode::from_bits_truncate(0o600),
        )
        .unwrap();
        symlink("/dev/zero", root.join("zero.yaml")).unwrap();
        let mut files = Files::default();
        assert!(files.refresh(root).unwrap());
        let errors: Vec<_> = files
            .errors()
            .map(|error| (error.file.clone(), error.message.as_str()))
            .collect();
        let message = "is no regular file";
        let expected = ["fifo.yaml", "zero.yaml"].map(|name| (root.join(name), message));
        assert_eq!(errors, expected);
    }

    #[test]
    fn a_directory_that_went_away_is_told_until_it_is_back() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("inventory");
        fs::create_dir(&root).unwrap();
        let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
        fs::write(root.join("shop.yaml"), text).unwrap();
        let mut files = Files::default();
        files.refresh(&root).unwrap();

        fs::rename(&root, parent.path().join("aside")).unwrap();
        let error = files.refresh(&root).unwrap_err();
        assert!(files.keep(&root, &error));
        assert!(!files.keep(&root, &error), "told already");
        assert_eq!(files.errors().next().unwrap().file, root);
        assert_eq!(files.objects().count(), 1, "the last version stays");

        fs::rename(parent.path().join("aside"), &root).unwrap();
        assert!(files.refresh(&root).unwrap());
        assert_eq!(files.errors().count(), 0);
    }

    #[test]
    fn links_that_lead_back_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir(root.join("below")).unwrap();
        fs::write(root.join("below/policy.yaml"), "# nothing\n").unwrap();
        for link in ["one", "two"] {
            symlink("..", root.join("below").join(link)).unwrap();
            symlink(".", root.join(link)).unwrap();
        }
        let mut files = Files::default();
        files.refresh(root).unwrap();
        assert_eq!(
            files.files.keys().collect::<Vec<_>>(),
            [&root.join("below/policy.yaml")]
        );
    }

    #[test]
    fn a_mounted_config_map_is_read_once_and_followed_through_its_links() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for version in ["..v1", "..v2"] {
            fs::create_dir(root.join(version)).unwrap();
            fs::write(
                root.join(version).join("policy.yaml"),
                format!("# {version}\n"),
            )
            .unwrap();
        }
        symlink("..v1", root.join("..data")).unwrap();
        symlink("..data/policy.yaml", root.join("policy.yaml")).unwrap();
        fs::write(root.join("notes.txt"), "no manifest").unwrap();
        let mut files = Files::default();
        assert!(files.refresh(root).unwrap());
        assert_eq!(
            files.files.keys().collect::<Vec<_>>(),
            [&root.join("policy.yaml")]
        );
        assert!(!files.refresh(root).unwrap(), "nothing changed");

        symlink("..v2", root.join("..next")).unwrap();
        fs::rename(root.join("..next"), root.join("..data")).unwrap();
        assert!(files.refresh(root).unwrap());
        fs::remove_file(root.join("policy.yaml")).unwrap();
        assert!(files.refresh(root).unwrap());
        assert!(files.files.is_empty());
    }
}
