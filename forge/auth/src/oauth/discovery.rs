//! What providers say of themselves: the discovery document of an issuer and the keys that it signs with, both
//! kept for a while.
//!
//! Whoever signs in may make the server ask, so there are bounds on how often it does: a document is asked for
//! by one request at a time, a provider that fails is left alone for some seconds, and a token that names a key
//! nobody knows makes the keys be read again at most once a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use loki_store::Timestamp;
use serde::Deserialize;
use url::Url;

use super::jws::Jwks;
use super::provider::{Provider, Source};
use super::request::Ask;
use super::{Oauth, OauthError};

/// Seconds for which a document is kept.
const KEPT_SECONDS: i64 = 3_600;
/// Seconds before keys are read again because a token names another one.
const KEYS_SECONDS_MIN: i64 = 60;
/// Seconds for which a provider that failed is left alone.
const REST_SECONDS: i64 = 5;
/// Documents of one kind that are kept.
const DOCUMENTS_MAX: usize = 64;
/// What stands for the tenant in the issuer of Microsoft's shared documents.
const TENANT: &str = "{tenantid}";

/// What a provider says of itself (OpenID Connect Discovery 1.0; RFC 8414).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) device_authorization_endpoint: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) jwks_uri: Option<Url>,
    /// Whether its answers name the issuer (RFC 9207).
    pub(crate) names_issuer: bool,
    pub(crate) client_auth: ClientAuth,
}

/// How a secret is shown to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// In the header `Authorization`.
    Header,
    /// In the body.
    Body,
}

/// Documents of providers that were read.
#[derive(Default)]
pub(super) struct Documents {
    metadata: Kept<Metadata>,
    keys: Kept<Jwks>,
}

/// Documents by their address. One request at a time asks for each.
struct Kept<T>(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot<T>>>>>);

struct Slot<T> {
    value: Option<(Arc<T>, Timestamp)>,
    failed_at: Option<Timestamp>,
}

/// The document as it is written.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    device_authorization_endpoint: Option<Url>,
    userinfo_endpoint: Option<Url>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Oauth {
    /// What a provider says of itself.
    pub(super) async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, OauthError> {
        let issuer = match &provider.source {
            Source::Known(known) => return Ok(Arc::new(known.metadata.clone())),
            Source::Issuer(issuer) => issuer,
        };
        let attempt = "read what the provider says of itself";
        let read = async {
            let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            let url = Url::parse(&url).map_err(|_| OauthError::Answer { attempt, why: "no address" })?;
            let document: Document = self.ask(Ask::get(attempt, url, provider.reach)).await?.json()?;
            document.checked(provider, issuer).map_err(|why| OauthError::Answer { attempt, why })
        };
        let is_wanted = |_: &Metadata, _: i64| true;
        self.documents.metadata.get(issuer, self.clock.now(), attempt, is_wanted, read).await
    }

    /// The keys of a provider, read again where none of them may have signed by `kid`.
    pub(super) async fn keys(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        kid: Option<&str>,
    ) -> Result<Arc<Jwks>, OauthError> {
        let url = metadata.jwks_uri.clone().ok_or(OauthError::Unsupported { what: "keys" })?;
        let attempt = "read the keys of the provider";
        let address = url.to_string();
        let read = async {
            let answer = self.ask(Ask::get(attempt, url, provider.reach)).await?;
            Jwks::read(&answer.body).map_err(|why| OauthError::Answer { attempt, why })
        };
        let is_wanted = |keys: &Jwks, age: i64| keys.has(kid) || age < KEYS_SECONDS_MIN;
        self.documents.keys.get(&address, self.clock.now(), attempt, is_wanted, read).await
    }
}

impl Metadata {
    /// Whether `issuer` is the one of this document. Where that is one for many tenants (Microsoft's), the
    /// issuer has the identifier of one in its place; `tenant` is the one it must be, where that is known.
    pub(super) fn is_issuer(&self, issuer: &str, tenant: Option<&str>) -> bool {
        let Some((head, tail)) = self.issuer.split_once(TENANT) else { return self.issuer == issuer };
        let named = issuer.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        let is_id = |id: &str| id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        named.is_some_and(|id| is_id(id) && tenant.is_none_or(|tenant| tenant == id))
    }

    /// Whether the issuer stands for many tenants.
    pub(super) fn is_shared(&self) -> bool {
        self.issuer.contains(TENANT)
    }
}

impl Document {
    /// The document, if it is the one of `issuer` and every address in it is within reach.
    fn checked(self, provider: &Provider, issuer: &str) -> Result<Metadata, &'static str> {
        let is_it =
            self.issuer == issuer || (provider.has_many_tenants() && is_template(&self.issuer, issuer));
        if !is_it {
            return Err("its document names another issuer");
        }
        let within = |url: &Url| provider.reach.admits(url);
        let optional = [&self.device_authorization_endpoint, &self.userinfo_endpoint];
        let needed = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        if !needed.into_iter().chain(optional.into_iter().flatten()).all(within) {
            return Err("its document names an address that may not be used");
        }
        // Where nothing is said, it is the header (Discovery 1.0, 3). Apple and others take only the body.
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let has = |method: &str| methods.iter().any(|one| one == method);
        let is_header = methods.is_empty() || has("client_secret_basic") || !has("client_secret_post");
        Ok(Metadata {
            issuer: self.issuer,
            authorization_endpoint: self.authorization_endpoint,
            token_endpoint: self.token_endpoint,
            device_authorization_endpoint: self.device_authorization_endpoint,
            userinfo_endpoint: self.userinfo_endpoint,
            jwks_uri: Some(self.jwks_uri),
            names_issuer: self.authorization_response_iss_parameter_supported,
            client_auth: if is_header { ClientAuth::Header } else { ClientAuth::Body },
        })
    }
}

/// Whether the document of a shared tenant names itself as Microsoft does: at the same place, with what stands
/// for any tenant, or with the identifier of the tenant that personal accounts have.
fn is_template(named: &str, issuer: &str) -> bool {
    const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let Ok(url) = Url::parse(issuer) else { return false };
    let Some(tenant) = url.path_segments().and_then(|mut path| path.next()) else { return false };
    let shown = format!("/{tenant}/");
    [TENANT, PERSONAL].iter().any(|id| issuer.replacen(&shown, &format!("/{id}/"), 1) == named)
}

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept(Mutex::default())
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot { value: None, failed_at: None }
    }
}

impl<T> Kept<T> {
    fn slot(&self, address: &str) -> Arc<tokio::sync::Mutex<Slot<T>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = all.get(address) {
            return Arc::clone(slot);
        }
        if all.len() >= DOCUMENTS_MAX {
            all.clear(); // They can be read again.
        }
        Arc::clone(all.entry(address.to_owned()).or_default())
    }

    /// The document at `address`: the one that is kept, if it is young and `is_wanted` (given its age in
    /// seconds), else the one that `read` gives.
    async fn get(
        &self,
        address: &str,
        now: Timestamp,
        attempt: &'static str,
        is_wanted: impl Fn(&T, i64) -> bool,
        read: impl Future<Output = Result<T, OauthError>>,
    ) -> Result<Arc<T>, OauthError> {
        let slot = self.slot(address);
        let mut slot = slot.lock().await;
        let age = |at: Timestamp| now.as_second().saturating_sub(at.as_second());
        if let Some((value, at)) = &slot.value
            && age(*at) < KEPT_SECONDS
            && is_wanted(value, age(*at))
        {
            return Ok(Arc::clone(value));
        }
        if slot.failed_at.is_some_and(|at| age(at) < REST_SECONDS) {
            return Err(OauthError::Resting { attempt });
        }
        match read.await {
            Ok(value) => {
                let value = Arc::new(value);
                *slot = Slot { value: Some((Arc::clone(&value), now)), failed_at: None };
                Ok(value)
            }
            Err(error) => {
                slot.failed_at = Some(now);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
