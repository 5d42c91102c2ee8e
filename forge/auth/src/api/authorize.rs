//! `GET /authorize`: off to a provider.
//!
//! What is needed on the way back is in a row that is found by the digest of `state` and used once. A client that
//! keeps a verifier (PKCE) is the only one that can take what comes back. One that does not is bound by a cookie,
//! so that nobody can be sent through the end of somebody else's sign-in.

use std::sync::Arc;

use http::StatusCode;
use http::header::{HOST, SET_COOKIE};
use serde::{Deserialize, Serialize};
use url::Url;

use super::arrival::refusal;
use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::oauth::flow::{PASSED_ON, Pending, Wish};
use crate::oauth::provider::Provider;
use crate::tables::flows::{self, Flow};
use crate::{pkce, random, redirect};

/// Seconds for which somebody may be away at the provider.
pub(super) const AWAY_SECONDS: i64 = 600;
/// What the secrets of a flow are sealed for.
const PURPOSE: &str = "oauth";
/// A parameter that says that the browser was sent to the service's own address already.
const AT_HOME: &str = "at_home";

/// What must stay secret while somebody is away.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Away {
    pub(super) pending: Pending,
    /// The digest of the cookie of the browser that was sent away.
    pub(super) cookie: Option<String>,
}

/// Somebody who is about to go.
pub(super) struct Departure {
    /// Where to.
    pub(super) url: Url,
    /// A cookie that the browser must bring back.
    cookie: Option<String>,
}

pub(super) async fn authorize(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    auth.count_request(call)?;
    let challenge = pkce::challenge(call)?;
    // A cookie counts only for the address that the provider sends people back to.
    if challenge.is_none()
        && let Some(home) = home(auth, call)
    {
        return Ok(found(home));
    }
    let departure = depart(auth, call, challenge, None).await?;
    let reply = found(departure.url.into());
    Ok(match departure.cookie {
        Some(cookie) => reply.with(SET_COOKIE, cookie),
        None => reply,
    })
}

/// Sends somebody to the provider that the request names; `link_to` is the user who wants to link it.
pub(super) async fn depart(
    auth: &Auth,
    call: &Call,
    challenge: Option<pkce::Challenge>,
    link_to: Option<&str>,
) -> Result<Departure, AuthError> {
    let name = call.query.get("provider").map(String::as_str).unwrap_or_default();
    let provider = provider(auth, name)?;
    let wish = Wish {
        redirect_uri: format!("{}/callback", auth.settings.external_url),
        scopes: scopes(call),
        parameters: PASSED_ON
            .iter()
            .filter_map(|&name| Some((name.to_owned(), call.query.get(name)?.clone())))
            .collect(),
    };
    let (url, pending) = auth.oauth.begin(&provider, &wish).await.map_err(refusal)?;
    let state_hash = auth.seal.digest(&pending.state);
    let bound = challenge.is_none() && link_to.is_none();
    let token = if bound { Some(random::token()?) } else { None };
    let cookie = token.as_deref().map(|token| cookie(auth, &provider, &state_hash, token, AWAY_SECONDS));
    let away = Away { pending, cookie: token.as_deref().map(|token| auth.seal.digest(token)) };
    let away = serde_json::to_vec(&away).map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    let now = auth.now();
    let flow = Flow {
        id: random::uuid()?,
        user_id: None,
        link_user_id: link_to.map(str::to_owned),
        state_hash: Some(state_hash),
        auth_code_hash: None,
        challenge,
        provider: provider.name().to_owned(),
        authentication_method: "oauth".to_owned(),
        secrets: Some(auth.seal.close(PURPOSE, &away)?),
        redirect_to: Some(redirect::target(&auth.settings, call.wanted_redirect().as_deref())),
        created_at: now,
        expires_at: auth.after(now, AWAY_SECONDS),
    };
    auth.sql.write(&flows::insert(&flow, now)).await?;
    Ok(Departure { url, cookie })
}

/// What was kept of somebody who was sent away.
pub(super) fn away(auth: &Auth, flow: &Flow) -> Result<Away, AuthError> {
    let failed = || AuthError::new(Code::UnexpectedFailure);
    let sealed = flow.secrets.as_deref().ok_or_else(failed)?;
    serde_json::from_slice(&auth.seal.open(PURPOSE, sealed)?).map_err(|_| failed())
}

/// The provider of a name, if people may sign in with it.
pub(super) fn provider(auth: &Auth, name: &str) -> Result<Arc<Provider>, AuthError> {
    let found = auth.providers.iter().find(|provider| provider.name() == name);
    let unknown = || AuthError::invalid("Unsupported provider: provider is not enabled");
    found.cloned().ok_or_else(unknown)
}

/// A cookie that only the browser has which was sent away. Without a `token` it is taken away again.
fn cookie(auth: &Auth, provider: &Provider, state_hash: &str, token: &str, seconds: i64) -> String {
    let home = Url::parse(&auth.settings.external_url).ok();
    let is_secure = home.as_ref().is_some_and(|home| home.scheme() == "https");
    let path = home.as_ref().map_or("", Url::path).trim_end_matches('/');
    // A form that the provider's page sends brings only cookies that say so, which must be secure ones.
    let site = if provider.answers_by_form() && is_secure { "None" } else { "Lax" };
    let secure = if is_secure { "; Secure" } else { "" };
    let name = cookie_name(state_hash);
    format!("{name}={token}; Path={path}/callback; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}")
}

/// The cookie of a flow, which is no longer needed.
pub(super) fn no_cookie(auth: &Auth, provider: &Provider, state_hash: &str) -> String {
    cookie(auth, provider, state_hash, "", 0)
}

/// The name of the cookie of a flow: several may be under way in one browser.
pub(super) fn cookie_name(state_hash: &str) -> String {
    format!("sb-flow-{}", state_hash.get(..16).unwrap_or(state_hash))
}

/// The same request at the service's own address, where the browser is at another one of the same server.
fn home(auth: &Auth, call: &Call) -> Option<String> {
    let host = call.headers.get(HOST)?.to_str().ok()?;
    let mut home = Url::parse(&format!("{}/authorize", auth.settings.external_url)).ok()?;
    let authority = match home.port() {
        Some(port) => format!("{}:{port}", home.host_str()?),
        None => home.host_str()?.to_owned(),
    };
    // Behind a proxy that names another host the browser is at home all the same, so it is sent there once.
    if host.eq_ignore_ascii_case(&authority) || call.query.contains_key(AT_HOME) {
        return None;
    }
    home.query_pairs_mut().extend_pairs(&call.query).append_pair(AT_HOME, "1");
    Some(home.into())
}

fn scopes(call: &Call) -> Vec<String> {
    let scopes = call.query.get("scopes").map(String::as_str).unwrap_or_default();
    scopes.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

fn found(url: String) -> Reply {
    Reply { status: StatusCode::FOUND, ..Reply::redirect(url) }
}
