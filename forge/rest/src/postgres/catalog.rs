//! What the database holds, as its catalogs tell it.

mod functions;
mod logical;
mod relations;
mod rule;
mod sql;

use std::collections::BTreeMap;
use std::sync::Arc;

use deadpool_postgres::Object;
use serde::de::DeserializeOwned;

use super::Settings;
use super::text::{Read, Text, list};
use crate::model::Model;

/// Names of a relation: its schema and its own.
pub(super) type Name = (String, String);

/// What is known of the database at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Scene {
    /// What requests can name.
    pub(super) model: Arc<Model>,
    /// The expressions of defaults, by relation and column.
    pub(super) defaults: BTreeMap<Name, BTreeMap<String, String>>,
}

/// Why the catalogs could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CatalogError {
    /// The server refused.
    #[error("failed to query the catalogs")]
    Server(#[from] tokio_postgres::Error),
    /// It told something else than was expected.
    #[error("failed to read what the catalogs told")]
    Unreadable(#[from] serde_json::Error),
}

/// The schemas in which names are found, as the setting has them.
pub(super) fn search_path(settings: &Settings) -> String {
    let mut all: Vec<String> = Vec::new();
    for schema in settings.schemas.iter().chain(&settings.search_path) {
        let quoted = super::text::quoted(schema);
        if !all.contains(&quoted) {
            all.push(quoted);
        }
    }
    all.join(", ")
}

/// Reads the catalogs. An error leaves a transaction open: the connection is then of no use any more.
pub(super) async fn scene(connection: &Object, settings: &Settings) -> Result<Scene, CatalogError> {
    connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let path = Text(Some(search_path(settings).into()));
    connection.query("SELECT pg_catalog.set_config('search_path', $1, true)", &[&path]).await?;
    let schemas = Text(Some(list(settings.schemas.iter().map(String::as_str)).into()));
    let relations: Vec<relations::Told> = told(connection, sql::RELATIONS, &schemas).await?;
    let keys: Vec<relations::Key> = told(connection, sql::KEYS, &schemas).await?;
    let rules: Vec<relations::Rule> = told(connection, sql::RULES, &schemas).await?;
    let functions: Vec<functions::Told> = told(connection, sql::FUNCTIONS, &schemas).await?;
    connection.batch_execute("COMMIT").await?;
    let (mut model, defaults) = relations::model(relations, &keys, &rules);
    model.schemas.clone_from(&settings.schemas);
    model.functions = functions::functions(functions, &model);
    Ok(Scene { model: Arc::new(model), defaults })
}

async fn told<T: DeserializeOwned>(
    connection: &Object,
    sql: &str,
    schemas: &Text<'_>,
) -> Result<T, CatalogError> {
    let statement = connection.prepare(sql).await?;
    let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        if statement.params().is_empty() { &[] } else { &[schemas] };
    let row = connection.query_one(&statement, parameters).await?;
    let Read(json) = row.try_get(0)?;
    Ok(serde_json::from_str(&json)?)
}
