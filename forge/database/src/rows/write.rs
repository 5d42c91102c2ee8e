//! Adding, changing and removing rows.

use forge_core::Identity;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::error::RowError;
use super::query::Building;
use super::value::to_sql;
use super::{Changed, Filter, NEW_ROWS_MAX, Returning, Row};
use crate::ddl::sqlite::{quote_name as quote, value_from_text};
use crate::policy::Side;
use crate::policy::sqlite::{NOW, ROW_ALIAS};
use crate::schema::{Column, ColumnDefault, Command, ForeignKey, Schema, Table, Type};

/// A random UUID of version 4.
const RANDOM_UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (abs(random() % 4)), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// Adds rows in the name of `who`: all of them, or none.
pub fn insert(
    conn: &Connection,
    schema: &Schema,
    who: &Identity,
    table: &str,
    rows: &[Row],
    returning: Returning,
) -> Result<Changed, RowError> {
    if rows.len() > NEW_ROWS_MAX {
        return Err(RowError::Limit { what: "new rows", found: rows.len(), most: NEW_ROWS_MAX });
    }
    let mut statement = Building::new(schema, who, table)?;
    let mut check = statement.policy(Command::Insert, Side::Check)?;
    if returning == Returning::Rows {
        check = format!("({check}) and ({})", statement.policy(Command::Select, Side::Using)?);
    }
    whole(conn, table, || {
        // All checks before the first row, because they see the tables as they were.
        let full: Vec<Vec<Sql>> =
            rows.iter().map(|row| complete(conn, &mut statement, row)).collect::<Result<_, _>>()?;
        if !statement.is_service() {
            for row in &full {
                passes(conn, &mut statement, row, &check)?;
            }
        }
        let targets: Vec<(&ForeignKey, Sql)> =
            full.iter().flat_map(|row| keys(statement.table, row)).collect();
        let mut changed = Changed::default();
        for row in full {
            let added = add(conn, &mut statement, row, returning)?;
            changed.count += added.count;
            changed.rows.extend(added.rows);
        }
        referred(conn, &mut statement, &targets)?;
        Ok(changed)
    })
}

/// Changes the rows that `who` may reach and that pass `filter`.
pub fn update(
    conn: &Connection,
    schema: &Schema,
    who: &Identity,
    table: &str,
    set: &Row,
    filter: &[Filter],
    returning: Returning,
) -> Result<Changed, RowError> {
    let mut statement = Building::new(schema, who, table)?;
    let mut reach = statement.policy(Command::Update, Side::Using)?;
    let mut check = statement.policy(Command::Update, Side::Check)?;
    if !filter.is_empty() || returning == Returning::Rows {
        let seen = statement.policy(Command::Select, Side::Using)?;
        reach = format!("({reach}) and ({seen})");
        check = format!("({check}) and ({seen})");
    }
    let reach = format!("({reach}){}", statement.filter(filter)?);
    let mut values: Vec<(&Column, String)> = Vec::new();
    let mut targets: Vec<(&ForeignKey, Sql)> = Vec::new();
    for (name, value) in set {
        let column = statement.column(name)?;
        if let Some(key) = statement.table.foreign_key(name) {
            targets.push((key, to_sql(schema, column, value)?));
        }
        values.push((column, statement.bind(column, value)?));
    }
    if values.is_empty() {
        return Ok(Changed::default());
    }
    let name = quote(table);
    let new = statement.table.columns.iter().map(|column| {
        let set = values.iter().find(|(changed, _)| changed.name == column.name);
        let own = format!("{ROW_ALIAS}.{}", quote(&column.name));
        format!("{} as {}", set.map_or(own.as_str(), |(_, value)| value), quote(&column.name))
    });
    let new: Vec<String> = new.collect();
    let violated = format!(
        "select 1 from (select {} from {name} as {ROW_ALIAS} where {reach}) as {ROW_ALIAS} \
         where coalesce(({check}), 0) = 0 limit 1",
        new.join(", ")
    );
    let sets: Vec<String> =
        values.iter().map(|(column, value)| format!("{} = {value}", quote(&column.name))).collect();
    let sql = format!("update {name} as {ROW_ALIAS} set {} where {reach}", sets.join(", "));
    whole(conn, table, || {
        if !statement.is_service() && statement.exists(conn, "check the new rows of", &violated)? {
            return Err(RowError::Policy { table: table.to_owned() });
        }
        let changed = finish(conn, &statement, "change rows of", sql, returning)?;
        if changed.count > 0 {
            referred(conn, &mut statement, &targets)?;
        }
        Ok(changed)
    })
}

/// Removes the rows that `who` may reach and that pass `filter`.
pub fn delete(
    conn: &Connection,
    schema: &Schema,
    who: &Identity,
    table: &str,
    filter: &[Filter],
    returning: Returning,
) -> Result<Changed, RowError> {
    let mut statement = Building::new(schema, who, table)?;
    let mut reach = statement.policy(Command::Delete, Side::Using)?;
    if !filter.is_empty() || returning == Returning::Rows {
        reach = format!("({reach}) and ({})", statement.policy(Command::Select, Side::Using)?);
    }
    let sql =
        format!("delete from {} as {ROW_ALIAS} where ({reach}){}", quote(table), statement.filter(filter)?);
    whole(conn, table, || finish(conn, &statement, "delete rows of", sql, returning))
}

fn finish(
    conn: &Connection,
    statement: &Building<'_>,
    what: &'static str,
    mut sql: String,
    returning: Returning,
) -> Result<Changed, RowError> {
    let columns = statement.columns(&[])?;
    match returning {
        Returning::Count => Ok(Changed { count: statement.count(conn, what, &sql)?, rows: Vec::new() }),
        Returning::Rows => {
            let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
            sql.push_str(&format!(" returning {}", names.join(", ")));
            let rows = statement.rows(conn, what, &sql, &columns)?;
            Ok(Changed { count: rows.len(), rows })
        }
    }
}

/// The values of a whole new row, in the order of the columns, defaults filled in. A number that SQLite
/// gives out itself is null.
fn complete(conn: &Connection, statement: &mut Building<'_>, row: &Row) -> Result<Vec<Sql>, RowError> {
    for name in row.keys() {
        statement.column(name)?;
    }
    let mut values = Vec::with_capacity(statement.table.columns.len());
    for column in &statement.table.columns {
        values.push(match (row.get(&column.name), &column.default) {
            (Some(value), _) => to_sql(statement.schema, column, value)?,
            (None, Some(ColumnDefault::CurrentUser)) => statement.uid(),
            (None, Some(ColumnDefault::Literal(text))) => {
                value_from_text(&column.ty, &statement.schema.enums, text).map_err(|error| {
                    RowError::Value {
                        column: column.name.clone(),
                        value: text.clone(),
                        expected: error.expected,
                    }
                })?
            }
            (None, Some(ColumnDefault::Now)) => generated(conn, &now(column))?,
            (None, Some(ColumnDefault::RandomUuid)) => generated(conn, RANDOM_UUID)?,
            (None, Some(ColumnDefault::Identity) | None) => Sql::Null,
        });
    }
    Ok(values)
}

/// The time of the insert as the column's type has it.
fn now(column: &Column) -> String {
    match column.ty {
        Type::Date => "date('now')".to_owned(),
        Type::Time => "time('now')".to_owned(),
        _ => NOW.to_owned(),
    }
}

fn generated(conn: &Connection, expression: &str) -> Result<Sql, RowError> {
    let value = conn
        .prepare_cached(&format!("select {expression}"))
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
    value.map_err(|source| RowError::sqlite("fill defaults of", "a new row", source))
}

/// Whether the new row passes the check, judged before it is there.
fn passes(conn: &Connection, statement: &mut Building<'_>, row: &[Sql], check: &str) -> Result<(), RowError> {
    statement.forget_values();
    let columns = &statement.table.columns;
    let mut named = Vec::with_capacity(row.len());
    for (column, value) in columns.iter().zip(row) {
        named.push(format!("{} as {}", statement.bind_sql(value.clone()), quote(&column.name)));
    }
    let sql = format!("select 1 from (select {}) as {ROW_ALIAS} where ({check})", named.join(", "));
    if statement.exists(conn, "check a new row of", &sql)? {
        return Ok(());
    }
    Err(RowError::Policy { table: statement.table.name.clone() })
}

fn add(
    conn: &Connection,
    statement: &mut Building<'_>,
    row: Vec<Sql>,
    returning: Returning,
) -> Result<Changed, RowError> {
    statement.forget_values();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (column, value) in statement.table.columns.iter().zip(row) {
        if value == Sql::Null && column.default == Some(ColumnDefault::Identity) {
            continue; // SQLite gives out the number.
        }
        names.push(quote(&column.name));
        values.push(statement.bind_sql(value));
    }
    let name = quote(&statement.table.name);
    let sql = if names.is_empty() {
        format!("insert into {name} default values")
    } else {
        format!("insert into {name} ({}) values ({})", names.join(", "), values.join(", "))
    };
    finish(conn, statement, "add rows to", sql, returning)
}

/// The foreign keys of a row with their values.
fn keys<'t>(table: &'t Table, row: &[Sql]) -> Vec<(&'t ForeignKey, Sql)> {
    let values = table.columns.iter().zip(row);
    values.filter_map(|(column, value)| Some((table.foreign_key(&column.name)?, value.clone()))).collect()
}

/// Whether what new values refer to is there. SQLite would say so only at the commit, because the keys
/// are deferred, and then not whose fault it was.
fn referred(
    conn: &Connection,
    statement: &mut Building<'_>,
    targets: &[(&ForeignKey, Sql)],
) -> Result<(), RowError> {
    for (key, value) in targets.iter().filter(|(_, value)| *value != Sql::Null) {
        statement.forget_values();
        let value = statement.bind_sql(value.clone());
        let (to, column) = (quote(&key.table), quote(&key.references));
        let sql = format!("select 1 from {to} where {column} = {value}");
        if !statement.exists(conn, "check the foreign keys of", &sql)? {
            let message = format!(
                "`{}.{}` refers to a row of `{}` that is not there",
                statement.table.name, key.column, key.table
            );
            return Err(RowError::Constraint { sqlstate: "23503", message });
        }
    }
    Ok(())
}

/// Runs `act` so that it leaves everything or nothing.
fn whole<T>(
    conn: &Connection,
    table: &str,
    act: impl FnOnce() -> Result<T, RowError>,
) -> Result<T, RowError> {
    let run = |sql: &str| {
        conn.execute_batch(sql).map_err(|source| RowError::sqlite("begin or end writing to", table, source))
    };
    run("savepoint forge_rows")?;
    match act() {
        Ok(done) => {
            // A constraint that is checked at the end may still refuse, and then all of it goes.
            match run("release forge_rows") {
                Ok(()) => Ok(done),
                Err(error) => undo(conn, error),
            }
        }
        Err(error) => undo(conn, error),
    }
}

/// Takes back what the savepoint holds. If SQLite has rolled back already (a full disk), there is nothing
/// to take back, and the error that led here says more than the one about that.
fn undo<T>(conn: &Connection, error: RowError) -> Result<T, RowError> {
    match conn.execute_batch("rollback to forge_rows; release forge_rows") {
        Ok(()) | Err(_) => Err(error),
    }
}
