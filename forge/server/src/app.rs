//! The way of a request: host, preflight, route, limits, who asks, body, service, answer.

mod fixed;
mod mounted;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use forge_auth::caller::Callers;
use forge_auth::keys::{KeyRing, KeysError};
use forge_auth::token::{Terms, TokenError};
use forge_core::Role;
use futures::FutureExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Body;
use loki_store::Clock;
use tokio::time::Instant;

use crate::access::{self, Line, Sink};
use crate::cors;
use crate::drain::Drain;
use crate::limits::Limit;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::request_id::{self, RequestIds};
use crate::route::{Route, service_name};
use crate::service::Service;
use crate::settings::Settings;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What an [`App`] is made from.
pub struct Parts {
    /// The bounds.
    pub settings: Settings,
    /// The keys of the project.
    pub ring: Arc<KeyRing>,
    /// What tokens have to be beyond being signed and in time.
    pub terms: Terms,
    /// Tells the time of the log and of tokens.
    pub clock: Arc<dyn Clock>,
    /// Takes the access log, if there shall be one.
    pub sink: Option<Sink>,
    /// The version that is told at `/` and in the OpenAPI document.
    pub version: String,
}

/// Every service of an application on one origin.
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) drain: Drain,
    ring: Arc<KeyRing>,
    callers: Callers,
    clock: Arc<dyn Clock>,
    sink: Option<Sink>,
    version: String,
    ids: RequestIds,
    mounts: Vec<Mount>,
    addresses: Option<Limit>,
    keys: Option<Limit>,
}

struct Mount {
    prefix: String,
    service: Arc<dyn Service>,
}

/// What is learnt about a request on its way, for the log.
struct Note {
    /// Who is at the other end of the connection.
    peer: IpAddr,
    /// Who asks, as far as proxies are believed.
    address: IpAddr,
    role: Option<Role>,
    bytes_in: u64,
}

/// What is told of a request once it was answered.
struct Asked {
    id: HeaderValue,
    method: Method,
    uri: Uri,
    traceparent: Option<HeaderValue>,
    route: Route,
    started: Instant,
}

impl App {
    /// An application without services.
    pub fn new(parts: Parts) -> Result<App, TokenError> {
        let rates = parts.settings.rates;
        Ok(App {
            callers: Callers::new(parts.ring.keys(), parts.terms)?,
            settings: parts.settings,
            metrics: Metrics::default(),
            drain: Drain::default(),
            ring: parts.ring,
            clock: parts.clock,
            sink: parts.sink,
            version: parts.version,
            ids: RequestIds::new(),
            mounts: Vec::new(),
            addresses: rates.map(|rates| Limit::new(rates.address)),
            keys: rates.map(|rates| Limit::new(rates.key)),
        })
    }

    /// The same with `service` at `prefix`, such as `/rest/v1`.
    #[must_use]
    pub fn mount(mut self, prefix: &str, service: Arc<dyn Service>) -> App {
        self.mounts.push(Mount { prefix: prefix.to_owned(), service });
        self
    }

    /// Takes the keys that are in their folder now; says whether they have changed. [`crate::serve`] asks every
    /// second, so that a rotation or a revocation by another process counts at once.
    pub fn refresh_keys(&self) -> Result<bool, KeysError> {
        let has_changed = self.ring.refresh()? || !Arc::ptr_eq(&self.ring.keys(), &self.callers.keys());
        if has_changed {
            self.callers.set_keys(self.ring.keys())?;
        }
        Ok(has_changed)
    }

    /// From now on there is no new work; [`crate::serve`] calls it at the end.
    pub fn begin_drain(&self) {
        self.drain.begin();
    }

    /// Answers a request that came from `peer`. Never fails, and outlives a service that panics.
    pub async fn answer<B>(&self, peer: SocketAddr, mut request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error,
    {
        let id = self.ids.of(request.headers());
        request.headers_mut().insert(request_id::HEADER, id.clone());
        let route = Route::of(request.uri().path(), self.mounts.iter().map(|mount| mount.prefix.as_str()));
        let asked = Asked {
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
            traceparent: request.headers().get(TRACEPARENT).cloned(),
            route,
            started: Instant::now(),
        };
        let address = self.address(peer.ip(), request.headers());
        let mut note = Note { peer: peer.ip(), address, role: None, bytes_in: 0 };
        let in_flight = InFlight::of(&self.metrics);
        let answered = AssertUnwindSafe(self.route(&mut note, route, request)).catch_unwind().await;
        drop(in_flight);
        let mut panic = None;
        let response = answered.unwrap_or_else(|payload| {
            self.metrics.panicked();
            panic = Some(told(payload.as_ref()));
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be answered")
                .hint("the log has more under the x-request-id of this answer")
                .response()
        });
        let response = finished(&asked, response);
        self.log(&asked, &note, &response, panic.as_deref());
        response.map(Full::new)
    }

    async fn route<B>(&self, note: &mut Note, route: Route, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error,
    {
        if !self.settings.hosts.admit(request.uri(), request.headers()) {
            return Problem::new(
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                "the server is not asked by this name",
            )
            .hint("ask for localhost, or have the name allowed")
            .response();
        }
        if cors::is_preflight(request.method(), request.headers()) {
            return cors::preflight(request.headers());
        }
        if route.is_probe() {
            return self.fixed(note, route, &request).await;
        }
        let Some(_work) = self.drain.enter() else {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "the server is about to end")
                .retry_after(1)
                .closing()
                .response();
        };
        match route {
            Route::Mount(mount) => match self.mounted(note, &self.mounts[mount], request).await {
                Ok(response) => response,
                Err(problem) => problem.response(),
            },
            _ => self.fixed(note, route, &request).await,
        }
    }

    /// Who asks: behind proxies that are trusted the last address that none of them added.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: &IpAddr| self.settings.trusted_proxies.contains(address);
        if !trusted(&peer) {
            return peer;
        }
        let lists = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|list| list.to_str().ok());
        let mut addresses = lists.flat_map(|list| list.rsplit(',')).map(|text| text.trim().parse::<IpAddr>());
        loop {
            match addresses.next() {
                Some(Ok(address)) if trusted(&address) => {}
                Some(Ok(address)) => return address,
                Some(Err(_)) | None => return peer, // What cannot be read is not believed.
            }
        }
    }

    fn log(&self, asked: &Asked, note: &Note, response: &Response<Bytes>, panic: Option<&str>) {
        let class = match asked.route {
            Route::Mount(mount) => service_name(&self.mounts[mount].prefix),
            other => other.class(),
        };
        let (took, bytes_out) = (asked.started.elapsed(), response.body().len() as u64);
        self.metrics.answered(class, &asked.method, response.status(), took);
        self.metrics.moved(note.bytes_in, bytes_out);
        let Some(sink) = &self.sink else { return };
        let traceparent = asked.traceparent.as_ref().and_then(|value| value.to_str().ok());
        let line = Line {
            time: self.clock.now().to_string(),
            request_id: asked.id.to_str().unwrap_or_default(),
            method: asked.method.as_str(),
            path: access::path(asked.uri.path()),
            status: response.status().as_u16(),
            microseconds: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            bytes_in: note.bytes_in,
            bytes_out,
            address: note.address,
            role: note.role.as_ref().map(Role::as_str),
            traceparent: traceparent.and_then(access::traceparent),
            panic,
        };
        line.write(sink);
    }
}

/// What every answer has, and what some must not have.
fn finished(asked: &Asked, mut response: Response<Bytes>) -> Response<Bytes> {
    let status = response.status();
    let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_bodiless {
        *response.body_mut() = Bytes::new();
        response.headers_mut().remove(CONTENT_LENGTH);
    } else if asked.method == Method::HEAD && !response.body().is_empty() {
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        *response.body_mut() = Bytes::new();
    }
    let headers = response.headers_mut();
    cors::allow(headers);
    headers.insert(request_id::HEADER, asked.id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Counts a request for as long as it is being answered, also where it is given up.
struct InFlight<'a>(&'a Metrics);

impl InFlight<'_> {
    fn of(metrics: &Metrics) -> InFlight<'_> {
        metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a panic said.
fn told(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic").to_owned()
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
