//! What the rules look at: the migration's steps, each with what was there when it started.

use std::collections::{BTreeMap, BTreeSet};

use super::{Stats, TableStats};
use crate::change::{Change, Migration};
use crate::schema::{Column, Schema, Table};

/// One migration under judgement.
pub(super) struct Case<'a> {
    pub(super) target: &'a Schema,
    pub(super) current: &'a Schema,
    pub(super) steps: Vec<Step<'a>>,
    touched: BTreeSet<&'a str>,
}

/// One change, with the rows it meets.
pub(super) struct Step<'a> {
    pub(super) change: &'a Change,
    /// The changed table as it was before the migration; `None` for one that the migration makes.
    pub(super) before: Option<Before<'a>>,
    /// Rows in the table when the change runs: those it had, and those seeded before.
    pub(super) rows: u64,
}

/// A table from before the migration, whatever it is called by now.
#[derive(Clone)]
pub(super) struct Before<'a> {
    pub(super) table: &'a Table,
    stats: Option<&'a TableStats>,
    /// Names that the migration changed or added: today's name to the old one, if it had one.
    columns: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a> Before<'a> {
    /// The column that is now called `name`, as it was.
    pub(super) fn column(&self, name: &'a str) -> Option<&'a Column> {
        let old = self.columns.get(name).copied().unwrap_or(Some(name))?;
        self.table.column(old)
    }

    /// Rows in which the column now called `name` is null; `None` when nobody counted.
    pub(super) fn nulls(&self, name: &'a str) -> Option<u64> {
        self.stats?.nulls.get(&self.column(name)?.name).copied()
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(
        current: &'a Schema,
        migration: &'a Migration,
        target: &'a Schema,
        stats: &'a Stats,
    ) -> Self {
        let differs = |table: &&Table| current.tables.get(&table.name) != Some(*table);
        let mut touched: BTreeSet<&str> =
            target.tables.values().filter(differs).map(|table| table.name.as_str()).collect();
        // A table whose rows are seeded is touched although its definition stays.
        touched.extend(migration.changes.iter().filter_map(|change| match change {
            Change::Seed { table, .. } => Some(table.as_str()),
            _ => None,
        }));
        Case { target, current, steps: steps(current, migration, stats), touched }
    }

    /// The tables of the target that the migration makes or changes.
    pub(super) fn touched(&self) -> impl Iterator<Item = &'a Table> + '_ {
        self.target.tables.values().filter(|table| self.touched.contains(table.name.as_str()))
    }

    /// The columns of those tables.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'a Table, &'a Column)> + '_ {
        self.touched().flat_map(|table| table.columns.iter().map(move |column| (table, column)))
    }
}

struct Place<'a> {
    before: Option<Before<'a>>,
    rows: u64,
}

fn steps<'a>(current: &'a Schema, migration: &'a Migration, stats: &'a Stats) -> Vec<Step<'a>> {
    let place = |table: &'a Table| {
        let stats = stats.tables.get(&table.name);
        let before = Before { table, stats, columns: BTreeMap::new() };
        (table.name.as_str(), Place { before: Some(before), rows: stats.map_or(0, |stats| stats.rows) })
    };
    let mut places: BTreeMap<&str, Place<'_>> = current.tables.values().map(place).collect();
    let mut steps = Vec::with_capacity(migration.changes.len());
    for change in &migration.changes {
        let place = table_of(change).and_then(|table| places.get(table));
        steps.push(Step {
            change,
            before: place.and_then(|place| place.before.clone()),
            rows: place.map_or(0, |place| place.rows),
        });
        advance(&mut places, change);
    }
    steps
}

fn advance<'a>(places: &mut BTreeMap<&'a str, Place<'a>>, change: &'a Change) {
    match change {
        Change::AddTable(table) => {
            places.insert(&table.name, Place { before: None, rows: 0 });
        }
        Change::DropTable { table } => {
            places.remove(table.as_str());
        }
        Change::RenameTable { table, to } => {
            if let Some(place) = places.remove(table.as_str()) {
                places.insert(to, place);
            }
        }
        Change::Seed { table, rows } => {
            if let Some(place) = places.get_mut(table.as_str()) {
                place.rows = place.rows.saturating_add(rows.len() as u64);
            }
        }
        Change::AddColumn { table, column, .. } => {
            if let Some(before) = before(places, table) {
                before.columns.insert(&column.name, None);
            }
        }
        Change::RenameColumn { table, column, to } => {
            if let Some(before) = before(places, table) {
                let old = before.columns.remove(column.as_str()).unwrap_or(Some(column));
                before.columns.insert(to, old);
            }
        }
        Change::DropColumn { .. }
        | Change::AlterColumn { .. }
        | Change::AddIndex { .. }
        | Change::DropIndex { .. }
        | Change::AddCheck { .. }
        | Change::DropCheck { .. }
        | Change::AddUnique { .. }
        | Change::DropUnique { .. }
        | Change::AddForeignKey { .. }
        | Change::DropForeignKey { .. }
        | Change::AddEnum { .. }
        | Change::AddEnumValues { .. }
        | Change::DropEnum { .. }
        | Change::AddView(_)
        | Change::DropView { .. }
        | Change::AddFunction(_)
        | Change::DropFunction { .. }
        | Change::SetGrants { .. }
        | Change::SetRls { .. } => {}
    }
}

fn before<'p, 'a>(places: &'p mut BTreeMap<&'a str, Place<'a>>, table: &str) -> Option<&'p mut Before<'a>> {
    places.get_mut(table)?.before.as_mut()
}

/// The table that a change is about, where it is about one that is there.
pub(crate) fn table_of(change: &Change) -> Option<&str> {
    match change {
        Change::DropTable { table }
        | Change::RenameTable { table, .. }
        | Change::AddColumn { table, .. }
        | Change::DropColumn { table, .. }
        | Change::RenameColumn { table, .. }
        | Change::AlterColumn { table, .. }
        | Change::AddIndex { table, .. }
        | Change::DropIndex { table, .. }
        | Change::AddCheck { table, .. }
        | Change::DropCheck { table, .. }
        | Change::AddUnique { table, .. }
        | Change::DropUnique { table, .. }
        | Change::AddForeignKey { table, .. }
        | Change::DropForeignKey { table, .. }
        | Change::SetRls { table, .. }
        | Change::SetGrants { table, .. }
        | Change::Seed { table, .. } => Some(table),
        Change::AddTable(_)
        | Change::AddEnum { .. }
        | Change::AddEnumValues { .. }
        | Change::AddView(_)
        | Change::DropView { .. }
        | Change::AddFunction(_)
        | Change::DropFunction { .. }
        | Change::DropEnum { .. } => None,
    }
}
