//! `GET` and `POST /callback`: back from a provider.
//!
//! Whatever happens, the browser is sent on to the application: with a code for a client that keeps a verifier,
//! with a session behind the `#` for one that does not, with an error in both places.

use forge_core::sql::SqlError;
use http::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::arrival::{Arrival, provider_tokens, refusal, settle};
use super::authorize::{Away, away, cookie_name, no_cookie, provider};
use crate::auth::{Auth, retrying};
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};
use crate::oauth::flow::Answered;
use crate::oauth::{OauthError, SignedIn};
use crate::redirect;
use crate::tables::flows::{self, Flow};

/// What the application is sent: parameters of the address, and what is behind the `#`.
struct Outcome {
    query: Vec<(&'static str, String)>,
    fragment: Vec<(&'static str, String)>,
}

pub(super) async fn callback(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let taken = match answered(call) {
        Ok(answered) => take(auth, &answered.state).await.map(|flow| (flow, answered)),
        Err(error) => Err(error),
    };
    let (flow, answered) = match taken {
        Ok(taken) => taken,
        // Nobody knows where they were to go.
        Err(error) => return Ok(sent(&auth.settings.site_url, &Outcome::of_error(&error))),
    };
    let target = redirect::target(&auth.settings, flow.redirect_to.as_deref());
    let outcome = match finish(auth, call, &flow, &answered).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::of_error(&error),
    };
    let reply = sent(&target, &outcome);
    match (provider(auth, &flow.provider), &flow.state_hash, &flow.challenge) {
        (Ok(provider), Some(state), None) => Ok(reply.with(SET_COOKIE, no_cookie(auth, &provider, state))),
        _ => Ok(reply), // There is no cookie.
    }
}

/// What the provider sends, in the address or in a form.
fn answered(call: &Call) -> Result<Answered, AuthError> {
    Ok(Answered {
        state: call.parameter("state")?.ok_or_else(|| AuthError::new(Code::BadOauthState))?,
        code: call.parameter("code")?,
        issuer: call.parameter("iss")?,
        error: call.parameter("error")?,
        error_description: call.parameter("error_description")?,
        user: call.parameter("user")?,
    })
}

/// The flow of a state. It is gone before anything else happens: an answer is taken once.
async fn take(auth: &Auth, state: &str) -> Result<Flow, AuthError> {
    let unknown = || AuthError::new(Code::BadOauthState);
    let rows = auth.sql.read(&[flows::by_state(&auth.seal.digest(state))]).await?;
    let flow = rows.first().and_then(|rows| flows::of_row(rows.first()?)).ok_or_else(unknown)?;
    match auth.sql.write(&[flows::spend(&flow.id)]).await {
        Ok(_) => Ok(flow),
        Err(SqlError::Unmet { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

async fn finish(auth: &Auth, call: &Call, flow: &Flow, answered: &Answered) -> Result<Outcome, AuthError> {
    if flow.expires_at <= auth.now() {
        return Err(AuthError::new(Code::FlowStateExpired));
    }
    let away = away(auth, flow)?;
    is_same_browser(auth, call, flow, &away)?;
    let provider = provider(auth, &flow.provider)?;
    let arrived = auth.oauth.finish(&provider, &away.pending, answered).await;
    let arrived = arrived.map_err(|error| match error {
        // What the person at the provider decided, rather than what the provider holds of us.
        OauthError::Refused { error, description } if answered.error.is_some() => {
            refused_there(&error, description)
        }
        error => refusal(error),
    })?;
    retrying(|| arrive(auth, call, flow, &arrived)).await
}

/// A client without a verifier is the one that was sent away.
fn is_same_browser(auth: &Auth, call: &Call, flow: &Flow, away: &Away) -> Result<(), AuthError> {
    let Some(expected) = &away.cookie else { return Ok(()) };
    let name = cookie_name(flow.state_hash.as_deref().unwrap_or_default());
    let all = call.headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut all = all.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let is_it = all.any(|(named, token)| {
        named == name && auth.seal.digest(token).as_bytes().ct_eq(expected.as_bytes()).into()
    });
    let other = || AuthError::new(Code::BadOauthState).saying("This sign-in began in another browser");
    if is_it { Ok(()) } else { Err(other()) }
}

async fn arrive(auth: &Auth, call: &Call, flow: &Flow, arrived: &SignedIn) -> Result<Outcome, AuthError> {
    let link_to = flow.link_user_id.as_deref();
    let arrival = Arrival { provider: &flow.provider, profile: &arrived.profile, link_to };
    let mut settled = settle(auth, call, &arrival).await?;
    let tokens = provider_tokens(&arrived.tokens);
    let method = &flow.authentication_method;
    if let Some(challenge) = flow.challenge.clone() {
        let secrets: Value = tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect();
        let (user, provider) = (&settled.user.id, &flow.provider);
        let (code, statements) = auth.code(user, challenge, provider, method, Some(&secrets))?;
        settled.statements.extend(statements);
        auth.sql.write(&settled.statements).await?;
        return Ok(Outcome { query: vec![("code", code)], fragment: Vec::new() });
    }
    let opening = auth.opening(call, &settled.user, method)?;
    settled.statements.extend(opening.statements);
    auth.sql.write(&settled.statements).await?;
    let session = auth.tokens(&settled.user.id, &opening.session).await?;
    let said = |name: &str| match &session[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names = ["access_token", "expires_at", "expires_in", "refresh_token", "token_type"];
    let mut fragment: Vec<_> = names.into_iter().map(|name| (name, said(name))).collect();
    fragment.extend(tokens.into_iter().map(|(name, token)| (name, token.to_owned())));
    fragment.push(("sb", String::new()));
    Ok(Outcome { query: Vec::new(), fragment })
}

impl Outcome {
    /// A refusal, by the names of RFC 6749 and of GoTrue.
    fn of_error(error: &AuthError) -> Outcome {
        let name = error.oauth.unwrap_or(match (error.code, error.code.status()) {
            (Code::SignupDisabled | Code::UserBanned, _) | (_, 403) => "access_denied",
            (_, 400) => "invalid_request",
            (_, 401) => "unauthorized_client",
            (_, 503) => "temporarily_unavailable",
            _ => "server_error", // Statuses are numbers; these are the ones that have a name.
        });
        let query = vec![
            ("error", name.to_owned()),
            ("error_code", error.code.name().to_owned()),
            ("error_description", error.message.clone()),
        ];
        let mut fragment = query.clone();
        fragment.push(("sb", String::new()));
        Outcome { query, fragment }
    }
}

/// What went wrong at the provider, by the names that it may have (RFC 6749, 4.1.2.1).
fn refused_there(error: &str, description: Option<String>) -> AuthError {
    let known = [
        "access_denied",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "temporarily_unavailable",
        "login_required",
        "consent_required",
        "interaction_required",
        "account_selection_required",
    ];
    let name = known.into_iter().find(|name| *name == error).unwrap_or("server_error");
    let words = description.filter(|text| !text.is_empty()).unwrap_or_else(|| error.to_owned());
    AuthError::new(Code::BadOauthCallback).saying(words).as_oauth(name)
}

fn sent(target: &str, outcome: &Outcome) -> Reply {
    fn pairs<'a>(all: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
        all.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
    Reply::redirect(redirect::with(target, &pairs(&outcome.query), &pairs(&outcome.fragment)))
}

#[cfg(test)]
pub(super) mod tests;
