//! A directory for sockets, logs and manifests that goes away with its value.

use std::fs;
use std::path::{Path, PathBuf};

use crate::record::{self, Resource};
use crate::{Error, Result, namespace};

/// A directory under `/run`, removed with everything in it when dropped. Also a place for a Unix
/// socket: its path stays well under the limit of 108 bytes.
#[derive(Debug)]
pub struct WorkDirectory {
    path: PathBuf,
}

impl WorkDirectory {
    /// Makes `/run/NAME`.
    ///
    /// # Errors
    /// When it exists already or the caller is not root.
    pub fn create(name: &str) -> Result<Self> {
        let path = Path::new("/run").join(name);
        let failed = Error::io(format!("create {}", path.display()));
        if path.exists() {
            // Somebody else's: it must not enter our record.
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let resource = Resource::Directory(path.clone());
        record::add(&resource)?;
        if let Err(error) = fs::create_dir(&path) {
            record::forget(&resource);
            return Err(failed(error));
        }
        Ok(Self { path })
    }

    /// Makes `/run/PREFIX-PID-N`.
    ///
    /// # Errors
    /// As [`WorkDirectory::create`].
    pub fn unique(prefix: &str) -> Result<Self> {
        Self::create(&namespace::unique_name(prefix))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            Ok(()) => record::forget(&Resource::Directory(self.path.clone())),
            // It stays in the record, for the next sweep.
            Err(error) => eprintln!("{} is left behind: {error}", self.path.display()),
        }
    }
}
