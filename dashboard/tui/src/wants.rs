//! What is still to be read for the view on the screen. Pure.

use loki_ledger::event::ArtifactId;

use crate::data::{As, Data, Stretch};
use crate::model::Picture;
use crate::state::{State, View};
use crate::view::{changes, council, gates};

/// After so long the runs of all projects are read anew while they are looked at.
const RUNS_MS: i64 = 3_000;

/// After so long it is looked again who drives the run.
const DRIVER_MS: i64 = 2_000;

/// After so long the backend is read anew while it is looked at.
const FORGE_MS: i64 = 5_000;

/// After so long files are compared anew while that is looked at.
const CHANGES_MS: i64 = 15_000;

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The runs of every project.
    Projects,
    /// Who drives the run.
    Driver,
    /// The backend.
    Forge,
    /// An artifact.
    Artifact {
        /// Its name.
        id: ArtifactId,
        /// What it is read as.
        read: As,
    },
    /// The tables before and after a call with this input.
    Preview {
        /// The input.
        input: ArtifactId,
    },
    /// How files changed.
    Changes {
        /// Over which stretch.
        stretch: Stretch,
    },
}

/// What is to be read now.
pub fn wants(state: &State, picture: Option<&Picture>, data: &Data, now_ms: i64) -> Vec<Want> {
    let mut wants = Vec::new();
    let due = |read_ms: Option<i64>, every_ms: i64| read_ms.is_some_and(|at| now_ms - at >= every_ms);
    let runs = &data.projects;
    if runs.is_unasked() || state.view == View::Runs && due(runs.at_ms(), RUNS_MS) {
        wants.push(Want::Projects);
    }
    let Some(picture) = picture else { return wants };
    let is_open = picture.run.stopped.is_none();
    if data.driver.is_unasked() || is_open && due(data.driver.at_ms(), DRIVER_MS) {
        wants.push(Want::Driver);
    }
    match state.view {
        View::Forge if data.forge.is_unasked() || due(data.forge.at_ms(), FORGE_MS) => {
            wants.push(Want::Forge)
        }
        View::Council => of_council(state, picture, data, &mut wants),
        View::Gates => {
            if let Some(seen) = gates::chosen(picture, state.place().cursor) {
                artifact(data, &mut wants, &seen.facts, As::Text);
                if let Some(report) = &seen.report {
                    artifact(data, &mut wants, report, As::Text);
                }
            }
        }
        View::Changes => {
            if let Some(stretch) = changes::chosen(picture, state.stretch).map(|chosen| chosen.stretch) {
                let known = data.changes.as_ref().filter(|(known, _)| *known == stretch);
                // Between two snapshots nothing changes any more.
                let may_change = stretch.until.is_none();
                if known.is_none_or(|(_, changes)| may_change && due(changes.at_ms(), CHANGES_MS)) {
                    wants.push(Want::Changes { stretch });
                }
            }
        }
        View::Runs | View::Run | View::Forge | View::Cost | View::Memory | View::Log | View::Help => {}
    }
    wants
}

fn of_council(state: &State, picture: &Picture, data: &Data, wants: &mut Vec<Want>) {
    let Some(subject) = council::chosen(picture, state.place().cursor) else { return };
    if let Some(seen) = picture.council(subject) {
        artifact(data, wants, &seen.verdict, As::Verdict);
    }
    let Some(seen) = picture.proposal(subject) else { return };
    artifact(data, wants, &seen.proposal, As::Proposal);
    if !data.previews.contains_key(&seen.input) {
        wants.push(Want::Preview { input: seen.input.clone() });
    }
}

fn artifact(data: &Data, wants: &mut Vec<Want>, id: &ArtifactId, read: As) {
    if !data.artifacts.contains_key(id) {
        wants.push(Want::Artifact { id: id.clone(), read });
    }
}
