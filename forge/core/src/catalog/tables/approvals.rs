//! `approvals`.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::{audit, parsed};
use crate::catalog::{
    CatalogError,
    approval::{Approval, ApprovalBy, evidence_hash},
    audit::NewAuditEntry,
};

/// Why an approval is voided when a better one takes its place.
const SUPERSEDED: &str = "a person approved";

pub(in crate::catalog) fn approve(
    tx: &Transaction<'_>,
    subject_hash: &str,
    by: &ApprovalBy,
    evidence: &Value,
    at: &str,
) -> Result<Approval, CatalogError> {
    if let Some(old) = standing(tx, subject_hash)? {
        let better = matches!(by, ApprovalBy::Person { .. }) && !old.by_person();
        if !better {
            return Ok(old);
        }
        void(tx, subject_hash, SUPERSEDED, at)?;
    }
    tx.execute(
        "INSERT INTO approvals (subject_hash, approver, evidence, approved_at) VALUES (?1, ?2, ?3, ?4)",
        params![subject_hash, approver(by).to_string(), evidence.to_string(), at],
    )?;
    let entry = audited(tx.last_insert_rowid(), subject_hash, by, evidence);
    audit::append(tx, &entry, at)?;
    Ok(Approval::stored(subject_hash.to_owned(), by.clone(), evidence.clone(), at.to_owned()))
}

pub(in crate::catalog) fn standing(
    conn: &Connection,
    subject_hash: &str,
) -> Result<Option<Approval>, CatalogError> {
    let found = conn
        .query_row(
            "SELECT id, approver, evidence, approved_at FROM approvals WHERE subject_hash = ?1 AND voided_at IS NULL",
            [subject_hash],
            |row| {
                let (by, evidence): (String, String) = (row.get(1)?, row.get(2)?);
                let at: String = row.get(3)?;
                Ok((row.get::<_, i64>(0)?, parsed::<ApprovalBy>(1, &by)?, parsed::<Value>(2, &evidence)?, at))
            },
        )
        .optional()?;
    let Some((id, by, evidence, at)) = found else { return Ok(None) };
    let expected = audited(id, subject_hash, &by, &evidence);
    // A row alone approves nothing: the log must know of it, unchanged.
    match audit::by_key(conn, &expected.key)? {
        Some(entry) if entry.says(&expected) && entry.hash == entry.expected_hash() => {
            Ok(Some(Approval::stored(subject_hash.to_owned(), by, evidence, at)))
        }
        Some(entry) => {
            Err(CatalogError::Broken { seq: entry.seq, why: "it does not agree with its approval" })
        }
        None => Err(CatalogError::Broken { seq: 0, why: "an approval is not in it" }),
    }
}

pub(in crate::catalog) fn void(
    tx: &Transaction<'_>,
    subject_hash: &str,
    reason: &str,
    at: &str,
) -> Result<bool, CatalogError> {
    let sql = "UPDATE approvals SET voided_at = ?2, void_reason = ?3 WHERE subject_hash = ?1 AND voided_at IS NULL \
               RETURNING id";
    let id: Option<i64> =
        tx.query_row(sql, params![subject_hash, at, reason], |row| row.get(0)).optional()?;
    let Some(id) = id else { return Ok(false) };
    let entry = NewAuditEntry {
        key: format!("approval.void:{id}"),
        actor: "loki".to_owned(),
        action: "approval.void".to_owned(),
        subject: subject_hash.to_owned(),
        details: json!({ "reason": reason }),
    };
    audit::append(tx, &entry, at)?;
    Ok(true)
}

/// The audit entry of an approval.
fn audited(id: i64, subject_hash: &str, by: &ApprovalBy, evidence: &Value) -> NewAuditEntry {
    let actor = match by {
        ApprovalBy::Council { .. } => "council".to_owned(),
        ApprovalBy::Person { name, .. } => name.clone(),
    };
    NewAuditEntry {
        key: format!("approval:{id}"),
        actor,
        action: "approval.grant".to_owned(),
        subject: subject_hash.to_owned(),
        details: json!({ "by": approver(by), "evidence_hash": evidence_hash(evidence) }),
    }
}

fn approver(by: &ApprovalBy) -> Value {
    // Plain data with string keys always serialises.
    serde_json::to_value(by).unwrap_or_default()
}
