//! `/passkeys`: keys that people sign in with, and nothing else.

use forge_core::sql::SqlError;
use loki_store::Timestamp;
use serde_json::{Value, json};

use super::factors::{friendly_name, identifier, known, subject};
use crate::auth::{Auth, Signed, could_be_surer};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::model::{User, wire_time};
use crate::random;
use crate::tables::passkeys::{self, Ceremony, Challenge, Passkey};
use crate::tables::users;
use crate::webauthn::{self, Ceremonies, Credential, Person, Purpose, WebauthnError};

/// Passkeys of one user.
pub(crate) const PASSKEYS_MAX: usize = 10;
/// Ceremonies that are open at a time, everybody's together.
pub(crate) const CEREMONIES_MAX: i64 = 50_000;
/// Seconds in which a ceremony can be finished.
pub(crate) const CEREMONY_SECONDS: i64 = 300;

/// `POST /passkeys/registration/options`
pub(crate) async fn registration_options(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let signed = sure(auth, call).await?;
    let held = of_user(auth, &signed.user).await?;
    if held.len() >= PASSKEYS_MAX {
        return Err(too_many());
    }
    let held: Vec<Credential> = held.iter().map(credential).collect::<Result<_, _>>()?;
    let ceremonies = ceremonies(auth, Code::PasskeysDisabled)?;
    let begun = ceremonies.register(Purpose::Passkey, &person(&signed.user), &held).map_err(refused)?;
    begin(auth, Ceremony::Registration, Some(&signed.user), begun).await
}

/// `POST /passkeys/registration/verify`
pub(crate) async fn registration_verify(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let signed = sure(auth, call).await?;
    let ceremonies = ceremonies(auth, Code::PasskeysDisabled)?;
    let (state, answer) = take(auth, call, Ceremony::Registration, Some(&signed.user)).await?;
    let made = ceremonies.registered(&state, answer).map_err(refused)?;
    let passkey = Passkey {
        id: random::uuid()?,
        user_id: signed.user.id.clone(),
        credential_id: made.id(),
        friendly_name: friendly_name(call)?,
        credential: kept(&made)?,
        sign_count: made.counter().into(),
        last_used_at: None,
        created_at: auth.now(),
    };
    let note = auth.note(call, "passkey_created", &signed.user, json!({ "passkey_id": passkey.id }))?;
    match auth.sql.write(&[passkeys::insert(&passkey, PASSKEYS_MAX as i64), note]).await {
        Ok(_) => {}
        Err(SqlError::Duplicate { .. }) => {
            return Err(AuthError::new(Code::WebauthnCredentialExists));
        }
        Err(SqlError::Unmet { .. }) => return Err(too_many()),
        Err(error) => return Err(error.into()),
    }
    let mut body = wire(&passkey);
    let (eligible, backed_up) = made.backup();
    body["backup_eligible"] = eligible.into();
    body["backed_up"] = backed_up.into();
    Ok(Reply::json(body))
}

/// `POST /passkeys/authentication/options`
pub(crate) async fn authentication_options(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let begun = ceremonies(auth, Code::PasskeysDisabled)?.ask_anyone().map_err(refused)?;
    begin(auth, Ceremony::Authentication, None, begun).await
}

/// `POST /passkeys/authentication/verify`
pub(crate) async fn authentication_verify(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let ceremonies = ceremonies(auth, Code::PasskeysDisabled)?;
    let (state, answer) = take(auth, call, Ceremony::Authentication, None).await?;
    // Whatever does not hold is told in the same words, so that nobody learns which passkeys there are.
    let failed = || AuthError::new(Code::WebauthnVerificationFailed);
    let claimed = webauthn::claimed(answer).map_err(|_| failed())?;
    let rows = auth.sql.read(&[passkeys::by_credential(&claimed.credential_id)]).await?;
    let passkey = rows.first().and_then(|rows| Passkey::of_row(rows.first()?)).ok_or_else(failed)?;
    let used = ceremonies.proven(&state, answer, &credential(&passkey)?, &passkey.user_id);
    let used = used.map_err(|error| if error.is_ours() { refused(error) } else { failed() })?;
    let user = auth.user_by(users::by_id(&passkey.user_id)).await?.ok_or_else(failed)?;
    if user.email.is_some() && !user.is_confirmed() {
        return Err(AuthError::new(Code::EmailNotConfirmed));
    }
    let used = passkeys::used(&passkey, &kept(&used)?, used.counter().into(), auth.now());
    auth.open_session(call, &user, "passkey", vec![used]).await
}

/// `GET /passkeys`
pub(crate) async fn list(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = auth.signed(call).await?;
    Ok(Reply::json(of_user(auth, &signed.user).await?.iter().map(wire).collect()))
}

/// `PATCH /passkeys/:id`
pub(crate) async fn rename(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = known(auth, call).await?;
    let id = call.path.get(1).and_then(|id| identifier(id)).ok_or_else(no_passkey)?;
    let name = friendly_name(call)?.ok_or_else(|| AuthError::invalid("`friendly_name` is required"))?;
    let renamed = passkeys::rename(&id, &signed.user.id, &name, auth.now());
    let note = auth.note(call, "passkey_updated", &signed.user, json!({ "passkey_id": id }))?;
    let rows = auth.sql.write(&[renamed, note]).await.map_err(absent)?;
    let passkey = rows.first().and_then(|rows| Passkey::of_row(rows.first()?)).ok_or_else(no_passkey)?;
    Ok(Reply::json(wire(&passkey)))
}

/// `DELETE /passkeys/:id`
pub(crate) async fn delete(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = sure(auth, call).await?;
    remove(auth, call, &signed.user, 1).await
}

/// `GET /admin/users/:id/passkeys`
pub(crate) async fn admin_list(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let user = subject(auth, call).await?;
    Ok(Reply::json(of_user(auth, &user).await?.iter().map(wire).collect()))
}

/// `DELETE /admin/users/:id/passkeys/:id`
pub(crate) async fn admin_delete(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let user = subject(auth, call).await?;
    remove(auth, call, &user, 4).await
}

/// The ceremonies of the application, or the refusal of an application that has none.
pub(super) fn ceremonies(auth: &Auth, off: Code) -> Result<Ceremonies, AuthError> {
    let relying = auth.settings.relying.as_ref().ok_or_else(|| AuthError::new(off))?;
    Ceremonies::new(relying).map_err(refused)
}

/// A user as authenticators show them.
pub(super) fn person(user: &User) -> Person<'_> {
    let name = user.email.as_deref().or(user.phone.as_deref()).unwrap_or(&user.id);
    let shown = ["name", "full_name"].iter().find_map(|field| user.user_metadata.get(*field)?.as_str());
    Person { id: &user.id, name, shown: shown.filter(|shown| !shown.is_empty()).unwrap_or(name) }
}

/// Who asks, if their session is as sure as it could be: whoever makes or takes away a passkey decides who signs
/// in from now on.
async fn sure(auth: &Auth, call: &Call) -> Result<Signed, AuthError> {
    let signed = known(auth, call).await?;
    if could_be_surer(&signed) {
        let refused = AuthError::new(Code::InsufficientAal);
        return Err(refused.saying("AAL2 session is required to manage passkeys when MFA is enabled"));
    }
    Ok(signed)
}

async fn of_user(auth: &Auth, user: &User) -> Result<Vec<Passkey>, AuthError> {
    let rows = auth.sql.read(&[passkeys::of_user(&user.id)]).await?;
    Ok(rows.iter().flatten().filter_map(Passkey::of_row).collect())
}

/// Keeps what was begun and gives the client its half.
async fn begin(
    auth: &Auth,
    ceremony: Ceremony,
    user: Option<&User>,
    begun: webauthn::Begun,
) -> Result<Reply, AuthError> {
    let now = auth.now();
    let user_id = user.map(|user| user.id.clone());
    let challenge = Challenge {
        id: random::uuid()?,
        user_id,
        ceremony,
        state: begun.state,
        created_at: now,
        expires_at: auth.after(now, CEREMONY_SECONDS),
    };
    let mut statements = vec![passkeys::sweep(now)];
    statements.extend(user.map(|user| passkeys::abandon(&user.id)));
    statements.push(passkeys::begin(&challenge, CEREMONIES_MAX));
    match auth.sql.write(&statements).await {
        Ok(_) => {}
        Err(SqlError::Unmet { .. }) => return Err(AuthError::new(Code::Unavailable)),
        Err(error) => return Err(error.into()),
    }
    Ok(Reply::json(json!({
        "challenge_id": challenge.id,
        "options": begun.options,
        "expires_at": challenge.expires_at.as_second(),
    })))
}

/// Takes what was begun, for good, and the client's answer to it.
async fn take<'a>(
    auth: &Auth,
    call: &'a Call,
    ceremony: Ceremony,
    user: Option<&User>,
) -> Result<(Value, &'a Value), AuthError> {
    let id = call.required("challenge_id")?;
    let id = identifier(&id).ok_or_else(|| AuthError::invalid("`challenge_id` is no UUID"))?;
    let answer = call.body.get("credential").filter(|answer| answer.is_object());
    let answer = answer.ok_or_else(|| AuthError::invalid("`credential` is required"))?;
    let over = || AuthError::new(Code::WebauthnChallengeExpired);
    let taken = passkeys::take(&id, ceremony, user.map(|user| user.id.as_str()));
    let rows = match auth.sql.write(&[taken]).await {
        Err(SqlError::Unmet { .. }) => return Err(over()),
        rows => rows?,
    };
    let (state, expires_at) =
        rows.first().and_then(|rows| passkeys::taken(rows.first()?)).ok_or_else(over)?;
    if expires_at <= auth.now() {
        return Err(over());
    }
    Ok((state, answer))
}

async fn remove(auth: &Auth, call: &Call, user: &User, at: usize) -> Result<Reply, AuthError> {
    let id = call.path.get(at).and_then(|id| identifier(id)).ok_or_else(no_passkey)?;
    let note = auth.note(call, "passkey_deleted", user, json!({ "passkey_id": id }))?;
    auth.sql.write(&[passkeys::delete(&id, &user.id), note]).await.map_err(absent)?;
    Ok(Reply::empty())
}

fn wire(passkey: &Passkey) -> Value {
    let mut out = json!({ "id": passkey.id, "created_at": time(passkey.created_at) });
    if let Some(name) = &passkey.friendly_name {
        out["friendly_name"] = name.as_str().into();
    }
    if let Some(at) = passkey.last_used_at {
        out["last_used_at"] = time(at);
    }
    out
}

fn time(at: Timestamp) -> Value {
    wire_time(Some(at))
}

fn credential(passkey: &Passkey) -> Result<Credential, AuthError> {
    serde_json::from_value(passkey.credential.clone()).map_err(|_| AuthError::new(Code::UnexpectedFailure))
}

fn kept(credential: &Credential) -> Result<Value, AuthError> {
    serde_json::to_value(credential).map_err(|_| AuthError::new(Code::UnexpectedFailure))
}

fn refused(error: WebauthnError) -> AuthError {
    match error.is_ours() {
        true => AuthError::new(Code::UnexpectedFailure),
        false => AuthError::new(Code::WebauthnVerificationFailed).saying(error.to_string()),
    }
}

fn absent(error: SqlError) -> AuthError {
    match error {
        SqlError::Unmet { at: 0 } => no_passkey(),
        error => error.into(),
    }
}

fn too_many() -> AuthError {
    AuthError::new(Code::TooManyPasskeys)
}

fn no_passkey() -> AuthError {
    AuthError::new(Code::PasskeyNotFound)
}

#[cfg(test)]
mod tests;
