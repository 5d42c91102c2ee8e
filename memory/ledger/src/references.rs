//! The artifacts that an event names.

use crate::event::{Approver, ArtifactId, CallRef, EffectKind, Event, Outcome, Wait};

/// The artifacts that must be there for the event to be whole.
pub(crate) fn artifacts(event: &Event) -> Vec<&ArtifactId> {
    match event {
        Event::RunStarted(started) => vec![&started.document, &started.requirements],
        Event::EffectIntended(intent) => of_effect(&intent.kind),
        Event::EffectEnded { outcome, .. } => of_outcome(outcome),
        Event::WaitOpened(Wait::Approval { proposal, .. }) => vec![proposal],
        Event::WaitOpened(Wait::Timer { .. })
        | Event::Attached { .. }
        | Event::IterationStarted { .. }
        | Event::PhaseStarted { .. }
        | Event::EffectRetried { .. }
        | Event::EffectRolledBack { .. }
        | Event::PhaseEnded { .. }
        | Event::WaitEnded { .. }
        | Event::CommandTaken { .. }
        | Event::FilesEdited { .. }
        | Event::Overdrawn { .. }
        | Event::Reopened { .. }
        | Event::RunStopped { .. } => Vec::new(),
    }
}

fn of_effect(kind: &EffectKind) -> Vec<&ArtifactId> {
    match kind {
        EffectKind::Turn { request } => vec![request],
        EffectKind::Tool { call: CallRef { input, .. }, .. }
        | EffectKind::Refuse { call: CallRef { input, .. }, .. } => vec![input],
        EffectKind::Council { proposal, .. } => vec![proposal],
        EffectKind::Approve { by: Approver::Council { verdict }, .. } => vec![verdict],
        EffectKind::Approve { by: Approver::Person { .. }, .. }
        | EffectKind::Snapshot
        | EffectKind::Compare
        | EffectKind::Gate { .. }
        | EffectKind::Receipt { .. } => Vec::new(),
    }
}

fn of_outcome(outcome: &Outcome) -> Vec<&ArtifactId> {
    match outcome {
        Outcome::Turn { turn, calls, .. } => {
            std::iter::once(turn).chain(calls.iter().map(|call| &call.input)).collect()
        }
        Outcome::Tool { output, .. } => vec![output],
        Outcome::Activated { skill, output, .. } => vec![&skill.snapshot, output],
        Outcome::Review { proposal, .. } => vec![proposal],
        Outcome::Council { verdict, .. } => vec![verdict],
        Outcome::Gate { facts, report, .. } => std::iter::once(facts).chain(report).collect(),
        Outcome::Receipt { receipt } => vec![receipt],
        Outcome::Snapshot { .. }
        | Outcome::Planned { .. }
        | Outcome::Claimed { .. }
        | Outcome::Noted { .. }
        | Outcome::Approved
        | Outcome::Compared { .. }
        | Outcome::Failed { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
