//! Adding rows.

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::Side;
use forge_database::policy::sqlite::ROW_ALIAS;
use forge_database::schema::{Column, ColumnDefault, Command};
use http::StatusCode;
use rusqlite::types::Value as Sql;

use super::target::Target;
use super::unique::{self, Written};
use super::upsert::Upsert;
use super::{defaults, keys, returning};
use crate::error::RestError;
use crate::plan::{Cond, Insert, Outcome, Resolution, Returning, Terms};
use crate::sqlite::carry::Place;
use crate::sqlite::identity;

/// The values of a new row, in the order of the table's columns; `None` is a number that SQLite gives out.
pub(super) type NewRow = Vec<Option<Sql>>;

/// Adds rows: all of them, or none. The caller takes back what an error leaves behind.
pub(in crate::sqlite) fn insert(
    place: &Place<'_>,
    terms: &Terms,
    insert: &Insert,
) -> Result<Outcome, RestError> {
    let target = Target::of(place, terms, &insert.relation, Command::Insert)?;
    target.granted(Command::Insert, &insert.columns)?;
    let conflict = insert.conflict.as_ref().filter(|conflict| !conflict.columns.is_empty());
    if conflict.is_some_and(|conflict| conflict.resolution == Resolution::Merge) {
        target.granted(Command::Update, &insert.columns)?;
    }
    let mut upsert = conflict.map(|conflict| Upsert::of(&target, insert, conflict)).transpose()?;
    let rows = complete(&target, insert)?;
    if let Some(filter) = &insert.put {
        is_as_the_url_says(&target, filter, &rows)?;
    }
    // Rows that come back, and those by which others are found, must be seen.
    let must_be_seen = insert.returning != Returning::Nothing || conflict.is_some();
    let refused = refused(&target, &rows, must_be_seen)?;
    let (mut written, mut added, mut refers) = (Vec::new(), 0, Vec::new());
    for (at, row) in rows.iter().enumerate() {
        // Rows are judged before any is there, but each is refused when its turn comes: what is wrong with
        // those before it is told first.
        if refused == Some(at) {
            return Err(crate::sqlite::errors::policy(&target.table.name, target.place.anonymous));
        }
        let plain = plain(row);
        constraints(&target, row, &plain)?;
        let there = match &mut upsert {
            Some(upsert) => upsert.found(&target, &plain)?,
            None => None,
        };
        match (there, &mut upsert) {
            (Some(id), Some(upsert)) => written.extend(upsert.resolve(&target, id, &plain, &mut refers)?),
            (Some(_), None) | (None, None | Some(_)) => {
                let id = add(&target, row, &plain)?;
                if let Some(upsert) = &mut upsert {
                    upsert.affected.insert(id);
                }
                refers.extend(keys::of_row(&target, &plain));
                written.push(id);
                added += 1;
            }
        }
    }
    keys::are_there(&target, &refers)?;
    if let Some(upsert) = &upsert {
        upsert.finish(&target)?;
    }
    let outcome = returning::of(&target, &insert.returning, &written)?;
    Ok(Outcome { added, ..outcome })
}

/// All values of all rows, defaults filled in.
fn complete(target: &Target<'_>, insert: &Insert) -> Result<Vec<NewRow>, RestError> {
    let columns = &target.table.columns;
    let given: Vec<bool> =
        columns.iter().map(|column| insert.columns.iter().any(|given| given.name == column.name)).collect();
    // The time is the same for all rows; identifiers are not.
    let same: Vec<Option<Option<Sql>>> = columns
        .iter()
        .map(|column| match column.default {
            Some(ColumnDefault::RandomUuid) => Ok(None),
            _ => defaults::of(target, column).map(Some),
        })
        .collect::<Result<_, _>>()?;
    let default = |at: usize, column: &Column| match &same[at] {
        Some(value) => Ok(value.clone()),
        None => defaults::of(target, column),
    };
    let mut rows = Vec::with_capacity(insert.payload.rows.len());
    for members in insert.payload.raw_rows() {
        let mut row = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            // Where a name is there twice, the last one counts.
            let member = members.iter().rev().find(|(name, _)| *name == column.name).filter(|_| given[at]);
            row.push(match member {
                Some((_, raw)) => Some(target.stored(&column.ty, raw)?),
                None if given[at] && !insert.missing_default => Some(Sql::Null),
                None => default(at, column)?,
            });
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The row with nulls for what is not known yet.
fn plain(row: &NewRow) -> Vec<Sql> {
    row.iter().map(|value| value.clone().unwrap_or(Sql::Null)).collect()
}

/// Whether the only row has the key of the URL.
fn is_as_the_url_says(target: &Target<'_>, filter: &Cond, rows: &[NewRow]) -> Result<(), RestError> {
    let refuse = || {
        let message = "Payload values do not match URL in primary key column(s)";
        RestError::new(StatusCode::BAD_REQUEST, "PGRST115", message)
    };
    let [row] = rows else { return Err(refuse()) };
    let mut condition = target.condition(filter)?;
    let sql = format!(
        "select 1 from (select {}) as {ROW_ALIAS} where {}",
        named(target, condition.values.len() + 1),
        condition.sql
    );
    condition.values.extend(plain(row));
    let failed = |error| target.place.failed(&error);
    let mut statement = target.place.conn.prepare_cached(&sql).map_err(failed)?;
    identity::bind(target.place, &mut statement, &condition).map_err(failed)?;
    let found = statement.raw_query().next().map_err(failed)?.is_some();
    if found { Ok(()) } else { Err(refuse()) }
}

/// The table's columns as numbered parameters from `first`.
fn named(target: &Target<'_>, first: usize) -> String {
    let columns = target.table.columns.iter().enumerate();
    let columns = columns.map(|(at, column)| format!("?{} as {}", first + at, quote(&column.name)));
    columns.collect::<Vec<_>>().join(", ")
}

/// A whole row as a source called [`ROW_ALIAS`]; its values are `:v0` and so on.
pub(super) fn row_source(target: &Target<'_>) -> String {
    let columns = target.table.columns.iter().enumerate();
    let columns = columns.map(|(at, column)| format!(":v{at} as {}", quote(&column.name)));
    format!("(select {}) as {ROW_ALIAS}", columns.collect::<Vec<_>>().join(", "))
}

/// The first of the new rows that does not pass the policies, judged before any of them is there.
fn refused(target: &Target<'_>, rows: &[NewRow], must_be_seen: bool) -> Result<Option<usize>, RestError> {
    if !target.bound {
        return Ok(None);
    }
    let mut check = format!("({})", target.policy(Command::Insert, Side::Check)?);
    if must_be_seen {
        check = format!("{check} and ({})", target.policy(Command::Select, Side::Using)?);
    }
    let sql = format!("select 1 from {} where {check}", row_source(target));
    for (at, row) in rows.iter().enumerate() {
        if !target.exists(&sql, &plain(row))? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether a row has what it must have. SQLite would number a row whose key is null.
fn constraints(target: &Target<'_>, row: &NewRow, plain: &[Sql]) -> Result<(), RestError> {
    let missing = target
        .table
        .columns
        .iter()
        .zip(row)
        .find(|(column, value)| **value == Some(Sql::Null) && is_required(target, column));
    match missing {
        Some((column, _)) => Err(target.refusal().null(&column.name, plain)),
        None => Ok(()),
    }
}

/// Whether a column must have a value.
pub(super) fn is_required(target: &Target<'_>, column: &Column) -> bool {
    !column.nullable || target.table.primary_key.contains(&column.name)
}

/// Adds one row and gives its number.
fn add(target: &Target<'_>, row: &NewRow, plain: &[Sql]) -> Result<i64, RestError> {
    let (mut names, mut places) = (Vec::new(), Vec::new());
    for (at, (column, _)) in
        target.table.columns.iter().zip(row).enumerate().filter(|(_, (_, value))| value.is_some())
    {
        names.push(quote(&column.name));
        places.push(format!(":v{at}"));
    }
    let name = quote(&target.table.name);
    let sql = if names.is_empty() {
        format!("insert into {name} default values")
    } else {
        format!("insert into {name} ({}) values ({})", names.join(", "), places.join(", "))
    };
    match target.write(&sql, plain) {
        Ok(_) => Ok(target.place.conn.last_insert_rowid()),
        Err(error) => Err(unique::refused(target, &error, plain, Written::New)),
    }
}
