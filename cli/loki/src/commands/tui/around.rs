//! The program around the dashboard: its orders go the way of the commands of the same names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_engine::operations::{put_back, tell, undecided};
use loki_engine::worktree::{Change, Side};
use loki_ledger::Reader;
use loki_ledger::event::{Command, RunId};
use loki_ledger::run::Run;
use loki_store::SystemClock;
use loki_tui::control::{Control, Done, Order};
use loki_tui::data::{Contents, FileChange, ForgeState, Schema, Stretch};

use super::{backend, index};
use crate::app::drivers::{Driven, Drivers};
use crate::app::{App, AppError};
use crate::context::{Context, STATE_DIR};
use crate::error::{CommandError, ErrorKind};

/// Bytes of one side of a file that are compared.
const CONTENT_BYTES_MAX: u64 = 8 << 20;

/// Bytes of all files together that are compared.
const CONTENTS_BYTES_MAX: u64 = 64 << 20;

/// The program around.
pub(crate) struct Around {
    context: Context,
    /// Drivers that were started here.
    drivers: Drivers,
}

impl Around {
    pub(crate) fn new(context: &Context) -> Self {
        Self { context: context.clone(), drivers: Drivers::default() }
    }

    /// Lets somebody drive the run where nobody does.
    fn drive(&mut self, project: &Path, arguments: &[&str]) -> Result<Done, CommandError> {
        match self.drivers.drive(&app(project), arguments)? {
            Driven::By(pid, _) => Ok(Done { command: None, message: format!("process {pid} has the run") }),
            Driven::Ended(_, said) if said.trim().is_empty() => {
                Ok(Done { command: None, message: "it is done".to_owned() })
            }
            Driven::Ended(_, said) => Err(CommandError::new(ErrorKind::State, said.trim())),
        }
    }

    fn order(&mut self, project: &Path, run: &RunId, order: &Order) -> Result<Done, CommandError> {
        let app = app(project);
        let (_, run) = app.run(Some(run.as_str()))?;
        let name = || self.context.environment.get("USER").unwrap_or("somebody").to_owned();
        let is_driven = app.holder().is_some();
        match order {
            Order::Pause => told(&app, &run, Command::Pause),
            Order::Resume => {
                app.lift_pause()?;
                if is_driven && run.stopped.is_none() {
                    return told(&app, &run, Command::Resume);
                }
                self.drive(project, &["resume", run.id.as_str(), "--detached"])
            }
            Order::Stop if is_driven => told(&app, &run, Command::Stop),
            Order::Stop => self.drive(project, &["stop", run.id.as_str()]),
            Order::Steer { text } => told(&app, &run, Command::Steer { text: text.clone() }),
            Order::Approve { subject, reason } => {
                still_waits(&run, subject)?;
                let (subject, reason) = (subject.clone(), reason.clone());
                told(&app, &run, Command::Approve { subject, name: name(), reason })
            }
            Order::Reject { subject, reason } => {
                still_waits(&run, subject)?;
                let (subject, reason) = (subject.clone(), reason.clone());
                told(&app, &run, Command::Reject { subject, name: name(), reason })
            }
            Order::Rollback { to } => {
                let back = put_back(&app.place(), &run, Some(to)).map_err(AppError::from)?;
                let undo = back.undo.get(..12).unwrap_or(&back.undo);
                let message = format!("{} files put back; `loki rollback --to {undo}` undoes it", back.files);
                Ok(Done { command: None, message })
            }
        }
    }
}

impl Control for Around {
    fn projects(&mut self) -> Vec<PathBuf> {
        index::projects(&self.context)
    }

    fn ledger(&mut self, project: &Path) -> Result<Reader, String> {
        Reader::open(&project.join(STATE_DIR)).map_err(|error| said(&error.into()))
    }

    fn driver(&mut self, project: &Path) -> Option<u32> {
        self.drivers.reap();
        app(project).holder().map(|holder| holder.pid)
    }

    fn carry_out(&mut self, project: &Path, run: &RunId, order: &Order) -> Result<Done, String> {
        self.order(project, run, order).map_err(|error| said(&error))
    }

    fn forge(&mut self, project: &Path) -> Result<Option<ForgeState>, String> {
        backend::state(&forge(project), &SystemClock)
    }

    fn preview(&mut self, project: &Path, input: &str) -> Result<(Schema, Schema), String> {
        backend::preview(&forge(project), input)
    }

    fn changes(&mut self, project: &Path, stretch: &Stretch) -> Result<Vec<FileChange>, String> {
        let changes =
            app(project).worktree().changes(&stretch.from, stretch.until.as_deref(), CONTENT_BYTES_MAX);
        let changes = changes.map_err(|error| said(&AppError::from(error).into()))?;
        let mut left = CONTENTS_BYTES_MAX;
        Ok(changes.into_iter().map(|change| file(change, &mut left)).collect())
    }
}

fn app(project: &Path) -> App {
    App::new(project, &project.join(STATE_DIR), Arc::new(SystemClock))
}

fn forge(project: &Path) -> PathBuf {
    project.join(STATE_DIR).join("forge")
}

fn told(app: &App, run: &Run, command: Command) -> Result<Done, CommandError> {
    let id = tell(&app.place(), run, &command).map_err(AppError::from)?;
    Ok(Done { command: Some(id), message: format!("told as command {id}") })
}

/// Refuses a decision on what does not wait for one: the hash on the screen counts, and no other.
fn still_waits(run: &Run, subject: &str) -> Result<(), CommandError> {
    if undecided(run).contains(&subject) {
        return Ok(());
    }
    Err(CommandError::new(ErrorKind::NotFound, "this very proposal does not wait for approval any more"))
}

fn file(change: Change, left: &mut u64) -> FileChange {
    let mut side = |side: Option<Side>| match side {
        None => Contents::Absent,
        Some(Side { size, content }) => match content.map(String::from_utf8) {
            Some(Ok(text)) if size <= *left && !text.contains('\0') => {
                *left -= size;
                Contents::Text(text)
            }
            Some(_) | None => Contents::Bytes(size),
        },
    };
    let (before, after) = (side(change.before), side(change.after));
    FileChange { path: change.path.to_string_lossy().into_owned(), before, after }
}

/// An error in a line: what was attempted, and the nearest causes.
fn said(error: &CommandError) -> String {
    let mut text = error.message.clone();
    for cause in &error.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_text_only_where_it_is_and_fits() {
        let side = |bytes: &[u8]| Some(Side { size: bytes.len() as u64, content: Some(bytes.to_vec()) });
        let change = |before, after| Change { path: "a".into(), before, after };
        let mut left = 6;
        let told = file(change(side(b"four"), side(b"more")), &mut left);
        assert_eq!(told.before, Contents::Text("four".to_owned()));
        assert_eq!(told.after, Contents::Bytes(4), "no more than the rest");
        let told = file(change(side(b"\xff"), side(b"\0")), &mut 100);
        assert_eq!((told.before, told.after), (Contents::Bytes(1), Contents::Bytes(1)));
        assert_eq!(
            file(change(None, Some(Side { size: 9, content: None })), &mut 100).after,
            Contents::Bytes(9)
        );
    }
}
