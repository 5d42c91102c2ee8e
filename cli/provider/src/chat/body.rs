//! A request for a chat completion.

use serde_json::{Value, json};

use crate::conversation::{input, name as tool_name, nothing_asked, orphan, own, result, schema};
use crate::endpoint::Endpoint;
use crate::ids::Ids;
use crate::vendors::Vendor;
use crate::{Message, ProviderError, Request, ToolCall};

/// What the model is made to say between a result and the user's words, where these may not follow that.
const NOTED: &str = "Noted.";

/// The body of a request to the model that is called `name`.
pub(crate) fn body(endpoint: &Endpoint, name: &str, request: &Request) -> Result<Value, ProviderError> {
    let vendor = endpoint.vendor;
    let messages = messages(vendor, name, request)?;
    let mut body = json!({"model": endpoint.model, "messages": messages, "stream": true});
    body[vendor.output_field] = json!(endpoint.output_tokens_max);
    if vendor.stream_options {
        body["stream_options"] = json!({"include_usage": true});
    }
    if vendor.reports_cost {
        body["usage"] = json!({"include": true});
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let function =
                json!({"name": tool.name, "description": tool.description, "parameters": schema(tool)});
            json!({"type": "function", "function": function})
        });
        body["tools"] = tools.collect();
    }
    Ok(body)
}

fn messages(vendor: &Vendor, name: &str, request: &Request) -> Result<Vec<Value>, ProviderError> {
    let mut ids = Ids::new(vendor.ids);
    let mut messages = Vec::new();
    for message in &request.messages {
        match message {
            Message::User { text } => {
                let after_result = messages.last().is_some_and(|last: &Value| last["role"] == "tool");
                if after_result && !vendor.user_after_tool {
                    messages.push(json!({"role": "assistant", "content": NOTED}));
                }
                messages.push(json!({"role": "user", "content": text}));
            }
            Message::Tool { id, ok, output } => {
                let id = ids.answered(id).ok_or_else(|| orphan(id))?;
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": result(*ok, output)}));
            }
            Message::Assistant { text, calls, .. } if text.is_empty() && calls.is_empty() => {}
            Message::Assistant { text, calls, raw } => {
                let mut message = assistant(text, calls, &mut ids);
                if let Some(hidden) = own(raw.as_ref(), name) {
                    restore(&mut message, hidden, vendor);
                }
                messages.push(message);
            }
        }
    }
    if messages.is_empty() {
        return Err(nothing_asked());
    }
    if !request.system.is_empty() {
        messages.insert(0, json!({"role": "system", "content": request.system}));
    }
    Ok(messages)
}

fn assistant(text: &str, calls: &[ToolCall], ids: &mut Ids) -> Value {
    let content = if text.is_empty() { Value::Null } else { json!(text) };
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        let calls = calls.iter().map(|call| {
            let function = json!({"name": tool_name(call), "arguments": input(call).to_string()});
            json!({"id": ids.call(&call.id), "type": "function", "function": function})
        });
        message["tool_calls"] = calls.collect();
    }
    message
}

/// Puts back what the vendor wants to see again, and nothing else: what is kept is not to be trusted.
fn restore(message: &mut Value, content: &Value, vendor: &Vendor) {
    for field in vendor.message_fields {
        if let Some(value) = content["message"].get(field) {
            message[*field] = value.clone();
        }
    }
    let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) else { return };
    for (index, call) in calls.iter_mut().enumerate() {
        for field in vendor.call_fields {
            if let Some(value) = content["calls"].get(index).and_then(|call| call.get(field)) {
                call[*field] = value.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests;
