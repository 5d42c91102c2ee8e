//! `loki cleanup`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use loki_store::{LockError, ProcessLock, SystemClock};
use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Folders below `.loki` that are looked into, at most.
const FOLDERS_MAX: usize = 10_000;
/// Endings of files that are written beside their place and then moved there.
const UNFINISHED: [&str; 3] = [".new", ".partial", "partial.sqlite"];

/// Remove what interrupted work left behind
///
/// Files that were never finished, and copies of the database that proofs were made on. Runs, receipts,
/// backups and snapshots stay. Refuses while a run is driven. A lock needs no clearing: it goes with its
/// process.
#[derive(clap::Args, Debug)]
pub(crate) struct CleanupArgs {
    /// Print what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Something that is not needed.
struct Leftover {
    path: PathBuf,
    bytes: u64,
}

pub(crate) fn cleanup(ui: &mut Ui, context: &Context, args: &CleanupArgs) -> Result<Status, CommandError> {
    let state = context.project.state_dir();
    if !state.is_dir() {
        ui.status(format_args!("Nothing to do: `{}` is no project.", context.project.root().display()))?;
        return Ok(Status::Success);
    }
    let _lock = if args.dry_run { None } else { Some(lock(&state)?) };
    let leftovers = find(&state).map_err(|error| failed("look through", &state, &error))?;
    if !args.dry_run {
        for Leftover { path, .. } in &leftovers {
            fs::remove_file(path).map_err(|error| failed("remove", path, &error))?;
        }
    }
    report(ui, &leftovers, args)?;
    Ok(Status::Success)
}

/// Keeps runs from starting meanwhile; an unfinished file may be one that is being written.
fn lock(state: &Path) -> Result<ProcessLock, CommandError> {
    ProcessLock::acquire(&state.join("lock"), &SystemClock).map_err(|error| match &error {
        LockError::Held { .. } | LockError::HeldByUnknown { .. } => {
            CommandError::from_error(ErrorKind::Busy, &error)
                .hint("Clean up once its run has ended; `--dry-run` only looks.")
        }
        LockError::File { .. } => CommandError::from_error(ErrorKind::Io, &error)
            .hint("Give this user the right to write the `.loki` folder."),
    })
}

/// Every leftover below `state`, sorted. Links are not followed.
fn find(state: &Path) -> io::Result<Vec<Leftover>> {
    let shadow = state.join("forge/shadow");
    let mut found = Vec::new();
    let mut folders = vec![state.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        seen += 1;
        if seen > FOLDERS_MAX {
            break;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let is_git = path.extension().is_some_and(|extension| extension == "git");
            if kind.is_dir() && !is_git {
                folders.push(path);
            } else if kind.is_file() && (path.starts_with(&shadow) || is_unfinished(&path)) {
                found.push(Leftover { bytes: entry.metadata()?.len(), path });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    UNFINISHED.iter().any(|ending| name.ends_with(ending))
}

fn report(ui: &mut Ui, leftovers: &[Leftover], args: &CleanupArgs) -> Result<(), CommandError> {
    let bytes: u64 = leftovers.iter().map(|leftover| leftover.bytes).sum();
    if ui.is_json() {
        let paths: Vec<&PathBuf> = leftovers.iter().map(|leftover| &leftover.path).collect();
        return Ok(ui.result_json(&json!({ "paths": paths, "bytes": bytes, "removed": !args.dry_run }))?);
    }
    for Leftover { path, .. } in leftovers {
        ui.result(format_args!("{}", path.display()))?;
    }
    let what = if args.dry_run { "would be removed" } else { "removed" };
    ui.status(format_args!("{} files, {bytes} bytes {what}.", leftovers.len()))?;
    Ok(())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(ErrorKind::Io, format_args!("failed to {what} `{}`", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Project;
    use crate::environment::Environment;
    use crate::ui::{Format, Verbosity};

    const LEFT: [&str; 4] = [
        "config.toml.new",
        "forge/backups/0002.partial",
        "forge/backups/partial.sqlite",
        "forge/shadow/0001.sqlite",
    ];
    const KEPT: [&str; 5] = [
        "loki.db",
        "forge/db.sqlite",
        "forge/backups/0001.sqlite",
        "receipts/r/receipt.json",
        "snapshots.git/a.new",
    ];

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in LEFT.iter().chain(&KEPT) {
            let path = dir.path().join(".loki").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        dir
    }

    fn run(dir: &Path, dry_run: bool) -> (Result<Status, CommandError>, String) {
        let (mut ui, out, _) = Ui::captured(Format::Text, Verbosity::Normal);
        let context = Context {
            environment: Environment::default(),
            current_dir: dir.to_owned(),
            project: Project::at(dir),
            named: false,
        };
        (cleanup(&mut ui, &context, &CleanupArgs { dry_run }), out.text())
    }

    fn there(dir: &Path, names: &[&str]) -> usize {
        names.iter().filter(|name| dir.join(".loki").join(name).exists()).count()
    }

    #[test]
    fn what_was_left_goes_and_everything_else_stays() {
        let dir = project();
        let (status, named) = run(dir.path(), true);
        assert_eq!((status.unwrap(), named.lines().count()), (Status::Success, LEFT.len()));
        assert_eq!(there(dir.path(), &LEFT), LEFT.len(), "a dry run removes nothing");
        assert!(!dir.path().join(".loki/lock").exists(), "and writes nothing");
        assert_eq!(run(dir.path(), false).1, named);
        assert_eq!((there(dir.path(), &LEFT), there(dir.path(), &KEPT)), (0, KEPT.len()));
    }

    #[test]
    fn a_driven_project_is_left_alone() {
        let dir = project();
        let _held = ProcessLock::acquire(&dir.path().join(".loki/lock"), &SystemClock).unwrap();
        let error = run(dir.path(), false).0.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy);
        assert_eq!(there(dir.path(), &LEFT), LEFT.len());
    }

    #[test]
    fn links_are_not_followed() {
        let dir = project();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("mine.new"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join(".loki/link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("mine.new"), dir.path().join(".loki/b.new")).unwrap();
        run(dir.path(), false).0.unwrap();
        assert!(outside.path().join("mine.new").exists());
        assert!(dir.path().join(".loki/b.new").is_symlink());
    }
}
