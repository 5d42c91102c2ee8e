//! Reading and checking the backend as it is.

use forge_core::{Resource, ResourceKind, Status};
use forge_database::introspect::to_text;
use forge_database::lint::Area;
use forge_database::prove::rls::RlsProof;
use serde_json::{Value, json};

use crate::declare::kind_name;
use crate::operations::read;
use crate::{Fact, Forge, OpError, Outcome};

/// An operation without input.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(crate) fn introspect(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Nothing {} = read(name, input)?;
    let found = forge.database.introspection()?;
    let summary = format!("{} tables", found.schema.tables.len());
    Ok(Outcome::Done { summary, data: json!({ "introspection": found, "text": to_text(&found.schema) }) })
}

pub(crate) fn dump(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Nothing {} = read(name, input)?;
    let resources: Vec<Value> = forge.catalog.resources(None)?.into_iter().map(listed).collect();
    let history: Vec<Value> = forge
        .database
        .history()?
        .iter()
        .map(|entry| {
            json!({
                "version": entry.version,
                "name": entry.name,
                "subject_hash": entry.subject_hash,
                "approved_by": entry.approved_by,
                "applied_at": entry.applied_at,
                "undone": entry.undone_by.is_some(),
            })
        })
        .collect();
    let backups: Vec<Value> = forge.database.backups()?.iter().map(|backup| {
        json!({ "file": backup.file, "version": backup.version, "sha256": backup.sha256, "bytes": backup.bytes })
    }).collect();
    let summary = format!("{} resources, {} migrations", resources.len(), history.len());
    let data = json!({
        "version": forge.database.version()?,
        "fingerprint": forge.database.fingerprint()?,
        "schema": forge.database.schema()?,
        "migrations": history,
        "resources": resources,
        "backups": backups,
        "audit": forge.catalog.verify_audit()?,
    });
    Ok(Outcome::Done { summary, data })
}

/// A resource under the kind by which doors know it.
fn listed(resource: Resource) -> Value {
    let Resource { kind, name, spec, lines, status, .. } = resource;
    json!({ "kind": kind_name(kind), "name": name, "spec": spec, "lines": lines, "status": status })
}

pub(crate) fn verify(forge: &Forge, name: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Nothing {} = read(name, input)?;
    let checks = forge.database.check()?;
    let held = |what: &str, outcome: Result<(), String>| outcome.map(|()| what.to_owned());
    let audit = match forge.catalog.verify_audit() {
        Ok(head) => Ok(format!("{} entries", head.seq)),
        Err(error @ forge_core::CatalogError::Broken { .. }) => Err(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let agrees = forge.database.agrees(&forge.catalog)?;
    let facts = vec![
        Fact::of("integrity_check", Area::Safety, held("the file is whole", checks.integrity)),
        Fact::of("foreign_key_check", Area::Safety, held("every reference is met", checks.references)),
        Fact::of("no_drift", Area::Safety, held("the tables are what was planned", checks.drift)),
        policies(&forge.database.prove_policies()?),
        Fact::of("audit_chain", Area::Security, audit),
        Fact::of("catalog_agrees", Area::Operations, held("it says what the history says", agrees)),
    ];
    let gaps: Vec<Value> = forge.catalog.resources(None)?.iter().flat_map(gaps).collect();
    let failed = facts.iter().filter(|fact| fact.passed == Some(false)).count();
    let summary = match failed {
        0 => format!("{} facts hold; {} gaps", facts.len(), gaps.len()),
        failed => format!("{failed} of {} facts do not hold", facts.len()),
    };
    let data = json!({
        "ok": failed == 0,
        "version": forge.database.version()?,
        "fingerprint": checks.fingerprint,
        "facts": facts,
        "gaps": gaps,
    });
    Ok(Outcome::Done { summary, data })
}

/// What is missing so that a declared resource is there. Where its service is there already, that is each value
/// that is kept elsewhere, by the name that the declaration refers to; whether there is such a value is not known
/// here.
fn gaps(resource: &Resource) -> Vec<Value> {
    let gap = json!({ "kind": kind_name(resource.kind), "name": resource.name });
    let needing = |needs: &str| {
        let mut gap = gap.clone();
        gap["needs"] = json!(needs);
        gap
    };
    match (resource.kind, resource.status) {
        (ResourceKind::Table | ResourceKind::Role, _) | (_, Status::Ready) => Vec::new(),
        (ResourceKind::AuthProvider, _) if resource.spec["method"] == "none" => vec![gap],
        (ResourceKind::AuthProvider, _) => references(&resource.spec).into_iter().map(needing).collect(),
        (_, Status::Declared) => vec![gap],
    }
}

/// The names that a declaration refers to: `GOOGLE_CLIENT_ID` for `secret:GOOGLE_CLIENT_ID`, each once.
pub(crate) fn references(spec: &Value) -> Vec<&str> {
    let values = spec.as_object().into_iter().flat_map(serde_json::Map::values);
    let mut names: Vec<&str> = values.filter_map(|value| value.as_str()?.strip_prefix("secret:")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A proof of the policies as a fact. What could not be tried is no pass, and no failure either.
pub(crate) fn policies(proof: &RlsProof) -> Fact {
    let (name, area) = ("rls_two_identities", Area::Security);
    let (violations, untried) = (proof.violations(), proof.inconclusive());
    if violations.is_empty() && !untried.is_empty() {
        return Fact { name, area, passed: None, detail: format!("not tried: {}", untried.join("; ")) };
    }
    let attempts: usize = proof.tables.iter().map(|table| table.cells.len()).sum();
    let held = format!("{attempts} attempts on {} tables ended as they had to", proof.tables.len());
    Fact::of(name, area, if violations.is_empty() { Ok(held) } else { Err(violations.join("; ")) })
}
