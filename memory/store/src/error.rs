//! Why the store could not do what it was asked.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database, its folder or its lock file could not be opened or created.
    #[error("failed to open `{}`", path.display())]
    Open {
        /// Which of them.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("the database `{}` is corrupted: {what}", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// The first thing found wrong.
        what: String,
    },
    /// The file was written by a newer version of the program.
    #[error("the database `{}` has schema version {found}; this program knows versions up to {known}", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The file's schema version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file was written by an older version of the program (or is still empty), and was opened
    /// only for reading, which does not migrate it.
    #[error("the database `{}` has schema version {found}, not yet {known}", path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// The file's schema version; 0 for an empty file.
        found: u32,
        /// The version this program reads.
        known: u32,
    },
    /// A migration step failed; the file is as it was before that step.
    #[error("failed to migrate the database to version {version} ({name})")]
    Migrate {
        /// The step's version.
        version: u32,
        /// The step's name.
        name: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The program's own list of migrations makes no sense.
    #[error("migration {version} ({name}) does not come after the one before it")]
    Disorder {
        /// The step's version.
        version: u32,
        /// The step's name.
        name: &'static str,
    },
    /// Another process, or too many readers of this one, were in the way for too long.
    #[error("the database is busy")]
    Busy,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The file, its folder or this handle does not allow writing.
    #[error("the database cannot be written: it is read-only")]
    ReadOnly,
    /// A statement failed.
    #[error("failed to {what}")]
    Sqlite {
        /// What was attempted.
        what: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The code run inside a transaction panicked; the transaction was rolled back.
    #[error("the code inside a database transaction panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A write was asked for from within a write, which would wait for itself.
    #[error("a database write was started from within another one")]
    Nested,
    /// The thread that was to write is gone.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// The error for a failure of the system to open or create something at `path`.
    pub fn open(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Open { path: path.to_owned(), source: source.into() },
        }
    }

    /// The error for a failure of SQLite while doing `what` (a verb and its object).
    pub fn sqlite(what: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::SystemIoFailure) if no_room_for_index(&source) => Self::Full,
            Some(_) | None => Self::Sqlite { what, source },
        }
    }

    /// Whether the file is damaged: found on opening, or by a statement later.
    pub fn is_corrupt(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Sqlite { source, .. } | Self::Migrate { source, .. } => damaged(source),
            Self::Open { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Disorder { .. }
            | Self::Busy
            | Self::Full
            | Self::ReadOnly
            | Self::Panicked { .. }
            | Self::Nested
            | Self::Closed => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        Self::sqlite("run a statement", source)
    }
}

/// Whether SQLite says that the file is no database, or a damaged one.
pub(crate) fn damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// On a full disk the first thing to fail is growing the index of the write-ahead log, which
/// SQLite reports as an I/O error.
fn no_room_for_index(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}
