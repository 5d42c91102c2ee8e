//! The writing side of the ledger, held by one process at a time.

use std::fs::DirBuilder;
use std::io::BufRead;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use loki_store::{Clock, Durability, LockError, Options, ProcessLock, Store, StoreError};
use rusqlite::Transaction;
use serde::Serialize;

use crate::chain::{EventHash, Head, Link, Recorded};
use crate::error::LedgerError;
use crate::event::{ArtifactId, Command, Event, RunId, VERSION};
use crate::reader::{COMMANDS_PENDING_MAX, Reader};
use crate::references::artifacts;
use crate::tables;
use crate::transfer::{self, ImportReport};

/// Bytes of an artifact at most.
pub const ARTIFACT_BYTES_MAX: usize = 16 << 20;

/// Bytes of an event, as JSON, at most. What is larger belongs into an artifact.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// The database, in the ledger's folder.
pub(crate) const LEDGER_FILE: &str = "loki.db";

/// The lock file, in the ledger's folder.
const LOCK_FILE: &str = "lock";

/// The ledger of a folder, locked against every other process: the only writer of events.
pub struct Ledger {
    store: Store,
    reader: Reader,
    clock: Arc<dyn Clock>,
    #[cfg(any(test, feature = "testing"))]
    crash: crash::Crash,
    // Last, so that the database is closed before another process may open it as its own.
    _lock: ProcessLock,
}

/// A command that nobody has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCommand {
    /// Its number; later commands have higher ones.
    pub id: i64,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: i64,
    /// The command.
    pub command: Command,
}

impl Ledger {
    /// Takes the ledger in `dir` (the `.loki` folder), creating folder and ledger where there is none.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        created.map_err(|source| StoreError::open(dir, source))?;
        let lock =
            ProcessLock::acquire(&dir.join(LOCK_FILE), clock.as_ref()).map_err(|error| match error {
                LockError::Held { pid, started_at } => LedgerError::Held { pid, started_at },
                LockError::File { path, source, .. } => StoreError::open(&path, source).into(),
                LockError::HeldByUnknown { .. } => LedgerError::Lock(error),
            })?;
        let store = Store::open(&dir.join(LEDGER_FILE), tables::MIGRATIONS, &Options::default())?;
        Ok(Self {
            reader: Reader::beside(&store, Arc::clone(&clock)),
            store,
            clock,
            #[cfg(any(test, feature = "testing"))]
            crash: crash::Crash::default(),
            _lock: lock,
        })
    }

    /// Writes down what happened, after everything that happened in the run before. It is kept when
    /// this returns: against the end of the process, or of the power, as the event asks for.
    pub fn append(&self, run: &RunId, event: Event) -> Result<Recorded, LedgerError> {
        self.may_write()?;
        let body = encode("event", &event, EVENT_BYTES_MAX)?;
        let durability = if event.must_reach_disk() { Durability::Disk } else { Durability::Process };
        let (run, at_ms) = (run.clone(), self.clock.now().as_millisecond());
        self.store.write(durability, move |tx| {
            let head = append(tx, &run, at_ms, &event, &body)?;
            Ok(Recorded { run, seq: head.seq, at_ms, event, hash: head.hash })
        })
    }

    /// Keeps bytes and names them. The same bytes are kept once. They are as durable as the first
    /// event that names them.
    pub fn put(&self, bytes: &[u8]) -> Result<ArtifactId, LedgerError> {
        self.may_write()?;
        limit("artifact", bytes.len(), ARTIFACT_BYTES_MAX)?;
        let id = ArtifactId::of(bytes);
        if !self.store.read(|conn| tables::artifacts::exists(conn, &id))? {
            let (id, bytes) = (id.clone(), bytes.to_vec());
            self.store.write(Durability::Process, move |tx| tables::artifacts::insert(tx, &id, &bytes))?;
        }
        Ok(id)
    }

    /// The commands for the run that nobody has taken, oldest first. They stay until
    /// [`Ledger::command_taken`] says that they were, and so outlive a crash in between.
    pub fn take_commands(&self, run: &RunId) -> Result<Vec<PendingCommand>, LedgerError> {
        let rows = self.store.read(|conn| {
            tables::runs::expect(conn, run)?;
            tables::commands::pending(conn, run, COMMANDS_PENDING_MAX)
        })?;
        rows.into_iter()
            .map(|(id, sent_ms, body)| {
                let command = serde_json::from_str(&body)
                    .map_err(|source| LedgerError::Json { what: "command", source })?;
                Ok(PendingCommand { id, sent_ms, command })
            })
            .collect()
    }

    /// Notes that a command was taken, and by which iteration. Saying it again changes nothing.
    pub fn command_taken(&self, id: i64, iteration: u32) -> Result<(), LedgerError> {
        self.may_go_on()?;
        self.store.write(Durability::Process, move |tx| tables::commands::take(tx, id, iteration))
    }

    /// The reading side.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Takes over a run that [`Reader::export`] wrote: whole, or not at all. One that is here already,
    /// event for event, stays as it is; other events under the same name are refused.
    pub fn import(&self, input: impl BufRead) -> Result<ImportReport, LedgerError> {
        self.may_go_on()?;
        transfer::import(&self.store, input)
    }

    #[cfg(any(test, feature = "testing"))]
    fn may_write(&self) -> Result<(), LedgerError> {
        self.crash.count_write()
    }

    #[cfg(any(test, feature = "testing"))]
    fn may_go_on(&self) -> Result<(), LedgerError> {
        self.crash.check()
    }

    #[cfg(not(any(test, feature = "testing")))]
    fn may_write(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    #[cfg(not(any(test, feature = "testing")))]
    fn may_go_on(&self) -> Result<(), LedgerError> {
        Ok(())
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("path", &self.store.path()).finish_non_exhaustive()
    }
}

/// The ledger's file, for what any process may write into it beside the events.
pub(crate) fn shared(dir: &Path) -> Result<Store, LedgerError> {
    Ok(Store::open(&dir.join(LEDGER_FILE), tables::MIGRATIONS, &Options::default())?)
}

/// Something as JSON, within its limit.
pub(crate) fn encode(
    what: &'static str,
    value: &impl Serialize,
    bytes_max: usize,
) -> Result<String, LedgerError> {
    let text = serde_json::to_string(value).map_err(|source| LedgerError::Json { what, source })?;
    limit(what, text.len(), bytes_max)?;
    Ok(text)
}

fn limit(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), LedgerError> {
    if bytes <= bytes_max { Ok(()) } else { Err(LedgerError::TooLarge { what, bytes, bytes_max }) }
}

/// Adds an event after the head and moves the head, in the caller's transaction.
fn append(
    tx: &Transaction<'_>,
    run: &RunId,
    at_ms: i64,
    event: &Event,
    body: &str,
) -> Result<Head, LedgerError> {
    let head = tables::heads::get(tx, run)?;
    let last = match (head, event) {
        (None, Event::RunStarted(_)) => {
            tables::runs::insert(tx, run, at_ms)?;
            Head { seq: 0, hash: EventHash::NONE }
        }
        (None, _) => return Err(LedgerError::UnknownRun { run: run.clone() }),
        (Some(_), Event::RunStarted(_)) => return Err(LedgerError::RunExists { run: run.clone() }),
        (Some(head), _) => {
            if tables::events::hash_at(tx, run, head.seq)? != Some(head.hash) {
                let reason = "it is not the event that the run's head names".to_owned();
                let source = crate::chain::Broken { seq: head.seq, reason };
                return Err(LedgerError::Tampered { run: run.clone(), source });
            }
            head
        }
    };
    for id in artifacts(event) {
        if !tables::artifacts::exists(tx, id)? {
            return Err(LedgerError::UnknownArtifact { id: id.clone() });
        }
    }
    let link = Link { seq: last.seq + 1, at_ms, version: VERSION, body: body.as_bytes(), hash: None };
    let head = Head { seq: link.seq, hash: last.hash.next(run, &link) };
    tables::events::insert(tx, run, &link, head.hash)?;
    tables::heads::set(tx, run, head)?;
    Ok(head)
}

#[cfg(any(test, feature = "testing"))]
mod crash {
    //! Stops a ledger as if its process had been killed just before a write.

    use std::sync::{Mutex, PoisonError};

    use crate::error::LedgerError;

    /// Writes left before the end, once it is set.
    #[derive(Default)]
    pub(super) struct Crash(Mutex<Option<u64>>);

    impl Crash {
        pub(super) fn after(&self, writes: u64) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(writes.saturating_sub(1));
        }

        pub(super) fn count_write(&self) -> Result<(), LedgerError> {
            self.check()?;
            if let Some(left) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                *left -= 1;
            }
            Ok(())
        }

        pub(super) fn check(&self) -> Result<(), LedgerError> {
            match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(0) => Err(LedgerError::Crashed),
                Some(_) | None => Ok(()),
            }
        }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Ledger {
    /// Refuses the `n`th write from now ([`Ledger::append`] or [`Ledger::put`]; 1 is the next) and
    /// every later one, as if the process had been killed just before it.
    pub fn crash_after(&self, n: u64) {
        self.crash.after(n);
    }
}
