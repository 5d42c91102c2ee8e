//! `auth.sessions`
//!
//! A refresh token is the number of a session, marked by the seal; the row holds the number that is current.

use forge_core::sql::{Row, Statement, json, optional_text, text, time};
use loki_store::Timestamp;
use serde_json::Value;

use crate::model::Aal;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier, which access tokens name.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// How many times it was refreshed.
    pub refresh_counter: u64,
    /// When it was refreshed last.
    pub refreshed_at: Option<Timestamp>,
    /// How sure it is that it is theirs.
    pub aal: Aal,
    /// By what they signed in, newest last: objects with `method` and `timestamp`.
    pub amr: Value,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// What they used, as it calls itself.
    pub user_agent: Option<String>,
    /// From where they came.
    pub ip: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
}

const ALL: &str = "select id, user_id, refresh_counter, refreshed_at, aal, amr, not_after, user_agent, ip, created_at \
                   from {auth.sessions}";

/// The session with this identifier.
pub(crate) fn by_id(id: &str) -> Statement {
    Statement::new(format!("{ALL} where id = $1"), [id.into()])
}

/// A user's sessions, newest first.
pub(crate) fn of_user(user: &str) -> Statement {
    Statement::new(format!("{ALL} where user_id = $1 order by created_at desc limit 1000"), [user.into()])
}

/// Begins one.
pub(crate) fn insert(session: &Session) -> Statement {
    Statement::new(
        "insert into {auth.sessions} (id, user_id, refresh_counter, refreshed_at, aal, amr, not_after, user_agent, \
         ip, created_at, updated_at) values ($1, $2, 0, null, $3, $4, $5, $6, $7, $8, $8)",
        [
            session.id.as_str().into(),
            session.user_id.as_str().into(),
            session.aal.name().into(),
            (&session.amr).into(),
            session.not_after.into(),
            session.user_agent.clone().into(),
            session.ip.clone().into(),
            session.created_at.into(),
        ],
    )
    .touching(1)
}

/// Goes one number on from `counter`, if that is still the current one.
pub(crate) fn advance(id: &str, counter: u64, now: Timestamp) -> Statement {
    let counter = i64::try_from(counter).unwrap_or(i64::MAX);
    Statement::new(
        "update {auth.sessions} set refresh_counter = refresh_counter + 1, refreshed_at = $3, updated_at = $3 where \
         id = $1 and refresh_counter = $2",
        [id.into(), counter.into(), now.into()],
    )
    .touching(1)
}

/// Makes it surer: another level and another way, and the next number.
pub(crate) fn raise(
    session: &Session,
    aal: Aal,
    amr: &Value,
    factor: Option<&str>,
    now: Timestamp,
) -> Statement {
    let counter = i64::try_from(session.refresh_counter).unwrap_or(i64::MAX);
    Statement::new(
        "update {auth.sessions} set aal = $3, amr = $4, factor_id = $5, refresh_counter = refresh_counter + 1, \
         refreshed_at = $6, updated_at = $6 where id = $1 and refresh_counter = $2",
        [
            session.id.as_str().into(),
            counter.into(),
            aal.name().into(),
            amr.into(),
            factor.into(),
            now.into(),
        ],
    )
    .touching(1)
}

/// Ends one.
pub(crate) fn end(id: &str) -> Statement {
    Statement::new("delete from {auth.sessions} where id = $1", [id.into()])
}

/// Ends all of a user's.
pub(crate) fn end_all(user: &str) -> Statement {
    Statement::new("delete from {auth.sessions} where user_id = $1", [user.into()])
}

/// Ends all of a user's but one.
pub(crate) fn end_others(user: &str, id: &str) -> Statement {
    Statement::new("delete from {auth.sessions} where user_id = $1 and id <> $2", [user.into(), id.into()])
}

/// Ends those of a user's that are of the lowest level, but for one.
pub(crate) fn end_lower(user: &str, id: &str) -> Statement {
    Statement::new(
        "delete from {auth.sessions} where user_id = $1 and id <> $2 and aal = 'aal1'",
        [user.into(), id.into()],
    )
}

/// A session from a row.
pub(crate) fn of_row(row: &Row) -> Option<Session> {
    let counter = row.get("refresh_counter").and_then(Value::as_u64)?;
    Some(Session {
        id: optional_text(row, "id")?,
        user_id: text(row, "user_id"),
        refresh_counter: counter,
        refreshed_at: time(row, "refreshed_at"),
        aal: Aal::of(&text(row, "aal")),
        amr: json(row, "amr"),
        not_after: time(row, "not_after"),
        user_agent: optional_text(row, "user_agent"),
        ip: optional_text(row, "ip"),
        created_at: time(row, "created_at")?,
    })
}
