//! `GET` and `PUT /user`: what users see and change of themselves.

use forge_core::sql::{SqlError, Statement, Value as Sql};
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::auth::{Auth, Signed, could_be_surer};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters::{self, Letter, Occasion};
use crate::mail::Mail;
use crate::model::Identity;
use crate::pkce;
use crate::tables::one_time::{self, ATTEMPTS_MAX, OneTime, Purpose};
use crate::tables::{identities, sessions, users};
use crate::{password, random, redirect};

/// Seconds for which a sign-in proves that a change is its user's.
const FRESH_SECONDS: i64 = 86_400;

pub(super) async fn get(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    Ok(Reply::json(auth.signed(call).await?.user.wire()))
}

/// What is to change: columns, what goes with them, and mails that are sent once they are.
#[derive(Default)]
struct Change {
    sets: Vec<(&'static str, Sql)>,
    statements: Vec<Statement>,
    mails: Vec<Mail>,
}

pub(super) async fn put(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = auth.signed(call).await?;
    if call.text("phone")?.is_some() {
        return Err(AuthError::new(Code::PhoneProviderDisabled));
    }
    let mut change = Change::default();
    metadata(call, &signed, &mut change)?;
    if let Some(password) = call.text("password")? {
        set_password(auth, call, &signed, &password, &mut change).await?;
    }
    if let Some(email) = call.text("email")? {
        set_email(auth, call, &signed, &email, &mut change).await?;
    }
    if !change.sets.is_empty() {
        let mut statements = vec![users::change(&signed.user, auth.now(), &change.sets)];
        statements.push(auth.note(call, "user_modified", &signed.user, names(&change))?);
        statements.extend(change.statements);
        match auth.sql.write(&statements).await {
            Ok(_) => {}
            Err(SqlError::Duplicate { .. }) => return Err(AuthError::new(Code::EmailExists)),
            Err(error) => return Err(error.into()),
        }
        for mail in &change.mails {
            auth.post(mail).await?;
        }
    }
    let user = auth.user_by(users::by_id(&signed.user.id)).await?;
    Ok(Reply::json(user.ok_or_else(|| AuthError::new(Code::UserNotFound))?.wire()))
}

/// What changed, for the audit: the names alone.
fn names(change: &Change) -> Value {
    change.sets.iter().map(|(name, _)| Value::from(*name)).collect()
}

/// What users say of themselves: what is given is put over what is there, null removes.
fn metadata(call: &Call, signed: &Signed, change: &mut Change) -> Result<(), AuthError> {
    let Some(data) = call.object("data")? else { return Ok(()) };
    let mut metadata = signed.user.user_metadata.as_object().cloned().unwrap_or_default();
    for (name, value) in data {
        match value {
            Value::Null => metadata.remove(&name),
            value => metadata.insert(name, value),
        };
    }
    change.sets.push(("raw_user_meta_data", (&Value::Object(metadata)).into()));
    Ok(())
}

async fn set_password(
    auth: &Auth,
    call: &Call,
    signed: &Signed,
    wanted: &str,
    change: &mut Change,
) -> Result<(), AuthError> {
    password::judge(&auth.settings, wanted)?;
    if could_be_surer(signed) {
        return Err(AuthError::new(Code::InsufficientAal)
            .saying("AAL2 session is required to update email or password when MFA is enabled."));
    }
    let since = auth.now().as_second() - signed.session.created_at.as_second();
    if auth.settings.reauthentication && since > FRESH_SECONDS {
        let nonce = call.text("nonce")?.ok_or_else(|| AuthError::new(Code::ReauthenticationNeeded))?;
        change.statements.push(one_time::spend(&nonce_of(auth, signed, &nonce).await?.id));
    } else if let Some(nonce) = call.text("nonce")? {
        change.statements.push(one_time::spend(&nonce_of(auth, signed, &nonce).await?.id));
    }
    let user = &signed.user;
    if user.password.is_some() && auth.hasher.fits(wanted, user.password.as_deref()).await? {
        return Err(AuthError::new(Code::SamePassword));
    }
    let hash = auth.hasher.make(wanted).await?;
    change.sets.push(("encrypted_password", hash.into()));
    // Whoever knew the old one may be signed in somewhere, or have asked for a link.
    change.statements.push(sessions::end_others(&user.id, &signed.session.id));
    change.statements.push(one_time::forget(&user.id, Purpose::Recovery));
    if let (Some(email), false) = (&user.email, user.identities.iter().any(|known| known.provider == "email"))
        && user.email_confirmed_at.is_some()
    {
        let identity = Identity::of_email(random::uuid()?, &user.id, email, true, auth.now());
        change.statements.push(identities::insert(&identity));
    }
    Ok(())
}

/// The token of the code that shows that it is still them.
async fn nonce_of(auth: &Auth, signed: &Signed, nonce: &str) -> Result<OneTime, AuthError> {
    let wrong = || AuthError::new(Code::ReauthenticationNotValid);
    let email = signed.user.email.as_deref().ok_or_else(wrong)?;
    let rows = auth.sql.read(&[one_time::of_user(&signed.user.id)]).await?;
    let tokens = rows.first().into_iter().flatten().filter_map(one_time::of_row);
    let token = tokens
        .filter(|token| token.purpose == Purpose::Reauthentication && token.relates_to == email)
        .find(|token| token.expires_at > auth.now() && token.attempts < ATTEMPTS_MAX)
        .ok_or_else(wrong)?;
    let ours = auth.code_hash(Purpose::Reauthentication, email, nonce);
    if ours.as_bytes().ct_eq(token.code_hash.as_bytes()).into() {
        return Ok(token);
    }
    auth.sql.write(&[one_time::missed(&token.id)]).await?;
    Err(wrong())
}

/// Another address: it counts once it was confirmed, and where the settings want it the old one agrees as well.
/// Whether it is somebody's is not told.
async fn set_email(
    auth: &Auth,
    call: &Call,
    signed: &Signed,
    wanted: &str,
    change: &mut Change,
) -> Result<(), AuthError> {
    let email = letters::address(wanted)?.as_str().to_owned();
    let user = &signed.user;
    if user.email.as_deref() == Some(email.as_str()) {
        return Ok(());
    }
    if could_be_surer(signed) {
        return Err(AuthError::new(Code::InsufficientAal)
            .saying("AAL2 session is required to update email or password when MFA is enabled."));
    }
    let taken = auth.user_by(users::by_email(&email)).await?.is_some();
    if !auth.settings.confirm_email {
        return at_once(auth, signed, &email, taken, change);
    }
    auth.count_mail(Purpose::EmailChangeNew, &email)?;
    let challenge = pkce::challenge(call)?;
    let redirect_to = redirect::target(&auth.settings, call.wanted_redirect().as_deref());
    let mut becoming = user.clone();
    becoming.email_change = Some(email.clone());
    let write = |purpose, to: &str| -> Result<Letter, AuthError> {
        let challenge = challenge.clone();
        auth.letter(&Occasion { user: &becoming, purpose, to, challenge, redirect_to: &redirect_to })
    };
    let to_new = write(Purpose::EmailChangeNew, &email)?;
    change.statements.extend(to_new.statements);
    if !taken {
        change.mails.push(to_new.mail);
    }
    let current = user.email.as_deref().filter(|_| user.email_confirmed_at.is_some());
    if let Some(current) = current.filter(|_| auth.settings.secure_email_change) {
        let to_current = write(Purpose::EmailChangeCurrent, current)?;
        change.statements.extend(to_current.statements);
        change.mails.push(to_current.mail);
    }
    let now = auth.now();
    change.sets.push(("email_change", email.into()));
    change.sets.push(("email_change_sent_at", now.into()));
    change.sets.push(("email_change_accepted", 0.into()));
    Ok(())
}

/// Takes an address that need not be confirmed.
fn at_once(
    auth: &Auth,
    signed: &Signed,
    email: &str,
    taken: bool,
    change: &mut Change,
) -> Result<(), AuthError> {
    if taken {
        return Err(AuthError::new(Code::EmailExists));
    }
    let (now, user) = (auth.now(), &signed.user);
    let fresh = Identity::of_email(random::uuid()?, &user.id, email, true, now);
    let mut changed = user.clone();
    match user.identities.iter().find(|identity| identity.provider == "email") {
        Some(there) => {
            let identity = Identity { id: there.id.clone(), ..fresh };
            change.statements.push(identities::update(&identity, now));
        }
        None => {
            change.statements.push(identities::insert(&fresh));
            changed.identities.push(fresh);
        }
    }
    let changed = changed.with_providers();
    change.sets.push(("email", email.into()));
    change.sets.push(("email_confirmed_at", now.into()));
    change.sets.push(("is_anonymous", false.into()));
    change.sets.push(("raw_app_meta_data", (&changed.app_metadata).into()));
    Ok(())
}
