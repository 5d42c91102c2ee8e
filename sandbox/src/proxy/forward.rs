//! One request: whether it may go, over which connection it goes, and what comes back.

use std::sync::{Arc, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use subtle::ConstantTimeEq;

use super::answer::{Answer, Refusal, Relayed};
use super::budget::Meter;
use super::dial::{self, Purpose};
use super::record::{DenyReason, Entry, Failure, Usage, Verdict};
use super::secrets::{self, Used};
use super::server::{HEAD_BYTES_MAX, Scope, Secure, Session, Shared, Upstream};
use super::target::Target;
use super::{headers, rules, tunnel};
use crate::policy::HostRule;

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// Answers one request; every request has an answer.
pub(super) async fn answer(session: &Arc<Session>, request: Request<Incoming>) -> Answer {
    let mut entry = session.shared.log.entry(request.method().as_str());
    if session.scope == Scope::Open {
        if !is_authorised(&session.shared, &request) {
            return Refusal::denied(DenyReason::Token, None).into_answer(entry);
        }
        if request.method() == Method::CONNECT {
            return tunnel::agree(session, request, entry).await;
        }
    }
    match forward(session, request, &mut entry).await {
        Ok((response, used)) => {
            entry.ends(Verdict::Allowed, response.status().as_u16());
            response.map(|body| Either::Right(Relayed::new(body, used, entry)))
        }
        Err(refusal) => refusal.into_answer(entry),
    }
}

async fn forward(
    session: &Session,
    request: Request<Incoming>,
    entry: &mut Entry,
) -> Result<(Response<Incoming>, Used), Refusal> {
    let shared = &session.shared;
    let (target, secure) = destination(session, &request, entry)?;
    let denied = |reason| Refusal::denied(reason, Some(&target));
    if !headers::is_framing_plain(request.headers()) {
        return Err(denied(DenyReason::Malformed));
    }
    let rule = rules::decide(&shared.egress.rules, &target).map_err(denied)?;
    if !rule.headers.is_empty() && request.method() == Method::TRACE {
        return Err(denied(DenyReason::Method));
    }
    let filled = secrets::fill(rule, shared.egress.secrets.as_ref())?;

    let (mut parts, body) = request.into_parts();
    headers::onward_request(&mut parts.headers, &body);
    parts.version = Version::HTTP_11;
    let host = target.host_header(usual_port(secure));
    parts.headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| denied(DenyReason::Target))?);
    let used = filled.apply(&mut parts.headers);

    let request = Request::from_parts(parts, body);
    let response = send(session, rule, &target, secure, request, entry).await?;
    let response = settled(response, &used, &target)?;
    Ok((response, used))
}

/// Reads where a request is going, and checks that all its parts say the same.
fn destination(
    session: &Session,
    request: &Request<Incoming>,
    entry: &mut Entry,
) -> Result<(Target, Secure), Refusal> {
    let absolute =
        request.uri().authority().map(|authority| Target::parse(authority.as_str(), Some(HTTP_PORT)));
    let absolute = absolute.transpose().map_err(|_| Refusal::denied(DenyReason::Target, None))?;
    let (target, secure) = match &session.scope {
        Scope::Inside { target, secure } => (target.clone(), *secure),
        Scope::Open if request.uri().scheme() == Some(&Scheme::HTTP) => {
            let target = absolute.clone().ok_or_else(|| Refusal::denied(DenyReason::Malformed, None))?;
            let secure = if target.port == HTTPS_PORT { Secure::Yes } else { Secure::No };
            (target, secure)
        }
        Scope::Open => return Err(Refusal::denied(DenyReason::Malformed, None)),
    };
    entry.to(target.host.bare(), target.port);
    let same_host = absolute.is_none_or(|absolute| absolute.host == target.host);
    let unsaid = request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST);
    if !same_host || unsaid || contradicts(request, &target) {
        return Err(Refusal::denied(DenyReason::Misdirected, Some(&target)));
    }
    if request.method() == Method::CONNECT {
        return Err(Refusal::denied(DenyReason::Malformed, Some(&target)));
    }
    Ok((target, secure))
}

/// True where a `Host` header speaks of something else than the target, or there are several.
pub(super) fn contradicts<B>(request: &Request<B>, target: &Target) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let agrees = |host: &HeaderValue| host.to_str().is_ok_and(|host| target.agrees_with(host));
    hosts.next().is_some_and(|host| !agrees(host)) || hosts.next().is_some()
}

/// Sends a request over the connection of the one before it, or over a new one.
async fn send(
    session: &Session,
    rule: &HostRule,
    target: &Target,
    secure: Secure,
    mut request: Request<Incoming>,
    entry: &mut Entry,
) -> Result<Response<Incoming>, Refusal> {
    let path = request.uri().path_and_query().cloned();
    let known = session.upstream.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut known = known.filter(|known| known.target == *target && known.secure == secure);
    loop {
        let reused = known.is_some();
        let mut upstream = match known.take() {
            Some(known) => known,
            None => open(session, rule, target, secure).await?,
        };
        // Waits for the end of the response before. Where the host has closed the connection, sending says so.
        upstream.sender.ready().await.ok();
        entry.uses(if reused { Usage::from_now(&upstream.meter) } else { Usage::all(&upstream.meter) });
        readdress(&session.shared, &mut request, path.as_ref(), target, upstream.absolute);
        match upstream.sender.try_send_request(request).await {
            Ok(response) => {
                *session.upstream.lock().unwrap_or_else(PoisonError::into_inner) = Some(upstream);
                return Ok(response);
            }
            Err(mut error) => match error.take_message() {
                // Handed back whole: nothing of it was sent, so it can go over a new connection.
                Some(unsent) if reused => request = unsent,
                Some(_) | None => return Err(broken(session, &upstream.meter, target, &error.into_error())),
            },
        }
    }
}

async fn open(
    session: &Session,
    rule: &HostRule,
    target: &Target,
    secure: Secure,
) -> Result<Upstream, Refusal> {
    let shared = &session.shared;
    let purpose = if secure == Secure::Yes { Purpose::Tunnel } else { Purpose::Plain };
    let line = dial::dial(shared, rule, target, purpose).await?;
    let (meter, absolute) = (line.meter, line.absolute);
    let sender = match secure {
        Secure::No => drive(session, TokioIo::new(line.wire), &meter, target).await?,
        Secure::Yes => {
            let stream = dial::secure(shared, line.wire, target).await?;
            drive(session, TokioIo::new(stream), &meter, target).await?
        }
    };
    Ok(Upstream { target: target.clone(), secure, sender, meter, absolute })
}

/// Sets a connection going, until it ends or has been silent for too long.
async fn drive<S>(
    session: &Session,
    stream: S,
    meter: &Arc<Meter>,
    target: &Target,
) -> Result<http1::SendRequest<Incoming>, Refusal>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let shaken = http1::Builder::new()
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(2 * HEAD_BYTES_MAX)
        .preserve_header_case(true)
        .handshake::<_, Incoming>(stream)
        .await;
    let (sender, connection) = shaken.map_err(|error| broken(session, meter, target, &error))?;
    let (meter, idle) = (meter.clone(), session.shared.egress.timeouts.idle);
    let mut drivers = session.drivers.lock().unwrap_or_else(PoisonError::into_inner);
    while drivers.try_join_next().is_some() {}
    drivers.spawn(async move {
        tokio::select! {
            // Its errors show in the request or in the body that is under way.
            _ = connection => {}
            () = meter.idle(idle) => {}
        }
    });
    Ok(sender)
}

fn broken(session: &Session, meter: &Meter, target: &Target, error: &hyper::Error) -> Refusal {
    if let Err(reason) = session.shared.budget.transfer_left() {
        return Refusal::denied(reason, Some(target));
    }
    if meter.quiet() >= session.shared.egress.timeouts.idle {
        return Refusal::failed(Failure::Idle, format!("{target} was silent for too long"));
    }
    Refusal::failed(Failure::Upstream, format!("{target} did not answer as HTTP: {error}"))
}

/// Writes the request line for the next hop, which is the host, or a proxy that wants the whole address.
fn readdress(
    shared: &Shared,
    request: &mut Request<Incoming>,
    path: Option<&PathAndQuery>,
    target: &Target,
    absolute: bool,
) {
    let path = path.cloned().unwrap_or(PathAndQuery::from_static("/"));
    let mut parts = hyper::http::uri::Parts::default();
    if absolute {
        parts.scheme = Some(Scheme::HTTP);
        // A target is made of nothing that an authority could not hold.
        parts.authority = target.host_header(HTTP_PORT).parse().ok();
        let credentials = shared.egress.upstream_proxy.as_ref().and_then(|proxy| proxy.authorization.clone());
        if let Some(credentials) = credentials {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials);
        }
    }
    parts.path_and_query = Some(path);
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

/// Makes a response fit for the client: its own hop's headers, and no secrets.
fn settled(
    response: Response<Incoming>,
    used: &Used,
    target: &Target,
) -> Result<Response<Incoming>, Refusal> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let text = format!("{target} switched protocols without being asked");
        return Err(Refusal::failed(Failure::Upstream, text));
    }
    let (mut parts, body) = response.into_parts();
    headers::onward_response(&mut parts.headers);
    used.redact(&mut parts.headers);
    // Words of the host's own making, in which it could say anything.
    parts.extensions.remove::<ReasonPhrase>();
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, body))
}

fn is_authorised(shared: &Shared, request: &Request<Incoming>) -> bool {
    let Some(token) = &shared.egress.token else { return true };
    let given = request.headers().get(PROXY_AUTHORIZATION).and_then(password).unwrap_or_default();
    bool::from(given.ct_eq(token.as_bytes()))
}

fn password(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    let plain = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let colon = plain.iter().position(|byte| *byte == b':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| plain[colon + 1..].to_vec())
}

fn usual_port(secure: Secure) -> u16 {
    match secure {
        Secure::No => HTTP_PORT,
        Secure::Yes => HTTPS_PORT,
    }
}
