//! Requests over one connection.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::attempts::Request;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum AskError {
    #[error("failed to connect to the server")]
    Connect(#[source] io::Error),
    #[error("failed to ask the server")]
    Ask(#[source] hyper::Error),
    #[error("failed to make a request")]
    Request(#[source] hyper::http::Error),
    #[error("failed to read an answer")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A connection that stays open.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What the server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Null where there is none.
    pub(super) body: Value,
    /// The number behind the stroke of `Content-Range`.
    pub(super) total: Option<u64>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Connection, AskError> {
        let stream = TcpStream::connect(address).await.map_err(AskError::Connect)?;
        stream.set_nodelay(true).map_err(AskError::Connect)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(AskError::Ask)?;
        let driver = tokio::spawn(async move {
            // How it ends shows in the request that waits for it.
            drop(connection.await);
        });
        Ok(Connection { sender, host: address.to_string(), driver })
    }

    pub(super) async fn ask(&mut self, request: Request) -> Result<Answer, AskError> {
        let mut made = HttpRequest::builder()
            .method(request.method)
            .uri(request.path)
            .header("host", &self.host)
            .header("apikey", request.apikey);
        if let Some(token) = request.token {
            made = made.header("authorization", format!("Bearer {token}"));
        }
        if let Some(prefer) = request.prefer {
            made = made.header("prefer", prefer);
        }
        let body = request.body.map(|body| Bytes::from(body.to_string()));
        if body.is_some() {
            made = made.header("content-type", "application/json");
        }
        let made = made.body(Full::new(body.unwrap_or_default())).map_err(AskError::Request)?;
        self.sender.ready().await.map_err(AskError::Ask)?;
        let answer = self.sender.send_request(made).await.map_err(AskError::Ask)?;
        let status = answer.status();
        let range = answer.headers().get("content-range").and_then(|range| range.to_str().ok());
        let total = range.and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        let body =
            Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(AskError::Answer)?;
        let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        Ok(Answer { status, body, total })
    }
}
