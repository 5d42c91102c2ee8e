//! Carries out tasks on one connection, in one transaction, in the role of who asks.
//!
//! Everything that belongs to a request is set for its transaction only, and what functions leave behind in the
//! session is taken back at its end.

mod answer;

use deadpool_postgres::Object;
use forge_core::{Identity, Role};
use forge_database::schema::Volatility;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::sql::{Planned, Statement};
use super::text::{Read, Text, quoted};
use super::{Settings, errors};
use crate::engine::Context;
use crate::error::RestError;
use crate::plan::{Explain, Insert, Outcome, Plan, Returning, Source, Task};

/// The request, for this transaction: `role` comes last, since with it rights go.
const SETUP: &str = "SELECT set_config('search_path', $1, true), set_config('statement_timeout', $2, true), \
                     set_config('TimeZone', $3, true), set_config('request.jwt.claims', $4, true), \
                     set_config('request.headers', $5, true), set_config('request.cookies', $6, true), \
                     set_config('request.method', $7, true), set_config('request.path', $8, true), \
                     set_config('response.status', '', true), set_config('response.headers', '', true), \
                     set_config('role', $9, true)";
/// What a function may have left in the session.
const RESET: &str = "RESET ROLE; RESET ALL";
/// What `role` is set to where it is to be nobody's: no role can be called so.
const NO_ROLE: &str = "none";
/// The options of EXPLAIN that a request may name.
const EXPLAIN_OPTIONS: [&str; 5] = ["analyze", "verbose", "settings", "buffers", "wal"];

/// For whom, and with which request.
pub(super) struct Asked<'a> {
    pub(super) who: &'a Identity,
    pub(super) context: &'a Context,
    pub(super) settings: &'a Settings,
    /// The schemas in which names are looked up besides that of the task.
    pub(super) search_path: &'a str,
}

impl Asked<'_> {
    pub(super) fn is_anonymous(&self) -> bool {
        self.who.role == Role::Anon
    }

    /// The parameters of [`SETUP`] for a task.
    fn setup(&self, task: &Task) -> Result<[Text<'_>; 9], RestError> {
        let path = match schema(task) {
            Some(schema) => format!("{}, {}", quoted(schema), self.search_path),
            None => self.search_path.to_owned(),
        };
        self.terms(path, task.terms.timezone.clone())
    }

    fn terms(&self, path: String, zone: Option<String>) -> Result<[Text<'_>; 9], RestError> {
        let role = self.who.role.as_str();
        if role.is_empty() || role.eq_ignore_ascii_case(NO_ROLE) {
            let message = format!("role \"{role}\" does not exist");
            return Err(RestError::from_sqlstate("22023", &message, None, None, self.is_anonymous()));
        }
        let claims = if self.who.claims.is_null() { String::new() } else { self.who.claims.to_string() };
        let zone = zone.unwrap_or_else(|| "UTC".to_owned());
        Ok([
            Text::of(path),
            Text::of(self.settings.statement_timeout.as_millis().max(1).to_string()),
            Text::of(zone),
            Text::of(claims),
            Text::of(object(&self.context.headers)),
            Text::of(object(&self.context.cookies)),
            Text::of(self.context.method.as_str()),
            Text::of(self.context.path.as_str()),
            Text::of(role),
        ])
    }
}

/// Carries out the tasks and ends the transaction. The error says at which task it failed; what is left of the
/// transaction is then the caller's to take back, with [`roll_back`].
pub(super) async fn out(
    connection: &Object,
    asked: &Asked<'_>,
    tasks: &[Task],
    statements: &[Statement],
) -> Result<Vec<Outcome>, (usize, RestError)> {
    let begin = if tasks.iter().all(reads) { "BEGIN READ ONLY" } else { "BEGIN READ WRITE" };
    let mut outcomes = Vec::with_capacity(tasks.len());
    for (at, (task, statement)) in tasks.iter().zip(statements).enumerate() {
        let begin = (at == 0).then_some(begin);
        outcomes.push(one(connection, asked, begin, task, statement).await.map_err(|error| (at, error))?);
    }
    let kept = !tasks.iter().any(|task| task.terms.rollback || task.explain.is_some());
    let end = format!("{}; {RESET}", if kept { "COMMIT" } else { "ROLLBACK" });
    let failed = |error| (tasks.len().saturating_sub(1), errors::of_postgres(&error, asked.is_anonymous()));
    connection.batch_execute(&end).await.map_err(failed)?;
    Ok(outcomes)
}

/// Sets who asks for the transaction that is open, without a task.
pub(super) async fn set_up(connection: &Object, asked: &Asked<'_>) -> Result<(), RestError> {
    let parameters = asked.terms(asked.search_path.to_owned(), None)?;
    let done = connection.execute(SETUP, &borrowed(&parameters)).await;
    done.map(drop).map_err(|error| errors::of_postgres(&error, asked.is_anonymous()))
}

/// Takes back what is left of a transaction; whether the connection is as it was before it.
pub(super) async fn roll_back(connection: &Object) -> bool {
    connection.batch_execute(&format!("ROLLBACK; {RESET}")).await.is_ok()
}

/// Carries out one task. What is sent is sent at once where the statement was prepared before.
async fn one(
    connection: &Object,
    asked: &Asked<'_>,
    begin: Option<&str>,
    task: &Task,
    statement: &Statement,
) -> Result<Outcome, RestError> {
    let failed = |error| errors::of_postgres(&error, asked.is_anonymous());
    let parameters = asked.setup(task)?;
    let setup = connection.prepare_cached(SETUP).await.map_err(failed)?;
    let parameters = borrowed(&parameters);
    let begun = async {
        match begin {
            Some(begin) => connection.batch_execute(begin).await,
            None => Ok(()),
        }
    };
    let (begun, prepared, rows) = tokio::join!(
        biased;
        begun,
        connection.execute(&setup, &parameters),
        rows(connection, task.explain.as_ref(), &statement.sql, &statement.params),
    );
    begun.and(prepared).map_err(failed)?;
    let rows = rows.map_err(failed)?;
    if let Some(explain) = &task.explain {
        return answer::plan(&rows, explain);
    }
    let row = rows.first().ok_or_else(errors::internal)?;
    let key = match &task.plan {
        Plan::Insert(Insert { returning: Returning::Key(columns), .. }) => columns.as_slice(),
        Plan::Read(_) | Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) | Plan::Call(_) => &[],
    };
    let mut outcome = answer::read(row, key)?;
    if let Some(planned) = &statement.planned {
        outcome.total = total(connection, planned, outcome.total).await.map_err(failed)?;
    }
    answer::hold(task, &outcome)?;
    Ok(outcome)
}

/// Runs a statement, or asks for its plan.
async fn rows(
    connection: &Object,
    explain: Option<&Explain>,
    sql: &str,
    params: &[Option<String>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let params: Vec<Text<'_>> = params.iter().map(|param| Text(param.as_deref().map(Into::into))).collect();
    let prepared = match explain {
        None => connection.prepare_cached(sql).await?,
        Some(explain) => connection.prepare(&format!("EXPLAIN ({}) {sql}", options(explain))).await?,
    };
    connection.query(&prepared, &borrowed(&params)).await
}

/// How many rows there are in all, as the server's planner believes.
async fn total(
    connection: &Object,
    planned: &Planned,
    counted: Option<u64>,
) -> Result<Option<u64>, tokio_postgres::Error> {
    if let (Some(beyond), Some(counted)) = (planned.beyond, counted)
        && counted <= beyond
    {
        return Ok(Some(counted));
    }
    let explain = Explain { json: true, options: Vec::new() };
    let rows = rows(connection, Some(&explain), &planned.sql, &planned.params).await?;
    let believed = rows.first().and_then(|row| answer::planned_rows(&row.try_get::<_, Read>(0).ok()?.0));
    Ok(match planned.beyond {
        None => believed,
        Some(_) => believed.max(counted),
    })
}

fn options(explain: &Explain) -> String {
    let known =
        EXPLAIN_OPTIONS.into_iter().filter(|known| explain.options.iter().any(|option| option == known));
    let format = if explain.json { "FORMAT JSON" } else { "FORMAT TEXT" };
    known.chain([format]).map(str::to_uppercase).collect::<Vec<_>>().join(", ")
}

/// Whether a task cannot write. A function that says it does not write is held to it.
fn reads(task: &Task) -> bool {
    match &task.plan {
        Plan::Read(_) => true,
        Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) => false,
        Plan::Call(call) => call.read_only || call.function.volatility != Volatility::Volatile,
    }
}

/// The schema that a task is about.
fn schema(task: &Task) -> Option<&str> {
    match &task.plan {
        Plan::Read(read) => match &read.root.source {
            Source::Relation(of) | Source::Written(of) => Some(&of.schema),
            Source::Call => None,
        },
        Plan::Insert(insert) => Some(&insert.relation.schema),
        Plan::Update(update) => Some(&update.relation.schema),
        Plan::Delete(delete) => Some(&delete.relation.schema),
        Plan::Call(call) => Some(&call.function.schema),
    }
}

/// Pairs as the text of a JSON object.
fn object(pairs: &[(String, String)]) -> String {
    let members = pairs.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(members.collect()).to_string()
}

fn borrowed<'a>(params: &'a [Text<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}
