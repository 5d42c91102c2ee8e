//! Whether the project builds.

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use tokio::sync::Mutex;

use crate::bench::Bench;
use crate::steps::{Steps, judge};

/// Its name.
pub(crate) const ID: &str = "build";

const STEPS: Steps = Steps {
    gate: ID,
    nothing: "there is nothing that has to be built",
    seconds_max: 1_800,
    own: |commands| commands.build.as_deref(),
    of: |part| &part.build,
};

/// Passes where every command that builds ends with 0.
pub(crate) struct Build(pub(crate) Arc<Mutex<Bench>>);

#[async_trait]
impl Gate for Build {
    fn id(&self) -> &str {
        ID
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        judge(&self.0, STEPS).await
    }
}
