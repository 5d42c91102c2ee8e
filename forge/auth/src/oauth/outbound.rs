//! Requests to servers of others: what leaves, what comes back, and how much of it.
//!
//! Addresses come from documents of third parties (a provider's discovery document names the next one), so a
//! request says what part of the network it may reach, and nothing else is spoken to, whatever a name resolves to.

mod address;
mod web;

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::{Host, Url};

pub use web::{Web, WebError};

/// Bytes of an answer's body at most.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Seconds for a whole exchange at most.
pub const SECONDS_MAX: u64 = 10;

/// What part of the network a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Public addresses, by https.
    Public,
    /// This very machine, by http or https: a provider that runs beside the server.
    Loopback,
}

/// A request to a server of somebody else.
#[derive(Clone)]
pub struct Outgoing {
    /// How.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// With which headers.
    pub headers: HeaderMap,
    /// With which body.
    pub body: Bytes,
    /// What part of the network it may reach.
    pub reach: Reach,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Its status. Redirects are not followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most [`ANSWER_BYTES_MAX`] bytes.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Only https leaves this machine.
    #[error("only https is spoken to other machines")]
    Scheme,
    /// The address is none that the request may reach.
    #[error("`{host}` has no address that may be spoken to")]
    Address {
        /// Of whom.
        host: String,
    },
    /// It took too long.
    #[error("no whole answer of `{host}` within {SECONDS_MAX} seconds")]
    Late {
        /// Of whom.
        host: String,
    },
    /// It is too long.
    #[error("the answer of `{host}` is longer than {ANSWER_BYTES_MAX} bytes")]
    Long {
        /// Of whom.
        host: String,
    },
    /// The connection failed.
    #[error("failed to speak to `{host}`")]
    Failed {
        /// With whom.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Sends requests to servers of others.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// Sends `request` and gives the answer, whatever its status. Keeps the bounds of this module.
    async fn send(&self, request: Outgoing) -> Result<Incoming, OutboundError>;
}

impl Reach {
    /// What an address needs: this machine where it is named by its form, the public network otherwise.
    pub fn of(url: &Url) -> Reach {
        if is_this_machine(url) { Reach::Loopback } else { Reach::Public }
    }

    /// Whether the scheme and the form of `url` are within it. What a name resolves to is seen only later.
    pub fn admits(self, url: &Url) -> bool {
        match (self, url.scheme()) {
            (Reach::Public, "https") => !is_this_machine(url),
            (Reach::Loopback, "http" | "https") => is_this_machine(url),
            _ => false, // Schemes are text, and no other is spoken.
        }
    }
}

impl std::fmt::Debug for Outgoing {
    /// Headers and body hold secrets, and so may the query.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("host", &host(&self.url))
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

/// Whether the address is this very machine, by its form.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The host as errors name it.
fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
