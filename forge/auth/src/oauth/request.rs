//! One request to a provider, and what its answer means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::{self, Serializer};

use super::discovery::{ClientAuth, Metadata};
use super::outbound::{Incoming, Outgoing, Reach};
use super::provider::{Credential, Provider};
use super::{Oauth, OauthError, Tokens, apple};

/// Bytes of a token of a provider.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Bytes of what a provider says about an error.
const DESCRIPTION_BYTES_MAX: usize = 256;
const GET_TOKENS: &str = "get tokens from the provider";

/// A request to a provider.
pub(super) struct Ask {
    attempt: &'static str,
    request: Outgoing,
}

/// An answer that is one.
pub(super) struct Answer {
    attempt: &'static str,
    pub(super) body: Bytes,
}

/// Tokens as they are granted.
pub(super) struct Granted {
    pub(super) tokens: Tokens,
    pub(super) id_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    token_type: Option<String>,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

/// An error as RFC 6749, 5.2 has it.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
    error_description: Option<String>,
}

impl Ask {
    /// Asks for a document.
    pub(super) fn get(attempt: &'static str, url: Url, reach: Reach) -> Ask {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ask { attempt, request: Outgoing { method: Method::GET, url, headers, body: Bytes::new(), reach } }
    }

    /// Sends a form.
    fn post(attempt: &'static str, url: Url, reach: Reach, form: &[(&str, &str)]) -> Ask {
        let mut ask = Ask::get(attempt, url, reach);
        ask.request.method = Method::POST;
        ask.request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        ask.request.body = Serializer::new(String::new()).extend_pairs(form).finish().into();
        ask
    }

    /// In the name of whoever the token is of.
    pub(super) fn bearing(mut self, token: &str) -> Result<Ask, OauthError> {
        let attempt = self.attempt;
        let header = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut header = header.map_err(|_| OauthError::Answer { attempt, why: "the token is no header" })?;
        header.set_sensitive(true);
        self.request.headers.insert(AUTHORIZATION, header);
        Ok(self)
    }
}

impl Answer {
    /// What it says, as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, OauthError> {
        let attempt = self.attempt;
        serde_json::from_slice(&self.body)
            .map_err(|_| OauthError::Answer { attempt, why: "the answer is not what it must be" })
    }
}

impl Oauth {
    /// Sends the request; anything but success is an error, named where the provider names it.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, OauthError> {
        let attempt = ask.attempt;
        let sent = self.outbound.send(ask.request).await;
        let Incoming { status, body, .. } =
            sent.map_err(|source| OauthError::Unreachable { attempt, source })?;
        if status == StatusCode::OK {
            return Ok(Answer { attempt, body });
        }
        match serde_json::from_slice::<ErrorAnswer>(&body) {
            Ok(error) if status.is_client_error() => {
                Err(refused(&error.error, error.error_description.as_deref()))
            }
            _ => Err(OauthError::Status { attempt, status: status.as_u16() }),
        }
    }

    /// Sends a form as the application.
    pub(super) async fn post(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        attempt: &'static str,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<Answer, OauthError> {
        let mut form = form.to_vec();
        let id = provider.client_id();
        let signed;
        let mut header = None;
        match &provider.credential {
            Credential::Public => form.push(("client_id", id)),
            Credential::Secret(secret) if metadata.client_auth == ClientAuth::Header => {
                header = Some(basic(id, secret)?);
                // Slack and GitLab want to see it here as well, and nobody minds.
                form.push(("client_id", id));
            }
            Credential::Secret(secret) => form.extend([("client_id", id), ("client_secret", secret)]),
            Credential::Apple { team_id, key_id, private_key } => {
                signed = apple::client_secret(team_id, key_id, private_key, id, self.clock.now())?;
                form.extend([("client_id", id), ("client_secret", signed.as_str())]);
            }
        }
        let mut ask = Ask::post(attempt, url.clone(), provider.reach, &form);
        ask.request.headers.extend(header.map(|header| (AUTHORIZATION, header)));
        self.ask(ask).await
    }

    /// Gets tokens for what `form` shows.
    pub(super) async fn tokens(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        form: &[(&str, &str)],
    ) -> Result<Granted, OauthError> {
        let answer = self.post(provider, metadata, GET_TOKENS, &metadata.token_endpoint, form).await?;
        // GitHub tells of errors with the status of success.
        if let Ok(error) = answer.json::<ErrorAnswer>() {
            return Err(refused(&error.error, error.error_description.as_deref()));
        }
        let tokens: TokenAnswer = answer.json()?;
        let attempt = GET_TOKENS;
        let is_bearer = tokens.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let access = tokens.access_token.filter(|token| !token.is_empty());
        let (Some(access), true) = (access, is_bearer) else {
            return Err(OauthError::Answer { attempt, why: "there is no token in the answer" });
        };
        if access.len() > TOKEN_BYTES_MAX
            || tokens.refresh_token.as_ref().is_some_and(|t| t.len() > TOKEN_BYTES_MAX)
        {
            return Err(OauthError::Answer { attempt, why: "a token is too long" });
        }
        Ok(Granted { tokens: Tokens { access, refresh: tokens.refresh_token }, id_token: tokens.id_token })
    }
}

/// A refusal in the provider's words, as far as they are fit to be passed on.
pub(super) fn refused(error: &str, description: Option<&str>) -> OauthError {
    let is_name = !error.is_empty()
        && error.len() <= 64
        && error.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let error = if is_name { error } else { "server_error" };
    let shown = |text: &str| {
        let mut shown: String = text.chars().filter(|c| !c.is_control()).collect();
        shown.truncate(shown.floor_char_boundary(DESCRIPTION_BYTES_MAX));
        shown
    };
    OauthError::Refused { error: error.to_owned(), description: description.map(shown) }
}

/// The header that shows a secret (RFC 6749, 2.3.1: both parts are encoded as forms are).
fn basic(id: &str, secret: &str) -> Result<HeaderValue, OauthError> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut header = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| OauthError::Key)?;
    header.set_sensitive(true);
    Ok(header)
}
