//! The rules of the Messages API, with the words in which the real server refuses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::wire::{Asked, Endpoint, Issued, Refusal, is_plain_name, list_of, repeated, seal, text_of};

/// Everything a request may hold; the real server takes nothing else.
const FIELDS: [&str; 21] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "metadata",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "service_tier",
    "container",
    "mcp_servers",
    "context_management",
    "output_config",
    "cache_control",
    "inference_geo",
    "speed",
];
const CACHE_MARKS_MAX: usize = 4;
const THINKING_TOKENS_MIN: u64 = 1024;

type Checked = Result<(), Refusal>;

/// Refuses what the real server refuses.
pub(crate) fn check(asked: &Asked<'_>, issued: &Issued) -> Checked {
    let body = asked.body;
    let Some(fields) = body.as_object() else { return refuse("body: Input should be an object") };
    if let Some(extra) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return refuse(format!("{extra}: Extra inputs are not permitted"));
    }
    if text_of(body, "model").is_empty() {
        return refuse("model: Field required");
    }
    if asked.endpoint == Endpoint::Generate {
        limits(body)?;
    }
    system(body)?;
    tools(body)?;
    thinking_mode(body)?;
    messages(body)?;
    cache_marks(body)?;
    thinking_returns(body, issued)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::invalid(message))
}

fn limits(body: &Value) -> Checked {
    match body.get("max_tokens") {
        None => return refuse("max_tokens: Field required"),
        Some(value) if value.as_u64().is_none() => {
            return refuse("max_tokens: Input should be a valid integer");
        }
        Some(value) if value.as_u64() == Some(0) => {
            return refuse("max_tokens: must be greater than or equal to 1");
        }
        Some(_) => {}
    }
    match body.get("stream") {
        Some(stream) if !stream.is_boolean() => refuse("stream: Input should be a valid boolean"),
        _ => Ok(()),
    }
}

fn system(body: &Value) -> Checked {
    match body.get("system") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(blocks)) => {
            blocks.iter().enumerate().try_for_each(|(at, block)| text_block(block, &format!("system.{at}")))
        }
        Some(_) => refuse("system: Input should be a valid string or list"),
    }
}

fn text_block(block: &Value, at: &str) -> Checked {
    if text_of(block, "type") != "text" || !block.get("text").is_some_and(Value::is_string) {
        return refuse(format!("{at}: Input should be a text block"));
    }
    if text_of(block, "text").is_empty() {
        return refuse(format!("{at}: text content blocks must be non-empty"));
    }
    if text_of(block, "text").trim().is_empty() {
        return refuse(format!("{at}: text content blocks must contain non-whitespace text"));
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    if body.get("tools").is_some_and(|tools| !tools.is_array()) {
        return refuse("tools: Input should be a valid list");
    }
    let tools = list_of(body, "tools");
    for (at, tool) in tools.iter().enumerate() {
        let name = text_of(tool, "name");
        if !is_plain_name(name, 128) {
            return refuse(format!(
                "tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            ));
        }
        let of_server = !matches!(text_of(tool, "type"), "" | "custom");
        if !of_server && tool.pointer("/input_schema/type").and_then(Value::as_str) != Some("object") {
            return refuse(format!("tools.{at}.custom.input_schema.type: Input should be 'object'"));
        }
    }
    if repeated(tools.iter().map(|tool| text_of(tool, "name"))).is_some() {
        return refuse("tools: Tool names must be unique.");
    }
    if body.get("tool_choice").is_some() && tools.is_empty() {
        return refuse("tool_choice: may only be specified while providing tools");
    }
    Ok(())
}

/// Whether a request asks for thinking.
pub(crate) fn thinks(body: &Value) -> bool {
    matches!(body.pointer("/thinking/type").and_then(Value::as_str), Some("enabled" | "adaptive"))
}

fn thinking_mode(body: &Value) -> Checked {
    let Some(thinking) = body.get("thinking") else { return Ok(()) };
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    match text_of(thinking, "type") {
        "enabled" => match budget {
            None => return refuse("thinking.enabled.budget_tokens: Field required"),
            Some(budget) if budget < THINKING_TOKENS_MIN => {
                return refuse(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                );
            }
            Some(budget)
                if body.get("max_tokens").and_then(Value::as_u64).is_some_and(|max| max <= budget) =>
            {
                return refuse("`max_tokens` must be greater than `thinking.budget_tokens`");
            }
            Some(_) => {}
        },
        "adaptive" | "disabled" if budget.is_some() => {
            return refuse("thinking.budget_tokens: Extra inputs are not permitted");
        }
        "adaptive" => {}
        "disabled" => return Ok(()),
        other => return refuse(format!("thinking: Input tag '{other}' is none of those expected")),
    }
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|temperature| temperature != 1.0) {
        return refuse("`temperature` may only be set to 1 when thinking is enabled");
    }
    match body.pointer("/tool_choice/type").and_then(Value::as_str) {
        Some("any" | "tool") => refuse("Thinking may not be enabled when tool_choice forces tool use."),
        _ => Ok(()),
    }
}

fn messages(body: &Value) -> Checked {
    let messages = list_of(body, "messages");
    if messages.is_empty() {
        return refuse("messages: at least one message is required");
    }
    let mut uses: Vec<String> = Vec::new();
    let mut all_uses = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let expected = if at % 2 == 0 { "user" } else { "assistant" };
        match text_of(message, "role") {
            role if role == expected => {}
            "user" | "assistant" if at == 0 => {
                return refuse("messages: first message must use the \"user\" role");
            }
            role @ ("user" | "assistant") => {
                return refuse(format!(
                    "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles in a row"
                ));
            }
            _ => return refuse(format!("messages.{at}.role: Input should be 'user' or 'assistant'")),
        }
        let is_last = at + 1 == messages.len();
        content(message, at, is_last)?;
        if expected == "user" {
            results(message, at, &uses)?;
            uses.clear();
        } else {
            uses = tool_uses(message);
            if let Some(twice) = uses.iter().find(|id| !all_uses.insert((*id).clone())) {
                return refuse(format!("messages.{at}: `tool_use` ids must be unique: {twice}"));
            }
        }
    }
    if let Some(left) = uses.first() {
        return unanswered(messages.len(), left);
    }
    if !all_uses.is_empty() && list_of(body, "tools").is_empty() {
        return refuse("Requests which include `tool_use` or `tool_result` blocks must define tools");
    }
    final_assistant(messages)
}

fn content(message: &Value, at: usize, is_last: bool) -> Checked {
    let is_user = text_of(message, "role") == "user";
    let blocks = match message.get("content") {
        Some(Value::String(text)) if text.is_empty() && (is_user || !is_last) => return empty(at),
        Some(Value::String(_)) => return Ok(()),
        Some(Value::Array(blocks)) if blocks.is_empty() && (is_user || !is_last) => return empty(at),
        Some(Value::Array(blocks)) => blocks,
        _ => return refuse(format!("messages.{at}.content: Field required")),
    };
    let mut words_before = false;
    for (index, block) in blocks.iter().enumerate() {
        let place = format!("messages.{at}.content.{index}");
        match (text_of(block, "type"), is_user) {
            ("text", _) => text_block(block, &place)?,
            ("image" | "document", true) => {}
            ("tool_result", true) if words_before => {
                return refuse(format!("{place}: `tool_result` blocks must come before all other content"));
            }
            ("tool_result", true) => tool_result(block, &place)?,
            ("tool_use", false) => tool_use(block, &place)?,
            ("thinking", false) => thinking_block(block, &place)?,
            ("redacted_thinking", false) => {}
            (kind, _) => {
                return refuse(format!("{place}: a block of type '{kind}' is not expected here"));
            }
        }
        words_before |= text_of(block, "type") != "tool_result";
    }
    Ok(())
}

fn empty(at: usize) -> Checked {
    refuse(format!(
        "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
    ))
}

fn tool_result(block: &Value, place: &str) -> Checked {
    if text_of(block, "tool_use_id").is_empty() {
        return refuse(format!("{place}.tool_result.tool_use_id: Field required"));
    }
    match block.get("content") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().try_for_each(|(index, part)| match text_of(part, "type") {
                "text" => text_block(part, &format!("{place}.tool_result.content.{index}")),
                "image" | "document" | "search_result" | "tool_reference" => Ok(()),
                _ => refuse(format!("{place}.tool_result.content.{index}: an unknown type")),
            })
        }
        Some(_) => refuse(format!("{place}.tool_result.content: Input should be a valid string or list")),
    }
}

fn tool_use(block: &Value, place: &str) -> Checked {
    if !is_plain_name(text_of(block, "id"), usize::MAX) {
        return refuse(format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"));
    }
    if !is_plain_name(text_of(block, "name"), 200) {
        return refuse(format!(
            "{place}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,200}}$'"
        ));
    }
    match block.get("input") {
        Some(Value::Object(_)) => Ok(()),
        _ => refuse(format!("{place}.tool_use.input: Input should be a valid dictionary")),
    }
}

fn thinking_block(block: &Value, place: &str) -> Checked {
    let (thinking, signature) = (block.get("thinking"), block.get("signature"));
    if !thinking.is_some_and(Value::is_string) || !signature.is_some_and(Value::is_string) {
        return refuse(format!("{place}.thinking: `thinking` and `signature` are required"));
    }
    if block.get("cache_control").is_some() {
        return refuse(format!("{place}.thinking.cache_control: Extra inputs are not permitted"));
    }
    if text_of(block, "signature") != seal(text_of(block, "thinking")) {
        return refuse(format!("{place}: Invalid `signature` in `thinking` block"));
    }
    Ok(())
}

/// The ids of the calls in a message.
pub(crate) fn tool_uses(message: &Value) -> Vec<String> {
    let blocks = list_of(message, "content").iter().filter(|block| text_of(block, "type") == "tool_use");
    blocks.map(|block| text_of(block, "id").to_owned()).collect()
}

/// Every call of the message before has one answer in this one, and nothing else has.
fn results(message: &Value, at: usize, uses: &[String]) -> Checked {
    let blocks = list_of(message, "content").iter().filter(|block| text_of(block, "type") == "tool_result");
    let answers: Vec<&str> = blocks.map(|block| text_of(block, "tool_use_id")).collect();
    if let Some(orphan) = answers.iter().find(|id| !uses.iter().any(|known| known == *id)) {
        return refuse(format!(
            "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {orphan}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        ));
    }
    if let Some(twice) = repeated(answers.iter().copied()) {
        return refuse(format!(
            "messages.{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {twice}"
        ));
    }
    match uses.iter().find(|id| !answers.contains(&id.as_str())) {
        Some(left) => unanswered(at, left),
        None => Ok(()),
    }
}

fn unanswered(at: usize, id: &str) -> Checked {
    refuse(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    ))
}

fn final_assistant(messages: &[Value]) -> Checked {
    let Some(last) = messages.last().filter(|last| text_of(last, "role") == "assistant") else {
        return Ok(());
    };
    let text = match last.get("content") {
        Some(Value::String(text)) => text.as_str(),
        _ => list_of(last, "content").last().map(|block| text_of(block, "text")).unwrap_or_default(),
    };
    if text.ends_with(char::is_whitespace) {
        return refuse("messages: final assistant content cannot end with trailing whitespace");
    }
    Ok(())
}

fn cache_marks(body: &Value) -> Checked {
    let mut marks = Vec::new();
    for field in ["system", "tools", "messages"] {
        collect_marks(body.get(field).unwrap_or(&Value::Null), &mut marks);
    }
    let wrong = |mark: &&&Value| {
        text_of(mark, "type") != "ephemeral"
            || !matches!(mark.get("ttl").map(Value::as_str), None | Some(Some("5m" | "1h")))
    };
    if marks.iter().find(wrong).is_some() {
        return refuse("cache_control: Input should be {\"type\": \"ephemeral\"}, `ttl` '5m' or '1h'");
    }
    if marks.len() > CACHE_MARKS_MAX {
        return refuse(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {}.",
            marks.len()
        ));
    }
    Ok(())
}

/// Marks on blocks; what is inside a tool's schema or input is not one.
fn collect_marks<'a>(value: &'a Value, marks: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_marks(value, marks)),
        Value::Object(fields) => {
            marks.extend(fields.get("cache_control").filter(|mark| !mark.is_null()));
            if let Some(content) = fields.get("content") {
                collect_marks(content, marks);
            }
        }
        _ => {}
    }
}

/// Thinking of the turn whose calls are being answered comes back first, and as it was.
fn thinking_returns(body: &Value, issued: &Issued) -> Checked {
    if !thinks(body) {
        return Ok(());
    }
    let messages = list_of(body, "messages");
    let Some(at) = messages.iter().rposition(|message| text_of(message, "role") == "assistant") else {
        return Ok(());
    };
    let message = &messages[at];
    let Some(thought) = tool_uses(message).iter().find_map(|id| issued.thought(id)) else { return Ok(()) };
    let first = list_of(message, "content").first().unwrap_or(&Value::Null);
    if text_of(first, "type") != "thinking" {
        return refuse(format!(
            "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            text_of(first, "type")
        ));
    }
    if text_of(first, "thinking") != thought.text {
        return refuse(format!(
            "messages.{at}.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response."
        ));
    }
    Ok(())
}
