//! The REST dialect on the application's SQLite database.

mod call;
mod carry;
mod engine;
mod errors;
mod identity;
pub mod memo;

pub mod functions;
mod pool;
mod query;
pub mod reads;
pub mod select;
pub mod values;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::RestError;

pub use engine::Sqlite;

/// How the database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Connections that read, each with a thread.
    pub readers: usize,
    /// The most reads that wait for a connection; one more is refused with 503.
    pub reads_waiting_max: usize,
    /// The most writes that wait; one more is refused with 503.
    pub writes_waiting_max: usize,
    /// The most requests in one transaction.
    pub group_max: usize,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// How long a request may take, the waiting included.
    pub statement_timeout: Duration,
    /// How long another process's transaction is waited for.
    pub busy_timeout: Duration,
    /// How long the model is believed to be as it was, in which a migration by another process goes unnoticed.
    pub model_age_max: Duration,
    /// Prepared statements that each connection keeps.
    pub statements_max: usize,
    /// What each connection keeps of the file, in KiB.
    pub cache_kibibytes: i64,
    /// How much of the file is mapped into memory, in bytes.
    pub mmap_bytes: i64,
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk: what is answered outlives a power failure.
    Full,
    /// The operating system: what is answered outlives a crash of the program.
    Normal,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            readers: std::thread::available_parallelism().map_or(2, usize::from).max(2),
            reads_waiting_max: 1_024,
            writes_waiting_max: 1_024,
            group_max: 64,
            synchronous: Synchronous::Full,
            statement_timeout: Duration::from_secs(8),
            busy_timeout: Duration::from_secs(5),
            model_age_max: Duration::from_millis(100),
            statements_max: 256,
            cache_kibibytes: 8 * 1_024,
            mmap_bytes: 256 << 20,
        }
    }
}

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refused.
    #[error("failed to open `{}`", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Its schema cannot be read.
    #[error("failed to read the database's schema")]
    Schema {
        /// Why.
        #[source]
        source: Box<RestError>,
    },
    /// There is no thread to be had.
    #[error("failed to start a thread for the database")]
    Thread {
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests;
