//! `auth.grants`: what roles and users may do with resources of the application.

use forge_core::sql::{Row, Statement, text};
use loki_store::Timestamp;

/// Grants that are read at once.
const GRANTS_MAX: usize = 1_000;

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everybody who has this role of the application.
    Role(String),
    /// The user with this identifier.
    User(String),
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// To whom.
    pub subject: Subject,
    /// To what: the name of a table, bucket or function, or `*` for all.
    pub resource: String,
    /// `read`, `write`, `control` or `*`.
    pub access: String,
}

impl Subject {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Subject::Role(name) => ("role", name),
            Subject::User(id) => ("user", id),
        }
    }
}

/// What every role may do, and this user.
pub(crate) fn concerning(user: &str) -> Statement {
    Statement::new(
        format!(
            "select subject_kind, subject, resource, access from {{auth.grants}} where subject_kind = 'role' or subject \
             = $1 order by resource, access limit {GRANTS_MAX}"
        ),
        [user.into()],
    )
}

/// What every role may do, and the user of this session.
pub(crate) fn concerning_session(session: &str) -> Statement {
    Statement::new(
        format!(
            "select subject_kind, subject, resource, access from {{auth.grants}} where subject_kind = 'role' or subject \
             in (select cast(s.user_id as text) from {{auth.sessions}} s where s.id = $1) order by resource, access limit \
             {GRANTS_MAX}"
        ),
        [session.into()],
    )
}

/// Every grant.
pub(crate) fn all() -> Statement {
    Statement::new(
        format!(
            "select subject_kind, subject, resource, access from {{auth.grants}} order by subject_kind, subject, \
             resource, access limit {GRANTS_MAX}"
        ),
        [],
    )
}

/// Grants something, which may be granted already.
pub(crate) fn insert(id: &str, grant: &Grant, now: Timestamp) -> Statement {
    let (kind, subject) = grant.subject.parts();
    Statement::new(
        "insert into {auth.grants} (id, subject_kind, subject, resource, access, created_at) values ($1, $2, $3, $4, $5, \
         $6) on conflict (subject_kind, subject, resource, access) do nothing",
        [
            id.into(),
            kind.into(),
            subject.into(),
            grant.resource.as_str().into(),
            grant.access.as_str().into(),
            now.into(),
        ],
    )
}

/// Takes something back.
pub(crate) fn delete(grant: &Grant) -> Statement {
    let (kind, subject) = grant.subject.parts();
    Statement::new(
        "delete from {auth.grants} where subject_kind = $1 and subject = $2 and resource = $3 and access = $4",
        [kind.into(), subject.into(), grant.resource.as_str().into(), grant.access.as_str().into()],
    )
    .touching(1)
}

/// A grant from a row.
pub(crate) fn of_row(row: &Row) -> Grant {
    let subject = text(row, "subject");
    Grant {
        subject: if text(row, "subject_kind") == "role" {
            Subject::Role(subject)
        } else {
            Subject::User(subject)
        },
        resource: text(row, "resource"),
        access: text(row, "access"),
    }
}
