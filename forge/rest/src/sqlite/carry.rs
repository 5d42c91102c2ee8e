//! Carries out one task on one connection, within a transaction that somebody else holds.

use forge_core::Identity;
use http::StatusCode;
use rusqlite::Connection;

use super::pool::Scene;
use super::reads::{Reads, Rows, Site, Statement};
use super::{call, errors, write};
use crate::engine::Context;
use crate::error::RestError;
use crate::plan::{Explain, Outcome, Plan, Read, Task, Terms};

mod fetch;

pub(super) use fetch::{Fetched, fetch};

/// Where and for whom a task is carried out.
pub(super) struct Place<'a> {
    pub(super) conn: &'a Connection,
    pub(super) scene: &'a Scene,
    pub(super) reads: &'a dyn Reads,
    pub(super) who: &'a Identity,
    pub(super) context: &'a Context,
    /// Whether nobody is signed in.
    pub(super) anonymous: bool,
}

impl<'a> Place<'a> {
    /// What the compiler of reads wants to know.
    pub(super) fn site<'t>(&'t self, terms: &'t Terms) -> Site<'t> {
        Site {
            schema: &self.scene.schema,
            model: &self.scene.model,
            who: self.who,
            memo: &self.scene.memo,
            timezone: terms.timezone.as_deref(),
        }
    }

    /// The error for what SQLite says.
    pub(super) fn failed(&self, error: &rusqlite::Error) -> RestError {
        errors::of_sqlite(error, self.anonymous)
    }

    /// An error of Postgres.
    pub(super) fn refused(&self, code: &str, message: impl AsRef<str>) -> RestError {
        RestError::from_sqlstate(code, message.as_ref(), None, None, self.anonymous)
    }
}

/// Carries out a task. What it leaves behind after an error is the caller's to take back.
pub(super) fn out(place: &Place<'_>, task: &Task) -> Result<Outcome, RestError> {
    let outcome = match &task.plan {
        Plan::Read(read) => return self::read(place, read, task),
        Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) if task.explain.is_some() => {
            let message = "the plan of a write is not there on SQLite";
            return Err(place.refused("0A000", message));
        }
        Plan::Insert(insert) => write::insert(place, &task.terms, insert)?,
        Plan::Update(update) => write::update(place, &task.terms, update)?,
        Plan::Delete(delete) => write::delete(place, &task.terms, delete)?,
        Plan::Call(call) => return call::out(place, task, call),
    };
    hold(&task.terms, outcome.rows)?;
    Ok(outcome)
}

fn read(place: &Place<'_>, read: &Read, task: &Task) -> Result<Outcome, RestError> {
    let statement = place.reads.read(&place.site(&task.terms), &read.root, read.count, Rows::Relation)?;
    if let Some(explain) = &task.explain {
        return explained(place, &statement, explain);
    }
    let Fetched { body, page, total } = fetch(place, &statement)?;
    single(&task.terms, page)?;
    Ok(Outcome { body, rows: page, total, added: page, ..Outcome::default() })
}

/// SQLite's plan for a statement, as text or as the JSON that Postgres' plans have.
pub(super) fn explained(
    place: &Place<'_>,
    statement: &Statement,
    explain: &Explain,
) -> Result<Outcome, RestError> {
    let lines = fetch::plan(place, statement)?;
    let body = if explain.json {
        let plans: Vec<_> = lines.iter().map(|line| serde_json::json!({"Node Type": line})).collect();
        serde_json::json!([{"Plan": {"Node Type": "SQLite", "Plans": plans}}]).to_string()
    } else {
        lines.join("\n")
    };
    Ok(Outcome { body, rows: 1, added: 1, ..Outcome::default() })
}

/// The terms of a write.
fn hold(terms: &Terms, affected: u64) -> Result<(), RestError> {
    if terms.affected_max.is_some_and(|most| affected > most) {
        let message = "Query result exceeds max-affected preference constraint";
        return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST124", message)
            .details(format!("The query affects {affected} rows")));
    }
    single(terms, affected)
}

/// Exactly one row, where that is asked for.
pub(super) fn single(terms: &Terms, rows: u64) -> Result<(), RestError> {
    if terms.single && rows != 1 {
        let message = "Cannot coerce the result to a single JSON object";
        return Err(RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", message)
            .details(format!("The result contains {rows} rows")));
    }
    Ok(())
}
