//! Seed rows as inserts that may be repeated.

use super::{ValueError, quote_name, value};
use crate::{
    ddl::{PlanError, Problem, SEED_ROWS_MAX, resolve::Row},
    schema::{ColumnDefault, Schema, Table, Type},
};

/// A value in text form as a literal of a type.
pub(in crate::ddl) type Literal<'l> = dyn Fn(&Type, &str) -> Result<String, ValueError> + 'l;

/// One insert a row. A row whose key, or other unique value, exists is left alone. A missing uuid
/// key is made from the row's content, so that repeating the seed finds the row again.
pub(crate) fn seed_rows(schema: &Schema, seeds: &[(String, Vec<Row>)]) -> Result<Vec<String>, PlanError> {
    let write = |ty: &Type, text: &str| value::literal(ty, &schema.enums, text);
    seed_rows_with(schema, seeds, "", &write)
}

/// The same for any engine: `within` stands before a table's name, `write` gives a value as a literal.
pub(in crate::ddl) fn seed_rows_with(
    schema: &Schema,
    seeds: &[(String, Vec<Row>)],
    within: &str,
    write: &Literal<'_>,
) -> Result<Vec<String>, PlanError> {
    let total: usize = seeds.iter().map(|(_, rows)| rows.len()).sum();
    if total > SEED_ROWS_MAX {
        return Err(Problem::Limit { what: "seeded rows", found: total, max: SEED_ROWS_MAX }.into());
    }
    let mut out = Vec::with_capacity(total);
    for (name, rows) in seeds {
        let Some(table) = schema.table(name) else { continue };
        for (index, row) in rows.iter().enumerate() {
            let sql = insert(table, row, within, write);
            out.push(sql.map_err(|why| Problem::Seed { table: name.clone(), row: index + 1, why })?);
        }
    }
    Ok(out)
}

fn insert(table: &Table, row: &Row, within: &str, write: &Literal<'_>) -> Result<String, String> {
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for (at, (name, text)) in row.iter().enumerate() {
        let column = table.column(name).ok_or_else(|| format!("there is no column `{name}`"))?;
        if row[..at].iter().any(|(other, _)| other == name) {
            return Err(format!("it names `{name}` twice"));
        }
        columns.push(quote_name(name));
        values.push(match text {
            Some(text) => write(&column.ty, text).map_err(|e| format!("`{name}`: {e}"))?,
            None if column.nullable => "NULL".to_owned(),
            None => return Err(format!("`{name}` may not be null")),
        });
    }
    for column in &table.columns {
        let given = row.iter().any(|(name, _)| *name == column.name);
        let keyed = table.primary_key == [column.name.as_str()];
        if !given && keyed && column.ty == Type::Uuid && column.default == Some(ColumnDefault::RandomUuid) {
            columns.insert(0, quote_name(&column.name));
            values.insert(0, super::quote_text(&content_uuid(&table.name, row)));
        } else if !given && !column.nullable && needs_value(column.default.as_ref()) {
            return Err(format!("`{}` is missing", column.name));
        }
    }
    if columns.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(format!(
        "INSERT INTO {within}{} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
        quote_name(&table.name),
        columns.join(", "),
        values.join(", ")
    ))
}

fn needs_value(default: Option<&ColumnDefault>) -> bool {
    match default {
        // Nobody is signed in while a migration runs.
        None | Some(ColumnDefault::CurrentUser) => true,
        Some(
            ColumnDefault::Now
            | ColumnDefault::RandomUuid
            | ColumnDefault::Identity
            | ColumnDefault::Literal(_),
        ) => false,
    }
}

/// A uuid of version 8 (made by the application) from the row's content.
fn content_uuid(table: &str, row: &Row) -> String {
    let mut parts = vec![table];
    for (name, text) in row {
        parts.push(name);
        parts.push(if text.is_some() { "=" } else { "null" });
        parts.push(text.as_deref().unwrap_or_default());
    }
    let hex = forge_core::sha256_hex(&parts);
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
