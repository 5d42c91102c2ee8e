//! Reads and acts for the screen, one job at a time, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use loki_ledger::event::{ArtifactId, Event, RunId};
use loki_ledger::{Reader, RunRow};

use super::Message;
use super::sources::Watchman;
use crate::control::{Control, Done, Order};
use crate::data::{Artifact, As, ForgeState, ProjectRuns, RunDigest, RunEnd, Schema};
use crate::diff::{FileDiff, compare};
use crate::model::Picture;
use crate::wants::Want;

/// Jobs that may wait.
const JOBS_MAX: usize = 32;

/// Bytes of an artifact that are shown as text.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Projects that are listed.
const PROJECTS_MAX: usize = 200;

/// Runs that are listed of all projects together.
const RUNS_MAX: usize = 2000;

/// Runs of a project of which more is read than their name, the newest.
const DIGESTS_MAX: usize = 50;

/// Events at the end of a run that say how it stands.
const LOOK_BACK: u64 = 8;

/// Something to be done.
pub(super) enum Job {
    /// Open a ledger.
    Ledger { project: PathBuf, generation: u64 },
    /// Read something.
    Want { project: PathBuf, generation: u64, want: Want },
    /// Bring a picture to the state that an event left.
    Replay { project: PathBuf, generation: u64, base: Box<Picture>, seq: u64 },
    /// Carry an order out.
    Order { project: PathBuf, run: RunId, number: u64, order: Order },
}

/// What came of a job.
pub(super) enum Answer {
    /// The ledger.
    Ledger { generation: u64, outcome: Result<Reader, String> },
    /// What was wanted.
    Want { generation: u64, want: Want, found: Found },
    /// The picture.
    Replay { generation: u64, seq: u64, outcome: Result<Box<Picture>, String> },
    /// What came of the order.
    Order { number: u64, outcome: Result<Done, String> },
}

/// What was read.
pub(super) enum Found {
    /// The runs of every project.
    Projects(Vec<ProjectRuns>),
    /// Who drives.
    Driver(Option<u32>),
    /// The backend.
    Forge(Result<Option<ForgeState>, String>),
    /// An artifact.
    Artifact(Result<Artifact, String>),
    /// Tables before and after.
    Preview(Result<(Schema, Schema), String>),
    /// How files differ.
    Changes(Result<Vec<FileDiff>, String>),
}

/// Whoever does the jobs. It ends when it is dropped, after the job it is at.
pub(super) struct Worker {
    jobs: SyncSender<Job>,
}

struct Bench {
    control: Box<dyn Control>,
    /// Runs as they were last read.
    digests: Vec<RunDigest>,
    /// The ledger that was read last.
    open: Option<(PathBuf, Reader)>,
}

impl Worker {
    pub(super) fn new(control: Box<dyn Control>, sender: SyncSender<Message>) -> Self {
        let (jobs, waiting) = sync_channel(JOBS_MAX);
        thread::spawn(move || {
            let died = Watchman::new("reads for the screen", sender.clone());
            Bench { control, digests: Vec::new(), open: None }.work(&waiting, &sender);
            died.dismiss();
        });
        Self { jobs }
    }

    /// Adds a job; `false` where too many wait.
    pub(super) fn send(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

impl Bench {
    fn work(&mut self, waiting: &Receiver<Job>, sender: &SyncSender<Message>) {
        while let Ok(job) = waiting.recv() {
            let answer = self.answer(job);
            if sender.send(Message::Answer(answer)).is_err() {
                return; // The screen is gone.
            }
        }
    }

    fn answer(&mut self, job: Job) -> Answer {
        match job {
            Job::Ledger { project, generation } => {
                self.open = None;
                Answer::Ledger { generation, outcome: self.reader(&project).cloned() }
            }
            Job::Want { project, generation, want } => {
                let found = self.find(&project, &want);
                Answer::Want { generation, want, found }
            }
            Job::Replay { project, generation, base, seq } => {
                let outcome = self.replay(&project, base, seq);
                Answer::Replay { generation, seq, outcome }
            }
            Job::Order { project, run, number, order } => {
                Answer::Order { number, outcome: self.control.carry_out(&project, &run, &order) }
            }
        }
    }

    fn reader(&mut self, project: &Path) -> Result<&Reader, String> {
        if self.open.as_ref().is_none_or(|(open, _)| open != project) {
            self.open = Some((project.to_owned(), self.control.ledger(project)?));
        }
        self.open.as_ref().map(|(_, reader)| reader).ok_or_else(|| "there is no ledger".to_owned())
    }

    fn find(&mut self, project: &Path, want: &Want) -> Found {
        match want {
            Want::Projects => Found::Projects(self.projects()),
            Want::Driver => Found::Driver(self.control.driver(project)),
            Want::Forge => Found::Forge(self.control.forge(project)),
            Want::Artifact { id, read } => Found::Artifact(self.artifact(project, id, *read)),
            Want::Preview { input } => Found::Preview(self.preview(project, input)),
            Want::Changes { stretch } => {
                let changes = self.control.changes(project, stretch);
                Found::Changes(changes.map(|changes| changes.iter().map(compare).collect()))
            }
        }
    }

    fn replay(&mut self, project: &Path, mut base: Box<Picture>, seq: u64) -> Result<Box<Picture>, String> {
        let reader = self.reader(project)?;
        let run = base.run.id.clone();
        while base.seq() < seq && base.disorder.is_none() {
            let page = reader.events(&run, base.seq()).map_err(told)?;
            if page.events.is_empty() {
                return Err("there is no such event".to_owned());
            }
            for recorded in page.events.iter().take_while(|recorded| recorded.seq <= seq) {
                base.apply(recorded);
            }
        }
        Ok(base)
    }

    fn artifact(&mut self, project: &Path, id: &ArtifactId, read: As) -> Result<Artifact, String> {
        let bytes = self.reader(project)?.artifact(id).map_err(told)?;
        let json = |error: serde_json::Error| format!("it cannot be read: {error}");
        Ok(match read {
            As::Proposal => Artifact::Proposal(serde_json::from_slice(&bytes).map_err(json)?),
            As::Verdict => Artifact::Verdict(serde_json::from_slice(&bytes).map_err(json)?),
            As::Text => Artifact::Text(text(&bytes)),
        })
    }

    fn preview(&mut self, project: &Path, input: &ArtifactId) -> Result<(Schema, Schema), String> {
        let bytes = self.reader(project)?.artifact(input).map_err(told)?;
        self.control.preview(project, &String::from_utf8_lossy(&bytes))
    }

    fn projects(&mut self) -> Vec<ProjectRuns> {
        let mut left = RUNS_MAX;
        let mut projects = Vec::new();
        for root in self.control.projects().into_iter().take(PROJECTS_MAX) {
            let runs = self.runs(&root, left);
            left -= runs.as_ref().map_or(0, Vec::len);
            projects.push(ProjectRuns { driver: self.control.driver(&root), root, runs });
        }
        projects
    }

    fn runs(&mut self, root: &Path, runs_max: usize) -> Result<Vec<RunDigest>, String> {
        let opened;
        let reader = match &self.open {
            Some((open, reader)) if open == root => reader,
            Some(_) | None => {
                opened = self.control.ledger(root)?;
                &opened
            }
        };
        let mut digests = Vec::new();
        for (at, row) in reader.runs().map_err(told)?.into_iter().take(runs_max).enumerate() {
            let known = self.digests.iter().find(|known| known.id == row.id);
            let digest = match known.filter(|known| known.events == row.seq) {
                Some(known) => known.clone(),
                None if at < DIGESTS_MAX => digest(reader, row, known),
                None => named(row),
            };
            digests.push(digest);
        }
        self.digests.retain(|known| !digests.iter().any(|digest| digest.id == known.id));
        let read = digests.iter().take(DIGESTS_MAX).cloned();
        self.digests.extend(read.take(RUNS_MAX.saturating_sub(self.digests.len())));
        Ok(digests)
    }
}

/// A run of which only the name is known.
fn named(row: RunRow) -> RunDigest {
    let RunRow { id, started_ms, seq } = row;
    RunDigest { id, started_ms, events: seq, document: None, end: None, last_ms: None }
}

/// A run in a line: its first event says what it is about, its last ones how it stands.
fn digest(reader: &Reader, row: RunRow, known: Option<&RunDigest>) -> RunDigest {
    let mut digest = named(row);
    digest.document = match known.and_then(|known| known.document.clone()) {
        Some(document) => Some(document),
        None => reader.events(&digest.id, 0).ok().and_then(|page| match page.events.first()?.event {
            Event::RunStarted(ref started) => Some(started.document_name.clone()),
            _ => None,
        }),
    };
    let Ok(last) = reader.events(&digest.id, digest.events.saturating_sub(LOOK_BACK)) else { return digest };
    digest.last_ms = last.events.last().map(|recorded| recorded.at_ms);
    // After a stop there may be commands and drivers; anything else, and the run goes on.
    digest.end = last.events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::CommandTaken { .. } | Event::Attached { .. } => None,
        Event::RunStopped { stop } => {
            Some(RunEnd::Stopped(loki_engine::receipt::verdict(stop).replace('_', " ")))
        }
        _ => Some(RunEnd::Open),
    });
    digest
}

/// JSON laid out, or the text itself; the beginning where it is long.
fn text(bytes: &[u8]) -> String {
    let laid_out = serde_json::from_slice::<serde_json::Value>(bytes)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
    if laid_out.len() <= TEXT_BYTES_MAX {
        return laid_out;
    }
    let mut end = TEXT_BYTES_MAX;
    while !laid_out.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… {} bytes more", &laid_out[..end], laid_out.len() - end)
}

/// An error with everything below it.
fn told(error: loki_ledger::LedgerError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
