//! The engine: which tasks may read along with others, and which must wait for their turn to write.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use forge_core::Identity;
use forge_core::sql::{Row, Sql, SqlError, Statement};
use forge_database::schema::Volatility;
use tokio::time::Instant;

use super::pool::{Lane, Pool};
use super::reads::Reads;
use super::{OpenError, Settings, errors};
use crate::engine::{Context, Engine};
use crate::error::RestError;
use crate::model::Model;
use crate::plan::{Outcome, Plan, Task};
use crate::query::{Found, Queries, Query};

/// The application's database.
pub struct Sqlite {
    pool: Pool,
    settings: Settings,
    /// When the model was last compared with the database.
    looked: Mutex<Instant>,
}

impl Sqlite {
    /// Opens the database in the file `path`, which is there already, and starts its threads. They end, with
    /// what was asked of them done, when this is dropped. `reads` compiles what they run.
    pub fn open(path: &Path, settings: Settings, reads: Arc<dyn Reads>) -> Result<Sqlite, OpenError> {
        let pool = Pool::open(path, &settings, &reads)?;
        Ok(Sqlite { pool, settings, looked: Mutex::new(Instant::now()) })
    }

    /// Whether it is time to look again; who asks first does it for all.
    fn is_old(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let old = looked.elapsed() >= self.settings.model_age_max;
        if old {
            *looked = Instant::now();
        }
        old
    }

    /// Looks whether the database holds what it did.
    async fn look(&self) -> Result<(), RestError> {
        // A job without tasks does nothing but this.
        let (who, context) = (Identity::service(), Context::default());
        let looked = self.pool.carry_out(Lane::Reading, &who, &context, &[]).await;
        looked.map(drop).map_err(|(_, error)| error)
    }
}

#[async_trait]
impl Engine for Sqlite {
    async fn model(&self) -> Result<Arc<Model>, RestError> {
        if self.is_old() {
            self.look().await?;
        }
        Ok(Arc::clone(&self.pool.scene().model))
    }

    async fn run(&self, who: &Identity, context: &Context, task: &Task) -> Result<Outcome, RestError> {
        let outcomes =
            self.batch(who, context, std::slice::from_ref(task)).await.map_err(|(_, error)| error)?;
        outcomes.into_iter().next().ok_or_else(errors::internal)
    }

    async fn batch(
        &self,
        who: &Identity,
        context: &Context,
        tasks: &[Task],
    ) -> Result<Vec<Outcome>, (usize, RestError)> {
        let lane = if tasks.iter().all(reads) { Lane::Reading } else { Lane::Writing };
        self.pool.carry_out(lane, who, context, tasks).await
    }

    async fn ready(&self) -> Result<(), RestError> {
        self.look().await
    }
}

#[async_trait]
impl Queries for Sqlite {
    async fn queries(&self, who: &Identity, queries: &[Query]) -> Result<Vec<Found>, RestError> {
        self.pool.queries(who, queries).await
    }
}

#[async_trait]
impl Sql for Sqlite {
    async fn read(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError> {
        self.pool.script(Lane::Reading, statements).await
    }

    async fn write(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError> {
        self.pool.script(Lane::Writing, statements).await
    }
}

/// Whether a task cannot write. A function that says it does not write is held to it.
fn reads(task: &Task) -> bool {
    match &task.plan {
        Plan::Read(_) => true,
        Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) => task.explain.is_some(),
        Plan::Call(call) => {
            call.read_only || call.function.volatility != Volatility::Volatile || task.explain.is_some()
        }
    }
}
