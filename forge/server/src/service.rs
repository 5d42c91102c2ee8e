//! What is mounted.

use async_trait::async_trait;
use bytes::Bytes;
use forge_auth::token::TokenError;
use forge_core::Identity;
use http::{HeaderMap, Request, Response};
use serde_json::{Value, json};

/// One service of an application, such as its tables. A request that is given up (its time is over, the caller
/// is gone) is dropped at an `.await`.
#[async_trait]
pub trait Service: Send + Sync {
    /// Answers a request of `who`. The path begins behind the mount: `/todos`, or `/` alone. The body is
    /// whole and inflated, and not longer than the settings allow. The extensions have the [`std::net::IpAddr`] of
    /// whoever is at the other end, as far as proxies are believed.
    async fn answer(&self, who: &Identity, request: Request<Bytes>) -> Response<Bytes>;

    /// The answer to somebody whose token does not hold, where the service has words of its own for it.
    fn stranger(&self, _error: &TokenError, _headers: &HeaderMap) -> Option<Response<Bytes>> {
        None
    }

    /// Whether it can answer now; otherwise a sentence that says why not, without secrets.
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Its part of the OpenAPI document: `paths` relative to its mount, `components`, `tags`.
    async fn openapi(&self) -> Value {
        json!({})
    }
}
