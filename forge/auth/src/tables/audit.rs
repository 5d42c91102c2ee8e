//! `auth.audit_log_entries`: what was done to whom, by whom.

use forge_core::sql::{Row, Statement};
use loki_store::Timestamp;
use serde_json::{Value, json};

/// Notes an entry.
pub(crate) fn insert(id: &str, payload: &Value, ip: &str, now: Timestamp) -> Statement {
    Statement::new(
        "insert into {auth.audit_log_entries} (id, payload, ip_address, created_at) values ($1, $2, $3, $4)",
        [id.into(), payload.into(), ip.into(), now.into()],
    )
    .touching(1)
}

/// A page of entries, newest first.
pub(crate) fn page(limit: i64, offset: i64) -> Statement {
    Statement::new(
        "select id, payload, ip_address, created_at from {auth.audit_log_entries} order by created_at desc, id limit $1 \
         offset $2",
        [limit.into(), offset.into()],
    )
}

/// An entry as answers have it.
pub(crate) fn wire(row: &Row) -> Value {
    json!({
        "id": row.get("id"),
        "payload": forge_core::sql::json(row, "payload"),
        "ip_address": row.get("ip_address"),
        "created_at": row.get("created_at"),
    })
}
