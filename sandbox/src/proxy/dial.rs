//! Connections towards hosts: pinned to the address that was checked, counted, and within limits.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::Refusal;
use super::budget::{Meter, Metered};
use super::certificates::server_name;
use super::prefixed::Prefixed;
use super::record::Failure;
use super::resolve;
use super::server::Shared;
use super::target::{Host, Target};
use super::upstream::UpstreamProxy;
use crate::policy::HostRule;

/// Of the addresses of one name, how many are tried.
const ADDRESSES_TRIED_MAX: usize = 8;

/// For how long each is tried, so that a dead one leaves time for the next.
const ADDRESS_TRIED_FOR_MAX: Duration = Duration::from_secs(5);

/// A counted stream towards a host.
pub(super) type Wire = Metered<Prefixed<TcpStream>>;

/// A connection towards a host.
pub(super) struct Line {
    pub(super) wire: Wire,
    pub(super) meter: Arc<Meter>,
    /// True where it ends at an upstream proxy that wants absolute targets.
    pub(super) absolute: bool,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Bytes in both directions, about which nothing is known.
    Tunnel,
    /// HTTP in the clear.
    Plain,
}

/// Opens a connection for a target that the rule allows.
pub(super) async fn dial(
    shared: &Shared,
    rule: &HostRule,
    target: &Target,
    purpose: Purpose,
) -> Result<Line, Refusal> {
    shared.budget.connection().map_err(|reason| Refusal::denied(reason, Some(target)))?;
    let opened = timeout(shared.egress.timeouts.connect, open(shared, rule, target, purpose)).await;
    opened.unwrap_or_else(|_| {
        Err(Refusal::failed(Failure::ConnectTimeout, format!("no connection to {target} in time")))
    })
}

/// Speaks TLS to a host, whose certificate is verified.
pub(super) async fn secure(shared: &Shared, wire: Wire, target: &Target) -> Result<TlsStream<Wire>, Refusal> {
    let failed = |text: String| Refusal::failed(Failure::Tls, text);
    let config =
        shared.trust.client().ok_or_else(|| failed("there is no certificate authority to trust".into()))?;
    let name = server_name(&target.host).map_err(|error| failed(format!("{}: {error}", target.host)))?;
    let handshake = TlsConnector::from(config).connect(name, wire);
    match timeout(shared.egress.timeouts.connect, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failed(format!("no trusted connection to {target}: {error}"))),
        Err(_) => Err(Refusal::failed(Failure::ConnectTimeout, format!("no TLS with {target} in time"))),
    }
}

async fn open(shared: &Shared, rule: &HostRule, target: &Target, purpose: Purpose) -> Result<Line, Refusal> {
    let resolver = shared.egress.resolver.as_ref();
    let meter = Meter::new();
    let charged = |stream| Metered::charged(stream, meter.clone(), shared.budget.clone());
    // Where a rule says that its host is on a network of this machine, no proxy elsewhere can know it.
    let Some(proxy) = shared.egress.upstream_proxy.as_ref().filter(|_| !rule.private) else {
        let addresses = resolve::pin(resolver, rule, target).await?;
        let stream = connect(&addresses).await.map_err(|error| {
            Refusal::failed(Failure::Connect, format!("no connection to {target}: {error}"))
        })?;
        let wire = charged(Prefixed::new(Bytes::new(), stream));
        return Ok(Line { wire, meter, absolute: false });
    };
    if let Host::Address(_) = target.host {
        // Nothing is looked up for it; this is the check alone.
        resolve::pin(resolver, rule, target).await?;
    }
    let stream = reach(resolver, proxy).await?;
    let (stream, absolute) = match purpose {
        Purpose::Plain => (Prefixed::new(Bytes::new(), stream), true),
        Purpose::Tunnel => (pass_through(stream, proxy, target).await?, false),
    };
    Ok(Line { wire: charged(stream), meter, absolute })
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses.iter().take(ADDRESSES_TRIED_MAX) {
        match timeout(ADDRESS_TRIED_FOR_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn reach(resolver: &dyn resolve::Resolver, proxy: &UpstreamProxy) -> Result<TcpStream, Refusal> {
    let addresses: Vec<IpAddr> = match &proxy.target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => resolve::look_up(resolver, name).await?,
    };
    let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, proxy.target.port)).collect();
    connect(&addresses).await.map_err(|error| proxy_failed(proxy, format_args!("no connection: {error}")))
}

/// Asks an upstream proxy for a tunnel.
async fn pass_through(
    stream: TcpStream,
    proxy: &UpstreamProxy,
    target: &Target,
) -> Result<Prefixed<TcpStream>, Refusal> {
    let failed = |error: hyper::Error| proxy_failed(proxy, error);
    let authority = target.to_string();
    let mut request = Request::builder().method(Method::CONNECT).uri(&authority).header(HOST, &authority);
    if let Some(credentials) = &proxy.authorization {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| proxy_failed(proxy, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = connection.with_upgrades();
    let asked = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let upgraded = if status.is_success() { Some(hyper::upgrade::on(response).await?) } else { None };
        Ok((status, upgraded))
    };
    // The connection ends when its stream is handed out, or with the sender; a failure shows in the answer.
    let (_, answer) = tokio::join!(connection, asked);
    let (status, upgraded) = answer.map_err(failed)?;
    let Some(upgraded) = upgraded else {
        return Err(proxy_failed(proxy, format_args!("it answers {status}")));
    };
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| proxy_failed(proxy, format_args!("its stream is lost")))?;
    Ok(Prefixed::new(parts.read_buf, parts.io.into_inner()))
}

fn proxy_failed(proxy: &UpstreamProxy, why: impl std::fmt::Display) -> Refusal {
    Refusal::failed(Failure::UpstreamProxy, format!("the upstream proxy {}: {why}", proxy.target))
}
