//! Where the way to an authorization server may lead.
//!
//! A server names its authorization server, which may be anywhere, and loki asks there. So that a server on the
//! network cannot have loki ask on this machine or in its network, such addresses are reached only where the server
//! itself is at one.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Url, redirect};
use rmcp::transport::auth::{
    OAuthHttpClient, OAuthHttpClientError, OAuthHttpClientFuture, OAuthHttpRedirectPolicy, OAuthHttpRequest,
};

use crate::client::http::{AddressError, client, is_this_machine};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Redirects that are followed where they may be.
const REDIRECTS_MAX: usize = 5;
/// How long a request may take.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// A way to authorization servers.
pub(super) struct Reach {
    follow: reqwest::Client,
    stop: reqwest::Client,
    allows: Allows,
}

/// Which addresses are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allows {
    /// Those of the network at large.
    Public,
    /// Those of this machine and of the networks around it as well.
    Near,
}

#[derive(Debug, thiserror::Error)]
enum ReachError {
    #[error("the address is of this machine or its network, and the server's is not")]
    Near,
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("the address is neither encrypted nor of this machine")]
    Plain,
    #[error("there are more than {REDIRECTS_MAX} redirects")]
    Redirects,
}

impl Reach {
    /// The way from the server at `url`.
    pub(super) fn new(url: &Url) -> Result<Self, AddressError> {
        let literal: Option<IpAddr> = literal(url);
        let is_near = url.host_str() == Some("localhost") || literal.is_some_and(is_near);
        let allows = if is_near { Allows::Near } else { Allows::Public };
        let made = |policy: redirect::Policy| {
            client(is_this_machine(url), |builder| {
                builder.redirect(policy).timeout(REQUEST_WITHIN).dns_resolver(Arc::new(Names(allows)))
            })
        };
        let follow = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error(ReachError::Redirects);
            }
            match allows.check(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error),
            }
        });
        Ok(Self { follow: made(follow)?, stop: made(redirect::Policy::none())?, allows })
    }

    async fn ask(&self, asked: OAuthHttpRequest) -> Result<http::Response<Vec<u8>>, OAuthHttpClientError> {
        let client = match asked.redirect_policy {
            OAuthHttpRedirectPolicy::Follow => &self.follow,
            _ => &self.stop,
        };
        let request = reqwest::Request::try_from(asked.request)?;
        self.allows.check(request.url())?;
        let mut response = client.execute(request).await?;
        let mut whole = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            whole = whole.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(ReachError::TooLong.into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(whole.body(body)?)
    }
}

impl OAuthHttpClient for Reach {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(self.ask(request))
    }
}

impl Allows {
    /// Addresses that are written out go past the resolver, so they are looked at here.
    fn check(self, url: &Url) -> Result<(), ReachError> {
        if url.scheme() != "https" && !is_this_machine(url) {
            return Err(ReachError::Plain);
        }
        match literal(url) {
            Some(address) if !self.allows(address) => Err(ReachError::Near),
            _ if self == Self::Public && url.host_str() == Some("localhost") => Err(ReachError::Near),
            _ => Ok(()),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => !is_near(address) && !is_never(address),
            Self::Near => !is_never(address),
        }
    }
}

/// Resolves names, and leaves out what is not reached.
struct Names(Allows);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let allows = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found.filter(|address| allows.allows(address.ip())).collect();
            if kept.is_empty() {
                return Err(Box::new(ReachError::Near) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// An IPv4 address may be written as one of IPv6.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Of this machine, or of a network that is not everybody's.
fn is_near(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// Addresses that no authorization server has: of a link, as where clouds tell secrets, of nobody, of many.
fn is_never(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.octets()[0] == 0 || v4.is_multicast() || v4.octets()[0] >= 240
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local() || is_translated(v6)
        }
    }
}

/// The range that providers share among customers.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}

/// Addresses of IPv6 that lead to any of IPv4.
fn is_translated(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(server: &str, there: &str) -> bool {
        Reach::new(&Url::parse(server).unwrap()).unwrap().allows.check(&Url::parse(there).unwrap()).is_ok()
    }

    #[test]
    fn a_server_on_the_network_leads_nowhere_near() {
        for there in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://10.1.2.3/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://169.254.169.254/latest",
            "https://0.0.0.0/",
            "http://auth.example/",
        ] {
            assert!(!is_allowed("https://mcp.example/mcp", there), "{there}");
        }
        assert!(is_allowed("https://mcp.example/mcp", "https://auth.example/"));
        assert!(is_allowed("https://mcp.example/mcp", "https://93.184.216.34/"));
    }

    #[test]
    fn a_server_that_is_near_may_lead_near_but_never_to_a_link() {
        assert!(is_allowed("http://127.0.0.1:1/mcp", "http://127.0.0.1:2/"));
        assert!(is_allowed("https://10.0.0.1/mcp", "https://10.0.0.2/"));
        assert!(!is_allowed("http://127.0.0.1:1/mcp", "https://169.254.169.254/"));
        assert!(!is_allowed("http://127.0.0.1:1/mcp", "http://10.0.0.2/"), "it is not encrypted");
    }

    #[tokio::test]
    async fn names_are_held_to_the_same() {
        let name: Name = "localhost".parse().unwrap();
        assert!(Names(Allows::Public).resolve(name).await.is_err());
        let name: Name = "localhost".parse().unwrap();
        assert!(Names(Allows::Near).resolve(name).await.unwrap().next().is_some());
    }
}
