//! A request in Anthropic's dialect.

use serde_json::{Value, json};

use crate::conversation::{input, name, nothing_asked, orphan, own, schema};
use crate::endpoint::{Endpoint, Thinking};
use crate::ids::Ids;
use crate::{Message, ProviderError, Raw, Request, ToolCall, ToolSpec};

/// The body of a request to the model that is called `name`.
pub(crate) fn body(endpoint: &Endpoint, name: &str, request: &Request) -> Result<Value, ProviderError> {
    let mut builder = Builder::new(name, Ids::new(endpoint.vendor.ids));
    for message in &request.messages {
        builder.add(message)?;
    }
    let in_calls = matches!(request.messages.last(), Some(Message::Tool { .. }));
    let may_think = !in_calls || builder.thought;
    let mut body = json!({
        "model": endpoint.model,
        "max_tokens": endpoint.output_tokens_max,
        "stream": true,
        "messages": builder.finish()?,
    });
    match endpoint.thinking {
        // The calls that are open were made without a thought: to go on with one would be refused.
        Thinking::Budget(_) if !may_think => {}
        Thinking::Budget(budget) => body["thinking"] = json!({"type": "enabled", "budget_tokens": budget}),
        Thinking::Adaptive => body["thinking"] = json!({"type": "adaptive"}),
        Thinking::Unasked => {}
    }
    if !request.system.trim().is_empty() {
        body["system"] = json!([marked(json!({"type": "text", "text": request.system}))]);
    }
    if !request.tools.is_empty() {
        body["tools"] = tools(&request.tools);
    }
    Ok(body)
}

/// The conversation as it grows.
struct Builder<'a> {
    name: &'a str,
    ids: Ids,
    messages: Vec<Value>,
    /// What the next message of the user begins with, and what follows: results must be first.
    results: Vec<Value>,
    words: Vec<Value>,
    /// Whether the last answer begins with a thought.
    thought: bool,
}

impl<'a> Builder<'a> {
    fn new(name: &'a str, ids: Ids) -> Self {
        Self { name, ids, messages: Vec::new(), results: Vec::new(), words: Vec::new(), thought: false }
    }

    fn add(&mut self, message: &Message) -> Result<(), ProviderError> {
        match message {
            Message::User { text } => self.words.extend(words(text)),
            Message::Tool { id, ok, output } => {
                let id = self.ids.answered(id).ok_or_else(|| orphan(id))?;
                let mut result = json!({"type": "tool_result", "tool_use_id": id});
                if !output.is_empty() {
                    result["content"] = json!(output);
                }
                if !ok {
                    result["is_error"] = json!(true);
                }
                self.results.push(result);
            }
            Message::Assistant { text, calls, raw } => {
                let blocks = self.assistant(text, calls, raw.as_ref());
                if !blocks.is_empty() {
                    self.end_user();
                    self.thought = blocks.first().is_some_and(is_thought);
                    self.messages.push(json!({"role": "assistant", "content": blocks}));
                }
            }
        }
        Ok(())
    }

    fn assistant(&mut self, text: &str, calls: &[ToolCall], raw: Option<&Raw>) -> Vec<Value> {
        let ids: Vec<String> = calls.iter().map(|call| self.ids.call(&call.id)).collect();
        if let Some(blocks) = own(raw, self.name).and_then(|content| verbatim(content, calls, &ids)) {
            return blocks;
        }
        let calls = calls.iter().zip(ids);
        let calls = calls.map(
            |(call, id)| json!({"type": "tool_use", "id": id, "name": name(call), "input": input(call)}),
        );
        words(text).into_iter().chain(calls).collect()
    }

    fn end_user(&mut self) {
        let mut blocks = std::mem::take(&mut self.results);
        blocks.append(&mut self.words);
        if !blocks.is_empty() {
            self.messages.push(json!({"role": "user", "content": blocks}));
        }
    }

    /// The messages; the last one of the user ends what is worth keeping in a cache.
    fn finish(mut self) -> Result<Vec<Value>, ProviderError> {
        self.end_user();
        let last = self.messages.last_mut().ok_or_else(nothing_asked)?;
        if last["role"] == "user"
            && let Some(block) = last["content"].as_array_mut().and_then(|blocks| blocks.last_mut())
        {
            *block = marked(block.take());
        }
        Ok(self.messages)
    }
}

/// The blocks of an answer as they came, with the ids and names that its calls have now; `None` where they do not fit
/// the calls.
fn verbatim(content: &Value, calls: &[ToolCall], ids: &[String]) -> Option<Vec<Value>> {
    let mut blocks = content.as_array()?.clone();
    let mut calls = calls.iter().zip(ids);
    for block in &mut blocks {
        match block["type"].as_str()? {
            "tool_use" => {
                let (call, id) = calls.next()?;
                block["id"] = json!(id);
                block["name"] = json!(name(call));
            }
            "text" | "thinking" | "redacted_thinking" => {}
            _ => return None,
        }
    }
    // An answer that ends with a thought is not accepted.
    let whole = blocks.last().is_some_and(|last| !is_thought(last));
    (whole && calls.next().is_none()).then_some(blocks)
}

fn is_thought(block: &Value) -> bool {
    matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"))
}

/// A block of text; none where there is nothing in it, which would be refused.
fn words(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn tools(tools: &[ToolSpec]) -> Value {
    let mut specs: Vec<Value> = tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": schema(tool)}))
        .collect();
    if let Some(last) = specs.last_mut() {
        *last = marked(last.take());
    }
    Value::Array(specs)
}

/// Marks the end of what is worth keeping in a cache. Three marks at the most are set, of four allowed.
fn marked(mut block: Value) -> Value {
    block["cache_control"] = json!({"type": "ephemeral"});
    block
}

#[cfg(test)]
mod tests;
