//! The rules of the Responses API for a client that stores nothing on the server, with the words in
//! which OpenAI's server refuses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::wire::{Issued, Refusal, is_plain_name, list_of, repeated, seal, text_of};

/// Everything a request may hold.
const FIELDS: [&str; 29] = [
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "stream",
    "stream_options",
    "store",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "include",
    "temperature",
    "top_p",
    "top_logprobs",
    "text",
    "truncation",
    "metadata",
    "client_metadata",
    "user",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "previous_response_id",
    "conversation",
    "background",
    "prompt",
];
const OUTPUT_TOKENS_MIN: u64 = 16;

type Checked = Result<(), Refusal>;

/// Refuses what the real server refuses.
pub(crate) fn check(body: &Value, issued: &Issued) -> Checked {
    let Some(fields) = body.as_object() else {
        return refuse("We could not parse the JSON body of your request.", "");
    };
    if fields.contains_key("max_tokens") {
        return refuse(
            "Unsupported parameter: 'max_tokens'. In the Responses API, this parameter has moved to 'max_output_tokens'.",
            "max_tokens",
        );
    }
    if let Some(extra) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refuse(format!("Unknown parameter: '{extra}'."), extra);
    }
    if text_of(body, "model").is_empty() {
        return refuse("Missing required parameter: 'model'.", "model");
    }
    settings(body)?;
    tools(body)?;
    match body.get("input") {
        Some(Value::String(text)) if !text.is_empty() => Ok(()),
        Some(Value::Array(items)) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                shape(item, &format!("input[{at}]"))?;
            }
            answers(items)?;
            reasoning_returns(items, body, issued)
        }
        _ => refuse("Missing required parameter: 'input'.", "input"),
    }
}

fn refuse<T>(message: impl Into<String>, param: &str) -> Result<T, Refusal> {
    let refusal = Refusal::invalid(message);
    Err(if param.is_empty() { refusal } else { refusal.with_param(param) })
}

/// Whether a request wants its reasoning back in a sealed form.
pub(crate) fn wants_reasoning(body: &Value) -> bool {
    list_of(body, "include").iter().any(|name| name == "reasoning.encrypted_content")
}

fn settings(body: &Value) -> Checked {
    if body.get("store") != Some(&Value::Bool(false)) {
        return refuse("Store must be set to false", "store");
    }
    if body.get("previous_response_id").is_some_and(|id| !id.is_null()) {
        return refuse(
            "Previous response cannot be used for this organization due to Zero Data Retention.",
            "previous_response_id",
        );
    }
    let limit = body.get("max_output_tokens").filter(|limit| !limit.is_null()).map(Value::as_u64);
    if let Some(None | Some(..OUTPUT_TOKENS_MIN)) = limit {
        return refuse(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.",
            "max_output_tokens",
        );
    }
    for (field, fits) in
        [("stream", Value::is_boolean as fn(&Value) -> bool), ("instructions", Value::is_string)]
    {
        if body.get(field).is_some_and(|value| !value.is_null() && !fits(value)) {
            return refuse(format!("Invalid type for '{field}'."), field);
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    let tools = list_of(body, "tools");
    for (at, tool) in tools.iter().enumerate() {
        let place = format!("tools[{at}]");
        match text_of(tool, "type") {
            "" => return refuse(format!("Missing required parameter: '{place}.type'."), &place),
            "function" => function(tool, &place)?,
            "custom" if text_of(tool, "name").is_empty() => {
                return refuse(format!("Missing required parameter: '{place}.name'."), &place);
            }
            _ => {}
        }
    }
    let names = tools.iter().filter_map(|tool| tool.get("name")?.as_str());
    match repeated(names) {
        Some(name) => refuse(format!("Tool names must be unique: '{name}'."), "tools"),
        None => Ok(()),
    }
}

fn function(tool: &Value, place: &str) -> Checked {
    let name = text_of(tool, "name");
    if !is_plain_name(name, 64) {
        return refuse(
            format!(
                "Invalid '{place}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            ),
            &format!("{place}.name"),
        );
    }
    let schema = tool.get("parameters").unwrap_or(&Value::Null);
    if text_of(schema, "type") != "object" {
        return refuse(
            format!(
                "Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            ),
            &format!("{place}.parameters"),
        );
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let optional = properties
        .into_iter()
        .flat_map(|fields| fields.keys())
        .any(|field| !list_of(schema, "required").iter().any(|required| required == field));
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if tool.get("strict") == Some(&Value::Bool(true)) && (optional || !closed) {
        return refuse(
            format!(
                "Invalid schema for function '{name}': 'additionalProperties' must be false and 'required' must include every key in properties."
            ),
            &format!("{place}.parameters"),
        );
    }
    Ok(())
}

fn shape(item: &Value, place: &str) -> Checked {
    match text_of(item, "type") {
        "message" | "" => message(item, place),
        "function_call" => {
            own_id(item, place, "fc_")?;
            if text_of(item, "call_id").is_empty() || !is_plain_name(text_of(item, "name"), 64) {
                return refuse(
                    format!("Missing required parameter: '{place}.call_id' or '{place}.name'."),
                    place,
                );
            }
            if !item.get("arguments").is_some_and(Value::is_string) {
                return refuse(format!("Invalid type for '{place}.arguments': expected a string."), place);
            }
            Ok(())
        }
        "function_call_output" | "custom_tool_call_output" => {
            let output = item.get("output");
            if text_of(item, "call_id").is_empty()
                || !output.is_some_and(|output| output.is_string() || output.is_array())
            {
                return refuse(format!("Missing required parameter: '{place}.output'."), place);
            }
            Ok(())
        }
        "reasoning" => reasoning(item, place),
        "item_reference" => not_kept(text_of(item, "id"), place),
        "custom_tool_call"
        | "local_shell_call"
        | "local_shell_call_output"
        | "web_search_call"
        | "additional_tools"
        | "agent_message" => Ok(()),
        other => refuse(
            format!("Invalid value: '{other}'. It is no type of an input item."),
            &format!("{place}.type"),
        ),
    }
}

fn own_id(item: &Value, place: &str, prefix: &str) -> Checked {
    match item.get("id") {
        Some(Value::String(id)) if !id.starts_with(prefix) => refuse(
            format!(
                "Invalid '{place}.id': '{id}'. Expected an ID that begins with '{}'.",
                prefix.trim_end_matches('_')
            ),
            &format!("{place}.id"),
        ),
        _ => Ok(()),
    }
}

fn message(item: &Value, place: &str) -> Checked {
    own_id(item, place, "msg_")?;
    let role = text_of(item, "role");
    if !matches!(role, "user" | "system" | "developer" | "assistant") {
        return refuse(
            format!(
                "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
            ),
            &format!("{place}.role"),
        );
    }
    let parts = match item.get("content") {
        Some(Value::String(_)) => return Ok(()),
        Some(Value::Array(parts)) => parts,
        _ => return refuse(format!("Missing required parameter: '{place}.content'."), place),
    };
    let expected: &[&str] = match role {
        "assistant" => &["output_text", "refusal"],
        _ => &["input_text", "input_image", "input_file"],
    };
    for (index, part) in parts.iter().enumerate() {
        let kind = text_of(part, "type");
        if !expected.contains(&kind) {
            return refuse(
                format!("Invalid value: '{kind}'. Supported values are: '{}'.", expected.join("', '")),
                &format!("{place}.content[{index}].type"),
            );
        }
    }
    Ok(())
}

fn reasoning(item: &Value, place: &str) -> Checked {
    own_id(item, place, "rs_")?;
    if !item.get("summary").is_some_and(Value::is_array) {
        return refuse(
            format!("Missing required parameter: '{place}.summary'."),
            &format!("{place}.summary"),
        );
    }
    let Some(sealed) = item.get("encrypted_content").and_then(Value::as_str) else {
        return not_kept(text_of(item, "id"), place);
    };
    if sealed != seal(&summary(item)) {
        return Err(Refusal::invalid(format!(
            "The encrypted content for item {} could not be verified.",
            text_of(item, "id")
        ))
        .with_code("invalid_encrypted_content"));
    }
    Ok(())
}

fn not_kept(id: &str, place: &str) -> Checked {
    let message = format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."
    );
    Err(Refusal::new(404, "invalid_request_error", message).with_param(place))
}

/// The words of a reasoning item.
fn summary(item: &Value) -> String {
    list_of(item, "summary").iter().map(|part| text_of(part, "text")).collect()
}

/// Every call has one output after it, and every output its call before it.
fn answers(items: &[Value]) -> Checked {
    let mut open = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for item in items {
        let id = text_of(item, "call_id");
        match text_of(item, "type") {
            "function_call" | "custom_tool_call" if !seen.insert(id) => {
                return refuse(format!("Duplicate function call with call_id {id}."), "input");
            }
            "function_call" | "custom_tool_call" => {
                open.insert(id);
            }
            "function_call_output" | "custom_tool_call_output" if !open.remove(id) => {
                return refuse(
                    format!("No tool call found for function call output with call_id {id}."),
                    "input",
                );
            }
            _ => {}
        }
    }
    match open.first() {
        Some(id) => refuse(format!("No tool output found for function call {id}."), "input"),
        None => Ok(()),
    }
}

/// Reasoning before the calls of the turn that goes on comes back, and as it was; and none comes back
/// without what it led to.
fn reasoning_returns(items: &[Value], body: &Value, issued: &Issued) -> Checked {
    let is = |item: &Value, kind: &str| text_of(item, "type") == kind;
    for (at, item) in items.iter().enumerate().filter(|(_, item)| is(item, "reasoning")) {
        let follows = items.get(at + 1).is_some_and(|next| {
            is(next, "function_call")
                || is(next, "custom_tool_call")
                || is(next, "reasoning")
                || text_of(next, "role") == "assistant"
        });
        if !follows {
            let id = text_of(item, "id");
            return refuse(
                format!("Item '{id}' of type 'reasoning' was provided without its required following item."),
                &format!("input[{at}]"),
            );
        }
    }
    if !wants_reasoning(body) {
        return Ok(());
    }
    let turn_from = items.iter().rposition(|item| text_of(item, "role") == "user").unwrap_or_default();
    let turn = &items[turn_from..];
    for call in turn.iter().filter(|item| is(item, "function_call")) {
        let Some(thought) = issued.thought(text_of(call, "call_id")) else { continue };
        let back = turn.iter().find(|item| is(item, "reasoning") && text_of(item, "id") == thought.id);
        if back.is_none_or(|item| summary(item) != thought.text) {
            return refuse(
                format!(
                    "Item '{}' of type 'function_call' was provided without its required 'reasoning' item: '{}'.",
                    text_of(call, "call_id"),
                    thought.id
                ),
                "input",
            );
        }
    }
    Ok(())
}
