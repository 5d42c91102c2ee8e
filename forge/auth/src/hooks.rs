//! Claims that an application adds to access tokens: a call of the application's own, signed as Standard
//! Webhooks (standardwebhooks.com) say.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use loki_store::Timestamp;
use ring::hmac;
use serde_json::{Map, Value, json};
use url::Url;

use crate::error::{AuthError, Code};
use crate::model::User;
use crate::oauth::outbound::{Outbound, Outgoing, Reach};
use crate::random;
use crate::settings::Hook;

/// Bytes of the claims that come back.
const CLAIMS_BYTES_MAX: usize = 8 * 1024;
/// Claims that no hook changes: what a token is, whose, of which session and until when.
const FIXED: [&str; 7] = ["iss", "sub", "aud", "exp", "iat", "session_id", "aal"];

/// Calls the application, where it wants to be called.
pub(crate) struct Hooks {
    claims: Option<Hook>,
    outbound: Arc<dyn Outbound>,
}

impl Hooks {
    pub(crate) fn new(claims: Option<Hook>, outbound: Arc<dyn Outbound>) -> Hooks {
        Hooks { claims, outbound }
    }

    /// The claims as the application wants them. Where it cannot be asked there is no token.
    pub(crate) async fn claims(
        &self,
        user: &User,
        claims: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, AuthError> {
        let Some(hook) = &self.claims else { return Ok(claims) };
        let body =
            json!({ "user_id": user.id, "claims": claims, "authentication_method": claims.get("amr") });
        let asked = request(hook, &body.to_string(), &random::uuid()?, now.as_second());
        let request = asked.ok_or_else(failed)?;
        let answer = self.outbound.send(request).await.map_err(|_| failed())?;
        if !answer.status.is_success() || answer.body.len() > CLAIMS_BYTES_MAX {
            return Err(failed());
        }
        let answer: Value = serde_json::from_slice(&answer.body).map_err(|_| failed())?;
        let Some(Value::Object(mut wanted)) = answer.get("claims").cloned() else { return Err(failed()) };
        if wanted.get("role").and_then(Value::as_str) == Some("service_role") {
            return Err(failed());
        }
        for name in FIXED {
            match claims.get(name) {
                Some(value) => wanted.insert(name.to_owned(), value.clone()),
                None => wanted.remove(name),
            };
        }
        Ok(wanted)
    }
}

fn failed() -> AuthError {
    AuthError::new(Code::UnexpectedFailure).saying("The hook for claims could not be asked")
}

fn request(hook: &Hook, body: &str, id: &str, seconds: i64) -> Option<Outgoing> {
    let url = Url::parse(&hook.url).ok()?;
    let secret = hook.secret.strip_prefix("whsec_").unwrap_or(&hook.secret);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(secret).ok()?);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("webhook-id", HeaderValue::from_str(id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    let signature = format!("v1,{}", BASE64.encode(tag));
    headers.insert("webhook-signature", HeaderValue::from_str(&signature).ok()?);
    let reach = Reach::of(&url);
    Some(Outgoing { method: Method::POST, url, headers, body: Bytes::from(body.to_owned()), reach })
}
