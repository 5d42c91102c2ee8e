//! Mails that let people in: `POST /otp`, `/magiclink`, `/recover`, `/resend`, and `GET /reauthenticate`.
//!
//! The answer is the same whether or not the address is somebody's.

use forge_core::sql::{SqlError, Statement};
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters::{self, Letter, Occasion};
use crate::model::{Identity, User};
use crate::pkce::{self, Challenge};
use crate::tables::one_time::Purpose;
use crate::tables::{identities, users};
use crate::{random, redirect};

/// Signs in by a link or code, and up where nobody is there yet.
pub(super) async fn otp(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    if call.text("phone")?.is_some() {
        return Err(AuthError::new(Code::PhoneProviderDisabled));
    }
    if !auth.settings.email {
        return Err(AuthError::new(Code::EmailProviderDisabled));
    }
    let asked = Asked::read(auth, call, Purpose::MagicLink)?;
    let create = call.flag("create_user")?.unwrap_or(true);
    if create && !auth.settings.signup {
        // Whether somebody is there decides who gets a mail, not what is answered.
        return known_only(auth, call, &asked).await;
    }
    if !create {
        return known_only(auth, call, &asked).await;
    }
    let data = Value::Object(call.object("data")?.unwrap_or_default());
    let mut tries = 0;
    loop {
        let there = auth.user_by(users::by_email(&asked.email)).await?;
        let (letter, statements) = match there {
            Some(user) if user.is_banned(auth.now()) => {
                return nobody(auth, call, &asked, Purpose::MagicLink).await;
            }
            Some(user) => {
                let letter = asked.letter(auth, &user, purpose_of(&user))?;
                let statements = noting(auth, call, &user, &letter, Purpose::MagicLink)?;
                (letter, statements)
            }
            None => new(auth, call, &asked, &data)?,
        };
        match auth.sql.write(&statements).await {
            Ok(_) => {
                auth.post(&letter.mail).await?;
                return Ok(Reply::json(json!({})));
            }
            // Somebody made or changed the user at this moment.
            Err(SqlError::Duplicate { .. } | SqlError::Unmet { .. }) if tries < 3 => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lets somebody in who is to set another password.
pub(super) async fn recover(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let asked = Asked::read(auth, call, Purpose::Recovery)?;
    sent(auth, call, &asked, Purpose::Recovery, |_| Some(Purpose::Recovery)).await
}

/// Sends again what was sent before.
pub(super) async fn resend(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let purpose = match call.required("type")?.as_str() {
        "signup" => Purpose::Confirmation,
        "email_change" => Purpose::EmailChangeNew,
        "sms" | "phone_change" => return Err(AuthError::new(Code::PhoneProviderDisabled)),
        _ => return Err(AuthError::invalid("`type` is `signup` or `email_change`")),
    };
    let asked = Asked::read(auth, call, purpose)?;
    if purpose == Purpose::EmailChangeNew {
        return resend_change(auth, call, &asked).await;
    }
    let waits = |user: &User| user.email_confirmed_at.is_none().then_some(purpose);
    sent(auth, call, &asked, purpose, waits).await
}

/// Writes again to the addresses that are to agree to a change; the request names the old one.
async fn resend_change(auth: &Auth, call: &Call, asked: &Asked) -> Result<Reply, AuthError> {
    let user = auth.user_by(users::by_email(&asked.email)).await?;
    let waiting = user.filter(|user| !user.is_banned(auth.now()));
    let Some((user, to)) = waiting.and_then(|user| user.email_change.clone().map(|to| (user, to))) else {
        return nobody(auth, call, asked, Purpose::EmailChangeNew).await;
    };
    let new = asked.letter(auth, &user, Purpose::EmailChangeNew)?;
    let mut statements = noting(auth, call, &user, &new, Purpose::EmailChangeNew)?;
    let mut mails = Vec::new();
    // Whoever has the address is not written to, and nobody is told.
    if auth.user_by(users::by_email(&to)).await?.is_none() {
        mails.push(new.mail);
    }
    if auth.settings.secure_email_change && user.email_confirmed_at.is_some() {
        let old = asked.letter(auth, &user, Purpose::EmailChangeCurrent)?;
        statements.extend(old.statements);
        mails.push(old.mail);
    }
    auth.sql.write(&statements).await?;
    for mail in &mails {
        auth.post(mail).await?;
    }
    Ok(Reply::json(json!({})))
}

/// Sends a code to the user who asks, who then shows with it that it is still them.
pub(super) async fn reauthenticate(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = auth.signed(call).await?;
    let Some(email) = signed.user.email.clone().filter(|_| signed.user.email_confirmed_at.is_some()) else {
        return Err(AuthError::invalid("Reauthentication requires the user to have a confirmed email"));
    };
    auth.count_mail(Purpose::Reauthentication, &email)?;
    let occasion = Occasion {
        user: &signed.user,
        purpose: Purpose::Reauthentication,
        to: &email,
        challenge: None,
        redirect_to: &auth.settings.site_url,
    };
    let letter = auth.letter(&occasion)?;
    let now = auth.now();
    let mut statements = letter.statements.to_vec();
    statements.push(users::change(&signed.user, now, &[("reauthentication_sent_at", now.into())]));
    statements.push(auth.note(call, "user_reauthenticate_requested", &signed.user, json!({}))?);
    auth.sql.write(&statements).await?;
    auth.post(&letter.mail).await?;
    Ok(Reply::json(json!({})))
}

/// A request for a mail.
struct Asked {
    email: String,
    challenge: Option<Challenge>,
    redirect_to: String,
}

impl Asked {
    fn read(auth: &Auth, call: &Call, purpose: Purpose) -> Result<Asked, AuthError> {
        let email = letters::address(&call.required("email")?)?.as_str().to_owned();
        let challenge = pkce::challenge(call)?;
        auth.count_request(call)?;
        auth.count_mail(purpose, &email)?;
        let redirect_to = redirect::target(&auth.settings, call.wanted_redirect().as_deref());
        Ok(Asked { email, challenge, redirect_to })
    }

    fn letter(&self, auth: &Auth, user: &User, purpose: Purpose) -> Result<Letter, AuthError> {
        let to = match purpose {
            Purpose::EmailChangeNew => user.email_change.as_deref().unwrap_or(&self.email),
            _ => &self.email,
        };
        let challenge = self.challenge.clone();
        auth.letter(&Occasion { user, purpose, to, challenge, redirect_to: &self.redirect_to })
    }
}

/// What a link is good for: to confirm the address where that was not done yet.
fn purpose_of(user: &User) -> Purpose {
    if user.email_confirmed_at.is_some() { Purpose::MagicLink } else { Purpose::Confirmation }
}

/// A user who comes by a link for the first time.
fn new(auth: &Auth, call: &Call, asked: &Asked, data: &Value) -> Result<(Letter, Vec<Statement>), AuthError> {
    let now = auth.now();
    let mut user = User::new(random::uuid()?, now);
    user.email = Some(asked.email.clone());
    user.user_metadata = data.clone();
    user.confirmation_sent_at = Some(now);
    user.identities = vec![Identity::of_email(random::uuid()?, &user.id, &asked.email, false, now)];
    let user = user.with_providers();
    let letter = asked.letter(auth, &user, Purpose::Confirmation)?;
    let mut statements = vec![users::insert(&user)];
    statements.extend(user.identities.iter().map(identities::insert));
    statements.push(auth.note(call, "user_confirmation_requested", &user, json!({ "provider": "email" }))?);
    statements.extend(letter.statements.clone());
    Ok((letter, statements))
}

async fn known_only(auth: &Auth, call: &Call, asked: &Asked) -> Result<Reply, AuthError> {
    sent(auth, call, asked, Purpose::MagicLink, |user| Some(purpose_of(user))).await
}

/// Sends a mail to somebody who is there and for whom `purpose` gives one, and says the same to everybody.
async fn sent(
    auth: &Auth,
    call: &Call,
    asked: &Asked,
    what: Purpose,
    purpose: impl Fn(&User) -> Option<Purpose>,
) -> Result<Reply, AuthError> {
    let mut tries = 0;
    loop {
        let user = auth.user_by(users::by_email(&asked.email)).await?;
        let user = user.filter(|user| !user.is_banned(auth.now()));
        let Some((user, purpose)) = user.and_then(|user| purpose(&user).map(|purpose| (user, purpose)))
        else {
            return nobody(auth, call, asked, what).await;
        };
        let letter = asked.letter(auth, &user, purpose)?;
        match auth.sql.write(&noting(auth, call, &user, &letter, what)?).await {
            Ok(_) => {
                auth.post(&letter.mail).await?;
                return Ok(Reply::json(json!({})));
            }
            Err(SqlError::Unmet { .. }) if tries < 3 => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn noting(
    auth: &Auth,
    call: &Call,
    user: &User,
    letter: &Letter,
    what: Purpose,
) -> Result<Vec<Statement>, AuthError> {
    let now = auth.now();
    let mut statements = letter.statements.to_vec();
    let mut sets = vec![(sent_at(what), now.into())];
    if what == Purpose::MagicLink && user.email_confirmed_at.is_none() {
        // The link confirms the address, and with it not the password of whoever signed up with it before.
        sets.push(("encrypted_password", forge_core::sql::Value::Null));
    }
    statements.push(users::change(user, now, &sets));
    statements.push(auth.note(
        call,
        &format!("user_{}_requested", letters::verification(what)),
        user,
        json!({}),
    )?);
    Ok(statements)
}

/// The column that says when such a mail was sent last.
fn sent_at(what: Purpose) -> &'static str {
    match what {
        Purpose::EmailChangeNew | Purpose::EmailChangeCurrent => "email_change_sent_at",
        Purpose::Confirmation => "confirmation_sent_at",
        Purpose::MagicLink | Purpose::Recovery | Purpose::Invite | Purpose::Reauthentication => {
            "recovery_sent_at"
        }
    }
}

/// Does as much as is done for somebody, statement by statement, for a user who is not there.
async fn nobody(auth: &Auth, call: &Call, asked: &Asked, what: Purpose) -> Result<Reply, AuthError> {
    let now = auth.now();
    let ghost = User::new(random::uuid()?, now);
    let [forget, _] = asked.letter(auth, &ghost, what)?.statements;
    let action = format!("user_{}_requested", letters::verification(what));
    let statements = [
        forget.clone(),
        forget,
        users::change(&ghost, now, &[(sent_at(what), now.into())]).touching(0),
        auth.note_of(call, &action, None, json!({}))?,
    ];
    auth.sql.write(&statements).await?;
    Ok(Reply::json(json!({})))
}
