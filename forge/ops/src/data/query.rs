//! `forge_db_query`: one `select`, and its rows.

use forge_rest::query::Query;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{counted, refused, who};
use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// Rows where nobody says how many, and at most.
pub(crate) const LIMIT: usize = 100;
pub(crate) const LIMIT_MAX: usize = 1_000;
/// Bytes of the rows of an answer.
pub(super) const BYTES_MAX: usize = 64 * 1024;
const SQL_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    sql: String,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

pub(crate) fn query(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Asked { sql, params, limit, role, user } = read(operation, input)?;
    if sql.len() > SQL_BYTES_MAX {
        let why = format!("`sql` has {} bytes, at most {SQL_BYTES_MAX} are read", sql.len());
        return Err(OpError::Input { operation, why });
    }
    let rows_max = limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let asked = Query { sql, values: params, rows_max, bytes_max: BYTES_MAX };
    let found = forge.data.plane()?.found(&who(role, user), &[asked]).map_err(refused("run the query"))?;
    let found = found.into_iter().next().unwrap_or_default();
    let more =
        if found.truncated { "; there are more: narrow it, or page with limit and offset" } else { "" };
    let summary = format!("{}{more}", counted(found.rows.len()));
    let data = json!({ "columns": found.columns, "rows": found.rows, "truncated": found.truncated });
    Ok(Outcome::Done { summary, data })
}
