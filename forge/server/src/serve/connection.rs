//! One connection: which HTTP it speaks, and requests until one side ends it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// How HTTP/2 begins where nothing was negotiated (RFC 9113, 3.4); no request of HTTP/1 begins so.
const PREFACE: &[u8; 4] = b"PRI ";
/// How long to wait for the rest of a preface that came in pieces.
const PIECE: Duration = Duration::from_millis(2);
/// How often an HTTP/2 peer is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Serves a connection until it ends. Its failures are its peer's matter.
pub(super) async fn run(
    app: Arc<App>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    closing: watch::Receiver<()>,
) {
    let _open = Open::of(&app.metrics);
    // Answers are written whole; waiting for more would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let time_max = app.settings.header_read_max;
    match tls {
        None => {
            let Ok(Some(version)) = tokio::time::timeout(time_max, spoken(&stream)).await else { return };
            requests(&app, stream, version, peer, closing).await;
        }
        Some(tls) => {
            let Ok(Ok(stream)) = tokio::time::timeout(time_max, tls.accept(stream)).await else { return };
            let is_two = stream.get_ref().1.alpn_protocol() == Some(&b"h2"[..]);
            let version = if is_two { Version::Two } else { Version::One };
            requests(&app, stream, version, peer, closing).await;
        }
    }
}

/// What a peer speaks, by its first bytes; `None` where it says nothing.
async fn spoken(stream: &TcpStream) -> Option<Version> {
    let mut start = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut start).await.ok()?;
        let said = start.get(..count)?;
        if said.is_empty() {
            return None;
        }
        if said == PREFACE {
            return Some(Version::Two);
        }
        if !PREFACE.starts_with(said) {
            return Some(Version::One);
        }
        tokio::time::sleep(PIECE).await;
    }
}

async fn requests<S>(
    app: &Arc<App>,
    stream: S,
    version: Version,
    peer: SocketAddr,
    closing: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let app = Arc::clone(app);
        service_fn(move |request: Request<Incoming>| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.answer(peer, request).await) }
        })
    };
    let io = TokioIo::new(stream);
    match version {
        Version::One => {
            let connection = http1_builder(&app.settings).serve_connection(io, service);
            tokio::pin!(connection);
            drive(connection, closing, |connection| connection.graceful_shutdown()).await;
        }
        Version::Two => {
            let connection = http2_builder(&app.settings).serve_connection(io, service);
            tokio::pin!(connection);
            drive(connection, closing, |connection| connection.graceful_shutdown()).await;
        }
    }
}

/// Drives a connection to its end, which comes sooner once `closing` says so.
async fn drive<C, R>(
    mut connection: std::pin::Pin<&mut C>,
    mut closing: watch::Receiver<()>,
    close: impl Fn(std::pin::Pin<&mut C>),
) where
    C: Future<Output = R>,
{
    let mut is_closing = false;
    loop {
        tokio::select! {
            _ended = connection.as_mut() => return,
            _said = closing.changed(), if !is_closing => {
                is_closing = true;
                close(connection.as_mut());
            }
        }
    }
}

fn http1_builder(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_max)
        .max_headers(settings.headers_max)
        .max_header_size(settings.header_bytes_max)
        .half_close(false)
        .pipeline_flush(true);
    builder
}

fn http2_builder(settings: &Settings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.streams_max)
        .max_header_list_size(u32::try_from(settings.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_MAX);
    builder
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a Metrics);

impl Open<'_> {
    fn of(metrics: &Metrics) -> Open<'_> {
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        Open(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
