//! Calling functions.
//!
//! A function that is one query becomes part of the statement that reads its result. One that does more runs
//! first, and its rows are handed to that statement as a list. `response.status` and `response.headers` are not
//! there on SQLite.

mod arguments;

use std::collections::BTreeMap;

use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::routine::{self, CompiledCall, Param, ResultShape, Step, run};
use forge_database::rows::from_sql;
use forge_database::schema::{ArgumentType, Function, Type, Volatility};
use http::StatusCode;
use rusqlite::types::{Value as Sql, ValueRef};

use super::carry::{Fetched, Place, explained, fetch, single};
use super::reads::Rows;
use super::{errors, identity};
use crate::error::RestError;
use crate::model;
use crate::plan::{Call, Outcome, Task};

/// The most bytes that the rows of a function come to between its run and the reading of them.
const ROWS_BYTES_MAX: usize = 64 << 20;

/// Calls a function.
pub(super) fn out(place: &Place<'_>, task: &Task, call: &Call) -> Result<Outcome, RestError> {
    let function = known(place, &call.function)?;
    let compiled = routine::call(&place.scene.schema, &place.who.role, function)
        .map_err(|error| refused(place, &error))?;
    let may_write = !call.read_only && function.volatility == Volatility::Volatile;
    if !may_write && let Some(command) = writes(&compiled) {
        let message = format!("cannot execute {command} in a read-only transaction");
        return Err(place.refused("25006", message));
    }
    let given = arguments::of(place, &task.terms, function, &call.arguments)?;
    let outcome = match compiled.shape {
        ResultShape::Void => {
            run_it(place, &compiled, &given)?;
            return Ok(Outcome::default());
        }
        ResultShape::Value | ResultShape::Values if call.root.outputs.is_empty() => {
            values(place, &compiled, &given)?
        }
        ResultShape::Value | ResultShape::Values | ResultShape::Row | ResultShape::Rows => {
            rows(place, task, call, &compiled, &given)?
        }
    };
    held(task, &compiled, outcome.rows)?;
    Ok(outcome)
}

/// The terms of a call.
fn held(task: &Task, compiled: &CompiledCall, rows: u64) -> Result<(), RestError> {
    if let Some(most) = task.terms.affected_max {
        if !matches!(compiled.shape, ResultShape::Values | ResultShape::Rows) {
            let message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict";
            return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST128", message));
        }
        if rows > most {
            let message = "Query result exceeds max-affected preference constraint";
            return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST124", message)
                .details(format!("The query affects {rows} rows")));
        }
    }
    single(&task.terms, rows)
}

/// The function of the schema that the model's describes.
fn known<'s>(place: &Place<'s>, wanted: &model::Function) -> Result<&'s Function, RestError> {
    let same = |function: &&Function| {
        function.arguments.len() == wanted.arguments.len()
            && function.arguments.iter().zip(&wanted.arguments).all(|(known, wanted)| {
                let ty = match &known.ty {
                    ArgumentType::Value(ty) => wanted.ty.ty.as_ref() == Some(ty),
                    ArgumentType::Row(of) => wanted.ty.name == *of,
                };
                known.name == wanted.name && ty
            })
    };
    let scene = place.scene;
    let found = scene.schema.functions.get(&wanted.name).and_then(|all| all.iter().find(same));
    found.ok_or_else(|| {
        place.refused("42883", format!("function {}.{}() does not exist", wanted.schema, wanted.name))
    })
}

/// The first command that writes, if one does.
fn writes(compiled: &CompiledCall) -> Option<&'static str> {
    let command = compiled.steps.iter().find_map(|step| match step {
        Step::Run { sql } => {
            let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            match word.as_str() {
                "insert" => Some("INSERT"),
                "update" => Some("UPDATE"),
                "delete" => Some("DELETE"),
                _ => None,
            }
        }
        Step::Stage { .. } | Step::Check { .. } => None,
    });
    compiled.writes.then(|| command.unwrap_or("INSERT"))
}

fn refused(place: &Place<'_>, error: &routine::RoutineError) -> RestError {
    let hint = error.hint.as_deref();
    RestError::from_sqlstate(error.code, &error.message, None, hint, place.anonymous)
}

/// Runs a call and gives its rows.
fn run_it(
    place: &Place<'_>,
    compiled: &CompiledCall,
    given: &BTreeMap<String, Sql>,
) -> Result<Vec<Vec<Sql>>, RestError> {
    let bind = |param: &Param| match param {
        Param::Who(who) => identity::who(place.who, *who),
        Param::Request(what) => identity::request(place.context, *what),
        Param::Argument(name) => given.get(name).cloned().unwrap_or(Sql::Null),
        Param::Stage(_) => Sql::Null,
    };
    run::run(place.conn, compiled, &bind).map_err(|error| match error {
        run::RunError::Refused { code, message } => place.refused(&code, message),
        run::RunError::Rows => place.refused("54000", error.to_string()),
        run::RunError::Sqlite { source } => constraint(place, &source),
    })
}

/// The error for what a statement of a function met: of a table that SQLite names, if it is a constraint's.
fn constraint(place: &Place<'_>, error: &rusqlite::Error) -> RestError {
    let said = error.to_string();
    let named = said.split_once("constraint failed: ").map_or("", |(_, named)| named);
    let table = named.split('.').next().and_then(|table| place.scene.schema.table(table)).or_else(|| {
        let has =
            |table: &&forge_database::schema::Table| table.checks.iter().any(|check| check.name == named);
        place.scene.schema.tables.values().find(has)
    });
    let Some(table) = table else { return place.failed(error) };
    let refusal = errors::Refusal { table, bound: true, anonymous: place.anonymous };
    errors::of_row(&refusal, error, &[])
}

/// A value, or a list of values.
fn values(
    place: &Place<'_>,
    compiled: &CompiledCall,
    given: &BTreeMap<String, Sql>,
) -> Result<Outcome, RestError> {
    let rows = run_it(place, compiled, given)?;
    let ty = compiled.columns.first().map_or(&Type::Text, |(_, ty)| ty);
    let shown = |row: &Vec<Sql>| {
        row.first().map_or(serde_json::Value::Null, |value| from_sql(ty, ValueRef::from(value)))
    };
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if compiled.shape == ResultShape::Value {
        let body = rows.first().map_or(serde_json::Value::Null, shown).to_string();
        return Ok(Outcome { body, rows: 1, added: 1, ..Outcome::default() });
    }
    let body = serde_json::Value::from(rows.iter().map(shown).collect::<Vec<_>>()).to_string();
    Ok(Outcome { body, rows: count, total: Some(count), added: count, ..Outcome::default() })
}

/// Rows, as the request wants to see them.
fn rows(
    place: &Place<'_>,
    task: &Task,
    call: &Call,
    compiled: &CompiledCall,
    given: &BTreeMap<String, Sql>,
) -> Result<Outcome, RestError> {
    let (sql, arguments) = match &compiled.inline {
        Some(inline) => {
            let arguments =
                given.iter().map(|(name, value)| (Param::Argument(name.clone()).name(), value.clone()));
            (inline.clone(), arguments.collect())
        }
        None => {
            let rows = list(&run_it(place, compiled, given)?)?;
            (of_list(&compiled.columns), vec![(":call_rows".to_owned(), Sql::Text(rows))])
        }
    };
    let source = Rows::Call { sql: &sql, arguments: &arguments };
    let statement = place.reads.read(&place.site(&task.terms), &call.root, call.count, source)?;
    if let Some(explain) = &task.explain {
        return explained(place, &statement, explain);
    }
    let Fetched { body, page, total } = fetch(place, &statement)?;
    let body = if compiled.shape == ResultShape::Row { first(&body) } else { body };
    Ok(Outcome { body, rows: page, total, added: page, ..Outcome::default() })
}

/// The only object of a list; null where the list is empty.
fn first(body: &str) -> String {
    crate::wire::json::items(body).next().unwrap_or("null").to_owned()
}

/// Rows as a JSON list of lists; bytes as an object with their digits.
fn list(rows: &[Vec<Sql>]) -> Result<String, RestError> {
    let cell = |value: &Sql| match value {
        Sql::Null => serde_json::Value::Null,
        Sql::Integer(value) => serde_json::Value::from(*value),
        Sql::Real(value) => serde_json::Value::from(*value),
        Sql::Text(value) => serde_json::Value::from(value.as_str()),
        Sql::Blob(bytes) => {
            let digits = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            serde_json::Value::from(digits)
        }
    };
    let mut text = "[".to_owned();
    for (at, row) in rows.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        text.push_str(&serde_json::Value::from(row.iter().map(cell).collect::<Vec<_>>()).to_string());
        if text.len() > ROWS_BYTES_MAX {
            let message = format!("the rows of the function come to more than {ROWS_BYTES_MAX} bytes");
            return Err(RestError::from_sqlstate("54000", &message, None, None, false));
        }
    }
    text.push(']');
    Ok(text)
}

/// A query that gives the rows of [`list`] back.
fn of_list(columns: &[(String, Type)]) -> String {
    let cells = columns.iter().enumerate().map(|(at, (name, ty))| {
        let cell = format!("json_extract(value, '$[{at}]')");
        let cell = if matches!(ty, Type::Bytea | Type::Vector(_)) { format!("unhex({cell})") } else { cell };
        format!("{cell} as {}", quote(name))
    });
    format!("select {} from json_each(:call_rows)", cells.collect::<Vec<_>>().join(", "))
}
