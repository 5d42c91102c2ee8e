//! OpenAI Responses, without anything being kept at the vendor's.

pub(crate) mod body;
pub(crate) mod stream;

use std::sync::Arc;

use async_trait::async_trait;

use crate::endpoint::{Endpoint, EndpointError, Target};
use crate::http::Http;
use crate::vendors::Dialect;
use crate::{Provider, ProviderError, Quote, Request, Turn};

/// A model that is asked in the dialect of OpenAI Responses.
pub struct Responses {
    target: Target,
}

impl Responses {
    /// A model at `{base}/responses`.
    pub fn new(endpoint: Endpoint, http: Arc<Http>) -> Result<Self, EndpointError> {
        Ok(Self { target: Target::new(endpoint, Dialect::Responses, "/responses", http)? })
    }
}

#[async_trait]
impl Provider for Responses {
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
