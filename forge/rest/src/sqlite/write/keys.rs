//! Foreign keys. SQLite looks at them at the commit, because they are deferred, and then does not say whose
//! fault it was; so each task looks for itself.

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::schema::{ForeignKey, OnDelete};
use rusqlite::types::Value as Sql;

use super::target::{Target, id_list};
use crate::error::RestError;

/// A new value of a referring column.
pub(super) struct Refers<'t> {
    pub(super) key: &'t ForeignKey,
    pub(super) value: Sql,
}

/// The foreign keys of a row, given all its values, that refer to something.
pub(super) fn of_row<'t>(target: &Target<'t>, row: &[Sql]) -> Vec<Refers<'t>> {
    let table = target.table;
    let values = table.columns.iter().zip(row).filter(|(_, value)| **value != Sql::Null);
    let refers = |(column, value): (&'t forge_database::schema::Column, &Sql)| {
        Some(Refers { key: table.foreign_key(&column.name)?, value: value.clone() })
    };
    values.filter_map(refers).collect()
}

/// Whether all that is referred to is there.
pub(super) fn are_there(target: &Target<'_>, refers: &[Refers<'_>]) -> Result<(), RestError> {
    for Refers { key, value } in refers {
        let sql = format!("select 1 from {} where {} = :v0", quote(&key.table), quote(&key.references));
        if *value != Sql::Null && !target.exists(&sql, std::slice::from_ref(value))? {
            return Err(target.refusal().missing(key, value));
        }
    }
    Ok(())
}

/// Values of a column that others may refer to, as they were before a change.
pub(super) struct Left<'t> {
    child: &'t str,
    key: &'t ForeignKey,
    values: Sql,
}

/// What other rows may refer to in the rows `ids`, in columns that are about to change.
pub(super) fn about_to_leave<'t>(
    target: &Target<'t>,
    columns: &[String],
    ids: &[i64],
) -> Result<Vec<Left<'t>>, RestError> {
    let mut left = Vec::new();
    for (child, key) in referring(target).filter(|(_, key)| columns.contains(&key.references)) {
        let sql = format!(
            "select json_group_array({}) from {} where {} in (select value from json_each(:v0))",
            quote(&key.references),
            quote(&target.table.name),
            target.row_id()
        );
        let row = target.first(&sql, &[id_list(ids)])?;
        let values = row.and_then(|row| row.into_iter().next()).unwrap_or(Sql::Null);
        left.push(Left { child, key, values });
    }
    Ok(left)
}

/// Whether no row refers to what has left.
pub(super) fn are_let_go(target: &Target<'_>, left: &[Left<'_>]) -> Result<(), RestError> {
    for Left { child, key, values } in left {
        let sql = format!(
            "select child.{column} from {child} as child where child.{column} in (select value from json_each(:v0)) \
             and not exists (select 1 from {table} as parent where parent.{references} = child.{column}) limit 1",
            column = quote(&key.column),
            child = quote(child),
            table = quote(&target.table.name),
            references = quote(&key.references),
        );
        if let Some(value) = target.first(&sql, std::slice::from_ref(values))? {
            return Err(target.refusal().referred(child, key, value.first().unwrap_or(&Sql::Null)));
        }
    }
    Ok(())
}

/// The error for rows that cannot go because others refer to them, if there are such others.
pub(super) fn holding(target: &Target<'_>, ids: &[i64]) -> Result<Option<RestError>, RestError> {
    for (child, key) in referring(target).filter(|(_, key)| key.on_delete == OnDelete::Restrict) {
        let sql = format!(
            "select parent.{references} from {table} as parent join {child} as child on child.{column} = \
             parent.{references} where parent.{id} in (select value from json_each(:v0)) limit 1",
            column = quote(&key.column),
            child = quote(child),
            table = quote(&target.table.name),
            references = quote(&key.references),
            id = target.row_id(),
        );
        if let Some(value) = target.first(&sql, &[id_list(ids)])? {
            let value = value.into_iter().next().unwrap_or(Sql::Null);
            return Ok(Some(target.refusal().referred(child, key, &value)));
        }
    }
    Ok(None)
}

/// The foreign keys that lead to the table, with the tables that have them.
fn referring<'t>(target: &Target<'t>) -> impl Iterator<Item = (&'t str, &'t ForeignKey)> {
    let table = target.table;
    let schema = &target.place.scene.schema;
    let keys = schema
        .tables
        .values()
        .flat_map(|child| child.foreign_keys.iter().map(move |key| (child.name.as_str(), key)));
    keys.filter(move |(_, key)| key.table == table.name)
}
