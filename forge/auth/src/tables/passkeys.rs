//! `auth.webauthn_credentials` and `auth.webauthn_challenges`: the keys that people sign in with, and what was
//! asked of one.

use forge_core::sql::{Row, Statement, integer, json, optional_text, text, time};
use loki_store::Timestamp;

/// A passkey of a user.
#[derive(Debug, Clone)]
pub(crate) struct Passkey {
    pub(crate) id: String,
    pub(crate) user_id: String,
    /// The authenticator's name for it, base64url; no two passkeys have the same.
    pub(crate) credential_id: String,
    pub(crate) friendly_name: Option<String>,
    /// The public key and what belongs to it.
    pub(crate) credential: serde_json::Value,
    /// How often the authenticator says it was used.
    pub(crate) sign_count: i64,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// What a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// To make a passkey.
    Registration,
    /// To sign in with one.
    Authentication,
}

/// What is kept of a ceremony that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) id: String,
    /// Who makes a passkey; nobody where anybody may sign in.
    pub(crate) user_id: Option<String>,
    pub(crate) ceremony: Ceremony,
    pub(crate) state: serde_json::Value,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Ceremony {
    fn name(self) -> &'static str {
        match self {
            Ceremony::Registration => "registration",
            Ceremony::Authentication => "authentication",
        }
    }
}

impl Passkey {
    /// The passkey in a row; `None` where the row is none that this version wrote.
    pub(crate) fn of_row(row: &Row) -> Option<Passkey> {
        Some(Passkey {
            id: text(row, "id"),
            user_id: text(row, "user_id"),
            credential_id: text(row, "credential_id"),
            friendly_name: optional_text(row, "friendly_name"),
            credential: json(row, "credential"),
            sign_count: integer(row, "sign_count"),
            last_used_at: time(row, "last_used_at"),
            created_at: time(row, "created_at")?,
        })
    }
}

/// Reads all passkeys of a user, oldest first.
pub(crate) fn of_user(user: &str) -> Statement {
    Statement::new(
        "select * from {auth.webauthn_credentials} where user_id = $1 order by created_at, id",
        [user.into()],
    )
}

/// Reads the passkey that an authenticator knows by this name.
pub(crate) fn by_credential(credential_id: &str) -> Statement {
    Statement::new(
        "select * from {auth.webauthn_credentials} where credential_id = $1",
        [credential_id.into()],
    )
}

/// Adds a passkey, while its user has fewer than `most`.
pub(crate) fn insert(passkey: &Passkey, most: i64) -> Statement {
    Statement::new(
        "insert into {auth.webauthn_credentials} (id, user_id, credential_id, friendly_name, credential, \
         sign_count, created_at, updated_at) select $1, $2, $3, $4, $5, $6, $7, $7 \
         where (select count(*) from {auth.webauthn_credentials} where user_id = $8) < $9",
        [
            passkey.id.as_str().into(),
            passkey.user_id.as_str().into(),
            passkey.credential_id.as_str().into(),
            passkey.friendly_name.clone().into(),
            (&passkey.credential).into(),
            passkey.sign_count.into(),
            passkey.created_at.into(),
            passkey.user_id.as_str().into(),
            most.into(),
        ],
    )
    .touching(1)
}

/// Notes that a passkey was used, and how it is kept from now on; not if it was used since it was read.
pub(crate) fn used(
    passkey: &Passkey,
    credential: &serde_json::Value,
    sign_count: i64,
    now: Timestamp,
) -> Statement {
    Statement::new(
        "update {auth.webauthn_credentials} set credential = $2, sign_count = $3, last_used_at = $4, \
         updated_at = $4 where id = $1 and sign_count = $5",
        [
            passkey.id.as_str().into(),
            credential.into(),
            sign_count.into(),
            now.into(),
            passkey.sign_count.into(),
        ],
    )
    .touching(1)
}

/// Gives a passkey another name.
pub(crate) fn rename(id: &str, user: &str, name: &str, now: Timestamp) -> Statement {
    Statement::new(
        "update {auth.webauthn_credentials} set friendly_name = $3, updated_at = $4 \
         where id = $1 and user_id = $2 returning *",
        [id.into(), user.into(), name.into(), now.into()],
    )
    .touching(1)
}

/// Takes away a passkey of a user.
pub(crate) fn delete(id: &str, user: &str) -> Statement {
    Statement::new(
        "delete from {auth.webauthn_credentials} where id = $1 and user_id = $2",
        [id.into(), user.into()],
    )
    .touching(1)
}

/// Takes away what nobody can answer any more.
pub(crate) fn sweep(now: Timestamp) -> Statement {
    Statement::new("delete from {auth.webauthn_challenges} where expires_at < $1", [now.into()])
}

/// Takes away what a user began and did not finish: the next ceremony replaces it.
pub(crate) fn abandon(user: &str) -> Statement {
    Statement::new("delete from {auth.webauthn_challenges} where user_id = $1", [user.into()])
}

/// Keeps a ceremony that was begun, while fewer than `most` are open.
pub(crate) fn begin(challenge: &Challenge, most: i64) -> Statement {
    Statement::new(
        "insert into {auth.webauthn_challenges} (id, user_id, kind, state, created_at, expires_at) \
         select $1, $2, $3, $4, $5, $6 where (select count(*) from {auth.webauthn_challenges}) < $7",
        [
            challenge.id.as_str().into(),
            challenge.user_id.clone().into(),
            challenge.ceremony.name().into(),
            (&challenge.state).into(),
            challenge.created_at.into(),
            challenge.expires_at.into(),
            most.into(),
        ],
    )
    .touching(1)
}

/// Takes a ceremony that was begun, for good: its state and its end. Whoever comes second finds nothing.
pub(crate) fn take(id: &str, ceremony: Ceremony, user: Option<&str>) -> Statement {
    Statement::new(
        "delete from {auth.webauthn_challenges} \
         where id = $1 and kind = $2 and user_id is not distinct from $3 returning state, expires_at",
        [id.into(), ceremony.name().into(), user.into()],
    )
    .touching(1)
}

/// The state and the end of a ceremony that was taken.
pub(crate) fn taken(row: &Row) -> Option<(serde_json::Value, Timestamp)> {
    Some((json(row, "state"), time(row, "expires_at")?))
}
