//! The rules of chat completions, with the words in which OpenAI's server refuses.

use serde_json::Value;

use super::super::wire::{Refusal, is_plain_name, list_of, repeated, text_of};

/// Everything a request may hold that this fake knows of; the real server refuses what it does not know.
const FIELDS: [&str; 29] = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "user",
    "metadata",
    "store",
    "reasoning_effort",
    "response_format",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "verbosity",
];

type Checked = Result<(), Refusal>;

/// Refuses what the real server refuses, and a request without a limit of output tokens: that one
/// could cost anything.
pub(crate) fn check(body: &Value) -> Checked {
    let Some(fields) = body.as_object() else {
        return refuse("We could not parse the JSON body of your request.", "");
    };
    if let Some(extra) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refuse(format!("Unrecognized request argument supplied: {extra}"), extra);
    }
    if text_of(body, "model").is_empty() {
        return refuse("you must provide a model parameter", "model");
    }
    limits(body)?;
    streaming(body)?;
    tools(body)?;
    messages(body)
}

fn refuse<T>(message: impl Into<String>, param: &str) -> Result<T, Refusal> {
    let refusal = Refusal::invalid(message);
    Err(if param.is_empty() { refusal } else { refusal.with_param(param) })
}

fn limits(body: &Value) -> Checked {
    let (old, new) = (body.get("max_tokens"), body.get("max_completion_tokens"));
    if old.is_some() && new.is_some() {
        return refuse(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
        );
    }
    if old.is_some() && reasons(text_of(body, "model")) {
        return refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
        );
    }
    match old.or(new).map(Value::as_u64) {
        None => refuse("Missing required parameter: 'max_completion_tokens'.", "max_completion_tokens"),
        Some(None | Some(0)) => refuse("Invalid 'max_tokens': expected a value >= 1.", "max_tokens"),
        Some(Some(_)) => Ok(()),
    }
}

/// Whether OpenAI's models of this name reason, and so know `max_completion_tokens` alone.
fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family))
}

fn streaming(body: &Value) -> Checked {
    let streams = match body.get("stream") {
        None => false,
        Some(Value::Bool(streams)) => *streams,
        Some(_) => return refuse("Invalid type for 'stream': expected a boolean.", "stream"),
    };
    if body.get("stream_options").is_some_and(|options| !options.is_null()) && !streams {
        return refuse(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        );
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    let Some(tools) = body.get("tools") else {
        return match ["tool_choice", "parallel_tool_calls"].iter().find(|name| body.get(**name).is_some()) {
            Some(name) => refuse(
                format!("Invalid value for '{name}': it is only allowed when 'tools' are specified."),
                name,
            ),
            None => Ok(()),
        };
    };
    if tools.as_array().is_none_or(Vec::is_empty) {
        return refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools");
    }
    let tools = list_of(body, "tools");
    for (at, tool) in tools.iter().enumerate() {
        let function = tool.get("function").unwrap_or(&Value::Null);
        if text_of(tool, "type") != "function" || !function.is_object() {
            return refuse(
                format!("Missing required parameter: 'tools[{at}].function'."),
                &format!("tools[{at}].function"),
            );
        }
        if !is_plain_name(text_of(function, "name"), 64) {
            return refuse(
                format!(
                    "Invalid 'tools[{at}].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
                ),
                &format!("tools[{at}].function.name"),
            );
        }
        let schema = function.get("parameters");
        if schema.is_some_and(|schema| text_of(schema, "type") != "object") {
            return refuse(
                format!(
                    "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"'.",
                    text_of(function, "name")
                ),
                &format!("tools[{at}].function.parameters"),
            );
        }
    }
    let names = tools.iter().filter_map(|tool| tool.pointer("/function/name")?.as_str());
    match repeated(names) {
        Some(name) => refuse(format!("Tool names must be unique: '{name}'."), "tools"),
        None => Ok(()),
    }
}

fn messages(body: &Value) -> Checked {
    let messages = list_of(body, "messages");
    if messages.is_empty() {
        return refuse(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            "messages",
        );
    }
    // The calls of the latest message of the assistant that have no answer yet.
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text_of(message, "role");
        if role == "tool" {
            answer(message, at, &mut open)?;
            continue;
        }
        if !open.is_empty() {
            return unanswered(&open, at);
        }
        match role {
            "system" | "developer" | "user" => content(message, at)?,
            "assistant" => open = calls(message, at)?,
            other => {
                return refuse(
                    format!(
                        "Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'."
                    ),
                    &format!("messages[{at}].role"),
                );
            }
        }
    }
    if open.is_empty() { Ok(()) } else { unanswered(&open, messages.len()) }
}

fn unanswered(open: &[&str], at: usize) -> Checked {
    refuse(
        format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        ),
        &format!("messages.[{at}].role"),
    )
}

fn answer(message: &Value, at: usize, open: &mut Vec<&str>) -> Checked {
    let id = text_of(message, "tool_call_id");
    let Some(index) = open.iter().position(|open| *open == id) else {
        return refuse(
            format!(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls': '{id}' is none of them."
            ),
            &format!("messages.[{at}].role"),
        );
    };
    open.remove(index);
    content(message, at)
}

fn content(message: &Value, at: usize) -> Checked {
    let place = format!("messages[{at}].content");
    match message.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let known = |part: &Value| matches!(text_of(part, "type"), "text" | "image_url" | "refusal");
            if parts.iter().all(known) {
                return Ok(());
            }
            refuse(format!("Invalid value for '{place}': an unknown type of part."), &place)
        }
        _ => refuse(format!("Invalid value for '{place}': expected a string, got null."), &place),
    }
}

/// The ids of an assistant's calls.
fn calls(message: &Value, at: usize) -> Result<Vec<&str>, Refusal> {
    let Some(calls) = message.get("tool_calls") else {
        if message.get("refusal").is_some_and(Value::is_string) {
            return Ok(Vec::new());
        }
        content(message, at)?;
        return Ok(Vec::new());
    };
    if calls.as_array().is_none_or(Vec::is_empty) {
        let place = format!("messages[{at}].tool_calls");
        return refuse(
            format!(
                "Invalid '{place}': empty array. Expected an array with minimum length 1, but got an empty array instead."
            ),
            &place,
        );
    }
    if message.get("content").is_some_and(|value| !value.is_null()) {
        content(message, at)?;
    }
    let mut ids = Vec::new();
    for (index, call) in list_of(message, "tool_calls").iter().enumerate() {
        let place = format!("messages[{at}].tool_calls[{index}]");
        let function = call.get("function").unwrap_or(&Value::Null);
        if text_of(call, "type") != "function" || text_of(call, "id").is_empty() {
            return refuse(format!("Missing required parameter: '{place}.type' or '{place}.id'."), &place);
        }
        if !is_plain_name(text_of(function, "name"), 64) {
            return refuse(
                format!("Invalid '{place}.function.name': string does not match pattern."),
                &format!("{place}.function.name"),
            );
        }
        if !function.get("arguments").is_some_and(Value::is_string) {
            return refuse(
                format!("Invalid type for '{place}.function.arguments': expected a string."),
                &format!("{place}.function.arguments"),
            );
        }
        ids.push(text_of(call, "id"));
    }
    match repeated(ids.iter().copied()) {
        Some(id) => refuse(format!("Duplicate value for 'tool_call_id' of '{id}'."), "messages"),
        None => Ok(ids),
    }
}
