//! What a statement gave, and whether it is on the terms of the request.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_postgres::Row;

use crate::error::RestError;
use crate::model::Returns;
use crate::plan::{Explain, Outcome, Plan, Task, Terms};
use crate::postgres::errors;
use crate::postgres::text::Read;

/// A plan as EXPLAIN gives it.
#[derive(Deserialize)]
struct Explained {
    #[serde(rename = "Plan")]
    plan: Expected,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(rename = "Plan Rows")]
    rows: f64,
}

/// The one row of a statement. `key` are the columns of the key that is asked for.
pub(super) fn read(row: &Row, key: &[String]) -> Result<Outcome, RestError> {
    let text = |at: usize| {
        let text = row.try_get::<_, Option<Read>>(at).map_err(|_| errors::internal())?;
        Ok::<_, RestError>(text.map(|Read(text)| text))
    };
    let count = |at: usize| {
        let count = row.try_get::<_, Option<i64>>(at).map_err(|_| errors::internal())?;
        Ok::<_, RestError>(count.and_then(|count| u64::try_from(count).ok()))
    };
    Ok(Outcome {
        body: text(0)?.unwrap_or_default(),
        rows: count(1)?.unwrap_or_default(),
        total: count(2)?,
        added: count(3)?.unwrap_or_default(),
        key: text(4)?.map(|json| named(&json, key)).unwrap_or_default(),
        status: text(5)?.map(|text| status(&text)).transpose()?,
        headers: text(6)?.map(|text| headers(&text)).transpose()?.unwrap_or_default(),
    })
}

/// The plan that was asked for.
pub(super) fn plan(rows: &[Row], explain: &Explain) -> Result<Outcome, RestError> {
    let line = |row: &Row| row.try_get::<_, Read>(0).map(|Read(line)| line).map_err(|_| errors::internal());
    let lines = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let body = if explain.json { lines.concat() } else { lines.join("\n") };
    Ok(Outcome { body, rows: 1, added: 1, ..Outcome::default() })
}

/// How many rows a plan in JSON expects.
pub(super) fn planned_rows(json: &str) -> Option<u64> {
    let plans: Vec<Explained> = serde_json::from_str(json).ok()?;
    let rows = plans.first()?.plan.rows;
    // As many as text says: a float has no checked way into a whole number.
    format!("{:.0}", rows.max(0.0)).parse().ok()
}

/// The terms of a request.
pub(super) fn hold(task: &Task, outcome: &Outcome) -> Result<(), RestError> {
    match &task.plan {
        Plan::Read(_) => {}
        Plan::Insert(insert) if insert.put.is_some() && outcome.rows == 0 => {
            let message = "Payload values do not match URL in primary key column(s)";
            return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST115", message));
        }
        Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) => affected(&task.terms, outcome.rows)?,
        Plan::Call(call) => {
            let is_set =
                matches!(call.function.returns, Returns::Values(_) | Returns::Rows(..) | Returns::Table(_));
            if task.terms.affected_max.is_some() && !is_set {
                let message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict";
                return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST128", message));
            }
            if call.function.returns == Returns::Void {
                return Ok(());
            }
            affected(&task.terms, outcome.rows)?;
        }
    }
    single(&task.terms, outcome.rows)
}

fn affected(terms: &Terms, rows: u64) -> Result<(), RestError> {
    if terms.affected_max.is_none_or(|most| rows <= most) {
        return Ok(());
    }
    let message = "Query result exceeds max-affected preference constraint";
    Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST124", message)
        .details(format!("The query affects {rows} rows")))
}

fn single(terms: &Terms, rows: u64) -> Result<(), RestError> {
    if !terms.single || rows == 1 {
        return Ok(());
    }
    let message = "Cannot coerce the result to a single JSON object";
    Err(RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", message)
        .details(format!("The result contains {rows} rows")))
}

/// The values of the key's columns, in their order; none where one is missing.
fn named(json: &str, columns: &[String]) -> Vec<(String, String)> {
    let Ok(values) = serde_json::from_str::<Map<String, Value>>(json) else { return Vec::new() };
    let pair = |column: &String| match values.get(column)? {
        Value::Null => None,
        Value::String(text) => Some((column.clone(), text.clone())),
        other => Some((column.clone(), other.to_string())),
    };
    columns.iter().map(pair).collect::<Option<_>>().unwrap_or_default()
}

/// A status that a function set.
fn status(text: &str) -> Result<u16, RestError> {
    let known = text.trim().parse::<u16>().ok().filter(|status| (100..600).contains(status));
    known.ok_or_else(|| {
        let message = "response.status GUC must be a valid status code";
        RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRST112", message)
    })
}

/// Headers that a function set: a list of objects with one member each.
fn headers(text: &str) -> Result<Vec<(String, String)>, RestError> {
    let refuse = || {
        let message = "response.headers GUC must be a JSON array composed of objects with a single key and a string value";
        RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRST111", message)
    };
    let all: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|_| refuse())?;
    let pair = |object: Map<String, Value>| match object.into_iter().collect::<Vec<_>>().as_slice() {
        [(name, Value::String(value))] => Ok((name.clone(), value.clone())),
        _ => Err(refuse()),
    };
    all.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_headers_of_functions_are_checked() {
        assert_eq!(status("418"), Ok(418));
        for wrong in ["", "abc", "99", "600", "-1", "99999"] {
            assert_eq!(status(wrong).unwrap_err().code, "PGRST112", "{wrong}");
        }
        let two = headers(r#"[{"X-A":"1"},{"X-A":"2"}]"#).unwrap();
        assert_eq!(two, [("X-A".to_owned(), "1".to_owned()), ("X-A".to_owned(), "2".to_owned())]);
        for wrong in ["{}", r#"[{"a":1}]"#, r#"[{"a":"1","b":"2"}]"#, "[[]]", "x"] {
            assert_eq!(headers(wrong).unwrap_err().code, "PGRST111", "{wrong}");
        }
    }

    #[test]
    fn a_plan_says_how_many_rows_it_expects() {
        assert_eq!(planned_rows(r#"[{"Plan":{"Node Type":"Seq Scan","Plan Rows":1270}}]"#), Some(1270));
        assert_eq!(planned_rows("[]"), None);
    }

    #[test]
    fn a_key_has_its_own_order_and_is_whole_or_not_there() {
        let columns = ["b".to_owned(), "a".to_owned()];
        let pairs = named(r#"{"a":"1","b":"x y"}"#, &columns);
        assert_eq!(pairs, [("b".to_owned(), "x y".to_owned()), ("a".to_owned(), "1".to_owned())]);
        assert_eq!(named(r#"{"a":"1"}"#, &columns), []);
    }
}
