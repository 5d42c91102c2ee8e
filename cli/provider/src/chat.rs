//! Chat completions, as OpenAI began them: spoken by many services and by model servers of one's own.

pub(crate) mod body;
pub(crate) mod stream;

use std::sync::Arc;

use async_trait::async_trait;

use crate::endpoint::{Endpoint, EndpointError, Target};
use crate::http::Http;
use crate::vendors::Dialect;
use crate::{Provider, ProviderError, Quote, Request, Turn};

/// A model that is asked by chat completions.
pub struct Chat {
    target: Target,
}

impl Chat {
    /// A model at `{base}/chat/completions`.
    pub fn new(endpoint: Endpoint, http: Arc<Http>) -> Result<Self, EndpointError> {
        Ok(Self { target: Target::new(endpoint, Dialect::Chat, "/chat/completions", http)? })
    }
}

#[async_trait]
impl Provider for Chat {
    fn name(&self) -> &str {
        &self.target.name
    }

    fn quote(&self, request: &Request) -> Quote {
        self.target.quote(request)
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        let body = body::body(&self.target.endpoint, &self.target.name, request)?;
        self.target.ask(request, &body, stream::Stream::new(self.target.endpoint.vendor)).await
    }
}
