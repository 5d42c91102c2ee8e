//! The way of a request to a service and back.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use forge_auth::caller::{CallerError, bearer};
use forge_auth::token::TokenError;
use forge_core::{Identity, Role};
use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Body;

use super::{App, Mount, Note};
use crate::problem::Problem;
use crate::{body, compress, route};

const APIKEY: HeaderName = HeaderName::from_static("apikey");

impl App {
    pub(super) async fn mounted<B>(
        &self,
        note: &mut Note,
        mount: &Mount,
        request: Request<B>,
    ) -> Result<Response<Bytes>, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error,
    {
        self.limit_address(note)?;
        refuse_secret_in_browser(request.headers())?;
        let who = match self.identify(request.headers()) {
            Ok(who) => who,
            Err(CallerError::Token(error)) => {
                let told = mount.service.stranger(&error, request.headers());
                return told.ok_or_else(|| Problem::from(CallerError::Token(error)));
            }
            Err(error) => return Err(error.into()),
        };
        note.role = Some(who.role.clone());
        if self.settings.key_required && !has_key(request.headers()) {
            let mut problem =
                Problem::new(StatusCode::UNAUTHORIZED, "PGRST302", "No API key found in request")
                    .hint("send a key in the header `apikey`");
            problem.challenge = Some("Bearer".to_owned());
            return Err(problem);
        }
        self.limit_key(note, &who, request.headers())?;
        let (mut head, received) = request.into_parts();
        let settings = &self.settings;
        let (bytes_max, time_max) = (settings.body_bytes_max, settings.body_read_max);
        let body = body::read(received, &mut head.headers, bytes_max, time_max, &mut note.bytes_in).await?;
        head.uri = route::below(&head.uri, &mount.prefix)
            .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "path_broken", "the path cannot be read"))?;
        head.extensions.insert(note.address);
        let is_head = head.method == Method::HEAD;
        let wanted = if is_head { None } else { compress::wanted(&head.headers) };
        let answer = mount.service.answer(&who, Request::from_parts(head, body));
        let response = tokio::time::timeout(settings.answer_max, answer)
            .await
            .map_err(|_| Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the answer took too long"))?;
        Ok(compress::compress(response, wanted).await)
    }

    /// Who asks, by the headers of a request.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Arc<Identity>, CallerError> {
        let key = text(headers, &APIKEY)?;
        let token = text(headers, &AUTHORIZATION)?.and_then(bearer);
        self.callers.identify(key, token, self.clock.now().as_second())
    }

    pub(super) fn limit_address(&self, note: &Note) -> Result<(), Problem> {
        match &self.addresses {
            Some(limit) if !note.address.is_loopback() => limit.take(note.address).map_err(too_many),
            Some(_) | None => Ok(()),
        }
    }

    /// By user where a token names one, else by the key itself. Who sends none has an address.
    fn limit_key(&self, note: &Note, who: &Identity, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(limit) = &self.keys else { return Ok(()) };
        if note.address.is_loopback() || who.role == Role::Service {
            return Ok(());
        }
        let key = headers.get(APIKEY).or_else(|| headers.get(AUTHORIZATION));
        let taken = match (&who.subject, key) {
            (Some(subject), _) => limit.take((0, subject.as_bytes())),
            (None, Some(key)) => limit.take((1, key.as_bytes())),
            (None, None) => Ok(()),
        };
        taken.map_err(too_many)
    }
}

/// The one value of a header. Two would let a proxy and this server see different callers.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, CallerError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| CallerError::Token(TokenError::Malformed))
        }
        (Some(_), Some(_)) => Err(CallerError::Token(TokenError::Malformed)),
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    let is_there = |name: HeaderName| headers.get(name).is_some_and(|value| !value.is_empty());
    is_there(APIKEY)
        || headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer).is_some()
}

/// A secret key in a page is everybody's: such a page must not work, so that it is noticed.
fn refuse_secret_in_browser(headers: &HeaderMap) -> Result<(), Problem> {
    let is_browser = headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let is_secret = |name: HeaderName| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| bearer(value).unwrap_or(value).starts_with("sb_secret_"))
    };
    if is_browser && (is_secret(APIKEY) || is_secret(AUTHORIZATION)) {
        let message = "Forbidden use of secret API key in browser";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "secret_key_in_browser", message)
            .hint("use the publishable key in pages, and renew this one: whoever saw the page has it"));
    }
    Ok(())
}

fn too_many(wait: Duration) -> Problem {
    // Rounded up: who comes back in time must not be early.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "too many requests")
        .hint("wait as long as Retry-After says")
        .retry_after(seconds)
}
