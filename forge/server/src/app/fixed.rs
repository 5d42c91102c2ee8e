//! What the server itself answers.

use std::time::Duration;

use bytes::Bytes;
use forge_core::Role;
use http::header::{ALLOW, CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{App, FORWARDED, FORWARDED_FOR, Note, json as answer};
use crate::compress;
use crate::metrics;
use crate::problem::Problem;
use crate::route::{Route, service_name};

/// How long a service may take to say whether it is ready.
const READY_MAX: Duration = Duration::from_secs(2);

impl App {
    pub(super) async fn fixed<B>(
        &self,
        note: &mut Note,
        route: Route,
        request: &Request<B>,
    ) -> Response<Bytes> {
        match route {
            Route::Absent(name) => {
                let message = format!("the service `{name}` is not available here");
                return Problem::new(StatusCode::NOT_FOUND, "not_available", message).response();
            }
            Route::Unknown | Route::Mount(_) => {
                return Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
                    .hint("/ says what is here")
                    .response();
            }
            Route::Root | Route::Health | Route::Ready | Route::Metrics | Route::OpenApi | Route::Jwks => {}
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let problem =
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET and HEAD");
            let mut response = problem.response();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            return response;
        }
        if matches!(route, Route::Metrics | Route::OpenApi)
            && let Err(problem) = self.admit_inside(note, request)
        {
            return problem.response();
        }
        let response = match route {
            Route::Health => return answer(StatusCode::OK, &b"{\"status\":\"ok\"}"[..]),
            Route::Ready => return self.ready().await,
            Route::Jwks => answer(StatusCode::OK, self.callers.jwks()),
            Route::OpenApi => answer(StatusCode::OK, self.openapi().await.to_string()),
            Route::Metrics => {
                let mut response = answer(StatusCode::OK, self.metrics.text());
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                response
            }
            Route::Root | Route::Absent(_) | Route::Unknown | Route::Mount(_) => {
                answer(StatusCode::OK, self.root().to_string())
            }
        };
        compress::compress(response, compress::wanted(request.headers())).await
    }

    /// What tells about the inside is for the secret key, and for who asks on the machine itself: not by a
    /// proxy, and not from a page.
    fn admit_inside<B>(&self, note: &mut Note, request: &Request<B>) -> Result<(), Problem> {
        let headers = request.headers();
        let is_local = note.peer.is_loopback()
            && ![FORWARDED_FOR, FORWARDED, ORIGIN].iter().any(|name| headers.contains_key(name));
        if is_local {
            return Ok(());
        }
        self.limit_address(note)?;
        let who = self.identify(headers)?;
        note.role = Some(who.role.clone());
        if who.role == Role::Service {
            return Ok(());
        }
        let status = if who.role == Role::Anon { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        Err(Problem::new(status, "secret_key_required", "this is for the secret key"))
    }

    async fn ready(&self) -> Response<Bytes> {
        if self.drain.has_begun() {
            return answer(StatusCode::SERVICE_UNAVAILABLE, &b"{\"status\":\"draining\"}"[..]);
        }
        let mut services = Map::new();
        let mut status = (StatusCode::OK, "ready");
        for mount in &self.mounts {
            let said = tokio::time::timeout(READY_MAX, mount.service.ready()).await;
            let said = match said.unwrap_or_else(|_| Err("it does not say in time".to_owned())) {
                Ok(()) => "ready".to_owned(),
                Err(why) => {
                    status = (StatusCode::SERVICE_UNAVAILABLE, "not ready");
                    why
                }
            };
            services.insert(service_name(&mount.prefix).to_owned(), Value::String(said));
        }
        answer(status.0, json!({ "status": status.1, "services": services }).to_string())
    }

    async fn openapi(&self) -> Value {
        let mut parts = Vec::with_capacity(self.mounts.len());
        for mount in &self.mounts {
            parts.push((mount.prefix.clone(), mount.service.openapi().await));
        }
        crate::openapi::merged(&self.version, parts)
    }

    fn root(&self) -> Value {
        let mounts = self.mounts.iter();
        let services: Map<String, Value> = mounts
            .map(|mount| (service_name(&mount.prefix).to_owned(), Value::String(mount.prefix.clone())))
            .collect();
        json!({ "name": "forge", "version": self.version, "services": services, "openapi": "/openapi.json" })
    }
}
