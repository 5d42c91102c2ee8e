//! From a migration to a changed database, in steps that cannot be left out.
//!
//! [`Database::draft`] plans and judges, [`Database::prove`] tries it on a copy, somebody else approves,
//! and [`Database::apply`] takes a [`Proven`] and an [`Approval`](forge_core::Approval): neither can be
//! made any other way, so a migration that was not proven and approved does not compile. The approval
//! is bound to a hash over the statements and the schemas before and after; `apply` computes it again
//! from the database itself, inside the transaction that changes it.
//!
//! ```compile_fail,E0423
//! let forged = forge_database::pipeline::Proven(Box::new(todo!()));
//! ```
//!
//! ```compile_fail,E0451
//! let forged = forge_core::Approval { subject_hash: String::new(), ..todo!() };
//! ```

mod apply;
mod check;
mod draft;
mod explain;
pub mod history;
mod mirror;
mod prove;
mod scene;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

pub use apply::{Applied, ApplyError};
pub use check::Checks;
pub use draft::{Draft, Drafted};
pub use mirror::Mirrored;
pub use prove::{Proof, Proven, Trial};

use crate::backup::{self, Backup, BackupError};
use crate::introspect::{Drift, IntrospectError, Introspection, fingerprint, introspect};
use crate::prove::shadow::{self, ShadowError};
use crate::schema::Schema;
use history::Entry;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The engine's name, part of what is approved: the same change on another engine is another change.
const ENGINE: &str = "sqlite";

/// What the pipeline may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of a proof.
    pub shadow: shadow::Limits,
    /// Backups that are kept.
    pub backups_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { shadow: shadow::Limits::default(), backups_max: 10 }
    }
}

/// The app's database in a folder: `db.sqlite`, with `backups/` beside it.
#[derive(Debug, Clone)]
pub struct Database {
    dir: PathBuf,
    limits: Limits,
}

/// Why a step before `apply` failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A folder or file could not be used.
    #[error("failed to {attempt} `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("failed to {attempt}")]
    Sqlite {
        /// What was attempted.
        attempt: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The schema cannot be read.
    #[error("the database's schema cannot be read")]
    Introspect(#[from] IntrospectError),
    /// The text is no migration.
    #[error("the migration cannot be read")]
    Spec(#[from] crate::spec::SpecError),
    /// The migration does not fit the schema.
    #[error("the migration `{name}` does not fit the schema")]
    Plan {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<crate::ddl::PlanError>,
    },
    /// Another migration of that name was applied.
    #[error("a different migration named `{name}` was applied as version {version}")]
    NameTaken {
        /// The name.
        name: String,
        /// Its version.
        version: u32,
    },
    /// The tables are not what the stored schema says.
    #[error("the database was changed by hand: {what}")]
    Drift {
        /// The first difference.
        what: String,
    },
    /// There is no such version to go back to.
    #[error("there is no version {version} to go back to; the newest is {newest}")]
    NoVersion {
        /// The version asked for.
        version: u32,
        /// The newest that holds.
        newest: u32,
    },
    /// The schema changed between the draft and its proof.
    #[error("the schema changed after the migration was drafted")]
    Stale,
    /// A proof could not be tried.
    #[error("the proof on a copy could not be tried")]
    Shadow(#[from] ShadowError),
    /// The two-identity proof could not be tried.
    #[error("the proof of the policies could not be tried")]
    Rls(#[from] crate::prove::rls::RlsError),
    /// The backup failed.
    #[error("the backup failed")]
    Backup(#[from] BackupError),
    /// The catalog refused.
    #[error("the catalog could not be brought up to date")]
    Catalog(#[from] forge_core::CatalogError),
}

impl Database {
    /// Opens the database in `dir`, making it where it is not there.
    pub fn open(dir: &Path, limits: Limits) -> Result<Database, PipelineError> {
        fs::create_dir_all(dir).map_err(|source| PipelineError::File {
            attempt: "create",
            path: dir.to_owned(),
            source,
        })?;
        let database = Database { dir: dir.to_owned(), limits };
        shadow::clean(&database.shadow_dir())?;
        let mut conn = database.connect()?;
        let failed = |source| PipelineError::Sqlite { attempt: "prepare the history", source };
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        history::create(&transaction).map_err(failed)?;
        crate::auth::create(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(database)
    }

    /// Whether there is a database in `dir`.
    pub fn exists(dir: &Path) -> bool {
        dir.join("db.sqlite").exists()
    }

    /// The database's file.
    pub fn path(&self) -> PathBuf {
        self.dir.join("db.sqlite")
    }

    /// Where its backups are.
    pub fn backups_dir(&self) -> PathBuf {
        self.dir.join("backups")
    }

    fn shadow_dir(&self) -> PathBuf {
        self.dir.join("shadow")
    }

    /// A connection to it: write-ahead log, flushed on every commit, foreign keys on.
    pub fn connect(&self) -> Result<Connection, PipelineError> {
        let open = || {
            let conn = Connection::open(self.path())?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.pragma_update(None, "journal_mode", "WAL")?;
            conn.pragma_update(None, "synchronous", "FULL")?;
            conn.pragma_update(None, "foreign_keys", true)?;
            Ok(conn)
        };
        open().map_err(|source| PipelineError::Sqlite { attempt: "open the database", source })
    }

    /// Its schema.
    pub fn schema(&self) -> Result<Schema, PipelineError> {
        Ok(introspect(&self.connect()?)?.schema)
    }

    /// Its schema, compared with the tables that are there.
    pub fn introspection(&self) -> Result<Introspection, PipelineError> {
        Ok(introspect(&self.connect()?)?)
    }

    /// Its schema's fingerprint.
    pub fn fingerprint(&self) -> Result<String, PipelineError> {
        Ok(fingerprint(&self.connect()?)?)
    }

    /// The newest migration version that holds; 0 before the first.
    pub fn version(&self) -> Result<u32, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        history::version(&self.connect()?).map_err(failed)
    }

    /// Every migration that was applied, undone ones included, oldest first.
    pub fn history(&self) -> Result<Vec<Entry>, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        history::all(&self.connect()?).map_err(failed)
    }

    /// Takes a verified backup now.
    pub fn back_up(&self) -> Result<Backup, PipelineError> {
        let conn = self.connect()?;
        let failed = |source| PipelineError::Sqlite { attempt: "read the history", source };
        let version = history::version(&conn).map_err(failed)?;
        Ok(backup::back_up(&conn, &self.backups_dir(), version, self.limits.backups_max)?)
    }

    /// Whether any of the app's tables holds rows.
    pub fn holds_rows(&self) -> Result<bool, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "look for rows", source };
        has_rows(&self.connect()?).map_err(failed)
    }

    /// The backups, oldest first.
    pub fn backups(&self) -> Result<Vec<Backup>, PipelineError> {
        Ok(backup::list(&self.backups_dir())?)
    }

    /// Puts a backup in the database's place. Nobody else may have the database open.
    pub fn restore(&self, backup: &Backup) -> Result<(), PipelineError> {
        Ok(backup::restore(&self.backups_dir(), backup, &self.path())?)
    }
}

/// Whether any of the app's tables holds rows.
fn has_rows(conn: &Connection) -> rusqlite::Result<bool> {
    for table in crate::contents::table_names(conn)? {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", crate::ddl::sqlite::quote_name(&table));
        if !table.starts_with("_loki") && conn.query_row(&sql, [], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Drift::Missing { kind, name } => write!(f, "{kind} `{name}` is missing"),
            Drift::Changed { kind, name, what } => write!(f, "{kind} `{name}` was changed: {what}"),
            Drift::Stored => f.write_str("the stored schema was edited"),
        }
    }
}

#[cfg(test)]
mod tests;
