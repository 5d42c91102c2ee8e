//! `/factors`: what people prove themselves with after they signed in.

mod proof;

use forge_core::sql::Statement;
use serde_json::{Value, json};

use crate::auth::{Auth, Signed, could_be_surer, retrying};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::model::{Aal, Factor, FactorKind, User};
use crate::random;
use crate::tables::factors::{self, Kept};
use crate::tables::users;
use crate::totp::{self, Secret};

pub(crate) use proof::{challenge, verify};

/// Factors of one user, proven or not.
pub(crate) const FACTORS_MAX: usize = 10;
/// Characters of the name that a person gives to a factor or a passkey.
pub(crate) const NAME_CHARS_MAX: usize = 120;

/// For what the secrets of one-time passwords are sealed.
const SEALED_FOR: &str = "totp";

/// `POST /factors`
pub(crate) async fn enroll(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    retrying(|| enrolled(auth, call)).await
}

async fn enrolled(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = known(auth, call).await?;
    let kind = match FactorKind::of(&call.required("factor_type")?) {
        Some(FactorKind::Totp) if !auth.settings.totp => {
            return Err(AuthError::new(Code::MfaTotpEnrollNotEnabled));
        }
        Some(FactorKind::Phone) => return Err(AuthError::new(Code::MfaPhoneEnrollNotEnabled)),
        Some(FactorKind::Webauthn) if auth.settings.relying.is_none() => {
            return Err(AuthError::new(Code::MfaWebauthnEnrollNotEnabled));
        }
        Some(kind) => kind,
        None => return Err(AuthError::invalid("`factor_type` is totp, phone or webauthn")),
    };
    if could_be_surer(&signed) {
        return Err(AuthError::new(Code::InsufficientAal).saying("AAL2 required to enroll a new factor"));
    }
    let user = &signed.user;
    let name = friendly_name(call)?;
    let replaced = replaced(&user.factors, name.as_deref(), kind)?;
    let id = random::uuid()?;
    let mut body = json!({ "id": id, "type": kind.name(), "friendly_name": name.as_deref().unwrap_or("") });
    let mut secret = None;
    if kind == FactorKind::Totp {
        let made = Secret::new().map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
        body["totp"] = shown(auth, call, user, &made)?;
        secret = Some(auth.seal.close(SEALED_FOR, made.as_bytes())?);
    }
    let now = auth.now();
    let kept = Kept {
        factor: Factor {
            id: id.clone(),
            friendly_name: name,
            kind,
            verified: false,
            phone: None,
            last_challenged_at: None,
            created_at: now,
            updated_at: now,
        },
        user_id: user.id.clone(),
        secret,
        credential: Value::Null,
        last_step: 0,
        failures: 0,
        failed_at: None,
    };
    let mut statements: Vec<Statement> =
        replaced.iter().map(|old| factors::delete_unproven(old, &user.id)).collect();
    statements.push(factors::insert(&kept, FACTORS_MAX as i64));
    statements.push(auth.note(call, "factor_in_progress", user, json!({ "factor_id": id }))?);
    auth.sql.write(&statements).await?;
    Ok(Reply::json(body))
}

/// What an app needs to share the secret: shown once.
fn shown(auth: &Auth, call: &Call, user: &User, secret: &Secret) -> Result<Value, AuthError> {
    let site = url::Url::parse(&auth.settings.site_url).ok();
    let site = site.as_ref().and_then(url::Url::host_str).unwrap_or("localhost");
    let issuer = call.text("issuer")?;
    let account = user.email.as_deref().or(user.phone.as_deref()).unwrap_or(&user.id);
    let address = secret.address(issuer.as_deref().unwrap_or(site), account);
    let picture = totp::picture(&address).map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    Ok(json!({ "qr_code": picture, "secret": secret.base32(), "uri": address }))
}

/// The factors that make room for a new one: those of its name that nobody has proven.
fn replaced(all: &[Factor], name: Option<&str>, kind: FactorKind) -> Result<Vec<String>, AuthError> {
    let is_namesake = |factor: &&Factor| match name {
        Some(_) => factor.friendly_name.as_deref() == name,
        // Without a name they are told apart by their kind.
        None => factor.friendly_name.is_none() && factor.kind == kind && !factor.verified,
    };
    let namesakes: Vec<&Factor> = all.iter().filter(is_namesake).collect();
    if namesakes.iter().any(|factor| factor.verified) {
        return Err(AuthError::new(Code::MfaFactorNameConflict));
    }
    if all.len() - namesakes.len() >= FACTORS_MAX {
        return Err(AuthError::new(Code::TooManyEnrolledMfaFactors));
    }
    Ok(namesakes.into_iter().map(|factor| factor.id.clone()).collect())
}

/// `DELETE /factors/:id`
pub(crate) async fn unenroll(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let signed = known(auth, call).await?;
    let kept = factor(auth, &part(call, 1)?, &signed.user).await?;
    if kept.factor.verified && signed.session.aal != Aal::Two {
        let refused = AuthError::new(Code::InsufficientAal);
        return Err(refused.saying("AAL2 required to unenroll verified factor"));
    }
    remove(auth, call, &signed.user, &kept, "factor_unenrolled").await?;
    Ok(Reply::json(json!({ "id": kept.factor.id })))
}

/// `GET /admin/users/:id/factors`
pub(crate) async fn admin_list(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let user = subject(auth, call).await?;
    Ok(Reply::json(user.factors.iter().map(Factor::wire).collect()))
}

/// `DELETE /admin/users/:id/factors/:id`
pub(crate) async fn admin_delete(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let user = subject(auth, call).await?;
    let kept = factor(auth, &part(call, 4)?, &user).await?;
    remove(auth, call, &user, &kept, "factor_deleted").await?;
    Ok(Reply::json(kept.factor.wire()))
}

async fn remove(auth: &Auth, call: &Call, user: &User, kept: &Kept, action: &str) -> Result<(), AuthError> {
    let id = &kept.factor.id;
    let statements = [
        factors::delete(kept),
        factors::lower_sessions(id),
        auth.note(call, action, user, json!({ "factor_id": id }))?,
    ];
    auth.sql.write(&statements).await?;
    Ok(())
}

/// The user that an administrator names (`/admin/users/:id/..`).
pub(super) async fn subject(auth: &Auth, call: &Call) -> Result<User, AuthError> {
    auth.require_admin(call)?;
    let nobody = || AuthError::new(Code::UserNotFound);
    let id = call.path.get(2).and_then(|id| identifier(id)).ok_or_else(nobody)?;
    auth.user_by(users::by_id(&id)).await?.ok_or_else(nobody)
}

/// Who asks, if it is somebody who could come again: not an anonymous user.
pub(super) async fn known(auth: &Auth, call: &Call) -> Result<Signed, AuthError> {
    let signed = auth.signed(call).await?;
    if signed.user.is_anonymous {
        let refused = AuthError::new(Code::NoAuthorization);
        return Err(refused.saying("Anonymous user not allowed to perform these actions"));
    }
    Ok(signed)
}

/// What a person calls a factor or a passkey.
pub(super) fn friendly_name(call: &Call) -> Result<Option<String>, AuthError> {
    let name = call.text("friendly_name")?;
    if name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
        return Err(AuthError::invalid(format!(
            "`friendly_name` is longer than {NAME_CHARS_MAX} characters"
        )));
    }
    Ok(name)
}

/// An identifier as rows have it, from text of either case.
pub(super) fn identifier(text: &str) -> Option<String> {
    random::uuid_bytes(text).map(|bytes| random::uuid_text(&bytes))
}

async fn factor(auth: &Auth, id: &str, user: &User) -> Result<Kept, AuthError> {
    let rows = auth.sql.read(&[factors::one(id, &user.id)]).await?;
    rows.first().and_then(|rows| Kept::of_row(rows.first()?)).ok_or_else(no_factor)
}

/// The factor that the path names at a place.
fn part(call: &Call, at: usize) -> Result<String, AuthError> {
    call.path.get(at).and_then(|id| identifier(id)).ok_or_else(no_factor)
}

fn no_factor() -> AuthError {
    AuthError::new(Code::MfaFactorNotFound)
}

#[cfg(test)]
pub(crate) mod stage;

#[cfg(test)]
mod tests;
