//! Changing rows.

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::Side;
use forge_database::policy::sqlite::ROW_ALIAS;
use forge_database::schema::{Column, Command};
use rusqlite::types::Value as Sql;

use super::insert::is_required;
use super::keys::{self, Refers};
use super::returning;
use super::target::{Target, id_list};
use super::unique::{self, Written};
use crate::error::RestError;
use crate::plan::{Outcome, Returning, Terms, Update};
use crate::sqlite::carry::Place;
use crate::sqlite::errors;

/// A column with its new value.
type Set<'t> = (&'t Column, Sql);

/// Changes the rows that may be reached and that pass the filter.
pub(in crate::sqlite) fn update(
    place: &Place<'_>,
    terms: &Terms,
    update: &Update,
) -> Result<Outcome, RestError> {
    let target = Target::of(place, terms, &update.relation, Command::Update)?;
    target.granted(Command::Update, &update.columns)?;
    // Where both the filter and a new value are wrong, Postgres tells of the filter.
    let sets = sets(&target, update).or_else(|error| match &update.filter {
        Some(filter) => target.condition(filter).and(Err(error)),
        None => Err(error),
    })?;
    if sets.is_empty() {
        return returning::of(&target, &update.returning, &[]);
    }
    let seen = target.policy(Command::Select, Side::Using)?;
    let must_be_seen = update.filter.is_some() || update.returning != Returning::Nothing;
    let policy = |side| {
        let own = target.policy(Command::Update, side)?;
        Ok::<_, RestError>(if must_be_seen { format!("({own}) and ({seen})") } else { own })
    };
    let ids = target.reached(&[policy(Side::Using)?], update.filter.as_ref())?;
    if ids.is_empty() {
        return returning::of(&target, &update.returning, &ids);
    }
    if target.bound && violates(&target, &sets, &policy(Side::Check)?, &ids)? {
        return Err(errors::policy(&target.table.name, place.anonymous));
    }
    if let Some((column, _)) =
        sets.iter().find(|(column, value)| *value == Sql::Null && is_required(&target, column))
    {
        return Err(target.refusal().null(&column.name, &changed(&target, &sets, &ids)?));
    }
    let names: Vec<String> = sets.iter().map(|(column, _)| column.name.clone()).collect();
    let left = keys::about_to_leave(&target, &names, &ids)?;
    let written = change(&target, &sets, &ids)?;
    let refers: Vec<Refers<'_>> = sets
        .iter()
        .filter_map(|(column, value)| {
            Some(Refers { key: target.table.foreign_key(&column.name)?, value: value.clone() })
        })
        .collect();
    keys::are_there(&target, &refers)?;
    keys::are_let_go(&target, &left)?;
    returning::of(&target, &update.returning, &written)
}

/// The new values.
fn sets<'t>(target: &Target<'t>, update: &Update) -> Result<Vec<Set<'t>>, RestError> {
    let Some(members) = update.payload.raw_rows().into_iter().next() else { return Ok(Vec::new()) };
    let columns = update.columns.iter().filter_map(|column| target.table.column(&column.name));
    columns
        .map(|column| {
            let member = members.iter().rev().find(|(name, _)| *name == column.name);
            let value = member.map_or(Ok(Sql::Null), |(_, raw)| target.stored(&column.ty, raw));
            Ok((column, value?))
        })
        .collect()
}

/// The rows `ids` with their new values, as a source called [`ROW_ALIAS`]. The parameters are the new values
/// and then the rows.
fn new_rows(target: &Target<'_>, sets: &[Set<'_>]) -> String {
    let columns = target.table.columns.iter().map(|column| {
        let name = quote(&column.name);
        match sets.iter().position(|(set, _)| set.name == column.name) {
            Some(at) => format!(":v{at} as {name}"),
            None => format!("{ROW_ALIAS}.{name} as {name}"),
        }
    });
    format!(
        "(select {} from {} as {ROW_ALIAS} where {ROW_ALIAS}.{} in (select value from json_each(:v{}))) as {ROW_ALIAS}",
        columns.collect::<Vec<_>>().join(", "),
        quote(&target.table.name),
        target.row_id(),
        sets.len()
    )
}

fn parameters(sets: &[Set<'_>], ids: &[i64]) -> Vec<Sql> {
    sets.iter().map(|(_, value)| value.clone()).chain([id_list(ids)]).collect()
}

/// Whether one of the rows would not pass the check.
fn violates(target: &Target<'_>, sets: &[Set<'_>], check: &str, ids: &[i64]) -> Result<bool, RestError> {
    let sql = format!("select 1 from {} where coalesce(({check}), 0) = 0 limit 1", new_rows(target, sets));
    target.exists(&sql, &parameters(sets, ids))
}

/// The first of the rows as it would be.
fn changed(target: &Target<'_>, sets: &[Set<'_>], ids: &[i64]) -> Result<Vec<Sql>, RestError> {
    let sql = format!("select * from {} limit 1", new_rows(target, sets));
    Ok(target.first(&sql, &parameters(sets, ids))?.unwrap_or_default())
}

/// Changes the rows and gives their numbers, which may be new.
fn change(target: &Target<'_>, sets: &[Set<'_>], ids: &[i64]) -> Result<Vec<i64>, RestError> {
    let assignments: Vec<String> = sets
        .iter()
        .enumerate()
        .map(|(at, (column, _))| format!("{} = :v{at}", quote(&column.name)))
        .collect();
    let row_id = target.row_id();
    let sql = format!(
        "update {} set {} where {row_id} in (select value from json_each(:v{})) returning {row_id}",
        quote(&target.table.name),
        assignments.join(", "),
        sets.len()
    );
    match target.write(&sql, &parameters(sets, ids)) {
        Ok(written) => Ok(written),
        Err(error) if target.place.conn.is_autocommit() => Err(target.place.failed(&error)),
        // The rows are as they were, so that the one that failed can be shown.
        Err(error) => {
            let columns: Vec<String> = sets.iter().map(|(column, _)| column.name.clone()).collect();
            let written = Written::Changed { columns: &columns, ids };
            Err(unique::refused(target, &error, &changed(target, sets, ids)?, written))
        }
    }
}
