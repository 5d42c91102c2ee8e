//! What the three dialects share: their face to the server, refusals, and what a fake remembers of
//! its own answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http::{Frame, Payload};
use super::script::{Reply, Seen, Trouble, Usage};

/// Characters of a text or of arguments in one event.
const DELTA_CHARS: usize = 12;

/// A dialect, as the server needs it.
pub(crate) trait Wire: Send + Sync {
    /// What is at this path.
    fn endpoint(&self, path: &str) -> Option<Endpoint>;

    /// Refuses a request without the key.
    fn authorise(&self, headers: &BTreeMap<String, String>, key: &str) -> Result<(), Refusal>;

    /// Refuses a request that the real server refuses; else what a script sees of it. The server adds
    /// headers, body and count.
    fn check(&self, asked: &Asked<'_>, issued: &Issued) -> Result<Seen, Refusal>;

    /// The answer of the model in the dialect's own bytes.
    fn answer(&self, reply: &Reply, seen: &Seen, usage: Usage, issued: &mut Issued) -> Payload;

    /// What a server that counts tokens says.
    fn count(&self, usage: Usage) -> Value;

    /// The dialect's status and words for a trouble.
    fn trouble(&self, trouble: &Trouble, seen: &Seen) -> Refusal;

    /// The body of a refusal.
    fn refusal_body(&self, refusal: &Refusal) -> Value;

    /// The list of models.
    fn models(&self, models: &[String]) -> Value;
}

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The model answers.
    Generate,
    /// The tokens of a request are counted.
    Count,
    /// The models are listed.
    Models,
    /// Nothing: a client looks whether the server is there.
    Root,
}

/// A request to be checked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) body: &'a Value,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The dialect's error type.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// The parameter at fault, in dialects that say so.
    pub(crate) param: Option<String>,
    /// The dialect's error code, in dialects that have one.
    pub(crate) code: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, kind, message: message.into(), param: None, code: None }
    }

    /// 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_request_error", message)
    }

    pub(crate) fn with_param(self, param: impl Into<String>) -> Refusal {
        Refusal { param: Some(param.into()), ..self }
    }

    pub(crate) fn with_code(self, code: &'static str) -> Refusal {
        Refusal { code: Some(code), ..self }
    }
}

/// Thinking as it was sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thought {
    /// In dialects where it has an id.
    pub(crate) id: String,
    pub(crate) text: String,
}

/// What a fake remembers of its answers.
#[derive(Debug)]
pub(crate) struct Issued {
    seed: u16,
    serial: u64,
    /// By the id of each call of the same turn.
    thoughts: BTreeMap<String, Thought>,
}

impl Issued {
    /// Nothing yet. The seed keeps the ids of two fakes apart within one conversation.
    pub(crate) fn new(seed: u16) -> Issued {
        Issued { seed, serial: 0, thoughts: BTreeMap::new() }
    }

    /// An id that was not given out before.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}f{:06}", self.seed, self.serial)
    }

    pub(crate) fn remember(&mut self, calls: &[String], thought: &Thought) {
        for call in calls {
            self.thoughts.insert(call.clone(), thought.clone());
        }
    }

    /// The thinking that went before this call.
    pub(crate) fn thought(&self, call: &str) -> Option<&Thought> {
        self.thoughts.get(call)
    }
}

/// A text that only this kit makes of `text`: in place of a signature or of a ciphertext.
pub(crate) fn seal(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("c2VhbGVk{hash:016x}==")
}

/// A text in the parts in which a model sends it.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(DELTA_CHARS).map(|part| part.iter().collect()).collect()
}

/// An event that carries its type in an `event:` line too.
pub(crate) fn named_event(data: &Value, told: Option<Usage>) -> Frame {
    let name = data.get("type").and_then(Value::as_str).unwrap_or("message");
    Frame { bytes: format!("event: {name}\ndata: {data}\n\n").into_bytes(), told }
}

/// An event of data alone.
pub(crate) fn plain_event(data: &str, told: Option<Usage>) -> Frame {
    Frame { bytes: format!("data: {data}\n\n").into_bytes(), told }
}

/// A stream up to where it breaks, and then these.
pub(crate) fn broken_off(mut frames: Vec<Frame>, after: usize, with: Vec<Frame>) -> Payload {
    frames.truncate(after.min(frames.len().saturating_sub(1)));
    frames.extend(with);
    Payload::Stream { frames, whole: false }
}

/// The names of a list that appear in it twice.
pub(crate) fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

/// Whether `name` is of letters, digits, `_` and `-`, and of at most so many.
pub(crate) fn is_plain_name(name: &str, length_max: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=length_max).contains(&name.len()) && name.bytes().all(plain)
}

/// The text of a field, or nothing.
pub(crate) fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The list in a field, or none.
pub(crate) fn list_of<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
