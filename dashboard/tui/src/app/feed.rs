//! Follows a run's events on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use loki_ledger::Reader;
use loki_ledger::event::RunId;

use super::Message;

/// How long one wait for events lasts: as long it may take to notice that nobody reads them any more.
const WAIT: Duration = Duration::from_millis(500);

/// A run that is followed. Dropping it ends that, soon.
pub(super) struct Feed {
    ends: Arc<AtomicBool>,
}

impl Feed {
    /// Follows a run from its first event on.
    pub(super) fn new(reader: Reader, run: RunId, generation: u64, sender: SyncSender<Message>) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        thread::spawn(move || {
            let died = super::sources::Watchman::new("reads the ledger", sender.clone());
            follow(&reader, &run, generation, &sender, &told);
            died.dismiss();
        });
        Self { ends }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn follow(reader: &Reader, run: &RunId, generation: u64, sender: &SyncSender<Message>, ends: &AtomicBool) {
    let mut after = 0;
    // A tail that failed is made anew: it may be that the file was replaced.
    while !ends.load(Ordering::Relaxed) {
        let mut tail = reader.tail(run, after);
        loop {
            let events = match tail.wait(WAIT) {
                Ok(events) => events,
                Err(error) => {
                    if sender.send(Message::Unread(generation, error.to_string())).is_err() {
                        return;
                    }
                    thread::park_timeout(WAIT);
                    break;
                }
            };
            if ends.load(Ordering::Relaxed) {
                return;
            }
            let Some(last) = events.last() else { continue };
            after = last.seq;
            if sender.send(Message::Events(generation, events)).is_err() {
                return; // The screen is gone.
            }
        }
    }
}
