//! `POST /device`, and what it is followed by: sign-in on a device without a browser (RFC 8628).
//!
//! The device shows the provider's code; its own code is one of this service, which asks the provider in its
//! stead, not more often than the provider wants.

use forge_core::sql::SqlError;
use serde_json::json;

use super::arrival::{Arrival, provider_tokens, refusal, settle};
use super::authorize::provider;
use crate::auth::{Auth, retrying};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::oauth::SignedIn;
use crate::oauth::device::{DeviceCode, Poll, slower};
use crate::random;
use crate::tables::devices::{self, Waiting};

/// What a provider's code is sealed for.
const PURPOSE: &str = "device";
/// Seconds for which a device whose time is over is still told so.
const TOLD_SECONDS: i64 = 3_600;

pub(super) async fn begin(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let provider = provider(auth, &call.parameter("provider")?.unwrap_or_default())?;
    let device = auth.oauth.begin_device(&provider).await.map_err(refusal)?;
    let (now, code) = (auth.now(), random::token()?);
    let secret = serde_json::to_vec(&device.code).map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    let waiting = Waiting {
        id: random::uuid()?,
        device_code_hash: auth.seal.digest(&code),
        provider: provider.name().to_owned(),
        secrets: auth.seal.close(PURPOSE, &secret)?,
        interval_seconds: seconds(device.interval),
        polled_at: None,
        created_at: now,
        expires_at: auth.after(now, seconds(device.expires_in)),
    };
    auth.sql.write(&devices::insert(&waiting, auth.after(now, -TOLD_SECONDS))).await?;
    let mut body = json!({
        "device_code": code,
        "user_code": device.user_code,
        "verification_uri": device.verification_uri,
        "expires_in": device.expires_in,
        "interval": device.interval,
    });
    if let Some(complete) = device.verification_uri_complete {
        body["verification_uri_complete"] = json!(complete);
    }
    Ok(Reply::json(body))
}

pub(super) async fn poll(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let given = call.required("device_code")?;
    let rows = auth.sql.read(&[devices::by_code(&auth.seal.digest(&given))]).await?;
    let unknown = || told("invalid_grant", "The device code is not known or has been used");
    let waiting = rows.first().and_then(|rows| devices::of_row(rows.first()?)).ok_or_else(unknown)?;
    let now = auth.now();
    let expired = || told("expired_token", "Nobody has entered the code in time");
    if waiting.expires_at <= now {
        return Err(expired());
    }
    let too_soon = || told("slow_down", "The device asks more often than it may");
    if waiting.polled_at.is_some_and(|at| auth.after(at, waiting.interval_seconds) > now) {
        return Err(too_soon());
    }
    match auth.sql.write(&[devices::polled(&waiting, now)]).await {
        Ok(_) => {}
        // It has asked twice at once.
        Err(SqlError::Unmet { .. }) => return Err(too_soon()),
        Err(error) => return Err(error.into()),
    }
    let provider = provider(auth, &waiting.provider)?;
    let secret = auth.seal.open(PURPOSE, &waiting.secrets)?;
    let code: DeviceCode =
        serde_json::from_slice(&secret).map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    match auth.oauth.poll(&provider, &code).await.map_err(refusal)? {
        Poll::Pending => Err(told("authorization_pending", "Nobody has entered the code yet")),
        Poll::SlowDown => {
            let interval = slower(u64::try_from(waiting.interval_seconds).unwrap_or_default());
            auth.sql.write(&[devices::slow_down(&waiting.id, seconds(interval))]).await?;
            Err(too_soon())
        }
        Poll::Denied => over(auth, &waiting, told("access_denied", "Whoever entered the code said no")).await,
        Poll::Expired => over(auth, &waiting, expired()).await,
        Poll::Done(arrived) => arrive(auth, call, &waiting, &arrived).await,
    }
}

/// The device will not get what it waits for.
async fn over(auth: &Auth, waiting: &Waiting, error: AuthError) -> Result<Reply, AuthError> {
    match auth.sql.write(&[devices::spend(&waiting.id)]).await {
        Ok(_) | Err(SqlError::Unmet { .. }) => Err(error),
        Err(error) => Err(error.into()),
    }
}

async fn arrive(auth: &Auth, call: &Call, waiting: &Waiting, arrived: &SignedIn) -> Result<Reply, AuthError> {
    let arrival = Arrival { provider: &waiting.provider, profile: &arrived.profile, link_to: None };
    let (user, session) = retrying(async || {
        let settled = settle(auth, call, &arrival).await?;
        let opening = auth.opening(call, &settled.user, "oauth")?;
        let all = [vec![devices::spend(&waiting.id)], settled.statements, opening.statements].concat();
        auth.sql.write(&all).await?;
        Ok((settled.user.id, opening.session))
    })
    .await?;
    let mut reply = auth.opened(&user, &session).await?;
    if let Some(body) = &mut reply.body {
        for (name, token) in provider_tokens(&arrived.tokens) {
            body[name] = json!(token);
        }
    }
    Ok(reply)
}

/// An answer of RFC 8628, 3.5.
fn told(name: &'static str, words: &str) -> AuthError {
    AuthError::new(Code::ValidationFailed).saying(words).as_oauth(name)
}

fn seconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
