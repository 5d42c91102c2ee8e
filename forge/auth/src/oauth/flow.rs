//! The code flow: to the provider with a request, and back from it with a code.
//!
//! Three values bind the way back to the way there: `state` to the row that the caller keeps, the verifier of
//! PKCE to the code, the nonce to the ID token. All are random and used once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::discovery::Metadata;
use super::id_token::{AskedBy, IdTokenError, Nonce, Terms};
use super::provider::{Kind, Provider, is_scope};
use super::request::{Granted, refused};
use super::{Oauth, OauthError, SignedIn};

/// Random bytes of a state, a nonce and a verifier.
const RANDOM_BYTES: usize = 32;
/// Bytes of a code.
const CODE_BYTES_MAX: usize = 4_096;
/// Scopes that a request may add, and bytes of each value that it passes on.
const SCOPES_MAX: usize = 32;
const PASSED_BYTES_MAX: usize = 256;
/// What applications may pass on to the provider. Nothing of it is part of the protocol's own safety.
pub const PASSED_ON: [&str; 9] = [
    "access_type",
    "acr_values",
    "display",
    "domain_hint",
    "hd",
    "include_granted_scopes",
    "login_hint",
    "prompt",
    "ui_locales",
];

/// What somebody wants to sign in with.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Where the provider sends them back to: the address of `/callback`.
    pub redirect_uri: String,
    /// Scopes beyond those of the provider's registration.
    pub scopes: Vec<String>,
    /// Parameters for the provider; only those of [`PASSED_ON`] are passed on.
    pub parameters: Vec<(String, String)>,
}

/// A request that was made, until it is answered. It holds secrets: keep it sealed. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// What the answer must name.
    pub state: String,
    nonce: Option<String>,
    verifier: Option<String>,
    redirect_uri: String,
}

/// What the provider sends back by way of the browser.
#[derive(Clone, Default)]
pub struct Answered {
    /// Which request it answers.
    pub state: String,
    /// What the tokens are given for.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub issuer: Option<String>,
    /// What went wrong there.
    pub error: Option<String>,
    /// What the provider says about it.
    pub error_description: Option<String>,
    /// The name that Apple gives at the first time, as JSON.
    pub user: Option<String>,
}

impl Oauth {
    /// Where to send somebody who wants to sign in, and what to remember of it.
    pub async fn begin(&self, provider: &Provider, wish: &Wish) -> Result<(Url, Pending), OauthError> {
        let metadata = self.metadata(provider).await?;
        let pending = Pending {
            state: random()?,
            nonce: if provider.has_id_tokens() { Some(random()?) } else { None },
            // Apple knows no PKCE; the nonce binds its answer.
            verifier: if provider.kind == Kind::Apple { None } else { Some(random()?) },
            redirect_uri: wish.redirect_uri.clone(),
        };
        Ok((address(provider, &metadata, wish, &pending), pending))
    }

    /// Who came back from the provider. `pending` must have been removed from where it was kept before this is
    /// called, so that an answer is taken once.
    pub async fn finish(
        &self,
        provider: &Provider,
        pending: &Pending,
        answered: &Answered,
    ) -> Result<SignedIn, OauthError> {
        let is_it: bool = pending.state.as_bytes().ct_eq(answered.state.as_bytes()).into();
        if !is_it {
            return Err(OauthError::State);
        }
        let metadata = self.metadata(provider).await?;
        is_of_issuer(&metadata, answered.issuer.as_deref())?;
        if let Some(error) = &answered.error {
            return Err(refused(error, answered.error_description.as_deref()));
        }
        let code = answered.code.as_deref().filter(|code| !code.is_empty() && code.len() <= CODE_BYTES_MAX);
        let attempt = "read the provider's answer";
        let code = code.ok_or(OauthError::Answer { attempt, why: "there is no code in it" })?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", pending.redirect_uri.as_str()),
        ];
        form.extend(pending.verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
        let granted = self.tokens(provider, &metadata, &form).await?;
        let nonce = pending.nonce.as_deref().map_or(Nonce::None, Nonce::Sent);
        let mut signed_in = self.signed_in(provider, &metadata, granted, nonce).await?;
        if let (Kind::Apple, Some(user)) = (provider.kind, &answered.user) {
            signed_in.profile.named_by_apple(user);
        }
        Ok(signed_in)
    }

    /// Who the tokens are of.
    pub(super) async fn signed_in(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        granted: Granted,
        nonce: Nonce<'_>,
    ) -> Result<SignedIn, OauthError> {
        let Granted { tokens, id_token } = granted;
        let claims = if provider.has_id_tokens() {
            let id_token = id_token.ok_or(IdTokenError::Absent)?;
            let terms = Terms { nonce, access_token: Some(&tokens.access), asked_by: AskedBy::Us };
            Some(self.claims(provider, metadata, &id_token, &terms).await?)
        } else {
            None
        };
        let profile = self.person_by_tokens(provider, metadata, claims, &tokens.access).await?;
        Ok(SignedIn { profile, tokens })
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

/// The address that asks the provider (RFC 6749, 4.1.1; RFC 7636, 4.3).
fn address(provider: &Provider, metadata: &Metadata, wish: &Wish, pending: &Pending) -> Url {
    let mut scopes: Vec<&str> = provider.scopes.iter().map(String::as_str).collect();
    for scope in wish.scopes.iter().filter(|scope| is_scope(scope)).take(SCOPES_MAX) {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    let mut url = metadata.authorization_endpoint.clone();
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", provider.client_id())
        .append_pair("redirect_uri", &pending.redirect_uri)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", &pending.state);
    if let Some(nonce) = &pending.nonce {
        query.append_pair("nonce", nonce);
    }
    if let Some(verifier) = &pending.verifier {
        let challenge = BASE64.encode(Sha256::digest(verifier));
        query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
    }
    if provider.kind == Kind::Apple {
        query.append_pair("response_mode", "form_post"); // It wants this where it is asked for a name.
    }
    for (name, value) in &wish.parameters {
        if PASSED_ON.contains(&name.as_str()) && value.len() <= PASSED_BYTES_MAX {
            query.append_pair(name, value);
        }
    }
    drop(query);
    url
}

/// An answer that says who it is from must be from whoever was asked, and must say it where that is promised
/// (RFC 9207, 2.4).
fn is_of_issuer(metadata: &Metadata, issuer: Option<&str>) -> Result<(), OauthError> {
    let is_it = match issuer {
        Some(issuer) => metadata.is_issuer(issuer, None),
        None => !metadata.names_issuer,
    };
    if is_it { Ok(()) } else { Err(OauthError::MixedUp) }
}

/// A random value, as text that is the same in every encoding.
fn random() -> Result<String, OauthError> {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| OauthError::Random)?;
    Ok(BASE64.encode(bytes))
}
