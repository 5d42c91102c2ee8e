//! A person's word, by way of the client.
//!
//! Clients of older versions are asked in the middle of a call. From 2026-07-28 on the call is answered with the
//! question, and made again with the answer. Either way the answer counts for the one thing that was asked about.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
    InputRequests, InputRequiredResult, InputResponses, ProtocolVersion,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

use super::desk::{Ask, Question, Said};
use super::pages::random;
use super::text;

/// How long a person may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// Questions that wait for an answer at a time; the oldest is forgotten first.
const ISSUED_MAX: usize = 64;

/// Bytes of a question.
const MESSAGE_BYTES_MAX: usize = 6_000;

/// Bytes of what a person writes.
const REASON_BYTES_MAX: usize = 1_000;

/// The name of the question in a call's answer.
const KEY: &str = "approval";

/// Questions that have been put to clients of 2026-07-28, by what they must send back.
pub(super) struct Issued(Mutex<VecDeque<(String, String)>>);

impl Issued {
    pub(super) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// Notes that somebody is asked about `subject`, and says what they must send back.
    fn put(&self, subject: &str) -> String {
        let state = random();
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() == ISSUED_MAX {
            issued.pop_front();
        }
        issued.push_back((state.clone(), subject.to_owned()));
        state
    }

    /// What was asked about; an answer counts once.
    fn take(&self, state: &str) -> Option<String> {
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = issued.iter().position(|(known, _)| known == state)?;
        issued.remove(place).map(|(_, subject)| subject)
    }
}

/// The person before a client, during one call.
pub(super) struct Person<'a> {
    context: &'a RequestContext<RoleServer>,
    issued: &'a Issued,
    client: String,
    /// What came back with this call, for clients that are asked by the answer.
    answered: Option<(String, Value)>,
    asks_by_answer: bool,
    asked: Mutex<Option<Question>>,
}

impl<'a> Person<'a> {
    /// The person before the client of a call; `None` where the client cannot ask anybody.
    pub(super) fn of(
        context: &'a RequestContext<RoleServer>,
        issued: &'a Issued,
        state: Option<&str>,
        responses: Option<&InputResponses>,
    ) -> Option<Person<'a>> {
        let can = context.client_capabilities()?.elicitation?;
        // A client that names no way at all can show a form.
        if can.form.is_none() && can.url.is_some() {
            return None;
        }
        let version = context.protocol_version();
        let asks_by_answer =
            version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        let name = context.client_info().map_or_else(|| "an MCP client".to_owned(), |client| client.name);
        let name = text::line(&name[..name.floor_char_boundary(80)]);
        let answer = responses.and_then(|all| all.get(KEY)).cloned();
        let answered = state.and_then(|state| issued.take(state)).zip(answer);
        let client = format!("the user of {name}");
        Some(Person { context, issued, client, answered, asks_by_answer, asked: Mutex::new(None) })
    }

    /// The question that is to be the answer of the call, where there is one.
    pub(super) fn question(&self) -> Option<InputRequiredResult> {
        let question = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let request = InputRequest::Elicitation(ElicitRequest::new(form(&question)?));
        let requests = InputRequests::from([(KEY.to_owned(), request)]);
        Some(InputRequiredResult::new(Some(requests), Some(self.issued.put(&question.subject))))
    }

    fn said(&self, result: &ElicitResult) -> Said {
        let content = |name: &str| result.content.as_ref().and_then(|content| content.get(name));
        let reason = content("reason").and_then(Value::as_str).unwrap_or_default();
        let reason = text::line(&reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]);
        let (person, reason) =
            (self.client.clone(), if reason.is_empty() { "none given".to_owned() } else { reason });
        match (&result.action, content("approve")) {
            (ElicitationAction::Accept, Some(Value::Bool(true))) => Said::Yes { person, reason },
            (ElicitationAction::Accept, Some(Value::Bool(false))) | (ElicitationAction::Decline, _) => {
                Said::No { person, reason }
            }
            // A form that was sent without its answer decides nothing.
            _ => Said::Nothing,
        }
    }
}

#[async_trait]
impl Ask for Person<'_> {
    async fn ask(&self, question: &Question) -> Said {
        if self.asks_by_answer {
            if let Some((subject, answer)) = &self.answered
                && subject == &question.subject
                && let Ok(result) = serde_json::from_value::<ElicitResult>(answer.clone())
            {
                return self.said(&result);
            }
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(question.clone());
            return Said::Nothing;
        }
        let Some(form) = form(question) else { return Said::Nothing };
        match self.context.peer.create_elicitation_with_timeout(form, Some(ANSWER_TIMEOUT)).await {
            Ok(result) => self.said(&result),
            // Nobody answered in time, or the client is gone: nothing is decided.
            Err(_) => Said::Nothing,
        }
    }
}

fn form(question: &Question) -> Option<ElicitRequestParams> {
    let schema = json!({
        "type": "object",
        "properties": {
            "approve": {"type": "boolean", "title": "Approve", "description": "Let it happen"},
            "reason": {"type": "string", "title": "Reason", "description": "Why; it is kept with the decision"},
        },
        "required": ["approve"],
    });
    let requested_schema = ElicitationSchema::from_json_schema(schema.as_object()?.clone()).ok()?;
    let mut message =
        std::iter::once(&question.title).chain(&question.details).cloned().collect::<Vec<_>>().join("\n");
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    Some(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
}
