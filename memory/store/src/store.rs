//! The handle to one database file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::StoreError;
use crate::error::damaged;
use crate::migrate::{self, Migration};
use crate::readers::Readers;
use crate::watch::{Commits, Watch};
use crate::writer::Writer;

/// Statements kept prepared per connection.
const STATEMENTS_CACHED: usize = 64;

/// Pages of the write-ahead log (4 KiB each) at which it is folded back into the file. Writing over a log of
/// this size flushes faster than letting it grow, and folding costs two flushes: one in 250 steps of a run.
const WAL_PAGES_MAX: u32 = 1000;

/// How much a write must survive before it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process.
    Process,
    /// Loss of power: the write is flushed to the disk.
    Disk,
}

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Reader connections at most; at least 1 is kept.
    pub readers_max: usize,
    /// How long a write waits for another process, and a read for a free connection.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers_max: 4, busy_timeout: Duration::from_secs(5) }
    }
}

/// One database file: a writer and a pool of readers. Cheap to clone; the last clone to go closes the file.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Dropped in this order: the writer closes last, and so can fold the log back into the file.
    readers: Readers,
    commits: Arc<Commits>,
    writer: Option<Writer>,
}

impl Store {
    /// Opens the database at `path`, creating it with mode 0600 if there is none, and migrates it.
    pub fn open(
        path: &Path,
        migrations: &'static [Migration],
        options: &Options,
    ) -> Result<Self, StoreError> {
        create(path)?;
        let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, options.busy_timeout)?;
        check_file(&conn, path)?;
        migrate::check(&conn, path, migrations)?;
        use_wal(&conn).map_err(|error| read_only_folder(path, error))?;
        migrate::migrate(&mut conn, path, migrations)?;
        let commits = Arc::new(Commits::default());
        let writer = Writer::new(conn, Arc::clone(&commits));
        Ok(Self::assemble(path, options, commits, Some(writer)))
    }

    /// Opens an existing database for reading only; it must have the newest schema of `migrations`.
    /// Its folder must be writable unless another process has it open: readers share the log's index.
    pub fn open_read_only(path: &Path, migrations: &'static [Migration]) -> Result<Self, StoreError> {
        match Self::read_only(path, migrations) {
            // A process that died while it made the file left a journal, which only a writer may roll back.
            Err(StoreError::ReadOnly) if roll_back(path).is_ok() => Self::read_only(path, migrations),
            opened => opened,
        }
    }

    fn read_only(path: &Path, migrations: &'static [Migration]) -> Result<Self, StoreError> {
        let options = Options::default();
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, options.busy_timeout)?;
        check_file(&conn, path)?;
        let found = migrate::check(&conn, path, migrations)?;
        let known = migrations.last().map_or(0, |step| step.version);
        if found < known {
            return Err(StoreError::Older { path: path.to_owned(), found, known });
        }
        Ok(Self::assemble(path, &options, Arc::new(Commits::default()), None))
    }

    fn assemble(path: &Path, options: &Options, commits: Arc<Commits>, writer: Option<Writer>) -> Self {
        let readers = Readers::new(path.to_owned(), options.readers_max, options.busy_timeout);
        Self { inner: Arc::new(Inner { readers, commits, writer }) }
    }

    /// Runs `act` in one IMMEDIATE transaction, after the writes that were asked for before; commits
    /// when it returns Ok, and rolls back when it returns an error or panics.
    pub fn write<T, E>(
        &self,
        durability: Durability,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.inner.writer {
            Some(writer) => writer.write(durability, act),
            None => Err(StoreError::ReadOnly.into()),
        }
    }

    /// Runs `act` on a reader connection, in one transaction: all that it reads is of one moment.
    pub fn read<T, E: From<StoreError>>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let conn = self.inner.readers.take()?;
        let tx = conn
            .unchecked_transaction()
            .map_err(|source| StoreError::sqlite("begin a read transaction", source))?;
        act(&tx)
    }

    /// A watch on what is committed to this file from here on, by any process.
    pub fn watch(&self) -> Result<Watch, StoreError> {
        Watch::new(self.inner.readers.open()?, Arc::clone(&self.inner.commits))
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.inner.readers.path()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path())
            .field("writable", &self.inner.writer.is_some())
            .finish()
    }
}

/// Opens a connection to an existing file, with the settings all of them share.
pub(crate) fn connect(
    path: &Path,
    access: OpenFlags,
    busy_timeout: Duration,
) -> Result<Connection, StoreError> {
    // Without SQLITE_OPEN_URI: a path is a path, even if it begins with `file:`.
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source: source.into() })?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    configure(&conn, access, busy_timeout)
        .map_err(|source| StoreError::sqlite("configure a connection", source))?;
    Ok(conn)
}

fn configure(conn: &Connection, access: OpenFlags, busy_timeout: Duration) -> rusqlite::Result<()> {
    conn.busy_timeout(busy_timeout)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    if access.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        conn.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}

/// Lets SQLite undo what a process that died had begun: it does so at the first look.
fn roll_back(path: &Path) -> Result<(), StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, Options::default().busy_timeout)?;
    conn.query_row("PRAGMA schema_version", [], |_| Ok(()))
        .map_err(|source| StoreError::sqlite("roll back what was begun", source))
}

fn use_wal(conn: &Connection) -> Result<(), StoreError> {
    let failed = |source| StoreError::sqlite("switch on the write-ahead log", source);
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(failed)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX).map_err(failed)?;
    conn.pragma_update(None, "synchronous", "NORMAL").map_err(failed)
}

/// Refuses a file that is no SQLite database or a damaged one.
fn check_file(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let corrupt = |what: String| StoreError::Corrupt { path: path.to_owned(), what };
    let found = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(corrupt(answer.lines().map(str::trim).collect::<Vec<_>>().join(" "))),
        Err(source) if damaged(&source) => Err(corrupt(source.to_string())),
        Err(source) => Err(read_only_folder(path, StoreError::sqlite("check the database", source))),
    }
}

/// Creates the file if there is none, so that nobody else can ever read it.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => sync_folder(path).map_err(|error| StoreError::open(path, error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(path).map(drop).map_err(|error| StoreError::open(path, error))
        }
        Err(error) => Err(StoreError::open(path, error)),
    }
}

/// Makes the file's name itself survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// SQLite says only "unable to open" when it cannot put its log beside the file: says so, if it is so.
fn read_only_folder(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Sqlite { source, .. } = &error else { return error };
    if source.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return error;
    }
    match access(folder(path), Access::WRITE_OK) {
        Err(Errno::ACCESS | Errno::ROFS | Errno::PERM) => StoreError::ReadOnly,
        Ok(()) | Err(_) => error,
    }
}
