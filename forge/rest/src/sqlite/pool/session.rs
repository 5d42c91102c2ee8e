//! One connection with everything that belongs to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use forge_core::{Identity, Role};
use forge_database::routine;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::guard::Guard;
use super::scene::Scenes;
use super::watch::Watch;
use super::{Answer, Done, Job, Work, script};
use crate::engine::Context;
use crate::error::RestError;
use crate::plan::Task;
use crate::query::{Found, Query};
use crate::sqlite::errors;
use crate::sqlite::reads::Reads;
use crate::sqlite::{OpenError, Settings, Synchronous, carry, query};

/// A connection in the hands of one thread.
pub(super) struct Session {
    pub(super) conn: Connection,
    pub(super) guard: Guard,
    pub(super) watch: Watch,
    reads: Arc<dyn Reads>,
}

impl Session {
    /// The connection that writes.
    pub(super) fn writing(
        path: &Path,
        settings: &Settings,
        reads: &Arc<dyn Reads>,
    ) -> Result<Session, OpenError> {
        let open = || {
            let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings)?;
            conn.pragma_update(None, "journal_mode", "WAL")?;
            let synchronous = match settings.synchronous {
                Synchronous::Full => "FULL",
                Synchronous::Normal => "NORMAL",
            };
            conn.pragma_update(None, "synchronous", synchronous)?;
            conn.pragma_update(None, "foreign_keys", true)?;
            Session::guarded(conn, reads)
        };
        open().map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
    }

    /// A connection that only reads.
    pub(super) fn reading(
        path: &Path,
        settings: &Settings,
        reads: &Arc<dyn Reads>,
    ) -> Result<Session, OpenError> {
        let open = || {
            let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, settings)?;
            conn.pragma_update(None, "query_only", true)?;
            Session::guarded(conn, reads)
        };
        open().map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
    }

    fn guarded(mut conn: Connection, reads: &Arc<dyn Reads>) -> rusqlite::Result<Session> {
        reads.register(&conn)?;
        routine::functions::register(&conn)?;
        let watch = Watch::over(&mut conn)?;
        let guard = Guard::confine(&mut conn)?;
        Ok(Session { conn, guard, watch, reads: Arc::clone(reads) })
    }

    /// Runs one of the statements that begin and end transactions.
    pub(super) fn control(&self, sql: &str) -> Result<(), RestError> {
        let ran = self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        ran.map(drop).map_err(|error| errors::of_sqlite(&error, false))
    }

    /// Takes back the transaction, if there is one.
    pub(super) fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            // A failure leaves it open, and then the next one cannot begin and says so.
            self.control("rollback").unwrap_or_default();
        }
    }

    /// Carries out a job within the transaction that is open.
    pub(super) fn carry_out(&self, job: &Job, scenes: &Scenes) -> Done {
        if job.bounds.are_over() {
            return job.work.refused(errors::timed_out());
        }
        self.watch.set(Some(job.bounds.clone()));
        // A panic must not take the thread with it, which serves others.
        let done = catch_unwind(AssertUnwindSafe(|| match &job.work {
            Work::Tasks { who, context, tasks } => Done::Tasks(self.tasks(who, context, tasks, scenes)),
            Work::Script(statements) => Done::Script(script::run(self, statements)),
            Work::Query { who, queries } => Done::Query(self.queries(who, queries, scenes)),
        }));
        self.watch.set(None);
        done.unwrap_or_else(|_| job.work.refused(errors::internal()))
    }

    fn queries(&self, who: &Identity, queries: &[Query], scenes: &Scenes) -> Result<Vec<Found>, RestError> {
        let scene = scenes.current(self)?;
        if !scene.roles.contains(&who.role) {
            return Err(errors::no_role(&who.role));
        }
        queries.iter().map(|query| query::out(&self.conn, &scene, who, query)).collect()
    }

    fn tasks(&self, who: &Identity, context: &Context, tasks: &[Task], scenes: &Scenes) -> Answer {
        let scene = scenes.current(self).map_err(|error| (0, error))?;
        if !scene.roles.contains(&who.role) && !tasks.is_empty() {
            return Err((0, errors::no_role(&who.role)));
        }
        let anonymous = who.role == Role::Anon;
        let mut outcomes = Vec::with_capacity(tasks.len());
        for (at, task) in tasks.iter().enumerate() {
            let place = carry::Place {
                conn: &self.conn,
                scene: &scene,
                reads: &*self.reads,
                who,
                context,
                anonymous,
            };
            outcomes.push(carry::out(&place, task).map_err(|error| (at, error))?);
        }
        Ok(outcomes)
    }
}

fn connect(path: &Path, flags: OpenFlags, settings: &Settings) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(settings.busy_timeout)?;
    conn.set_prepared_statement_cache_capacity(settings.statements_max);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Else a statement with a limit for a parameter counts as outdated whenever its parameters are set again, and
    // is compiled again for every request.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "cache_size", -settings.cache_kibibytes)?;
    conn.pragma_update(None, "mmap_size", settings.mmap_bytes)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_compiled_once_whatever_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let conn = connect(&folder.path().join("db.sqlite"), flags, &Settings::default()).unwrap();
        conn.execute_batch("create table t (a)").unwrap();
        let again = |limit: i64| {
            let mut statement = conn.prepare_cached("select a from t limit ?1").unwrap();
            statement.query([limit]).unwrap().next().unwrap();
            statement.get_status(StatementStatus::RePrepare)
        };
        assert_eq!([again(5), again(1), again(30)], [0, 0, 0]);
    }
}
