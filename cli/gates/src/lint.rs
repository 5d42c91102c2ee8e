//! Whether the linters and type checkers that the project configures have nothing to say.

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use tokio::sync::Mutex;

use crate::bench::Bench;
use crate::steps::{Steps, judge};

/// Its name.
pub(crate) const ID: &str = "lint";

const STEPS: Steps = Steps {
    gate: ID,
    nothing: "the project configures no linter and no type checker",
    seconds_max: 900,
    own: |commands| commands.lint.as_deref(),
    of: |part| &part.lint,
};

/// Passes where every linter ends with 0.
pub(crate) struct Lint(pub(crate) Arc<Mutex<Bench>>);

#[async_trait]
impl Gate for Lint {
    fn id(&self) -> &str {
        ID
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        judge(&self.0, STEPS).await
    }
}
