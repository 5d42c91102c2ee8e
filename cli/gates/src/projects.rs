//! The gates that run the project's own commands.

use std::path::PathBuf;
use std::sync::Arc;

use loki_engine::tool::Gate;
use loki_engine::worktree::Worktree;
use loki_sandbox::workshop::Workshop;
use tokio::sync::Mutex;

use crate::bench::{Bench, Commands};
use crate::boots::Boots;
use crate::build::Build;
use crate::confined::Hands;
use crate::held_out::HeldOut;
use crate::lint::Lint;
use crate::suite::Suite;
use crate::{boots, build, held_out, lint, suite};

/// The names of [`project_gates`], in order.
pub const PROJECT_GATES: [&str; 5] = [build::ID, suite::ID, lint::ID, boots::ID, held_out::ID];

/// What the gates work with.
pub struct Setup {
    /// The project's files.
    pub worktree: Worktree,
    /// The project's state, the `.loki` folder. Copies of the files and the homes of commands are in it.
    pub state: PathBuf,
    /// The project's folder.
    pub root: PathBuf,
    /// What runs commands, or why nothing does. Gates that have something to run are then inconclusive.
    pub workshop: Result<Arc<Workshop>, String>,
    /// The commands that the user's settings name.
    pub commands: Commands,
}

/// The gates that run the project's own commands, confined, in a clean copy of its files. They share the
/// copy, and the last one takes it away: let them judge one after the other, in this order.
pub fn project_gates(setup: Setup) -> Vec<Arc<dyn Gate>> {
    let Setup { worktree, state, root, workshop, commands } = setup;
    let hands = workshop.map(|workshop| Arc::new(workshop) as Arc<dyn Hands>);
    gates(Bench { worktree, state, root, commands, hands, session: None })
}

fn gates(bench: Bench) -> Vec<Arc<dyn Gate>> {
    let bench = Arc::new(Mutex::new(bench));
    let shared = || Arc::clone(&bench);
    vec![
        Arc::new(Build(shared())),
        Arc::new(Suite(shared())),
        Arc::new(Lint(shared())),
        Arc::new(Boots(shared())),
        Arc::new(HeldOut(shared())),
    ]
}

#[cfg(test)]
mod tests;
