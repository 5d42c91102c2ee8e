//! Ends statements that take too long or that nobody waits for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::time::Instant;

/// Steps of SQLite's machine between two looks at the clock; about a tenth of a millisecond.
const STEPS: i32 = 10_000;

/// What one connection is watched by.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    bounds: Arc<Mutex<Option<Bounds>>>,
}

/// How long a task may go on.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// When its time is over.
    pub(super) deadline: Instant,
    /// Whether the one who asked has gone.
    pub(super) gone: Arc<AtomicBool>,
}

impl Bounds {
    /// Whether the task is to be ended.
    pub(super) fn are_over(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

impl Watch {
    /// Watches `conn` from now on.
    pub(super) fn over(conn: &mut Connection) -> rusqlite::Result<Watch> {
        let watch = Watch::default();
        let bounds = Arc::clone(&watch.bounds);
        let handler = move || {
            let bounds = bounds.lock().unwrap_or_else(PoisonError::into_inner);
            bounds.as_ref().is_some_and(Bounds::are_over)
        };
        conn.progress_handler(STEPS, Some(handler))?;
        Ok(watch)
    }

    /// From now on, these bounds hold; with `None`, none do.
    pub(super) fn set(&self, bounds: Option<Bounds>) {
        *self.bounds.lock().unwrap_or_else(PoisonError::into_inner) = bounds;
    }
}
