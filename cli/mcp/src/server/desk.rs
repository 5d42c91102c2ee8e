//! What is behind the server: the operations, resources and prompts that a program offers.
//!
//! The server speaks the protocol and decides nothing; a [`Desk`] decides and speaks no protocol. Other doors than
//! MCP stand before the same desk.

use async_trait::async_trait;
use loki_operation::{Access, Allow, Answer, Cost, Info, Refusal};
use serde_json::{Map, Value};
use tokio::sync::watch;

/// Carries operations out. Every door asks the same one.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// The operations that can be carried out here and now: those that this version has, about what the
    /// project has. Whether whoever asks may use them is another question.
    fn offers(&self) -> Vec<Offer>;

    /// Carries an operation out. Dropping the future cancels it: what was begun is then recorded as of unknown
    /// outcome.
    async fn call(&self, name: &str, input: Value, call: &Call<'_>) -> Result<Answer, Refusal>;

    /// What can be read now.
    async fn resources(&self) -> Vec<ResourceInfo>;

    /// Addresses of what can be read, with places left open.
    fn templates(&self) -> Vec<ResourceInfo>;

    /// Reads one resource.
    async fn read(&self, uri: &str) -> Result<ResourceText, Refusal>;

    /// The prompts there are.
    fn prompts(&self) -> Vec<PromptInfo>;

    /// A prompt with its arguments filled in.
    async fn prompt(&self, name: &str, arguments: &Map<String, Value>) -> Result<Vec<Message>, Refusal>;

    /// Counts up when the offers have changed.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// An operation that is offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// What it belongs to.
    pub group: String,
    /// What it does, in one line.
    pub summary: String,
    /// What it may do.
    pub access: Access,
    /// What it takes.
    pub cost: Cost,
    /// Whether asking twice is the same as asking once.
    pub idempotent: bool,
    /// JSON Schema of its input.
    pub input_schema: Value,
    /// JSON Schema of its answer's data.
    pub output_schema: Value,
}

impl From<&Info> for Offer {
    fn from(info: &Info) -> Offer {
        Offer {
            name: info.name.to_owned(),
            group: info.group.to_owned(),
            summary: info.summary.to_owned(),
            access: info.access,
            cost: info.cost,
            idempotent: info.idempotent,
            input_schema: (info.input_schema)(),
            output_schema: (info.output_schema)(),
        }
    }
}

/// How a call is made: by whom, and what they can be told and asked meanwhile.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The door, such as `mcp` or `http`; it is written down with what the call changes.
    pub door: &'a str,
    /// What the caller may do.
    pub allow: &'a Allow,
    /// The key under which this very call may be made again without being carried out again.
    pub idempotency_key: Option<&'a str>,
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
    /// Who asks a person; `None` where the caller cannot.
    pub approve: Option<&'a dyn Ask>,
}

impl<'a> Call<'a> {
    /// A call through `door` by whoever may do `allow`, of whom nothing else is known.
    pub fn new(door: &'a str, allow: &'a Allow) -> Call<'a> {
        Call { door, allow, idempotency_key: None, progress: &Silent, approve: None }
    }
}

/// Told how far a call is.
pub trait Progress: Send + Sync {
    /// `done` steps, of so many where that is known, and what is being done.
    fn tell(&self, done: u64, of: Option<u64>, message: &str);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _done: u64, _of: Option<u64>, _message: &str) {}
}

/// Asks a person.
#[async_trait]
pub trait Ask: Send + Sync {
    /// Puts a question to the person before the client, and waits for what they say. Nothing but a person's own
    /// answer may become [`Said::Yes`].
    async fn ask(&self, question: &Question) -> Said;
}

/// What a person is asked to approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the approval is bound to.
    pub subject: String,
    /// What would happen, in one line.
    pub title: String,
    /// Why a person must decide, and what it would do.
    pub details: Vec<String>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It may happen.
    Yes {
        /// Who says so, as far as the client tells.
        person: String,
        /// Why.
        reason: String,
    },
    /// It must not happen.
    No {
        /// Who says so, as far as the client tells.
        person: String,
        /// Why.
        reason: String,
    },
    /// Nobody answered.
    Nothing,
}

/// Something that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Its address; in a template, with places such as `{run}`.
    pub uri: String,
    /// Its name, for people.
    pub name: String,
    /// What it holds, in one line.
    pub description: String,
    /// What sort of text it is.
    pub mime_type: &'static str,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceText {
    /// Its address.
    pub uri: String,
    /// What sort of text it is.
    pub mime_type: &'static str,
    /// The text.
    pub text: String,
    /// Whether strangers wrote part of it.
    pub untrusted: bool,
}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one line.
    pub description: &'static str,
    /// What it takes.
    pub arguments: &'static [ArgumentInfo],
}

/// An argument of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
    /// Whether the prompt needs it.
    pub required: bool,
}

/// A message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whose it is.
    pub from: Speaker,
    /// What it says.
    pub text: String,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The user's.
    User,
    /// The model's.
    Assistant,
}
