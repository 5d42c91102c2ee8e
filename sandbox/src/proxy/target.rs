//! Where a request wants to go: `host:port`, read strictly.
//!
//! What the system's own resolver would take for an address although it does not look like one (`127.1`,
//! `2130706433`, `0x7f.1`) is refused here, before anything is looked up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// A name in lower case without a trailing dot, or an address (never an IPv4 one inside an IPv6 one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Why a text is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadTarget {
    /// It carries a user name or a password.
    Userinfo,
    /// It has no port, and none may be assumed.
    NoPort,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Its host is neither a name nor an address in the usual spelling.
    Host,
}

impl Target {
    /// Reads `host:port`; the port may be left out where one is given to assume.
    pub(super) fn parse(authority: &str, assumed: Option<u16>) -> Result<Target, BadTarget> {
        let (host, port) = split(authority)?;
        Ok(Target { host: Host::parse(host)?, port: port.or(assumed).ok_or(BadTarget::NoPort)? })
    }

    /// True where a `Host` header speaks of this target. A port left out is not a contradiction, since the
    /// header is written anew for the way onward.
    pub(super) fn agrees_with(&self, header: &str) -> bool {
        let Ok((host, port)) = split(header) else { return false };
        Host::parse(host).is_ok_and(|host| host == self.host) && port.is_none_or(|port| port == self.port)
    }

    /// The `Host` header for it, where `usual` is the port that goes without saying.
    pub(super) fn host_header(&self, usual: u16) -> String {
        if self.port == usual { self.host.to_string() } else { self.to_string() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Host {
    /// Reads a name or an address; IPv6 in brackets.
    pub(super) fn parse(text: &str) -> Result<Host, BadTarget> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadTarget::Host)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| BadTarget::Host)?;
            return Ok(Host::Address(address.to_canonical()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Host::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        if name.len() > NAME_BYTES_MAX || !name.split('.').all(is_label) || is_number(last) {
            return Err(BadTarget::Host);
        }
        Ok(Host::Name(name))
    }

    /// Reads a host as rules may write it: IPv6 without brackets as well.
    pub(super) fn parse_bare(text: &str) -> Result<Host, BadTarget> {
        match text.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Host::Address(address.to_canonical())),
            Err(_) => Host::parse(text),
        }
    }

    /// The host as rules write it: IPv6 without brackets.
    pub(super) fn bare(&self) -> String {
        match self {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn split(authority: &str) -> Result<(&str, Option<u16>), BadTarget> {
    if authority.contains('@') {
        return Err(BadTarget::Userinfo);
    }
    let host_ends = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_ends);
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(BadTarget::Host)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadTarget::Port);
    }
    match digits.parse::<u16>() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        // Out of range, or nothing after the colon.
        Ok(_) | Err(_) => Err(BadTarget::Port),
    }
}

fn is_label(label: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(usual)
}

/// True for a last label that makes resolvers read the whole as an address.
fn is_number(label: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits(label) || label.strip_prefix("0x").is_some_and(hex)
}
