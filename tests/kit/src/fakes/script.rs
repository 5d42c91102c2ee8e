//! What a fake model says, in words of no dialect: the same script serves all three APIs.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

/// A request as a script sees it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The model that is asked.
    pub model: String,
    /// The standing instructions.
    pub system: String,
    /// The words of the last message of the user that has any.
    pub user: String,
    /// Names of the tools on offer, in order.
    pub tools: Vec<String>,
    /// Every call of the conversation that has its answer, oldest first.
    pub results: Vec<ToolResult>,
    /// How many messages of the model the conversation holds.
    pub turn: usize,
    /// How many requests reached the script before this one, over all conversations.
    pub asked_before: usize,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Whether a stream is wanted.
    pub stream: bool,
    /// The whole body.
    pub body: Value,
}

/// A call and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The call's id.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Its input; a text where it was no JSON.
    pub input: Value,
    /// Whether it is marked as failed; none in dialects that have no such mark.
    pub failed: Option<bool>,
    /// The answer's words.
    pub output: String,
}

impl Seen {
    /// Whether this tool is on offer.
    pub fn offers(&self, tool: &str) -> bool {
        self.tools.iter().any(|offered| offered == tool)
    }

    /// The latest answer of this tool.
    pub fn last_result(&self, tool: &str) -> Option<&ToolResult> {
        self.results.iter().rev().find(|result| result.tool == tool)
    }
}

/// Tokens of one answer, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Input tokens neither read from a cache nor written to one.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
}

impl Usage {
    /// All four kinds.
    pub fn new(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Usage {
        Usage { input, output, cache_read, cache_write }
    }

    /// The sum, kind by kind.
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            input: self.input + other.input,
            output: self.output + other.output,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
        }
    }

    /// The sum of the three kinds of input, which is what OpenAI's dialects call input.
    pub(crate) fn whole_input(self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

/// What the model does.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub(crate) thinking: Option<String>,
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
    pub(crate) usage: Option<Usage>,
    pub(crate) delivery: Delivery,
    /// In place of all else.
    pub(crate) http: Option<HttpReply>,
    /// A stream breaks with an error event of this type after so many events.
    pub(crate) error: Option<(usize, String)>,
}

/// A call as the model writes it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) tool: String,
    /// JSON, or what the model took for it.
    pub(crate) arguments: String,
}

/// Why the model stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    #[default]
    Complete,
    CutOff,
    Refused,
}

/// An answer of the server that is none of the model.
#[derive(Debug, Clone)]
pub(crate) struct HttpReply {
    pub(crate) trouble: Trouble,
    pub(crate) headers: Vec<(String, String)>,
}

/// What a server can have to say instead of the model. Each dialect has its own status and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    RateLimited,
    Overloaded,
    Internal,
    WrongKey,
    NoSuchModel,
    QuotaSpent,
    TooLong,
    Raw { status: u16, body: String },
}

/// When and how an answer's bytes leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    pub(crate) delay_ms: u64,
    pub(crate) trickle_ms: u64,
    pub(crate) split_bytes: Option<usize>,
    pub(crate) cut: Option<Cut>,
}

/// Where a stream stops too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The connection breaks in the middle of the event after so many.
    Drop(usize),
    /// The body ends, as HTTP would have it, after so many events.
    End(usize),
}

impl Cut {
    pub(crate) fn after(self) -> usize {
        match self {
            Cut::Drop(after) | Cut::End(after) => after,
        }
    }
}

impl Delivery {
    /// The length of the pieces in which `whole_bytes` go out.
    pub(crate) fn piece_bytes(&self, whole_bytes: usize) -> usize {
        self.split_bytes.unwrap_or(whole_bytes).max(1)
    }
}

impl Reply {
    /// Words.
    pub fn say(text: &str) -> Reply {
        Reply { text: text.to_owned(), ..Reply::default() }
    }

    /// Calls of tools, in one turn.
    pub fn call<'a>(calls: impl IntoIterator<Item = (&'a str, Value)>) -> Reply {
        let call =
            |(tool, input): (&str, Value)| Call { tool: tool.to_owned(), arguments: input.to_string() };
        Reply { calls: calls.into_iter().map(call).collect(), ..Reply::default() }
    }

    /// A call whose arguments are `raw`, whatever that is.
    pub fn malformed_arguments(tool: &str, raw: &str) -> Reply {
        let call = Call { tool: tool.to_owned(), arguments: raw.to_owned() };
        Reply { calls: vec![call], ..Reply::default() }
    }

    /// The model will not answer.
    pub fn refuse() -> Reply {
        Reply { text: "I cannot help with that.".to_owned(), end: End::Refused, ..Reply::default() }
    }

    /// A turn without words or calls.
    pub fn empty() -> Reply {
        Reply::default()
    }

    /// Words that end at the limit of output tokens.
    pub fn cut_off(text: &str) -> Reply {
        Reply { text: text.to_owned(), end: End::CutOff, ..Reply::default() }
    }

    /// A call that ends at the limit of output tokens, its arguments only begun.
    pub fn cut_off_call(tool: &str, begun: &str) -> Reply {
        Reply { end: End::CutOff, ..Reply::malformed_arguments(tool, begun) }
    }

    /// An answer of the server: a status, headers, and a body as it is.
    pub fn http(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        Reply::trouble(Trouble::Raw { status, body: body.to_owned() }, headers)
    }

    /// 429, to be asked again after so many seconds.
    pub fn rate_limited(retry_after_seconds: u64) -> Reply {
        Reply::trouble(Trouble::RateLimited, &[("retry-after", &retry_after_seconds.to_string())])
    }

    /// 429 with these headers, such as the reset times of each dialect.
    pub fn rate_limited_with(headers: &[(&str, &str)]) -> Reply {
        Reply::trouble(Trouble::RateLimited, headers)
    }

    /// 529 of the Messages API, 503 of the others.
    pub fn overloaded() -> Reply {
        Reply::trouble(Trouble::Overloaded, &[])
    }

    /// 500.
    pub fn internal_error() -> Reply {
        Reply::trouble(Trouble::Internal, &[])
    }

    /// 401, whatever the key.
    pub fn wrong_key() -> Reply {
        Reply::trouble(Trouble::WrongKey, &[])
    }

    /// 404: there is no such model.
    pub fn no_such_model() -> Reply {
        Reply::trouble(Trouble::NoSuchModel, &[])
    }

    /// The account is empty: 400 of the Messages API, 429 `insufficient_quota` of the others.
    pub fn quota_spent() -> Reply {
        Reply::trouble(Trouble::QuotaSpent, &[])
    }

    /// 400: the request is longer than the model's context.
    pub fn too_long() -> Reply {
        Reply::trouble(Trouble::TooLong, &[])
    }

    /// Whether all of it reaches the client as the model meant it.
    pub(crate) fn arrives(&self) -> bool {
        let speaks = !self.text.is_empty() || !self.calls.is_empty();
        let sent = self.http.is_none() && self.error.is_none() && self.delivery.cut.is_none();
        speaks && sent && self.end == End::Complete
    }

    fn trouble(trouble: Trouble, headers: &[(&str, &str)]) -> Reply {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        Reply { http: Some(HttpReply { trouble, headers }), ..Reply::default() }
    }

    /// The same with words before its calls.
    #[must_use]
    pub fn with_text(self, text: &str) -> Reply {
        Reply { text: text.to_owned(), ..self }
    }

    /// The same with thinking before everything, where the request allows thinking at all.
    #[must_use]
    pub fn with_thinking(self, thinking: &str) -> Reply {
        Reply { thinking: Some(thinking.to_owned()), ..self }
    }

    /// The same, but the arguments of its calls break off in their middle, as if the model had written
    /// no JSON.
    #[must_use]
    pub fn with_spoilt_arguments(mut self) -> Reply {
        for call in &mut self.calls {
            let middle = (0..=call.arguments.len() / 2).rev().find(|at| call.arguments.is_char_boundary(*at));
            call.arguments.truncate(middle.unwrap_or_default());
        }
        self
    }

    /// The same with these tokens reported. Otherwise they are counted by length.
    #[must_use]
    pub fn with_usage(self, usage: Usage) -> Reply {
        Reply { usage: Some(usage), ..self }
    }

    /// The same in pieces of so many bytes, wherever that cuts.
    #[must_use]
    pub fn split_every(mut self, bytes: usize) -> Reply {
        self.delivery.split_bytes = Some(bytes);
        self
    }

    /// The same with so many milliseconds before each event.
    #[must_use]
    pub fn trickle(mut self, milliseconds: u64) -> Reply {
        self.delivery.trickle_ms = milliseconds;
        self
    }

    /// The same after so many milliseconds.
    #[must_use]
    pub fn delay(mut self, milliseconds: u64) -> Reply {
        self.delivery.delay_ms = milliseconds;
        self
    }

    /// The same, but the connection breaks in the middle of the event after so many. An answer that is
    /// no stream breaks in its middle.
    #[must_use]
    pub fn drop_mid_stream(mut self, after_events: usize) -> Reply {
        self.delivery.cut = Some(Cut::Drop(after_events));
        self
    }

    /// The same, but the body ends properly after so many events, without the dialect's last ones.
    #[must_use]
    pub fn end_early(mut self, after_events: usize) -> Reply {
        self.delivery.cut = Some(Cut::End(after_events));
        self
    }

    /// The same, but after so many events the stream says `error_type`, such as `overloaded_error`, and
    /// ends.
    #[must_use]
    pub fn error_event(mut self, error_type: &str, after_events: usize) -> Reply {
        self.error = Some((after_events, error_type.to_owned()));
        self
    }
}

/// A reply, or what is wrong with being asked for one.
type Decided = Result<Reply, &'static str>;

/// Decides what the model does, request by request.
pub struct Script(Box<dyn FnMut(&Seen) -> Decided + Send>);

impl Script {
    /// A function of what is seen. A panic in it is a complaint, and the client gets 500.
    pub fn new(mut decide: impl FnMut(&Seen) -> Reply + Send + 'static) -> Script {
        Script(Box::new(move |seen| Ok(decide(seen))))
    }

    /// Replies in order, one for each request. A request too many is a complaint, and gets 500.
    pub fn list(replies: impl IntoIterator<Item = Reply>) -> Script {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        Script(Box::new(move |_| replies.pop_front().ok_or("a request after the end of the script")))
    }

    pub(crate) fn decide(&mut self, seen: &Seen) -> Decided {
        (self.0)(seen)
    }
}
