//! HTTP to a started process. What answers is as hostile as the command: everything is bounded.

use std::io;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Method, Response, Uri, client::conn::http1};
use hyper_util::rt::TokioIo;
use loki_engine::tool::ToolError;
use loki_sandbox::Process;
use loki_sandbox::workshop::Kept;

use super::output;
use crate::files::shown;

/// The methods that may be asked with.
pub(super) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Bytes of a path with its query.
const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a body that are read; it ends there.
const BODY_BYTES_MAX: u64 = 8 << 20;
/// Headers that are shown, and bytes of one.
const HEADERS_SHOWN_MAX: usize = 50;
const HEADER_BYTES_SHOWN: usize = 500;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// Path and query.
    pub(super) path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// An answer, bounded.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Such as `200 OK`.
    pub(super) status_line: String,
    /// Names and values, as they may be shown.
    headers: Vec<String>,
    body: Kept,
    /// True where more came than is read.
    cut: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nothing took the connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// What came is no HTTP, or ended too early.
    #[error("no usable HTTP answer: {0}")]
    Speak(hyper::Error),
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Form(hyper::http::Error),
}

impl Request {
    /// A GET of a path that was checked.
    pub(super) fn get(path: &str) -> Request {
        Request { method: "GET", path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A request whose path was checked, with one of [`METHODS`].
    pub(super) fn new(
        method: &'static str,
        path: String,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Request, ToolError> {
        let bad = |name: &str| {
            let message = format!("`{}` is no header that can be sent", shown(name.as_bytes()));
            ToolError::new(
                "bad_input",
                message,
                Some("give names and values as in `Authorization: Bearer x`"),
            )
        };
        let headers = headers.iter().map(|(name, value)| {
            let parsed = (HeaderName::try_from(*name), HeaderValue::try_from(*value));
            match parsed {
                (Ok(name), Ok(value)) => Ok((name, value)),
                _ => Err(bad(name)),
            }
        });
        let headers = headers.collect::<Result<_, _>>()?;
        Ok(Request { method, path, headers, body: Bytes::copy_from_slice(body.as_bytes()) })
    }
}

/// A path, with a query or without, that can be asked for.
pub(super) fn checked_path(path: &str) -> Result<String, ToolError> {
    let fits = path.starts_with('/') && path.len() <= PATH_BYTES_MAX;
    let uri = fits.then(|| path.parse::<Uri>().ok()).flatten();
    match uri.filter(|uri| uri.host().is_none()) {
        Some(_) => Ok(path.to_owned()),
        None => {
            let message = format!("`{}` is no path that can be asked for", super::command_shown(path));
            Err(ToolError::new(
                "bad_input",
                message,
                Some("write it as in `/items?limit=3`, escaped as in a URL"),
            ))
        }
    }
}

/// Sends a request to a port of a process, and reads the answer. Bounded in bytes, not in time.
pub(super) async fn ask(process: &Process, port: u16, request: &Request) -> Result<Answered, AskError> {
    let stream = process.connect(port).await.map_err(AskError::Connect)?;
    exchange(stream, port, request).await
}

/// Sends a request over a connection.
pub(super) async fn exchange(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    port: u16,
    request: &Request,
) -> Result<Answered, AskError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(AskError::Speak)?;
    let mut sent = hyper::Request::builder()
        .method(Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::GET))
        .uri(request.path.as_str())
        .body(Full::new(request.body.clone()))
        .map_err(AskError::Form)?;
    let headers = sent.headers_mut();
    headers.extend(request.headers.iter().cloned());
    if !headers.contains_key(HOST) {
        let host = HeaderValue::try_from(format!("localhost:{port}"));
        headers.insert(HOST, host.map_err(|error| AskError::Form(error.into()))?);
    }
    let answered = async {
        let response = sender.send_request(sent).await.map_err(AskError::Speak)?;
        read(response).await
    };
    let driven = async {
        // Its errors come back by way of the answer; its end does not mean that all was read.
        let _ended = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = answered => answered,
        () = driven => unreachable!("it never ends"),
    }
}

async fn read(response: Response<Incoming>) -> Result<Answered, AskError> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Kept::new(output::BYTES_MAX);
    let mut cut = false;
    while let Some(frame) = incoming.frame().await {
        if let Ok(bytes) = frame.map_err(AskError::Speak)?.into_data() {
            body.push(&bytes);
        }
        if body.bytes() > BODY_BYTES_MAX {
            cut = true;
            break;
        }
    }
    let shown_header = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.as_bytes();
        format!("{name}: {}", shown(&value[..value.len().min(HEADER_BYTES_SHOWN)]))
    };
    Ok(Answered {
        status: head.status.as_u16(),
        status_line: head.status.to_string(),
        headers: head.headers.iter().take(HEADERS_SHOWN_MAX).map(shown_header).collect(),
        body,
        cut,
    })
}

impl Answered {
    /// The answer as text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("HTTP {}\n", self.status_line);
        for header in &self.headers {
            text.push_str(header);
            text.push('\n');
        }
        text.push('\n');
        match self.body.bytes() {
            0 => text.push_str("[no body]"),
            bytes if self.body.head().contains(&0) => {
                text.push_str(&format!("[a binary body of {bytes} bytes]"))
            }
            _ => text.push_str(output::shown(&self.body).trim_end_matches('\n')),
        }
        text.push('\n');
        if self.cut {
            text.push_str(&format!("[more than {BODY_BYTES_MAX} bytes came; the rest was not read]\n"));
        }
        text
    }
}
