//! The desk: the one place where the operations on runs and on Forge become what every door offers.
//!
//! A door hands in a name, JSON, and what whoever asks may do. Here it is decided whether that may happen, what
//! changes something is written down before and after, a call that is made twice under one key acts once, and what
//! a person must decide waits for one. Nothing is opened before it is needed.

mod consent;
mod forge;
mod program;
mod prompts;
mod refusals;
mod registry;
mod resources;
mod starting;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use forge_ops::Forge;
use loki_engine::operations::OperationError;
use loki_ledger::event::ArtifactId;
use loki_ledger::journal::{Begun, Journal, NewCall};
use loki_mcp::desk::{Call, Desk, Message, Offer, PromptInfo, ResourceInfo, ResourceText};
use loki_operation::{Access, Answer, Info, Refusal, RefusalKind};
use loki_store::SystemClock;
use serde_json::{Map, Value};
use tokio::sync::{OnceCell, watch};

use super::App;
use super::drivers::Drivers;
use super::forge::LazyForge;
use crate::context::Context;
use registry::{Entry, Source};

pub(crate) use forge::{carried_out, decided_before};
pub(crate) use prompts::list as prompts_of;
pub(crate) use refusals::{of_forge, of_op};
pub(crate) use registry::{forge_operations, groups, infos};
pub(crate) use resources::addresses;

/// Bytes of an input, as JSON.
const INPUT_BYTES_MAX: usize = 8 << 20;

/// The desk of one project.
pub(crate) struct ProjectDesk {
    context: Context,
    app: App,
    forge: Arc<LazyForge>,
    drivers: Arc<Drivers>,
    journal: OnceCell<Journal>,
    had_forge: AtomicBool,
    changes: watch::Sender<u64>,
}

impl ProjectDesk {
    /// The desk of the project that a command is about. Opens nothing yet.
    pub(crate) fn new(context: &Context) -> Self {
        let app = App::of(context);
        let forge = LazyForge::new(&app.state().join("forge"), Arc::new(SystemClock));
        forge.heed(context);
        let had_forge = AtomicBool::new(Forge::exists(forge.dir()));
        Self {
            context: context.clone(),
            app,
            forge,
            drivers: Arc::default(),
            journal: OnceCell::new(),
            had_forge,
            changes: watch::Sender::new(0),
        }
    }

    /// Whether the project has a backend.
    fn has_forge(&self) -> bool {
        Forge::exists(self.forge.dir())
    }

    /// Whether an operation is about something that the project has.
    fn has(&self, entry: &Entry) -> bool {
        match entry.source {
            Source::Forge => self.has_forge(),
            Source::Run(_) | Source::Program(_) => true,
        }
    }

    /// The journal, opened when something is to be written into it.
    async fn journal(&self) -> Result<&Journal, Refusal> {
        let open = || async {
            let app = App::of(&self.context);
            blocking(move || app.journal().map_err(refusals::of_app)).await
        };
        self.journal.get_or_try_init(open).await
    }

    /// Carries out what changes something: written down before and after, and once under one key.
    async fn recorded(&self, entry: &Entry, input: Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        if !self.app.state().exists() && !entry.begins_a_project() {
            return Err(OperationError::NoRun.into());
        }
        let journal = self.journal().await?.clone();
        let new = NewCall {
            door: call.door.to_owned(),
            operation: entry.info.name.to_owned(),
            key: call.idempotency_key.map(str::to_owned),
            input_hash: call.idempotency_key.map_or_else(String::new, |key| told_by(key, &input)),
        };
        let begun = {
            let journal = journal.clone();
            blocking(move || journal.begin(new).map_err(refusals::of_ledger)).await?
        };
        let id = match begun {
            Begun::New(id) => id,
            Begun::Unknown(known) if entry.info.idempotent => known.id,
            Begun::Answered(known) => return refusals::answered(known.answer.as_deref()),
            Begun::Unknown(known) => return Err(refusals::unknown_outcome(&known)),
            Begun::Other(known) => return Err(refusals::key_reused(&known)),
        };
        let answer = self.carry_out(entry, &input, call).await;
        let end = match &answer {
            Ok(answer) => serde_json::to_string(answer).map(Ok).unwrap_or_else(|_| Ok(String::new())),
            Err(refusal) => Err(refusal.code.clone()),
        };
        // It has happened, or not, whatever becomes of the note; one that is missing makes the key's outcome
        // unknown, which is refused rather than repeated.
        let noted = move || match end {
            Ok(answer) => journal.done(id, &answer).map_err(refusals::of_ledger),
            Err(code) => journal.refused(id, &code).map_err(refusals::of_ledger),
        };
        blocking(noted).await.unwrap_or(());
        answer
    }

    async fn carry_out(&self, entry: &Entry, input: &Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        match entry.source {
            Source::Run(act) => {
                if entry.info.access == Access::Destructive {
                    self.consent_to(&entry.info, input, call).await?;
                }
                let (place, input) = (self.app.place(), input.clone());
                blocking(move || act(&place, &input).map_err(Refusal::from)).await
            }
            Source::Program(act) => self.act(act, input, call).await,
            Source::Forge => self.on_forge(&entry.info, input, call).await,
        }
    }

    /// Tells doors that the offers have changed, where they have.
    fn notice(&self) {
        let has = self.has_forge();
        if self.had_forge.swap(has, Ordering::Relaxed) != has {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}

#[async_trait]
impl Desk for ProjectDesk {
    fn offers(&self) -> Vec<Offer> {
        self.notice();
        let offered = registry::all().iter().filter(|entry| entry.info.is_here() && self.has(entry));
        offered.map(|entry| Offer::from(&entry.info)).collect()
    }

    async fn call(&self, name: &str, input: Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let entry = registry::find(name).ok_or_else(|| unknown(name))?;
        if let Some(refusal) = entry.info.not_available().or_else(|| call.allow.denies(&entry.info)) {
            return Err(refusal);
        }
        if !self.has(entry) {
            return Err(refusals::no_backend(name));
        }
        if !input.is_object() {
            return Err(refusals::input(&entry.info, "it is no JSON object"));
        }
        if input.to_string().len() > INPUT_BYTES_MAX {
            return Err(refusals::input(&entry.info, "it is larger than 8 MiB"));
        }
        let answer = match entry.info.access {
            Access::Read => self.carry_out(entry, &input, call).await,
            Access::Write | Access::Destructive => self.recorded(entry, input, call).await,
        };
        self.notice();
        answer
    }

    async fn resources(&self) -> Vec<ResourceInfo> {
        resources::list(&self.app, self.has_forge()).await
    }

    fn templates(&self) -> Vec<ResourceInfo> {
        resources::templates()
    }

    async fn read(&self, uri: &str) -> Result<ResourceText, Refusal> {
        resources::read(&self.app, &self.forge, uri).await
    }

    fn prompts(&self) -> Vec<PromptInfo> {
        prompts::list(self.has_forge())
    }

    async fn prompt(&self, name: &str, arguments: &Map<String, Value>) -> Result<Vec<Message>, Refusal> {
        prompts::fill_in(name, arguments)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// Runs what may block where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => {
            Err(Refusal::new(RefusalKind::Failed, "panicked", format!("the operation panicked: {panicked}"))
                .next("Report this with the call that led to it."))
        }
    }
}

/// What an input is told by, under a key: a hash, so that no secret of it is kept.
fn told_by(key: &str, input: &Value) -> String {
    ArtifactId::of(format!("{key}\n{}", canonical(input)).as_bytes()).to_string()
}

/// What a person's decision on an operation with this input is bound to.
fn subject(info: &Info, input: &Value) -> String {
    ArtifactId::of(format!("{}\n{}", info.name, canonical(input)).as_bytes()).to_string()
}

/// JSON with the members of objects in order, so that the same input is the same text.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let told: Vec<String> = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", told.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn unknown(name: &str) -> Refusal {
    let mut shown = name.to_owned();
    shown.truncate((0..=shown.len().min(80)).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0));
    OperationError::Unknown { name: shown }.into()
}
