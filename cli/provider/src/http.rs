//! The one way to the network: a request goes out, a stream of events comes back.
//!
//! Everything is bounded: the time to connect, between two pieces and altogether; the bytes of an answer
//! and of one event. Redirects are not followed, for the key would go along. Nothing is
//! asked again here, except where a connection closed before it took the request.

mod client;
mod refusal;
mod secret;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use tokio::time::timeout;

use crate::sse::{Event, Parser};
use crate::{ProviderError, Refusal};

pub(crate) use client::is_this_machine;
pub(crate) use refusal::Complaint;
pub use secret::Secret;
pub(crate) use secret::shown;

/// Gives the present time in milliseconds since 1970.
pub type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Bounds on one request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds until a connection stands.
    pub connect_ms_max: u64,
    /// Milliseconds without a byte, from the first byte sent on.
    pub idle_ms_max: u64,
    /// Milliseconds for everything.
    pub total_ms_max: u64,
    /// Bytes of an answer.
    pub response_bytes_max: usize,
    /// Bytes of one event of an answer.
    pub event_bytes_max: usize,
    /// Bytes of the input of one call.
    pub arguments_bytes_max: usize,
    /// Calls of one answer.
    pub calls_max: usize,
}

impl Default for Limits {
    /// Patient enough for a model that thinks for minutes before its first word.
    fn default() -> Self {
        Self {
            connect_ms_max: 15_000,
            idle_ms_max: 300_000,
            total_ms_max: 1_800_000,
            response_bytes_max: 64 * 1024 * 1024,
            event_bytes_max: 8 * 1024 * 1024,
            arguments_bytes_max: 4 * 1024 * 1024,
            calls_max: 128,
        }
    }
}

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The ciphers do not do what TLS asks for.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The client cannot be made.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// What any HTTP client of loki begins with: TLS that trusts the authorities of the system, bounded waits, no redirects.
pub fn http_client(limits: &Limits) -> Result<reqwest::ClientBuilder, HttpError> {
    let tls = client::tls(client::system_roots()).map_err(HttpError::Tls)?;
    Ok(client::builder(tls, limits))
}

/// Asks servers. Cheap to share; its connections are kept open for the next request.
pub struct Http {
    /// For servers on the network: through the system's proxy, if there is one.
    remote: reqwest::Client,
    /// For this machine: never through a proxy.
    direct: reqwest::Client,
    limits: Limits,
    now_ms: NowMs,
}

/// A request.
pub(crate) struct Post<'a> {
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) key: Option<&'a Secret>,
}

/// Reads the events of an answer, in the language of its vendor.
pub(crate) trait Reader: Send {
    /// Takes the next event.
    fn event(&mut self, event: &Event, limits: &Limits) -> Result<Progress, Fault>;

    /// Whether the answer is whole, though more could be said about it.
    fn complete(&self) -> bool;
}

/// Whether an answer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Done,
}

/// Why an answer cannot be read on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server gives up.
    Complaint(Complaint),
    /// It is not what the vendor's language allows.
    Garbled(String),
    /// A bound is reached.
    TooMuch(&'static str),
}

/// Bytes of the answer that comes with an error.
const COMPLAINT_BYTES_MAX: usize = 64 * 1024;

impl Http {
    /// A client within `limits` that trusts the certificate authorities of the system. `now_ms` tells the
    /// time, for servers that say until when they want to be left alone.
    pub fn new(limits: Limits, now_ms: NowMs) -> Result<Self, HttpError> {
        Self::trusting(client::system_roots(), limits, now_ms)
    }

    fn trusting(roots: rustls::RootCertStore, limits: Limits, now_ms: NowMs) -> Result<Self, HttpError> {
        let tls = client::tls(roots).map_err(HttpError::Tls)?;
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(HttpError::Client);
        let remote = build(client::builder(tls.clone(), &limits))?;
        let direct = build(client::builder(tls, &limits).no_proxy())?;
        Ok(Self { remote, direct, limits, now_ms })
    }

    /// Sends a request and lets `reader` read the answer to its end.
    pub(crate) async fn stream(&self, post: Post<'_>, reader: &mut dyn Reader) -> Result<(), ProviderError> {
        let key = post.key.cloned();
        let total = Duration::from_millis(self.limits.total_ms_max);
        match timeout(total, self.exchange(post, reader)).await {
            Ok(end) => end.map_err(|stopped| stopped.into_error(key.as_ref())),
            Err(_elapsed) if reader.complete() => Ok(()),
            Err(_elapsed) => {
                Err(ProviderError::transient(format!("no whole answer within {}", seconds(total))))
            }
        }
    }

    async fn exchange(&self, post: Post<'_>, reader: &mut dyn Reader) -> Result<(), Stopped> {
        let client = if is_this_machine(post.url) { &self.direct } else { &self.remote };
        let request = client
            .post(post.url.clone())
            .headers(post.headers)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("text/event-stream"))
            .body(post.body);
        let mut response = self.in_time(request.send()).await?;
        if response.status() != StatusCode::OK {
            return Err(Stopped::Fault(Fault::Complaint(self.complaint(response).await)));
        }
        if let Some(problem) = not_events(response.headers()) {
            let complaint = self.complaint(response).await;
            return Err(Stopped::NoEvents { problem, complaint });
        }
        match self.read(&mut response, reader).await {
            // What is lost is only what was to be said about a whole answer.
            Err(Stopped::Broken(_) | Stopped::Silent(_)) if reader.complete() => Ok(()),
            end => end,
        }
    }

    async fn read(&self, response: &mut Response, reader: &mut dyn Reader) -> Result<(), Stopped> {
        let mut parser = Parser::new(self.limits.event_bytes_max);
        let mut events = Vec::new();
        let mut bytes = 0_usize;
        while let Some(chunk) = self.in_time(response.chunk()).await? {
            bytes = bytes.saturating_add(chunk.len());
            if bytes > self.limits.response_bytes_max {
                return Err(Stopped::Fault(Fault::TooMuch("bytes in an answer")));
            }
            let fed = parser.feed(&chunk, &mut events);
            for event in events.drain(..) {
                if reader.event(&event, &self.limits).map_err(Stopped::Fault)? == Progress::Done {
                    return Ok(());
                }
            }
            fed.map_err(|_too_long| Stopped::Fault(Fault::TooMuch("bytes in one event")))?;
        }
        if reader.complete() { Ok(()) } else { Err(Stopped::Broken("it ended early".to_owned())) }
    }

    /// What a server says in place of an answer.
    async fn complaint(&self, mut response: Response) -> Complaint {
        let status = response.status();
        let wait_ms = wait::wait_ms(response.headers(), (self.now_ms)());
        let mut body = Vec::new();
        // A body that breaks off is read as far as it goes: the status is known.
        while let Ok(Some(chunk)) = self.in_time(response.chunk()).await {
            let room = COMPLAINT_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == COMPLAINT_BYTES_MAX {
                break;
            }
        }
        let mut complaint = Complaint::answered(status.as_u16(), &body);
        if status.is_redirection() {
            complaint.message = "a redirect, which is not followed; is the base URL right?".to_owned();
        }
        complaint.wait_ms = complaint.wait_ms.max(wait_ms);
        complaint
    }

    async fn in_time<T>(&self, work: impl Future<Output = reqwest::Result<T>>) -> Result<T, Stopped> {
        let idle = Duration::from_millis(self.limits.idle_ms_max);
        match timeout(idle, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(client::stopped(error)),
            Err(_elapsed) => Err(Stopped::Silent(idle)),
        }
    }
}

/// Why an exchange ended.
enum Stopped {
    /// The connection failed or broke.
    Broken(String),
    /// The server is not the one it should be.
    Untrusted(String),
    /// Nothing came for so long.
    Silent(Duration),
    /// An answer that is no stream of events.
    NoEvents { problem: String, complaint: Complaint },
    /// What came cannot be used.
    Fault(Fault),
}

impl Stopped {
    fn into_error(self, key: Option<&Secret>) -> ProviderError {
        match self {
            Self::Broken(why) => {
                ProviderError::transient(format!("the connection broke: {}", shown(&why, key)))
            }
            Self::Untrusted(why) => ProviderError::permanent(
                Refusal::Other,
                format!("the server's certificate is not to be trusted: {}", shown(&why, key)),
            ),
            Self::Silent(idle) => ProviderError::transient(format!("it was silent for {}", seconds(idle))),
            Self::NoEvents { problem, complaint } if complaint.kinds.is_empty() => ProviderError::permanent(
                Refusal::Other,
                shown(&format!("{problem}: {}", complaint.message), key),
            ),
            // Some gateways report errors under status 200.
            Self::NoEvents { mut complaint, .. } => {
                complaint.status = None;
                complaint.into_error(key)
            }
            Self::Fault(Fault::Complaint(complaint)) => complaint.into_error(key),
            Self::Fault(Fault::Garbled(why)) => {
                ProviderError::transient(format!("the answer is garbled: {}", shown(&why, key)))
            }
            Self::Fault(Fault::TooMuch(what)) => ProviderError::permanent(
                Refusal::Other,
                format!("the answer is out of bounds: too many {what}"),
            ),
        }
    }
}

/// What is wrong with the headers of an answer that should be events.
fn not_events(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).map_or("", |value: &HeaderValue| value.to_str().unwrap_or("?"));
    let kind = text(CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("text/event-stream") {
        return Some(format!("a stream of events was asked for and `{kind}` came"));
    }
    let encoding = text(CONTENT_ENCODING);
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    (!plain).then(|| format!("the answer is encoded as `{encoding}`, which was not asked for"))
}

fn seconds(length: Duration) -> String {
    format!("{} s", length.as_secs_f64())
}

#[cfg(test)]
mod tests;
