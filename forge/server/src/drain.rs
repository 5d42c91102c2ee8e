//! The end of a server: no new work, the work that there is done, probes answered until then.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Drain {
    begun: AtomicBool,
    working: AtomicUsize,
    done: Notify,
}

/// A request that is being worked on, until it is dropped.
pub(crate) struct Work<'a>(&'a Drain);

impl Drain {
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
        self.done.notify_waiters();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Work may begin, or nothing does any more. Counted first and asked then, so that what was let in is
    /// waited for.
    pub(crate) fn enter(&self) -> Option<Work<'_>> {
        self.working.fetch_add(1, Ordering::SeqCst);
        let work = Work(self);
        (!self.has_begun()).then_some(work)
    }

    /// Returns once nothing is being worked on.
    pub(crate) async fn finished(&self) {
        loop {
            let done = self.done.notified();
            if self.working.load(Ordering::SeqCst) == 0 {
                return;
            }
            done.await;
        }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        if self.0.working.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.done.notify_waiters();
        }
    }
}
