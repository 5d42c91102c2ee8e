//! Requests over the network.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Response, redirect};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::{
    ANSWER_BYTES_MAX, Incoming, Outbound, OutboundError, Outgoing, Reach, SECONDS_MAX, address, host,
};

/// Causes of an error that are looked at.
const CAUSES_MAX: usize = 8;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Speaks https to the public network, and http to this machine. Proxies are not used: behind one nobody would
/// see which address a name has.
pub struct Web {
    public: Client,
    loopback: Client,
}

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to make a client for HTTP")]
pub struct WebError(#[source] Box<dyn Error + Send + Sync>);

impl Web {
    /// A client that trusts the certificate authorities of the system.
    pub fn new() -> Result<Web, WebError> {
        Web::bounded(Duration::from_secs(SECONDS_MAX))
    }

    /// The same, with so long for an exchange.
    pub(super) fn bounded(time: Duration) -> Result<Web, WebError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| WebError(Box::new(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let public = client(Reach::Public, tls.clone(), time)?;
        Ok(Web { public, loopback: client(Reach::Loopback, tls, time)? })
    }
}

#[async_trait]
impl Outbound for Web {
    async fn send(&self, request: Outgoing) -> Result<Incoming, OutboundError> {
        let Outgoing { method, url, headers, body, reach } = request;
        admit(&url, reach)?;
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Loopback => &self.loopback,
        };
        let failed = |error| failure(error, &url);
        let sent = client.request(method, url.clone()).headers(headers).body(body).send();
        let response = sent.await.map_err(failed)?;
        read(response, &url).await
    }
}

fn client(reach: Reach, tls: ClientConfig, time: Duration) -> Result<Client, WebError> {
    ClientBuilder::new()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .dns_resolver(Arc::new(Guarded(reach)))
        .timeout(time)
        .user_agent(concat!("loki/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| WebError(Box::new(error)))
}

/// Refuses what can be seen to be out of reach before anything is asked.
fn admit(url: &Url, reach: Reach) -> Result<(), OutboundError> {
    let scheme_fits = match reach {
        Reach::Public => url.scheme() == "https",
        Reach::Loopback => matches!(url.scheme(), "http" | "https"),
    };
    if !scheme_fits {
        return Err(OutboundError::Scheme);
    }
    // Addresses that are written out are not resolved.
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err(OutboundError::Address { host: host(url) }),
    };
    if ip.is_none_or(|ip| address::is_within(reach, ip)) {
        Ok(())
    } else {
        Err(OutboundError::Address { host: host(url) })
    }
}

async fn read(mut response: Response, url: &Url) -> Result<Incoming, OutboundError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let long = || OutboundError::Long { host: host(url) };
    if response.content_length().is_some_and(|length| length > ANSWER_BYTES_MAX as u64) {
        return Err(long());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, url))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Incoming { status, headers, body: body.freeze() })
}

/// What an error of the client means. Its own words hold the address, which may hold a secret.
fn failure(error: reqwest::Error, url: &Url) -> OutboundError {
    let host = host(url);
    if error.is_timeout() {
        return OutboundError::Late { host };
    }
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    for _ in 0..CAUSES_MAX {
        match cause {
            Some(this) if this.is::<OutOfReach>() => return OutboundError::Address { host },
            Some(this) => cause = this.source(),
            None => break,
        }
    }
    OutboundError::Failed { host, source: Box::new(error) }
}

/// A resolver that knows only addresses within reach.
struct Guarded(Reach);

/// A name has no address within reach.
#[derive(Debug, thiserror::Error)]
#[error("no address within reach")]
struct OutOfReach;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let within = found.filter(|found| address::is_within(reach, found.ip())).take(ADDRESSES_MAX);
            let within: Vec<SocketAddr> = within.collect();
            if within.is_empty() {
                return Err(OutOfReach.into());
            }
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}
