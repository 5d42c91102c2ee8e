//! What must be sound before a run goes on: a project that cannot be worked on is refused with one
//! error, before anything is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use forge_database::schema::Schema;
use forge_database::{ddl, spec};
use loki_blueprint::MigrationFile;
use loki_store::{Holder, ProcessLock};

use super::{App, AppError, MIGRATIONS};

/// Migrations in a project's folder that are looked at, and bytes of one.
const MIGRATION_FILES_MAX: usize = 10_000;
const MIGRATION_BYTES_MAX: u64 = 1024 * 1024;

impl App {
    /// The process that drives a run here.
    pub(crate) fn holder(&self) -> Option<Holder> {
        self.place().holder()
    }

    /// Keeps other verifications from using the gates' home folder; refused while a run or another
    /// verification is at work, with the reason.
    pub(crate) fn lock_gates(&self) -> Result<ProcessLock, String> {
        if let Some(holder) = self.holder() {
            return Err(format!("process {} drives a run here, whose gates are at work", holder.pid));
        }
        ProcessLock::acquire(&self.state.join("verify.lock"), self.clock.as_ref())
            .map_err(|error| format!("another verification is at work: {error}"))
    }

    /// Opens Forge where the project has one, and reads the migrations that are still to be applied.
    pub(super) fn preflight(&self) -> Result<(), AppError> {
        let mut schema = match self.forge.existing()? {
            Some(forge) => forge.database().schema().map_err(forge_ops::ForgeError::from)?,
            None => Schema::default(),
        };
        let existing = self.existing()?;
        let mut paths = migration_paths(&self.root);
        paths.sort();
        for path in paths {
            let text = read(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
            let Some(file) = migration_file(&path, text) else { continue };
            if existing.migrations.contains(&file.name) {
                continue;
            }
            let migration = spec::parse_named(&file.yaml, &file.name, &schema)
                .map_err(|source| AppError::Migration { path, source })?;
            match ddl::plan(&schema, &migration) {
                Ok(plan) => schema = plan.target,
                // It can be read; what it wants of the schema is judged by the run, with the data.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The migrations in the project's folder. One that cannot be read is left to the gate: its
    /// migration will be missing.
    pub(super) fn migration_files(&self) -> Vec<MigrationFile> {
        let paths = migration_paths(&self.root).into_iter();
        paths.filter_map(|path| migration_file(&path, read(&path).unwrap_or_default())).collect()
    }
}

impl App {
    /// The same in the order in which they apply.
    pub(crate) fn migrations_in_order(&self) -> Vec<MigrationFile> {
        let mut files = self.migration_files();
        files.sort_by(|one, other| one.file.cmp(&other.file));
        files
    }
}

fn migration_paths(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(MIGRATIONS)).into_iter().flatten().flatten();
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    entries.map(|entry| entry.path()).take(MIGRATION_FILES_MAX).filter(is_yaml).collect()
}

fn migration_file(path: &Path, yaml: String) -> Option<MigrationFile> {
    let file = path.file_stem()?.to_str()?;
    let own = yaml.lines().find_map(|line| line.strip_prefix("migration:")).map(str::trim);
    Some(MigrationFile { file: file.to_owned(), name: own.unwrap_or(file).to_owned(), yaml })
}

fn read(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    if found.len() > MIGRATION_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is longer than the limit of 1 MiB"));
    }
    fs::read_to_string(path)
}
