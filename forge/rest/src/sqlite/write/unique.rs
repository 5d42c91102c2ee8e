//! Which of several unique constraints a refused row is told of.

use forge_database::ddl::sqlite::quote_name as quote;
use rusqlite::types::Value as Sql;
use rusqlite::{ErrorCode, ffi};

use super::target::{Target, id_list};
use crate::error::RestError;
use crate::sqlite::errors::of_row;

/// What was to be written.
#[derive(Clone, Copy)]
pub(super) enum Written<'a> {
    /// A new row.
    New,
    /// These columns of the rows with these numbers.
    Changed { columns: &'a [String], ids: &'a [i64] },
}

/// The error for a row that SQLite refuses to write.
///
/// Where several constraints are violated, SQLite names the youngest and Postgres the oldest: the primary key,
/// then the unique constraints, then the indices. This tells what Postgres would.
pub(super) fn refused(
    target: &Target<'_>,
    error: &rusqlite::Error,
    row: &[Sql],
    written: Written<'_>,
) -> RestError {
    if is_duplicate(error) && row.len() == target.table.columns.len() {
        for group in groups(target) {
            match taken(target, &group, row, written) {
                Ok(true) => return target.refusal().duplicate(&group, row),
                Ok(false) => {}
                Err(error) => return error,
            }
        }
    }
    of_row(&target.refusal(), error, row)
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    failure.code == ErrorCode::ConstraintViolation
        && matches!(
            failure.extended_code,
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID
        )
}

/// The groups of columns that tell rows apart, oldest first.
fn groups(target: &Target<'_>) -> Vec<Vec<String>> {
    let table = target.table;
    let indices = table.indices.iter().filter(|index| index.unique);
    let indices = indices.map(|index| index.columns.iter().map(|column| column.name.clone()).collect());
    std::iter::once(table.primary_key.clone())
        .chain(table.uniques.iter().cloned())
        .chain(indices)
        .filter(|group: &Vec<String>| !group.is_empty())
        .collect()
}

/// Whether another row has, or would have, the values that `row` has in `group`. Nulls are never the same.
fn taken(
    target: &Target<'_>,
    group: &[String],
    row: &[Sql],
    written: Written<'_>,
) -> Result<bool, RestError> {
    let mut same = Vec::new();
    let mut values = row.to_vec();
    for name in group {
        let Some(at) = target.table.columns.iter().position(|column| column.name == *name) else {
            return Ok(false);
        };
        if row[at] == Sql::Null {
            return Ok(false);
        }
        same.push(format!("{} = :v{at}", quote(name)));
    }
    if let Written::Changed { columns, ids } = written {
        let set = group.iter().filter(|name| columns.contains(name)).count();
        if set == 0 {
            return Ok(false); // What is not changed is as unique as it was.
        }
        if set == group.len() && ids.len() > 1 {
            return Ok(true); // They would all have the same.
        }
        same.push(format!("{} not in (select value from json_each(:v{}))", target.row_id(), values.len()));
        values.push(id_list(ids));
    }
    let sql = format!("select 1 from {} where {}", quote(&target.table.name), same.join(" and "));
    target.exists(&sql, &values)
}
