//! `forge_db_import`: rows into a table, all of them or none.
//!
//! What can be seen to be wrong is said before anything is tried, by row and column. What only the database knows
//! (a key that is taken, a reference to nothing) fails the whole; which row it was is then found by trying halves
//! that are undone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use forge_core::Identity;
use forge_rest::RestError;
use forge_rest::model::{Column, Relation};
use forge_rest::sqlite::values::from_json;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::export::{FOLDER, relation};
use super::{Plane, ROWS_MAX, counted, csv, encoded, who};
use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 64 << 20;

type Row = Map<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    table: String,
    #[serde(default)]
    rows: Option<Vec<Row>>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

/// Whether what is tried is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Kept,
    Undone,
}

pub(crate) fn import(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Import { table, rows, file, dry_run, role, user } = read(operation, input)?;
    let refuse = |why: String| OpError::Input { operation, why };
    let plane = forge.data.plane()?;
    let model = plane.model()?;
    let relation = relation(&model, &table).map_err(refuse)?;
    let rows = match (rows, file) {
        (Some(rows), None) => rows,
        (None, Some(file)) => {
            let mut rows = of_file(&forge.dir.join(FOLDER), &file).map_err(refuse)?;
            if file.ends_with(".csv") {
                rows.iter_mut().for_each(|row| of_text(relation, row));
            }
            rows
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(refuse("it takes either `rows` or `file`".to_owned()));
        }
    };
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(refuse(format!("there are {} rows; from 1 to {ROWS_MAX} are added at once", rows.len())));
    }
    judge(relation, &rows).map_err(refuse)?;
    let who = who(role, user);
    let keep = if dry_run { Keep::Undone } else { Keep::Kept };
    if let Err(error) = add(&plane, &who, relation, &rows, keep) {
        let at = culprit(&plane, &who, relation, &rows);
        return Err(OpError::Row { row: at, column: column_of(relation, &error), source: Box::new(error) });
    }
    let what = if dry_run { "would be added" } else { "added" };
    let summary = format!("{} {what} to `{table}`", counted(rows.len()));
    let data = json!({ "table": table, "rows": rows.len(), "dry_run": dry_run });
    Ok(Outcome::Done { summary, data })
}

/// Adds rows in one statement.
fn add(
    plane: &Plane,
    who: &Identity,
    relation: &Relation,
    rows: &[Row],
    keep: Keep,
) -> Result<(), RestError> {
    let columns: BTreeSet<&String> = rows.iter().flat_map(Row::keys).collect();
    let columns: Vec<String> = columns.into_iter().map(|name| format!("%22{}%22", encoded(name))).collect();
    let listed = if columns.is_empty() { String::new() } else { format!("?columns={}", columns.join(",")) };
    let mut request = http::Request::post(format!("/{}{listed}", encoded(&relation.name)))
        .header(http::header::CONTENT_TYPE, "application/json")
        .header("prefer", "return=minimal")
        .header("prefer", "missing=default");
    if keep == Keep::Undone {
        request = request.header("prefer", "tx=rollback");
    }
    let body = Bytes::from(serde_json::to_vec(rows).unwrap_or_default());
    let request = request.body(body);
    let unnamed = |_| RestError::new(http::StatusCode::BAD_REQUEST, "PGRST100", "the table cannot be named");
    plane.ask(who, request.map_err(unnamed)?).map(drop)
}

/// The number, from 1, of the row without which those before it could be added.
fn culprit(plane: &Plane, who: &Identity, relation: &Relation, rows: &[Row]) -> usize {
    // Those before `good` can be added, those before `bad` cannot.
    let (mut good, mut bad) = (0, rows.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match add(plane, who, relation, &rows[..middle], Keep::Undone) {
            Ok(()) => good = middle,
            Err(_) => bad = middle,
        }
    }
    bad
}

/// The column that the database's words are about.
fn column_of(relation: &Relation, error: &RestError) -> Option<String> {
    let details = error.details.as_ref().map(Value::to_string).unwrap_or_default();
    let told = format!("{} {details}", error.message);
    let names = |column: &&Column| {
        let (name, table) = (&column.name, &relation.name);
        let forms = [
            format!("\"{name}\""),
            format!("({name})"),
            format!("\"{table}_{name}_fkey\""),
            format!("\"{table}_{name}_key\""),
        ];
        forms.iter().any(|form| told.contains(form))
    };
    relation.columns.iter().find(names).map(|column| column.name.clone())
}

/// The fields of CSV as what their columns hold. JSON and lists were written as JSON, and an empty field of a column
/// that cannot be null, and that fills itself, says nothing.
fn of_text(relation: &Relation, row: &mut Row) {
    for column in &relation.columns {
        let ty = column.ty.name.as_str();
        let holds_json =
            |text: &str| matches!(ty, "json" | "jsonb") || (ty.ends_with("[]") && text.starts_with('['));
        let json = match row.get(&column.name) {
            Some(Value::Null) if !column.nullable && column.has_default => None,
            // What is no JSON is judged as it is.
            Some(Value::String(text)) if holds_json(text) => serde_json::from_str(text).ok(),
            Some(_) | None => continue,
        };
        match json {
            Some(json) => drop(row.insert(column.name.clone(), json)),
            None if row.get(&column.name) == Some(&Value::Null) => drop(row.remove(&column.name)),
            None => {}
        }
    }
}

/// What is wrong with the rows, as far as the schema tells: the first such row and column.
fn judge(relation: &Relation, rows: &[Row]) -> Result<(), String> {
    let enums: BTreeMap<String, Vec<String>> =
        relation.columns.iter().map(|column| (column.ty.name.clone(), column.ty.values.clone())).collect();
    for (at, row) in rows.iter().enumerate() {
        let place = |column: &str| format!("row {}, column `{column}`", at + 1);
        if let Some(name) = row.keys().find(|name| relation.column(name).is_none()) {
            let known: Vec<String> = relation.columns.iter().map(|column| column.name.clone()).collect();
            let instead = match forge_database::ddl::closest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.join(", ")),
            };
            return Err(format!("{}: `{}` has no such column; {instead}", place(name), relation.name));
        }
        for column in &relation.columns {
            match row.get(&column.name) {
                None if !column.nullable && !column.has_default => {
                    return Err(format!("{}: it must be given", place(&column.name)));
                }
                Some(Value::Null) if !column.nullable => {
                    return Err(format!("{}: it cannot be null", place(&column.name)));
                }
                Some(Value::Null) | None => {}
                Some(value) => {
                    let Some(ty) = &column.ty.ty else { continue };
                    if let Err(wrong) = from_json(&enums, ty, &value.to_string()) {
                        return Err(format!("{}: {wrong}", place(&column.name)));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The rows of a file among the exports.
fn of_file(folder: &Path, file: &str) -> Result<Vec<Row>, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if file.starts_with('.') || !file.bytes().all(plain) {
        return Err(format!("`file` is the name of a file in `.loki/forge/{FOLDER}`, without a folder"));
    }
    let path = folder.join(file);
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let found = std::fs::symlink_metadata(&path).map_err(failed)?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return Err(format!("`{}` is no file of at most {FILE_BYTES_MAX} bytes", path.display()));
    }
    let mut text = String::new();
    File::open(&path)
        .and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(failed)?;
    if file.ends_with(".csv") { of_csv(&text) } else { of_lines(&text) }
}

fn of_lines(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1));
    lines.map(read).collect()
}

fn of_csv(text: &str) -> Result<Vec<Row>, String> {
    let mut records = csv::records(text)?.into_iter();
    let (_, names) = records.next().ok_or("there is no line of names")?;
    let names: Vec<String> = names.into_iter().map(Option::unwrap_or_default).collect();
    let row = |(line, fields): csv::Record| {
        if fields.len() != names.len() {
            return Err(format!("line {line} has {} fields, the first one {}", fields.len(), names.len()));
        }
        let values = fields.into_iter().map(|field| field.map_or(Value::Null, Value::String));
        Ok(names.iter().cloned().zip(values).collect())
    };
    records.map(row).collect()
}
