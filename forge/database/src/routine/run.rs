//! Runs compiled calls.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::functions::raised;
use super::{CompiledCall, Param, Step};

/// The most rows that a call gives, or sets aside in one step.
pub const ROWS_MAX: usize = 100_000;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something refused it: a policy, a foreign key, or a function.
    #[error("{message}")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The message.
        message: String,
    },
    /// More rows than [`ROWS_MAX`].
    #[error("the call comes to more than {ROWS_MAX} rows")]
    Rows,
    /// SQLite failed: a constraint, the deadline, or a full disk.
    #[error("failed to run a statement of the function")]
    Sqlite {
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Runs the steps of a call and gives the rows of its result. `bind` gives the values of its parameters,
/// those of its stages apart. The caller holds the transaction, and rolls it back after an error.
pub fn run(
    conn: &Connection,
    call: &CompiledCall,
    bind: &dyn Fn(&Param) -> Value,
) -> Result<Vec<Vec<Value>>, RunError> {
    let mut session = Session { conn, call, bind, stages: Vec::new() };
    for step in &call.steps {
        match step {
            Step::Stage { sql, into } => {
                for row in session.rows(sql)? {
                    if let Some(Value::Text(text)) = row.into_iter().next() {
                        session.stages.push((into.clone(), text));
                    }
                }
            }
            Step::Check { sql, code, message } => {
                if !session.rows(sql)?.is_empty() {
                    return Err(RunError::Refused { code: (*code).to_owned(), message: message.clone() });
                }
            }
            Step::Run { sql } => drop(session.rows(sql)?),
        }
    }
    match &call.result {
        Some(sql) => session.rows(sql),
        None => Ok(Vec::new()),
    }
}

struct Session<'a> {
    conn: &'a Connection,
    call: &'a CompiledCall,
    bind: &'a dyn Fn(&Param) -> Value,
    stages: Vec<(Param, String)>,
}

impl Session<'_> {
    fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>, RunError> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        for param in &self.call.params {
            if let Some(at) = statement.parameter_index(&param.name()).map_err(failed)? {
                statement.raw_bind_parameter(at, self.value(param)).map_err(failed)?;
            }
        }
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            if out.len() >= ROWS_MAX {
                return Err(RunError::Rows);
            }
            let cells = (0..width).map(|at| row.get(at)).collect::<Result<_, _>>().map_err(failed)?;
            out.push(cells);
        }
        Ok(out)
    }

    fn value(&self, param: &Param) -> Value {
        if !matches!(param, Param::Stage(_)) {
            return (self.bind)(param);
        }
        let rows: Vec<&str> =
            self.stages.iter().filter(|(into, _)| into == param).map(|(_, row)| row.as_str()).collect();
        Value::Text(format!("[{}]", rows.join(",")))
    }
}

fn failed(source: rusqlite::Error) -> RunError {
    if let rusqlite::Error::SqliteFailure(_, Some(message)) = &source
        && let Some((code, message)) = raised(message)
    {
        return RunError::Refused { code: code.to_owned(), message: message.to_owned() };
    }
    RunError::Sqlite { source }
}
