//! An answer in Anthropic's dialect.

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
    blocks: BTreeMap<u64, Block>,
    tokens: Option<Tokens>,
    end: Option<TurnEnd>,
}

enum Block {
    Text(String),
    /// A thought: as it began, and what was added to it.
    Thought {
        begun: Value,
        thinking: String,
        signature: String,
    },
    Call(Draft),
    /// A kind that is not known, and not asked for.
    Other,
}

impl Reader for Stream {
    fn event(&mut self, event: &Event, limits: &Limits) -> Result<Progress, Fault> {
        let event = data(event)?;
        match text(&event, "type") {
            "message_start" => self.count(&event["message"]["usage"]),
            "content_block_start" => self.begin(&event, limits)?,
            "content_block_delta" => self.add(&event, limits)?,
            "message_delta" => {
                self.count(&event["usage"]);
                self.end = event["delta"]["stop_reason"].as_str().map(end).or(self.end);
            }
            "message_stop" if self.end.is_none() => {
                return Err(Fault::Garbled("it ends without a reason".into()));
            }
            "message_stop" => return Ok(Progress::Done),
            "error" => return Err(Fault::Complaint(Complaint::read(&event).unwrap_or_default())),
            // `ping`, `content_block_stop`, and what is yet to come.
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
        let text = self.blocks.values().filter_map(|block| match block {
            Block::Text(text) => Some(text.as_str()),
            Block::Thought { .. } | Block::Call(_) | Block::Other => None,
        });
        let drafts = self.blocks.values().filter_map(|block| match block {
            Block::Call(draft) => Some(draft.clone()),
            Block::Text(_) | Block::Thought { .. } | Block::Other => None,
        });
        Answer {
            text: text.collect(),
            drafts: drafts.collect(),
            end: self.end.unwrap_or_default(),
            usage: Usage { tokens: self.tokens, micro_usd: None },
        }
    }

    /// The blocks, where there are thoughts among them: only those cannot be said anew.
    fn raw(&self, calls: &[ToolCall]) -> Option<Value> {
        let mut calls = calls.iter();
        let mut blocks = Vec::new();
        let mut thoughts = false;
        for block in self.blocks.values() {
            match block {
                Block::Text(text) if text.trim().is_empty() => {}
                Block::Text(text) => blocks.push(json!({"type": "text", "text": text})),
                Block::Thought { begun, thinking, signature } => {
                    let thought = thought(begun, thinking, signature);
                    thoughts |= thought.is_some();
                    blocks.extend(thought);
                }
                Block::Call(draft) => {
                    let call = calls.next()?;
                    let (id, name) = (&call.id, &draft.tool);
                    blocks.push(json!({"type": "tool_use", "id": id, "name": name, "input": input(call)}));
                }
                Block::Other => {}
            }
        }
        thoughts.then_some(Value::Array(blocks))
    }
}

impl Stream {
    fn count(&mut self, usage: &Value) {
        if !usage.is_object() {
            return;
        }
        let tokens = self.tokens.get_or_insert_default();
        // What is reported later is reported for the whole answer.
        let set = |name: &str, count: &mut u64| *count = usage[name].as_u64().unwrap_or(*count);
        set("input_tokens", &mut tokens.input);
        set("output_tokens", &mut tokens.output);
        set("cache_read_input_tokens", &mut tokens.cache_read);
        set("cache_creation_input_tokens", &mut tokens.cache_write);
    }

    fn begin(&mut self, event: &Value, limits: &Limits) -> Result<(), Fault> {
        let begun = &event["content_block"];
        let block = match text(begun, "type") {
            "text" => Block::Text(text(begun, "text").to_owned()),
            "thinking" | "redacted_thinking" => Block::Thought {
                begun: begun.clone(),
                thinking: text(begun, "thinking").to_owned(),
                signature: text(begun, "signature").to_owned(),
            },
            "tool_use" => {
                let calls = self.blocks.values().filter(|block| matches!(block, Block::Call(_))).count();
                room_for_a_call(calls, limits)?;
                Block::Call(draft(begun, limits)?)
            }
            _ => Block::Other,
        };
        self.blocks.insert(index(event)?, block);
        Ok(())
    }

    fn add(&mut self, event: &Value, limits: &Limits) -> Result<(), Fault> {
        let delta = &event["delta"];
        let block = self.blocks.get_mut(&index(event)?);
        match (text(delta, "type"), block) {
            (_, None) => return Err(Fault::Garbled("it adds to what has not begun".into())),
            ("text_delta", Some(Block::Text(words))) => words.push_str(text(delta, "text")),
            ("thinking_delta", Some(Block::Thought { thinking, .. })) => {
                thinking.push_str(text(delta, "thinking"));
            }
            ("signature_delta", Some(Block::Thought { signature, .. })) => {
                signature.push_str(text(delta, "signature"));
            }
            ("input_json_delta", Some(Block::Call(draft))) => {
                draft.push(text(delta, "partial_json"), limits)?
            }
            _ => {}
        }
        Ok(())
    }
}

fn index(event: &Value) -> Result<u64, Fault> {
    event["index"].as_u64().ok_or_else(|| Fault::Garbled("a part has no index".into()))
}

/// A call as it begins: as a rule with an empty input, which then follows in pieces.
fn draft(begun: &Value, limits: &Limits) -> Result<Draft, Fault> {
    let mut draft =
        Draft { id: text(begun, "id").to_owned(), tool: text(begun, "name").to_owned(), ..Draft::default() };
    if begun["input"].as_object().is_some_and(|input| !input.is_empty()) {
        draft.push(&begun["input"].to_string(), limits)?;
    }
    Ok(draft)
}

/// A thought as it must be sent back; `None` where it was cut off before it was signed.
fn thought(begun: &Value, thinking: &str, signature: &str) -> Option<Value> {
    let mut thought = begun.clone();
    if text(begun, "type") == "thinking" {
        if signature.is_empty() {
            return None;
        }
        thought["thinking"] = json!(thinking);
        thought["signature"] = json!(signature);
    }
    Some(thought)
}

fn end(reason: &str) -> TurnEnd {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => TurnEnd::CutOff,
        // It stopped within a long turn and wants to be asked to go on.
        "pause_turn" => TurnEnd::CutOff,
        "refusal" => TurnEnd::Refused,
        _ => TurnEnd::Complete,
    }
}

#[cfg(test)]
mod tests;
