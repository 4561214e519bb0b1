//! A file becomes an open store, or is found not to be one.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use redb::{Builder, Database, StorageBackend};

use super::aside::{SetAside, set_aside};
use super::fault::Fault;
use super::file::{self, Bounded, FileId};
use super::loading::{Loaded, load};
use super::schema::{self, Identity};
use super::writing::Index;
use super::{NAME, Options, StoreError};

/// What the database may keep in memory of the file: everything is read once, and a batch touches little.
const CACHE: usize = 8 << 20;

/// Where the store is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) node: Arc<str>,
    directory: PathBuf,
    largest: u64,
}

/// A store that was opened.
pub(super) struct Found {
    pub(super) identity: Identity,
    pub(super) database: Database,
    pub(super) file: FileId,
    pub(super) loaded: Loaded,
    pub(super) index: Index,
    /// It was begun just now.
    pub(super) is_new: bool,
}

impl Place {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            path: options.directory.join(NAME),
            directory: options.directory.clone(),
            node: options.node.clone(),
            largest: options.largest,
        }
    }

    /// A fault in words, of this place.
    pub(super) fn error(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::InUse => StoreError::InUse(self.path.clone()),
            Fault::Trouble(reason) | Fault::Unusable { reason, .. } => StoreError::Trouble {
                file: self.path.clone(),
                reason,
            },
        }
    }

    /// Opens what is there; puts it aside where it cannot be used, and begins another. `expected`: the store that was open
    /// here before, by its name; any other cannot be used, and one that is begun gets this name.
    pub(super) fn open_or_begin(
        &self,
        expected: Option<&Arc<str>>,
        now: SystemTime,
    ) -> Result<(Found, Option<SetAside>), Fault> {
        file::make_directory(&self.directory)?;
        let mut aside = None;
        match fs::metadata(&self.path) {
            Ok(_) => match self.open(expected) {
                Ok(found) => return Ok((found, None)),
                Err(Fault::Unusable { word, reason }) => {
                    aside = Some(set_aside(&self.path, word, reason, now)?);
                }
                Err(fault) => return Err(fault),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        self.begin(expected)?;
        let mut found = self.open(expected)?;
        found.is_new = true;
        Ok((found, aside))
    }

    /// Opens what is there, checks all of it, and brings it to the schema of today.
    fn open(&self, expected: Option<&Arc<str>>) -> Result<Found, Fault> {
        let opened = file::open(&self.path)?;
        if opened.metadata()?.len() == 0 {
            return Err(Fault::corrupt("it is empty"));
        }
        let file = FileId::at(&self.path)?;
        let bounded = Bounded::new(opened, self.largest)?;
        let (identity, database, loaded, index) =
            unless_it_panics(|| self.read(bounded, expected))?;
        Ok(Found {
            identity,
            database,
            file,
            loaded,
            index,
            is_new: false,
        })
    }

    /// Reads and checks all of a file.
    pub(super) fn read(
        &self,
        file: impl StorageBackend,
        expected: Option<&Arc<str>>,
    ) -> Result<(Identity, Database, Loaded, Index), Fault> {
        let mut database = Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(file)?;
        // Pages that are not what was written are told by their checksums, which nothing else looks at. What was not finished
        // when the power went is rolled back.
        database.check_integrity()?;
        let transaction = database.begin_write()?;
        let identity = schema::migrate(&transaction)?;
        transaction.commit()?;
        if *identity.node != *self.node {
            return Err(Fault::Unusable {
                word: "other-node",
                reason: format!("it is of node {}, and this is {}", identity.node, self.node),
            });
        }
        if let Some(expected) = expected
            && *identity.store != **expected
        {
            return Err(Fault::Unusable {
                word: "other",
                reason: format!("it has taken the place of store {expected}"),
            });
        }
        let (loaded, index) = load(&database, &self.node)?;
        Ok((identity, database, loaded, index))
    }

    /// Gives the file its name. Of two agents that begin at once, one finds that the other was first.
    fn name(&self, unfinished: &Path) -> io::Result<()> {
        let never_replace = RenameFlags::RENAME_NOREPLACE;
        match renameat2(AT_FDCWD, unfinished, AT_FDCWD, &self.path, never_replace) {
            // Some file systems cannot promise that.
            Err(Errno::EINVAL) => fs::rename(unfinished, &self.path),
            renamed => renamed.map_err(io::Error::from),
        }
    }

    /// Makes a store with nothing in it. It gets its name once it is whole, so that a file of this name is never half made.
    fn begin(&self, id: Option<&Arc<str>>) -> Result<(), Fault> {
        let id = match id {
            Some(id) => id.to_string(),
            None => random_id()?,
        };
        let unfinished = self.directory.join(format!(".{NAME}.new"));
        let file = file::open(&unfinished)?;
        let emptied = file.try_clone()?;
        let file = Bounded::new(file, self.largest)?;
        // Locked: what stands in it was left by somebody who is gone.
        emptied.set_len(0)?;
        let database = Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(file)?;
        let transaction = database.begin_write()?;
        let identity = Identity {
            store: id,
            node: self.node.to_string(),
        };
        schema::begin(&transaction, &identity)?;
        transaction.commit()?;
        self.name(&unfinished)?;
        file::sync_directory(&self.directory)?;
        Ok(())
    }
}

/// Assertions of the database fail on some files that were damaged, and such a file is no more than corrupt. What `work` holds
/// is not to be used afterwards.
pub(super) fn unless_it_panics<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(Fault::corrupt("it makes no sense")))
}

fn random_id() -> io::Result<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(id.trim_end().to_owned())
}
