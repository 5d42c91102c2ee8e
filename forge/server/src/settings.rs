//! The bounds within which requests are served.

use std::net::IpAddr;
use std::time::Duration;

use crate::host::Hosts;
use crate::limits::Rate;

/// How requests are served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bytes of a request's body, counted after it was inflated.
    pub body_bytes_max: usize,
    /// The bytes of all headers of a request together.
    pub header_bytes_max: usize,
    /// The headers of a request.
    pub headers_max: usize,
    /// How long the head of a request may take, and how long a connection may rest between two.
    pub header_read_max: Duration,
    /// How long a body may take to arrive.
    pub body_read_max: Duration,
    /// How long a service may take to answer.
    pub answer_max: Duration,
    /// Connections at a time; others wait to be accepted.
    pub connections_max: usize,
    /// Requests at a time on one connection of HTTP/2.
    pub streams_max: u32,
    /// Whether a request without any key is refused. Clients of PostgREST send none.
    pub key_required: bool,
    /// The names by which the server may be asked.
    pub hosts: Hosts,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How often may be asked; `None` for no bound.
    pub rates: Option<Rates>,
}

/// How often may be asked. Loopback is free of both bounds: behind it is a developer, or a proxy that is not
/// known as one, which is everybody at once. The secret key is free of the bound of keys.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// By one address.
    pub address: Rate,
    /// With one key or, where a token names a user, by that user.
    pub key: Rate,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { address: Rate { per_second: 200, burst: 400 }, key: Rate { per_second: 2_000, burst: 4_000 } }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            body_bytes_max: 10 * 1024 * 1024,
            header_bytes_max: 64 * 1024,
            headers_max: 100,
            header_read_max: Duration::from_secs(30),
            body_read_max: Duration::from_secs(60),
            answer_max: Duration::from_secs(60),
            connections_max: 4_096,
            streams_max: 128,
            key_required: false,
            hosts: Hosts::default(),
            trusted_proxies: Vec::new(),
            rates: Some(Rates::default()),
        }
    }
}
