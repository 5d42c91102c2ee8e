//! An event in one line.

use loki_ledger::event::{Command, EffectKind, Event, Outcome, TurnEnd, Verdict, Wait, WaitEnd};
use loki_ledger::run::Run;

use super::log::Kind;
use crate::text::{fit, short, shown};

/// Columns of a line at most.
const COLUMNS_MAX: usize = 240;

/// What a line says about what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It holds.
    Good,
    /// It does not.
    Bad,
    /// It needs a look.
    Warning,
    /// It is a step on the way.
    Note,
}

/// One line of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The event's number.
    pub seq: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// How it is marked.
    pub mark: Mark,
    /// What, fit to be shown.
    pub text: Box<str>,
}

/// An event in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What sort it is.
    pub(super) kind: Kind,
    /// How it is marked.
    pub(super) mark: Mark,
    /// What it says, fit to be shown.
    pub(super) text: Box<str>,
}

/// An event in a line. `run` is the run before it.
pub(super) fn line_of(run: &Run, event: &Event) -> Told {
    let (kind, mark, text) = told(run, event);
    let safe = shown(&text);
    Told { kind, mark, text: fit(&safe, COLUMNS_MAX, "~").into() }
}

fn told(run: &Run, event: &Event) -> (Kind, Mark, String) {
    let note = |kind, text: String| (kind, Mark::Note, text);
    match event {
        Event::RunStarted(started) => {
            let by = started.provider.as_deref().unwrap_or("nobody");
            note(Kind::Run, format!("run on {}, worked on by {by}", started.document_name))
        }
        Event::Attached { pid, attended } => {
            let who = if *attended { "a person can answer" } else { "unattended" };
            note(Kind::Run, format!("process {pid} drives, {who}"))
        }
        Event::IterationStarted { iteration } => note(Kind::Phase, format!("iteration {iteration}")),
        Event::PhaseStarted { phase } => note(Kind::Phase, format!("{phase} begins")),
        Event::PhaseEnded { phase, passed: true } => (Kind::Phase, Mark::Good, format!("{phase} passed")),
        Event::PhaseEnded { phase, passed: false } => {
            (Kind::Phase, Mark::Bad, format!("{phase} did not pass"))
        }
        Event::EffectIntended(intent) => {
            note(kind_of(&intent.kind), format!("begins: {}", effect(&intent.kind)))
        }
        Event::EffectRetried { effect } => {
            (Kind::Effect, Mark::Warning, format!("step {effect} was cut short and is done again"))
        }
        Event::EffectRolledBack { effect, snapshot } => {
            let snapshot = short(snapshot);
            (
                Kind::Effect,
                Mark::Warning,
                format!("step {effect} was cut short; files put back to {snapshot}"),
            )
        }
        Event::EffectEnded { outcome, .. } => {
            let kind = run.open.as_ref().map(|open| &open.intent.kind);
            ended(kind, outcome)
        }
        Event::WaitOpened(Wait::Approval { reason, subject, .. }) => {
            (Kind::Wait, Mark::Warning, format!("waits for approval of {}: {reason}", short(subject)))
        }
        Event::WaitOpened(Wait::Timer { reason, .. }) => {
            (Kind::Wait, Mark::Warning, format!("waits: {reason}"))
        }
        Event::WaitEnded { how: WaitEnd::Elapsed, .. } => {
            note(Kind::Wait, "the time waited for has come".to_owned())
        }
        Event::CommandTaken { id, command, .. } => {
            note(Kind::Command, format!("command {id}: {}", order(command)))
        }
        Event::FilesEdited { paths, more } => {
            let all = paths.len() + *more as usize;
            let first = paths.first().map_or("a file", String::as_str);
            (Kind::Edit, Mark::Warning, format!("somebody else changed {all} files, first {first}"))
        }
        Event::Overdrawn { .. } => {
            (Kind::Run, Mark::Warning, "the next step may cost more than is left of the budget".to_owned())
        }
        Event::Reopened { .. } => note(Kind::Run, "the run goes on".to_owned()),
        Event::RunStopped { stop } => (
            Kind::Run,
            Mark::Note,
            format!("stopped: {}", loki_engine::receipt::verdict(stop).replace('_', " ")),
        ),
    }
}

/// An effect in a few words, not yet fit to be shown.
pub(crate) fn effect(kind: &EffectKind) -> String {
    match kind {
        EffectKind::Snapshot => "keeping the work tree".to_owned(),
        EffectKind::Turn { .. } => "asking the provider".to_owned(),
        EffectKind::Tool { call, .. } => format!("{} ({})", call.tool, call.id),
        EffectKind::Council { subject, .. } => format!("the council reviews {}", short(subject)),
        EffectKind::Approve { subject, .. } => format!("storing the approval of {}", short(subject)),
        EffectKind::Refuse { call, .. } => format!("refusing {}", call.id),
        EffectKind::Compare => "comparing the work tree".to_owned(),
        EffectKind::Gate { gate } => format!("gate {gate}"),
        EffectKind::Receipt { .. } => "writing the receipt".to_owned(),
    }
}

fn kind_of(effect: &EffectKind) -> Kind {
    match effect {
        EffectKind::Turn { .. } => Kind::Turn,
        EffectKind::Tool { .. } | EffectKind::Refuse { .. } => Kind::Tool,
        EffectKind::Council { .. } | EffectKind::Approve { .. } => Kind::Council,
        EffectKind::Gate { .. } => Kind::Gate,
        EffectKind::Snapshot | EffectKind::Compare | EffectKind::Receipt { .. } => Kind::Effect,
    }
}

fn ended(kind: Option<&EffectKind>, outcome: &Outcome) -> (Kind, Mark, String) {
    let what = kind.map_or(Kind::Effect, kind_of);
    let good = |holds: bool| if holds { Mark::Good } else { Mark::Bad };
    match outcome {
        Outcome::Snapshot { commit } => (what, Mark::Note, format!("work tree kept as {}", short(commit))),
        Outcome::Turn { calls, end, model, .. } => {
            let model = if model.is_empty() { "the provider" } else { model };
            let (mark, said) = match end {
                TurnEnd::Complete => (Mark::Note, "answered"),
                TurnEnd::CutOff => (Mark::Warning, "was cut off"),
                TurnEnd::Refused => (Mark::Bad, "refused"),
                TurnEnd::Empty => (Mark::Warning, "said nothing"),
            };
            (what, mark, format!("{model} {said}, {} calls", calls.len()))
        }
        Outcome::Tool { ok, summary, .. } => {
            let tool = match kind {
                Some(EffectKind::Tool { call, .. } | EffectKind::Refuse { call, .. }) => call.tool.as_str(),
                Some(_) | None => "tool",
            };
            (what, good(*ok), format!("{tool}: {summary}"))
        }
        Outcome::Planned { items } => (what, Mark::Note, format!("plan of {} items taken over", items.len())),
        Outcome::Claimed { summary, .. } => (what, Mark::Note, format!("claims to be done: {summary}")),
        Outcome::Noted { note } => (what, Mark::Note, format!("noted: {}", note.text)),
        Outcome::Activated { skill, .. } => {
            let of = short(&skill.hash);
            (what, Mark::Note, format!("skill {} taken up from {} ({of})", skill.name, skill.place))
        }
        Outcome::Review { subject, needs_person, .. } => {
            let by = if needs_person.is_some() { "a person" } else { "the council" };
            (what, Mark::Warning, format!("proposal {} needs {by}", short(subject)))
        }
        Outcome::Council { approved, summary, .. } => (what, good(*approved), format!("council: {summary}")),
        Outcome::Approved => (what, Mark::Good, "approval stored".to_owned()),
        Outcome::Compared { files, .. } => (what, Mark::Note, format!("{files} files differ")),
        Outcome::Gate { verdict, summary, .. } => {
            let gate = match kind {
                Some(EffectKind::Gate { gate }) => gate.as_str(),
                Some(_) | None => "?",
            };
            let mark = match verdict {
                Verdict::Pass => Mark::Good,
                Verdict::NotApplicable => Mark::Note,
                Verdict::Fail => Mark::Bad,
                Verdict::Inconclusive => Mark::Warning,
            };
            (what, mark, format!("gate {gate}: {summary}"))
        }
        Outcome::Receipt { .. } => (what, Mark::Good, "receipt written".to_owned()),
        Outcome::Failed { message, .. } => (what, Mark::Bad, format!("failed: {message}")),
    }
}

/// A command in a few words, not yet fit to be shown.
pub(crate) fn order(command: &Command) -> String {
    match command {
        Command::Pause => "pause".to_owned(),
        Command::Resume => "go on".to_owned(),
        Command::Stop => "stop".to_owned(),
        Command::Steer { text } => format!("guidance: {text}"),
        Command::Approve { subject, name, reason } => {
            format!("{name} approves {}: {reason}", short(subject))
        }
        Command::Reject { subject, name, reason } => format!("{name} rejects {}: {reason}", short(subject)),
    }
}
