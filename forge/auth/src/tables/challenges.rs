//! `auth.mfa_challenges`: that a factor was asked for, and what may answer.

use forge_core::sql::{Row, Statement, json, optional_text, text, time};
use loki_store::Timestamp;

/// That a factor was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) id: String,
    pub(crate) factor_id: String,
    /// What is kept of the ceremony of an authenticator; null for other factors.
    pub(crate) state: serde_json::Value,
    /// The address that asked.
    pub(crate) ip: Option<String>,
    /// When it was used.
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Challenge {
    /// The challenge in a row; `None` where the row is none that this version wrote.
    pub(crate) fn of_row(row: &Row) -> Option<Challenge> {
        Some(Challenge {
            id: text(row, "id"),
            factor_id: text(row, "factor_id"),
            state: json(row, "state"),
            ip: optional_text(row, "ip"),
            verified_at: time(row, "verified_at"),
            created_at: time(row, "created_at")?,
            expires_at: time(row, "expires_at")?,
        })
    }
}

/// Reads one challenge of a factor.
pub(crate) fn one(id: &str, factor_id: &str) -> Statement {
    Statement::new(
        "select * from {auth.mfa_challenges} where id = $1 and factor_id = $2",
        [id.into(), factor_id.into()],
    )
}

/// Takes away what nobody can answer any more of a factor.
pub(crate) fn sweep(factor_id: &str, now: Timestamp) -> Statement {
    Statement::new(
        "delete from {auth.mfa_challenges} \
         where factor_id = $1 and (expires_at < $2 or verified_at is not null)",
        [factor_id.into(), now.into()],
    )
}

/// Adds a challenge, while the factor has fewer than `most`.
pub(crate) fn insert(challenge: &Challenge, most: i64) -> Statement {
    let state = Some(&challenge.state).filter(|state| !state.is_null());
    Statement::new(
        "insert into {auth.mfa_challenges} (id, factor_id, state, ip, created_at, expires_at) \
         select $1, $2, $3, $4, $5, $6 \
         where (select count(*) from {auth.mfa_challenges} where factor_id = $7) < $8",
        [
            challenge.id.as_str().into(),
            challenge.factor_id.as_str().into(),
            state.into(),
            challenge.ip.clone().into(),
            challenge.created_at.into(),
            challenge.expires_at.into(),
            challenge.factor_id.as_str().into(),
            most.into(),
        ],
    )
    .touching(1)
}

/// Uses a challenge up, if nobody has before.
pub(crate) fn used(id: &str, now: Timestamp) -> Statement {
    Statement::new(
        "update {auth.mfa_challenges} set verified_at = $2 where id = $1 and verified_at is null",
        [id.into(), now.into()],
    )
    .touching(1)
}
