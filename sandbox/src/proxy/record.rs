//! What went through the proxy and what did not: one record a request, a bounded number of them.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

use super::budget::Meter;

const METHOD_BYTES_MAX: usize = 32;

/// What the proxy did, from its start to now or to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The requests that are over, in the order they ended.
    pub requests: Vec<Request>,
    /// Requests beyond the number that is kept.
    pub requests_dropped: u64,
    /// Connections that were opened towards hosts.
    pub connections: u64,
    /// Bytes exchanged with hosts, both ways.
    pub transfer_bytes: u64,
    /// True where a connection was refused because there had been too many.
    pub connections_reached: bool,
    /// True where everything was cut off because too many bytes had passed.
    pub transfer_reached: bool,
}

/// One request to the proxy. Paths, headers and bodies are not part of it: they may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The host asked for; empty where none could be read.
    pub host: String,
    /// The port asked for; 0 where none could be read.
    pub port: u16,
    /// `CONNECT` for a tunnel, otherwise the request's own method.
    pub method: String,
    /// What became of it.
    pub verdict: Verdict,
    /// The status it was answered with; 0 where it got none.
    pub status: u16,
    /// Bytes sent to the host. For a tunnel that is looked into, its requests have them.
    pub bytes_up: u64,
    /// Bytes received from the host.
    pub bytes_down: u64,
    /// From its arrival to its last byte.
    pub duration_ms: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was passed on.
    Allowed,
    /// The policy, or a limit, is against it.
    Denied(DenyReason),
    /// It was allowed and could not be carried out.
    Failed(Failure),
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    /// No rule names the host.
    Host,
    /// A rule names the host, and not this port.
    Port,
    /// The host is at a private address, and its rule does not say that it may be.
    PrivateAddress,
    /// The host is where a cloud hands out credentials.
    MetadataAddress,
    /// The host is at an address that no connection can go to.
    UnusableAddress,
    /// The target cannot be read as a name or an address in its usual spelling.
    Target,
    /// The `Host` header, or the name asked for in TLS, is not the host of the request or of its tunnel.
    Misdirected,
    /// The token is missing or wrong.
    Token,
    /// The request is not one that a proxy takes.
    Malformed,
    /// The method would send secrets back.
    Method,
    /// There have been too many connections.
    ConnectionsLimit,
    /// Too many bytes have passed.
    TransferLimit,
}

/// Why an allowed request could not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The name could not be resolved.
    Resolve,
    /// No connection could be made.
    Connect,
    /// No connection could be made in time.
    ConnectTimeout,
    /// The host's certificate was not accepted, or TLS failed otherwise.
    Tls,
    /// The upstream proxy refused, or could not be understood.
    UpstreamProxy,
    /// The host closed the connection, or did not speak HTTP.
    Upstream,
    /// The host was silent for too long.
    Idle,
    /// The rule refers to a secret that is not there.
    SecretMissing,
    /// A secret holds characters that a header cannot.
    SecretUnusable,
    /// The command's own end of an inspected tunnel failed, most likely because it does not trust the
    /// certificate authority of this call.
    ClientTls,
}

impl DenyReason {
    /// The reason as `x-loki-denied` has it.
    pub fn code(self) -> &'static str {
        match self {
            DenyReason::Host => "host",
            DenyReason::Port => "port",
            DenyReason::PrivateAddress => "private-address",
            DenyReason::MetadataAddress => "metadata-address",
            DenyReason::UnusableAddress => "unusable-address",
            DenyReason::Target => "target",
            DenyReason::Misdirected => "misdirected",
            DenyReason::Token => "token",
            DenyReason::Malformed => "malformed",
            DenyReason::Method => "method",
            DenyReason::ConnectionsLimit => "connections-limit",
            DenyReason::TransferLimit => "transfer-limit",
        }
    }
}

impl Failure {
    /// The failure as `x-loki-failed` has it.
    pub fn code(self) -> &'static str {
        match self {
            Failure::Resolve => "resolve",
            Failure::Connect => "connect",
            Failure::ConnectTimeout => "connect-timeout",
            Failure::Tls => "tls",
            Failure::UpstreamProxy => "upstream-proxy",
            Failure::Upstream => "upstream",
            Failure::Idle => "idle",
            Failure::SecretMissing => "secret-missing",
            Failure::SecretUnusable => "secret-unusable",
            Failure::ClientTls => "client-tls",
        }
    }
}

/// Where records are kept.
#[derive(Debug)]
pub(super) struct Log {
    kept: Mutex<Kept>,
    requests_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    requests: Vec<Request>,
    dropped: u64,
}

impl Log {
    pub(super) fn new(requests_max: usize) -> Log {
        Log { kept: Mutex::default(), requests_max }
    }

    /// Begins a record, which is kept when the entry is dropped, however the request ends.
    pub(super) fn entry(self: &Arc<Log>, method: &str) -> Entry {
        let method = method.chars().take(METHOD_BYTES_MAX).collect();
        let request = Request {
            host: String::new(),
            port: 0,
            method,
            verdict: Verdict::Allowed,
            status: 0,
            bytes_up: 0,
            bytes_down: 0,
            duration_ms: 0,
        };
        Entry { log: self.clone(), request, began: Instant::now(), usage: None }
    }

    /// The records so far, and how many more there were.
    pub(super) fn snapshot(&self) -> (Vec<Request>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.requests.clone(), kept.dropped)
    }

    fn keep(&self, request: Request) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.requests.len() < self.requests_max {
            kept.requests.push(request);
        } else {
            kept.dropped += 1;
        }
    }
}

/// A record in the making.
#[derive(Debug)]
pub(super) struct Entry {
    log: Arc<Log>,
    request: Request,
    began: Instant,
    usage: Option<Usage>,
}

/// What a connection had moved when a request took it over.
#[derive(Debug)]
pub(super) struct Usage {
    meter: Arc<Meter>,
    up: u64,
    down: u64,
}

impl Usage {
    /// Everything that the connection moves, its handshake included.
    pub(super) fn all(meter: &Arc<Meter>) -> Usage {
        Usage { meter: meter.clone(), up: 0, down: 0 }
    }

    /// What the connection moves from now on.
    pub(super) fn from_now(meter: &Arc<Meter>) -> Usage {
        Usage { meter: meter.clone(), up: meter.up(), down: meter.down() }
    }
}

impl Entry {
    pub(super) fn to(&mut self, host: String, port: u16) {
        self.request.host = host;
        self.request.port = port;
    }

    pub(super) fn uses(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn ends(&mut self, verdict: Verdict, status: u16) {
        self.request.verdict = verdict;
        self.request.status = status;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut request = self.request.clone();
        if let Some(usage) = &self.usage {
            request.bytes_up = usage.meter.up() - usage.up;
            request.bytes_down = usage.meter.down() - usage.down;
        }
        request.duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.log.keep(request);
    }
}
