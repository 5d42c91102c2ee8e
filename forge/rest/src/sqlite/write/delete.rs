//! Removing rows.

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::Side;
use forge_database::schema::Command;
use rusqlite::ffi;

use super::target::{Target, id_list};
use super::{keys, returning};
use crate::error::RestError;
use crate::plan::{Delete, Outcome, Returning, Terms};
use crate::sqlite::carry::Place;
use crate::sqlite::errors::of_row;

/// Removes the rows that may be reached and that pass the filter.
pub(in crate::sqlite) fn delete(
    place: &Place<'_>,
    terms: &Terms,
    delete: &Delete,
) -> Result<Outcome, RestError> {
    let target = Target::of(place, terms, &delete.relation, Command::Delete)?;
    let mut policies = vec![target.policy(Command::Delete, Side::Using)?];
    if delete.filter.is_some() || delete.returning != Returning::Nothing {
        policies.push(target.policy(Command::Select, Side::Using)?);
    }
    let ids = target.reached(&policies, delete.filter.as_ref())?;
    // They can only be read while they are there.
    let outcome = returning::of(&target, &delete.returning, &ids)?;
    if ids.is_empty() {
        return Ok(outcome);
    }
    let sql = format!(
        "delete from {} where {} in (select value from json_each(:v0))",
        quote(&target.table.name),
        target.row_id()
    );
    match target.write(&sql, &[id_list(&ids)]) {
        Ok(_) => Ok(outcome),
        Err(error) if is_held(&error) && !place.conn.is_autocommit() => {
            Err(keys::holding(&target, &ids)?.unwrap_or_else(|| place.failed(&error)))
        }
        Err(error) => Err(of_row(&target.refusal(), &error, &[])),
    }
}

/// Whether other rows refer to those that should go.
fn is_held(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    matches!(failure.extended_code, ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER)
}
