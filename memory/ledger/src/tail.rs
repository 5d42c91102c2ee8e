//! Following a run as it happens.

use std::time::Duration;

use loki_store::Watch;

use crate::chain::Recorded;
use crate::error::LedgerError;
use crate::event::RunId;
use crate::reader::Reader;

/// Follows one run. Made by [`Reader::tail`].
#[derive(Debug)]
pub struct Tail {
    reader: Reader,
    run: RunId,
    after: u64,
    /// Made at the first wait.
    watch: Option<Watch>,
}

impl Tail {
    pub(crate) fn new(reader: Reader, run: RunId, after: u64) -> Self {
        Self { reader, run, after, watch: None }
    }

    /// The events since the last call, at most a page of them; waits for the next one if there are
    /// none, and returns none when `timeout` is up. Commits of this process end the wait at once,
    /// those of others within a tenth of a second.
    pub fn wait(&mut self, timeout: Duration) -> Result<Vec<Recorded>, LedgerError> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            empty => empty.insert(self.reader.store().watch()?),
        };
        let (reader, run, after) = (&self.reader, &self.run, self.after);
        let found = watch.wait_for(timeout, || {
            let events = reader.events(run, after)?.events;
            Ok::<_, LedgerError>(if events.is_empty() { None } else { Some(events) })
        })?;
        let events = found.unwrap_or_default();
        if let Some(last) = events.last() {
            self.after = last.seq;
        }
        Ok(events)
    }
}
