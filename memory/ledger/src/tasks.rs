//! A small durable queue of work, for whoever works on the project: added once, given out under leases.
//!
//! A lease has a number that only grows: who holds an older one has lost the task and can neither renew nor
//! end it. A lease that runs out gives the task back; one that runs out too often ends it.

use std::path::Path;
use std::sync::Arc;

use loki_store::{Clock, Durability, Store};
use serde::Serialize;

use crate::error::LedgerError;
use crate::ledger::shared;
use crate::tables::tasks;

/// Tasks that may be open.
pub const OPEN_TASKS_MAX: u32 = 1_000;

/// Tasks that have ended and are remembered.
const ENDED_TASKS_MAX: u32 = 10_000;

/// How often a task is given out.
pub const LEASES_MAX: u32 = 5;

/// The longest lease, in seconds.
pub const LEASE_SECONDS_MAX: u32 = 24 * 60 * 60;

/// Tasks of one page.
pub const TASKS_PAGE_MAX: u32 = 100;

/// Bytes of a title, a key or a worker's name.
pub const TASK_TEXT_BYTES_MAX: usize = 500;

/// Bytes of what is to be done, and of what came of it.
pub const TASK_DETAIL_BYTES_MAX: usize = 32 << 10;

/// The queue. Any process may open it.
#[derive(Clone)]
pub struct Tasks {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// A task to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// A name that no other task has; adding it again adds nothing.
    pub key: Option<String>,
    /// What it is, in one line.
    pub title: String,
    /// What is to be done.
    pub detail: String,
    /// Higher ones go first.
    pub priority: i32,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// The name it was added under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is, in one line.
    pub title: String,
    /// What is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Higher ones go first.
    pub priority: i32,
    /// When it was added, in milliseconds since the epoch.
    pub added_ms: i64,
    /// How it stands.
    pub state: TaskState,
    /// The newest lease's number; 0 before the first.
    pub lease: u32,
    /// Who has it, or had it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// When the lease runs out, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until_ms: Option<i64>,
    /// When it ended, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It waits for somebody.
    Open,
    /// Somebody has it.
    Leased,
    /// It is done.
    Done,
    /// It cannot be done, or nobody brought it back.
    Failed,
}

/// How a task can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is done.
    Done,
    /// It cannot be done.
    Failed,
}

impl Ended {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Failed => "failed",
        }
    }

    fn state(self) -> TaskState {
        match self {
            Ended::Done => TaskState::Done,
            Ended::Failed => TaskState::Failed,
        }
    }
}

/// Why the queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The ledger's file could not be used.
    #[error("the queue could not be read or written")]
    Ledger(#[from] LedgerError),
    /// No task has that number.
    #[error("there is no task {id}")]
    Unknown {
        /// The number.
        id: i64,
    },
    /// Another task was added under this key.
    #[error("the key `{key}` stands for another task, {id}")]
    KeyReused {
        /// The key.
        key: String,
        /// Its task.
        id: i64,
    },
    /// The task is somebody else's by now.
    #[error("lease {held} of task {id} does not hold any more: {why}")]
    LeaseLost {
        /// The task.
        id: i64,
        /// The lease that was shown.
        held: u32,
        /// What became of it.
        why: &'static str,
    },
    /// The task has ended otherwise.
    #[error("task {id} has ended already, as {state}")]
    Ended {
        /// The task.
        id: i64,
        /// How.
        state: &'static str,
    },
    /// There is no room.
    #[error("{OPEN_TASKS_MAX} tasks are open already")]
    Full,
    /// A field is empty or too long.
    #[error("the {field} takes 1 to {bytes_max} bytes")]
    Field {
        /// Which.
        field: &'static str,
        /// How long it may be.
        bytes_max: usize,
    },
}

impl From<loki_store::StoreError> for TaskError {
    fn from(error: loki_store::StoreError) -> Self {
        TaskError::Ledger(error.into())
    }
}

impl Tasks {
    /// Opens the queue of the project whose state is in `dir` (the `.loki` folder, which must be there).
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        Ok(Self { store: shared(dir)?, clock })
    }

    /// Adds a task; returns it, and whether it is new. What was added under the same key before is returned
    /// as it stands now, and another task under that key is refused.
    pub fn add(&self, task: NewTask) -> Result<(Task, bool), TaskError> {
        text("title", &task.title, TASK_TEXT_BYTES_MAX)?;
        if let Some(key) = &task.key {
            text("key", key, TASK_TEXT_BYTES_MAX)?;
        }
        if task.detail.len() > TASK_DETAIL_BYTES_MAX {
            return Err(TaskError::Field { field: "detail", bytes_max: TASK_DETAIL_BYTES_MAX });
        }
        let now_ms = self.now_ms();
        self.store.write(Durability::Disk, move |tx| {
            if let Some(key) = &task.key
                && let Some(known) = tasks::of_key(tx, key, now_ms)?
            {
                let same = known.title == task.title && known.detail == task.detail;
                return match same {
                    true => Ok((known, false)),
                    false => Err(TaskError::KeyReused { key: key.clone(), id: known.id }),
                };
            }
            if tasks::open(tx)? >= OPEN_TASKS_MAX {
                return Err(TaskError::Full);
            }
            tasks::prune(tx, ENDED_TASKS_MAX)?;
            let id = tasks::insert(tx, &task, now_ms)?;
            expect(tasks::get(tx, id, now_ms)?, id).map(|task| (task, true))
        })
    }

    /// Up to `max` tasks after the one numbered `after` (0: from the first).
    pub fn list(&self, after: i64, max: u32) -> Result<Vec<Task>, TaskError> {
        let now_ms = self.now_ms();
        self.store.read(|conn| Ok(tasks::page(conn, after, max.min(TASKS_PAGE_MAX), now_ms)?))
    }

    /// Gives the most urgent open task to `worker` for so many seconds; `None` where nothing waits.
    pub fn take(&self, worker: &str, seconds: u32) -> Result<Option<Task>, TaskError> {
        text("worker", worker, TASK_TEXT_BYTES_MAX)?;
        let (now_ms, until_ms, worker) = (self.now_ms(), self.until_ms(seconds), worker.to_owned());
        self.store.write(Durability::Disk, move |tx| {
            tasks::give_up(tx, LEASES_MAX, now_ms)?;
            let Some(next) = tasks::next(tx, LEASES_MAX, now_ms)? else { return Ok(None) };
            tasks::lease(tx, next.id, &worker, until_ms)?;
            Ok(tasks::get(tx, next.id, now_ms)?)
        })
    }

    /// Lets a lease run for so many seconds from now; 0 gives the task back.
    pub fn renew(&self, id: i64, lease: u32, seconds: u32) -> Result<Task, TaskError> {
        let (now_ms, until_ms) = (self.now_ms(), self.until_ms(seconds));
        self.store.write(Durability::Disk, move |tx| {
            let task = expect(tasks::get(tx, id, now_ms)?, id)?;
            holds(&task, lease)?;
            tasks::renew(tx, id, until_ms)?;
            expect(tasks::get(tx, id, now_ms)?, id)
        })
    }

    /// Ends a task: under the lease that holds, or without one where nobody has it. Ending it the same way
    /// again changes nothing.
    pub fn end(&self, id: i64, lease: Option<u32>, ended: Ended, summary: &str) -> Result<Task, TaskError> {
        text("summary", summary, TASK_DETAIL_BYTES_MAX)?;
        let (now_ms, summary) = (self.now_ms(), summary.to_owned());
        self.store.write(Durability::Disk, move |tx| {
            let task = expect(tasks::get(tx, id, now_ms)?, id)?;
            match task.state {
                state if state == ended.state() => return Ok(task),
                TaskState::Done => return Err(TaskError::Ended { id, state: Ended::Done.as_str() }),
                TaskState::Failed => return Err(TaskError::Ended { id, state: Ended::Failed.as_str() }),
                TaskState::Open | TaskState::Leased => {}
            }
            match lease {
                // One that ran out will do as long as nobody else was given the task.
                Some(lease) if lease == task.lease => {}
                Some(lease) => holds(&task, lease)?,
                None if task.state == TaskState::Leased => {
                    let why = "somebody has it; show the lease that `take` gave";
                    return Err(TaskError::LeaseLost { id, held: 0, why });
                }
                None => {}
            }
            tasks::end(tx, id, ended, &summary, now_ms)?;
            expect(tasks::get(tx, id, now_ms)?, id)
        })
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn until_ms(&self, seconds: u32) -> i64 {
        self.now_ms() + i64::from(seconds.min(LEASE_SECONDS_MAX)) * 1000
    }
}

/// Refuses a lease that is not the newest, or that has run out.
fn holds(task: &Task, lease: u32) -> Result<(), TaskError> {
    let lost = |why| Err(TaskError::LeaseLost { id: task.id, held: lease, why });
    match task.state {
        TaskState::Leased if task.lease == lease => Ok(()),
        TaskState::Leased => lost("somebody else has it"),
        TaskState::Open => lost("it ran out; take a task again"),
        TaskState::Done | TaskState::Failed => lost("the task has ended"),
    }
}

fn expect(task: Option<Task>, id: i64) -> Result<Task, TaskError> {
    task.ok_or(TaskError::Unknown { id })
}

fn text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), TaskError> {
    let fits = !text.trim().is_empty() && text.len() <= bytes_max;
    if fits { Ok(()) } else { Err(TaskError::Field { field, bytes_max }) }
}

#[cfg(test)]
mod tests;
