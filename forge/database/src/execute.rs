//! Runs a migration's statements: the same way on the copy and on the real database.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Why statements were not carried out. Nothing of them remains.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The database refused a statement.
    #[error("statement {number} of {count} failed: `{}`", shortened(statement))]
    Statement {
        /// Which one, from 1.
        number: usize,
        /// Of how many.
        count: usize,
        /// Its text.
        statement: String,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Rows would point at rows that are not there.
    #[error("{count} rows of `{table}` would refer to rows of `{parent}` that do not exist")]
    Dangling {
        /// The referring table.
        table: String,
        /// The table referred to.
        parent: String,
        /// How many rows.
        count: u64,
    },
    /// The transaction itself failed.
    #[error("failed to {attempt}")]
    Sqlite {
        /// What was attempted.
        attempt: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

const STATEMENT_SHOWN_MAX: usize = 120;

fn shortened(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(STATEMENT_SHOWN_MAX) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line,
    }
}

/// Runs `statements` in one IMMEDIATE transaction, between `first` and `last`; commits when all succeed.
///
/// Foreign keys are off while it runs, because a table that is rebuilt is dropped for a moment, and a
/// drop would delete what refers to it; every reference is checked before the commit instead.
pub fn execute<T, E: From<ExecuteError>>(
    conn: &mut Connection,
    statements: &[String],
    first: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
    last: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    set_foreign_keys(conn, false)?;
    let done = within(conn, statements, first, last);
    let restored = set_foreign_keys(conn, true);
    let value = done?;
    restored?;
    Ok(value)
}

fn within<T, E: From<ExecuteError>>(
    conn: &mut Connection,
    statements: &[String],
    first: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
    last: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let begun = conn.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction =
        begun.map_err(|source| ExecuteError::Sqlite { attempt: "begin the transaction", source })?;
    first(&transaction)?;
    for (at, statement) in statements.iter().enumerate() {
        transaction.execute_batch(statement).map_err(|source| ExecuteError::Statement {
            number: at + 1,
            count: statements.len(),
            statement: statement.clone(),
            source,
        })?;
    }
    check_references(&transaction)?;
    let value = last(&transaction)?;
    transaction.commit().map_err(|source| ExecuteError::Sqlite { attempt: "commit", source })?;
    Ok(value)
}

fn set_foreign_keys(conn: &Connection, on: bool) -> Result<(), ExecuteError> {
    conn.pragma_update(None, "foreign_keys", on)
        .map_err(|source| ExecuteError::Sqlite { attempt: "switch foreign keys", source })
}

/// Refuses rows that refer to nothing.
pub fn check_references(conn: &Connection) -> Result<(), ExecuteError> {
    let failed = |source| ExecuteError::Sqlite { attempt: "check foreign keys", source };
    let sql = "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 LIMIT 1";
    let mut statement = conn.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    match rows.next().map_err(failed)? {
        None => Ok(()),
        Some(row) => Err(ExecuteError::Dangling {
            table: row.get(0).map_err(failed)?,
            parent: row.get(1).map_err(failed)?,
            count: row.get::<_, i64>(2).map_err(failed)?.unsigned_abs(),
        }),
    }
}

/// Asks SQLite whether the file is whole; the first complaint otherwise.
pub(crate) fn check_integrity(conn: &Connection) -> rusqlite::Result<Result<(), String>> {
    let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(if verdict == "ok" { Ok(()) } else { Err(verdict) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        let conn = Connection::open_in_memory().expect("memory is there");
        conn.execute_batch(
            "CREATE TABLE users (id INTEGER PRIMARY KEY);
             CREATE TABLE posts (id INTEGER PRIMARY KEY,
                 user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE);
             INSERT INTO users VALUES (1); INSERT INTO posts VALUES (1, 1), (2, 1);",
        )
        .expect("the SQL is right");
        conn
    }

    fn run(conn: &mut Connection, statements: &[&str]) -> Result<(), ExecuteError> {
        let statements: Vec<String> = statements.iter().map(|text| (*text).to_owned()).collect();
        execute(conn, &statements, |_| Ok(()), |_| Ok(()))
    }

    fn count(conn: &Connection, sql: &str) -> i64 {
        conn.query_row(sql, [], |row| row.get(0)).expect("a count")
    }

    #[test]
    fn a_statement_that_fails_takes_the_others_with_it() {
        let mut conn = database();
        let failed = run(&mut conn, &["DELETE FROM posts", "INSERT INTO nowhere VALUES (1)"]);
        assert!(matches!(failed, Err(ExecuteError::Statement { number: 2, count: 2, .. })));
        assert_eq!(count(&conn, "SELECT count(*) FROM posts"), 2);
        assert_eq!(count(&conn, "PRAGMA foreign_keys"), 1, "foreign keys are on again");
    }

    #[test]
    fn rows_that_refer_to_nothing_are_refused() {
        let mut conn = database();
        let failed = run(&mut conn, &["DELETE FROM users"]);
        assert!(matches!(failed, Err(ExecuteError::Dangling { count: 2, .. })));
        assert_eq!(count(&conn, "SELECT count(*) FROM users"), 1);
    }

    #[test]
    fn a_table_that_is_rebuilt_keeps_what_refers_to_it() {
        let mut conn = database();
        run(
            &mut conn,
            &[
                "CREATE TABLE fresh (id INTEGER PRIMARY KEY, name TEXT)",
                "INSERT INTO fresh (id) SELECT id FROM users",
                "DROP TABLE users",
                "ALTER TABLE fresh RENAME TO users",
            ],
        )
        .expect("a rebuild");
        assert_eq!(count(&conn, "SELECT count(*) FROM posts"), 2);
    }

    #[test]
    fn an_error_at_the_end_undoes_everything() {
        let mut conn = database();
        let refuse = |_: &Transaction<'_>| {
            Err::<(), _>(ExecuteError::Sqlite { attempt: "refuse", source: rusqlite::Error::InvalidQuery })
        };
        let failed = execute(&mut conn, &["DELETE FROM posts".to_owned()], |_| Ok(()), refuse);
        assert!(failed.is_err());
        assert_eq!(count(&conn, "SELECT count(*) FROM posts"), 2);
    }
}
