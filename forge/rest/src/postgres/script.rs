//! Statements of Forge's own services, in the role that reaches their tables.

use deadpool_postgres::Object;
use forge_core::sql::{Dialect, Row, SqlError, Statement, Value};
use tokio_postgres::types::ToSql;

use super::text::{Read, Text};

/// The role and the terms of the transaction; with its end they go.
const TERMS: &str =
    "SET LOCAL ROLE forge_auth; SET LOCAL TIME ZONE 'UTC'; SET LOCAL search_path TO pg_catalog";

/// Carries out the statements in one transaction. What is left of it where one fails is the caller's to take
/// back.
pub(super) async fn out(
    connection: &Object,
    statements: &[Statement],
    writes: bool,
) -> Result<Vec<Vec<Row>>, SqlError> {
    let begin = if writes { "BEGIN READ WRITE" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
    let failed = |at: usize| move |error: tokio_postgres::Error| failure(at, &error);
    connection.batch_execute(&format!("{begin}; {TERMS}")).await.map_err(failed(0))?;
    let mut all = Vec::with_capacity(statements.len());
    for (at, statement) in statements.iter().enumerate() {
        let (rows, touched) = one(connection, statement).await.map_err(failed(at))?;
        if statement.rows.is_some_and(|wanted| wanted != touched) {
            return Err(SqlError::Unmet { at });
        }
        all.push(rows);
    }
    connection.batch_execute("COMMIT").await.map_err(failed(statements.len().saturating_sub(1)))?;
    Ok(all)
}

/// The rows that a statement gives, and how many it touched.
async fn one(connection: &Object, statement: &Statement) -> Result<(Vec<Row>, usize), tokio_postgres::Error> {
    let text = statement.text(Dialect::Postgres);
    let values: Vec<Text<'_>> = statement.values.iter().map(bound).collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    if !gives_rows(&text) {
        let prepared = connection.prepare_cached(&text).await?;
        let touched = connection.execute(&prepared, &values).await?;
        return Ok((Vec::new(), usize::try_from(touched).unwrap_or(usize::MAX)));
    }
    let text = format!("WITH q AS ({text}) SELECT row_to_json(q)::text FROM q");
    let prepared = connection.prepare_cached(&text).await?;
    let found = connection.query(&prepared, &values).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let Read(json) = row.try_get(0)?;
        rows.push(serde_json::from_str(&json).unwrap_or_default());
    }
    let touched = rows.len();
    Ok((rows, touched))
}

fn gives_rows(sql: &str) -> bool {
    sql.starts_with("select") || sql.contains(" returning ")
}

fn bound(value: &Value) -> Text<'_> {
    match value {
        Value::Null => Text(None),
        Value::Text(text) => Text::of(text.as_str()),
        Value::Integer(number) => Text::of(number.to_string()),
        Value::Bool(flag) => Text::of(if *flag { "true" } else { "false" }),
    }
}

fn failure(at: usize, error: &tokio_postgres::Error) -> SqlError {
    let Some(said) = error.as_db_error() else { return SqlError::Unavailable };
    match said.code().code() {
        "23505" => SqlError::Duplicate { at },
        "23503" => SqlError::Reference { at },
        // Taken back by the server because of others: whoever asked may ask again.
        "40001" | "40P01" => SqlError::Unmet { at },
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57") => {
            SqlError::Unavailable
        }
        code => SqlError::Failed { at, message: format!("{} ({code})", said.message()) },
    }
}
