//! ID tokens: who a provider says somebody is, and to whom it says so (OpenID Connect Core 1.0, 3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::discovery::Metadata;
use super::jws::{Algorithm, Jws};
use super::profile::Profile;
use super::provider::{Kind, Provider};
use super::{Oauth, OauthError};
use crate::token::LEEWAY_SECONDS;

/// What Google also calls itself.
const GOOGLE_BARE: &str = "accounts.google.com";

/// The claims of an ID token that holds.
pub(super) type Claims = Map<String, Value>;

/// Why an ID token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// There is none.
    #[error("there is no ID token")]
    Absent,
    /// It cannot be read.
    #[error("it cannot be read")]
    Malformed,
    /// It is signed in a way that is not accepted, or that does not fit its key.
    #[error("it is signed by an algorithm that its key is not for")]
    Algorithm,
    /// The issuer has no such key.
    #[error("its key is none of the issuer's")]
    Key,
    /// Somebody else signed it, or it was changed.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("it is of another issuer")]
    Issuer,
    /// It is meant for another application.
    #[error("it is meant for somebody else")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come, or it was issued in the future.
    #[error("it is not valid yet")]
    Early,
    /// It answers another request.
    #[error("its nonce is another one")]
    Nonce,
    /// It came with another access token.
    #[error("it belongs to another access token")]
    AccessToken,
    /// A claim that must be there is not, or is no such claim.
    #[error("a claim is missing or no such claim")]
    Claims,
}

/// What an ID token is expected to answer.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) nonce: Nonce<'a>,
    /// The access token that came with it.
    pub(super) access_token: Option<&'a str>,
    /// Who has to have asked for it.
    pub(super) asked_by: AskedBy,
}

/// The nonce that a token must have.
#[derive(Clone, Copy)]
pub(super) enum Nonce<'a> {
    /// This one.
    Sent(&'a str),
    /// The hash of what is shown, in hexadecimal; none where nothing is shown.
    Shown(Option<&'a str>),
    /// The flow has none.
    None,
}

/// Who asked for a token (its claim `azp`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedBy {
    /// This application itself.
    Us,
    /// A part of it, such as its mobile app, which has an identifier that is not known here.
    Anybody,
}

/// An ID token that an application got by itself, as somebody brings it.
#[derive(Clone, Copy)]
pub struct Brought<'a> {
    /// The token.
    pub id_token: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
    /// What the nonce in the token is the SHA-256 of, in hexadecimal.
    pub nonce: Option<&'a str>,
}

impl Oauth {
    /// Who the bearer of an ID token is. The token must be meant for one of the application's identifiers, and
    /// have a nonce exactly where one is shown.
    pub async fn bearer(&self, provider: &Provider, brought: &Brought<'_>) -> Result<Profile, OauthError> {
        if !provider.has_id_tokens() {
            return Err(OauthError::Unsupported { what: "ID tokens" });
        }
        let metadata = self.metadata(provider).await?;
        let terms = Terms {
            nonce: Nonce::Shown(brought.nonce),
            access_token: brought.access_token,
            asked_by: AskedBy::Anybody,
        };
        let claims = self.claims(provider, &metadata, brought.id_token, &terms).await?;
        Profile::of_claims(provider, &metadata, claims)
    }

    /// The claims of an ID token, if it holds.
    pub(super) async fn claims(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        token: &str,
        terms: &Terms<'_>,
    ) -> Result<Claims, OauthError> {
        let jws = Jws::read(token)?;
        let keys = self.keys(provider, metadata, jws.kid.as_deref()).await?;
        let claims = jws.claims(&keys)?;
        let now = self.clock.now().as_second();
        judge(&claims, provider, metadata, terms, now)?;
        is_of_access_token(&claims, jws.algorithm, terms.access_token)?;
        Ok(claims)
    }
}

/// The issuer that a token names, before anything about it is believed.
pub fn issuer(token: &str) -> Option<String> {
    let payload = BASE64.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

fn judge(
    claims: &Claims,
    provider: &Provider,
    metadata: &Metadata,
    terms: &Terms<'_>,
    now: i64,
) -> Result<(), IdTokenError> {
    let issuer = text(claims, "iss").ok_or(IdTokenError::Claims)?;
    let tenant = metadata.is_shared().then(|| text(claims, "tid").unwrap_or_default());
    let is_bare_google = provider.kind == Kind::Google && issuer == GOOGLE_BARE;
    if !is_bare_google && !metadata.is_issuer(issuer, tenant) {
        return Err(IdTokenError::Issuer);
    }
    is_for_us(claims, provider, terms.asked_by)?;
    let exp = time(claims, "exp")?.ok_or(IdTokenError::Claims)?;
    if now.saturating_sub(LEEWAY_SECONDS) >= exp {
        return Err(IdTokenError::Expired);
    }
    let issued_at = time(claims, "iat")?.ok_or(IdTokenError::Claims)?;
    let not_before = time(claims, "nbf")?.unwrap_or(issued_at);
    if now.saturating_add(LEEWAY_SECONDS) < issued_at.max(not_before) {
        return Err(IdTokenError::Early);
    }
    let named = text(claims, "nonce");
    let is_it = match terms.nonce {
        Nonce::None => true,
        Nonce::Sent(nonce) => named.is_some_and(|named| is_same(named, nonce)),
        Nonce::Shown(None) => named.is_none_or(str::is_empty),
        Nonce::Shown(Some(nonce)) => named.is_some_and(|named| is_same(named, &hex(&Sha256::digest(nonce)))),
    };
    if is_it { Ok(()) } else { Err(IdTokenError::Nonce) }
}

fn is_for_us(claims: &Claims, provider: &Provider, asked_by: AskedBy) -> Result<(), IdTokenError> {
    let is_ours = |id: &str| match asked_by {
        AskedBy::Us => id == provider.client_id(),
        AskedBy::Anybody => provider.clients.iter().any(|client| client == id),
    };
    let is_of_many = match claims.get("aud") {
        Some(Value::String(audience)) if is_ours(audience) => false,
        Some(Value::Array(all)) if all.iter().filter_map(Value::as_str).any(is_ours) => all.len() > 1,
        _ => return Err(IdTokenError::Audience),
    };
    let is_asked_by_us = match claims.get("azp") {
        None | Some(Value::Null) => !is_of_many,
        Some(Value::String(party)) => is_ours(party) || (asked_by == AskedBy::Anybody && !is_of_many),
        Some(_) => false,
    };
    if is_asked_by_us { Ok(()) } else { Err(IdTokenError::Audience) }
}

/// The left half of the hash of the access token is in the ID token, where both are there (3.1.3.8).
fn is_of_access_token(
    claims: &Claims,
    algorithm: Algorithm,
    access_token: Option<&str>,
) -> Result<(), IdTokenError> {
    let (Some(claim), Some(token)) = (claims.get("at_hash"), access_token) else { return Ok(()) };
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => BASE64.encode(&Sha256::digest(token)[..16]),
        Algorithm::EdDsa => BASE64.encode(&Sha512::digest(token)[..32]),
    };
    if claim.as_str().is_some_and(|claim| is_same(claim, &hash)) {
        Ok(())
    } else {
        Err(IdTokenError::AccessToken)
    }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// Seconds since 1970; a fraction is cut off.
fn time(claims: &Claims, name: &str) -> Result<Option<i64>, IdTokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
            seconds.map(Some).ok_or(IdTokenError::Claims)
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
