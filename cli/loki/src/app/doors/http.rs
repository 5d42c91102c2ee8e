//! The operations over HTTP: `GET /api/operations` tells of them, `POST /api/operations/<name>` carries one out.
//!
//! It stands on the listener that MCP over HTTP has, on the loopback, and lets nobody in who does not have the
//! token. A page in a browser cannot get in either: neither under another host's name nor from another origin.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use loki_mcp::desk::{Call, Desk, Offer};
use loki_operation::{Allow, Refusal, RefusalKind};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Where the operations are.
const PATH: &str = "/api/operations";

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 8 << 20;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Calls that are carried out at the same time.
const CALLS_MAX: usize = 32;

/// Bytes of a key under which a call may be made again.
const KEY_BYTES_MAX: usize = 200;

/// The header that it stands in.
const KEY_HEADER: &str = "idempotency-key";

/// Who is let in.
pub(crate) struct Guard {
    token: String,
    hosts: Vec<String>,
}

/// The door.
pub(crate) struct Door {
    desk: Arc<dyn Desk>,
    allow: Allow,
    guard: Arc<Guard>,
    calls: Semaphore,
}

impl Guard {
    /// Lets in who has `token` and asks for this machine, by one of the loopback's names and this port.
    pub(crate) fn new(token: String, port: u16) -> Self {
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}")).to_vec();
        Self { token, hosts }
    }

    /// The names that this machine is asked for by, each with the port.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The answer to a request that is not let in; `None` where it is. For whatever else stands on the listener.
    pub(crate) fn turns_away(&self, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        self.refuses(headers).map(|(status, refusal)| refused(status, &refusal))
    }

    /// Why a request is not let in.
    fn refuses(&self, headers: &HeaderMap) -> Option<(StatusCode, Refusal)> {
        let forbidden = |code, message: &str, next: &str| {
            let refusal = Refusal::new(RefusalKind::Denied, code, message).next(next);
            Some((StatusCode::FORBIDDEN, refusal))
        };
        let ours = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if !one(headers, HOST.as_str()).is_some_and(ours) {
            return forbidden(
                "wrong_host",
                "the request is for another host",
                "Ask 127.0.0.1, with the port.",
            );
        }
        if headers.contains_key(ORIGIN) {
            let origin = one(headers, ORIGIN.as_str()).and_then(|origin| origin.strip_prefix("http://"));
            if !origin.is_some_and(ours) {
                let next = "Make the request from a program, not from another site's page.";
                return forbidden("wrong_origin", "the request comes from another origin", next);
            }
        }
        let shown = one(headers, AUTHORIZATION.as_str()).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        // An empty token opens nothing, whatever is configured.
        let fits = shown.is_some_and(|token| {
            !self.token.is_empty() && bool::from(token.as_bytes().ct_eq(self.token.as_bytes()))
        });
        (!fits).then(|| {
            let refusal = Refusal::new(RefusalKind::Denied, "no_token", "the request shows no valid token")
                .next("Send `Authorization: Bearer TOKEN`; `loki mcp --http` says where the token is kept.");
            (StatusCode::UNAUTHORIZED, refusal)
        })
    }
}

impl Door {
    /// A door before `desk`, for whoever may do `allow` and is let in by `guard`.
    pub(crate) fn new(desk: Arc<dyn Desk>, allow: Allow, guard: Arc<Guard>) -> Self {
        Self { desk, allow, guard, calls: Semaphore::new(CALLS_MAX) }
    }

    /// Whether a path is one that this door answers at.
    pub(crate) fn is_at(path: &str) -> bool {
        path == PATH || path.strip_prefix(PATH).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Answers a request. Dropping the future cancels the call.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self.try_answer(request).await {
            Ok(told) => response(StatusCode::OK, &told),
            Err((status, refusal)) => refused(status, &refusal),
        }
    }

    async fn try_answer<B>(&self, request: Request<B>) -> Result<Value, (StatusCode, Refusal)>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Some(refused) = self.guard.refuses(&parts.headers) {
            return Err(refused);
        }
        let name = parts.uri.path().strip_prefix(PATH).unwrap_or_default().trim_start_matches('/');
        match (&parts.method, name) {
            (&Method::GET, "") => {
                let offers: Vec<Value> = self.desk.offers().iter().map(told).collect();
                Ok(json!({ "operations": offers }))
            }
            (&Method::GET, name) => {
                let offers = self.desk.offers();
                offers.iter().find(|offer| offer.name == name).map(told).ok_or_else(|| unknown(name))
            }
            (&Method::POST, name) if !name.is_empty() => self.call(name, &parts.headers, body).await,
            (_, _) => Err(method_not_allowed()),
        }
    }

    async fn call<B>(&self, name: &str, headers: &HeaderMap, body: B) -> Result<Value, (StatusCode, Refusal)>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !is_json(headers) {
            let refusal = Refusal::new(RefusalKind::Input, "not_json", "the body must be `application/json`")
                .next("Send `Content-Type: application/json`.");
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal));
        }
        let key = key(headers)?;
        let Ok(_turn) = self.calls.try_acquire() else {
            let message = format!("{CALLS_MAX} calls are being carried out already");
            let refusal = Refusal::new(RefusalKind::Conflict, "too_many_calls", message)
                .next("Make the call again when others have ended.");
            return Err((StatusCode::TOO_MANY_REQUESTS, refusal));
        };
        let input = read(body).await?;
        let call = Call { idempotency_key: key.as_deref(), ..Call::new("http", &self.allow) };
        match self.desk.call(name, input, &call).await {
            Ok(answer) => Ok(json!({
                "summary": answer.summary,
                "data": answer.data,
                "untrusted": answer.untrusted,
            })),
            Err(refusal) => Err((status(&refusal), refusal)),
        }
    }
}

/// The answer at a path where there is nothing.
pub(crate) fn nothing_here(path: &str) -> Response<Full<Bytes>> {
    let shown: String = path.chars().take(80).collect();
    let refusal = Refusal::new(RefusalKind::Unknown, "not_found", format!("there is nothing at `{shown}`"))
        .next("Operations are at `/api/operations`, and MCP is at `/mcp`.");
    refused(StatusCode::NOT_FOUND, &refusal)
}

/// The value of a header that stands there once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = one(headers, CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next());
    media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, (StatusCode, Refusal)> {
    if !headers.contains_key(KEY_HEADER) {
        return Ok(None);
    }
    let fits = |key: &&str| {
        !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    one(headers, KEY_HEADER).filter(fits).map(|key| Some(key.to_owned())).ok_or_else(|| {
        let message = format!("`Idempotency-Key` is one key of 1 to {KEY_BYTES_MAX} visible characters");
        let refusal =
            Refusal::new(RefusalKind::Input, "invalid_key", message).next("Send a UUID, for instance.");
        (StatusCode::BAD_REQUEST, refusal)
    })
}

async fn read<B>(body: B) -> Result<Value, (StatusCode, Refusal)>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let refused = |status, code, message: String, next: &str| {
        Err((status, Refusal::new(RefusalKind::Input, code, message).next(next)))
    };
    let too_large = || {
        let message = format!("the body has more than {BODY_BYTES_MAX} bytes");
        let next = "Make the call with less at a time.";
        refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message, next)
    };
    // Who says beforehand that it is too large need not send it.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return too_large();
    }
    let read = Box::pin(Limited::new(body, BODY_BYTES_MAX).collect());
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return too_large();
        }
        Ok(Err(_broken)) => {
            let message = "the body broke off".to_owned();
            return refused(StatusCode::BAD_REQUEST, "broken_body", message, "Make the request again.");
        }
        Err(_elapsed) => {
            let message = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            return refused(StatusCode::REQUEST_TIMEOUT, "slow_body", message, "Make the request again.");
        }
    };
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(&bytes) {
        Ok(input) => Ok(input),
        // Where it goes wrong is told, what stands there is not.
        Err(error) => {
            let message = format!("the body is no JSON: line {}, column {}", error.line(), error.column());
            refused(StatusCode::BAD_REQUEST, "malformed_json", message, "Send a JSON object.")
        }
    }
}

fn told(offer: &Offer) -> Value {
    json!({
        "name": offer.name,
        "group": offer.group,
        "summary": offer.summary,
        "access": offer.access,
        "cost": offer.cost,
        "idempotent": offer.idempotent,
        "input_schema": offer.input_schema,
        "output_schema": offer.output_schema,
    })
}

fn unknown(name: &str) -> (StatusCode, Refusal) {
    let shown: String = name.chars().take(80).collect();
    let refusal =
        Refusal::new(RefusalKind::Unknown, "unknown_operation", format!("there is no operation `{shown}`"))
            .next("List them with `GET /api/operations`.");
    (StatusCode::NOT_FOUND, refusal)
}

fn method_not_allowed() -> (StatusCode, Refusal) {
    let message = "operations are told of with GET and carried out with POST";
    let refusal = Refusal::new(RefusalKind::Input, "method_not_allowed", message)
        .next("POST to `/api/operations/<name>`.");
    (StatusCode::METHOD_NOT_ALLOWED, refusal)
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn refused(status: StatusCode, refusal: &Refusal) -> Response<Full<Bytes>> {
    let mut response = response(status, &refusal.to_json());
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
