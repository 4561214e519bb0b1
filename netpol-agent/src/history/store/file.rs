//! The file of the store: who may read it, how large it gets, and whether it is still the one that was opened.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use redb::{DatabaseError, StorageBackend, backends::FileBackend};

/// Names a file for as long as it exists, whatever it is called: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// Of what is found under this name.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self(found.dev(), found.ino()))
    }
}

/// Makes a directory that root alone can read: who talks to whom is nobody else's affair. One that exists stays as it is.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Opens a file, or makes one that root alone can read.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Makes names in a directory durable: a new file survives a power cut only if its directory does.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A file with a largest size. It is locked for as long as it is open.
#[derive(Debug)]
pub(super) struct Bounded {
    file: FileBackend,
    largest: u64,
}

/// The file would grow beyond its largest size.
#[derive(Debug, thiserror::Error)]
#[error("it would grow beyond {} MiB, all that --history-edges lets it have", .0 >> 20)]
pub(super) struct Full(u64);

impl Bounded {
    /// # Errors
    /// [`DatabaseError::DatabaseAlreadyOpen`] where another process has it open.
    pub(super) fn new(file: File, largest: u64) -> Result<Self, DatabaseError> {
        Ok(Self {
            file: FileBackend::new(file)?,
            largest,
        })
    }
}

impl StorageBackend for Bounded {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // Larger already, by an earlier limit: it may shrink.
        if len > self.largest && len > self.file.len()? {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                Full(self.largest),
            ));
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
