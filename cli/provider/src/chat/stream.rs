//! A chat completion as it comes.
//!
//! Vendors differ in small things: whether calls have an index, when an id comes and whether at all, whether
//! arguments come in pieces or as an object. All of it is read; nothing of it is relied on.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Draft, Usage, room_for_a_call};
use crate::conversation::{data, text};
use crate::endpoint::Reading;
use crate::http::{Complaint, Fault, Limits, Progress, Reader};
use crate::sse::Event;
use crate::vendors::Vendor;
use crate::{Tokens, ToolCall, TurnEnd};

/// What has been read of an answer.
pub(crate) struct Stream {
    vendor: &'static Vendor,
    text: String,
    calls: Vec<Call>,
    end: Option<TurnEnd>,
    refused: bool,
    usage: Usage,
    /// What must be sent back.
    hidden: Map<String, Value>,
}

struct Call {
    index: Option<u64>,
    draft: Draft,
    /// What must be sent back.
    hidden: Map<String, Value>,
}

const DONE: &str = "[DONE]";
/// Micro-dollars in a dollar.
const MICRO: f64 = 1e6;

impl Stream {
    pub(crate) fn new(vendor: &'static Vendor) -> Self {
        Self {
            vendor,
            text: String::new(),
            calls: Vec::new(),
            end: None,
            refused: false,
            usage: Usage::default(),
            hidden: Map::new(),
        }
    }
}

impl Reader for Stream {
    fn event(&mut self, event: &Event, limits: &Limits) -> Result<Progress, Fault> {
        if event.data.trim() == DONE {
            return match self.end {
                Some(_) => Ok(Progress::Done),
                None => Err(Fault::Garbled("it ends without a reason".into())),
            };
        }
        let chunk = data(event)?;
        let failed =
            chunk.get("error").is_some_and(|error| !error.is_null()) || text(&chunk, "object") == "error";
        if failed {
            return Err(Fault::Complaint(Complaint::read(&chunk).unwrap_or_default()));
        }
        for usage in [&chunk["x_groq"]["usage"], &chunk["usage"]] {
            self.count(usage);
        }
        let choices = chunk["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        for choice in choices.iter().filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
            self.delta(&choice["delta"], limits)?;
            match text(choice, "finish_reason") {
                "" => {}
                "error" => return Err(Fault::Complaint(failed_upstream())),
                reason => self.end = Some(end(reason)),
            }
        }
        Ok(Progress::More)
    }

    fn complete(&self) -> bool {
        self.end.is_some()
    }
}

impl Reading for Stream {
    fn answer(&self) -> Answer {
        let end = if self.refused { TurnEnd::Refused } else { self.end.unwrap_or_default() };
        let drafts = self.calls.iter().map(|call| call.draft.clone()).collect();
        Answer { text: self.text.clone(), drafts, end, usage: self.usage }
    }

    fn raw(&self, calls: &[ToolCall]) -> Option<Value> {
        let any = !self.hidden.is_empty() || self.calls.iter().any(|call| !call.hidden.is_empty());
        if !any || calls.len() != self.calls.len() {
            return None;
        }
        let calls: Vec<_> = self.calls.iter().map(|call| &call.hidden).collect();
        Some(json!({"message": self.hidden, "calls": calls}))
    }
}

impl Stream {
    fn delta(&mut self, delta: &Value, limits: &Limits) -> Result<(), Fault> {
        match &delta["content"] {
            Value::String(words) => self.text.push_str(words),
            // Words among other parts, such as thoughts.
            Value::Array(parts) => {
                let words = parts.iter().filter(|part| text(part, "type") == "text");
                words.for_each(|part| self.text.push_str(text(part, "text")));
            }
            _ => {}
        }
        let refusal = text(delta, "refusal");
        self.refused |= !refusal.is_empty();
        self.text.push_str(refusal);
        for field in self.vendor.message_fields {
            if let Some(value) = delta.get(field).filter(|value| !value.is_null()) {
                grow(self.hidden.entry(*field).or_insert(Value::Null), value);
            }
        }
        let calls = delta["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        calls.iter().try_for_each(|call| self.call(call, limits))
    }

    fn call(&mut self, delta: &Value, limits: &Limits) -> Result<(), Fault> {
        let place = match self.place(delta) {
            Some(place) => place,
            None => {
                room_for_a_call(self.calls.len(), limits)?;
                let index = delta["index"].as_u64();
                self.calls.push(Call { index, draft: Draft::default(), hidden: Map::new() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[place];
        let function = &delta["function"];
        for (held, said) in
            [(&mut call.draft.id, text(delta, "id")), (&mut call.draft.tool, text(function, "name"))]
        {
            if held.is_empty() {
                said.clone_into(held);
            }
        }
        match &function["arguments"] {
            Value::String(piece) => call.draft.push(piece, limits)?,
            whole @ Value::Object(_) => call.draft.push(&whole.to_string(), limits)?,
            _ => {}
        }
        for field in self.vendor.call_fields {
            if let Some(value) = delta.get(field).filter(|value| !value.is_null()) {
                call.hidden.insert((*field).to_owned(), value.clone());
            }
        }
        Ok(())
    }

    /// The call that a piece belongs to; `None` where it begins another.
    fn place(&self, delta: &Value) -> Option<usize> {
        let (id, name) = (text(delta, "id"), text(&delta["function"], "name"));
        let place = match delta["index"].as_u64() {
            Some(index) => self.calls.iter().rposition(|call| call.index == Some(index))?,
            None => self.calls.len().checked_sub(1)?,
        };
        let draft = &self.calls[place].draft;
        let renamed = !id.is_empty() && !draft.id.is_empty() && id != draft.id;
        // Without an index, a piece with a name and no id begins a call once there is one before it.
        let unnumbered = delta["index"].is_null() && id.is_empty() && !draft.tool.is_empty();
        (name.is_empty() || !(renamed || unnumbered)).then_some(place)
    }

    fn count(&mut self, usage: &Value) {
        let field = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        let Some(prompt) = field("/prompt_tokens") else { return };
        let cache_read = field("/prompt_tokens_details/cached_tokens").unwrap_or(0).min(prompt);
        let written = field("/prompt_tokens_details/cache_write_tokens").unwrap_or(0);
        let cache_write = written.min(prompt - cache_read);
        let said = field("/completion_tokens").unwrap_or(0);
        // Some count thoughts in the total alone.
        let rest = field("/total_tokens").unwrap_or(0).saturating_sub(prompt);
        let input = prompt - cache_read - cache_write;
        self.usage.tokens = Some(Tokens { input, output: said.max(rest), cache_read, cache_write });
        if self.vendor.reports_cost {
            let money =
                |path: &str| usage.pointer(path).and_then(Value::as_f64).filter(|money| *money >= 0.0);
            let upstream = money("/cost_details/upstream_inference_cost").unwrap_or(0.0);
            self.usage.micro_usd = money("/cost").map(|cost| micro(cost + upstream));
        }
    }
}

/// Dollars in micro-dollars, rounded up; the ceiling of what is left of a binary fraction is not.
fn micro(dollars: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and no money is negative"
    )]
    let micro = (dollars * MICRO - 1e-6).ceil() as u64;
    micro
}

/// Adds a piece to what must be sent back: texts grow, and parts of one kind and index grow together.
fn grow(held: &mut Value, piece: &Value) {
    match (held, piece) {
        (Value::String(held), Value::String(piece)) => held.push_str(piece),
        (Value::Array(held), Value::Array(pieces)) => pieces.iter().for_each(|piece| grow_part(held, piece)),
        (held @ Value::Null, Value::Array(pieces)) => {
            let mut parts = Vec::new();
            pieces.iter().for_each(|piece| grow_part(&mut parts, piece));
            *held = Value::Array(parts);
        }
        (held, piece) => *held = piece.clone(),
    }
}

/// Fields of a part whose pieces follow each other.
const GROWING: [&str; 3] = ["text", "summary", "data"];

fn grow_part(parts: &mut Vec<Value>, piece: &Value) {
    let same = |part: &&mut Value| part["type"] == piece["type"] && part["index"] == piece["index"];
    let (Some(Value::Object(part)), Value::Object(fields)) = (parts.last_mut().filter(same), piece) else {
        parts.push(piece.clone());
        return;
    };
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        match (part.get_mut(name), value) {
            (Some(Value::String(before)), Value::String(after)) if GROWING.contains(&name.as_str()) => {
                before.push_str(after);
            }
            _ => drop(part.insert(name.clone(), value.clone())),
        }
    }
}

/// What is said of an answer that ends with an error and no explanation.
fn failed_upstream() -> Complaint {
    Complaint { message: "the answer ends with an error".to_owned(), ..Complaint::default() }
}

fn end(reason: &str) -> TurnEnd {
    match reason {
        "length" | "model_length" | "max_tokens" => TurnEnd::CutOff,
        "content_filter" => TurnEnd::Refused,
        _ => TurnEnd::Complete,
    }
}

#[cfg(test)]
mod tests;
