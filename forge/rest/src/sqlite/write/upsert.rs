//! Rows that are there already: `on conflict do update` and `do nothing`.

use std::collections::BTreeSet;

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::Side;
use forge_database::policy::sqlite::ROW_ALIAS;
use forge_database::schema::Command;
use rusqlite::types::Value as Sql;

use super::insert::row_source;
use super::keys::{self, Refers};
use super::target::{Target, id_list};
use super::unique::{self, Written};
use crate::error::RestError;
use crate::plan::{Conflict, Insert, Resolution};
use crate::sqlite::errors;

/// How rows that are there already are found and changed.
pub(super) struct Upsert<'t> {
    /// The columns by which they are found, as positions in the table.
    by: Vec<usize>,
    find: String,
    resolution: Resolution,
    /// The columns that take the new row's values, as positions in the table.
    sets: Vec<usize>,
    reach: String,
    check: String,
    /// The rows that this command has written, none of which may be written again.
    pub(super) affected: BTreeSet<i64>,
    left: Vec<keys::Left<'t>>,
}

impl<'t> Upsert<'t> {
    /// Prepares it; refuses columns that do not tell rows apart.
    pub(super) fn of(
        target: &Target<'t>,
        insert: &Insert,
        conflict: &Conflict,
    ) -> Result<Upsert<'t>, RestError> {
        let table = target.table;
        let names: Vec<&str> = conflict.columns.iter().map(String::as_str).collect();
        let is_index = |index: &forge_database::schema::Index| {
            index.unique
                && index.columns.len() == names.len()
                && index.columns.iter().all(|column| names.contains(&column.name.as_str()))
        };
        if !table.is_unique(&names) && !table.indices.iter().any(is_index) {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            return Err(target.place.refused("42P10", message));
        }
        let place_of = |name: &String| table.columns.iter().position(|column| column.name == *name);
        let by: Vec<usize> = conflict.columns.iter().filter_map(place_of).collect();
        let same: Vec<String> =
            by.iter().map(|at| format!("{} = :v{at}", quote(&table.columns[*at].name))).collect();
        let find =
            format!("select {} from {} where {}", target.row_id(), quote(&table.name), same.join(" and "));
        let seen = target.policy(Command::Select, Side::Using)?;
        let policies = |side| Ok(format!("({}) and ({seen})", target.policy(Command::Update, side)?));
        Ok(Upsert {
            find,
            by,
            resolution: conflict.resolution,
            sets: insert.columns.iter().filter_map(|column| place_of(&column.name)).collect(),
            reach: policies(Side::Using)?,
            check: policies(Side::Check)?,
            affected: BTreeSet::new(),
            left: Vec::new(),
        })
    }

    /// The row that is there already, if there is one. Nulls are never the same.
    pub(super) fn found(&self, target: &Target<'_>, row: &[Sql]) -> Result<Option<i64>, RestError> {
        if self.by.iter().any(|at| row.get(*at).is_none_or(|value| *value == Sql::Null)) {
            return Ok(None);
        }
        match target.first(&self.find, row)?.as_deref() {
            Some([Sql::Integer(id)]) => Ok(Some(*id)),
            Some(_) | None => Ok(None),
        }
    }

    /// Changes the row that is there, or leaves it. Gives the number of what was changed.
    pub(super) fn resolve(
        &mut self,
        target: &Target<'t>,
        id: i64,
        new: &[Sql],
        refers: &mut Vec<Refers<'t>>,
    ) -> Result<Option<i64>, RestError> {
        if self.resolution == Resolution::Ignore {
            return Ok(None);
        }
        let (table, anonymous) = (target.table, target.place.anonymous);
        if self.affected.contains(&id) {
            let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
            let hint = "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.";
            return Err(RestError::from_sqlstate("21000", message, None, Some(hint), anonymous));
        }
        let name = quote(&table.name);
        let of_id = format!("{name} as {ROW_ALIAS} where {ROW_ALIAS}.{} = :v0", target.row_id());
        let reached = format!("select 1 from {of_id} and {}", self.reach);
        if target.bound && !target.exists(&reached, &[Sql::Integer(id)])? {
            return Err(errors::policy_using(&table.name, anonymous));
        }
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{ROW_ALIAS}.{}", quote(&column.name))).collect();
        let old =
            target.first(&format!("select {} from {of_id}", columns.join(", ")), &[Sql::Integer(id)])?;
        let mut row = old.ok_or_else(errors::internal)?;
        for at in &self.sets {
            row[*at] = new[*at].clone();
        }
        let passes = format!("select 1 from {} where {}", row_source(target), self.check);
        if target.bound && !target.exists(&passes, &row)? {
            return Err(errors::policy(&table.name, anonymous));
        }
        let set_names: Vec<String> = self.sets.iter().map(|at| table.columns[*at].name.clone()).collect();
        self.left.extend(keys::about_to_leave(target, &set_names, &[id])?);
        let id = self.change(target, id, &row)?;
        refers.extend(keys::of_row(target, &row));
        self.affected.insert(id);
        Ok(Some(id))
    }

    fn change(&self, target: &Target<'_>, id: i64, row: &[Sql]) -> Result<i64, RestError> {
        let table = target.table;
        let sets: Vec<String> =
            self.sets.iter().map(|at| format!("{} = :v{at}", quote(&table.columns[*at].name))).collect();
        if sets.is_empty() {
            return Ok(id);
        }
        let row_id = target.row_id();
        let sql = format!(
            "update {} set {} where {row_id} in (select value from json_each(:v{})) returning {row_id}",
            quote(&table.name),
            sets.join(", "),
            row.len()
        );
        let mut values = row.to_vec();
        values.push(id_list(&[id]));
        let columns: Vec<String> = self.sets.iter().map(|at| table.columns[*at].name.clone()).collect();
        let changed = Written::Changed { columns: &columns, ids: &[id] };
        let written =
            target.write(&sql, &values).map_err(|error| unique::refused(target, &error, row, changed))?;
        written.first().copied().ok_or_else(errors::internal)
    }

    /// What can only be judged when all rows are there.
    pub(super) fn finish(&self, target: &Target<'_>) -> Result<(), RestError> {
        keys::are_let_go(target, &self.left)
    }
}
