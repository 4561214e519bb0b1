//! Why a file cannot be used, or not now.

use std::io;

use redb::Error;

/// Why a file cannot be used as the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// It never can: it is put aside under this word, for this reason.
    Unusable { word: &'static str, reason: String },
    /// Another process has it.
    InUse,
    /// Something in its way may pass: a full or read-only disk, a permission.
    Trouble(String),
}

impl Fault {
    pub(super) fn corrupt(reason: impl Into<String>) -> Self {
        Self::Unusable {
            word: "corrupt",
            reason: reason.into(),
        }
    }

    fn of_database(error: Error) -> Self {
        match error {
            Error::DatabaseAlreadyOpen => Self::InUse,
            Error::Io(error) => error.into(),
            Error::Corrupted(what) => Self::corrupt(what),
            Error::UpgradeRequired(version) => Self::corrupt(format!(
                "its file format {version} is older than any that can be read"
            )),
            Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TableIsNotMultimap(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::TableDoesNotExist(_) => Self::corrupt(error.to_string()),
            other => Self::Trouble(other.to_string()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Of the kinds that a disk never gives: what stands in the file is not what a store begins with, or it is too short.
            io::ErrorKind::InvalidData => Self::corrupt("it does not begin as a store does"),
            io::ErrorKind::UnexpectedEof => Self::corrupt("it is truncated"),
            _ => Self::Trouble(error.to_string()),
        }
    }
}

/// All errors of the database are sorted in one place.
macro_rules! of_database {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::of_database(error.into())
            }
        })*
    };
}

of_database!(
    redb::CommitError,
    redb::CompactionError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);
