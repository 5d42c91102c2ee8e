//! The proxy that this one has to go through, where the machine has no other way out.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;

use super::ProxyError;
use super::target::Target;

const USUAL_PORT: u16 = 80;

/// An HTTP proxy, `http://[user:password@]host[:port]`.
///
/// It resolves names by itself, so that what a name points to cannot be checked or pinned here: the rules for
/// names hold, and addresses in requests are checked, but no more than that. Hosts whose rule has
/// `private = true` are reached directly.
#[derive(Clone)]
pub struct UpstreamProxy {
    pub(super) target: Target,
    pub(super) authorization: Option<HeaderValue>,
}

impl UpstreamProxy {
    /// Reads an address, with a user name and a password in percent-encoding where it has them.
    pub fn parse(url: &str) -> Result<UpstreamProxy, ProxyError> {
        let refused = |why| ProxyError::UpstreamProxy { why };
        let rest = url.strip_prefix("http://").ok_or_else(|| refused("it does not begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, rest),
        };
        let target =
            Target::parse(authority, Some(USUAL_PORT)).map_err(|_| refused("it has no usable host"))?;
        let authorization = credentials.map(basic).transpose().map_err(refused)?;
        Ok(UpstreamProxy { target, authorization })
    }
}

impl fmt::Debug for UpstreamProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamProxy({})", self.target)
    }
}

fn basic(credentials: &str) -> Result<HeaderValue, &'static str> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut plain = decoded(user)?;
    plain.push(b':');
    plain.extend(decoded(password)?);
    let text = format!("Basic {}", BASE64_STANDARD.encode(plain));
    let mut value = HeaderValue::from_str(&text).map_err(|_| "its credentials cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        plain.push(value.ok_or("its credentials are not in percent-encoding")?);
    }
    Ok(plain)
}
