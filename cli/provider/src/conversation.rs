//! What the dialects have in common in saying a conversation.

use serde_json::{Map, Value, json};

use crate::http::{Fault, shown};
use crate::sse::Event;
use crate::{ProviderError, Raw, Refusal, ToolCall, ToolSpec};

/// Bytes that the name of a tool may have.
const NAME_BYTES_MAX: usize = 64;

/// The data of an event.
pub(crate) fn data(event: &Event) -> Result<Value, Fault> {
    serde_json::from_str(&event.data).map_err(|error| Fault::Garbled(format!("an event is no JSON: {error}")))
}

/// A text within a value; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A call's input as vendors take it back: an object, in any case.
pub(crate) fn input(call: &ToolCall) -> Value {
    match &call.input {
        input @ Value::Object(_) => input.clone(),
        _ => Value::Object(Map::new()),
    }
}

/// A tool's name as a model wrote it, which may be none, in letters that vendors take back.
pub(crate) fn name(call: &ToolCall) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = call.tool.chars().take(NAME_BYTES_MAX).map(plain).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

/// The schema of a tool's input, which must be that of an object.
pub(crate) fn schema(tool: &ToolSpec) -> Value {
    let mut schema = tool.input_schema.as_object().cloned().unwrap_or_default();
    schema.entry("type").or_insert_with(|| json!("object"));
    Value::Object(schema)
}

/// A tool's answer where there is no other way to say that it failed.
pub(crate) fn result(ok: bool, output: &str) -> String {
    if ok { output.to_owned() } else { format!("Failed: {output}") }
}

/// The parts that must go back unchanged, if they came from `name`, the very model that is asked.
pub(crate) fn own<'a>(raw: Option<&'a Raw>, name: &str) -> Option<&'a Value> {
    raw.filter(|raw| raw.from == name).map(|raw| &raw.content)
}

/// A result that answers no call of the conversation.
pub(crate) fn orphan(id: &str) -> ProviderError {
    let message = format!("the tool result `{}` answers no call", shown(id, None));
    ProviderError::permanent(Refusal::Request, message)
}

/// A conversation without a word to answer.
pub(crate) fn nothing_asked() -> ProviderError {
    ProviderError::permanent(Refusal::Request, "there is nothing to answer in the request")
}
