//! An answer in the dialect of OpenAI Responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{Answer, Draft, Usage, room_for_a_call};
use crate::conversation::{data, input, text};
use crate::endpoint::Reading;
use crate::http::{Complaint, Fault, Limits, Progress, Reader};
use crate::sse::Event;
use crate::{Tokens, ToolCall, TurnEnd};

/// What has been read of an answer.
#[derive(Default)]
pub(crate) struct Stream {
    items: BTreeMap<u64, Item>,
    tokens: Option<Tokens>,
    end: Option<TurnEnd>,
    refused: bool,
}

/// One item of the output.
#[derive(Default)]
struct Item {
    /// As it is once it is done.
    done: Option<Value>,
    /// Its words so far.
    text: String,
    /// What it calls for, if it does.
    call: Option<Draft>,
}

impl Reader for Stream {
    fn event(&mut self, event: &Event, limits: &Limits) -> Result<Progress, Fault> {
        if event.data.trim() == "[DONE]" {
            return Ok(Progress::More);
        }
        let event = data(event)?;
        match text(&event, "type") {
            "response.output_item.added" => self.begin(place(&event)?, &event["item"], limits)?,
            "response.output_text.delta" => self.at(&event)?.text.push_str(text(&event, "delta")),
            "response.refusal.delta" => {
                self.refused = true;
                self.at(&event)?.text.push_str(text(&event, "delta"));
            }
            "response.function_call_arguments.delta" => {
                if let Some(call) = &mut self.at(&event)?.call {
                    call.push(text(&event, "delta"), limits)?;
                }
            }
            "response.function_call_arguments.done" => {
                if let Some(call) = &mut self.at(&event)?.call {
                    call.arguments.clear();
                    call.push(text(&event, "arguments"), limits)?;
                }
            }
            "response.output_item.done" => self.finish(place(&event)?, &event["item"], limits)?,
            "response.completed" | "response.incomplete" | "response.failed" => {
                return self.close(&event["response"], limits);
            }
            "error" => return Err(Fault::Complaint(Complaint::read(&event).unwrap_or_default())),
            _ => {}
        }
        Ok(Progress::More)
    }

    fn complete(&self) -> bool {
        self.end.is_some()
    }
}

impl Reading for Stream {
    fn answer(&self) -> Answer {
        Answer {
            text: self.items.values().map(|item| item.text.as_str()).collect(),
            drafts: self.items.values().filter_map(|item| item.call.clone()).collect(),
            end: if self.refused { TurnEnd::Refused } else { self.end.unwrap_or_default() },
            usage: Usage { tokens: self.tokens, micro_usd: None },
        }
    }

    /// The items, where there are thoughts among them. What was cut off cannot be sent back: a thought is
    /// accepted only with what followed it.
    fn raw(&self, calls: &[ToolCall]) -> Option<Value> {
        let mut calls = calls.iter();
        let mut items = Vec::new();
        for item in self.items.values() {
            let mut value = item.done.clone()?;
            if item.call.is_some() {
                let call = calls.next()?;
                value["call_id"] = json!(call.id);
                if call.malformed.is_some() {
                    value["arguments"] = json!(input(call).to_string());
                }
            }
            items.push(value);
        }
        let is_thought = |item: &Value| item["type"] == "reasoning";
        let whole = self.end == Some(TurnEnd::Complete) && !items.last().is_some_and(is_thought);
        (whole && !self.refused && items.iter().any(is_thought)).then_some(Value::Array(items))
    }
}

impl Stream {
    /// The item that an event adds to.
    fn at(&mut self, event: &Value) -> Result<&mut Item, Fault> {
        let place = place(event)?;
        self.items.get_mut(&place).ok_or_else(|| Fault::Garbled("it adds to what has not begun".into()))
    }

    fn begin(&mut self, place: u64, item: &Value, limits: &Limits) -> Result<(), Fault> {
        let mut begun = Item::default();
        if text(item, "type") == "function_call" {
            let calls = self.items.values().filter(|item| item.call.is_some()).count();
            room_for_a_call(calls, limits)?;
            let mut draft = Draft {
                tool: text(item, "name").into(),
                id: text(item, "call_id").into(),
                ..Draft::default()
            };
            draft.push(text(item, "arguments"), limits)?;
            begun.call = Some(draft);
        }
        self.items.insert(place, begun);
        Ok(())
    }

    /// Takes an item as it is once it is done: what came of it in pieces is in it.
    fn finish(&mut self, place: u64, item: &Value, limits: &Limits) -> Result<(), Fault> {
        if !item.is_object() {
            return Err(Fault::Garbled("an item is none".into()));
        }
        self.items.remove(&place);
        self.begin(place, item, limits)?;
        let parts = item["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut words = String::new();
        if text(item, "type") == "message" {
            for part in parts {
                self.refused |= text(part, "type") == "refusal";
                words.push_str(text(part, "text"));
                words.push_str(text(part, "refusal"));
            }
        }
        if let Some(held) = self.items.get_mut(&place) {
            held.text = words;
            held.done = Some(item.clone());
        }
        Ok(())
    }

    fn close(&mut self, response: &Value, limits: &Limits) -> Result<Progress, Fault> {
        self.count(&response["usage"]);
        if text(response, "status") == "failed" || response["error"].is_object() {
            return Err(Fault::Complaint(Complaint::read(response).unwrap_or_default()));
        }
        if self.items.is_empty() {
            let output = response["output"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (place, item) in (0_u64..).zip(output) {
                self.finish(place, item, limits)?;
            }
        }
        self.end =
            Some(match (text(response, "status"), response["incomplete_details"]["reason"].as_str()) {
                (_, Some("content_filter")) => TurnEnd::Refused,
                ("incomplete", _) | (_, Some(_)) => TurnEnd::CutOff,
                _ => TurnEnd::Complete,
            });
        Ok(Progress::Done)
    }

    fn count(&mut self, usage: &Value) {
        let field = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        let Some(whole) = field("/input_tokens") else { return };
        let cache_read = field("/input_tokens_details/cached_tokens").unwrap_or(0).min(whole);
        let written = field("/input_tokens_details/cache_write_tokens").unwrap_or(0);
        let cache_write = written.min(whole - cache_read);
        let output = field("/output_tokens").unwrap_or(0);
        let input = whole - cache_read - cache_write;
        self.tokens = Some(Tokens { input, output, cache_read, cache_write });
    }
}

fn place(event: &Value) -> Result<u64, Fault> {
    event["output_index"].as_u64().ok_or_else(|| Fault::Garbled("a part has no index".into()))
}

#[cfg(test)]
mod tests;
