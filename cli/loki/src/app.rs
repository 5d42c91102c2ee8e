//! Wires the parts together: the one place that knows them all.
//!
//! The engine knows no Forge and Forge knows no engine; here one is handed to the other.

mod agents;
mod commit;
pub(crate) mod decisions;
pub(crate) mod desk;
pub(crate) mod doors;
pub(crate) mod drivers;
mod error;
mod forge;
mod gates;
pub(crate) mod judge;
mod preflight;
pub(crate) mod servers;
pub(crate) mod serving;
pub(crate) mod skills;
mod smoke;
mod staged;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_detect::Requirements;
use loki_blueprint::{Blueprint, Existing, MIGRATIONS, MigrationFile, plan};
use loki_engine::council::reviewers;
use loki_engine::iteration::{Attended, REVIEW};
use loki_engine::operations::Place;
use loki_engine::receipt::{self, Signer};
use loki_engine::tool::{Briefing, Case, Gate, Tool};
use loki_engine::worktree::Worktree;
use loki_engine::{Edits, Engine, Observer};
use loki_ledger::event::{ArtifactId, Event, Limits, Phase, RunId, RunStarted, VERSION, Verdict};
use loki_ledger::run::Run;
use loki_ledger::{Ledger, Reader};
use loki_provider::Provider;
use loki_skills::Catalog;
use loki_store::{Clock, SystemClock, Timestamp, replace_file};
use loki_tools::Processes;
use loki_tools::files::Project;

use crate::config::Config;
use crate::context::Context;
use crate::error::CommandError;

pub(crate) use error::AppError;
use forge::{LazyForge, Summary};
use gates::signin::SignIn;
use servers::Servers;
use serving::beside::Beside;
use serving::values::Values;
use staged::Staged;
pub(crate) use work::Work;

/// A project, with everything needed to work on it.
pub(crate) struct App {
    root: PathBuf,
    state: PathBuf,
    clock: Arc<dyn Clock>,
    forge: Arc<LazyForge>,
    /// `None` where nothing but Forge is worked with.
    work: Option<Work>,
    /// What a model's commands started to go on.
    processes: Processes,
    /// MCP servers of others; none where no run is driven.
    servers: Servers,
    /// The backend served beside a run; `None` where no run is driven.
    beside: Option<Arc<Beside>>,
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
    /// What it lists to be done, item by item, where it is such a list.
    pub(crate) checklist: Vec<String>,
}

/// Whether a model writes (or wrote) the application of a run.
pub(crate) fn by_model(run: &Run) -> bool {
    let names = |started: &RunStarted| {
        started.gates.iter().any(|gate| loki_gates::PROJECT_GATES.contains(&gate.as_str()))
    };
    run.started.as_ref().is_some_and(names)
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
        Self {
            root: root.to_owned(),
            state: state.to_owned(),
            clock,
            forge,
            work: None,
            processes: Processes::default(),
            servers: Servers::default(),
            beside: None,
        }
    }

    /// The project a command is about, to look at.
    pub(crate) fn of(context: &Context) -> Self {
        let app = Self::new(context.project.root(), &context.project.state_dir(), Arc::new(SystemClock));
        app.forge.heed(context);
        app
    }

    /// The project a command is about, to judge what is there.
    pub(crate) fn to_judge(context: &Context) -> Result<Self, CommandError> {
        Ok(Self { work: Some(Work::to_judge(context)?), ..Self::of(context) })
    }

    /// The project a command is about, to work on it with the models that are configured.
    pub(crate) fn to_drive(context: &Context) -> Result<Self, CommandError> {
        let app = Self::of(context);
        let work = Work::to_drive(context, &app.clock)?;
        let beside =
            Arc::new(Beside::new(&app.state.join("forge"), context.config()?, context.environment.all()));
        let servers = work.servers(context);
        Ok(Self { work: Some(work), beside: Some(beside), servers, ..app })
    }

    /// The `.loki` folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The newest run.
    pub(crate) fn latest(&self, reader: &Reader) -> Result<Option<Run>, AppError> {
        match reader.runs()?.first() {
            Some(newest) => Ok(Some(reader.fold(&newest.id)?)),
            None => Ok(None),
        }
    }

    /// The project that operations on runs are about.
    pub(crate) fn place(&self) -> Place {
        Place { root: self.root.clone(), state: self.state.clone(), clock: Arc::clone(&self.clock) }
    }

    /// The project's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The run that a command names, by its name or the beginning of it; the newest where it names none.
    pub(crate) fn run(&self, named: Option<&str>) -> Result<(Reader, Run), AppError> {
        Ok(self.place().run(named)?)
    }

    /// Takes the file `PAUSE` away, which would pause the run again.
    pub(crate) fn lift_pause(&self) -> Result<(), AppError> {
        let file = self.state.join("PAUSE");
        if file.exists() {
            fs::remove_file(&file).map_err(|source| AppError::Write { path: file, source })?;
        }
        Ok(())
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
            .enable_all()
            .build()
            .map_err(|source| AppError::Write { path: self.state.clone(), source })?;
        let gates = self.gates(&job.requirements, by_model(run));
        let asked = run.started.as_ref().map_or(&[][..], |started| &started.gates);
        let case = Case {
            base: run.snapshots.first().map(|snapshot| snapshot.commit.clone()),
            document: String::from_utf8_lossy(&job.document).into_owned(),
            checklist: run.checklist.clone(),
            allowance_micro_usd: Some(0),
        };
        // What was missing then and is there now, or the other way round, is worth a run that says so.
        let known = |name: &str| run.gates.iter().find(|gate| gate.gate == name).map(|gate| &gate.gaps);
        let all = async {
            for name in asked.iter().filter(|name| *name != REVIEW) {
                let Some(gate) = gates.iter().find(|gate| gate.id() == name) else { return false };
                let judged = gate.judge(&case).await;
                let passes = matches!(judged.verdict, Verdict::Pass | Verdict::NotApplicable);
                if !passes || known(name).is_some_and(|gaps| *gaps != judged.gaps) {
                    return false;
                }
            }
            true
        };
        Ok(receipt.exists() && runtime.block_on(all))
    }

    /// The ledger, for reading only; `None` where no run ever started.
    pub(crate) fn reader(&self) -> Result<Option<Reader>, AppError> {
        Ok(self.place().reader()?)
    }

    /// Everything a run of this job is driven with. Takes the project's lock.
    ///
    /// `goes_on` is the run that goes on; `None`: a new one is to begin.
    pub(crate) fn engine(
        &self,
        requirements: &Arc<Requirements>,
        goes_on: Option<&RunStarted>,
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
            provider: self.provider(requirements, goes_on)?,
            tools: self.tools(requirements, self.has_model())?,
            briefings: self.briefings(),
            skills: self.skills(requirements, self.has_model()),
            gates: self.gates(requirements, self.has_model()),
            reviewers: reviewers::deterministic(),
            advocate: reviewers::advocate(),
            signer: Signer::open(&self.key())?,
            edits: self.model().map(|_| Edits::new(&self.worktree())),
            attended,
            clock: Arc::clone(&self.clock),
            observer: self.serving(self.ending_processes(observer)),
        })
    }

    /// Whatever was started to go on ends with the phase that started it: gates must not see it.
    fn ending_processes(&self, observer: Observer) -> Observer {
        let (processes, servers) = (self.processes.clone(), self.servers.clone());
        Box::new(move |recorded, run| {
            if let Event::PhaseEnded { phase: Phase::Act, .. } | Event::RunStopped { .. } = &recorded.event
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                let (processes, servers) = (processes.clone(), servers.clone());
                runtime.spawn(async move {
                    processes.end_all().await;
                    servers.end_all().await;
                });
            }
            observer(recorded, run);
        })
    }

    /// The backend is served from when there is one to the end of the process.
    fn serving(&self, observer: Observer) -> Observer {
        let Some(beside) = self.beside.clone() else { return observer };
        Box::new(move |recorded, run| {
            if let Event::Attached { .. } | Event::PhaseEnded { phase: Phase::Act, .. } = &recorded.event {
                beside.ensure();
            }
            observer(recorded, run);
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
            acts: engine.provider.as_ref().is_some_and(|provider| provider.acts()),
            backend_first: engine.provider.as_ref().is_some_and(|provider| provider.exact(1)),
            gates: self.gate_names(&job.requirements),
            checklist: job.checklist.clone(),
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

    /// Everything that can judge a run of this job. `by_model`: a model writes its application.
    pub(crate) fn gates(&self, requirements: &Arc<Requirements>, by_model: bool) -> Vec<Arc<dyn Gate>> {
        let mut all = gates::backend(
            &self.forge,
            &self.clock,
            requirements,
            self.migration_files(),
            by_model,
            self.signin(),
        );
        all.extend(self.application_gates());
        all
    }

    /// What is known of the values that sign-in needs of a person.
    fn signin(&self) -> SignIn {
        let (config, environment) = match &self.work {
            Some(work) => (work.config().clone(), work.environment().all()),
            None => (Config::defaults(), BTreeMap::new()),
        };
        SignIn::new(&config, Values::new(environment, &self.state.join("forge")))
    }

    /// Everything that can judge an application.
    pub(crate) fn application_gates(&self) -> Vec<Arc<dyn Gate>> {
        match &self.work {
            Some(work) => gates::application(self.worktree(), &self.root, &self.state, work),
            None => Vec::new(),
        }
    }

    /// The gates that a new run of this job must pass, in order.
    fn gate_names(&self, requirements: &Requirements) -> Vec<String> {
        let mut names: Vec<&str> = Vec::new();
        if self.builds_a_backend(requirements) || self.model().is_none() {
            names.extend(gates::BACKEND);
        }
        if let Some(work) = self.work.as_ref().filter(|work| work.provider().is_some()) {
            names.extend(gates::application_names());
            names.extend(work.reviews().then_some(REVIEW));
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// Whether a model is configured.
    pub(crate) fn has_model(&self) -> bool {
        self.model().is_some()
    }

    /// The name of who writes the application; `None` where no model is configured.
    pub(crate) fn model_name(&self) -> Option<&str> {
        self.model().map(|model| model.name())
    }

    /// Who writes the application; `None` where no model is configured.
    fn model(&self) -> Option<&Arc<dyn Provider>> {
        self.work.as_ref().and_then(Work::provider)
    }

    /// What every prompt of this project tells.
    pub(crate) fn briefings(&self) -> Vec<Arc<dyn Briefing>> {
        vec![Arc::new(Summary(Arc::clone(&self.forge)))]
    }

    /// What a provider can act with. A project without a backend gets no tool of Forge. `by_model`: a model
    /// writes the application, and needs to run commands.
    pub(crate) fn tools(
        &self,
        requirements: &Requirements,
        by_model: bool,
    ) -> Result<Vec<Arc<dyn Tool>>, AppError> {
        let mut tools = Vec::new();
        if self.builds_a_backend(requirements) || self.work.is_none() {
            tools.extend(forge::tools(&self.forge));
        }
        // A model that cannot run commands confined gets none; the gates say why.
        let workshop = self.work.as_ref().filter(|_| by_model).and_then(|work| work.workshop().ok());
        let project = Project::open(&self.root).map_err(|source| AppError::Project { source })?;
        tools.extend(loki_tools::tools(&project, workshop.as_ref(), &self.processes));
        if by_model {
            tools.extend(self.servers.tools(&tools));
        }
        Ok(tools)
    }

    /// The skills that a model may take up: how to work with a backend is told where there is to be one.
    pub(crate) fn skills(&self, requirements: &Requirements, by_model: bool) -> Catalog {
        match self.work.as_ref().filter(|_| by_model) {
            Some(work) => work.skills(self.builds_a_backend(requirements)),
            None => Catalog::default(),
        }
    }

    /// Where the key that signs receipts is kept.
    pub(crate) fn key(&self) -> PathBuf {
        self.state.join("keys/receipt.ed25519")
    }

    /// Whether the document, or the project's own migrations, ask for a backend.
    fn builds_a_backend(&self, requirements: &Requirements) -> bool {
        !requirements.none || !self.migration_files().is_empty()
    }

    /// Who works on this job. The blueprint makes backends; what is beyond them takes a model.
    fn provider(
        &self,
        requirements: &Requirements,
        goes_on: Option<&RunStarted>,
    ) -> Result<Option<Arc<dyn Provider>>, AppError> {
        let files = self.migration_files();
        let backend = !requirements.none || !files.is_empty();
        let Some(model) = self.model() else {
            let blueprint = || Arc::new(Blueprint::new(requirements.clone(), files)) as Arc<dyn Provider>;
            return Ok(backend.then(blueprint));
        };
        let first = match goes_on {
            Some(started) => started.backend_first,
            None => backend && self.backend_is_open(requirements, &files)?,
        };
        Ok(Some(match first {
            true => Arc::new(Staged::new(Blueprint::new(requirements.clone(), files), Arc::clone(model))),
            false => Arc::clone(model),
        }))
    }

    /// Whether something of the backend is still to be made.
    fn backend_is_open(
        &self,
        requirements: &Requirements,
        files: &[MigrationFile],
    ) -> Result<bool, AppError> {
        let existing = self.existing()?;
        let pending = files.iter().any(|file| !existing.migrations.contains(&file.name));
        Ok(pending || !plan(requirements, &existing).checklist.is_empty())
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
