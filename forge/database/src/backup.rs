//! Verified backups: a copy of the database that has been opened, checked and compared before anyone
//! relies on it.
//!
//! A backup is `<version>-<hash8>.sqlite` with a manifest `<version>-<hash8>.json` beside it. The
//! manifest is written last, so a backup without one is what a crash left and is not listed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::contents::{Contents, contents};
use crate::execute::check_integrity;

/// The manifest's version, raised when a reader of the old one would misread the new one.
const FORMAT: u32 = 1;

/// A backup that was verified when it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    format: u32,
    /// Position among the backups of this database; the newest has the highest.
    pub sequence: u64,
    /// The database's migration version when it was taken.
    pub version: u32,
    /// The file, beside its manifest.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// What every table held.
    pub contents: Contents,
}

/// Why a backup was not taken, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder could not be used.
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
    #[error("failed to {attempt} `{}`", path.display())]
    Sqlite {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The copy is not what it should be a copy of.
    #[error("the copy `{}` differs from what was copied: {difference}", path.display())]
    Differs {
        /// The copy.
        path: PathBuf,
        /// In what.
        difference: String,
    },
    /// The file is not the one that was verified.
    #[error("the backup `{file}` has changed since it was taken: its hash is {found}, not {recorded}")]
    Changed {
        /// The file.
        file: String,
        /// Its hash now.
        found: String,
        /// Its hash then.
        recorded: String,
    },
    /// A manifest cannot be read.
    #[error("the manifest `{}` cannot be read", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Copies the database open in `conn` into `dir`, verifies the copy, and drops the oldest backups above
/// `keep_max` (the new one always stays).
pub fn back_up(conn: &Connection, dir: &Path, version: u32, keep_max: usize) -> Result<Backup, BackupError> {
    fs::create_dir_all(dir).map_err(|source| file_error("create", dir, source))?;
    let partial = dir.join("partial.sqlite");
    remove_if_there(&partial)?;
    let held = copy_consistently(conn, &partial)?;
    verify(&partial, &held)?;
    let (sha256, bytes) = hash_file(&partial)?;
    let before = list(dir)?;
    let name = format!("{version}-{}", &sha256[..8]);
    let backup = Backup {
        format: FORMAT,
        sequence: before.last().map_or(1, |last| last.sequence + 1),
        version,
        file: format!("{name}.sqlite"),
        sha256,
        bytes,
        contents: held,
    };
    let path = dir.join(&backup.file);
    sync(&partial)?;
    fs::rename(&partial, &path).map_err(|source| file_error("name", &path, source))?;
    write_manifest(dir, &backup)?;
    retire(dir, before, &backup, keep_max)?;
    Ok(backup)
}

/// The backups in `dir`, oldest first.
pub fn list(dir: &Path) -> Result<Vec<Backup>, BackupError> {
    let mut backups = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(backups),
        Err(source) => return Err(file_error("list", dir, source)),
    };
    for entry in entries {
        let path = entry.map_err(|source| file_error("list", dir, source))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read(&path).map_err(|source| file_error("read", &path, source))?;
            let backup: Backup = serde_json::from_slice(&text)
                .map_err(|source| BackupError::Manifest { path: path.clone(), source })?;
            backups.push(backup);
        }
    }
    backups.sort_by_key(|backup| backup.sequence);
    Ok(backups)
}

/// Checks that a backup still is what its manifest says: hash, integrity, and what every table holds.
pub fn check(dir: &Path, backup: &Backup) -> Result<(), BackupError> {
    let path = dir.join(&backup.file);
    let (found, _) = hash_file(&path)?;
    if found != backup.sha256 {
        let (file, recorded) = (backup.file.clone(), backup.sha256.clone());
        return Err(BackupError::Changed { file, found, recorded });
    }
    verify(&path, &backup.contents)
}

/// Puts a backup in the database's place.
///
/// It is copied to a new file beside the database and verified there; only then does the new file take
/// the database's name, in one rename. Nobody may have the database open.
pub fn restore(dir: &Path, backup: &Backup, database: &Path) -> Result<(), BackupError> {
    check(dir, backup)?;
    let fresh = beside(database, "restoring");
    remove_if_there(&fresh)?;
    let from = dir.join(&backup.file);
    fs::copy(&from, &fresh).map_err(|source| file_error("copy", &from, source))?;
    sync(&fresh)?;
    let (found, _) = hash_file(&fresh)?;
    if found != backup.sha256 {
        return Err(BackupError::Differs { path: fresh, difference: "hash".to_owned() });
    }
    verify(&fresh, &backup.contents)?;
    set_log_aside(database)?;
    fs::rename(&fresh, database).map_err(|source| file_error("replace", database, source))?;
    sync_folder(database)
}

/// Copies everything as of one moment, and says what that was.
fn copy_consistently(conn: &Connection, to: &Path) -> Result<Contents, BackupError> {
    let failed = |attempt| move |source| BackupError::Sqlite { attempt, path: to.to_owned(), source };
    // The backup reads inside this transaction, so it copies exactly what the checksums saw.
    let moment = conn.unchecked_transaction().map_err(failed("begin the copy to"))?;
    let held = contents(&moment).map_err(failed("read what to copy to"))?;
    let mut copy = Connection::open(to).map_err(failed("create"))?;
    let copying = rusqlite::backup::Backup::new(&moment, &mut copy).map_err(failed("begin the copy to"))?;
    copying.step(-1).map_err(failed("copy to"))?;
    drop(copying);
    // One file, without a write-ahead log beside it, is what can be hashed and moved.
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(failed("finish"))?;
    copy.close().map_err(|(_, source)| failed("close")(source))?;
    moment.finish().map_err(failed("end the copy to"))?;
    Ok(held)
}

fn verify(path: &Path, expected: &Contents) -> Result<(), BackupError> {
    let failed = |attempt| move |source| BackupError::Sqlite { attempt, path: path.to_owned(), source };
    let differs = |difference| BackupError::Differs { path: path.to_owned(), difference };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    check_integrity(&copy).map_err(failed("check"))?.map_err(differs)?;
    let found = contents(&copy).map_err(failed("read"))?;
    let names = expected.keys().chain(found.keys());
    match names.into_iter().find(|name| expected.get(*name) != found.get(*name)) {
        Some(table) => Err(differs(format!("table `{table}`"))),
        None => Ok(()),
    }
}

fn retire(dir: &Path, older: Vec<Backup>, newest: &Backup, keep_max: usize) -> Result<(), BackupError> {
    let older: Vec<Backup> = older.into_iter().filter(|backup| backup.file != newest.file).collect();
    let surplus = (older.len() + 1).saturating_sub(keep_max.max(1));
    for backup in older.iter().take(surplus) {
        // The manifest first: a file without one is no backup, a manifest without its file is a lie.
        remove_if_there(&manifest_of(dir, backup))?;
        remove_if_there(&dir.join(&backup.file))?;
    }
    Ok(())
}

fn write_manifest(dir: &Path, backup: &Backup) -> Result<(), BackupError> {
    let path = manifest_of(dir, backup);
    let partial = path.with_extension("partial");
    let text = serde_json::to_vec_pretty(backup)
        .map_err(|source| BackupError::Manifest { path: path.clone(), source })?;
    fs::write(&partial, text).map_err(|source| file_error("write", &partial, source))?;
    sync(&partial)?;
    fs::rename(&partial, &path).map_err(|source| file_error("name", &path, source))?;
    sync_folder(&path)
}

fn manifest_of(dir: &Path, backup: &Backup) -> PathBuf {
    dir.join(&backup.file).with_extension("json")
}

/// Empties the write-ahead log, or moves it away: left in place it would be replayed into the restored
/// file.
fn set_log_aside(database: &Path) -> Result<(), BackupError> {
    if database.exists() {
        let emptied = Connection::open(database)
            .and_then(|conn| conn.pragma_update(None, "journal_mode", "DELETE").map(|()| conn))
            .is_ok();
        if !emptied {
            // Too damaged to be closed properly: keep it, for whoever wants to look at it.
            let damaged = beside(database, "damaged");
            fs::rename(database, &damaged).map_err(|source| file_error("set aside", database, source))?;
        }
    }
    for log in ["sqlite-wal", "sqlite-shm"] {
        remove_if_there(&database.with_extension(log))?;
    }
    Ok(())
}

fn beside(database: &Path, word: &str) -> PathBuf {
    database.with_extension(format!("{word}.sqlite"))
}

fn hash_file(path: &Path) -> Result<(String, u64), BackupError> {
    let failed = |source| file_error("read", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut bytes, mut block) = (Sha256::new(), 0u64, vec![0u8; 64 * 1024]);
    loop {
        let read = file.read(&mut block).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
        bytes += read as u64;
    }
    Ok((hex(&hash.finalize()), bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| file_error("flush to disk", path, source))
}

fn sync_folder(path: &Path) -> Result<(), BackupError> {
    path.parent().map_or(Ok(()), sync)
}

fn remove_if_there(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file_error("remove", path, source)),
        Ok(()) | Err(_) => Ok(()), // Not being there is what was wanted.
    }
}

fn file_error(attempt: &'static str, path: &Path, source: io::Error) -> BackupError {
    BackupError::File { attempt, path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "backup/tests.rs"]
mod tests;
