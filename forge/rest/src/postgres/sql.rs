//! Compiles a task into one statement, with the JSON of the answer made in the database.
//!
//! Pure. Names are quoted, values are parameters, so requests of one shape share one text. Policies and grants
//! are the database's own affair.

mod call;
mod cond;
mod embed;
mod grouped;
mod source;
mod value;
mod write;

use crate::error::RestError;
use crate::model::Model;
use crate::plan::{Count, Plan, Read, Task};

/// The most bytes of one statement.
const SQL_BYTES_MAX: usize = 16 << 20;
/// The most parameters of one statement: the protocol counts them in 16 bits with a sign.
const PARAMS_MAX: usize = 32_767;
/// Up to so many rows are counted one by one where an estimate is asked for.
const ESTIMATE_EXACT_MAX: u64 = 1_000;

/// One statement for a task; `$1`.. are `params`, all sent as text whose type Postgres infers.
///
/// It gives exactly one row: `body text, rows bigint, total bigint, added bigint, key text, status text,
/// headers text`, after which a column may follow that is nobody's concern. `total` is null where rows are not
/// counted, `key` where it is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) params: Vec<Option<String>>,
    /// Whose plan says how many rows there are, where that is asked for.
    pub(super) planned: Option<Planned>,
}

/// A statement that is planned and never run: as many rows as its plan expects are there in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) sql: String,
    pub(super) params: Vec<Option<String>>,
    /// It is asked only where more rows than this were counted; always where there is nothing.
    pub(super) beyond: Option<u64>,
}

/// Compiles a task.
///
/// For PUT the rows must be counted by the caller: none means that the body has another key than the URL.
pub(super) fn statement(task: &Task, model: &Model) -> Result<Statement, RestError> {
    let mut writer = Writer::new(model);
    let sql = match &task.plan {
        Plan::Read(read) => writer.read(read)?,
        Plan::Insert(insert) => writer.insert(insert)?,
        Plan::Update(update) => writer.update(update)?,
        Plan::Delete(delete) => writer.delete(delete)?,
        Plan::Call(call) => writer.call(call)?,
    };
    let planned = match &task.plan {
        Plan::Read(read) => planned(read, model)?,
        Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) | Plan::Call(_) => None,
    };
    let (sql, params) = writer.finish(sql)?;
    Ok(Statement { sql, params, planned })
}

fn planned(read: &Read, model: &Model) -> Result<Option<Planned>, RestError> {
    let beyond = match read.count {
        None | Some(Count::Exact) => return Ok(None),
        Some(Count::Planned) => None,
        Some(Count::Estimated) => Some(ESTIMATE_EXACT_MAX),
    };
    let mut writer = Writer::new(model);
    let from = writer.source(&read.root)?;
    let sql = writer.all(&read.root, &from)?;
    let (sql, params) = writer.finish(sql)?;
    Ok(Some(Planned { sql, params, beyond }))
}

/// Writes one statement.
struct Writer<'m> {
    model: &'m Model,
    params: Vec<Option<String>>,
    aliases: u32,
}

/// The columns of the one row that every statement gives.
struct Answer {
    body: &'static str,
    rows: String,
    total: String,
    added: String,
    key: String,
}

impl<'m> Writer<'m> {
    fn new(model: &'m Model) -> Self {
        Writer { model, params: Vec::new(), aliases: 0 }
    }

    fn read(&mut self, read: &Read) -> Result<String, RestError> {
        let from = self.source(&read.root)?;
        let page = self.page(&read.root, from)?;
        let total = self.total(read)?;
        let answer = Answer { total, ..Answer::of_rows() };
        Ok(format!("SELECT {} FROM ({page}) AS \"_r\"", answer.columns()))
    }

    fn total(&mut self, read: &Read) -> Result<String, RestError> {
        let node = &read.root;
        match read.count {
            None | Some(Count::Planned) => Ok("NULL::bigint".to_owned()),
            Some(Count::Exact) if node.limit.is_none() && node.offset == 0 => Ok("count(*)".to_owned()),
            Some(count) => {
                let from = self.source(node)?;
                let all = self.all(node, &from)?;
                let most = match count {
                    Count::Exact | Count::Planned => String::new(),
                    Count::Estimated => format!(" LIMIT {}", ESTIMATE_EXACT_MAX + 1),
                };
                Ok(format!("(SELECT count(*) FROM ({all}{most}) AS \"_n\")"))
            }
        }
    }

    /// A parameter with this value.
    fn bind(&mut self, value: impl Into<String>) -> String {
        self.bind_optional(Some(value.into()))
    }

    fn bind_optional(&mut self, value: Option<String>) -> String {
        self.params.push(value);
        format!("${}", self.params.len())
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("_t{}", self.aliases)
    }

    fn finish(self, sql: String) -> Result<(String, Vec<Option<String>>), RestError> {
        if sql.len() > SQL_BYTES_MAX || self.params.len() > PARAMS_MAX {
            return Err(refused("54001", "the request comes to too long a statement"));
        }
        if sql.contains('\0') {
            return Err(refused("22021", "invalid byte sequence for encoding \"UTF8\": 0x00"));
        }
        Ok((sql, self.params))
    }
}

impl Answer {
    /// The rows called `_r` as a list of objects.
    fn of_rows() -> Answer {
        Answer {
            body: "'[' || coalesce(string_agg(row_to_json(\"_r\".*)::text, ','), '') || ']'",
            rows: "count(*)".to_owned(),
            total: "NULL::bigint".to_owned(),
            added: "count(*)".to_owned(),
            key: "NULL::text".to_owned(),
        }
    }

    fn columns(&self) -> String {
        let Answer { body, rows, total, added, key } = self;
        format!(
            "{body} AS \"body\", {rows} AS \"rows\", {total} AS \"total\", {added} AS \"added\", {key} AS \"key\", \
             nullif(current_setting('response.status', true), '') AS \"status\", \
             nullif(current_setting('response.headers', true), '') AS \"headers\""
        )
    }
}

/// The error of Postgres with this code.
fn refused(code: &str, message: &str) -> RestError {
    RestError::from_sqlstate(code, message, None, None, false)
}

/// A name as an identifier.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name in a schema as an identifier.
fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// Texts as the text form of a Postgres array.
fn array<'t>(items: impl IntoIterator<Item = &'t str>) -> String {
    let item = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", items.into_iter().map(item).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests;
