//! What a person decides: on what a run proposes, and on what somebody asked for at the desk.

use std::sync::Arc;

use loki_engine::operations::{OperationError, meant, tell, undecided};
use loki_ledger::LedgerError;
use loki_ledger::event::Command;
use loki_ledger::journal::{Decision, Journal, Proposed};
use loki_ledger::run::Run;

use super::{App, AppError};

/// Something that waits for a person.
pub(crate) enum Waits {
    /// A run's proposal.
    OfRun {
        /// The run.
        run: Box<Run>,
        /// The proposal's hash.
        subject: String,
    },
    /// What was asked for at the desk.
    AtDesk(Proposed),
}

impl App {
    /// What waits for a person and is meant: by the first digits of its hash, or because nothing else waits.
    /// `run` narrows it to one run's proposals.
    pub(crate) fn waiting(&self, run: Option<&str>, prefix: Option<&str>) -> Result<Waits, AppError> {
        let (found, asked) = match self.run(run) {
            Ok((_, found)) if run.is_some() => (Some(found), Vec::new()),
            Ok((_, found)) => (Some(found), self.asked()?),
            Err(AppError::Operation(OperationError::NoRun)) if run.is_none() => {
                let asked = self.asked()?;
                if asked.is_empty() {
                    return Err(OperationError::NoRun.into());
                }
                (None, asked)
            }
            Err(error) => return Err(error),
        };
        let of_run = found.as_ref().map(undecided).unwrap_or_default();
        let all: Vec<&str> =
            of_run.iter().copied().chain(asked.iter().map(|proposed| proposed.subject.as_str())).collect();
        let subject = meant(&all, prefix)?.to_owned();
        let at_desk = asked.into_iter().find(|proposed| proposed.subject == subject);
        match (at_desk, found) {
            (Some(proposed), _) => Ok(Waits::AtDesk(proposed)),
            (None, Some(run)) => Ok(Waits::OfRun { run: Box::new(run), subject }),
            (None, None) => Err(OperationError::NothingWaits.into()),
        }
    }

    /// Writes a person's decision down where it is waited for. The number of the command, where it went to a run.
    pub(crate) fn decide(&self, waits: &Waits, decision: Decision) -> Result<Option<i64>, AppError> {
        match waits {
            Waits::OfRun { run, subject } => {
                let Decision { approved, person: name, reason } = decision;
                let subject = subject.clone();
                let command = match approved {
                    true => Command::Approve { subject, name, reason },
                    false => Command::Reject { subject, name, reason },
                };
                Ok(Some(tell(&self.place(), run, &command)?))
            }
            Waits::AtDesk(proposed) => match self.journal()?.decide(&proposed.subject, decision)? {
                true => Ok(None),
                false => Err(OperationError::NothingWaits.into()),
            },
        }
    }

    /// The journal of what doors ask for. Makes the state folder where it is not there.
    pub(crate) fn journal(&self) -> Result<Journal, AppError> {
        self.prepare()?;
        Ok(Journal::open(&self.state, Arc::clone(&self.clock))?)
    }

    /// What was asked for at the desk and waits. Looking makes nothing.
    fn asked(&self) -> Result<Vec<Proposed>, LedgerError> {
        match self.place().reader()? {
            Some(_) => Ok(Journal::open(&self.state, Arc::clone(&self.clock))?.proposals()?),
            None => Ok(Vec::new()),
        }
    }
}
