//! Follows a run's events on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use loki_ledger::Reader;
use loki_ledger::event::{Event, RunId};

use super::Message;

/// Time between two looks while events come.
const LOOK_MIN: Duration = Duration::from_millis(25);

/// The same while none come: it is reached within a second.
const LOOK_MAX: Duration = Duration::from_millis(250);

/// The same where the run has stopped, so that hardly any will come.
const LOOK_STOPPED: Duration = Duration::from_secs(1);

/// Time after which what could not be read is tried again.
const AGAIN: Duration = Duration::from_millis(500);

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
    let (mut after, mut is_stopped) = (0, false);
    // A tail that failed is made anew: it may be that the file was replaced.
    while !ends.load(Ordering::Relaxed) {
        let mut tail = reader.tail(run, after);
        let mut pace = LOOK_MIN;
        while !ends.load(Ordering::Relaxed) {
            let message = match tail.wait(Duration::ZERO) {
                Ok(events) => {
                    let Some(last) = events.last() else {
                        thread::park_timeout(pace);
                        pace = slower(pace, is_stopped);
                        continue;
                    };
                    (after, pace) = (last.seq, LOOK_MIN);
                    is_stopped = matches!(last.event, Event::RunStopped { .. });
                    Message::Events(generation, events)
                }
                Err(error) => Message::Unread(generation, error.to_string()),
            };
            let failed = matches!(message, Message::Unread(..));
            if sender.send(message).is_err() {
                return; // The screen is gone.
            }
            if failed {
                thread::park_timeout(AGAIN);
                break;
            }
        }
    }
}

/// How long to wait after a look that found nothing, where it was `pace` before.
fn slower(pace: Duration, is_stopped: bool) -> Duration {
    (pace + pace / 4).min(if is_stopped { LOOK_STOPPED } else { LOOK_MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_few_while_nothing_comes() {
        let mut waits = vec![LOOK_MIN];
        while waits.iter().sum::<Duration>() < Duration::from_secs(10) {
            waits.push(slower(waits[waits.len() - 1], false));
        }
        assert!(waits.len() < 55, "{} looks in ten seconds", waits.len());
        let first: Duration = waits[..8].iter().sum();
        assert!(first < Duration::from_millis(600), "what comes soon is seen soon: {first:?}");
        assert_eq!(slower(LOOK_STOPPED, true), LOOK_STOPPED);
        assert_eq!(slower(LOOK_STOPPED, false), LOOK_MAX);
    }
}
