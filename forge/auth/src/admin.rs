//! What operators and the application's own backend do with users: the same for the endpoints, the commands and
//! the operations. Every change leaves an entry in the audit.

use forge_core::sql::{SqlError, Value as Sql, integer};
use loki_store::Timestamp;
use serde_json::{Map, Value, json};

use crate::auth::{Actor, Auth};
use crate::error::{AuthError, Code};
use crate::grants::ACCESSES;
use crate::letters;
use crate::model::{Identity, User};
use crate::password;
use crate::random;
use crate::tables::{audit, grants, identities, one_time, sessions, users};

pub use crate::tables::grants::{Grant, Subject};
pub use crate::tables::sessions::Session;

/// Users on a page at most.
pub const PER_PAGE_MAX: u32 = 1_000;
/// Bytes of the name of a role or a resource.
const NAME_BYTES_MAX: usize = 128;

/// A user to be made.
#[derive(Clone, Default)]
pub struct NewUser {
    /// Their identifier; a new one where there is none.
    pub id: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Their password.
    pub password: Option<String>,
    /// Or its hash (argon2id, in the PHC string format), of users who come from elsewhere.
    pub password_hash: Option<String>,
    /// Whether the address counts as confirmed.
    pub email_confirmed: bool,
    /// The role in their tokens; `authenticated` where there is none.
    pub role: Option<String>,
    /// What they say of themselves.
    pub user_metadata: Map<String, Value>,
    /// What the application knows of them.
    pub app_metadata: Map<String, Value>,
    /// Until when they may not sign in.
    pub banned_until: Option<Timestamp>,
}

/// What is to change about a user; what is `None` stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// Another address, which counts at once.
    pub email: Option<String>,
    /// Another password.
    pub password: Option<String>,
    /// Or its hash.
    pub password_hash: Option<String>,
    /// Whether the address counts as confirmed.
    pub email_confirmed: Option<bool>,
    /// Another role.
    pub role: Option<String>,
    /// Members that are put over those of `user_metadata`; null removes.
    pub user_metadata: Option<Map<String, Value>>,
    /// The same for `app_metadata`.
    pub app_metadata: Option<Map<String, Value>>,
    /// Until when they may not sign in; `Some(None)` lets them again.
    pub banned_until: Option<Option<Timestamp>>,
}

impl Auth {
    /// Makes a user.
    pub async fn create_user(&self, by: &Actor, new: NewUser) -> Result<User, AuthError> {
        let now = self.now();
        let id = match &new.id {
            Some(id) => random::uuid_bytes(id).map(|bytes| random::uuid_text(&bytes)),
            None => Some(random::uuid()?),
        };
        let mut user =
            User::new(id.ok_or_else(|| AuthError::invalid("ID must conform to the uuid v4 format"))?, now);
        let email = new.email.as_deref().map(letters::address).transpose()?;
        let Some(email) = email.map(|email| email.as_str().to_owned()) else {
            return Err(AuthError::invalid("Cannot create a user without either an email or phone"));
        };
        user.password = self.hash_of(new.password.as_deref(), new.password_hash).await?;
        user.email = Some(email.clone());
        user.email_confirmed_at = new.email_confirmed.then_some(now);
        user.role = role(new.role.as_deref().unwrap_or("authenticated"))?;
        user.user_metadata = Value::Object(new.user_metadata);
        user.app_metadata = Value::Object(new.app_metadata);
        user.banned_until = new.banned_until;
        user.identities =
            vec![Identity::of_email(random::uuid()?, &user.id, &email, new.email_confirmed, now)];
        let user = user.with_providers();
        let mut statements = vec![users::insert(&user)];
        statements.extend(user.identities.iter().map(identities::insert));
        statements.push(self.note_by(by, "user_signedup", Some(&user.id), json!({ "provider": "email" }))?);
        match self.sql.write(&statements).await {
            Ok(_) => Ok(user),
            Err(SqlError::Duplicate { .. }) => Err(AuthError::new(Code::EmailExists)),
            Err(error) => Err(error.into()),
        }
    }

    /// A page of users, newest first, and how many there are. Pages count from 1.
    pub async fn users(&self, page: u32, per_page: u32) -> Result<(Vec<User>, u64), AuthError> {
        let per_page = i64::from(per_page.clamp(1, PER_PAGE_MAX));
        let rows = self.sql.read(&users::page(per_page, i64::from(page.max(1) - 1) * per_page)).await?;
        let page = rows.first().into_iter().flatten().filter_map(users::of_row).collect();
        let total = rows.get(1).and_then(|rows| rows.first()).map_or(0, |row| integer(row, "total"));
        Ok((page, u64::try_from(total).unwrap_or_default()))
    }

    /// The user with this identifier or address.
    pub async fn find_user(&self, whom: &str) -> Result<User, AuthError> {
        let missing = || AuthError::new(Code::UserNotFound);
        let statements = if random::uuid_bytes(whom).is_some() {
            users::by_id(whom)
        } else if whom.contains('@') {
            users::by_email(letters::address(whom).map_err(|_| missing())?.as_str())
        } else {
            return Err(missing());
        };
        self.user_by(statements).await?.ok_or_else(missing)
    }

    /// Changes a user. Another password, role or ban ends their sessions where they must not go on.
    pub async fn update_user(&self, by: &Actor, id: &str, change: UserChange) -> Result<User, AuthError> {
        let user = self.find_user(id).await?;
        let now = self.now();
        let (mut sets, mut statements): (Vec<(&'static str, Sql)>, Vec<_>) = (Vec::new(), Vec::new());
        let mut changed = user.clone();
        if let Some(email) = &change.email {
            let email = letters::address(email)?.as_str().to_owned();
            let confirmed = change.email_confirmed.unwrap_or(true);
            let fresh = Identity::of_email(random::uuid()?, &user.id, &email, confirmed, now);
            match user.identities.iter().find(|identity| identity.provider == "email") {
                Some(there) => {
                    statements.push(identities::update(&Identity { id: there.id.clone(), ..fresh }, now));
                }
                None => {
                    statements.push(identities::insert(&fresh));
                    changed.identities.push(fresh);
                }
            }
            sets.push(("email", email.into()));
            sets.push(("is_anonymous", false.into()));
            statements.push(one_time::forget_all(&user.id));
        }
        if let Some(confirmed) = change.email_confirmed.or(change.email.is_some().then_some(true)) {
            let at = if confirmed { Some(user.email_confirmed_at.unwrap_or(now)) } else { None };
            sets.push(("email_confirmed_at", at.into()));
        }
        if let Some(hash) = self.hash_of(change.password.as_deref(), change.password_hash).await? {
            sets.push(("encrypted_password", hash.into()));
            statements.push(sessions::end_all(&user.id));
        }
        if let Some(name) = &change.role {
            sets.push(("role", role(name)?.into()));
        }
        if let Some(over) = change.user_metadata {
            sets.push(("raw_user_meta_data", (&merged(&user.user_metadata, over)).into()));
        }
        if let Some(over) = change.app_metadata {
            changed.app_metadata = merged(&user.app_metadata, over);
        }
        let changed = changed.with_providers();
        if changed.app_metadata != user.app_metadata {
            sets.push(("raw_app_meta_data", (&changed.app_metadata).into()));
        }
        if let Some(until) = change.banned_until {
            sets.push(("banned_until", until.into()));
            if until.is_some() {
                statements.push(sessions::end_all(&user.id));
            }
        }
        let names: Value = sets.iter().map(|(name, _)| Value::from(*name)).collect();
        let mut all = vec![users::change(&user, now, &sets)];
        all.extend(statements);
        all.push(self.note_by(by, "user_modified", Some(&user.id), names)?);
        match self.sql.write(&all).await {
            Ok(_) => self.find_user(&user.id).await,
            Err(SqlError::Duplicate { .. }) => Err(AuthError::new(Code::EmailExists)),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a user: with everything that is theirs, or so that only their row and what refers to it stays.
    pub async fn delete_user(&self, by: &Actor, id: &str, soft: bool) -> Result<(), AuthError> {
        let user = self.find_user(id).await?;
        let mut statements = Vec::new();
        if soft {
            let gone = format!("deleted+{}@invalid", user.id);
            let sets = [
                ("deleted_at", self.now().into()),
                ("email", gone.into()),
                ("phone", Sql::Null),
                ("encrypted_password", Sql::Null),
                ("raw_user_meta_data", "{}".into()),
                ("raw_app_meta_data", "{}".into()),
                ("email_change", Sql::Null),
            ];
            statements.push(users::change(&user, self.now(), &sets));
            statements.push(sessions::end_all(&user.id));
            statements.push(one_time::forget_all(&user.id));
            statements.push(identities::delete_all(&user.id));
        } else {
            statements.push(users::delete(&user.id));
        }
        statements.push(self.note_by(by, "user_deleted", Some(&user.id), json!({ "soft": soft }))?);
        self.sql.write(&statements).await.map_err(|error| match error {
            SqlError::Reference { .. } => AuthError::new(Code::Conflict)
                .saying("Rows of the application refer to this user; remove them first or delete softly"),
            other => other.into(),
        })?;
        Ok(())
    }

    /// A user's sessions, newest first.
    pub async fn sessions(&self, user: &str) -> Result<Vec<Session>, AuthError> {
        let user = self.find_user(user).await?;
        let rows = self.sql.read(&[sessions::of_user(&user.id)]).await?;
        Ok(rows.first().into_iter().flatten().filter_map(sessions::of_row).collect())
    }

    /// Ends a session: no refresh any more. An access token that is out holds until its end.
    pub async fn revoke_session(&self, by: &Actor, id: &str) -> Result<(), AuthError> {
        let missing = || AuthError::new(Code::SessionNotFound);
        if random::uuid_bytes(id).is_none() {
            return Err(missing());
        }
        let note = self.note_by(by, "session_revoked", None, json!({ "session_id": id }))?;
        match self.sql.write(&[sessions::end(id).touching(1), note]).await {
            Ok(_) => Ok(()),
            Err(SqlError::Unmet { .. }) => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends all sessions of a user.
    pub async fn revoke_sessions(&self, by: &Actor, user: &str) -> Result<(), AuthError> {
        let user = self.find_user(user).await?;
        let note = self.note_by(by, "session_revoked", Some(&user.id), json!({ "all": true }))?;
        self.sql.write(&[sessions::end_all(&user.id), note]).await?;
        Ok(())
    }

    /// Everything that is granted.
    pub async fn grants(&self) -> Result<Vec<Grant>, AuthError> {
        let rows = self.sql.read(&[grants::all()]).await?;
        Ok(rows.first().into_iter().flatten().map(grants::of_row).collect())
    }

    /// Grants something. It is in tokens from their next refresh on.
    pub async fn grant(&self, by: &Actor, grant: &Grant) -> Result<(), AuthError> {
        check(grant)?;
        let note = self.note_by(by, "granted", None, described(grant))?;
        self.sql.write(&[grants::insert(&random::uuid()?, grant, self.now()), note]).await?;
        Ok(())
    }

    /// Takes something back.
    pub async fn revoke_grant(&self, by: &Actor, grant: &Grant) -> Result<(), AuthError> {
        let note = self.note_by(by, "grant_revoked", None, described(grant))?;
        match self.sql.write(&[grants::delete(grant), note]).await {
            Ok(_) => Ok(()),
            Err(SqlError::Unmet { .. }) => {
                Err(AuthError::new(Code::NotFound).saying("There is no such grant"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A page of the audit, newest first: objects with `id`, `payload`, `ip_address` and `created_at`.
    pub async fn audit(&self, page: u32, per_page: u32) -> Result<Vec<Value>, AuthError> {
        let per_page = i64::from(per_page.clamp(1, PER_PAGE_MAX));
        let rows = self.sql.read(&[audit::page(per_page, i64::from(page.max(1) - 1) * per_page)]).await?;
        Ok(rows.first().into_iter().flatten().map(audit::wire).collect())
    }

    async fn hash_of(&self, given: Option<&str>, hash: Option<String>) -> Result<Option<String>, AuthError> {
        match (given, hash) {
            (Some(_), Some(_)) => {
                Err(AuthError::invalid("Only a password or a password hash should be provided"))
            }
            (Some(given), None) => {
                password::judge(&self.settings, given)?;
                self.hasher.make(given).await.map(Some)
            }
            (None, Some(hash)) if password::is_hash(&hash) => Ok(Some(hash)),
            (None, Some(_)) => {
                Err(AuthError::invalid("password_hash is not an argon2id hash that can be used"))
            }
            (None, None) => Ok(None),
        }
    }
}

fn role(name: &str) -> Result<String, AuthError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fits = !name.is_empty() && name.len() <= 63 && name.chars().all(plain);
    // A user who is the service is bound by nothing.
    if !fits || matches!(name, "service_role" | "none") || name.starts_with("pg_") {
        return Err(AuthError::invalid("the role cannot be a user's"));
    }
    Ok(name.to_owned())
}

fn merged(into: &Value, over: Map<String, Value>) -> Value {
    let mut out = into.as_object().cloned().unwrap_or_default();
    for (name, value) in over {
        match value {
            Value::Null => out.remove(&name),
            value => out.insert(name, value),
        };
    }
    Value::Object(out)
}

fn check(grant: &Grant) -> Result<(), AuthError> {
    let name = match &grant.subject {
        Subject::Role(name) | Subject::User(name) => name,
    };
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= NAME_BYTES_MAX
            && !text.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    if !plain(name) || !plain(&grant.resource) {
        return Err(AuthError::invalid(
            "roles and resources have names without spaces, of at most 128 bytes",
        ));
    }
    if !ACCESSES.contains(&grant.access.as_str()) {
        return Err(AuthError::invalid("an access is `read`, `write`, `control` or `*`"));
    }
    Ok(())
}

fn described(grant: &Grant) -> Value {
    let subject = match &grant.subject {
        Subject::Role(name) => json!({ "role": name }),
        Subject::User(id) => json!({ "user": id }),
    };
    json!({ "to": subject, "resource": grant.resource, "access": grant.access })
}
