//! Every operation there is, whoever defines it: those on runs, those of the program, and Forge's.

use std::sync::LazyLock;

use forge_ops::Forge;
use loki_engine::operations::{self, OperationError, Place};
use loki_operation::{Answer, Info};
use serde_json::Value;

use super::program::{self, Act};

/// An operation, and who carries it out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// How doors tell of it.
    pub(super) info: Info,
    /// Who carries it out.
    pub(super) source: Source,
}

/// Who carries an operation out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// The engine, on the ledger and the files.
    Run(fn(&Place, &Value) -> Result<Answer, OperationError>),
    /// The program around it.
    Program(Act),
    /// Forge.
    Forge,
}

impl Entry {
    /// Whether it can be the first thing that happens in a project.
    pub(super) fn begins_a_project(&self) -> bool {
        matches!(self.info.name, "loki_start_project" | "loki_task_queue_add")
    }
}

/// Every operation, in the order in which they are told of.
pub(super) fn all() -> &'static [Entry] {
    &ALL
}

/// Forge's operations that can be carried out, as every door offers them: what the loop acts with.
pub(crate) fn forge_operations() -> impl Iterator<Item = &'static Info> {
    let is_forge = |entry: &&Entry| matches!(entry.source, Source::Forge) && entry.info.is_here();
    ALL.iter().filter(is_forge).map(|entry| &entry.info)
}

/// Every operation as doors tell of it, those that are not there yet too.
pub(crate) fn infos() -> impl Iterator<Item = &'static Info> {
    ALL.iter().map(|entry| &entry.info)
}

/// The groups of operations that can be carried out, in the order in which they are told of.
pub(crate) fn groups() -> Vec<&'static str> {
    let mut groups = Vec::new();
    for info in infos().filter(|info| info.is_here()) {
        if !groups.contains(&info.group) {
            groups.push(info.group);
        }
    }
    groups
}

/// The operation of this name.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.info.name == name)
}

static ALL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let program = program::ALL.iter().map(|(info, act)| Entry { info: *info, source: Source::Program(*act) });
    let runs = operations::all().iter();
    let runs = runs.map(|operation| Entry { info: operation.info, source: Source::Run(operation.call) });
    let forge = Forge::operations().iter();
    let forge = forge.map(|operation| Entry { info: operation.info, source: Source::Forge });
    program.chain(runs).chain(forge).collect()
});
