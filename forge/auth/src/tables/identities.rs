//! `auth.identities`

use forge_core::sql::{Row, Statement, json, optional_text, text, time};
use loki_store::Timestamp;

use crate::model::Identity;

/// Reads identities as `i`; a condition follows.
pub(crate) const ALL: &str = "select i.id, i.user_id, i.provider, i.provider_id, i.identity_data, i.email, \
                              i.last_sign_in_at, i.created_at, i.updated_at from {auth.identities} i";

/// Adds one; another with the same provider and name there makes it a duplicate.
pub(crate) fn insert(identity: &Identity) -> Statement {
    Statement::new(
        "insert into {auth.identities} (id, user_id, provider, provider_id, identity_data, email, last_sign_in_at, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            identity.id.as_str().into(),
            identity.user_id.as_str().into(),
            identity.provider.as_str().into(),
            identity.provider_id.as_str().into(),
            (&identity.data).into(),
            identity.email.clone().into(),
            identity.last_sign_in_at.into(),
            identity.created_at.into(),
            identity.updated_at.into(),
        ],
    )
    .touching(1)
}

/// Takes what is said there now.
pub(crate) fn update(identity: &Identity, now: Timestamp) -> Statement {
    Statement::new(
        "update {auth.identities} set identity_data = $2, email = $3, last_sign_in_at = $4, updated_at = $4 where id = $1",
        [
            identity.id.as_str().into(),
            (&identity.data).into(),
            identity.email.clone().into(),
            now.into(),
        ],
    )
    .touching(1)
}

/// Removes one of a user's identities, unless it is the last.
pub(crate) fn delete(id: &str, user: &str) -> Statement {
    Statement::new(
        "delete from {auth.identities} where id = $1 and user_id = $2 and exists (select 1 from {auth.identities} \
         other where other.user_id = $2 and other.id <> $1)",
        [id.into(), user.into()],
    )
    .touching(1)
}

/// Removes all of a user's.
pub(crate) fn delete_all(user: &str) -> Statement {
    Statement::new("delete from {auth.identities} where user_id = $1", [user.into()])
}

/// An identity from a row.
pub(crate) fn of_row(row: &Row) -> Option<Identity> {
    Some(Identity {
        id: optional_text(row, "id")?,
        user_id: text(row, "user_id"),
        provider: text(row, "provider"),
        provider_id: text(row, "provider_id"),
        data: json(row, "identity_data"),
        email: optional_text(row, "email"),
        last_sign_in_at: time(row, "last_sign_in_at"),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
