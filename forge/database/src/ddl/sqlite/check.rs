//! Check constraints: a condition of the policy language that knows only its row.

use crate::{
    policy::{self, PolicyError},
    schema::{Check, Schema, Table},
};

/// The condition as SQLite writes it, every column quoted.
pub(crate) fn check_sql(schema: &Schema, table: &Table, check: &Check) -> Result<String, PolicyError> {
    let expr = policy::parse(&check.expr)?;
    let resolved = policy::resolve(&expr, table, schema)?;
    policy::sqlite::constraint(&resolved)
}
