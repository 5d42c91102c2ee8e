//! Is what a project keeps sound?

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use forge_core::{Catalog, CatalogError, STATE_FILE};
use loki_ledger::{LedgerError, Reader};
use loki_store::{ProcessLock, Store, StoreError, SystemClock};

use super::super::Finding;
use super::super::code::Code;
use crate::error::{of_ledger, of_store};

/// The app's data, in Forge's folder.
const DATA_FILE: &str = "db.sqlite";
/// The secrets, in Forge's folder.
const VAULT_FILE: &str = "secrets.vault";
const FROM_BACKUP: &str =
    "Put back a copy of `.loki/forge`; `.loki/forge/backups` holds verified ones of the data.";

/// The ledger: can it be read, is it ours, does every run hold?
pub(super) fn ledger(state: &Path) -> Vec<Finding> {
    let reader = match Reader::open(state) {
        Ok(reader) => reader,
        Err(LedgerError::Absent { .. }) => return Vec::new(), // No run has started yet.
        Err(error) => return vec![unreadable(&error)],
    };
    let reports = reader
        .runs()
        .and_then(|runs| runs.iter().map(|run| reader.verify(&run.id)).collect::<Result<Vec<_>, _>>());
    let reports = match reports {
        Ok(reports) => reports,
        Err(error) => return vec![unreadable(&error)],
    };
    let broken: Vec<Finding> = reports
        .iter()
        .filter_map(|report| {
            let broken = report.broken.as_ref()?;
            Some(Finding::error(
                Code::LedgerUnreadable,
                format!("run {} does not hold: {broken}", report.run.as_str()),
                "`loki ledger verify` has the details; put back a copy of `.loki` if there is one.",
            ))
        })
        .collect();
    if broken.is_empty() {
        return vec![Finding::ok(
            Code::LedgerUnreadable,
            format!("the ledger holds ({} runs)", reports.len()),
        )];
    }
    broken
}

fn unreadable(error: &LedgerError) -> Finding {
    let code = match error {
        LedgerError::Store(StoreError::Newer { .. }) => Code::LedgerNewer,
        _ => Code::LedgerUnreadable,
    };
    Finding::error(code, with_causes(error), of_ledger(error).1)
}

/// Who drives a run here. A lock goes with its process, so an old file is in nobody's way.
pub(super) fn lock(file: &Path) -> Vec<Finding> {
    let message = match (ProcessLock::holder(file), file.exists()) {
        (Some(holder), _) => format!("process {} works here since {}", holder.pid, holder.started_at),
        (None, true) => {
            "nobody works here; the lock's process is gone and the next one takes it over".to_owned()
        }
        (None, false) => return Vec::new(),
    };
    vec![Finding::ok(Code::LockHeld, message)]
}

/// Forge's catalog, its audit chain, its data, and what an interrupted rollback left.
pub(super) fn backend(forge: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if Catalog::exists(forge) {
        findings.push(catalog(forge));
    } else if forge.join(DATA_FILE).exists() {
        let message = format!("`{DATA_FILE}` is there and `{STATE_FILE}`, its catalog, is not");
        findings.push(Finding::error(Code::CatalogCorrupted, message, FROM_BACKUP));
    }
    findings.extend(data(&forge.join(DATA_FILE)));
    findings.extend(left_by_rollback(forge));
    findings
}

fn catalog(forge: &Path) -> Finding {
    let opened = Catalog::open_read_only(forge, Arc::new(SystemClock));
    match opened.and_then(|catalog| catalog.verify_audit()) {
        Ok(_) => Finding::ok(Code::CatalogCorrupted, "the catalog and its audit chain hold"),
        Err(CatalogError::Store(error)) => {
            Finding::error(Code::CatalogCorrupted, with_causes(&error), of_store(&error).1)
        }
        Err(error) => Finding::error(Code::CatalogCorrupted, with_causes(&error), FROM_BACKUP),
    }
}

fn data(file: &Path) -> Option<Finding> {
    if !file.exists() {
        return None;
    }
    // What version its schema has is Forge's own affair: only the file itself is asked for here.
    Some(match Store::open_read_only(file, &[]) {
        Ok(_) | Err(StoreError::Newer { .. } | StoreError::Older { .. }) => {
            Finding::ok(Code::DataCorrupted, "the data is sound")
        }
        Err(error) => Finding::error(Code::DataCorrupted, with_causes(&error), FROM_BACKUP),
    })
}

/// A restored backup stands beside the data until it takes its place.
fn left_by_rollback(forge: &Path) -> Vec<Finding> {
    let Ok(entries) = fs::read_dir(forge) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("db.") && name.ends_with(".sqlite") && name != DATA_FILE)
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            Finding::error(
                Code::RollbackFailed,
                format!("a rollback of the data did not finish: it left `{name}`"),
                "Compare it with `db.sqlite`, roll back again, and remove it once nothing is missed.",
            )
        })
        .collect()
}

/// There is no way to open a vault in this version, so one that is there is locked.
pub(super) fn vault(forge: &Path) -> Vec<Finding> {
    if !forge.join(VAULT_FILE).exists() {
        return Vec::new();
    }
    vec![Finding::warning(
        Code::VaultLocked,
        format!("`{VAULT_FILE}` is there, and this version of loki cannot open it"),
        "Use the version of loki that made it.",
    )]
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use loki_ledger::Ledger;

    use super::super::super::Severity;
    use super::*;

    fn codes(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
        findings.iter().map(|finding| (finding.code.name(), finding.severity)).collect()
    }

    #[test]
    fn a_ledger_is_sound_absent_or_damaged() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ledger(dir.path()), []);
        drop(Ledger::open(dir.path(), Arc::new(SystemClock)).unwrap());
        assert_eq!(codes(&ledger(dir.path())), [("RUN001", Severity::Ok)]);
        assert_eq!(codes(&lock(&dir.path().join("lock"))), [("RUN003", Severity::Ok)]);
        fs::write(dir.path().join("loki.db"), "no database at all, but long enough to be read").unwrap();
        assert_eq!(codes(&ledger(dir.path())), [("RUN001", Severity::Error)]);
    }

    #[test]
    fn a_newer_ledger_has_a_code_of_its_own() {
        let newer = StoreError::Newer { path: "loki.db".into(), found: 9, known: 1 };
        assert_eq!(codes(&[unreadable(&newer.into())]), [("RUN002", Severity::Error)]);
    }

    #[test]
    fn a_catalog_is_sound_absent_damaged_or_missed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(backend(dir.path()), []);
        drop(Catalog::open(dir.path(), Arc::new(SystemClock)).unwrap());
        assert_eq!(codes(&backend(dir.path())), [("FRG001", Severity::Ok)]);
        fs::write(dir.path().join(STATE_FILE), "no database at all, but long enough to be read").unwrap();
        assert_eq!(codes(&backend(dir.path())), [("FRG001", Severity::Error)]);
        fs::remove_file(dir.path().join(STATE_FILE)).unwrap();
        drop(Store::open(&dir.path().join(DATA_FILE), &[], &loki_store::Options::default()).unwrap());
        assert_eq!(codes(&backend(dir.path())), [("FRG001", Severity::Error), ("FRG004", Severity::Ok)]);
    }

    #[test]
    fn damaged_data_a_cut_rollback_and_a_vault_are_named() {
        let dir = tempfile::tempdir().unwrap();
        drop(Catalog::open(dir.path(), Arc::new(SystemClock)).unwrap());
        fs::write(dir.path().join(DATA_FILE), "no database at all, but long enough to be read").unwrap();
        fs::write(dir.path().join("db.damaged.sqlite"), "").unwrap();
        fs::write(dir.path().join(VAULT_FILE), "").unwrap();
        let expected = [("FRG001", Severity::Ok), ("FRG004", Severity::Error), ("FRG002", Severity::Error)];
        assert_eq!(codes(&backend(dir.path())), expected);
        assert_eq!(codes(&vault(dir.path())), [("FRG003", Severity::Warning)]);
    }
}
