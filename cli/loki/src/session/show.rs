//! What is shown of a run while it goes on.

use loki_engine::limits;
use loki_engine::story::describe;
use loki_ledger::Reader;
use loki_ledger::event::{Command, EffectKind, Event, Outcome, Verdict};
use loki_ledger::run::Run;
use serde_json::json;

use crate::app::AppError;
use crate::error::CommandError;
use crate::ui::{Mark, Progress, Ui};

/// Follows a run by cursor.
pub(super) struct Show {
    after: u64,
    run: Run,
    progress: Option<Progress>,
}

impl Show {
    /// Shows everything that happens after `run` as it stands.
    pub(super) fn new(ui: &Ui, run: &Run) -> Self {
        let progress = (!ui.is_headless()).then(|| ui.progress());
        // A run that has only just started is shown from its first event.
        let after = if run.seq <= 1 { 0 } else { run.seq };
        let shown = if after == 0 { Run::new(run.id.clone()) } else { run.clone() };
        Self { after, run: shown, progress }
    }

    /// Shows what is new.
    pub(super) fn catch_up(&mut self, ui: &mut Ui, reader: &Reader) -> Result<(), CommandError> {
        loop {
            let page = reader.events(&self.run.id, self.after).map_err(AppError::from)?;
            for recorded in &page.events {
                self.after = recorded.seq;
                match &self.progress {
                    None => ui.event(&json!({
                        "type": "event",
                        "run": recorded.run,
                        "seq": recorded.seq,
                        "at": recorded.at().to_string(),
                        "event": recorded.event,
                    }))?,
                    Some(progress) => live(progress, &self.run, &recorded.event),
                }
                let was_low = limits::is_low(&self.run);
                self.run.apply(recorded.seq, recorded.at_ms, &recorded.event).map_err(AppError::from)?;
                if limits::is_low(&self.run) && !was_low {
                    self.alert(ui)?;
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Says, once, that most of the budget is used up.
    fn alert(&self, ui: &mut Ui) -> Result<(), CommandError> {
        let max = self.run.limits.budget_micro_usd_max.unwrap_or(0);
        let spent = self.run.spent.micro_usd;
        let Some(progress) = &self.progress else {
            ui.event(&json!({
                "type": "alert",
                "run": self.run.id,
                "alert": "budget_low",
                "micro_usd": spent,
                "micro_usd_max": max,
            }))?;
            return Ok(());
        };
        let usd = |micro: u64| micro as f64 / 1e6;
        progress.check(Mark::Note, &format!("{:.2} of {:.2} USD are used up", usd(spent), usd(max)));
        Ok(())
    }

    /// Takes the live display away.
    pub(super) fn finish(&mut self) {
        self.progress = None;
    }
}

/// One event on the live display. `run` is the run before it.
fn live(progress: &Progress, run: &Run, event: &Event) {
    match event {
        Event::PhaseStarted { phase } => progress.phase(run.iteration, phase.as_str()),
        Event::EffectIntended(intent) => progress.effect(&describe(&intent.kind)),
        Event::EffectRetried { .. } => progress.check(Mark::Note, "a step that was cut short is done again"),
        Event::EffectRolledBack { .. } => {
            progress.check(Mark::Note, "a step that was cut short is undone; the phase starts over");
        }
        Event::EffectEnded { outcome, .. } => {
            let kind = run.open.as_ref().map(|open| &open.intent.kind);
            ended(progress, kind, outcome);
        }
        Event::WaitOpened(_) => progress.check(Mark::Note, "waiting; `loki why` says for what"),
        Event::FilesEdited { paths, more } => {
            let first = paths.first().map_or("a file", String::as_str);
            let others = paths.len().saturating_sub(1) + *more as usize;
            let rest = if others > 0 { format!(" and {others} more") } else { String::new() };
            progress.check(Mark::Note, &format!("somebody else changed {first}{rest}"));
        }
        Event::CommandTaken { command, .. } => progress.check(Mark::Note, told(command)),
        Event::RunStarted(_)
        | Event::Attached { .. }
        | Event::Overdrawn { .. }
        | Event::IterationStarted { .. }
        | Event::PhaseEnded { .. }
        | Event::WaitEnded { .. }
        | Event::Reopened { .. }
        | Event::RunStopped { .. } => {}
    }
}

/// A command that the run took, in a few words.
fn told(command: &Command) -> &'static str {
    match command {
        Command::Pause => "paused; `loki resume` in another terminal goes on",
        Command::Resume => "goes on",
        Command::Stop => "asked to stop",
        Command::Steer { .. } => "guidance taken",
        Command::Approve { .. } => "approved by a person",
        Command::Reject { .. } => "rejected by a person",
    }
}

fn ended(progress: &Progress, kind: Option<&EffectKind>, outcome: &Outcome) {
    match outcome {
        Outcome::Planned { items } => {
            for item in items {
                progress.check(Mark::Note, item);
            }
        }
        Outcome::Tool { ok, summary, .. } => {
            let reads = matches!(kind, Some(EffectKind::Tool { call, .. }) if call.id.starts_with("look-"));
            if !reads {
                progress.check(if *ok { Mark::Passed } else { Mark::Failed }, summary);
            }
        }
        Outcome::Council { approved, summary, .. } => {
            let mark = if *approved { Mark::Passed } else { Mark::Failed };
            progress.check(mark, &format!("council: {summary}"));
        }
        // The gaps are listed once, at the end.
        Outcome::Gate { verdict, summary, .. } => {
            let gate = match kind {
                Some(EffectKind::Gate { gate }) => gate.as_str(),
                Some(_) | None => "?",
            };
            let mark = match verdict {
                Verdict::Pass => Mark::Passed,
                Verdict::NotApplicable => Mark::Note,
                Verdict::Fail | Verdict::Inconclusive => Mark::Failed,
            };
            progress.check(mark, &format!("gate {gate}: {summary}"));
        }
        Outcome::Activated { skill, .. } => {
            progress.check(Mark::Note, &format!("goes by the skill `{}` ({})", skill.name, skill.place));
        }
        Outcome::Failed { message, .. } => progress.check(Mark::Failed, message),
        Outcome::Snapshot { .. }
        | Outcome::Turn { .. }
        | Outcome::Claimed { .. }
        | Outcome::Noted { .. }
        | Outcome::Review { .. }
        | Outcome::Approved
        | Outcome::Compared { .. }
        | Outcome::Receipt { .. } => {}
    }
}
