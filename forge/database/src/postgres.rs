//! A Postgres that holds an application: connections, and migrations in the steps of [`crate::pipeline`].
//!
//! The address is the operator's, and so are backups. Connections are not encrypted: the server is on the
//! same machine, or behind a socket or a network that is trusted.

mod catalog;
pub mod migrate;
mod scratch;

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls};

use crate::ddl::postgres::Features;

/// What connections may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of the pool.
    pub connections_max: usize,
    /// How long a connection may take to come about, or to become free.
    pub connect: Duration,
    /// How long a statement of a migration waits for a lock.
    pub lock: Duration,
    /// How long a statement of a migration's transaction may run.
    pub statement: Duration,
    /// How long an index may take that comes after the transaction.
    pub index: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 10,
            connect: Duration::from_secs(5),
            lock: Duration::from_secs(5),
            statement: Duration::from_secs(60),
            index: Duration::from_secs(3_600),
        }
    }
}

/// A database on a server.
#[derive(Clone)]
pub struct Pg {
    pool: Pool,
    config: Config,
    limits: Limits,
}

/// Why the database could not be used. Never holds the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// The address cannot be read.
    #[error("the address of the database cannot be read")]
    Address,
    /// The pool cannot be made.
    #[error("the connection pool cannot be made")]
    Pool,
    /// No connection.
    #[error("no connection to the database")]
    Connect(#[source] Box<PoolError>),
    /// The server refused.
    #[error("failed to {attempt}")]
    Server {
        /// What was attempted.
        attempt: &'static str,
        /// What the server says.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
    /// The application's own role could reach everything.
    #[error("the role `{role}` {power}, so policies would not bind it")]
    TooPowerful {
        /// Who is connected.
        role: String,
        /// What it is or can do.
        power: &'static str,
    },
}

impl std::fmt::Debug for Pg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the password nor the host belongs into a log.
        f.debug_struct("Pg").field("database", &self.config.get_dbname()).finish_non_exhaustive()
    }
}

impl Pg {
    /// The database at `url`, such as `postgresql://user@localhost/app`. Connects when first used.
    pub fn new(url: &str, limits: Limits) -> Result<Pg, PgError> {
        let mut config: Config = url.parse().map_err(|_: tokio_postgres::Error| PgError::Address)?;
        config.connect_timeout(limits.connect);
        let manager = Manager::from_config(
            config.clone(),
            NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(limits.connections_max)
            .wait_timeout(Some(limits.connect))
            .create_timeout(Some(limits.connect))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| PgError::Pool)?;
        Ok(Pg { pool, config, limits })
    }

    /// A connection from the pool.
    pub async fn connection(&self) -> Result<Object, PgError> {
        self.pool.get().await.map_err(|source| PgError::Connect(Box::new(source)))
    }

    /// What the server can do.
    pub async fn features(&self) -> Result<Features, PgError> {
        let connection = self.connection().await?;
        catalog::features(&connection).await
    }

    /// Refuses a role that no policy binds: a superuser, one that bypasses row-level security, or one that
    /// owns the application's tables. For the data plane, before it serves anybody.
    pub async fn require_bound(&self) -> Result<(), PgError> {
        let connection = self.connection().await?;
        match catalog::power(&connection).await? {
            (_, None) => Ok(()),
            (role, Some(power)) => Err(PgError::TooPowerful { role, power }),
        }
    }

    /// The same server's database `name`, with a pool of its own.
    fn sibling(&self, name: &str) -> Result<Pg, PgError> {
        let mut config = self.config.clone();
        config.dbname(name);
        let manager = Manager::from_config(
            config.clone(),
            NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager).max_size(1).build().map_err(|_| PgError::Pool)?;
        Ok(Pg { pool, config, limits: self.limits.clone() })
    }
}

/// Names what was attempted when the server refuses.
fn server(attempt: &'static str) -> impl Fn(tokio_postgres::Error) -> PgError {
    move |source| PgError::Server { attempt, source: Box::new(source) }
}

#[cfg(test)]
mod tests;
