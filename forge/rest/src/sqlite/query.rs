//! Queries that somebody wrote, on SQLite.

use forge_core::{Identity, Role};
use forge_database::routine::{self, Param};
use forge_database::rows::from_sql;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::pool::Scene;
use super::{errors, identity};
use crate::engine::Context;
use crate::error::RestError;
use crate::query::{Found, Query, Taking};

/// Carries out a query within the transaction that is open.
pub(super) fn out(
    conn: &Connection,
    scene: &Scene,
    who: &Identity,
    query: &Query,
) -> Result<Found, RestError> {
    let anonymous = who.role == Role::Anon;
    let compiled = routine::query(&scene.schema, &who.role, &query.sql, &query.values).map_err(|error| {
        RestError::from_sqlstate(error.code, &error.to_string(), None, error.hint.as_deref(), anonymous)
    })?;
    let context = Context::default();
    let run = || {
        let mut statement = conn.prepare(&compiled.sql)?;
        for param in &compiled.params {
            if let Some(at) = statement.parameter_index(&param.name())? {
                let value = match param {
                    Param::Who(what) => identity::who(who, *what),
                    Param::Request(what) => identity::request(&context, *what),
                    Param::Argument(_) | Param::Stage(_) => Sql::Null,
                };
                statement.raw_bind_parameter(at, value)?;
            }
        }
        let names = compiled.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut taking = Taking::new(names, query);
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let value = |(at, (_, ty)): (usize, &(String, _))| Ok(from_sql(ty, row.get_ref(at)?));
            let row =
                compiled.columns.iter().enumerate().map(value).collect::<rusqlite::Result<Vec<Value>>>()?;
            let bytes = row.iter().map(|value| value.to_string().len() + 1).sum();
            if !taking.take(bytes, row) {
                break;
            }
        }
        Ok(taking.found())
    };
    run().map_err(|error: rusqlite::Error| errors::of_sqlite(&error, anonymous))
}
