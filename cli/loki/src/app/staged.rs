//! The backend first, then the application: the blueprint takes the first iteration, a model the others.
//!
//! What a document asks of a backend needs no model, costs nothing and is proven; the model begins with it there.

use std::sync::Arc;

use async_trait::async_trait;
use loki_blueprint::Blueprint;
use loki_provider::{Cost, Provider, ProviderError, Quote, Request, Tokens, Turn};

/// The iteration that the blueprint takes.
const FIRST: u32 = 1;

/// The blueprint, then a model.
pub(super) struct Staged {
    blueprint: Blueprint,
    model: Arc<dyn Provider>,
}

impl Staged {
    pub(super) fn new(blueprint: Blueprint, model: Arc<dyn Provider>) -> Self {
        Self { blueprint, model }
    }
}

#[async_trait]
impl Provider for Staged {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn exact(&self, iteration: u32) -> bool {
        iteration == FIRST
    }

    fn acts(&self) -> bool {
        self.model.acts()
    }

    fn quote(&self, request: &Request) -> Quote {
        match request.iteration {
            FIRST => Quote { tokens: Tokens::default(), cost: Cost::Measured { micro_usd: 0 } },
            _ => self.model.quote(request),
        }
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        match request.iteration {
            FIRST => self.blueprint.turn(request).await,
            _ => self.model.turn(request).await,
        }
    }
}
