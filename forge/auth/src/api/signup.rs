//! `POST /signup`: somebody new, or somebody who says nothing of themselves.
//!
//! Where addresses are confirmed, the answer is the same for an address that is taken and for one that is not.

use forge_core::sql::SqlError;
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters::{self, Occasion};
use crate::limits::Kind;
use crate::model::{Identity, User};
use crate::pkce;
use crate::tables::one_time::Purpose;
use crate::tables::{identities, users};
use crate::{password, random, redirect};

pub(super) async fn signup(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    if !auth.settings.signup {
        return Err(AuthError::new(Code::SignupDisabled));
    }
    let data = call.object("data")?.unwrap_or_default();
    let (email, phone) = (call.text("email")?, call.text("phone")?);
    match (email, phone) {
        (Some(_), Some(_)) => {
            Err(AuthError::invalid("Only an email address or phone number should be provided"))
        }
        (None, Some(_)) => Err(AuthError::new(Code::PhoneProviderDisabled)),
        (None, None) => anonymous(auth, call, Value::Object(data)).await,
        (Some(email), None) => by_email(auth, call, &email, Value::Object(data)).await,
    }
}

async fn anonymous(auth: &Auth, call: &Call, data: Value) -> Result<Reply, AuthError> {
    if !auth.settings.anonymous {
        return Err(AuthError::new(Code::AnonymousProviderDisabled));
    }
    auth.count(Kind::Anonymous, call.ip, auth.settings.rates.anonymous, 3_600)?;
    let mut user = User::new(random::uuid()?, auth.now());
    user.is_anonymous = true;
    user.user_metadata = data;
    let opening = auth.opening(call, &user, "anonymous")?;
    auth.sql.write(&[vec![users::insert(&user)], opening.statements].concat()).await?;
    auth.opened(&user.id, &opening.session).await
}

async fn by_email(auth: &Auth, call: &Call, email: &str, data: Value) -> Result<Reply, AuthError> {
    if !auth.settings.email {
        return Err(AuthError::new(Code::EmailProviderDisabled));
    }
    let password = call.text("password")?.unwrap_or_default();
    if password.is_empty() {
        return Err(AuthError::invalid("Signup requires a valid password"));
    }
    let email = letters::address(email)?.as_str().to_owned();
    let challenge = pkce::challenge(call)?;
    password::judge(&auth.settings, &password)?;
    auth.count_request(call)?;
    if auth.settings.confirm_email {
        auth.count_mail(Purpose::Confirmation, &email)?;
    }
    let hash = auth.hasher.make(&password).await?;
    let there = auth.user_by(users::by_email(&email)).await?;
    let wanted = Wanted { email, hash, data, challenge };
    if !auth.settings.confirm_email {
        return match there {
            Some(_) => Err(AuthError::new(Code::UserAlreadyExists)),
            None => at_once(auth, call, wanted).await,
        };
    }
    match there {
        None => to_be_confirmed(auth, call, wanted).await,
        Some(user) if user.email_confirmed_at.is_none() && !user.is_banned(auth.now()) => {
            again(auth, call, user, wanted).await
        }
        Some(_) => taken(auth, call, wanted).await,
    }
}

/// What somebody signs up with.
struct Wanted {
    email: String,
    hash: String,
    data: Value,
    challenge: Option<pkce::Challenge>,
}

impl Wanted {
    /// The user that this makes.
    fn user(&self, auth: &Auth, id: String) -> Result<User, AuthError> {
        let now = auth.now();
        let mut user = User::new(id, now);
        user.email = Some(self.email.clone());
        user.password = Some(self.hash.clone());
        user.user_metadata = self.data.clone();
        if let Value::Object(data) = &mut user.user_metadata {
            data.insert("sub".to_owned(), json!(user.id));
            data.insert("email".to_owned(), json!(self.email));
            data.insert("email_verified".to_owned(), json!(false));
            data.insert("phone_verified".to_owned(), json!(false));
        }
        user.identities = vec![Identity::of_email(random::uuid()?, &user.id, &self.email, false, now)];
        Ok(user.with_providers())
    }
}

/// Signs somebody up whose address counts as it is.
async fn at_once(auth: &Auth, call: &Call, wanted: Wanted) -> Result<Reply, AuthError> {
    let now = auth.now();
    let mut user = wanted.user(auth, random::uuid()?)?;
    user.email_confirmed_at = Some(now);
    user.user_metadata["email_verified"] = json!(true);
    for identity in &mut user.identities {
        identity.data["email_verified"] = json!(true);
    }
    let opening = auth.opening(call, &user, "password")?;
    let mut statements = vec![users::insert(&user)];
    statements.extend(user.identities.iter().map(identities::insert));
    statements.push(auth.note(call, "user_signedup", &user, json!({ "provider": "email" }))?);
    statements.extend(opening.statements);
    match auth.sql.write(&statements).await {
        Ok(_) => auth.opened(&user.id, &opening.session).await,
        Err(SqlError::Duplicate { .. }) => Err(AuthError::new(Code::UserAlreadyExists)),
        Err(error) => Err(error.into()),
    }
}

/// Signs somebody up whose address is yet to be confirmed.
async fn to_be_confirmed(auth: &Auth, call: &Call, wanted: Wanted) -> Result<Reply, AuthError> {
    let mut user = wanted.user(auth, random::uuid()?)?;
    user.confirmation_sent_at = Some(user.created_at);
    let letter = auth.letter(&occasion(&user, &wanted, &target(auth, call)))?;
    let mut statements = vec![users::insert(&user)];
    statements.extend(user.identities.iter().map(identities::insert));
    statements.push(auth.note(call, "user_confirmation_requested", &user, json!({ "provider": "email" }))?);
    statements.extend(letter.statements);
    match auth.sql.write(&statements).await {
        Ok(_) => {}
        // Somebody else signed up with it just now.
        Err(SqlError::Duplicate { .. }) => return taken(auth, call, wanted).await,
        Err(error) => return Err(error.into()),
    }
    auth.post(&letter.mail).await?;
    Ok(Reply::json(user.wire()))
}

/// Somebody signs up with an address that nobody has confirmed. Only who reads its mail knows whose it is, so
/// what was said last counts, and the links before open nothing any more.
async fn again(auth: &Auth, call: &Call, was: User, wanted: Wanted) -> Result<Reply, AuthError> {
    let now = auth.now();
    let mut user = wanted.user(auth, was.id.clone())?;
    user.confirmation_sent_at = Some(now);
    let letter = auth.letter(&occasion(&user, &wanted, &target(auth, call)))?;
    let mut statements = vec![users::change(
        &was,
        now,
        &[
            ("encrypted_password", user.password.clone().into()),
            ("raw_user_meta_data", (&user.user_metadata).into()),
            ("confirmation_sent_at", now.into()),
        ],
    )];
    statements.push(auth.note(call, "user_confirmation_requested", &was, json!({ "provider": "email" }))?);
    statements.extend(letter.statements);
    auth.sql.write(&statements).await?;
    auth.post(&letter.mail).await?;
    Ok(Reply::json(user.wire()))
}

/// Somebody signs up with an address that somebody has. They are told what anybody is told.
async fn taken(auth: &Auth, call: &Call, wanted: Wanted) -> Result<Reply, AuthError> {
    // The same address gives the same identifier each time, as an address that is free does.
    let mut user = wanted.user(auth, auth.seal.stand_in(&wanted.email))?;
    user.confirmation_sent_at = Some(user.created_at);
    let note = auth.note_of(call, "user_repeated_signup", None, json!({ "provider": "email" }))?;
    auth.sql.write(&[note]).await?;
    Ok(Reply::json(user.wire()))
}

fn occasion<'a>(user: &'a User, wanted: &'a Wanted, redirect_to: &'a str) -> Occasion<'a> {
    Occasion {
        user,
        purpose: Purpose::Confirmation,
        to: &wanted.email,
        challenge: wanted.challenge.clone(),
        redirect_to,
    }
}

fn target(auth: &Auth, call: &Call) -> String {
    redirect::target(&auth.settings, call.wanted_redirect().as_deref())
}
