//! Queries that somebody wrote, on Postgres.
//!
//! The text stands as a subquery, so nothing but one query can be in it, and the transaction can only read. What
//! it does to the session ends with the connection, which is not used again.

use deadpool_postgres::Object;
use futures::StreamExt as _;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::carry::{self, Asked};
use super::errors;
use super::text::{Read, Text};
use crate::error::RestError;
use crate::query::{Found, Query, Taking};

/// The most columns of an answer: as many as one JSON list can be built of.
const COLUMNS_MAX: usize = 100;

/// Carries out queries in one transaction, which ends with the connection.
pub(super) async fn out(
    connection: &Object,
    asked: &Asked<'_>,
    queries: &[Query],
) -> Result<Vec<Found>, RestError> {
    let failed = |error: tokio_postgres::Error| errors::of_postgres(&error, asked.is_anonymous());
    connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    let mut all = Vec::with_capacity(queries.len());
    for query in queries {
        // Anew for each: the one before may have changed it.
        carry::set_up(connection, asked).await?;
        all.push(one(connection, asked.is_anonymous(), query).await?);
    }
    Ok(all)
}

async fn one(connection: &Object, anonymous: bool, query: &Query) -> Result<Found, RestError> {
    let failed = |error: tokio_postgres::Error| errors::of_postgres(&error, anonymous);
    let text = query.sql.trim().trim_end_matches(';');
    // Asked for its columns first: as a subquery, which it is in the end too.
    let described = connection.prepare(&format!("SELECT * FROM (\n{text}\n) AS q")).await.map_err(failed)?;
    let names: Vec<String> = described.columns().iter().map(|column| column.name().to_owned()).collect();
    if names.len() > COLUMNS_MAX {
        let message = format!("the query gives {} columns, at most {COLUMNS_MAX} are allowed", names.len());
        return Err(RestError::from_sqlstate("54011", &message, None, None, anonymous));
    }
    let aliases: Vec<String> = (0..names.len()).map(|at| format!("c{at}")).collect();
    let (listed, cells) = match aliases.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("({})", aliases.join(", ")), aliases.join(", ")),
    };
    let most = query.rows_max.saturating_add(1);
    let text = format!(
        "SELECT pg_catalog.json_build_array({cells})::text FROM (\n{text}\n) AS q{listed} LIMIT {most}"
    );
    let prepared = connection.prepare(&text).await.map_err(failed)?;
    let values: Vec<Text<'_>> = query.values.iter().map(bound).collect();
    let values = values.iter().map(|value| value as &(dyn ToSql + Sync));
    let rows = connection.query_raw(&prepared, values).await.map_err(failed)?;
    let mut rows = std::pin::pin!(rows);
    let mut taking = Taking::new(names, query);
    while let Some(row) = rows.next().await {
        let Read(json) = row.and_then(|row| row.try_get(0)).map_err(failed)?;
        let bytes = json.len();
        let Ok(Value::Array(row)) = serde_json::from_str(&json) else { return Err(errors::internal()) };
        if !taking.take(bytes, row) {
            break;
        }
    }
    Ok(taking.found())
}

/// A value as the server reads the type that it infers.
fn bound(value: &Value) -> Text<'_> {
    match value {
        Value::Null => Text(None),
        Value::String(text) => Text::of(text.as_str()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Text::of(value.to_string()),
    }
}
