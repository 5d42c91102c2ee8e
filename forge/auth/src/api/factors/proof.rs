//! How a factor is proven: a challenge is asked for, and answered.

use forge_core::sql::SqlError;
use loki_store::Timestamp;
use serde_json::{Value, json};

use super::{SEALED_FOR, factor, identifier, known, no_factor, part};
use crate::api::passkeys::{ceremonies, person};
use crate::auth::{Auth, Signed, could_be_surer, retrying};
use crate::call::{Call, Reply, text_of};
use crate::error::{AuthError, Code};
use crate::model::{FactorKind, User};
use crate::random;
use crate::tables::challenges::{self, Challenge};
use crate::tables::factors::{self, Kept};
use crate::totp::Secret;
use crate::webauthn::{Begun, Credential, Purpose, WebauthnError};

/// Seconds in which a challenge can be answered.
pub(super) const CHALLENGE_SECONDS: i64 = 300;
/// Challenges of one factor that can be answered at a time.
pub(super) const CHALLENGES_MAX: i64 = 32;
/// Wrong codes of one factor in [`FAILURES_SECONDS`]; after them no code is taken until that time is over.
pub(super) const FAILURES_MAX: i64 = 5;
/// Seconds for which a wrong code counts, from the first one on.
pub(super) const FAILURES_SECONDS: i64 = 300;

/// What a code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// It is that of this step.
    Right(i64),
    /// It is none, or was used; so many were wrong since then.
    Wrong { failures: i64, since: Timestamp },
    /// Nobody looked at it, and nobody will for so many seconds.
    Locked(u64),
}

/// `POST /factors/:id/challenge`
pub(crate) async fn challenge(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let signed = known(auth, call).await?;
    let kept = factor(auth, &part(call, 1)?, &signed.user).await?;
    let id = random::uuid()?;
    let now = auth.now();
    let expires_at = auth.after(now, CHALLENGE_SECONDS);
    let mut body = json!({ "id": id, "type": kept.factor.kind.name(), "expires_at": expires_at.as_second() });
    let mut state = Value::Null;
    match kept.factor.kind {
        FactorKind::Totp => {}
        FactorKind::Phone => return Err(AuthError::new(Code::MfaPhoneEnrollNotEnabled)),
        FactorKind::Webauthn => {
            let (kind, begun) = ceremony(auth, &signed.user, &kept).await?;
            body["webauthn"] = json!({ "type": kind, "credential_options": { "publicKey": begun.options } });
            state = begun.state;
        }
    }
    let ip = Some(call.ip.to_string());
    let factor_id = kept.factor.id.clone();
    let challenge = Challenge { id, factor_id, state, ip, verified_at: None, created_at: now, expires_at };
    let written = auth
        .sql
        .write(&[
            challenges::sweep(&kept.factor.id, now),
            challenges::insert(&challenge, CHALLENGES_MAX),
            factors::challenged(&kept.factor.id, now),
            auth.note(call, "challenge_created", &signed.user, json!({ "factor_id": kept.factor.id }))?,
        ])
        .await;
    match written {
        Ok(_) => Ok(Reply::json(body)),
        Err(SqlError::Unmet { at: 1 }) => {
            Err(AuthError::new(Code::OverRequestRateLimit).after(CHALLENGE_SECONDS.unsigned_abs()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Begins to make a factor's credential, or to ask for it.
async fn ceremony(auth: &Auth, user: &User, kept: &Kept) -> Result<(&'static str, Begun), AuthError> {
    let ceremonies = ceremonies(auth, Code::MfaWebauthnEnrollNotEnabled)?;
    if let Some(credential) = credential(kept)? {
        return Ok(("request", ceremonies.ask(&[credential]).map_err(refused)?));
    }
    let rows = auth.sql.read(&[factors::of_user(&user.id)]).await?;
    let others: Vec<Kept> = rows.iter().flatten().filter_map(Kept::of_row).collect();
    let others = others.iter().filter_map(|other| credential(other).transpose());
    let others = others.collect::<Result<Vec<Credential>, AuthError>>()?;
    let begun = ceremonies.register(Purpose::Factor, &person(user), &others).map_err(refused)?;
    Ok(("create", begun))
}

/// `POST /factors/:id/verify`
pub(crate) async fn verify(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let (_, kept, challenge) = asked(auth, call).await?;
    match kept.factor.kind {
        FactorKind::Totp => retrying(|| verify_code(auth, call)).await,
        FactorKind::Phone => Err(AuthError::new(Code::MfaPhoneEnrollNotEnabled)),
        FactorKind::Webauthn => {
            let (kind, answer) = credential_response(call)?;
            // Taken before it is judged: whatever comes of the answer, there is no second one.
            let used = auth.sql.write(&[challenges::used(&challenge.id, auth.now())]).await;
            match used {
                Ok(_) => {}
                Err(SqlError::Unmet { .. }) => return Err(used_up()),
                Err(error) => return Err(error.into()),
            }
            retrying(|| verify_key(auth, call, &challenge.state, kind, answer)).await
        }
    }
}

async fn verify_code(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let (signed, kept, challenge) = asked(auth, call).await?;
    let code = call.required("code")?;
    let sealed = kept.secret.as_deref().ok_or_else(|| AuthError::new(Code::UnexpectedFailure))?;
    let secret = Secret::from_bytes(&auth.seal.open(SEALED_FOR, sealed)?)
        .map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    let now = auth.now();
    match judge(&kept, &secret, &code, now) {
        Judged::Locked(seconds) => {
            let locked = AuthError::new(Code::OverRequestRateLimit);
            Err(locked.saying("Too many wrong codes; wait as long as Retry-After says").after(seconds))
        }
        Judged::Wrong { failures, since } => {
            auth.sql.write(&[factors::failed(&kept, failures, since)]).await?;
            Err(AuthError::new(Code::MfaVerificationFailed))
        }
        Judged::Right(step) => {
            let proven = vec![
                factors::proven_by_code(&kept, step, now),
                challenges::used(&challenge.id, now),
                factors::delete_unproven_of(&signed.user.id, FactorKind::Totp, &kept.factor.id),
            ];
            let id = &kept.factor.id;
            auth.raise_session(call, &signed.user, &signed.session, "totp", id, proven).await
        }
    }
}

/// Judges a code. A code that was used before counts as a wrong one.
fn judge(kept: &Kept, secret: &Secret, code: &str, now: Timestamp) -> Judged {
    let age = kept.failed_at.map(|since| now.as_second() - since.as_second());
    let (failures, since) = match (age, kept.failed_at) {
        (Some(age), Some(since)) if age < FAILURES_SECONDS => {
            if kept.failures >= FAILURES_MAX {
                return Judged::Locked((FAILURES_SECONDS - age).unsigned_abs());
            }
            (kept.failures, since)
        }
        _ => (0, now), // Nothing was wrong lately.
    };
    let used = u64::try_from(kept.last_step).ok().filter(|step| *step > 0);
    match secret.verify(code, now.as_second(), used).ok().and_then(|step| i64::try_from(step).ok()) {
        Some(step) => Judged::Right(step),
        None => Judged::Wrong { failures: failures + 1, since },
    }
}

async fn verify_key(
    auth: &Auth,
    call: &Call,
    state: &Value,
    kind: &str,
    answer: &Value,
) -> Result<Reply, AuthError> {
    let signed = known(auth, call).await?;
    let kept = factor(auth, &part(call, 1)?, &signed.user).await?;
    let ceremonies = ceremonies(auth, Code::MfaWebauthnEnrollNotEnabled)?;
    let proven = match (kind, credential(&kept)?) {
        ("create", None) => ceremonies.registered(state, answer),
        ("request", Some(credential)) => ceremonies.proven(state, answer, &credential, &signed.user.id),
        _ => return Err(AuthError::invalid("`webauthn.type` is not what the challenge asked for")),
    };
    let proven = serde_json::to_value(proven.map_err(refused)?)
        .map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    let id = &kept.factor.id;
    let more = vec![
        factors::proven_by_key(&kept, &proven, auth.now()),
        factors::delete_unproven_of(&signed.user.id, FactorKind::Webauthn, id),
    ];
    auth.raise_session(call, &signed.user, &signed.session, "mfa/webauthn", id, more).await
}

/// Who asks, the factor that is shown, and the challenge that it answers, which must still hold.
async fn asked(auth: &Auth, call: &Call) -> Result<(Signed, Kept, Challenge), AuthError> {
    let signed = known(auth, call).await?;
    let wanted = call.required("challenge_id")?;
    let wanted = identifier(&wanted).ok_or_else(|| AuthError::invalid("`challenge_id` is no UUID"))?;
    let id = part(call, 1)?;
    let rows = auth.sql.read(&[factors::one(&id, &signed.user.id), challenges::one(&wanted, &id)]).await?;
    let kept = rows.first().and_then(|rows| Kept::of_row(rows.first()?)).ok_or_else(no_factor)?;
    let challenge = rows.get(1).and_then(|rows| Challenge::of_row(rows.first()?));
    let challenge =
        challenge.ok_or_else(|| no_factor().saying("MFA factor with the provided challenge ID not found"))?;
    // Otherwise a factor that was begun before the first one counted would be a way around it.
    if !kept.factor.verified && could_be_surer(&signed) {
        return Err(AuthError::new(Code::InsufficientAal).saying("AAL2 required to verify a new factor"));
    }
    if challenge.verified_at.is_some() {
        return Err(used_up());
    }
    if challenge.ip != Some(call.ip.to_string()) {
        return Err(AuthError::new(Code::MfaIpAddressMismatch));
    }
    if challenge.expires_at <= auth.now() {
        return Err(AuthError::new(Code::MfaChallengeExpired));
    }
    Ok((signed, kept, challenge))
}

fn credential(kept: &Kept) -> Result<Option<Credential>, AuthError> {
    serde_json::from_value(kept.credential.clone()).map_err(|_| AuthError::new(Code::UnexpectedFailure))
}

fn credential_response(call: &Call) -> Result<(&'static str, &Value), AuthError> {
    let webauthn = call.body.get("webauthn").filter(|webauthn| webauthn.is_object());
    let webauthn = webauthn.ok_or_else(|| AuthError::invalid("`webauthn` is required"))?;
    let kind = match text_of(webauthn, "type")?.as_deref() {
        Some("create") => "create",
        Some("request") => "request",
        _ => return Err(AuthError::invalid("`webauthn.type` is create or request")),
    };
    let answer = webauthn.get("credential_response").filter(|answer| answer.is_object());
    Ok((kind, answer.ok_or_else(|| AuthError::invalid("`webauthn.credential_response` is required"))?))
}

fn used_up() -> AuthError {
    AuthError::new(Code::MfaChallengeExpired).saying("The challenge was used; challenge the factor again")
}

fn refused(error: WebauthnError) -> AuthError {
    match error.is_ours() {
        true => AuthError::new(Code::UnexpectedFailure),
        false => AuthError::new(Code::MfaVerificationFailed).saying(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
