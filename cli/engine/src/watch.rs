//! The control files: `PAUSE`, `STOP` and `HUMAN_INPUT.md` in the `.loki` folder, for those who would
//! rather touch a file than run a command.
//!
//! `STOP` and `HUMAN_INPUT.md` are taken once and removed; `PAUSE` counts as long as it is there.
//!
//! Besides, [`Edits`] notices what a person changes in the project during a run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loki_ledger::LedgerError;
use loki_ledger::event::Command;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

mod edits;

pub use edits::{Edited, Edits};

/// Bytes of `HUMAN_INPUT.md` that are taken over.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Looks at the control files.
pub(crate) struct Watch {
    state: PathBuf,
    paused: bool,
    changed: Arc<Notify>,
    /// Wakes waits early; where it cannot be had, they look again by themselves.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches the `.loki` folder.
    pub(crate) fn new(state: &Path) -> Self {
        let changed = Arc::new(Notify::new());
        let wake = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |_event| wake.notify_one()).and_then(|mut watcher| {
            watcher.watch(state, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        Self { state: state.to_owned(), paused: false, changed, _watcher: watcher.ok() }
    }

    /// Waits until something changed in the folder, or for that long.
    pub(crate) async fn changed(&self, at_most: Duration) {
        // Either way the caller looks again, so which of the two it was does not matter.
        drop(tokio::time::timeout(at_most, self.changed.notified()).await);
    }

    /// Hands what the files say to `send`, and removes a file once what it said is written down.
    pub(crate) fn forward(
        &mut self,
        mut send: impl FnMut(Command) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let pause = self.state.join("PAUSE").exists();
        if pause != self.paused {
            send(if pause { Command::Pause } else { Command::Resume })?;
            self.paused = pause;
        }
        if let Some(text) = taken(&self.state.join("HUMAN_INPUT.md")) {
            if !text.trim().is_empty() {
                send(Command::Steer { text: text.trim().to_owned() })?;
            }
            remove(&self.state.join("HUMAN_INPUT.md"));
        }
        if self.state.join("STOP").exists() {
            send(Command::Stop)?;
            remove(&self.state.join("STOP"));
        }
        Ok(())
    }
}

fn taken(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let end = bytes.len().min(INPUT_BYTES_MAX);
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        // It will be taken again at the next look: twice said is better than not heard.
        Err(error) => debug_assert!(error.kind() != io::ErrorKind::InvalidInput, "{error}"),
    }
}

#[cfg(test)]
mod tests;
