//! Whose account it is when somebody comes from a provider.
//!
//! A provider is believed in two things: that it is the same person as last time, and, where it says that it has
//! checked it, that an address is theirs. An account with the same address is theirs only if both sides have
//! checked it. Where the account's side has not, anybody may have made it, to wait for its owner: the owner gets
//! it, and everything by which somebody else could still come in is removed.

use forge_core::sql::{Statement, Value as Sql};
use serde_json::{Map, Value, json};

use crate::auth::Auth;
use crate::call::Call;
use crate::error::{AuthError, Code};
use crate::letters;
use crate::model::{Identity, User};
use crate::oauth::profile::Profile;
use crate::oauth::{OauthError, Tokens};
use crate::random;
use crate::settings::Settings;
use crate::tables::{identities, one_time, sessions, squatter, users};

/// Identities of one user.
const IDENTITIES_MAX: usize = 16;

/// Somebody who comes from a provider.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) provider: &'a str,
    pub(super) profile: &'a Profile,
    /// The user to whom the provider is to be linked.
    pub(super) link_to: Option<&'a str>,
}

/// Whose account it is, and what is to be written so that it is.
pub(super) struct Settled {
    pub(super) user: User,
    pub(super) statements: Vec<Statement>,
}

/// Who is there already.
#[derive(Default)]
struct There {
    /// Who came from the provider before.
    known: Option<User>,
    /// Whoever has the address that the provider has checked.
    namesake: Option<User>,
    /// The user to whom the provider is to be linked.
    linking: Option<User>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is who it was.
    Return,
    /// It is who it was, and their address is now known to be theirs.
    Confirm,
    /// An account gets another way to sign in.
    Link,
    /// An account that anybody may have made gets its owner.
    TakeOver,
    /// It is somebody new.
    Make,
}

/// Finds out whose account it is. Nothing is written: the statements are, together with what follows from them,
/// and where they meet another act at the same time, all of it is done again.
pub(super) async fn settle(auth: &Auth, call: &Call, arrival: &Arrival<'_>) -> Result<Settled, AuthError> {
    // An address that nobody could write to is none.
    let checked = arrival.profile.email.as_deref().filter(|_| arrival.profile.email_verified);
    let email = checked.and_then(|email| letters::address(email).ok()).map(|email| email.as_str().to_owned());
    let there = read(auth, arrival, email.as_deref()).await?;
    let fate = decide(&auth.settings, arrival.link_to.is_some(), email.as_deref(), &there)?;
    let is_email_free = there.namesake.is_none();
    let user = match fate {
        Fate::Return | Fate::Confirm => there.known,
        Fate::Link if arrival.link_to.is_some() => there.linking,
        Fate::Link | Fate::TakeOver => there.namesake,
        Fate::Make => Some(User::new(random::uuid()?, auth.now())),
    };
    let user = user.ok_or_else(|| AuthError::new(Code::UserNotFound))?;
    if user.is_banned(auth.now()) {
        return Err(AuthError::new(Code::UserBanned));
    }
    let mut work = Work { auth, call, arrival, user, statements: Vec::new() };
    match fate {
        Fate::Return => work.come_back(email.filter(|_| is_email_free))?,
        Fate::Confirm => work.confirm()?,
        Fate::Link => work.link(email.filter(|_| is_email_free))?,
        Fate::TakeOver => work.take_over()?,
        Fate::Make => work.make(email)?,
    }
    Ok(Settled { user: work.user, statements: work.statements })
}

async fn read(auth: &Auth, arrival: &Arrival<'_>, email: Option<&str>) -> Result<There, AuthError> {
    let mut statements = users::by_identity(arrival.provider, &arrival.profile.subject).to_vec();
    let groups = [email.map(users::by_email), arrival.link_to.map(users::by_id)];
    statements.extend(groups.iter().flatten().flatten().cloned());
    let rows = auth.sql.read(&statements).await?;
    let mut found = rows.chunks(3).map(users::read);
    let mut next = |is_asked: bool| if is_asked { found.next().flatten() } else { None };
    Ok(There { known: next(true), namesake: next(email.is_some()), linking: next(arrival.link_to.is_some()) })
}

fn decide(
    settings: &Settings,
    is_linking: bool,
    email: Option<&str>,
    there: &There,
) -> Result<Fate, AuthError> {
    if is_linking {
        return match there.known {
            Some(_) => Err(AuthError::new(Code::IdentityAlreadyExists)),
            None => Ok(Fate::Link),
        };
    }
    if let Some(known) = &there.known {
        let is_confirmed_now =
            known.email.is_some() && known.email.as_deref() == email && known.email_confirmed_at.is_none();
        return Ok(if is_confirmed_now { Fate::Confirm } else { Fate::Return });
    }
    match &there.namesake {
        Some(namesake) if is_proven(settings, namesake) => Ok(Fate::Link),
        Some(_) => Ok(Fate::TakeOver),
        None if settings.signup => Ok(Fate::Make),
        None => Err(AuthError::new(Code::SignupDisabled)),
    }
}

/// Whether somebody has shown that the address of an account is theirs: by a mail, where mails are needed, or by
/// a provider that has checked it.
fn is_proven(settings: &Settings, user: &User) -> bool {
    let is_vouched_for = |identity: &Identity| {
        identity.provider != "email"
            && identity.email == user.email
            && identity.data.get("email_verified") == Some(&Value::Bool(true))
    };
    let was_confirmed = user.email_confirmed_at.is_some();
    was_confirmed && (settings.confirm_email || user.identities.iter().any(is_vouched_for))
}

/// What an arrival makes of a user.
struct Work<'a> {
    auth: &'a Auth,
    call: &'a Call,
    arrival: &'a Arrival<'a>,
    user: User,
    statements: Vec<Statement>,
}

impl Work<'_> {
    /// The identity that the provider's words make.
    fn identity(&self) -> Result<Identity, AuthError> {
        let (now, profile) = (self.auth.now(), self.arrival.profile);
        Ok(Identity {
            id: random::uuid()?,
            user_id: self.user.id.clone(),
            provider: self.arrival.provider.to_owned(),
            provider_id: profile.subject.clone(),
            data: Value::Object(profile.data()),
            email: profile.email.clone(),
            last_sign_in_at: Some(now),
            created_at: now,
            updated_at: now,
        })
    }

    /// Notes what the provider says now.
    fn update_identity(&mut self) -> Result<(), AuthError> {
        let fresh = self.identity()?;
        let is_it = |known: &&mut Identity| {
            known.provider == fresh.provider && known.provider_id == fresh.provider_id
        };
        let known = self.user.identities.iter_mut().find(is_it);
        let known = known.ok_or_else(|| AuthError::new(Code::Conflict))?;
        // A token that says less than the last one takes nothing back.
        let Value::Object(mut data) = fresh.data else { return Err(AuthError::new(Code::UnexpectedFailure)) };
        if fresh.email.is_some() {
            known.email = fresh.email;
        } else {
            data.remove("email_verified");
        }
        let mut merged = known.data.as_object().cloned().unwrap_or_default();
        merged.extend(data);
        known.data = Value::Object(merged);
        self.statements.push(identities::update(known, self.auth.now()));
        Ok(())
    }

    fn come_back(&mut self, email: Option<String>) -> Result<(), AuthError> {
        self.update_identity()?;
        // Somebody without an address may have shown theirs to the provider in the meantime.
        if let (None, Some(email)) = (&self.user.email, email) {
            let now = self.auth.now();
            let sets = [("email", Sql::from(email)), ("email_confirmed_at", now.into())];
            self.statements.push(users::change(&self.user, now, &sets));
        }
        Ok(())
    }

    /// The address is known to be theirs; a password that was set before may be somebody else's.
    fn confirm(&mut self) -> Result<(), AuthError> {
        self.update_identity()?;
        let now = self.auth.now();
        let sets = [("email_confirmed_at", now.into()), ("encrypted_password", Sql::Null)];
        self.statements.push(users::change(&self.user, now, &sets));
        self.statements.push(one_time::forget_all(&self.user.id));
        self.statements.push(sessions::end_all(&self.user.id));
        Ok(())
    }

    fn link(&mut self, email: Option<String>) -> Result<(), AuthError> {
        if self.user.identities.len() >= IDENTITIES_MAX {
            return Err(AuthError::invalid(format!("A user has at most {IDENTITIES_MAX} identities")));
        }
        let (now, identity) = (self.auth.now(), self.identity()?);
        self.user.identities.push(identity.clone());
        let was = self.user.clone();
        self.user = was.clone().with_providers();
        self.user.user_metadata = self.completed();
        let mut sets = vec![
            ("raw_app_meta_data", (&self.user.app_metadata).into()),
            ("raw_user_meta_data", (&self.user.user_metadata).into()),
            ("is_anonymous", false.into()),
        ];
        if let (None, Some(email)) = (&was.email, email) {
            sets.push(("email", email.into()));
            sets.push(("email_confirmed_at", now.into()));
        }
        self.statements.push(users::change(&was, now, &sets));
        self.statements.push(identities::insert(&identity));
        self.note("identity_linked")
    }

    /// Nothing of whoever made the account is left but its identifier, what the application's backend knows of
    /// it, and, where they were invited, what the invitation said.
    fn take_over(&mut self) -> Result<(), AuthError> {
        let (now, identity) = (self.auth.now(), self.identity()?);
        let was = self.user.clone();
        self.user.identities = vec![identity.clone()];
        if let Value::Object(metadata) = &mut self.user.app_metadata {
            metadata.remove("provider");
        }
        if was.invited_at.is_none() {
            self.user.user_metadata = json!({});
        }
        self.user = self.user.clone().with_providers();
        self.user.user_metadata = self.completed();
        let sets = [
            ("raw_app_meta_data", (&self.user.app_metadata).into()),
            ("raw_user_meta_data", (&self.user.user_metadata).into()),
            ("email_confirmed_at", now.into()),
            ("encrypted_password", Sql::Null),
            ("email_change", Sql::Null),
            ("email_change_accepted", 0.into()),
            ("phone", Sql::Null),
            ("phone_confirmed_at", Sql::Null),
        ];
        self.statements.push(users::change(&was, now, &sets));
        self.statements.push(identities::delete_all(&was.id));
        self.statements.push(identities::insert(&identity));
        self.statements.push(sessions::end_all(&was.id));
        self.statements.push(one_time::forget_all(&was.id));
        self.statements.extend(squatter::keys(&was.id));
        self.user.factors.clear();
        self.note("identity_linked")
    }

    fn make(&mut self, email: Option<String>) -> Result<(), AuthError> {
        let identity = self.identity()?;
        self.user.email_confirmed_at = email.is_some().then(|| self.auth.now());
        self.user.email = email;
        self.user.identities = vec![identity.clone()];
        self.user = self.user.clone().with_providers();
        self.user.user_metadata = self.completed();
        self.statements.push(users::insert(&self.user));
        self.statements.push(identities::insert(&identity));
        self.note("user_signedup")
    }

    /// What users say of themselves, completed by what the provider says of them.
    fn completed(&self) -> Value {
        let mut metadata = self.user.user_metadata.as_object().cloned().unwrap_or_else(Map::new);
        for (name, value) in self.arrival.profile.data() {
            metadata.entry(name).or_insert(value);
        }
        Value::Object(metadata)
    }

    fn note(&mut self, action: &str) -> Result<(), AuthError> {
        let more = json!({ "provider": self.arrival.provider });
        self.statements.push(self.auth.note(self.call, action, &self.user, more)?);
        Ok(())
    }
}

/// What an answer has of the provider's own tokens, by the names that clients know.
pub(super) fn provider_tokens(tokens: &Tokens) -> Vec<(&'static str, &str)> {
    let refresh = tokens.refresh.as_deref().map(|token| ("provider_refresh_token", token));
    [("provider_token", tokens.access.as_str())].into_iter().chain(refresh).collect()
}

/// A refusal, as clients are told of it. The words hold no secret: they are for whoever sets the provider up.
pub(super) fn refusal(error: OauthError) -> AuthError {
    let code = match &error {
        OauthError::Unreachable { .. } | OauthError::Resting { .. } | OauthError::Status { .. } => {
            Code::Unavailable
        }
        OauthError::State => Code::BadOauthState,
        OauthError::Unsupported { .. } => Code::OauthProviderNotSupported,
        OauthError::Key | OauthError::Random => Code::UnexpectedFailure,
        OauthError::Answer { .. }
        | OauthError::Refused { .. }
        | OauthError::MixedUp
        | OauthError::IdToken(_) => Code::BadOauthCallback,
    };
    let mut words = error.to_string();
    if let Some(cause) = std::error::Error::source(&error) {
        words.push_str(": ");
        words.push_str(&cause.to_string());
    }
    AuthError::new(code).saying(words)
}

#[cfg(test)]
mod tests;
