//! One call of a tool: from the protocol to the desk and back, with progress, cancellation and a person's word.

#![expect(deprecated, reason = "clients of versions before 2026-07-28 still have logging of this kind")]

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use loki_operation::{Answer, Refusal, RefusalKind};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, LoggingLevel,
    ProgressNotificationParam, ProgressToken,
};
use rmcp::service::{Peer, RequestContext, RoleServer};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::approval::Person;
use super::desk::{Ask, Call, Progress};
use super::listing::{CALL, SEARCH};
use super::pages::PAGE_BYTES_MAX;
use super::schema::mismatch;
use super::search::search;
use super::session::Session;
use super::text;

/// Reports of progress that wait to be told; what is too many is left out.
const UNTOLD_MAX: usize = 16;

/// The metadata under which a call names the key that makes repeating it safe.
const KEY: &str = "loki/idempotencyKey";

/// Bytes of such a key.
const KEY_BYTES_MAX: usize = 200;

/// Bytes of a structured answer that programs are sent.
const STRUCTURED_BYTES_MAX: usize = 4 << 20;

impl Session {
    /// Answers a call.
    pub(super) async fn called(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.clone().unwrap_or_default();
        match request.name.as_ref() {
            SEARCH => self.searched(&arguments).map(Into::into),
            CALL => match called_within(&arguments)? {
                Within::Cursor(cursor) => Ok(self.page(&cursor).into()),
                Within::Operation(name, input) => self.operation(&name, input, &request, &context).await,
            },
            name => self.operation(name, arguments, &request, &context).await,
        }
    }

    fn searched(&self, arguments: &Map<String, Value>) -> Result<CallToolResult, ErrorData> {
        let query = match arguments.get("query") {
            None | Some(Value::Null) => "",
            Some(Value::String(query)) => query,
            Some(_) => return Err(ErrorData::invalid_params("`query` is a text", None)),
        };
        let allow = &self.shared.settings.allow;
        let found = search(&self.shared.desk.offers(), query, allow);
        self.shared.on.send_if_modified(|on| {
            let before = on.len();
            on.extend(found.names);
            on.len() != before
        });
        Ok(said(self.shared.pages.first("", found.text, false).trim_start().to_owned()))
    }

    fn page(&self, cursor: &str) -> CallToolResult {
        match self.shared.pages.at(cursor) {
            Some(page) => said(page),
            None => refused(
                &Refusal::new(
                    RefusalKind::Unknown,
                    "cursor_gone",
                    "there is nothing at this cursor any more",
                )
                .next("Make the call again."),
            ),
        }
    }

    async fn operation(
        &self,
        name: &str,
        input: Map<String, Value>,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Ok(_turn) = self.shared.calls.try_acquire() else {
            let refusal =
                Refusal::new(RefusalKind::Conflict, "too_many_calls", "too many calls are under way")
                    .next("Make the call again when others have ended.");
            return Ok(refused(&refusal).into());
        };
        let key = key(context)?;
        let (responses, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
        let person = Person::of(context, &self.shared.issued, state, responses);
        let (teller, told) = Teller::new(context);
        let call = Call {
            idempotency_key: key.as_deref(),
            progress: &teller,
            approve: person.as_ref().map(|person| person as &dyn Ask),
            ..Call::new("mcp", &self.shared.settings.allow)
        };
        let calling = self.shared.desk.call(name, Value::Object(input), &call);
        // A panic of an operation is its own; the client gets an answer, and the next call too.
        let calling = AssertUnwindSafe(calling).catch_unwind();
        let answer = tokio::select! {
            biased;
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("the call was cancelled", None)),
            answer = told.while_running(calling) => answer,
        };
        match answer {
            Ok(Ok(answer)) => Ok(self.answered(name, answer, context).await.into()),
            Ok(Err(refusal)) => {
                if let Some(question) = person.as_ref().and_then(Person::question)
                    && matches!(refusal.kind, RefusalKind::NeedsApproval(_))
                {
                    return Ok(question.into());
                }
                self.refusal(name, &refusal, context).await
            }
            Err(_panic) => {
                self.log(context, LoggingLevel::Error, format!("`{name}` broke off")).await;
                let refusal = Refusal::new(RefusalKind::Failed, "panicked", "the operation broke off")
                    .next("Look whether it has happened, and report this with the call that led to it.");
                Ok(refused(&refusal).into())
            }
        }
    }

    async fn answered(
        &self,
        name: &str,
        answer: Answer,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        let (summary, body) = (text::line(&answer.summary), text::data(&answer.data));
        let mut result = said(self.shared.pages.first(&summary, body, answer.untrusted));
        let with_schemas = self.shared.settings.with_output_schemas;
        let bytes = answer.data.to_string().len();
        let offers = self.shared.desk.offers();
        let offer = offers.iter().find(|offer| offer.name == name);
        let wrong = offer.and_then(|offer| mismatch(&offer.output_schema, &answer.data));
        if let Some(wrong) = wrong {
            // What was done is done, so the text is sent; what would break the promise of the schema is not.
            let text = format!("the answer of `{name}` is not what its output schema says: {wrong}");
            self.log(context, LoggingLevel::Error, text).await;
        } else if bytes <= if with_schemas { STRUCTURED_BYTES_MAX } else { PAGE_BYTES_MAX } {
            result.structured_content = Some(answer.data);
        }
        if with_schemas && result.structured_content.is_none() && offer.is_some() {
            return refused(
                &Refusal::new(
                    RefusalKind::Failed,
                    "no_structured_answer",
                    "the answer cannot be sent as its schema says",
                )
                .hint("what was asked for was carried out")
                .next("Ask for less, or without output schemas."),
            );
        }
        result
    }

    async fn refusal(
        &self,
        name: &str,
        refusal: &Refusal,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if refusal.kind == RefusalKind::Failed {
            self.log(context, LoggingLevel::Warning, format!("`{name}` failed: {}", refusal.code)).await;
        }
        let is_tool = || self.shared.desk.offers().iter().any(|offer| offer.name == name);
        if refusal.kind == RefusalKind::Unknown && !is_tool() && refusal.code != "no_backend" {
            return Err(ErrorData::invalid_params(refusal.message.clone(), Some(refusal.to_json())));
        }
        Ok(refused(refusal).into())
    }
}

/// What is called by way of another tool.
enum Within {
    Operation(String, Map<String, Value>),
    Cursor(String),
}

fn called_within(arguments: &Map<String, Value>) -> Result<Within, ErrorData> {
    let wrong = |what: &'static str| Err(ErrorData::invalid_params(what, None));
    match (arguments.get("cursor"), arguments.get("name"), arguments.get("input")) {
        (Some(Value::String(cursor)), None, None) => Ok(Within::Cursor(cursor.clone())),
        (None, Some(Value::String(name)), _) if name == CALL || name == SEARCH => {
            wrong("call that tool itself")
        }
        (None, Some(Value::String(name)), None) => Ok(Within::Operation(name.clone(), Map::new())),
        (None, Some(Value::String(name)), Some(Value::Object(input))) => {
            Ok(Within::Operation(name.clone(), input.clone()))
        }
        _ => wrong("`tools_call` takes a `name` and an `input` object, or a `cursor` alone"),
    }
}

fn key(context: &RequestContext<RoleServer>) -> Result<Option<String>, ErrorData> {
    match context.meta.get(KEY) {
        None => Ok(None),
        Some(Value::String(key))
            if (1..=KEY_BYTES_MAX).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(Some(key.clone()))
        }
        Some(_) => {
            let message = format!("`{KEY}` is 1 to {KEY_BYTES_MAX} visible characters");
            Err(ErrorData::invalid_params(message, None))
        }
    }
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// A refusal as every door gives it.
fn refused(refusal: &Refusal) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(refusal.to_json().to_string())])
}

/// Takes reports of progress; never waits.
struct Teller(Option<mpsc::Sender<ProgressNotificationParam>>, Option<ProgressToken>);

/// Passes the reports on.
struct Told(mpsc::Receiver<ProgressNotificationParam>, Peer<RoleServer>);

impl Teller {
    fn new(context: &RequestContext<RoleServer>) -> (Self, Told) {
        let (sender, receiver) = mpsc::channel(UNTOLD_MAX);
        let token = context.meta.get_progress_token();
        let sender = token.is_some().then_some(sender);
        (Self(sender, token), Told(receiver, context.peer.clone()))
    }
}

impl Progress for Teller {
    fn tell(&self, done: u64, of: Option<u64>, message: &str) {
        let (Some(sender), Some(token)) = (&self.0, &self.1) else { return };
        let (done, of) = (done as f64, of.map(|of| of as f64));
        let mut report =
            ProgressNotificationParam::new(token.clone(), done).with_message(text::line(message));
        report.total = of;
        // A client that reads slowly misses some of them.
        sender.try_send(report).unwrap_or_default();
    }
}

impl Told {
    /// Carries the work out, and tells of its progress meanwhile; every report is told before the answer is.
    async fn while_running<T>(mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                biased;
                Some(report) = self.0.recv() => {
                    // A client that is gone cancels the call by being gone.
                    let _told = self.1.notify_progress(report).await;
                }
                done = &mut work => break done,
            }
        };
        while let Ok(report) = self.0.try_recv() {
            let _told = self.1.notify_progress(report).await;
        }
        done
    }
}
