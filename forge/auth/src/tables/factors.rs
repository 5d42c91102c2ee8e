//! `auth.mfa_factors`: what people prove themselves with after they signed in.

use forge_core::sql::{Row, Statement, integer, json, optional_text, text, time};
use loki_store::Timestamp;

use crate::model::{Factor, FactorKind};

/// A factor with what is kept of it.
#[derive(Clone)]
pub(crate) struct Kept {
    /// What its user may see.
    pub(crate) factor: Factor,
    /// Whose it is.
    pub(crate) user_id: String,
    /// The sealed secret of one-time passwords.
    pub(crate) secret: Option<String>,
    /// The authenticator's credential; null until it was made.
    pub(crate) credential: serde_json::Value,
    /// The step of the last one-time password that was taken; 0 before the first.
    pub(crate) last_step: i64,
    /// Wrong codes since `failed_at`.
    pub(crate) failures: i64,
    /// When the wrong codes that count began.
    pub(crate) failed_at: Option<Timestamp>,
}

impl Kept {
    /// The factor in a row; `None` where the row is none that this version wrote.
    pub(crate) fn of_row(row: &Row) -> Option<Kept> {
        Some(Kept {
            factor: Factor {
                id: optional_text(row, "id")?,
                friendly_name: optional_text(row, "friendly_name"),
                kind: FactorKind::of(&text(row, "factor_type"))?,
                verified: text(row, "status") == "verified",
                phone: optional_text(row, "phone"),
                last_challenged_at: time(row, "last_challenged_at"),
                created_at: time(row, "created_at")?,
                updated_at: time(row, "updated_at")?,
            },
            user_id: optional_text(row, "user_id")?,
            secret: optional_text(row, "secret"),
            credential: json(row, "credential"),
            last_step: integer(row, "last_step"),
            failures: integer(row, "failures"),
            failed_at: time(row, "failed_at"),
        })
    }
}

const ALL: &str = "select id, user_id, friendly_name, factor_type, status, secret, phone, credential, last_step, \
                   failures, failed_at, last_challenged_at, created_at, updated_at from {auth.mfa_factors}";

/// One factor of a user.
pub(crate) fn one(id: &str, user: &str) -> Statement {
    Statement::new(format!("{ALL} where id = $1 and user_id = $2"), [id.into(), user.into()])
}

/// All factors of a user, oldest first.
pub(crate) fn of_user(user: &str) -> Statement {
    Statement::new(format!("{ALL} where user_id = $1 order by created_at, id"), [user.into()])
}

/// Adds a factor that nobody has proven yet, while its user has fewer than `most`.
pub(crate) fn insert(kept: &Kept, most: i64) -> Statement {
    let factor = &kept.factor;
    Statement::new(
        "insert into {auth.mfa_factors} (id, user_id, friendly_name, factor_type, status, secret, created_at, \
         updated_at) select $1, $2, $3, $4, 'unverified', $5, $6, $6 \
         where (select count(*) from {auth.mfa_factors} where user_id = $7) < $8",
        [
            factor.id.as_str().into(),
            kept.user_id.as_str().into(),
            factor.friendly_name.clone().into(),
            factor.kind.name().into(),
            kept.secret.clone().into(),
            factor.created_at.into(),
            kept.user_id.as_str().into(),
            most.into(),
        ],
    )
    .touching(1)
}

/// Takes away a factor, if nobody has proven it.
pub(crate) fn delete_unproven(id: &str, user: &str) -> Statement {
    Statement::new(
        "delete from {auth.mfa_factors} where id = $1 and user_id = $2 and status = 'unverified'",
        [id.into(), user.into()],
    )
}

/// Takes away a user's factors of a kind that nobody has proven, but for one.
pub(crate) fn delete_unproven_of(user: &str, kind: FactorKind, but: &str) -> Statement {
    Statement::new(
        "delete from {auth.mfa_factors} \
         where user_id = $1 and factor_type = $2 and id <> $3 and status = 'unverified'",
        [user.into(), kind.name().into(), but.into()],
    )
}

/// Takes away a factor in the state in which it was read: not if it has been proven since.
pub(crate) fn delete(kept: &Kept) -> Statement {
    let status = if kept.factor.verified { "verified" } else { "unverified" };
    Statement::new(
        "delete from {auth.mfa_factors} where id = $1 and user_id = $2 and status = $3",
        [kept.factor.id.as_str().into(), kept.user_id.as_str().into(), status.into()],
    )
    .touching(1)
}

/// Takes from sessions what they owe to a factor that is no more.
pub(crate) fn lower_sessions(id: &str) -> Statement {
    Statement::new(
        "update {auth.sessions} set aal = 'aal1', factor_id = null where factor_id = $1",
        [id.into()],
    )
}

/// Notes when a factor was asked for.
pub(crate) fn challenged(id: &str, now: Timestamp) -> Statement {
    Statement::new(
        "update {auth.mfa_factors} set last_challenged_at = $2 where id = $1",
        [id.into(), now.into()],
    )
    .touching(1)
}

/// Notes a wrong code, if no other attempt was noted since the factor was read.
pub(crate) fn failed(kept: &Kept, failures: i64, since: Timestamp) -> Statement {
    Statement::new(
        "update {auth.mfa_factors} set failures = $2, failed_at = $3 \
         where id = $1 and failures = $4 and failed_at is not distinct from $5",
        [
            kept.factor.id.as_str().into(),
            failures.into(),
            since.into(),
            kept.failures.into(),
            kept.failed_at.into(),
        ],
    )
    .touching(1)
}

/// Notes that a one-time password was right: the factor is proven, its step and all before it are used up. Not if
/// another attempt was noted since the factor was read, or a later step was used.
pub(crate) fn proven_by_code(kept: &Kept, step: i64, now: Timestamp) -> Statement {
    Statement::new(
        "update {auth.mfa_factors} set status = 'verified', last_step = $2, failures = 0, failed_at = null, \
         updated_at = $3 where id = $1 and last_step < $2 and failures = $4 \
         and failed_at is not distinct from $5",
        [
            kept.factor.id.as_str().into(),
            step.into(),
            now.into(),
            kept.failures.into(),
            kept.failed_at.into(),
        ],
    )
    .touching(1)
}

/// Notes that an authenticator answered: the factor is proven, and `credential` is how its key is kept from now
/// on. Not if it was changed since the factor was read.
pub(crate) fn proven_by_key(kept: &Kept, credential: &serde_json::Value, now: Timestamp) -> Statement {
    let was = Some(&kept.credential).filter(|was| !was.is_null());
    Statement::new(
        "update {auth.mfa_factors} set status = 'verified', credential = $2, updated_at = $3 \
         where id = $1 and credential is not distinct from $4",
        [kept.factor.id.as_str().into(), credential.into(), now.into(), was.into()],
    )
    .touching(1)
}
