//! What the memory of a node is read from when the agent starts, and written to while it runs.
//!
//! ```text
//!                 file ── fault ── aside      opened, locked, bounded; what cannot be used is put aside
//! history.redb ◄─► schema                     tables, and those of older versions
//!                    ├─► loading ─► Loaded    all of it, once
//!                    └── writing ◄─ Changes   a batch in one transaction: whole or not at all
//!                          ├── numbers        which row is of what
//!                          └── groups         pods that many rows name
//! notices                                     what could not be used, for the status
//! ```
//!
//! Rows are the records of the history file ([`netpol_history::record`]), so that one encoding serves both. What is written
//! is durable when [`Store::write`] returns, also if the power goes. Everything here blocks.

mod aside;
mod fault;
mod file;
mod groups;
mod loading;
mod notices;
mod numbers;
mod opening;
mod schema;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::{History, NodeHistory};
use redb::Database;

use super::changes::Changes;
use super::writer::{Journal, NotWritten};
use aside::SetAside;
use fault::Fault;
use file::FileId;
use loading::LeftOut;
use opening::{Found, Place};
use writing::{Index, Mark};

pub(crate) use notices::Notices;

/// What the store's file is called.
const NAME: &str = "history.redb";

/// Where the store is, and whose.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Made if it is not there.
    pub(super) directory: PathBuf,
    /// Name of the node. The history of another one is not taken for its own.
    pub(super) node: Arc<str>,
    /// How large the file may get, in bytes. It grows by doubling, so it is full somewhere between half of this and all of it.
    pub(super) largest: u64,
    /// Where files that cannot be used are told.
    pub(super) notices: Notices,
}

/// Why nothing could be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StoreError {
    /// Another agent has the file.
    #[error("{} is in use by another agent", .0.display())]
    InUse(PathBuf),
    /// A full or read-only disk, a permission: it may pass.
    #[error("{}: {reason}", .file.display())]
    Trouble {
        /// The file at fault.
        file: PathBuf,
        /// In plain words.
        reason: String,
    },
    /// The file was gone or could not be used any more, and another one was begun, which holds nothing yet.
    #[error("{} was begun anew: {reason}", .file.display())]
    BegunAnew {
        /// The file.
        file: PathBuf,
        /// In plain words.
        reason: String,
    },
}

/// The store of a node. One process has it at a time.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    /// Names it, at random; `None` until it was opened for the first time.
    id: Option<Arc<str>>,
    open: Option<Open>,
    /// How far rows were numbered before a write of which it is not known whether it is on disk.
    doubtful: Option<Mark>,
    notices: Notices,
}

#[derive(Debug)]
struct Open {
    database: Database,
    file: FileId,
    index: Index,
}

impl Store {
    /// Nothing is touched yet.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            place: Place::new(options),
            id: None,
            open: None,
            doubtful: None,
            notices: options.notices.clone(),
        }
    }

    /// Opens the store and reads all of it, or begins one: where there is none, and where the one that there is cannot be used,
    /// which is put aside and told in the log.
    ///
    /// # Errors
    /// Another agent has it, or the file system does not let it be opened or made.
    pub(super) fn load(&mut self, now: SystemTime) -> Result<History, StoreError> {
        self.close();
        let found = self.place.open_or_begin(None, now);
        let (found, set_aside) = found.map_err(|fault| self.place.error(fault))?;
        self.tell(set_aside.as_ref(), &found.loaded.left_out);
        let id: Arc<str> = found.identity.store.as_str().into();
        self.id = Some(id.clone());
        let loaded = self.take(found);
        Ok(History {
            nodes: vec![NodeHistory {
                name: self.place.node.clone(),
                store: id,
                read_at: now,
                intervals: loaded.intervals,
                // Of whoever reads it now.
                dialect: "".into(),
            }],
            missing: Vec::new(),
            edges: loaded.edges,
            uses: loaded.uses,
            policies: loaded.policies,
            population: loaded.population,
            cluster: loaded.cluster,
            services: loaded.services,
        })
    }

    /// Writes what changed: all of it, or nothing. After a failure, what it did not write is expected to be told again.
    ///
    /// # Errors
    /// The disk is full or read-only, or the file is as large as it may get. [`StoreError::BegunAnew`] where everything that
    /// was ever told has to be told again.
    pub(super) fn write(&mut self, changes: &Changes, now: SystemTime) -> Result<(), StoreError> {
        let place = &self.place;
        let is_there = |open: &Open| FileId::at(&place.path).ok() == Some(open.file);
        if !self.open.as_ref().is_some_and(is_there) {
            self.reopen(now)?;
        }
        let Some(open) = &mut self.open else {
            return Err(self.place.error(Fault::Trouble("it is closed".to_owned())));
        };
        let doubtful = self.doubtful;
        let mark = doubtful.unwrap_or_else(|| open.index.mark());
        match opening::unless_it_panics(|| open.apply(changes, doubtful)) {
            Ok(()) => {
                self.doubtful = None;
                Ok(())
            }
            Err(fault) => {
                // Neither the index nor the database is of any use.
                self.close();
                self.doubtful = Some(mark);
                Err(self.place.error(fault))
            }
        }
    }

    /// Closes the file, also where it is so damaged that the database panics.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // What is wrong with it is found when it is opened again.
            let _ = opening::unless_it_panics(|| {
                drop(open);
                Ok(())
            });
        }
    }

    /// Opens it after a write that failed, or when the file is not there any more.
    fn reopen(&mut self, now: SystemTime) -> Result<(), StoreError> {
        // It is locked.
        self.close();
        let found = self.place.open_or_begin(self.id.as_ref(), now);
        let (found, set_aside) = found.map_err(|fault| self.place.error(fault))?;
        self.tell(set_aside.as_ref(), &LeftOut::default());
        let is_new = found.is_new;
        self.take(found);
        if !is_new {
            return Ok(());
        }
        self.doubtful = None;
        Err(StoreError::BegunAnew {
            file: self.place.path.clone(),
            reason: match set_aside {
                Some(aside) => aside.reason,
                None => "it was gone".to_owned(),
            },
        })
    }

    fn tell(&self, set_aside: Option<&SetAside>, left_out: &LeftOut) {
        if let Some(set_aside) = set_aside {
            self.notices.add(set_aside.to_string());
        }
        if left_out.count > 0 {
            self.notices.add(format!(
                "{}: {} policies, nodes or Services of it cannot be read any more and are left out; the first: {}",
                self.place.path.display(),
                left_out.count,
                left_out.first
            ));
        }
    }

    fn take(&mut self, found: Found) -> loading::Loaded {
        self.open = Some(Open {
            database: found.database,
            file: found.file,
            index: found.index,
        });
        found.loaded
    }
}

impl Open {
    /// One transaction. `doubtful`: rows after this mark are of a write that was said to have failed.
    fn apply(&mut self, changes: &Changes, doubtful: Option<Mark>) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        if let Some(mark) = doubtful {
            self.index.remove_after(&transaction, mark)?;
        }
        self.index.apply(&transaction, changes)?;
        // Durable when it returns, which is the default.
        transaction.commit()?;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl Journal for Store {
    fn open(&mut self) -> Result<History, String> {
        self.load(SystemTime::now())
            .map_err(|error| error.to_string())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), NotWritten> {
        let written = Store::write(self, changes, SystemTime::now());
        written.map_err(|error| match error {
            StoreError::BegunAnew { .. } => NotWritten::BegunAnew(error.to_string()),
            _ => NotWritten::Trouble(error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests;
