//! `POST /token?grant_type=id_token`: an ID token that an application got from a provider by itself.

use super::arrival::{Arrival, refusal, settle};
use super::authorize::provider;
use crate::auth::{Auth, could_be_surer, retrying};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::oauth::id_token::{self, Brought};
use crate::oauth::{OauthError, provider::Provider};
use std::sync::Arc;

pub(super) async fn sign_in(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let token = long(call, "id_token")?.ok_or_else(|| AuthError::invalid("id_token required"))?;
    let provider = named(auth, call, &token)?;
    let link_to = if call.flag("link_identity")?.unwrap_or_default() {
        if !auth.settings.manual_linking {
            return Err(AuthError::new(Code::ManualLinkingDisabled));
        }
        let signed = auth.signed(call).await?;
        if could_be_surer(&signed) {
            return Err(AuthError::new(Code::InsufficientAal));
        }
        Some(signed.user.id)
    } else {
        None
    };
    let (access_token, nonce) = (long(call, "access_token")?, call.text("nonce")?);
    let brought =
        Brought { id_token: &token, access_token: access_token.as_deref(), nonce: nonce.as_deref() };
    let profile = auth.oauth.bearer(&provider, &brought).await.map_err(|error| match error {
        OauthError::IdToken(error) => {
            AuthError::new(Code::InvalidCredentials).saying(format!("Bad ID token: {error}"))
        }
        error => refusal(error),
    })?;
    let arrival = Arrival { provider: provider.name(), profile: &profile, link_to: link_to.as_deref() };
    let (user, session) = retrying(async || {
        let mut settled = settle(auth, call, &arrival).await?;
        let opening = auth.opening(call, &settled.user, "oauth")?;
        settled.statements.extend(opening.statements);
        auth.sql.write(&settled.statements).await?;
        Ok((settled.user.id, opening.session))
    })
    .await?;
    auth.opened(&user, &session).await
}

/// The provider that the request names, or whose issuer it or the token names.
fn named(auth: &Auth, call: &Call, token: &str) -> Result<Arc<Provider>, AuthError> {
    if let Some(name) = call.text("provider")? {
        return provider(auth, &name);
    }
    let issuer = call.text("issuer")?.or_else(|| id_token::issuer(token)).unwrap_or_default();
    let found = auth.providers.iter().find(|provider| provider.is_of(&issuer));
    found.cloned().ok_or_else(|| AuthError::invalid("Unsupported provider: provider is not enabled"))
}

/// A token in the body, which may be longer than other texts are.
fn long(call: &Call, name: &str) -> Result<Option<String>, AuthError> {
    const BYTES_MAX: usize = 16 * 1024;
    match call.body.get(name) {
        Some(serde_json::Value::String(text)) if !text.is_empty() && text.len() <= BYTES_MAX => {
            Ok(Some(text.clone()))
        }
        Some(serde_json::Value::String(text)) if text.is_empty() => Ok(None),
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(_) => Err(AuthError::invalid(format!("`{name}` is a text of at most {BYTES_MAX} bytes"))),
    }
}

#[cfg(test)]
mod tests;
