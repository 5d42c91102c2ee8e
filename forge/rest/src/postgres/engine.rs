//! The engine: what it knows of the database, and how tasks get to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use forge_core::Identity;
use forge_core::sql::{Row, Sql, SqlError, Statement as Script};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::carry::{self, Asked};
use super::catalog::{self, Scene};
use super::connect::{Address, ConnectError, require_bound};
use super::lease::Lease;
use super::sql::{self, Statement};
use super::{Settings, errors, listen, query, script};
use crate::engine::{Context, Engine};
use crate::error::RestError;
use crate::model::Model;
use crate::plan::{Outcome, Task};
use crate::query::{Found, Queries, Query};

/// How long after a statement's own end the server is waited for.
const GRACE: Duration = Duration::from_secs(2);
/// How long the catalogs may take to be read.
const CATALOG_MAX: Duration = Duration::from_secs(60);
/// How often errors alone may make the catalogs be read again.
const SUSPICION_EVERY: Duration = Duration::from_secs(2);

/// A Postgres that holds an application.
pub struct Postgres {
    pool: Pool,
    settings: Settings,
    scene: RwLock<Arc<Scene>>,
    /// Whether the schema may have changed since it was read.
    stale: Arc<AtomicBool>,
    /// Held by the one who reads the catalogs.
    reading: tokio::sync::Mutex<()>,
    /// When an error last made the catalogs be read.
    suspected: Mutex<Option<Instant>>,
    listener: JoinHandle<()>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the password nor the host belongs into a log.
        f.debug_struct("Postgres").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects to the database at `url` (`postgresql://user@host/name`) and reads its catalogs. Needs a Tokio
    /// runtime. With `sslmode=require` connections are encrypted and the server's certificate is checked against
    /// the system's authorities.
    ///
    /// Fails where the connecting role is a superuser, bypasses row-level security, or may not become `anon`,
    /// `authenticated` and `service_role`.
    pub async fn connect(url: &str, settings: Settings) -> Result<Postgres, ConnectError> {
        let address = Address::new(url, &settings)?;
        let pool = address.pool(&settings)?;
        require_bound(&pool, &settings).await?;
        let scene = read(&pool, &settings).await.map_err(|_| ConnectError::Catalog)?;
        let stale = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stale);
        let listener = tokio::spawn(async move { listen::listen(address, &told).await });
        Ok(Postgres {
            pool,
            settings,
            scene: RwLock::new(scene),
            stale,
            reading: tokio::sync::Mutex::new(()),
            suspected: Mutex::new(None),
            listener,
        })
    }

    /// Has the catalogs read again before the next request, because the schema has changed.
    pub fn forget(&self) {
        self.stale.store(true, Ordering::Release);
    }

    fn known(&self) -> Arc<Scene> {
        Arc::clone(&self.scene.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known, read again where it may have changed. Where that fails, what was known is kept, and the
    /// next request tries again.
    async fn scene(&self) -> Arc<Scene> {
        if self.stale.load(Ordering::Acquire) {
            let _held = self.reading.lock().await;
            if self.stale.swap(false, Ordering::AcqRel) && self.read_again().await.is_err() {
                self.stale.store(true, Ordering::Release);
            }
        }
        self.known()
    }

    async fn read_again(&self) -> Result<(), RestError> {
        let scene = read(&self.pool, &self.settings).await?;
        // Parameters of statements have the types that columns had.
        self.pool.manager().statement_caches.clear();
        *self.scene.write().unwrap_or_else(PoisonError::into_inner) = scene;
        Ok(())
    }

    /// Carries out tasks on a connection, which is handed on only when it is as it was. A function can undo the
    /// server's limit of time, so there is another one here.
    async fn carry_out(
        &self,
        who: &Identity,
        context: &Context,
        tasks: &[Task],
        statements: &[Statement],
    ) -> Result<Vec<Outcome>, (usize, RestError)> {
        let search_path = catalog::search_path(&self.settings);
        let asked = Asked { who, context, settings: &self.settings, search_path: &search_path };
        let lease = Lease::from(&self.pool).await.map_err(|error| (0, error))?;
        let connection = lease.held().map_err(|error| (0, error))?;
        let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let most = self.settings.statement_timeout.saturating_mul(count).saturating_add(GRACE);
        let carried = carry::out(&connection, &asked, tasks, statements);
        let Ok(outcomes) = timeout(most, carried).await else {
            // The connection is closed with the lease: what goes on there is nobody's any more.
            return Err((0, errors::timed_out()));
        };
        let tidy = outcomes.is_ok() || timeout(GRACE, carry::roll_back(&connection)).await.unwrap_or(false);
        if connection.statement_cache.size() > self.settings.statements_max {
            connection.statement_cache.clear();
        }
        if tidy {
            lease.keep();
        }
        outcomes
    }

    /// Compiles tasks with what is known now, and carries them out.
    async fn attempt(
        &self,
        who: &Identity,
        context: &Context,
        tasks: &[Task],
    ) -> Result<Vec<Outcome>, (usize, RestError)> {
        let scene = self.known();
        let compile = |(at, task)| sql::statement(task, &scene.model).map_err(|error| (at, error));
        let statements: Vec<Statement> = tasks.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        self.carry_out(who, context, tasks, &statements).await
    }

    /// Whether an error came of catalogs that are no longer what they were: they are read again, but not for each
    /// such error, since requests can cause them at will.
    async fn was_stale(&self, error: &RestError) -> bool {
        if !errors::is_stale(&error.code) || !self.may_suspect() {
            return false;
        }
        let before = self.known();
        self.forget();
        self.scene().await.model != before.model
    }

    fn may_suspect(&self) -> bool {
        let mut suspected = self.suspected.lock().unwrap_or_else(PoisonError::into_inner);
        let may = suspected.is_none_or(|at| at.elapsed() >= SUSPICION_EVERY);
        if may {
            *suspected = Some(Instant::now());
        }
        may
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[async_trait]
impl Engine for Postgres {
    async fn model(&self) -> Result<Arc<Model>, RestError> {
        Ok(Arc::clone(&self.scene().await.model))
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
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        match self.attempt(who, context, tasks).await {
            // All of it was undone.
            Err((_, error)) if self.was_stale(&error).await => self.attempt(who, context, tasks).await,
            done => done,
        }
    }

    async fn ready(&self) -> Result<(), RestError> {
        let lease = Lease::from(&self.pool).await?;
        let connection = lease.held()?;
        let answered = timeout(self.settings.connect_timeout, connection.batch_execute("SELECT 1")).await;
        answered.map_err(|_| errors::timed_out())?.map_err(|error| errors::of_postgres(&error, false))?;
        lease.keep();
        Ok(())
    }
}

impl Postgres {
    async fn script(&self, statements: &[Script], writes: bool) -> Result<Vec<Vec<Row>>, SqlError> {
        let lease = Lease::from(&self.pool).await.map_err(|_| SqlError::Unavailable)?;
        let connection = lease.held().map_err(|_| SqlError::Unavailable)?;
        let most = self.settings.statement_timeout.saturating_add(GRACE);
        let Ok(rows) = timeout(most, script::out(&connection, statements, writes)).await else {
            return Err(SqlError::Unavailable);
        };
        let tidy = rows.is_ok() || timeout(GRACE, carry::roll_back(&connection)).await.unwrap_or(false);
        if tidy {
            lease.keep();
        }
        rows
    }
}

#[async_trait]
impl Queries for Postgres {
    async fn queries(&self, who: &Identity, queries: &[Query]) -> Result<Vec<Found>, RestError> {
        let search_path = catalog::search_path(&self.settings);
        let context = Context::default();
        let asked = Asked { who, context: &context, settings: &self.settings, search_path: &search_path };
        // The connection is closed with the lease: nobody knows what the query left in it.
        let lease = Lease::from(&self.pool).await?;
        let connection = lease.held()?;
        let count = u32::try_from(queries.len()).unwrap_or(u32::MAX);
        let most = self.settings.statement_timeout.saturating_mul(count).saturating_add(GRACE);
        timeout(most, query::out(&connection, &asked, queries)).await.map_err(|_| errors::timed_out())?
    }
}

#[async_trait]
impl Sql for Postgres {
    async fn read(&self, statements: &[Script]) -> Result<Vec<Vec<Row>>, SqlError> {
        self.script(statements, false).await
    }

    async fn write(&self, statements: &[Script]) -> Result<Vec<Vec<Row>>, SqlError> {
        self.script(statements, true).await
    }
}

/// Reads the catalogs. Where that fails the connection, which may be within a transaction, is closed.
async fn read(pool: &Pool, settings: &Settings) -> Result<Arc<Scene>, RestError> {
    let lease = Lease::from(pool).await?;
    let connection = lease.held()?;
    let scene = timeout(CATALOG_MAX, catalog::scene(&connection, settings)).await;
    let scene = scene.map_err(|_| errors::no_catalog())?.map_err(|_| errors::no_catalog())?;
    lease.keep();
    Ok(Arc::new(scene))
}
