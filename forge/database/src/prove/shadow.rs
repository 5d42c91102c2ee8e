//! The shadow proof: up, down and up again on a copy of the database with its data.
//!
//! The proof is plain data without times or paths, so that the same migration on the same database
//! gives the same evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::contents::{TableContents, column_names, table_contents, table_names};
use crate::execute::{ExecuteError, check_integrity, execute};
use crate::introspect::{Introspection, fingerprint, introspect};
use crate::schema::Schema;

/// What a proof may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Databases up to this size are copied to memory, larger ones to a private file.
    pub memory_bytes_max: u64,
    /// Databases above this size are not proven at all.
    pub copy_bytes_max: u64,
    /// Instructions of SQLite's virtual machine before a proof is given up. A count rather than a time,
    /// so that the same proof ends the same way on a busy machine.
    pub instructions_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory_bytes_max: 16 << 20, copy_bytes_max: 16 << 30, instructions_max: 20_000_000_000 }
    }
}

/// What is to be proven: statements, where they lead, and what they may give up.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The statements.
    pub run: &'a [String],
    /// The schema that they must lead to.
    pub target: &'a Schema,
    /// Columns, by table, whose values they give up: those need not be there afterwards.
    pub given_up: &'a BTreeMap<String, BTreeSet<String>>,
    /// Tables into which they write rows.
    pub seeded: &'a BTreeSet<String>,
}

/// What was done, and whether it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowProof {
    /// Whether every step passed.
    pub passed: bool,
    /// The steps, up to the first that failed.
    pub steps: Vec<ShadowStep>,
}

/// One step of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowStep {
    /// What was done: `up`, `schema after up`, …
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

impl ShadowProof {
    fn of(act: impl FnOnce(&mut Steps) -> Result<(), Failed>) -> ShadowProof {
        let mut steps = Steps::default();
        let passed = act(&mut steps).is_ok();
        ShadowProof { passed, steps: steps.0 }
    }

    /// What failed, one sentence each.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter(|step| !step.passed).map(|step| format!("{}: {}", step.name, step.detail))
    }
}

/// Why a proof could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The database is larger than the limit.
    #[error("the database has {bytes} bytes, more than the {bytes_max} a copy may have")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The copy's folder or file could not be made.
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
}

/// A private copy of a database. It is gone when this is dropped.
pub struct Shadow {
    // Closed before the file goes: fields are dropped in this order.
    conn: Connection,
    _file: Option<PrivateFile>,
}

/// A file of ours alone, and beside it one that is locked as long as it is needed: whoever opens the database
/// meanwhile, in whatever process, leaves both alone.
struct PrivateFile {
    path: PathBuf,
    mark: PathBuf,
    _held: fs::File,
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // What stays is removed by `clean` when the database is opened next.
        fs::remove_file(&self.path).ok();
        fs::remove_file(&self.mark).ok();
    }
}

/// What the name of a locked file ends in.
const MARK: &str = "held";

/// Files of killed proofs that are looked at in one go.
const LEFT_MAX: usize = 10_000;

/// Names that are tried for a copy.
const NAMES_MAX: u32 = 1_000;

impl Shadow {
    /// Copies the database behind `source`, to memory or to a file in `dir`.
    pub fn copy(source: &Connection, dir: &Path, limits: &Limits) -> Result<Shadow, ShadowError> {
        let failed = |attempt| move |source| ShadowError::Sqlite { attempt, source };
        let bytes = size(source).map_err(failed("measure the database"))?;
        if bytes > limits.copy_bytes_max {
            return Err(ShadowError::TooLarge { bytes, bytes_max: limits.copy_bytes_max });
        }
        let file = if bytes <= limits.memory_bytes_max { None } else { Some(private_file(dir)?) };
        let opened = match &file {
            None => Connection::open_in_memory(),
            Some(PrivateFile { path, .. }) => Connection::open(path),
        };
        let mut copy = opened.map_err(failed("open a copy"))?;
        let backup = rusqlite::backup::Backup::new(source, &mut copy).map_err(failed("begin the copy"))?;
        backup.step(-1).map_err(failed("copy the database"))?;
        drop(backup);
        // Nothing of the copy needs to survive, so nothing needs to reach the disk.
        copy.pragma_update(None, "journal_mode", "MEMORY").map_err(failed("prepare the copy"))?;
        copy.pragma_update(None, "synchronous", "OFF").map_err(failed("prepare the copy"))?;
        copy.pragma_update(None, "foreign_keys", true).map_err(failed("prepare the copy"))?;
        limit(&mut copy, limits.instructions_max).map_err(failed("limit the proof"))?;
        Ok(Shadow { conn: copy, _file: file })
    }

    /// The copy.
    pub fn conn(&mut self) -> &mut Connection {
        &mut self.conn
    }
}

/// Removes what killed proofs left in `dir`. The copy of a proof that is under way stays, whichever process is
/// at it.
pub fn clean(dir: &Path) -> Result<(), ShadowError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ShadowError::File { attempt: "look into", path: dir.to_owned(), source }),
    };
    for path in entries.flatten().take(LEFT_MAX).map(|entry| entry.path()) {
        if let Use::Nobody(_held) = use_of(&path) {
            remove(&path)?;
        }
    }
    // Not empty means that a proof is under way.
    fs::remove_dir(dir).ok();
    Ok(())
}

/// Carries `subject` out, undoes it with `down`, and carries it out again; the copy is left migrated.
pub fn prove_there_and_back(shadow: &mut Shadow, subject: Subject<'_>, down: &[String]) -> ShadowProof {
    let conn = shadow.conn();
    ShadowProof::of(|steps| {
        let before = there(conn, subject, steps)?;
        steps.note("down", apply(conn, down))?;
        steps.note("integrity after down", integrity(conn))?;
        steps.note("schema after down", expect_fingerprint(conn, &before.fingerprint))?;
        steps.note("rows after down", before.came_back(conn, subject.seeded))?;
        steps.note("up again", apply(conn, subject.run))?;
        steps.note("schema after up again", expect_schema(conn, subject.target, &before))
    })
}

/// Carries `subject` out, one way only: what a rollback does.
pub fn prove_there(shadow: &mut Shadow, subject: Subject<'_>) -> ShadowProof {
    let conn = shadow.conn();
    ShadowProof::of(|steps| there(conn, subject, steps).map(|_| ()))
}

fn there(conn: &mut Connection, subject: Subject<'_>, steps: &mut Steps) -> Result<Before, Failed> {
    let before = Before::of(conn, subject);
    let found = |before: &Before| format!("{} tables, {} rows", before.tables.len(), before.rows());
    steps.note("before", before.as_ref().map(found).map_err(Clone::clone))?;
    let before = before.map_err(|_| Failed)?;
    steps.note("up", apply(conn, subject.run))?;
    steps.note("integrity after up", integrity(conn))?;
    steps.note("schema after up", expect_schema(conn, subject.target, &before))?;
    steps.note("rows after up", before.unchanged(conn, subject))?;
    Ok(before)
}

/// The steps so far.
#[derive(Default)]
struct Steps(Vec<ShadowStep>);

/// The first step that did not hold has been written down; nothing after it means anything.
struct Failed;

impl Steps {
    fn note(&mut self, name: &str, outcome: Result<String, String>) -> Result<(), Failed> {
        let passed = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|detail| detail);
        self.0.push(ShadowStep { name: name.to_owned(), passed, detail });
        if passed { Ok(()) } else { Err(Failed) }
    }
}

/// What was there before `up`.
struct Before {
    schema: Schema,
    fingerprint: String,
    unmanaged: Vec<String>,
    tables: BTreeMap<String, Held>,
}

/// One table before `up`, without what the migration gives up.
struct Held {
    columns: Vec<String>,
    contents: TableContents,
}

impl Before {
    fn of(conn: &Connection, subject: Subject<'_>) -> Result<Before, String> {
        let Introspection { schema, fingerprint, unmanaged, .. } = introspect(conn).map_err(explain)?;
        let mut tables = BTreeMap::new();
        for table in table_names(conn).map_err(explain)?.into_iter().filter(|name| !is_ours(name)) {
            let mut columns = column_names(conn, &table).map_err(explain)?;
            if let Some(given_up) = subject.given_up.get(&table) {
                columns.retain(|column| !given_up.contains(column));
                if columns.is_empty() {
                    continue; // All of it goes.
                }
            }
            let contents = table_contents(conn, &table, &columns).map_err(explain)?;
            tables.insert(table, Held { columns, contents });
        }
        Ok(Before { schema, fingerprint, unmanaged, tables })
    }

    fn rows(&self) -> u64 {
        self.tables.values().map(|held| held.contents.rows).sum()
    }

    /// Whether the tables that the migration says nothing about hold what they held.
    fn unchanged(&self, conn: &Connection, subject: Subject<'_>) -> Result<String, String> {
        let same = |name: &str| {
            let (old, new) = (self.schema.tables.get(name), subject.target.tables.get(name));
            old.is_some() && old == new && !subject.seeded.contains(name)
        };
        let untouched: Vec<_> = self.tables.iter().filter(|(name, _)| same(name)).collect();
        for (name, held) in &untouched {
            compare(conn, name, &held.columns, &held.contents)?;
        }
        Ok(format!("{} untouched tables hold what they held", untouched.len()))
    }

    /// Whether every table holds what it held, but for what the migration gave up.
    fn came_back(&self, conn: &Connection, seeded: &BTreeSet<String>) -> Result<String, String> {
        for (name, held) in &self.tables {
            if !seeded.contains(name) {
                compare(conn, name, &held.columns, &held.contents)?;
                continue;
            }
            // Seeded rows stay, so only that none went can be asked.
            let rows = table_contents(conn, name, &held.columns).map_err(explain)?.rows;
            if rows < held.contents.rows {
                return Err(format!("`{name}` has {rows} rows, not the {} it had", held.contents.rows));
            }
        }
        Ok(format!("{} tables hold what they held", self.tables.len()))
    }
}

fn compare(conn: &Connection, table: &str, columns: &[String], held: &TableContents) -> Result<(), String> {
    let found = table_contents(conn, table, columns).map_err(explain)?;
    if found.rows != held.rows {
        return Err(format!("`{table}` has {} rows, not the {} it had", found.rows, held.rows));
    }
    if found.sum != held.sum { Err(format!("`{table}` has other values than it had")) } else { Ok(()) }
}

fn apply(conn: &mut Connection, statements: &[String]) -> Result<String, String> {
    execute(conn, statements, |_| Ok(()), |_| Ok::<_, ExecuteError>(())).map_err(explain)?;
    Ok(format!("{} statements", statements.len()))
}

fn integrity(conn: &Connection) -> Result<String, String> {
    check_integrity(conn).map_err(explain)??;
    Ok("the file is whole and every reference is met".to_owned())
}

fn expect_schema(conn: &Connection, target: &Schema, before: &Before) -> Result<String, String> {
    let Introspection { schema: found, drift, unmanaged, .. } = introspect(conn).map_err(explain)?;
    let names = target.tables.keys().chain(found.tables.keys());
    if let Some(table) = names.into_iter().find(|name| target.tables.get(*name) != found.tables.get(*name)) {
        return Err(format!("`{table}` is not what the plan says"));
    }
    if found.enums != target.enums {
        return Err("the enums are not what the plan says".to_owned());
    }
    if let Some(stray) = unmanaged.iter().find(|stray| !before.unmanaged.contains(stray)) {
        return Err(format!("there is a {stray} that the plan says nothing of"));
    }
    match drift.first() {
        Some(drift) => Err(format!("the tables are not what the stored schema says: {drift:?}")),
        None => Ok(format!("{} tables as planned", found.tables.len())),
    }
}

fn expect_fingerprint(conn: &Connection, before: &str) -> Result<String, String> {
    let after = fingerprint(conn).map_err(explain)?;
    if after == before {
        Ok("the same as before".to_owned())
    } else {
        Err("the schema is not what it was before `up`".to_owned())
    }
}

/// Whether a table is the database's own bookkeeping, which migrations write to.
fn is_ours(name: &str) -> bool {
    name.starts_with("_loki")
}

/// An error with its causes, in one line.
fn explain(error: impl std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        line.push_str(": ");
        line.push_str(&next.to_string());
        cause = next.source();
    }
    line
}

fn size(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Stops statements on `conn` once they have taken so many instructions together.
fn limit(conn: &mut Connection, instructions_max: u64) -> rusqlite::Result<()> {
    const STRIDE: u32 = 10_000;
    let mut left = instructions_max / u64::from(STRIDE);
    let spent = move || match left.checked_sub(1) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    };
    conn.progress_handler(STRIDE as i32, Some(spent))
}

fn private_file(dir: &Path) -> Result<PrivateFile, ShadowError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let failed = |attempt| move |source| ShadowError::File { attempt, path: dir.to_owned(), source };
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..NAMES_MAX {
        // Whoever cleans takes the folder away where it is empty: it is made anew each time.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed("create"))?;
        let name = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mark = dir.join(format!("{name}.{MARK}"));
        let mut new = fs::OpenOptions::new();
        new.write(true).create_new(true).mode(0o600);
        let held = match new.open(&mark) {
            Ok(held) => held,
            Err(error) if is_lost(&error) => {
                last = error;
                continue;
            }
            Err(source) => return Err(failed("create a file in")(source)),
        };
        // Somebody who cleans may have been quicker, and takes it for a leftover.
        if held.try_lock().is_err() {
            continue;
        }
        let path = dir.join(format!("{name}.sqlite"));
        let made = PrivateFile { path: path.clone(), mark, _held: held };
        new.open(&path).map_err(failed("create a file in"))?;
        return Ok(made);
    }
    Err(failed("create a file in")(last))
}

/// Whether another name may do.
fn is_lost(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound)
}

/// Whether a proof is at work with a file.
enum Use {
    /// One is.
    Somebody,
    /// None is, and none begins as long as this is held.
    Nobody(Option<fs::File>),
}

fn use_of(path: &Path) -> Use {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.split('.').next().unwrap_or_default();
    match fs::File::open(path.with_file_name(format!("{stem}.{MARK}"))) {
        Ok(mark) => match mark.try_lock() {
            Ok(()) => Use::Nobody(Some(mark)),
            Err(_) => Use::Somebody,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Use::Nobody(None),
        // What cannot be told is left alone.
        Err(_) => Use::Somebody,
    }
}

fn remove(path: &Path) -> Result<(), ShadowError> {
    let removed = match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ShadowError::File { attempt: "remove", path: path.to_owned(), source })
        }
        Ok(()) | Err(_) => Ok(()), // Not being there is what was wanted.
    }
}

#[cfg(test)]
mod tests;
