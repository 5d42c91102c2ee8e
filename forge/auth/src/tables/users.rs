//! `auth.users`

use forge_core::sql::{Row, Statement, Value, flag, integer, json, optional_text, text, time};
use loki_store::Timestamp;

use super::identities;
use crate::model::{Factor, FactorKind, User};

macro_rules! all {
    ($prefix:literal) => {
        concat!(
            "select ",
            $prefix,
            "id, ",
            $prefix,
            "role, ",
            $prefix,
            "email, ",
            $prefix,
            "phone, ",
            $prefix,
            "encrypted_password, ",
            $prefix,
            "email_confirmed_at, ",
            $prefix,
            "phone_confirmed_at, ",
            $prefix,
            "invited_at, ",
            $prefix,
            "confirmation_sent_at, ",
            $prefix,
            "recovery_sent_at, ",
            $prefix,
            "reauthentication_sent_at, ",
            $prefix,
            "email_change, ",
            $prefix,
            "email_change_sent_at, ",
            $prefix,
            "email_change_accepted, ",
            $prefix,
            "last_sign_in_at, ",
            $prefix,
            "raw_app_meta_data, ",
            $prefix,
            "raw_user_meta_data, ",
            $prefix,
            "is_anonymous, ",
            $prefix,
            "banned_until, ",
            $prefix,
            "deleted_at, ",
            $prefix,
            "created_at, ",
            $prefix,
            "updated_at from {auth.users}"
        )
    };
}

/// Factors that are read with a user.
const FACTORS_MAX: usize = 32;

/// Reads a user by a condition on `u`, with identities and factors: three statements, for [`read`].
fn with(condition: &'static str, value: Value) -> [Statement; 3] {
    [
        Statement::new(format!("{} u where {condition}", all!("u.")), [value.clone()]),
        Statement::new(
            format!("{} join {{auth.users}} u on u.id = i.user_id where {condition}", identities::ALL),
            [value.clone()],
        ),
        Statement::new(
            format!(
                "select f.id, f.friendly_name, f.factor_type, f.status, f.phone, f.last_challenged_at, f.created_at, \
                 f.updated_at from {{auth.mfa_factors}} f join {{auth.users}} u on u.id = f.user_id where {condition} \
                 order by f.created_at limit {FACTORS_MAX}"
            ),
            [value],
        ),
    ]
}

/// The user with this identifier.
pub(crate) fn by_id(id: &str) -> [Statement; 3] {
    with("u.id = $1", id.into())
}

/// The user with this address.
pub(crate) fn by_email(email: &str) -> [Statement; 3] {
    with("u.email = $1", email.into())
}

/// The user with this session.
pub(crate) fn by_session(session: &str) -> [Statement; 3] {
    with("u.id in (select s.user_id from {auth.sessions} s where s.id = $1)", session.into())
}

/// The user with this identity.
pub(crate) fn by_identity(provider: &str, provider_id: &str) -> [Statement; 3] {
    let condition =
        "u.id in (select a.user_id from {auth.identities} a where a.provider = $1 and a.provider_id = $2)";
    with(condition, provider.into()).map(|mut statement| {
        statement.values.push(provider_id.into());
        statement
    })
}

/// The user that the first three answers tell of.
pub(crate) fn read(rows: &[Vec<Row>]) -> Option<User> {
    let mut user = of_row(rows.first()?.first()?)?;
    user.identities = rows.get(1).into_iter().flatten().filter_map(identities::of_row).collect();
    user.factors = rows.get(2).into_iter().flatten().filter_map(factor).collect();
    Some(user)
}

/// A page of users, newest first; without factors and identities.
pub(crate) fn page(limit: i64, offset: i64) -> [Statement; 2] {
    [
        Statement::new(
            concat!(all!(""), " where deleted_at is null order by created_at desc, id limit $1 offset $2"),
            [limit.into(), offset.into()],
        ),
        Statement::new("select count(*) as total from {auth.users} where deleted_at is null", []),
    ]
}

/// Adds a user; another one with the address makes it a duplicate.
pub(crate) fn insert(user: &User) -> Statement {
    Statement::new(
        "insert into {auth.users} (id, role, email, phone, encrypted_password, email_confirmed_at, \
         phone_confirmed_at, invited_at, confirmation_sent_at, recovery_sent_at, last_sign_in_at, raw_app_meta_data, \
         raw_user_meta_data, is_anonymous, banned_until, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, \
         $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        [
            user.id.as_str().into(),
            user.role.as_str().into(),
            user.email.clone().into(),
            user.phone.clone().into(),
            user.password.clone().into(),
            user.email_confirmed_at.into(),
            user.phone_confirmed_at.into(),
            user.invited_at.into(),
            user.confirmation_sent_at.into(),
            user.recovery_sent_at.into(),
            user.last_sign_in_at.into(),
            (&user.app_metadata).into(),
            (&user.user_metadata).into(),
            user.is_anonymous.into(),
            user.banned_until.into(),
            user.created_at.into(),
            user.updated_at.into(),
        ],
    )
    .touching(1)
}

/// Changes columns of a user who is still as they were read (`was.updated_at`); otherwise it is unmet.
pub(crate) fn change(was: &User, now: Timestamp, sets: &[(&'static str, Value)]) -> Statement {
    let mut values = vec![was.id.as_str().into(), was.updated_at.into(), later(was, now).into()];
    let mut text = "update {auth.users} set updated_at = $3".to_owned();
    for (column, value) in sets {
        values.push(value.clone());
        text.push_str(&format!(", {column} = ${}", values.len()));
    }
    text.push_str(" where id = $1 and updated_at = $2");
    Statement::new(text, values).touching(1)
}

/// A time that is later than the last change, so that two changes are never mistaken for each other.
fn later(was: &User, now: Timestamp) -> Timestamp {
    let next = was.updated_at.checked_add(std::time::Duration::from_micros(1)).unwrap_or(was.updated_at);
    now.max(next)
}

/// Notes that a user signed in.
pub(crate) fn signed_in(id: &str, now: Timestamp) -> Statement {
    Statement::new("update {auth.users} set last_sign_in_at = $2 where id = $1", [id.into(), now.into()])
        .touching(1)
}

/// Removes a user with everything that is theirs.
pub(crate) fn delete(id: &str) -> Statement {
    Statement::new("delete from {auth.users} where id = $1", [id.into()]).touching(1)
}

/// A user from a row.
pub(crate) fn of_row(row: &Row) -> Option<User> {
    let mut user = User::new(optional_text(row, "id")?, time(row, "created_at")?);
    user.updated_at = time(row, "updated_at")?;
    user.role = text(row, "role");
    user.email = optional_text(row, "email");
    user.phone = optional_text(row, "phone");
    user.password = optional_text(row, "encrypted_password");
    user.email_confirmed_at = time(row, "email_confirmed_at");
    user.phone_confirmed_at = time(row, "phone_confirmed_at");
    user.invited_at = time(row, "invited_at");
    user.confirmation_sent_at = time(row, "confirmation_sent_at");
    user.recovery_sent_at = time(row, "recovery_sent_at");
    user.reauthentication_sent_at = time(row, "reauthentication_sent_at");
    user.email_change = optional_text(row, "email_change");
    user.email_change_sent_at = time(row, "email_change_sent_at");
    user.email_change_accepted = integer(row, "email_change_accepted");
    user.last_sign_in_at = time(row, "last_sign_in_at");
    user.app_metadata = json(row, "raw_app_meta_data");
    user.user_metadata = json(row, "raw_user_meta_data");
    user.is_anonymous = flag(row, "is_anonymous");
    user.banned_until = time(row, "banned_until");
    user.deleted_at = time(row, "deleted_at");
    Some(user)
}

fn factor(row: &Row) -> Option<Factor> {
    Some(Factor {
        id: optional_text(row, "id")?,
        friendly_name: optional_text(row, "friendly_name"),
        kind: FactorKind::of(&text(row, "factor_type"))?,
        verified: text(row, "status") == "verified",
        phone: optional_text(row, "phone"),
        last_challenged_at: time(row, "last_challenged_at"),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
