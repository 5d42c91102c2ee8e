//! Agents: programs with tools of their own that work in the project's folder by themselves.
//!
//! A turn of an agent is one run of its program: the whole prompt goes in, events come out, and the
//! program ends. What loki itself must do for it (the operations of the backend, a plan, a claim) it asks for
//! over MCP, at the [`Desk`]. Where and how confined the program runs is up to the [`Launcher`].

mod desk;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod lines;
mod prompt;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::ids::Fresh;
use crate::prices::Price;
use crate::{Cost, ProviderError, Quote, Refusal, Request, Tokens, ToolCall, Turn, TurnEnd, count};

pub use desk::{Answer, Desk, Said};
pub use error::{AgentError, LaunchError};
pub use lines::{Flow, Lines, Splitter};
pub(crate) use prompt::prompt;

/// Bytes of one line of events that are read; a longer line is skipped.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an agent finds in place of the key: whoever confines it puts the key into its requests.
pub const PLACEHOLDER: &str = "the-key-is-kept-by-loki";

/// Bytes of a program's last words that are shown.
const LAST_WORDS_BYTES_MAX: usize = 300;
/// What a turn may cost at least, as long as as much is left: less would buy no more than a beginning.
const SHARE_MICRO_USD_MIN: u64 = 500_000;

/// Starts an agent's program, confined, in the project's folder.
#[async_trait]
pub trait Launcher: Send + Sync {
    /// Runs it to its end, and feeds its stdout to `lines` as it comes. Dropping the future ends the
    /// program and everything that it started; so does [`Flow::Stop`].
    async fn launch(&self, launch: Launch, lines: &mut dyn Lines) -> Result<Ran, LaunchError>;
}

/// A run of an agent's program.
#[derive(Debug)]
pub struct Launch {
    /// The arguments.
    pub arguments: Vec<String>,
    /// What it reads; then comes the end of its input.
    pub stdin: String,
    /// Variables for it, over those that every confined command has.
    pub variables: BTreeMap<String, String>,
    /// The variable that names the folder of its settings. The launcher sets it to an empty folder that
    /// is there for this run alone, so that no settings but ours count.
    pub settings_variable: &'static str,
    /// Seconds that it may take.
    pub seconds_max: u64,
    /// What it may do to the project.
    pub rights: Rights,
    /// Where it asks for what only loki can do.
    pub desk: Arc<Desk>,
}

/// What an agent may do to the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Read it.
    Read,
    /// Change it.
    Change,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: RunEnd,
    /// The end of what it printed to stderr.
    pub last_words: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// By itself, with this code.
    Exited(i32),
    /// Because whoever read its output had enough.
    Stopped,
    /// Otherwise: by a signal or a limit, in words.
    Ended(String),
}

/// How an agent reaches the desk: the program and arguments of an MCP server on its stdin and stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The variable of the launcher's that it needs.
    pub variable: &'static str,
}

/// An agent as it is configured.
pub struct Setup {
    /// The model; none: the agent's own choice.
    pub model: Option<String>,
    /// What its tokens cost, where that is known.
    pub price: Option<Price>,
    /// The base of its API; none: its maker's.
    pub base_url: Option<String>,
    /// How it reaches the desk.
    pub bridge: Bridge,
    /// What answers calls at once.
    pub answer: Option<Answer>,
    /// Who starts it.
    pub launcher: Arc<dyn Launcher>,
    /// Seconds that a turn may take.
    pub seconds_max: u64,
}

/// What became of a turn, as the agent's events tell it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) end: TurnEnd,
    pub(crate) tokens: Tokens,
    pub(crate) cost: Cost,
    /// The model that answered, where the agent says.
    pub(crate) model: Option<String>,
}

impl Rights {
    /// Those of a phase: only `act` changes anything.
    pub(crate) fn of(phase: &str) -> Self {
        if phase == "act" { Self::Change } else { Self::Read }
    }
}

impl Setup {
    /// Refuses a model that is none, or that would be read as an option.
    pub(crate) fn check(&self, agent: &'static str) -> Result<(), AgentError> {
        let printable = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        let sound = |model: &String| {
            (1..=200).contains(&model.len()) && !model.starts_with('-') && model.bytes().all(printable)
        };
        match &self.model {
            Some(model) if !sound(model) => Err(AgentError::Model { agent }),
            _ => Ok(()),
        }
    }

    /// What a turn may cost, in millionths of a US dollar: half of what is left of the budget, or all of it
    /// where that is little. Nobody knows how much of it an agent will use, so all that it may use is reserved;
    /// and where the turn is cut short by a crash, nobody ever learns, so all of that counts as used. It must not
    /// be the whole budget.
    pub(crate) fn allowance_micro_usd(request: &Request) -> Option<u64> {
        let share = |left: u64| left.min((left / 2).max(SHARE_MICRO_USD_MIN));
        request.allowance_micro_usd.map(share)
    }

    /// What a turn may cost at the most.
    pub(crate) fn quote(request: &Request) -> Quote {
        let tokens = Tokens { input: count::request(request), ..Tokens::default() };
        let cost = Self::allowance_micro_usd(request)
            .map_or(Cost::Unknown, |micro_usd| Cost::Estimated { micro_usd });
        Quote { tokens, cost }
    }

    /// The desk for a request. An error where the request cannot be met.
    pub(crate) fn desk(&self, request: &Request) -> Result<Arc<Desk>, ProviderError> {
        if request.allowance_micro_usd == Some(0) {
            return Err(ProviderError::permanent(Refusal::Quota, "nothing is left of the budget"));
        }
        Ok(Arc::new(Desk::new(request.tools.clone(), self.answer.clone())))
    }
}

/// Makes a turn of what an agent told and of what it asked for at the desk.
pub(crate) fn turn(request: &Request, name: &str, told: Told, desk: &Desk) -> Turn {
    let mut fresh = Fresh::new(request);
    let call = |(index, (tool, input))| ToolCall { id: fresh.id("", index), tool, input, malformed: None };
    let mut calls: Vec<ToolCall> = desk.take().into_iter().enumerate().map(call).collect();
    if told.end == TurnEnd::Refused {
        calls.clear(); // A refusal calls for nothing, whatever came before it.
    }
    let silent = told.text.trim().is_empty() && calls.is_empty();
    let end = match told.end {
        TurnEnd::Complete if silent => TurnEnd::Empty,
        end => end,
    };
    let model = told.model.map_or_else(|| name.to_owned(), |model| format!("{}:{model}", agent_of(name)));
    Turn { text: told.text, calls, tokens: told.tokens, cost: told.cost, model, end, raw: None }
}

/// What is known of a run that ended without saying what came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cut {
    /// Whether it said anything at all.
    pub(crate) began: bool,
    /// Lines that were too long to be read.
    pub(crate) skipped: u64,
    /// What it had used by then.
    pub(crate) spent: Option<(Tokens, Cost)>,
}

/// The error of such a run. One that gave up before it said anything does not understand what it is asked for,
/// and will not another time.
pub(crate) fn no_result(ran: &Ran, cut: Cut) -> ProviderError {
    let how = match &ran.end {
        RunEnd::Exited(code) => format!("ended with code {code}"),
        RunEnd::Stopped => "was stopped".to_owned(),
        RunEnd::Ended(how) => how.clone(),
    };
    let skipped = match cut.skipped {
        0 => String::new(),
        lines => format!(" ({lines} lines of its output could not be read)"),
    };
    let words = crate::http::shown(tail(&ran.last_words), None);
    let words = if words.is_empty() { words } else { format!(": {words}") };
    let message = format!("the agent {how} and did not say what came of its turn{skipped}{words}");
    match ran.end {
        RunEnd::Exited(code) if code != 0 && !cut.began => ProviderError::permanent(Refusal::Other, message),
        _ => {
            ProviderError::Transient { message, retry_after_ms: None, rate_limited: false, spent: cut.spent }
        }
    }
}

/// A run that did not come about.
pub(crate) fn not_launched(error: &LaunchError) -> ProviderError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    match error {
        LaunchError::Failed { .. } => ProviderError::transient(message),
        LaunchError::Refused { .. } => ProviderError::permanent(Refusal::Other, message),
    }
}

fn agent_of(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(LAST_WORDS_BYTES_MAX);
    let from = (from..text.len()).find(|place| text.is_char_boundary(*place)).unwrap_or(text.len());
    &text[from..]
}

#[cfg(test)]
mod tests;
