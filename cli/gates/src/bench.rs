//! What the gates of one verification share: a clean copy of the files, what is recognised in it, and the
//! dependencies installed in it.
//!
//! A copy is made when the first gate has something to run, and is used as long as the work tree's hash is
//! the copy's and no gate judges a second time. After each judgement the work tree is hashed again: what
//! changed while it was judged was not judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_engine::tool::Judgement;
use loki_engine::worktree::{Worktree, WorktreeError};
use loki_ledger::event::Verdict;
use tokio::task::spawn_blocking;

use crate::account::{Run, Said};
use crate::checkout::{Checkout, CheckoutError, Whose, place};
use crate::confined::{Ended, Hands, Place, Task, Unable, told};
use crate::project::{Project, Step, Tree, TreeError};

/// Seconds that installing what a part depends on may take.
const INSTALL_SECONDS_MAX: u64 = 900;

/// Words by which package managers say that they cannot reach a registry.
const UNREACHABLE: &[&str] = &[
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "Could not resolve host",
    "Unknown host",
    "name resolution",
    "Failed to establish a new connection",
    "no such host",
    "connection refused",
    "Connection refused",
    "dns error",
    "Tunnel connection failed",
    "CONNECT tunnel failed",
];

/// The commands that the user's own settings name. One that is there replaces whatever is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// Builds the project; a line for the shell, as are the others.
    pub build: Option<String>,
    /// Tests it.
    pub test: Option<String>,
    /// Lints it, or checks its types.
    pub lint: Option<String>,
    /// Starts it, where it answers requests.
    pub start: Option<String>,
}

/// What the gates of one verification share.
pub(crate) struct Bench {
    pub(crate) worktree: Worktree,
    pub(crate) state: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) commands: Commands,
    /// What runs commands, or why nothing does.
    pub(crate) hands: Result<Arc<dyn Hands>, String>,
    /// The copy in use.
    pub(crate) session: Option<Session>,
}

/// A clean copy, and what is known about it.
pub(crate) struct Session {
    checkout: Checkout,
    hands: Arc<dyn Hands>,
    state: PathBuf,
    /// What is recognised in the copy: ignored files are not in it.
    pub(crate) project: Project,
    judged: BTreeSet<&'static str>,
    installed: BTreeMap<usize, Option<Run>>,
}

/// Why there is no copy to judge.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("failed to read the work tree")]
    Worktree(#[from] WorktreeError),
    #[error("failed to make a clean copy of the files")]
    Checkout(#[from] CheckoutError),
    #[error("failed to look at the project's files")]
    Tree(#[from] TreeError),
    #[error("failed to wait for work on files")]
    Lost(#[from] tokio::task::JoinError),
}

impl Bench {
    /// What is recognised in the work tree itself: whether there is anything to run is seen without a copy.
    pub(crate) async fn look(&self) -> Result<Project, Judgement> {
        let tree = Tree::new(&self.root);
        let looked = async { Ok::<_, BenchError>(spawn_blocking(move || tree.project()).await??) };
        looked.await.map_err(|error| inconclusive(&told(&error)))
    }

    /// A clean copy to judge; for `gate`, which has not judged in it yet.
    pub(crate) async fn enter(&mut self, gate: &'static str) -> Result<&mut Session, Judgement> {
        let hands = match &self.hands {
            Ok(hands) => Arc::clone(hands),
            Err(why) => return Err(inconclusive(&format!("commands cannot be run here: {why}"))),
        };
        let kept = match self.session.take() {
            Some(session) if !session.judged.contains(gate) => self.unless_stale(session).await,
            Some(session) => {
                close(session).await;
                None
            }
            None => None,
        };
        let session = match kept {
            Some(session) => session,
            None => self.open(hands).await.map_err(|error| inconclusive(&told(&error)))?,
        };
        let session = self.session.insert(session);
        session.judged.insert(gate);
        Ok(session)
    }

    /// Hands a judgement on, unless the files changed while it was made.
    pub(crate) async fn leave(&mut self, judgement: Judgement) -> Judgement {
        let Some(session) = self.session.take() else { return judgement };
        match self.unless_stale(session).await {
            Some(session) => {
                self.session = Some(session);
                judgement
            }
            None => {
                let why = "the project's files changed while they were judged: what was seen is out of date";
                Judgement { facts: judgement.facts, ..inconclusive(why) }
            }
        }
    }

    /// Takes the copy away.
    pub(crate) async fn clear(&mut self) {
        if let Some(session) = self.session.take() {
            close(session).await;
        }
    }

    async fn unless_stale(&self, session: Session) -> Option<Session> {
        let worktree = self.worktree.clone();
        let tree = spawn_blocking(move || worktree.tree()).await;
        // A work tree that cannot be read may well have changed.
        if tree.is_ok_and(|tree| tree.is_ok_and(|tree| tree == session.checkout.tree())) {
            return Some(session);
        }
        close(session).await;
        None
    }

    async fn open(&self, hands: Arc<dyn Hands>) -> Result<Session, BenchError> {
        let (worktree, state) = (self.worktree.clone(), self.state.clone());
        let opened = spawn_blocking(move || {
            let checkout = Checkout::make(&worktree, &state)?;
            let project = Tree::new(checkout.path()).project()?;
            Ok::<_, BenchError>((checkout, project))
        });
        let (checkout, project) = opened.await??;
        let state = self.state.clone();
        Ok(Session { checkout, hands, state, project, judged: BTreeSet::new(), installed: BTreeMap::new() })
    }
}

impl Session {
    /// The hash of the files that are judged.
    pub(crate) fn tree(&self) -> &str {
        self.checkout.tree()
    }

    /// Where the copy is.
    pub(crate) fn path(&self) -> &Path {
        self.checkout.path()
    }

    /// What runs commands.
    pub(crate) fn hands(&self) -> Arc<dyn Hands> {
        Arc::clone(&self.hands)
    }

    /// Where commands run.
    pub(crate) fn place(&self, whose: Whose) -> Place {
        place(&self.state, self.checkout.path(), whose)
    }

    /// Installs what a part depends on, once. What is returned is the command that failed.
    pub(crate) async fn install(&mut self, part: usize) -> Option<Run> {
        if !self.installed.contains_key(&part) {
            let failed = self.install_now(part).await;
            self.installed.insert(part, failed);
        }
        self.installed.get(&part).cloned().flatten()
    }

    /// Installs what every part depends on. What is returned is the first command that failed.
    pub(crate) async fn install_all(&mut self) -> Option<Run> {
        for part in 0..self.project.parts.len() {
            if let Some(failed) = self.install(part).await {
                return Some(failed);
            }
        }
        None
    }

    async fn install_now(&self, part: usize) -> Option<Run> {
        let part = self.project.parts.get(part)?;
        for step in &part.install {
            let run = self.run(&part.name(), &part.folder, step, INSTALL_SECONDS_MAX).await;
            if run.said != Said::Ended(0) {
                return Some(if_unreachable(run));
            }
        }
        None
    }

    /// Runs a command of the project.
    pub(crate) async fn run(&self, part: &str, folder: &str, step: &Step, seconds_max: u64) -> Run {
        let task = Task { command: step.command.clone(), folder: folder.to_owned(), seconds_max };
        let ran = self.hands.run(&self.place(Whose::Gates), &task).await;
        Run::of(part, step, seconds_max, ran).at_home_in(self.checkout.path())
    }
}

/// The same, except that a command which failed since it could not reach a registry says nothing about the
/// project. Only for commands that ran none of its tests, which may speak of connections for their own reasons.
pub(crate) fn if_unreachable(run: Run) -> Run {
    let Said::Ended(code) = run.said else { return run };
    if code == 0 || !UNREACHABLE.iter().any(|word| run.output.contains(word)) {
        return run;
    }
    let why = format!(
        "a package registry could not be reached (exit code {code}): the sandbox's policy must let commands \
         reach it, as the preset `build` does"
    );
    Run { said: Said::Unable(why), ..run }
}

/// How a command ended, in words for whoever must see to it, where that says nothing about the project.
pub(crate) fn said(step: &Step, end: Ended, seconds_max: u64) -> Said {
    let program = step.command.first().map_or("", String::as_str);
    match end {
        // The shell says so where a program of a line is not there, or is none.
        Ended::Code(code @ (126 | 127)) if step.is_shell() => {
            Said::Unable(format!("a program of it could not be started (exit code {code}): install it"))
        }
        Ended::Code(code) => Said::Ended(code),
        Ended::NotStarted => {
            let what =
                "install it where the sandbox's policy lets it run, or name another command in the settings";
            Said::Unable(format!("`{program}` could not be started: {what}"))
        }
        Ended::Slow => Said::Unable(format!("it did not end within {seconds_max} s or the policy's limit")),
        Ended::Limit(key) => Said::Unable(format!("it reached the sandbox's limit `{key}`")),
        Ended::Stopped => Said::Unable("it was stopped".to_owned()),
    }
}

/// Why a command could not be run at all, in words.
pub(crate) fn not_run(unable: &Unable) -> Said {
    Said::Unable(format!("it could not be run: {}", unable.0))
}

/// A judgement that nothing could be found out.
pub(crate) fn inconclusive(why: &str) -> Judgement {
    Judgement::new(Verdict::Inconclusive, why)
}

/// A judgement that there is nothing to judge.
pub(crate) fn not_applicable(why: &str) -> Judgement {
    Judgement::new(Verdict::NotApplicable, why)
}

async fn close(session: Session) {
    // Removing it can take a while. If the runtime ends meanwhile, the next process removes it.
    drop(spawn_blocking(move || drop(session)).await);
}
