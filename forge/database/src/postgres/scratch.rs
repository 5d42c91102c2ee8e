//! A database beside the real one in which a migration is tried.

use super::migrate::MigrateError;
use super::{Pg, server};

/// Where proofs run; [`Scratch::end`] drops it.
pub(super) struct Scratch {
    pub(super) pg: Pg,
    name: String,
}

impl Scratch {
    /// Creates an empty database, with the extensions that the real one has. The connected role needs
    /// `CREATEDB`.
    pub(super) async fn create(real: &Pg, subject: &str, vector: bool) -> Result<Scratch, MigrateError> {
        let connection = real.connection().await?;
        let pid = connection.query_one("SELECT pg_backend_pid()", &[]).await;
        let pid: i32 = pid.map_err(server("name a scratch database"))?.get(0);
        // The process's number tells apart two proofs of one migration.
        let name = format!("_loki_proof_{}_{pid}", &subject[..subject.len().min(12)]);
        let sql = format!("CREATE DATABASE \"{name}\" TEMPLATE template0");
        connection.batch_execute(&sql).await.map_err(|source| MigrateError::Scratch { source })?;
        let scratch = Scratch { pg: real.sibling(&name)?, name };
        if vector {
            let extended = scratch.extend().await;
            if let Err(error) = extended {
                scratch.end(real).await?;
                return Err(error);
            }
        }
        Ok(scratch)
    }

    async fn extend(&self) -> Result<(), MigrateError> {
        let connection = self.pg.connection().await?;
        let made = connection.batch_execute("CREATE EXTENSION vector").await;
        made.map_err(|source| MigrateError::Scratch { source })
    }

    /// Drops the database.
    pub(super) async fn end(self, real: &Pg) -> Result<(), MigrateError> {
        self.pg.pool.close();
        let connection = real.connection().await?;
        let sql = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        connection.batch_execute(&sql).await.map_err(|source| MigrateError::Scratch { source })
    }
}
