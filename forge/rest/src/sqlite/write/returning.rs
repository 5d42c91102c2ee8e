//! What comes back after writing.

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::schema::Type;
use rusqlite::types::Value as Sql;

use super::target::Target;
use crate::error::RestError;
use crate::plan::{Outcome, Returning};
use crate::sqlite::carry::{Fetched, fetch};
use crate::sqlite::errors::pg_text;
use crate::sqlite::reads::Rows;

/// The outcome of having written the rows `ids`.
pub(super) fn of(target: &Target<'_>, returning: &Returning, ids: &[i64]) -> Result<Outcome, RestError> {
    let rows = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let outcome = Outcome { rows, added: rows, ..Outcome::default() };
    match (returning, ids) {
        (Returning::Nothing, _) => Ok(outcome),
        (Returning::Key(columns), [id]) => Ok(Outcome { key: key(target, columns, *id)?, ..outcome }),
        (Returning::Key(_), _) => Ok(outcome),
        (Returning::Rows(node), _) => {
            let statement =
                target.place.reads.read(&target.place.site(target.terms), node, None, Rows::Written(ids))?;
            let Fetched { body, page, .. } = fetch(target.place, &statement)?;
            Ok(Outcome { body, rows: page, ..outcome })
        }
    }
}

/// The values of the key of a row, as text.
fn key(target: &Target<'_>, columns: &[String], id: i64) -> Result<Vec<(String, String)>, RestError> {
    let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select {} from {} where {} = :v0",
        names.join(", "),
        quote(&target.table.name),
        target.row_id()
    );
    let values = target.first(&sql, &[Sql::Integer(id)])?.unwrap_or_default();
    let ty = |column: &str| target.table.column(column).map_or(&Type::Text, |column| &column.ty);
    Ok(columns.iter().zip(&values).map(|(name, value)| (name.clone(), pg_text(ty(name), value))).collect())
}
