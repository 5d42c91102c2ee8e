//! A request in the dialect of OpenAI Responses.

use serde_json::{Value, json};

use crate::conversation::{input, name as tool_name, nothing_asked, orphan, own, result, schema};
use crate::endpoint::Endpoint;
use crate::ids::Ids;
use crate::{Message, ProviderError, Raw, Request, ToolCall};

/// Beginnings of the names of models that do not reason, and refuse to be asked for encrypted thoughts.
const UNREASONING: [&str; 3] = ["gpt-3", "gpt-4", "chatgpt-"];

/// The body of a request to the model that is called `name`.
pub(crate) fn body(endpoint: &Endpoint, name: &str, request: &Request) -> Result<Value, ProviderError> {
    let mut body = json!({
        "model": endpoint.model,
        "input": items(Ids::new(endpoint.vendor.ids), name, request)?,
        "max_output_tokens": endpoint.output_tokens_max,
        "store": false,
        "stream": true,
    });
    if !UNREASONING.iter().any(|start| endpoint.model.starts_with(start)) {
        body["include"] = json!(["reasoning.encrypted_content"]);
    }
    if !request.system.is_empty() {
        body["instructions"] = json!(request.system);
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let (name, description) = (&tool.name, &tool.description);
            json!({
                "type": "function",
                "name": name,
                "description": description,
                "parameters": schema(tool),
                "strict": false,
            })
        });
        body["tools"] = tools.collect();
    }
    Ok(body)
}

fn items(mut ids: Ids, name: &str, request: &Request) -> Result<Vec<Value>, ProviderError> {
    let mut items = Vec::new();
    for message in &request.messages {
        match message {
            Message::User { text } => items.push(json!({"role": "user", "content": text})),
            Message::Tool { id, ok, output } => {
                let id = ids.answered(id).ok_or_else(|| orphan(id))?;
                let output = result(*ok, output);
                items.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
            }
            Message::Assistant { text, calls, raw } => {
                items.append(&mut assistant(&mut ids, name, text, calls, raw.as_ref()));
            }
        }
    }
    if items.is_empty() { Err(nothing_asked()) } else { Ok(items) }
}

fn assistant(ids: &mut Ids, name: &str, text: &str, calls: &[ToolCall], raw: Option<&Raw>) -> Vec<Value> {
    let ids: Vec<String> = calls.iter().map(|call| ids.call(&call.id)).collect();
    if let Some(items) = own(raw, name).and_then(|content| verbatim(content, calls, &ids)) {
        return items;
    }
    let words = (!text.is_empty()).then(|| json!({"role": "assistant", "content": text}));
    let calls = calls.iter().zip(ids).map(|(call, id)| {
        let arguments = input(call).to_string();
        json!({"type": "function_call", "call_id": id, "name": tool_name(call), "arguments": arguments})
    });
    words.into_iter().chain(calls).collect()
}

/// The items of an answer as they came, with the ids and names that its calls have now; `None` where they do not fit
/// the calls.
fn verbatim(content: &Value, calls: &[ToolCall], ids: &[String]) -> Option<Vec<Value>> {
    let mut items = content.as_array()?.clone();
    let mut calls = calls.iter().zip(ids);
    for item in &mut items {
        match item["type"].as_str()? {
            "function_call" => {
                let (call, id) = calls.next()?;
                item["call_id"] = json!(id);
                item["name"] = json!(tool_name(call));
            }
            "message" | "reasoning" => {}
            _ => return None,
        }
    }
    // A thought is accepted only with what followed it.
    let whole = items.last().is_some_and(|last| last["type"] != "reasoning");
    (whole && calls.next().is_none()).then_some(items)
}

#[cfg(test)]
mod tests;
