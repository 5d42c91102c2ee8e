//! The reading side of the ledger. It needs no lock and disturbs nobody.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use loki_store::{Clock, Durability, Options, Store, StoreError, SystemClock};

use crate::chain::{Head, Recorded};
use crate::error::LedgerError;
use crate::event::{ArtifactId, Command, RunId};
use crate::ledger::{LEDGER_FILE, encode};
use crate::run::Run;
use crate::tables::events::Span;
use crate::tables::{self, MIGRATIONS};
use crate::tail::Tail;
use crate::transfer;
use crate::walk::{self, ChainReport};

/// Events of one page at most.
pub const PAGE_EVENTS_MAX: usize = 1000;

/// Runs listed at most: the newest.
const RUNS_MAX: usize = 10_000;

/// Bytes of a command, as JSON, at most.
const COMMAND_BYTES_MAX: usize = 64 << 10;

/// Commands that may wait for one run.
pub(crate) const COMMANDS_PENDING_MAX: usize = 1000;

/// Reads a ledger, from any process, also while another one writes it. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    store: Store,
    clock: Arc<dyn Clock>,
    inbox: Inbox,
}

/// How a command gets into the ledger.
#[derive(Debug, Clone, Copy)]
enum Inbox {
    /// Through the writer of this process.
    Own,
    /// Through a connection made for it.
    Foreign,
}

/// A run, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its name.
    pub id: RunId,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: i64,
    /// Its last event's number.
    pub seq: u64,
}

/// Some of a run's events, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events; at most [`PAGE_EVENTS_MAX`].
    pub events: Vec<Recorded>,
    /// What to ask for next (`after`), if there may be more.
    pub next: Option<u64>,
}

impl Reader {
    /// Opens the ledger in `dir` (the `.loki` folder) for reading.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(LEDGER_FILE);
        let absent = || LedgerError::Absent { dir: dir.to_owned() };
        match std::fs::metadata(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(absent());
            }
            // Whatever else is the matter, opening it says so better.
            Ok(_) | Err(_) => {}
        }
        match Store::open_read_only(&path, MIGRATIONS) {
            Ok(store) => Ok(Self { store, clock: Arc::new(SystemClock), inbox: Inbox::Foreign }),
            // Its creator died, or has not got any further yet.
            Err(StoreError::Older { found: 0, .. }) => Err(absent()),
            Err(error) => Err(error.into()),
        }
    }

    /// The reading side of a ledger that this process writes.
    pub(crate) fn beside(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), clock, inbox: Inbox::Own }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The runs, newest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.store.read(|conn| tables::runs::newest(conn, RUNS_MAX))
    }

    /// The last event of a run by number and hash, as it is kept apart from the events.
    pub fn head(&self, run: &RunId) -> Result<Head, LedgerError> {
        self.store
            .read(|conn| tables::heads::get(conn, run))?
            .ok_or_else(|| LedgerError::UnknownRun { run: run.clone() })
    }

    /// The events of a run after the one numbered `after` (0: from the first).
    pub fn events(&self, run: &RunId, after: u64) -> Result<Page, LedgerError> {
        let events = self.store.read(|conn| {
            tables::runs::expect(conn, run)?;
            let span = Span::After { after, events_max: PAGE_EVENTS_MAX };
            let mut events = Vec::new();
            tables::events::for_each(conn, run, span, |link| {
                events.push(walk::recorded(run, link)?);
                Ok(())
            })?;
            Ok::<_, LedgerError>(events)
        })?;
        let full = events.len() == PAGE_EVENTS_MAX;
        let next = events.last().filter(|_| full).map(|last| last.seq);
        Ok(Page { events, next })
    }

    /// Follows a run, from the event after the one numbered `after` (0: from the first).
    pub fn tail(&self, run: &RunId, after: u64) -> Tail {
        Tail::new(self.clone(), run.clone(), after)
    }

    /// The run that its events add up to. Refuses events that are not the ones written.
    pub fn fold(&self, run: &RunId) -> Result<Run, LedgerError> {
        self.store.read(|conn| walk::fold(conn, run))
    }

    /// An artifact's bytes, which are hashed again.
    pub fn artifact(&self, id: &ArtifactId) -> Result<Vec<u8>, LedgerError> {
        self.store.read(|conn| tables::artifacts::get(conn, id))
    }

    /// Recomputes everything about a run: that no event is missing, changed, added or moved, that they
    /// can follow one another, that the head is theirs, and that every artifact they name is there.
    pub fn verify(&self, run: &RunId) -> Result<ChainReport, LedgerError> {
        self.store.read(|conn| walk::verify(conn, run))
    }

    /// Writes a run as JSON lines, for [`crate::Ledger::import`]; returns how many events it has.
    /// Refuses a run that does not verify.
    pub fn export(&self, run: &RunId, out: impl Write) -> Result<u64, LedgerError> {
        self.store.read(|conn| transfer::export(conn, run, out))
    }

    /// Leaves a command for the process that drives the run (or will); returns the command's number. It
    /// is on the disk when this returns.
    pub fn send(&self, run: &RunId, command: &Command) -> Result<i64, LedgerError> {
        let body = encode("command", command, COMMAND_BYTES_MAX)?;
        let (run, sent_ms) = (run.clone(), self.clock.now().as_millisecond());
        let store = match self.inbox {
            Inbox::Own => self.store.clone(),
            Inbox::Foreign => Store::open(self.store.path(), MIGRATIONS, &Options::default())?,
        };
        store.write(Durability::Disk, move |tx| {
            tables::runs::expect(tx, &run)?;
            if tables::commands::pending(tx, &run, COMMANDS_PENDING_MAX)?.len() == COMMANDS_PENDING_MAX {
                return Err(LedgerError::InboxFull { run, pending_max: COMMANDS_PENDING_MAX });
            }
            tables::commands::insert(tx, &run, sent_ms, &body)
        })
    }

    /// The iteration that took a command; `None` while it waits.
    pub fn delivery(&self, id: i64) -> Result<Option<u32>, LedgerError> {
        self.store.read(|conn| tables::commands::taken(conn, id))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.store.path()).finish_non_exhaustive()
    }
}
