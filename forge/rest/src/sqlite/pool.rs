//! The connections to the application's database: many threads that read, one that writes.
//!
//! Each thread owns one connection, so that none is ever waited for across an await. A request is a [`Job`] in a
//! bounded queue; where the queue is full, it is refused at once. The writer takes many jobs into one
//! transaction, because what a commit costs is the flush of the disk.

mod guard;
mod queue;
mod reader;
mod scene;
mod script;
mod session;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use forge_core::Identity;
use forge_core::sql::{self, SqlError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::engine::Context;
use crate::error::RestError;
use crate::plan::{Outcome, Task};
use crate::query::{Found, Query};
use crate::sqlite::errors;
use crate::sqlite::reads::Reads;
use crate::sqlite::{OpenError, Settings};
use queue::Queue;
use scene::Scenes;
use session::Session;
use watch::Bounds;

pub(in crate::sqlite) use guard::is_internal;
pub(in crate::sqlite) use scene::Scene;

/// What came of tasks: an outcome for each, or the first that failed and why.
pub(in crate::sqlite) type Answer = Result<Vec<Outcome>, (usize, RestError)>;

/// What came of statements: the rows of each, or why there are none.
pub(in crate::sqlite) type Rows = Result<Vec<Vec<sql::Row>>, SqlError>;

/// Something to be carried out together or not at all.
struct Job {
    work: Work,
    bounds: Bounds,
    answer: oneshot::Sender<Done>,
}

/// What is to be carried out.
enum Work {
    /// Tasks of one request.
    Tasks { who: Identity, context: Context, tasks: Vec<Task> },
    /// Statements of a service.
    Script(Vec<sql::Statement>),
    /// Queries that somebody wrote.
    Query { who: Identity, queries: Vec<Query> },
}

/// What came of a job.
enum Done {
    Tasks(Answer),
    Script(Rows),
    Query(Result<Vec<Found>, RestError>),
}

impl Work {
    /// What it comes to where it cannot be carried out.
    fn refused(&self, error: RestError) -> Done {
        match self {
            Work::Tasks { .. } => Done::Tasks(Err((0, error))),
            Work::Script(_) => Done::Script(Err(SqlError::Unavailable)),
            Work::Query { .. } => Done::Query(Err(error)),
        }
    }

    /// Whether what it wrote is to be taken back.
    fn undoes(&self, done: &Done) -> bool {
        let asked = match self {
            Work::Tasks { tasks, .. } => tasks.iter().any(|task| task.terms.rollback),
            Work::Script(_) | Work::Query { .. } => false,
        };
        asked || done.failed()
    }
}

impl Done {
    fn failed(&self) -> bool {
        match self {
            Done::Tasks(answer) => answer.is_err(),
            Done::Script(rows) => rows.is_err(),
            Done::Query(found) => found.is_err(),
        }
    }
}

/// Where a job is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) enum Lane {
    /// Where nothing can be written.
    Reading,
    /// Where one at a time writes.
    Writing,
}

/// All threads and what they share.
pub(in crate::sqlite) struct Pool {
    readers: Arc<Queue<Job>>,
    writer: Arc<Queue<Job>>,
    scenes: Arc<Scenes>,
    threads: Vec<JoinHandle<()>>,
    settings: Settings,
}

impl Pool {
    /// Opens the connections and starts the threads.
    pub(in crate::sqlite) fn open(
        path: &Path,
        settings: &Settings,
        reads: &Arc<dyn Reads>,
    ) -> Result<Pool, OpenError> {
        let mut pool = Pool {
            readers: Arc::new(Queue::new(settings.reads_waiting_max)),
            writer: Arc::new(Queue::new(settings.writes_waiting_max)),
            scenes: Arc::new(Scenes::default()),
            threads: Vec::new(),
            settings: settings.clone(),
        };
        // The writer first: it makes the write-ahead log that the others need.
        let session = Session::writing(path, settings, reads)?;
        pool.scenes.current(&session).map_err(|source| OpenError::Schema { source: Box::new(source) })?;
        let (queue, scenes, limits) = (Arc::clone(&pool.writer), Arc::clone(&pool.scenes), settings.clone());
        pool.start("forge-rest-write", move || writer::work(&session, &queue, &scenes, &limits))?;
        for _ in 0..settings.readers.max(1) {
            let session = Session::reading(path, settings, reads)?;
            let (queue, scenes) = (Arc::clone(&pool.readers), Arc::clone(&pool.scenes));
            pool.start("forge-rest-read", move || reader::work(&session, &queue, &scenes))?;
        }
        Ok(pool)
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(|source| OpenError::Thread { source })?);
        Ok(())
    }

    /// Carries out `tasks` in one transaction. Dropping the future ends it, unless it is committed already.
    pub(in crate::sqlite) async fn carry_out(
        &self,
        lane: Lane,
        who: &Identity,
        context: &Context,
        tasks: &[Task],
    ) -> Answer {
        let work = Work::Tasks { who: who.clone(), context: context.clone(), tasks: tasks.to_vec() };
        match self.ask(lane, work).await {
            Ok(Done::Tasks(answer)) => answer,
            Ok(Done::Script(_) | Done::Query(_)) => Err((0, errors::internal())),
            Err(error) => Err((0, error)),
        }
    }

    /// Carries out `statements` in one transaction, in nobody's name.
    pub(in crate::sqlite) async fn script(&self, lane: Lane, statements: &[sql::Statement]) -> Rows {
        match self.ask(lane, Work::Script(statements.to_vec())).await {
            Ok(Done::Script(rows)) => rows,
            Ok(Done::Tasks(_) | Done::Query(_)) | Err(_) => Err(SqlError::Unavailable),
        }
    }

    /// Answers `queries` where nothing can be written, in the name of `who`.
    pub(in crate::sqlite) async fn queries(
        &self,
        who: &Identity,
        queries: &[Query],
    ) -> Result<Vec<Found>, RestError> {
        match self.ask(Lane::Reading, Work::Query { who: who.clone(), queries: queries.to_vec() }).await? {
            Done::Query(found) => found,
            Done::Tasks(_) | Done::Script(_) => Err(errors::internal()),
        }
    }

    async fn ask(&self, lane: Lane, work: Work) -> Result<Done, RestError> {
        let (answer, answered) = oneshot::channel();
        let gone = Arc::new(AtomicBool::new(false));
        let bounds =
            Bounds { deadline: Instant::now() + self.settings.statement_timeout, gone: Arc::clone(&gone) };
        let job = Job { work, bounds, answer };
        let queue = match lane {
            Lane::Reading => &self.readers,
            Lane::Writing => &self.writer,
        };
        let _leaving = Leaving(gone);
        queue.push(job).map_err(|_| errors::crowded())?;
        answered.await.map_err(|_| errors::internal())
    }

    /// What the database was seen to hold last.
    pub(in crate::sqlite) fn scene(&self) -> Arc<Scene> {
        self.scenes.last()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.readers.close();
        self.writer.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to do either.
            thread.join().unwrap_or_default();
        }
    }
}

/// Tells the thread that nobody waits for its answer.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
