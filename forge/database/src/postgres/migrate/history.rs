//! The history in the database: what was applied, by whom, and how it is undone.

use deadpool_postgres::GenericClient;
use forge_core::Approval;
use serde::{Serialize, de::DeserializeOwned};

use super::{Drafted, Kind, MigrateError};
use crate::change::Migration;
use crate::ddl::Loss;
use crate::ddl::postgres::Step;
use crate::postgres::{PgError, server};
use crate::schema::Schema;
use crate::tables::postgres as sql;

/// An entry that holds, as far as undoing it needs.
pub(super) struct Entry {
    pub(super) version: u32,
    pub(super) up: Vec<Step>,
    pub(super) down: Vec<Step>,
    pub(super) down_losses: Vec<Loss>,
    pub(super) schema_before: Schema,
}

/// The migration of that name that holds: its version, whether it is this one, and what was approved.
pub(super) async fn applied(
    client: &impl GenericClient,
    migration: &Migration,
) -> Result<Option<(u32, bool, String)>, PgError> {
    let found =
        client.query_opt(sql::BY_NAME, &[&migration.name]).await.map_err(server("read the history"))?;
    Ok(found.map(|row| {
        let known: Option<Migration> = serde_json::from_str(row.get(1)).ok();
        (number(row.get(0)), known.as_ref() == Some(migration), row.get(2))
    }))
}

/// What holds, newest first.
pub(super) async fn holding(client: &impl GenericClient) -> Result<Vec<Entry>, MigrateError> {
    let rows = client.query(sql::HOLDING, &[]).await.map_err(server("read the history"))?;
    let entry = |row: tokio_postgres::Row| {
        Ok(Entry {
            version: number(row.get(0)),
            up: parsed(row.get(1))?,
            down: parsed(row.get(2))?,
            down_losses: parsed(row.get(3))?,
            schema_before: parsed(row.get(4))?,
        })
    };
    rows.into_iter().map(entry).collect()
}

/// Writes what was done, in its transaction; returns the newest version that holds.
pub(super) async fn record(
    client: &impl GenericClient,
    drafted: &Drafted,
    approval: &Approval,
    now: &str,
) -> Result<u32, PgError> {
    let failed = server("write the history");
    let (plan, hash) = (&drafted.plan, drafted.subject_hash());
    let row = match &drafted.kind {
        Kind::Migrate(migration) => {
            let (text, up, down) = (json(migration), json(&plan.up), json(&plan.down));
            let (losses, before) = (json(&plan.down_losses), plan.before.to_json());
            let by = approval.by();
            client
                .query_one(sql::INSERT, &[&plan.name, &text, &hash, &up, &down, &losses, &before, &by, &now])
                .await
        }
        Kind::Rollback(version) => {
            let above = i32::try_from(*version).unwrap_or(i32::MAX);
            client.query_one(sql::UNDO_ABOVE, &[&above, &hash]).await
        }
    };
    Ok(number(row.map_err(failed)?.get(0)))
}

fn number(version: i32) -> u32 {
    u32::try_from(version).unwrap_or_default()
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // Plain data always serialises.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, MigrateError> {
    serde_json::from_str(text).map_err(|_| MigrateError::History)
}
