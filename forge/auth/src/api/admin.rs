//! `/admin/*` and `POST /invite`: for the application's own backend, with the secret key.

use forge_core::sql::SqlError;
use http::header::{HeaderName, LINK};
use loki_store::Timestamp;
use serde_json::{Value, json};

use crate::admin::{NewUser, UserChange};
use crate::auth::{Actor, Auth};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::letters::{self, Letter, Occasion, verification};
use crate::model::{Identity, User};
use crate::tables::one_time::Purpose;
use crate::tables::{identities, users};
use crate::{random, redirect};

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// Users of a page where the caller does not say.
const PER_PAGE: u32 = 50;

/// Answers what is below `/admin`.
pub(super) async fn admin(auth: &Auth, call: &Call, path: &[&str]) -> Result<Reply, AuthError> {
    auth.require_admin(call)?;
    match (call.method.as_str(), path) {
        ("GET", ["users"]) => list(auth, call).await,
        ("POST", ["users"]) => create(auth, call).await,
        ("GET", ["users", id]) => Ok(Reply::json(by_id(auth, id).await?.wire())),
        ("PUT", ["users", id]) => update(auth, call, id).await,
        ("DELETE", ["users", id]) => delete(auth, call, id).await,
        ("GET", ["users", _, "factors"]) => super::factors::admin_list(auth, call).await,
        ("DELETE", ["users", _, "factors", _]) => super::factors::admin_delete(auth, call).await,
        ("GET", ["users", _, "passkeys"]) => super::passkeys::admin_list(auth, call).await,
        ("DELETE", ["users", _, "passkeys", _]) => super::passkeys::admin_delete(auth, call).await,
        ("POST", ["generate_link"]) => generate_link(auth, call).await,
        ("GET", ["audit"]) => {
            let (page, per_page) = pages(call)?;
            Ok(Reply::json(Value::Array(auth.audit(page, per_page).await?)))
        }
        _ => Err(AuthError::new(Code::NotFound)),
    }
}

/// Invites somebody.
pub(super) async fn invite(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.require_admin(call)?;
    let email = letters::address(&call.required("email")?)?.as_str().to_owned();
    let data = Value::Object(call.object("data")?.unwrap_or_default());
    auth.count_mail(Purpose::Invite, &email)?;
    let made = prepare(auth, call, Wanted { purpose: Purpose::Invite, email, password: None, data }).await?;
    auth.post(&made.letter.mail).await?;
    Ok(Reply::json(made.user.wire()))
}

async fn by_id(auth: &Auth, id: &str) -> Result<User, AuthError> {
    if random::uuid_bytes(id).is_none() {
        return Err(AuthError::new(Code::UserNotFound));
    }
    auth.find_user(id).await
}

async fn list(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let (page, per_page) = pages(call)?;
    let (users, total) = auth.users(page, per_page).await?;
    let last = total.div_ceil(u64::from(per_page)).max(1);
    let link =
        |page: u64, rel: &str| format!("</admin/users?page={page}&per_page={per_page}>; rel=\"{rel}\"");
    let next = (u64::from(page) < last).then(|| link(u64::from(page) + 1, "next"));
    let links: Vec<String> = next.into_iter().chain([link(last, "last")]).collect();
    let users: Value = users.iter().map(User::wire).collect();
    Ok(Reply::json(json!({ "users": users, "aud": crate::token::AUDIENCE }))
        .with(TOTAL, total.to_string())
        .with(LINK, links.join(", ")))
}

fn pages(call: &Call) -> Result<(u32, u32), AuthError> {
    let number = |name: &str, default: u32| match call.query.get(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => {
            let number = text.parse::<u32>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| AuthError::invalid(format!("`{name}` is a whole number from 1")))
        }
    };
    Ok((number("page", 1)?, number("per_page", PER_PAGE)?.min(crate::admin::PER_PAGE_MAX)))
}

async fn create(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    refuse_phone(call)?;
    let new = NewUser {
        id: call.text("id")?,
        email: call.text("email")?,
        password: call.text("password")?,
        password_hash: call.text("password_hash")?,
        email_confirmed: call.flag("email_confirm")?.unwrap_or(false),
        role: call.text("role")?,
        user_metadata: call.object("user_metadata")?.unwrap_or_default(),
        app_metadata: call.object("app_metadata")?.unwrap_or_default(),
        banned_until: banned_until(auth, call)?.flatten(),
    };
    Ok(Reply::json(auth.create_user(&Actor::of(call), new).await?.wire()))
}

async fn update(auth: &Auth, call: &Call, id: &str) -> Result<Reply, AuthError> {
    refuse_phone(call)?;
    let user = by_id(auth, id).await?;
    let change = UserChange {
        email: call.text("email")?,
        password: call.text("password")?,
        password_hash: call.text("password_hash")?,
        email_confirmed: call.flag("email_confirm")?,
        role: call.text("role")?,
        user_metadata: call.object("user_metadata")?,
        app_metadata: call.object("app_metadata")?,
        banned_until: banned_until(auth, call)?,
    };
    Ok(Reply::json(auth.update_user(&Actor::of(call), &user.id, change).await?.wire()))
}

async fn delete(auth: &Auth, call: &Call, id: &str) -> Result<Reply, AuthError> {
    let user = by_id(auth, id).await?;
    let soft = call.flag("should_soft_delete")?.unwrap_or(false);
    auth.delete_user(&Actor::of(call), &user.id, soft).await?;
    Ok(Reply::json(json!({})))
}

fn refuse_phone(call: &Call) -> Result<(), AuthError> {
    match call.text("phone")? {
        Some(_) => Err(AuthError::new(Code::PhoneProviderDisabled)),
        None => Ok(()),
    }
}

/// Until when somebody is banned: `ban_duration` is `none`, or numbers with units, as `24h` or `1h30m`.
fn banned_until(auth: &Auth, call: &Call) -> Result<Option<Option<Timestamp>>, AuthError> {
    let Some(text) = call.text("ban_duration")? else { return Ok(None) };
    if text == "none" {
        return Ok(Some(None));
    }
    let seconds = duration(&text).ok_or_else(|| AuthError::invalid("invalid format for ban duration"))?;
    Ok(Some(Some(auth.after(auth.now(), seconds))))
}

fn duration(text: &str) -> Option<i64> {
    let (mut seconds, mut number) = (0_f64, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3_600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return None, // No other unit is known.
        };
        seconds += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && seconds > 0.0 && seconds < 1e11).then_some(seconds as i64)
}

/// A link as a mail would bring it, for an application that sends its own.
async fn generate_link(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let kind = call.required("type")?;
    let purpose = match kind.as_str() {
        "signup" => Purpose::Confirmation,
        "invite" => Purpose::Invite,
        "magiclink" => Purpose::MagicLink,
        "recovery" => Purpose::Recovery,
        "email_change_current" => Purpose::EmailChangeCurrent,
        "email_change_new" => Purpose::EmailChangeNew,
        _ => return Err(AuthError::invalid(format!("Invalid email action link type requested: {kind}"))),
    };
    let email = letters::address(&call.required("email")?)?.as_str().to_owned();
    let data = Value::Object(call.object("data")?.unwrap_or_default());
    let made = if matches!(purpose, Purpose::EmailChangeCurrent | Purpose::EmailChangeNew) {
        let new = letters::address(&call.required("new_email")?)?.as_str().to_owned();
        prepare_change(auth, call, purpose, &email, &new).await?
    } else {
        let password = call.text("password")?;
        prepare(auth, call, Wanted { purpose, email, password, data }).await?
    };
    let mut body = made.user.wire();
    body["action_link"] = made.letter.link.as_str().into();
    body["email_otp"] = made.letter.code.as_str().into();
    body["hashed_token"] = made.letter.token.as_str().into();
    body["verification_type"] = kind.as_str().into();
    body["redirect_to"] = target(auth, call).into();
    Ok(Reply::json(body))
}

fn target(auth: &Auth, call: &Call) -> String {
    let wanted = call.wanted_redirect().or_else(|| call.text("redirect_to").ok().flatten());
    redirect::target(&auth.settings, wanted.as_deref())
}

/// A letter that waits to be sent, and whom it is for.
struct Made {
    user: User,
    letter: Letter,
}

struct Wanted {
    purpose: Purpose,
    email: String,
    password: Option<String>,
    data: Value,
}

/// Writes a letter for an address, and makes its user where there is none and the purpose allows it.
async fn prepare(auth: &Auth, call: &Call, wanted: Wanted) -> Result<Made, AuthError> {
    let now = auth.now();
    let redirect_to = target(auth, call);
    let there = auth.user_by(users::by_email(&wanted.email)).await?;
    let makes = matches!(wanted.purpose, Purpose::Confirmation | Purpose::Invite | Purpose::MagicLink);
    let (mut user, is_new) = match there {
        Some(user) if user.email_confirmed_at.is_some() && makes && wanted.purpose != Purpose::MagicLink => {
            return Err(AuthError::new(Code::EmailExists));
        }
        Some(user) => (user, false),
        None if makes => (User::new(random::uuid()?, now), true),
        None => return Err(AuthError::new(Code::UserNotFound)),
    };
    let mut statements = Vec::new();
    if is_new {
        if wanted.purpose == Purpose::Confirmation {
            let password = wanted.password.as_deref().unwrap_or_default();
            crate::password::judge(&auth.settings, password)?;
            user.password = Some(auth.hasher.make(password).await?);
        }
        user.email = Some(wanted.email.clone());
        user.user_metadata = wanted.data;
        let identity = Identity::of_email(random::uuid()?, &user.id, &wanted.email, false, now);
        user.identities = vec![identity];
        user = user.with_providers();
        if wanted.purpose == Purpose::Invite {
            user.invited_at = Some(now);
        }
        user.confirmation_sent_at = Some(now);
        statements.push(users::insert(&user));
        statements.extend(user.identities.iter().map(identities::insert));
    } else {
        let column = match wanted.purpose {
            Purpose::Invite => "invited_at",
            Purpose::Confirmation => "confirmation_sent_at",
            _ => "recovery_sent_at",
        };
        let mut sets = vec![(column, now.into())];
        if wanted.purpose == Purpose::MagicLink && user.email_confirmed_at.is_none() {
            sets.push(("encrypted_password", forge_core::sql::Value::Null));
        }
        statements.push(users::change(&user, now, &sets));
    }
    // A link for somebody who never confirmed anything confirms.
    let purpose = match wanted.purpose {
        Purpose::MagicLink if user.email_confirmed_at.is_none() => Purpose::Confirmation,
        purpose => purpose,
    };
    let occasion =
        Occasion { user: &user, purpose, to: &wanted.email, challenge: None, redirect_to: &redirect_to };
    let letter = auth.letter(&occasion)?;
    statements.extend(letter.statements.clone());
    let action = format!("user_{}_requested", verification(wanted.purpose));
    statements.push(auth.note(call, &action, &user, json!({}))?);
    auth.sql.write(&statements).await?;
    Ok(Made { user, letter })
}

/// Writes a letter about a change of address, which begins with it.
async fn prepare_change(
    auth: &Auth,
    call: &Call,
    purpose: Purpose,
    email: &str,
    new: &str,
) -> Result<Made, AuthError> {
    let was = auth.user_by(users::by_email(email)).await?;
    let was = was.ok_or_else(|| AuthError::new(Code::UserNotFound))?;
    if auth.user_by(users::by_email(new)).await?.is_some() {
        return Err(AuthError::new(Code::EmailExists));
    }
    let (now, redirect_to) = (auth.now(), target(auth, call));
    let mut user = was.clone();
    user.email_change = Some(new.to_owned());
    user.email_change_sent_at = Some(now);
    let to = if purpose == Purpose::EmailChangeCurrent { email } else { new };
    let letter =
        auth.letter(&Occasion { user: &user, purpose, to, challenge: None, redirect_to: &redirect_to })?;
    let mut sets =
        vec![("email_change", new.into()), ("email_change_sent_at", forge_core::sql::Value::from(now))];
    if was.email_change.as_deref() != Some(new) {
        sets.push(("email_change_accepted", 0.into()));
    }
    let mut statements = vec![users::change(&was, now, &sets)];
    statements.extend(letter.statements.clone());
    statements.push(auth.note(call, "user_email_change_requested", &user, json!({}))?);
    auth.sql.write(&statements).await.map_err(|error| match error {
        SqlError::Duplicate { .. } => AuthError::new(Code::EmailExists),
        other => other.into(),
    })?;
    Ok(Made { user, letter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [
            ("24h", Some(86_400)),
            ("1h30m", Some(5_400)),
            ("1.5h", Some(5_400)),
            ("876000h", Some(3_153_600_000)),
            ("10s", Some(10)),
            ("", None),
            ("h", None),
            ("10", None),
            ("-1h", None),
            ("1d", None),
            ("1e9h", None),
            ("99999999999999999h", None),
        ] {
            assert_eq!(duration(text), seconds, "{text}");
        }
    }
}
