//! Wires the parts together: the one place that knows them all.
//!
//! The engine knows no Forge and Forge knows no engine; here one is handed to the other.

mod error;
mod forge;
mod gates;
mod preflight;
#[cfg(test)]
mod tests;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_detect::Requirements;
use loki_blueprint::{Blueprint, Existing, MIGRATIONS};
use loki_engine::council::reviewers;
use loki_engine::iteration::Attended;
use loki_engine::receipt::{self, Signer};
use loki_engine::tool::{Briefing, Gate, Tool};
use loki_engine::tools::WriteFile;
use loki_engine::worktree::Worktree;
use loki_engine::{Engine, Observer};
use loki_ledger::event::{ArtifactId, Event, Limits, RunId, RunStarted, VERSION, Verdict};
use loki_ledger::run::Run;
use loki_ledger::{Ledger, LedgerError, Reader};
use loki_provider::Provider;
use loki_store::{Clock, SystemClock, Timestamp, replace_file};

use crate::context::Context;

pub(crate) use error::AppError;
use forge::{LazyForge, Summary};
use gates::GATES;

/// A project, with everything needed to work on it.
pub(crate) struct App {
    root: PathBuf,
    state: PathBuf,
    clock: Arc<dyn Clock>,
    forge: Arc<LazyForge>,
}

/// A document and what was found in it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The document's text.
    pub(crate) document: Vec<u8>,
    /// Its file name, `-`, or `brief`.
    pub(crate) name: String,
    /// What it asks for.
    pub(crate) requirements: Arc<Requirements>,
}

impl Job {
    /// The document's hash: the name it is kept under.
    pub(crate) fn id(&self) -> ArtifactId {
        ArtifactId::of(&self.document)
    }
}

impl App {
    /// The project at `root`, whose state is kept in `state`. Touches nothing yet.
    pub(crate) fn new(root: &Path, state: &Path, clock: Arc<dyn Clock>) -> Self {
        let forge = LazyForge::new(&state.join("forge"), Arc::clone(&clock));
        Self { root: root.to_owned(), state: state.to_owned(), clock, forge }
    }

    /// The project a command is about.
    pub(crate) fn of(context: &Context) -> Self {
        Self::new(context.project.root(), &context.project.state_dir(), Arc::new(SystemClock))
    }

    /// The `.loki` folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Keeps other processes from driving a run here.
    pub(crate) fn lock(&self) -> Result<Ledger, AppError> {
        Ok(Ledger::open(&self.state, Arc::clone(&self.clock))?)
    }

    /// The newest run.
    pub(crate) fn latest(&self, reader: &Reader) -> Result<Option<Run>, AppError> {
        match reader.runs()?.first() {
            Some(newest) => Ok(Some(reader.fold(&newest.id)?)),
            None => Ok(None),
        }
    }

    /// The run that a command names, by its name or the beginning of it; the newest where it names none.
    pub(crate) fn run(&self, named: Option<&str>) -> Result<(Reader, Run), AppError> {
        let reader = self.reader()?.ok_or(AppError::NoRun)?;
        let runs = reader.runs()?;
        let mut meant = runs.iter().filter(|run| named.is_none_or(|name| run.id.as_str().starts_with(name)));
        let Some(first) = meant.next() else { return Err(AppError::NoRun) };
        let run = reader.fold(&first.id)?;
        Ok((reader, run))
    }

    /// What the backend holds, as the blueprint knows it.
    pub(crate) fn existing(&self) -> Result<Existing, AppError> {
        let Some(forge) = self.forge.existing()? else { return Ok(Existing::default()) };
        match forge.call("forge_state_dump", &serde_json::json!({})) {
            Ok(forge_ops::Outcome::Done { data, .. }) => Ok(Existing::of_state(&data)),
            Ok(forge_ops::Outcome::Review(_)) | Err(_) => Ok(Existing::default()),
        }
    }

    /// Whether what a run built is still as its gates saw it, and its receipt is there.
    pub(crate) fn still_holds(&self, job: &Job, run: &Run) -> Result<bool, AppError> {
        let receipt = receipt::folder(&self.state, run.id.as_str()).join("receipt.json");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|source| AppError::Write { path: self.state.clone(), source })?;
        let gates = self.gates(&job.requirements);
        let all = async {
            for gate in &gates {
                if gate.judge().await.verdict != Verdict::Pass {
                    return false;
                }
            }
            true
        };
        Ok(receipt.exists() && runtime.block_on(all))
    }

    /// The ledger, for reading only; `None` where no run ever started.
    pub(crate) fn reader(&self) -> Result<Option<Reader>, AppError> {
        match Reader::open(&self.state) {
            Ok(reader) => Ok(Some(reader)),
            Err(LedgerError::Absent { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything a run of this job is driven with. Takes the project's lock.
    pub(crate) fn engine(
        &self,
        requirements: &Arc<Requirements>,
        attended: Attended,
        observer: Observer,
    ) -> Result<Engine, AppError> {
        // A project that is new is looked at before anything is written, an older one under its lock.
        let is_new = !self.state.exists();
        if is_new {
            self.preflight()?;
        }
        self.prepare()?;
        let ledger = Ledger::open(&self.state, Arc::clone(&self.clock))?;
        if !is_new {
            self.preflight()?;
        }
        Ok(Engine {
            ledger,
            state: self.state.clone(),
            worktree: self.worktree(),
            provider: self.provider(requirements),
            tools: self.tools(),
            briefings: self.briefings(),
            gates: self.gates(requirements),
            reviewers: reviewers::deterministic(),
            advocate: reviewers::advocate(),
            signer: Signer::open(&self.key())?,
            attended,
            clock: Arc::clone(&self.clock),
            observer,
        })
    }

    /// Starts a run: writes down what it is about. Nothing has been done yet.
    pub(crate) fn begin(
        &self,
        engine: &Engine,
        job: &Job,
        id: RunId,
        limits: Limits,
    ) -> Result<Run, AppError> {
        let requirements =
            serde_json::to_vec(&*job.requirements).map_err(|source| AppError::Requirements { source })?;
        let started = RunStarted {
            version: VERSION,
            document: engine.ledger.put(&job.document)?,
            document_name: job.name.clone(),
            requirements: engine.ledger.put(&requirements)?,
            backend: !job.requirements.none,
            provider: engine.provider.as_ref().map(|provider| provider.name().to_owned()),
            gates: GATES.map(str::to_owned).to_vec(),
            limits,
        };
        let mut run = Run::new(id);
        engine.record(&mut run, Event::RunStarted(started))?;
        Ok(run)
    }

    /// What was detected when the run started.
    pub(crate) fn requirements(&self, reader: &Reader, run: &Run) -> Result<Arc<Requirements>, AppError> {
        let Some(started) = &run.started else { return Err(AppError::NoRun) };
        let bytes = reader.artifact(&started.requirements)?;
        let requirements =
            serde_json::from_slice(&bytes).map_err(|source| AppError::Requirements { source })?;
        Ok(Arc::new(requirements))
    }

    /// Writes `.loki/forge/required.json`: what was detected, for people and other programs. It follows
    /// from the ledger, so writing it again changes nothing.
    pub(crate) fn write_required(&self, requirements: &Requirements) -> Result<(), AppError> {
        let path = self.state.join("forge/required.json");
        let text =
            serde_json::to_vec_pretty(requirements).map_err(|source| AppError::Requirements { source })?;
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        replace_file(&path, &text, 0o644).map_err(|source| AppError::Write { path, source })
    }

    /// The project's files and their snapshots.
    pub(crate) fn worktree(&self) -> Worktree {
        Worktree::new(&self.root, &self.state)
    }

    /// What judges a run of this job.
    pub(crate) fn gates(&self, requirements: &Arc<Requirements>) -> Vec<Arc<dyn Gate>> {
        gates::gates(&self.forge, requirements, self.migration_files())
    }

    /// What every prompt of this project tells.
    pub(crate) fn briefings(&self) -> Vec<Arc<dyn Briefing>> {
        vec![Arc::new(Summary(Arc::clone(&self.forge)))]
    }

    /// What a provider can act with.
    pub(crate) fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let mut tools = forge::tools(&self.forge);
        tools.push(Arc::new(WriteFile::new(&self.root)));
        tools
    }

    /// Where the key that signs receipts is kept.
    pub(crate) fn key(&self) -> PathBuf {
        self.state.join("keys/receipt.ed25519")
    }

    /// Who works on this job: the blueprint builds backends. Without a backend there is nothing that can
    /// be done without a model.
    fn provider(&self, requirements: &Requirements) -> Option<Arc<dyn Provider>> {
        let files = self.migration_files();
        (!requirements.none || !files.is_empty())
            .then(|| Arc::new(Blueprint::new(requirements.clone(), files)) as Arc<dyn Provider>)
    }

    /// Makes the state folder, closed to others and to git.
    pub(crate) fn prepare(&self) -> Result<(), AppError> {
        let ignore = self.state.join(".gitignore");
        let attempt = || {
            // What is kept here is nobody else's: prompts, rows, keys.
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.state)?;
            if ignore.exists() { Ok(()) } else { replace_file(&ignore, b"*\n", 0o644) }
        };
        attempt().map_err(|source| AppError::Write { path: self.state.clone(), source })
    }
}
