//! The checks themselves. They look; they change nothing.

mod state;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use loki_sandbox::{Level, Support};

use super::Finding;
use super::code::Code;
use crate::app::App;
use crate::context::Context;
use crate::error::CommandError;
use crate::models::Models;

/// Looks at one thing. Nothing to say is no finding.
type Check = fn(&Context) -> Vec<Finding>;

/// Every check, in the order of the report.
pub(super) const CHECKS: [Check; 11] = [
    |context| vec![project_writable(context.project.root())],
    |context| vec![disk_space(context.project.root())],
    |context| vec![git_present(context.environment.get("PATH").unwrap_or_default())],
    |_| vec![confinement(crate::commands::sandbox::probe())],
    |context| vec![configuration(context)],
    provider,
    |context| receipt_keys(&context.project.state_dir().join("keys")),
    |context| state::ledger(&context.project.state_dir()),
    |context| state::lock(&context.project.state_dir().join("lock")),
    |context| state::backend(&context.project.forge_dir()),
    |context| state::vault(&context.project.forge_dir()),
];

/// Below this a run may not be able to finish: snapshots, backups and copies need room.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;

fn project_writable(root: &Path) -> Finding {
    let state = root.join(crate::context::STATE_DIR);
    let place = if state.is_dir() { state } else { root.to_owned() };
    match rustix::fs::access(&place, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => Finding::ok(Code::ProjectReadOnly, format!("`{}` can be written", place.display())),
        Err(error) => Finding::error(
            Code::ProjectReadOnly,
            format!("`{}` cannot be written: {error}", place.display()),
            "Give this user write permission, or choose another folder with `--project`.",
        ),
    }
}

fn disk_space(root: &Path) -> Finding {
    match rustix::fs::statvfs(root) {
        Ok(disk) => judge_space(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::warning(
            Code::DiskNearlyFull,
            format!("the free space under `{}` is not known: {error}", root.display()),
            "Check the disk by hand.",
        ),
    }
}

fn judge_space(free_bytes: u64) -> Finding {
    let free = format!("{} MiB free", free_bytes / (1024 * 1024));
    if free_bytes >= FREE_BYTES_MIN {
        return Finding::ok(Code::DiskNearlyFull, free);
    }
    let remedy = "Free at least 512 MiB; `loki cleanup` removes what loki no longer needs.";
    Finding::error(Code::DiskNearlyFull, free, remedy)
}

fn git_present(path: &str) -> Finding {
    let is_program = |file: &PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    match std::env::split_paths(path).map(|folder| folder.join("git")).find(is_program) {
        Some(git) => Finding::ok(Code::GitMissing, format!("git is `{}`", git.display())),
        None => Finding::warning(
            Code::GitMissing,
            "git is not on PATH",
            "Snapshots work without it; install git to fetch, push and look at history.",
        ),
    }
}

fn confinement(probed: Result<Support, CommandError>) -> Finding {
    match probed {
        Ok(support) => judge_confinement(&support),
        Err(error) => {
            Finding::warning(Code::LandlockMissing, error.message, "`loki sandbox diagnose` tries again.")
        }
    }
}

fn judge_confinement(support: &Support) -> Finding {
    let remedy = "`loki sandbox diagnose` says what is missing and how to accept less.";
    match support.strongest() {
        Some(Level::Isolated) => {
            Finding::ok(Code::LandlockMissing, "commands can be confined at level `isolated`")
        }
        weaker => Finding::warning(
            Code::LandlockMissing,
            format!("commands can be confined at level {}", weaker.map_or("none", Level::name)),
            remedy,
        ),
    }
}

fn configuration(context: &Context) -> Finding {
    match context.config() {
        Ok(_) => Finding::ok(Code::ConfigRefused, "the configuration is sound"),
        Err(error) => {
            let causes = error.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
            let remedy = error.hints.first().cloned();
            Finding::error(
                Code::ConfigRefused,
                format!("{}{causes}", error.message),
                remedy.unwrap_or_else(|| "Mend the file by hand.".to_owned()),
            )
        }
    }
}

/// Whether the models that are configured can be asked, as far as can be told without asking. Nothing to say
/// where none is.
fn provider(context: &Context) -> Vec<Finding> {
    if !Models::of(context).is_ok_and(|models| models.any()) {
        return Vec::new();
    }
    vec![match App::to_drive(context) {
        Ok(app) => {
            let name = app.model_name().unwrap_or("the provider");
            Finding::ok(
                Code::ProviderRefused,
                format!("{name} is configured, with a price and a key where it needs one"),
            )
        }
        Err(error) => {
            let remedy = error.hints.first().cloned();
            let remedy = remedy.unwrap_or_else(|| "`loki config show` shows what is set.".to_owned());
            Finding::error(Code::ProviderRefused, error.message, remedy)
        }
    }]
}

/// Private keys that others can read do not prove anything.
fn receipt_keys(folder: &Path) -> Vec<Finding> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() }; // No run has made one yet.
    let mut findings: Vec<Finding> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_none_or(|extension| extension != "pub"))
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .filter(|(_, meta)| meta.is_file())
        .map(|(path, meta)| judge_key(&path, meta.permissions().mode() & 0o777))
        .collect();
    findings.sort_by(|left, right| left.message.cmp(&right.message));
    findings
}

fn judge_key(path: &Path, mode: u32) -> Finding {
    if mode & 0o077 == 0 {
        return Finding::ok(Code::ReceiptKeyExposed, format!("`{}` is private", path.display()));
    }
    Finding::error(
        Code::ReceiptKeyExposed,
        format!("the key `{}` can be read by others (mode {mode:03o})", path.display()),
        format!(
            "Run `chmod 600 '{}'`; if others use this machine, remove the key and sign anew.",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests;
