//! `GET` and `POST /verify`: the link or the code of a mail comes back.

use forge_core::sql::{SqlError, Statement};
use loki_store::Timestamp;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters;
use crate::model::{Identity, User};
use crate::random;
use crate::redirect;
use crate::tables::one_time::{self, ATTEMPTS_MAX, OneTime, Purpose};
use crate::tables::{identities, sessions, users};

/// What is told once one of the two addresses has agreed to a change.
const HALF: &str = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

/// What a token did.
enum Done {
    /// Its user is who they say.
    User(Box<User>),
    /// The other address has to agree as well.
    Half,
}

/// A client brings a code, or the token of a link.
pub(super) async fn post(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let kind = call.required("type")?;
    let purposes = purposes(&kind)?;
    let token = match (call.text("token_hash")?, call.text("token")?) {
        (Some(hash), None) => by_link(auth, &hash, purposes).await?,
        (None, Some(code)) => {
            if call.text("phone")?.is_some() {
                return Err(AuthError::new(Code::PhoneProviderDisabled));
            }
            let email = letters::address(&call.required("email")?)?.as_str().to_owned();
            by_code(auth, call, &email, &code, purposes).await?
        }
        _ => {
            return Err(AuthError::invalid(
                "Verify requires either a token or a token hash, and with a token an email",
            ));
        }
    };
    match carry_out(auth, call, &token, Vec::new()).await? {
        (Done::Half, _) => Ok(Reply::json(json!({ "msg": HALF, "code": "200" }))),
        (Done::User(user), opening) => {
            let opening = opening.ok_or_else(|| AuthError::new(Code::UnexpectedFailure))?;
            auth.opened(&user.id, &opening).await
        }
    }
}

/// Somebody follows a link. Whatever comes of it, they are sent back to the application.
pub(super) async fn get(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let wanted = call.wanted_redirect();
    let target = redirect::target(&auth.settings, wanted.as_deref());
    match follow(auth, call, &target).await {
        Ok(to) => Ok(Reply::redirect(to)),
        Err(error) => Ok(Reply::redirect(failure(&target, &error))),
    }
}

/// The address that tells of an error, in the query and behind the `#`.
pub(crate) fn failure(target: &str, error: &AuthError) -> String {
    let name = if error.code.status() >= 500 { "server_error" } else { "access_denied" };
    let pairs =
        [("error", name), ("error_code", error.code.name()), ("error_description", error.message.as_str())];
    let behind = [pairs[0], pairs[1], pairs[2], ("sb", "")];
    redirect::with(target, &pairs, &behind)
}

/// The address that brings a session, behind the `#`.
pub(crate) fn brought(target: &str, session: &Value, kind: &str) -> String {
    let text = |name: &str| match &session[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names = ["access_token", "expires_at", "expires_in", "refresh_token", "token_type"];
    let values = names.map(text);
    let mut pairs: Vec<(&str, &str)> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
    pairs.push(("type", kind));
    pairs.push(("sb", ""));
    redirect::with(target, &[], &pairs)
}

async fn follow(auth: &Auth, call: &Call, target: &str) -> Result<String, AuthError> {
    let parameter = |name: &str| {
        let missing = || AuthError::invalid(format!("Verify requires `{name}`"));
        call.query.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let kind = parameter("type")?;
    let token = by_link(auth, parameter("token")?, purposes(kind)?).await?;
    let mut more = Vec::new();
    let mut code = None;
    if let Some(challenge) = token.challenge.clone() {
        let (made, statements) =
            auth.code(&token.user_id, challenge, "email", letters::verification(token.purpose), None)?;
        more.extend(statements);
        code = Some(made);
    }
    match (carry_out(auth, call, &token, more).await?, code) {
        ((Done::Half, _), _) => {
            Ok(redirect::with(target, &[("message", HALF)], &[("message", HALF), ("sb", "")]))
        }
        ((Done::User(_), _), Some(code)) => Ok(redirect::with(target, &[("code", &code)], &[])),
        ((Done::User(user), opening), None) => {
            let opening = opening.ok_or_else(|| AuthError::new(Code::UnexpectedFailure))?;
            let tokens = auth.tokens(&user.id, &opening).await?;
            Ok(brought(target, &tokens, kind))
        }
    }
}

/// The purposes that a type of verification is for.
fn purposes(kind: &str) -> Result<&'static [Purpose], AuthError> {
    Ok(match kind {
        "signup" => &[Purpose::Confirmation],
        "invite" => &[Purpose::Invite],
        "magiclink" | "email" => &[Purpose::MagicLink, Purpose::Confirmation],
        "recovery" => &[Purpose::Recovery],
        "email_change" => &[Purpose::EmailChangeCurrent, Purpose::EmailChangeNew],
        "sms" | "phone_change" => return Err(AuthError::new(Code::PhoneProviderDisabled)),
        _ => return Err(AuthError::invalid("Verify requires a verification type")),
    })
}

fn expired() -> AuthError {
    AuthError::new(Code::OtpExpired)
}

async fn by_link(auth: &Auth, token: &str, purposes: &[Purpose]) -> Result<OneTime, AuthError> {
    let rows = auth.sql.read(&[one_time::by_hash(&auth.seal.digest(token))]).await?;
    let found = rows.first().and_then(|rows| one_time::of_row(rows.first()?));
    found.filter(|token| purposes.contains(&token.purpose) && holds(token, auth.now())).ok_or_else(expired)
}

fn holds(token: &OneTime, now: Timestamp) -> bool {
    token.expires_at > now && token.attempts < ATTEMPTS_MAX
}

/// The token of a code that went to an address. A wrong code counts against every token that it could be of.
async fn by_code(
    auth: &Auth,
    call: &Call,
    email: &str,
    code: &str,
    purposes: &[Purpose],
) -> Result<OneTime, AuthError> {
    let rows = auth.sql.read(&[one_time::of_address(email)]).await?;
    let could_be: Vec<OneTime> = rows
        .first()
        .into_iter()
        .flatten()
        .filter_map(one_time::of_row)
        .filter(|token| purposes.contains(&token.purpose) && holds(token, auth.now()))
        .collect();
    let mut found = None;
    for token in &could_be {
        let ours = auth.code_hash(token.purpose, email, code);
        if ours.as_bytes().ct_eq(token.code_hash.as_bytes()).into() {
            found = Some(token.clone());
        }
    }
    if let Some(found) = found {
        return Ok(found);
    }
    // Written in any case, so that it takes as long where there is nobody.
    let mut statements: Vec<Statement> = could_be.iter().map(|token| one_time::missed(&token.id)).collect();
    statements.push(auth.note_of(call, "user_verification_failed", None, json!({}))?);
    auth.sql.write(&statements).await?;
    Err(expired())
}

/// Uses a token up and does what it is good for, along with `more`. Where that signs its user in, without `more`,
/// a session begins.
async fn carry_out(
    auth: &Auth,
    call: &Call,
    token: &OneTime,
    more: Vec<Statement>,
) -> Result<(Done, Option<sessions::Session>), AuthError> {
    let user = auth.user_by(users::by_id(&token.user_id)).await?.ok_or_else(expired)?;
    if user.is_banned(auth.now()) {
        return Err(AuthError::new(Code::UserBanned));
    }
    let mut statements = vec![one_time::spend(&token.id)];
    let done = match token.purpose {
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => {
            changing(auth, call, &user, token, &mut statements)?
        }
        Purpose::Confirmation | Purpose::Invite | Purpose::MagicLink | Purpose::Recovery => {
            confirming(auth, call, &user, token, &mut statements)?;
            Done::User(Box::new(user.clone()))
        }
        Purpose::Reauthentication => return Err(expired()),
    };
    let mut session = None;
    if let Done::User(user) = &done {
        if more.is_empty() {
            let opening = auth.opening(call, user, "otp")?;
            statements.extend(opening.statements);
            session = Some(opening.session);
        }
        statements.extend(more);
    }
    match auth.sql.write(&statements).await {
        Ok(_) => Ok((done, session)),
        // Used a moment ago, or the address is somebody else's by now.
        Err(SqlError::Unmet { .. } | SqlError::Duplicate { .. }) => Err(expired()),
        Err(error) => Err(error.into()),
    }
}

/// The user reads the mail of their address, so it is theirs.
fn confirming(
    auth: &Auth,
    call: &Call,
    user: &User,
    token: &OneTime,
    statements: &mut Vec<Statement>,
) -> Result<(), AuthError> {
    // A mail that went to an address that they have left proves nothing of the one that they have.
    if user.email.as_deref() != Some(token.relates_to.as_str()) {
        return Err(expired());
    }
    if user.email_confirmed_at.is_some() {
        return Ok(());
    }
    let now = auth.now();
    let mut metadata = user.user_metadata.clone();
    if metadata.get("email_verified").is_some() {
        metadata["email_verified"] = json!(true);
    }
    let mut sets = vec![
        ("email_confirmed_at", now.into()),
        ("is_anonymous", false.into()),
        ("raw_user_meta_data", (&metadata).into()),
    ];
    if token.purpose != Purpose::Confirmation {
        // Somebody set it who may never have read the mail of this address.
        sets.push(("encrypted_password", forge_core::sql::Value::Null));
    }
    statements.push(users::change(user, now, &sets));
    statements.push(verified(user, &token.relates_to, now)?);
    statements.push(auth.note(call, "user_signedup", user, json!({ "provider": "email" }))?);
    Ok(())
}

/// The identity by e-mail, with the address that counts now.
fn verified(user: &User, email: &str, now: Timestamp) -> Result<Statement, AuthError> {
    let fresh = Identity::of_email(random::uuid()?, &user.id, email, true, now);
    let there = user.identities.iter().find(|identity| identity.provider == "email");
    Ok(match there {
        Some(there) => identities::update(&Identity { id: there.id.clone(), ..fresh }, now),
        None => identities::insert(&fresh),
    })
}

/// One of two addresses agrees to a change from one to the other.
fn changing(
    auth: &Auth,
    call: &Call,
    user: &User,
    token: &OneTime,
    statements: &mut Vec<Statement>,
) -> Result<Done, AuthError> {
    let Some(to) = user.email_change.clone() else { return Err(expired()) };
    let mine = if token.purpose == Purpose::EmailChangeCurrent { 1 } else { 2 };
    if mine == 2 && token.relates_to != to {
        return Err(expired());
    }
    let agreed = |address: i64| mine == address || user.email_change_accepted == address;
    let asks_old =
        auth.settings.secure_email_change && user.email.is_some() && user.email_confirmed_at.is_some();
    let now = auth.now();
    // The new one always has to: nobody takes an address whose mail they do not read.
    if !agreed(2) || (asks_old && !agreed(1)) {
        statements.push(users::change(user, now, &[("email_change_accepted", mine.into())]));
        return Ok(Done::Half);
    }
    let mut changed = user.clone();
    changed.email = Some(to.clone());
    changed.email_confirmed_at = Some(now);
    changed.is_anonymous = false;
    if !changed.identities.iter().any(|identity| identity.provider == "email") {
        changed.identities.push(Identity::of_email(random::uuid()?, &user.id, &to, true, now));
    }
    let mut metadata = user.user_metadata.clone();
    if metadata.get("email").is_some() {
        metadata["email"] = json!(to);
        metadata["email_verified"] = json!(true);
    }
    let changed = changed.with_providers();
    statements.push(users::change(
        user,
        now,
        &[
            ("email", to.as_str().into()),
            ("email_confirmed_at", now.into()),
            ("email_change", forge_core::sql::Value::Null),
            ("email_change_accepted", 0.into()),
            ("is_anonymous", false.into()),
            ("raw_app_meta_data", (&changed.app_metadata).into()),
            ("raw_user_meta_data", (&metadata).into()),
        ],
    ));
    // Links that went to the address before are those of its next owner.
    statements.push(one_time::forget_all(&user.id));
    statements.push(verified(user, &to, now)?);
    statements.push(auth.note(call, "user_modified", user, json!({ "email": true }))?);
    Ok(Done::User(Box::new(changed)))
}
