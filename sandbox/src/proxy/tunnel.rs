//! CONNECT: bytes passed on unseen, or, for hosts that get headers, TLS that ends here and begins anew.

use std::sync::{Arc, PoisonError};

use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::server::Acceptor;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::answer::{self, Answer, Refusal};
use super::certificates::Authority;
use super::dial::{self, Line, Purpose};
use super::forward;
use super::prefixed::Prefixed;
use super::record::{DenyReason, Entry, Failure, Usage, Verdict};
use super::rules;
use super::server::{self, Client, Scope, Secure, Session, Shared};
use super::target::{Host, Target};

const COPY_BUFFER_BYTES: usize = 32 * 1024;

/// The first byte of a TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// A tunnel that has been agreed to.
pub(super) struct Tunnel {
    upgrade: OnUpgrade,
    entry: Entry,
    way: Way,
}

enum Way {
    Blind(Line),
    Inspected(Target),
}

/// Answers a CONNECT. A tunnel begins when the answer has gone out.
pub(super) async fn agree(session: &Session, mut request: Request<Incoming>, mut entry: Entry) -> Answer {
    match way(&session.shared, &request, &mut entry).await {
        Ok(way) => {
            entry.ends(Verdict::Allowed, 200);
            if let Way::Blind(line) = &way {
                entry.uses(Usage::from_now(&line.meter));
            }
            let tunnel = Tunnel { upgrade: hyper::upgrade::on(&mut request), entry, way };
            *session.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
            answer::empty()
        }
        Err(refusal) => refusal.into_answer(entry),
    }
}

async fn way(shared: &Shared, request: &Request<Incoming>, entry: &mut Entry) -> Result<Way, Refusal> {
    let authority = request.uri().authority().map(|authority| authority.as_str()).unwrap_or_default();
    let target = Target::parse(authority, None).map_err(|_| Refusal::denied(DenyReason::Target, None))?;
    entry.to(target.host.bare(), target.port);
    let denied = |reason| Refusal::denied(reason, Some(&target));
    let has_body =
        [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| request.headers().contains_key(name));
    if has_body {
        return Err(denied(DenyReason::Malformed));
    }
    // Older clients send CONNECT without one.
    if forward::contradicts(request, &target) {
        return Err(denied(DenyReason::Misdirected));
    }
    let rule = rules::decide(&shared.egress.rules, &target).map_err(denied)?;
    if rule.headers.is_empty() {
        let line = dial::dial(shared, rule, &target, Purpose::Tunnel).await?;
        return Ok(Way::Blind(line));
    }
    Ok(Way::Inspected(target))
}

/// Serves a tunnel until either end closes it.
pub(super) async fn run(shared: &Arc<Shared>, tunnel: Tunnel) {
    let mut entry = tunnel.entry;
    // A client that has gone before its tunnel began.
    let Ok(upgraded) = tunnel.upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Client>>() else { return };
    let mut client = Prefixed::new(parts.read_buf, parts.io.into_inner());
    match tunnel.way {
        Way::Blind(mut line) => {
            let copied = tokio::io::copy_bidirectional_with_sizes(
                &mut client,
                &mut line.wire,
                COPY_BUFFER_BYTES,
                COPY_BUFFER_BYTES,
            );
            // However it ends, what has passed is counted by the line itself.
            copied.await.ok();
        }
        Way::Inspected(target) => {
            if let Err(verdict) = inspect(shared, client, target).await {
                entry.ends(verdict, 200);
            }
        }
    }
}

async fn inspect(shared: &Arc<Shared>, mut client: Prefixed<Client>, target: Target) -> Result<(), Verdict> {
    let failed = Verdict::Failed(Failure::ClientTls);
    let head = shared.egress.timeouts.head;
    let first = timeout(head, client.first()).await.map_err(|_| failed)?.map_err(|_| failed)?;
    let inside = |secure| Session::new(shared.clone(), Scope::Inside { target: target.clone(), secure });
    match first {
        None => Ok(()),
        Some(TLS_HANDSHAKE) => {
            let authority = shared.authority.as_ref().ok_or(failed)?;
            let stream =
                timeout(head, accept(authority, client, &target.host)).await.map_err(|_| failed)??;
            server::converse_inside(&inside(Secure::Yes), stream).await;
            Ok(())
        }
        Some(_) => {
            server::converse_inside(&inside(Secure::No), client).await;
            Ok(())
        }
    }
}

/// Answers as the host that the tunnel is for, and as no other.
async fn accept(
    authority: &Authority,
    client: Prefixed<Client>,
    host: &Host,
) -> Result<TlsStream<Prefixed<Client>>, Verdict> {
    let failed = Verdict::Failed(Failure::ClientTls);
    let start = LazyConfigAcceptor::new(Acceptor::default(), client).await.map_err(|_| failed)?;
    let asked = start.client_hello().server_name().map(Host::parse);
    if asked.is_some_and(|asked| asked.as_ref() != Ok(host)) {
        return Err(Verdict::Denied(DenyReason::Misdirected));
    }
    let config = authority.server(host).map_err(|_| failed)?;
    start.into_stream(config).await.map_err(|_| failed)
}
