//! `forge_doctor`: what is wrong with the backend or will be, each with what to do about it.

use std::fs;
use std::path::Path;

use forge_core::{ResourceKind, Status};
use forge_database::schema::{Command, Policy, Schema, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::declare::kind_name;
use crate::operations::read;
use crate::verify::references;
use crate::{Forge, OpError, Outcome};

/// Files of migrations that are looked at.
const MIGRATION_FILES_MAX: usize = 1_000;
/// Bytes of one.
const MIGRATION_BYTES_MAX: u64 = 1 << 20;
/// Values of secrets, in Forge's folder.
const SECRETS: &str = "secrets";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    severity: Severity,
    what: String,
    next: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    /// It is broken.
    Error,
    /// It will break, or lets in whom it should not.
    Warning,
    /// It is left to do.
    Note,
}

/// The checks, in the order in which they are told of.
pub(crate) const CHECKS: [&str; 11] = [
    "integrity",
    "references",
    "drift",
    "catalog",
    "audit",
    "served",
    "rls",
    "indices",
    "secrets",
    "migrations",
    "backups",
];

pub(crate) fn doctor(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Nothing {} = read(name, input)?;
    let mut findings = Vec::new();
    books(forge, &mut findings)?;
    let schema = forge.database.schema()?;
    for table in schema.tables.values() {
        open_table(table, &mut findings);
        missing_indices(&schema, table, &mut findings);
    }
    secrets(forge, &mut findings)?;
    if let Some(project) = forge.project() {
        migrations(forge, project, &mut findings)?;
    }
    backups(forge, &schema, &mut findings)?;
    findings.sort_by_key(|finding| finding.severity);
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let summary = match findings.len() {
        0 => format!("{} checks found nothing", CHECKS.len()),
        all => format!("{all} findings: {errors} errors, {warnings} warnings"),
    };
    Ok(Outcome::Done { summary, data: json!({ "ok": errors == 0, "checks": CHECKS, "findings": findings }) })
}

fn finding(
    check: &'static str,
    severity: Severity,
    what: impl Into<String>,
    next: impl Into<String>,
) -> Finding {
    Finding { check, severity, what: what.into(), next: next.into() }
}

/// Whether what is written down agrees with what is there.
fn books(forge: &Forge, findings: &mut Vec<Finding>) -> Result<(), OpError> {
    let checks = forge.database.check()?;
    if let Err(why) = checks.integrity {
        let next = "Stop what serves it, and restore the newest backup of `.loki/forge/backups`.";
        findings.push(finding("integrity", Severity::Error, why, next));
    }
    if let Err(why) = checks.references {
        let next = "Remove the rows that refer to nothing, or add what they refer to.";
        findings.push(finding("references", Severity::Error, why, next));
    }
    if let Err(why) = checks.drift {
        let next = "Undo the change that was made by hand, then make it with `forge_db_migrate`.";
        findings.push(finding("drift", Severity::Error, why, next));
    }
    if let Err(why) = forge.database.agrees(&forge.catalog)? {
        let next = "Open the backend once more: it brings the catalog into agreement.";
        findings.push(finding("catalog", Severity::Warning, why, next));
    }
    match forge.catalog.verify_audit() {
        Ok(_) => {}
        Err(error @ forge_core::CatalogError::Broken { .. }) => {
            let next = "Somebody has edited `.loki/forge/state.db`: find out who, and keep a copy.";
            findings.push(finding("audit", Severity::Error, error.to_string(), next));
        }
        Err(error) => return Err(error.into()),
    }
    // Where it is served from elsewhere, that may be down while everything here is well.
    if let Err(error) = forge.data.plane().and_then(|plane| plane.model()) {
        let next = "See that the database runs, and what `forge.database_url` says: `loki config show`.";
        findings.push(finding("served", Severity::Error, error.to_string(), next));
    }
    Ok(())
}

fn open_table(table: &Table, findings: &mut Vec<Finding>) {
    let name = &table.name;
    let any = |condition: &Option<String>| condition.as_deref().is_none_or(|text| text.trim() == "true");
    let open = |policy: &Policy| {
        let writes = policy.commands.iter().any(|command| *command != Command::Select);
        writes && policy.roles.iter().any(|role| role == "anon") && any(&policy.using) && any(&policy.check)
    };
    let what = match &table.rls {
        None => format!("nobody said who reaches the rows of `{name}`"),
        Some(rls) if rls.policies.iter().any(|policy| !policy.restrictive && open(policy)) => {
            format!("visitors who are not signed in may write every row of `{name}`")
        }
        Some(_) => return,
    };
    let next = format!("Say who may: `forge_db_rls_set` with table `{name}`, such as `own-row` or `none`.");
    findings.push(finding("rls", Severity::Warning, what, next));
}

fn missing_indices(schema: &Schema, table: &Table, findings: &mut Vec<Finding>) {
    for key in table.foreign_keys.iter().filter(|key| schema.tables.contains_key(&key.table)) {
        let leads = |columns: &[String]| columns.first() == Some(&key.column);
        let indexed = leads(&table.primary_key)
            || table.uniques.iter().any(|group| leads(group))
            || table
                .indices
                .iter()
                .any(|index| index.columns.first().is_some_and(|of| of.name == key.column));
        if !indexed {
            let (name, column) = (&table.name, &key.column);
            let what = format!("`{name}.{column}` refers to `{}` without an index", key.table);
            let next =
                format!("Add one: `forge_db_index_create` with table `{name}` and columns [`{column}`].");
            findings.push(finding("indices", Severity::Note, what, next));
        }
    }
}

/// Values that only a person has, and that no file holds.
fn secrets(forge: &Forge, findings: &mut Vec<Finding>) -> Result<(), OpError> {
    for resource in forge.catalog.resources(None)? {
        let needed: Vec<&str> = match (resource.kind, resource.status) {
            (ResourceKind::Secret, _) => vec![resource.name.as_str()],
            (_, Status::Ready) => Vec::new(),
            _ => references(&resource.spec),
        };
        for name in needed {
            // A name with anything else in it is no file's; who declared it was told.
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if plain && !forge.dir.join(SECRETS).join(name).exists() {
                let what =
                    format!("{} `{}` has no value for `{name}`", kind_name(resource.kind), resource.name);
                let next = format!(
                    "A person puts it into `.loki/forge/{SECRETS}/{name}` (`chmod 600`), or into the environment."
                );
                findings.push(finding("secrets", Severity::Note, what, next));
            }
        }
    }
    Ok(())
}

/// Migrations of the project that the database does not hold.
fn migrations(forge: &Forge, project: &Path, findings: &mut Vec<Finding>) -> Result<(), OpError> {
    let holding: Vec<String> = forge
        .database
        .history()?
        .into_iter()
        .filter(|entry| entry.undone_by.is_none())
        .map(|entry| entry.name)
        .collect();
    let entries = fs::read_dir(project.join("forge").join("migrations")).into_iter().flatten().flatten();
    let mut pending: Vec<String> =
        entries.take(MIGRATION_FILES_MAX).filter_map(|entry| named(&entry.path())).collect();
    pending.retain(|name| !holding.contains(name));
    pending.sort();
    for name in pending {
        let what = format!("the project's migration `{name}` is not applied");
        let next = "Apply its text with `forge_db_migrate`; on Postgres, `loki forge migrate`.";
        findings.push(finding("migrations", Severity::Warning, what, next));
    }
    Ok(())
}

/// The name of the migration in a file, if it is one.
fn named(path: &Path) -> Option<String> {
    path.extension().filter(|ending| *ending == "yaml" || *ending == "yml")?;
    let found = fs::metadata(path).ok().filter(|found| found.is_file() && found.len() <= MIGRATION_BYTES_MAX);
    let text = found.and_then(|_| fs::read_to_string(path).ok())?;
    let own =
        text.lines().find_map(|line| line.strip_prefix("migration:")).map(|name| name.trim().to_owned());
    own.or_else(|| Some(path.file_stem()?.to_str()?.to_owned()))
}

fn backups(forge: &Forge, schema: &Schema, findings: &mut Vec<Finding>) -> Result<(), OpError> {
    let backups = forge.database.backups()?;
    for backup in &backups {
        let size = fs::metadata(forge.database.backups_dir().join(&backup.file)).map(|found| found.len());
        if size.ok() != Some(backup.bytes) {
            let what = format!("the backup `{}` is not as it was written", backup.file);
            let next = "Remove it, and do not restore it; the next migration takes another.";
            findings.push(finding("backups", Severity::Warning, what, next));
        }
    }
    if backups.is_empty() && !schema.tables.is_empty() && forge.database.holds_rows()? {
        let next = "Copy `.loki/forge/db.sqlite` with `sqlite3 … .backup`; the next migration of these tables takes one.";
        findings.push(finding("backups", Severity::Note, "there are rows and no backup of them", next));
    }
    Ok(())
}
