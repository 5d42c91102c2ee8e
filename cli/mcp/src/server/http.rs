//! The protocol over HTTP: one address, answers as JSON or as a stream that can be taken up again.
//!
//! What is no message is answered before the protocol sees it. Who may come at all is decided before: by whoever
//! listens (the token), and here once more (the host's name, the page's origin).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use rmcp::ServerHandler;
use rmcp::model::{ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use super::stream::{MESSAGE_BYTES_MAX, parse};

/// How long a message may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Sessions at a time.
const SESSIONS_MAX: usize = 128;

/// How long a session may be silent.
const SESSION_IDLE_MAX: Duration = Duration::from_secs(30 * 60);

/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// An answer: whole, or a stream that is still being written.
pub type Answer = Response<BoxBody<Bytes, Infallible>>;

/// The address at which the protocol is spoken.
pub struct Endpoint<H> {
    service: StreamableHttpService<H, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
}

impl<H: ServerHandler> Endpoint<H> {
    /// An address that is asked for by one of these names, with its port; `make` makes what answers a session.
    pub fn new(make: impl Fn() -> H + Send + Sync + 'static, hosts: &[String]) -> Self {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(SESSION_IDLE_MAX);
        let sessions = Arc::new(sessions);
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(hosts)
            .with_allowed_origins(hosts.iter().map(|host| format!("http://{host}")))
            .enforce_origin_validation()
            .with_max_request_body_bytes(MESSAGE_BYTES_MAX);
        let service = StreamableHttpService::new(move || Ok(make()), Arc::clone(&sessions), config);
        Self { service, sessions }
    }

    /// Answers a request. Dropping the future cancels what it asked for.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + std::fmt::Display,
    {
        if request.method() != Method::POST {
            return self.service.handle(request).await;
        }
        let begins = !request.headers().contains_key(SESSION);
        if begins && self.sessions.sessions.read().await.len() >= SESSIONS_MAX {
            let message = format!("{SESSIONS_MAX} sessions are open already; end one with DELETE");
            let error = ErrorData::new(ErrorCode(-32000), message, None);
            return refused(StatusCode::SERVICE_UNAVAILABLE, error, None);
        }
        let (parts, body) = request.into_parts();
        match read(body).await {
            Ok(body) => self.service.handle(Request::from_parts(parts, Full::new(body))).await,
            Err(refused) => *refused,
        }
    }
}

/// A body that is a message, or the answer to one that is not.
async fn read<B>(body: B) -> Result<Bytes, Box<Answer>>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let refuse = |status, error, id| Err(Box::new(refused(status, error, id)));
    let too_long = || {
        let message = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
        ErrorData::invalid_request(message, None)
    };
    // Who says beforehand that it is too long need not send it.
    if body.size_hint().lower() > MESSAGE_BYTES_MAX as u64 {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, too_long(), None);
    }
    let read = Box::pin(Limited::new(body, MESSAGE_BYTES_MAX).collect());
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, too_long(), None);
        }
        Ok(Err(_broken)) => {
            let error = ErrorData::invalid_request("the message broke off", None);
            return refuse(StatusCode::BAD_REQUEST, error, None);
        }
        Err(_elapsed) => {
            let error = ErrorData::invalid_request("the message did not arrive in time", None);
            return refuse(StatusCode::REQUEST_TIMEOUT, error, None);
        }
    };
    match parse(&bytes) {
        Ok(_message) => Ok(bytes),
        Err((error, id)) => refuse(StatusCode::BAD_REQUEST, error, id),
    }
}

fn refused(status: StatusCode, error: ErrorData, id: Option<RequestId>) -> Answer {
    let message: ServerJsonRpcMessage = JsonRpcMessage::error(error, id);
    let body = serde_json::to_vec(&message).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
