//! The schema that a migration leads to. Knows no engine.

use super::{
    CHANGES_MAX, Problem, expr::Meaning, lineage::Lineage, problem::PlanError, rename, routine, validate,
};
use crate::{
    change::{Change, Migration},
    routine::users::Thing,
    schema::{Column, Schema, Table},
};

/// A row to insert: columns and their values in text form.
pub(crate) type Row = Vec<(String, Option<String>)>;

/// Structural changes up to and including a run of seeds.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The schema after the structural changes.
    pub(crate) target: Schema,
    /// Where its tables and columns come from.
    pub(crate) lineage: Lineage,
    /// Rows to insert then, by table.
    pub(crate) seeds: Vec<(String, Vec<Row>)>,
}

/// Splits `migration` at its seeds and works out the schema after each part. At least one part.
pub(crate) fn resolve(current: &Schema, migration: &Migration) -> Result<Vec<Segment>, PlanError> {
    forge_core::Name::new(&migration.name).map_err(Problem::Name)?;
    if migration.changes.len() > CHANGES_MAX {
        let found = migration.changes.len();
        return Err(Problem::Limit { what: "changes", found, max: CHANGES_MAX }.into());
    }
    let fresh = |target: &Schema| Segment {
        target: target.clone(),
        lineage: Lineage::identity(target),
        seeds: Vec::new(),
    };
    let mut done = Vec::new();
    let mut open = fresh(current);
    for (index, change) in migration.changes.iter().enumerate() {
        let number = index + 1;
        if let Change::Seed { table, rows } = change {
            existing(&open.target, table).map_err(|problem| problem.at(number))?;
            open.seeds.push((table.clone(), rows.clone()));
            continue;
        }
        if !open.seeds.is_empty() {
            check(&open.target, migration)?;
            let next = fresh(&open.target);
            done.push(std::mem::replace(&mut open, next));
        }
        apply(&mut open, change).map_err(|problem| problem.at(number))?;
    }
    check(&open.target, migration)?;
    done.push(open);
    Ok(done)
}

/// The schema after some changes as far as they can be made; what cannot is left out. For reading a
/// text whose later changes speak of what earlier ones make.
pub(crate) struct Outline(Segment);

impl Outline {
    pub(crate) fn new(current: &Schema) -> Self {
        Self(Segment { target: current.clone(), lineage: Lineage::identity(current), seeds: Vec::new() })
    }

    /// Makes one more change.
    pub(crate) fn then(&mut self, change: &Change) {
        // Planning tells what is wrong with it.
        apply(&mut self.0, change).unwrap_or_default();
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.0.target
    }
}

/// Validates the whole and blames the last change that touched the table at fault.
fn check(target: &Schema, migration: &Migration) -> Result<(), PlanError> {
    validate::validate(target).map_err(|fault| {
        let (table, problem) = *fault;
        let blamed = table.and_then(|table| {
            migration.changes.iter().rposition(|change| touched(change).is_some_and(|name| *name == table))
        });
        PlanError { change: blamed.map(|index| index + 1), problem }
    })
}

fn touched(change: &Change) -> Option<&String> {
    match change {
        Change::AddTable(table) => Some(&table.name),
        Change::RenameTable { to, .. } => Some(to),
        Change::AddView(view) => Some(&view.name),
        Change::AddFunction(function) => Some(&function.name),
        Change::DropView { name } | Change::DropFunction { name, .. } => Some(name),
        Change::DropTable { table }
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
        Change::AddEnum { .. } | Change::AddEnumValues { .. } | Change::DropEnum { .. } => None,
    }
}

fn apply(segment: &mut Segment, change: &Change) -> Result<(), Problem> {
    let Segment { target: schema, lineage, .. } = segment;
    match change {
        Change::AddTable(table) => add_table(schema, table),
        Change::AddView(_)
        | Change::DropView { .. }
        | Change::AddFunction(_)
        | Change::DropFunction { .. } => routine::apply(schema, change),
        Change::DropTable { table } => {
            unused_table(schema, table)?;
            routine::unused(schema, Thing::Table(table))?;
            schema.tables.remove(table);
            lineage.drop_table(table);
            Ok(())
        }
        Change::RenameTable { table, to } => {
            existing(schema, table)?;
            free_table(schema, to)?;
            routine::unused(schema, Thing::Table(table))?;
            rename::table(schema, table, to);
            lineage.rename_table(table, to);
            Ok(())
        }
        Change::DropColumn { table, column } => {
            routine::unused(schema, Thing::Column(table, column))?;
            drop_column(schema, table, column)?;
            lineage.drop_column(table, column);
            Ok(())
        }
        Change::RenameColumn { table, column, to } => {
            column_of(existing(schema, table)?, column)?;
            free_column(existing(schema, table)?, to)?;
            routine::unused(schema, Thing::Column(table, column))?;
            rename::column(schema, table, column, to);
            lineage.rename_column(table, column, to);
            Ok(())
        }
        Change::AddEnum { name, values } => {
            if schema.enums.contains_key(name) {
                return Err(exists("enum", name));
            }
            schema.enums.insert(name.clone(), values.clone());
            Ok(())
        }
        Change::AddEnumValues { name, values } => {
            let known = schema.enums.keys().cloned().collect();
            let list = schema.enums.get_mut(name).ok_or_else(|| missing("enum", name, known))?;
            list.extend(values.iter().cloned());
            Ok(())
        }
        Change::DropEnum { name } => drop_enum(schema, name),
        Change::AddColumn { .. }
        | Change::AlterColumn { .. }
        | Change::AddIndex { .. }
        | Change::DropIndex { .. }
        | Change::AddCheck { .. }
        | Change::DropCheck { .. }
        | Change::AddUnique { .. }
        | Change::DropUnique { .. }
        | Change::AddForeignKey { .. }
        | Change::DropForeignKey { .. }
        | Change::SetRls { .. }
        | Change::SetGrants { .. } => alter(schema, change),
        // Taken out by the caller.
        Change::Seed { .. } => Ok(()),
    }
}

/// Changes within one table that touch nothing else.
fn alter(schema: &mut Schema, change: &Change) -> Result<(), Problem> {
    let Some(name) = touched(change) else { return Ok(()) };
    existing(schema, name)?;
    if let Change::DropUnique { columns, .. } = change {
        unreferenced(schema, name, columns)?;
    }
    let Some(table) = schema.tables.get_mut(name) else { return Ok(()) };
    match change {
        Change::AddColumn { column, foreign_key, unique, .. } => {
            free_column(table, &column.name)?;
            table.columns.push(column.clone());
            table.foreign_keys.extend(foreign_key.clone());
            if *unique {
                table.uniques.push(vec![column.name.clone()]);
            }
        }
        Change::AlterColumn { column, .. } => alter_column(table, column)?,
        Change::AddIndex { index, .. } => table.indices.push(index.clone()),
        Change::DropIndex { index, .. } => {
            let names: Vec<&str> = table.indices.iter().map(|i| i.name.as_str()).collect();
            let at = position("index", &names, index)?;
            table.indices.remove(at);
        }
        Change::AddCheck { check, .. } => table.checks.push(check.clone()),
        Change::DropCheck { check, .. } => {
            let names: Vec<&str> = table.checks.iter().map(|c| c.name.as_str()).collect();
            let at = position("check", &names, check)?;
            table.checks.remove(at);
        }
        Change::AddUnique { columns, .. } => table.uniques.push(columns.clone()),
        Change::DropUnique { columns, .. } => {
            let groups: Vec<String> = table.uniques.iter().map(|group| group.join(", ")).collect();
            let names: Vec<&str> = groups.iter().map(String::as_str).collect();
            let at = position("unique group", &names, &columns.join(", "))?;
            table.uniques.remove(at);
        }
        Change::AddForeignKey { foreign_key, .. } => {
            if table.foreign_key(&foreign_key.column).is_some() {
                return Err(exists("foreign key of", &format!("{name}.{}", foreign_key.column)));
            }
            table.foreign_keys.push(foreign_key.clone());
        }
        Change::DropForeignKey { column, .. } => {
            let names: Vec<&str> = table.foreign_keys.iter().map(|key| key.column.as_str()).collect();
            let at = position("foreign key of", &names, column)?;
            table.foreign_keys.remove(at);
        }
        Change::SetRls { rls, .. } => table.rls = Some(rls.clone()),
        Change::SetGrants { grants, .. } => table.grants.clone_from(grants),
        Change::AddTable(_)
        | Change::DropTable { .. }
        | Change::RenameTable { .. }
        | Change::DropColumn { .. }
        | Change::RenameColumn { .. }
        | Change::AddEnum { .. }
        | Change::AddEnumValues { .. }
        | Change::DropEnum { .. }
        | Change::AddView(_)
        | Change::DropView { .. }
        | Change::AddFunction(_)
        | Change::DropFunction { .. }
        | Change::Seed { .. } => {}
    }
    Ok(())
}

fn add_table(schema: &mut Schema, table: &Table) -> Result<(), Problem> {
    free_table(schema, &table.name)?;
    let mut table = table.clone();
    for column in &mut table.columns {
        if table.primary_key.contains(&column.name) {
            column.nullable = false;
        }
    }
    schema.tables.insert(table.name.clone(), table);
    Ok(())
}

fn alter_column(table: &mut Table, to: &Column) -> Result<(), Problem> {
    let key = table.primary_key.contains(&to.name);
    let known = names(table);
    let column = table.columns.iter_mut().find(|column| column.name == to.name);
    let column = column.ok_or_else(|| missing("column", &to.name, known))?;
    *column = to.clone();
    if key {
        column.nullable = false;
    }
    Ok(())
}

/// Drops a column with the indices, unique groups and key of its own that it is part of.
fn drop_column(schema: &mut Schema, table: &str, column: &str) -> Result<(), Problem> {
    let own = existing(schema, table)?;
    column_of(own, column)?;
    if own.primary_key.iter().any(|name| name == column) {
        return Err(Problem::Key { table: table.to_owned(), column: column.to_owned(), done: "dropped" });
    }
    if own.columns.len() == 1 {
        return Err(Problem::NoColumns { table: table.to_owned() });
    }
    let full = format!("{table}.{column}");
    let used = |user: String| Problem::Used { kind: "column", name: full.clone(), user };
    for other in schema.tables.values() {
        let key = other.foreign_keys.iter().find(|key| key.table == table && key.references == column);
        // A key within the dropped column itself goes with it.
        if let Some(key) = key.filter(|key| !(other.name == table && key.column == column)) {
            return Err(used(format!("the foreign key of `{}.{}`", other.name, key.column)));
        }
    }
    let speaks = |meaning: &Meaning| matches!(meaning, Meaning::Column { table: t, column: c } if t == table && c == column);
    if let Some((_, user)) = rename::users(schema, &speaks).into_iter().next() {
        return Err(used(user));
    }
    let Some(own) = schema.tables.get_mut(table) else { return Ok(()) };
    own.columns.retain(|c| c.name != column);
    own.foreign_keys.retain(|key| key.column != column);
    own.uniques.retain(|group| !group.iter().any(|name| name == column));
    own.indices.retain(|index| !index.columns.iter().any(|c| c.name == column));
    // A grant that loses its last column closes its command; it does not open the table.
    own.grants.iter_mut().for_each(|grant| grant.columns.retain(|name| name != column));
    Ok(())
}

fn drop_enum(schema: &mut Schema, name: &str) -> Result<(), Problem> {
    if !schema.enums.contains_key(name) {
        return Err(missing("enum", name, schema.enums.keys().cloned().collect()));
    }
    for table in schema.tables.values() {
        if let Some(column) = table.columns.iter().find(|column| validate::enum_of(&column.ty) == Some(name))
        {
            let user = format!("`{}.{}`", table.name, column.name);
            return Err(Problem::Used { kind: "enum", name: name.to_owned(), user });
        }
    }
    routine::unused(schema, Thing::Enum(name))?;
    schema.enums.remove(name);
    Ok(())
}

fn unused_table(schema: &Schema, name: &str) -> Result<(), Problem> {
    existing(schema, name)?;
    let used = |user: String| Problem::Used { kind: "table", name: name.to_owned(), user };
    for other in schema.tables.values().filter(|other| other.name != name) {
        if let Some(key) = other.foreign_keys.iter().find(|key| key.table == name) {
            return Err(used(format!("the foreign key of `{}.{}`", other.name, key.column)));
        }
    }
    let speaks = |meaning: &Meaning| matches!(meaning, Meaning::Table(table) if table == name);
    match rename::users(schema, &speaks).into_iter().find(|(owner, _)| owner != name) {
        Some((_, user)) => Err(used(user)),
        None => Ok(()),
    }
}

/// Refuses when a foreign key needs the unique group.
fn unreferenced(schema: &Schema, table: &str, columns: &[String]) -> Result<(), Problem> {
    let [column] = columns else { return Ok(()) };
    if schema.table(table).is_some_and(|t| t.primary_key == *columns) {
        return Ok(());
    }
    for other in schema.tables.values() {
        if let Some(key) =
            other.foreign_keys.iter().find(|key| key.table == table && key.references == *column)
        {
            let user = format!("the foreign key of `{}.{}`", other.name, key.column);
            return Err(Problem::Used { kind: "unique group", name: format!("{table}.{column}"), user });
        }
    }
    Ok(())
}

fn existing<'a>(schema: &'a Schema, name: &str) -> Result<&'a Table, Problem> {
    schema.table(name).ok_or_else(|| missing("table", name, schema.tables.keys().cloned().collect()))
}

fn column_of<'a>(table: &'a Table, name: &str) -> Result<&'a Column, Problem> {
    table.column(name).ok_or_else(|| missing("column", &format!("{}.{name}", table.name), names(table)))
}

pub(super) fn free_table(schema: &Schema, name: &str) -> Result<(), Problem> {
    if schema.views.contains_key(name) {
        return Err(exists("view", name));
    }
    if schema.tables.contains_key(name) { Err(exists("table", name)) } else { Ok(()) }
}

fn free_column(table: &Table, name: &str) -> Result<(), Problem> {
    match table.column(name) {
        Some(_) => Err(exists("column", &format!("{}.{name}", table.name))),
        None => Ok(()),
    }
}

fn position(kind: &'static str, names: &[&str], wanted: &str) -> Result<usize, Problem> {
    let found = names.iter().position(|name| *name == wanted);
    found.ok_or_else(|| missing(kind, wanted, names.iter().map(|name| (*name).to_owned()).collect()))
}

fn names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

pub(super) fn exists(kind: &'static str, name: &str) -> Problem {
    Problem::Exists { kind, name: name.to_owned() }
}

pub(super) fn missing(kind: &'static str, name: &str, known: Vec<String>) -> Problem {
    Problem::Missing { kind, name: name.to_owned(), known }
}
