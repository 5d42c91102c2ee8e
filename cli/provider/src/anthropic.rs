//! Anthropic Messages.

pub(crate) mod body;
pub(crate) mod stream;

use std::sync::Arc;

use async_trait::async_trait;

use crate::endpoint::{Endpoint, EndpointError, Target};
use crate::http::Http;
use crate::vendors::Dialect;
use crate::{Provider, ProviderError, Quote, Request, Turn};

/// The version of the API that is spoken.
const VERSION: &str = "2023-06-01";

/// A model that is asked in Anthropic's dialect.
pub struct Anthropic {
    target: Target,
}

impl Anthropic {
    /// A model at `{base}/v1/messages`.
    pub fn new(endpoint: Endpoint, http: Arc<Http>) -> Result<Self, EndpointError> {
        let target = Target::new(endpoint, Dialect::Anthropic, "/v1/messages", http)?;
        Ok(Self { target: target.with_header("anthropic-version", VERSION) })
    }
}

#[async_trait]
impl Provider for Anthropic {
    fn name(&self) -> &str {
        &self.target.name
    }

    fn quote(&self, request: &Request) -> Quote {
        self.target.quote(request)
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        let body = body::body(&self.target.endpoint, &self.target.name, request)?;
        self.target.ask(request, &body, stream::Stream::default()).await
    }
}
