//! The statements from one schema to another, along a lineage.
//!
//! In order: what stands in the way goes (functions and views, policies, keys, constraints and indices),
//! tables go, names change, types come, columns go, change and come, then constraints and indices, keys,
//! policies and privileges, functions and views come.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Step, convert, enums,
    enums::Way,
    privilege, program, quote_name,
    table::{
        self, Kind, Part, add, column_definition, create_table, default_sql, parts, qualified, remove,
        sql_type,
    },
};
use crate::{
    ddl::{Lineage, PlanError, Problem, sqlite, validate::enum_of},
    policy::{PolicyError, postgres as policies},
    schema::{Column, ColumnDefault, Schema, Table},
};

/// What a migration leaves to its steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Whether nothing in the migration may use an enum's new value at once.
    pub(crate) enums_extend: bool,
    /// Whether indices on tables that are there already come after the transaction.
    pub(crate) indices_after: bool,
}

/// Names of columns by table.
type Columns = BTreeMap<String, BTreeSet<String>>;

struct Diff<'s> {
    before: &'s Schema,
    after: &'s Schema,
    lineage: &'s Lineage,
    how: How,
    /// `before` once tables are dropped and names are changed.
    renamed: Schema,
    /// Columns whose type, or the type's own values, change.
    retyped: Columns,
    out: Vec<Step>,
}

/// The statements from `before` to `after`.
pub(crate) fn steps(
    before: &Schema,
    after: &Schema,
    lineage: &Lineage,
    how: How,
) -> Result<Vec<Step>, PlanError> {
    let (renamed, renames) = sqlite::rename_steps(before, lineage, "public.");
    let mut diff = Diff { before, after, lineage, how, renamed, retyped: Columns::new(), out: Vec::new() };
    diff.retyped = diff.find_retyped();
    let programs = diff.programs_change();
    if programs {
        diff.push_all(program::remove(before));
    }
    diff.roles()?;
    diff.policies_that_go();
    let (names, added) = diff.parts_that_go()?;
    diff.tables_that_go();
    diff.push_all(renames);
    diff.names_of_parts(&names);
    diff.types();
    diff.columns();
    diff.push_all(diff.types_that_go());
    diff.parts_that_come(added);
    diff.policies_that_come()?;
    diff.privileges();
    if programs {
        diff.push_all(program::create(after));
    }
    let mut out = diff.out;
    out.sort_by_key(|step| !step.in_transaction);
    Ok(out)
}

/// A part that stays under another name: its table, itself, the name.
type Rename = (String, Part, String);
/// A part and its table.
type Owned = (String, Part);

impl Diff<'_> {
    fn push(&mut self, sql: String) {
        self.out.push(Step::within(sql));
    }

    fn push_all(&mut self, all: impl IntoIterator<Item = String>) {
        self.out.extend(all.into_iter().map(Step::within));
    }

    /// A column of `table` in the schema after, as it was, names aside.
    fn was(&self, table: &str, column: &str) -> Option<&Column> {
        // A column of the same name is another one unless the lineage says so.
        let kept = self.lineage.table(table)?.columns.contains_key(column);
        self.renamed.table(table)?.column(column).filter(|_| kept)
    }

    fn replaced(&self, name: &str) -> bool {
        enums::way(self.before, self.after, name, self.how.enums_extend) == Way::Replace
    }

    fn find_retyped(&self) -> Columns {
        let replaced: BTreeSet<&String> =
            self.after.enums.keys().filter(|name| self.replaced(name)).collect();
        let mut out = Columns::new();
        for table in self.after.tables.values() {
            for column in &table.columns {
                let Some(was) = self.was(&table.name, &column.name) else { continue };
                let of_replaced =
                    enum_of(&was.ty).is_some_and(|name| replaced.iter().any(|other| *other == name));
                if was.ty != column.ty || of_replaced || fills(self.after, was, column).is_some() {
                    out.entry(table.name.clone()).or_default().insert(column.name.clone());
                }
            }
        }
        out
    }

    fn is_retyped(&self, table: &str, column: &str) -> bool {
        self.retyped.get(table).is_some_and(|columns| columns.contains(column))
    }

    /// Functions and views are made anew when they or anything that they may stand on changes.
    fn programs_change(&self) -> bool {
        let shape = |schema: &Schema| {
            let mut tables = schema.tables.clone();
            for table in tables.values_mut() {
                table.rls = None;
                table.grants.clear();
            }
            (tables, schema.enums.clone())
        };
        let (before, after) = (self.before, self.after);
        let some = |schema: &Schema| !schema.views.is_empty() || !schema.functions.is_empty();
        (some(before) || some(after))
            && (before.views != after.views
                || before.functions != after.functions
                || shape(before) != shape(after))
    }

    /// Roles belong to the server: they come when a policy or a grant names them, and stay.
    fn roles(&mut self) -> Result<(), Problem> {
        let known = policies::custom_roles(self.before.tables.values());
        for role in policies::custom_roles(self.after.tables.values()) {
            if known.contains(&role) {
                continue;
            }
            if role.is_empty()
                || role.len() > forge_core::NAME_BYTES_MAX
                || role.starts_with("pg_")
                || matches!(role.as_str(), "public" | "none")
                || role.contains('\0')
            {
                let why = "Postgres keeps such names to itself".to_owned();
                return Err(Problem::Server { what: format!("the role `{role}`"), why });
            }
            self.push_all(super::bootstrap::custom_role(&role));
        }
        Ok(())
    }

    /// The policies of `before`, by the table they are on now, that do not stay as they are.
    fn policies_that_go(&mut self) {
        let mut gone = Vec::new();
        for (table, was) in self.survivors() {
            let Some((old, new)) = self.renamed.table(&table).zip(self.after.table(&table)) else { continue };
            let wanted = policies::named(self.after, new);
            for (name, sql) in self.standing(old) {
                if sql.is_none_or(|sql| !wanted.iter().any(|(_, w)| w.as_ref() == Ok(&sql))) {
                    gone.push(format!("DROP POLICY {} ON {}", quote_name(&name), qualified(&was)));
                }
            }
        }
        self.push_all(gone);
    }

    /// A table's policies as they are once names have changed; none where it cannot stay.
    fn standing(&self, old: &Table) -> Vec<(String, Option<String>)> {
        let touched = |reads: &BTreeSet<String>| {
            reads.iter().chain([&old.name]).any(|table| self.retyped.contains_key(table))
        };
        let named = policies::named(&self.renamed, old).into_iter().zip(policies::reads(old));
        named.map(|((name, sql), reads)| (name, sql.ok().filter(|_| !touched(&reads)))).collect()
    }

    fn policies_that_come(&mut self) -> Result<(), PlanError> {
        let mut come = Vec::new();
        for table in self.after.tables.values() {
            let standing = self.renamed.table(&table.name).map(|old| self.standing(old));
            if standing.is_none() {
                come.push(format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", qualified(&table.name)));
            }
            let standing = standing.unwrap_or_default();
            for (_, sql) in policies::named(self.after, table) {
                let sql = sql.map_err(|error| refused(table, error))?;
                if !standing.iter().any(|(_, stands)| stands.as_ref() == Some(&sql)) {
                    come.push(sql);
                }
            }
        }
        self.push_all(come);
        Ok(())
    }

    /// Tables that stay: their name now, their name then.
    fn survivors(&self) -> Vec<(String, String)> {
        self.lineage.tables().map(|(now, origin)| (now.to_owned(), origin.table.clone())).collect()
    }

    /// Drops the parts that go, keys first; returns those that change their name and those that come.
    fn parts_that_go(&mut self) -> Result<(Vec<Rename>, Vec<Owned>), PlanError> {
        let mut gone: Vec<Owned> = Vec::new();
        let mut renames = Vec::new();
        let mut added = Vec::new();
        for table in self.after.tables.values() {
            let of = |error| refused(table, error);
            let mut new = parts(self.after, table, table).map_err(of)?;
            let old = self.renamed.table(&table.name);
            let was = self.lineage.table(&table.name).and_then(|origin| self.before.table(&origin.table));
            if let Some((old, was)) = old.zip(was) {
                for part in parts(&self.renamed, old, was).map_err(of)? {
                    let same = |other: &&Part| other.kind == part.kind && other.body == part.body;
                    let found = new.iter().find(|o| same(o) && o.name == part.name).or(new.iter().find(same));
                    match found.cloned().filter(|_| !self.must_go(old, &part)) {
                        Some(stays) => {
                            new.retain(|other| *other != stays);
                            if stays.name != part.name {
                                renames.push((table.name.clone(), part, stays.name));
                            }
                        }
                        None => gone.push((was.name.clone(), part)),
                    }
                }
            }
            added.extend(new.into_iter().map(|part| (table.name.clone(), part)));
        }
        // A key needs the unique group that it refers to: keys first, and last when they come.
        gone.sort_by_key(|(_, part)| std::cmp::Reverse(part.kind));
        added.sort_by_key(|(_, part)| part.kind);
        self.push_all(gone.iter().map(|(table, part)| remove(table, part)));
        Ok((renames, added))
    }

    /// Whether a part of `old` cannot stay while columns change their type.
    fn must_go(&self, old: &Table, part: &Part) -> bool {
        match part.kind {
            Kind::Check => self.retyped.contains_key(&old.name),
            Kind::Foreign => old.foreign_keys.iter().any(|key| {
                self.is_retyped(&old.name, &key.column) || self.is_retyped(&key.table, &key.references)
            }),
            Kind::Primary | Kind::Unique | Kind::Index => false,
        }
    }

    fn tables_that_go(&mut self) {
        let gone = self.before.tables.keys().filter(|name| self.lineage.now(name).is_none());
        let gone: Vec<String> = gone.map(|name| qualified(name)).collect();
        if !gone.is_empty() {
            // In one statement, so that keys between them are not in the way.
            self.push(format!("DROP TABLE {}", gone.join(", ")));
        }
    }

    fn names_of_parts(&mut self, renames: &[Rename]) {
        let clash = renames.iter().any(|(_, _, to)| renames.iter().any(|(_, part, _)| part.name == *to));
        let mut home = Vec::new();
        for (index, (on, part, to)) in renames.iter().enumerate() {
            if clash {
                let between = format!("_loki_part_{index}");
                self.push(table::rename(on, part, &between));
                home.push(table::rename(on, &Part { name: between, ..part.clone() }, to));
            } else {
                home.push(table::rename(on, part, to));
            }
        }
        self.push_all(home);
    }

    fn types(&mut self) {
        let mut sql = Vec::new();
        for name in self.after.enums.keys() {
            match enums::way(self.before, self.after, name, self.how.enums_extend) {
                Way::Keep => {}
                Way::Create => sql.push(enums::create(self.after, name)),
                Way::Extend(values) => sql.extend(values.iter().map(|value| enums::extend(name, value))),
                Way::Replace => sql.extend(enums::begin(self.after, name)),
            }
        }
        self.push_all(sql);
    }

    fn types_that_go(&self) -> Vec<String> {
        let replaced = self.after.enums.keys().filter(|name| self.replaced(name));
        let dropped = self.before.enums.keys().filter(|name| !self.after.enums.contains_key(*name));
        let mut out: Vec<String> = replaced.map(|name| enums::finish(name)).collect();
        out.extend(dropped.map(|name| format!("DROP TYPE {}", qualified(name))));
        out
    }

    fn columns(&mut self) {
        let mut sql = Vec::new();
        for table in self.after.tables.values() {
            let Some(old) = self.renamed.table(&table.name) else {
                sql.push(create_table(self.after, table));
                continue;
            };
            let on = qualified(&table.name);
            for column in &old.columns {
                if self.was(&table.name, &column.name).is_none() {
                    sql.push(format!("ALTER TABLE {on} DROP COLUMN {}", quote_name(&column.name)));
                }
            }
            for column in &table.columns {
                match self.was(&table.name, &column.name) {
                    Some(was) => self.alter(&mut sql, &on, table, was, column),
                    None => {
                        let definition = column_definition(self.after, column);
                        sql.push(format!("ALTER TABLE {on} ADD COLUMN {definition}"));
                    }
                }
            }
        }
        self.push_all(sql);
    }

    fn alter(&self, sql: &mut Vec<String>, on: &str, table: &Table, was: &Column, now: &Column) {
        let retyped = self.is_retyped(&table.name, &now.name);
        let (old, new) = (default_sql(&self.renamed, was), default_sql(self.after, now));
        let counted = |column: &Column| column.default == Some(ColumnDefault::Identity);
        let mut alter =
            |what: &str| sql.push(format!("ALTER TABLE {on} ALTER COLUMN {} {what}", quote_name(&now.name)));
        if old.is_some() && (retyped || old != new) {
            alter("DROP DEFAULT");
        }
        if counted(was) && !counted(now) {
            alter("DROP IDENTITY");
        }
        if !was.nullable && now.nullable {
            alter("DROP NOT NULL");
        }
        if retyped {
            let mut value = convert::converted(&now.name, &was.ty, &now.ty);
            if let Some(default) = fills(self.after, was, now) {
                value = format!("coalesce({value}, {default})");
            }
            alter(&format!("TYPE {} USING {value}", sql_type(&now.ty)));
        }
        if was.nullable && !now.nullable {
            alter("SET NOT NULL");
        }
        if let Some(new) = new.filter(|new| retyped || old.as_ref() != Some(new)) {
            alter(&format!("SET DEFAULT {new}"));
        }
        if counted(now) && !counted(was) {
            alter("ADD GENERATED BY DEFAULT AS IDENTITY");
            sql.push(count_on(on, &now.name));
        }
    }

    fn parts_that_come(&mut self, added: Vec<Owned>) {
        for (on, part) in added {
            let later =
                self.how.indices_after && part.kind == Kind::Index && self.renamed.table(&on).is_some();
            let sql = add(&on, &part, later);
            self.out.push(if later { Step::after(sql) } else { Step::within(sql) });
        }
    }

    fn privileges(&mut self) {
        let mut sql = Vec::new();
        for table in self.after.tables.values() {
            let old = self.renamed.table(&table.name);
            if old.is_none_or(|old| old.grants != table.grants) {
                let earlier =
                    old.iter().flat_map(|old| &old.grants).map(|grant| grant.role.clone()).collect();
                sql.extend(privilege::privileges(table, &earlier));
            }
        }
        self.push_all(sql);
    }
}

/// The default that stands in for null where a column may not be null any more.
fn fills(after: &Schema, was: &Column, now: &Column) -> Option<String> {
    default_sql(after, now).filter(|_| was.nullable && !now.nullable)
}

/// A new identity goes on behind the highest number that is there.
fn count_on(on: &str, column: &str) -> String {
    format!(
        "SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {on} HAVING max({}) > 0",
        super::quote_text(on),
        super::quote_text(column),
        quote_name(column),
        quote_name(column)
    )
}

fn refused(table: &Table, error: PolicyError) -> PlanError {
    let why = error.to_string();
    Problem::Policy { table: table.name.clone(), why, hint: error.hint }.into()
}
