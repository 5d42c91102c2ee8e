//! The events of a Responses stream, numbered and in the order of the real server.

use serde_json::{Value, json};

use super::super::http::Frame;
use super::super::script::Usage;
use super::super::wire::{named_event, parts, text_of};

/// Events so far.
#[derive(Default)]
pub(crate) struct Events {
    frames: Vec<Frame>,
}

impl Events {
    /// Adds an event with the next number.
    pub(crate) fn push(&mut self, kind: &str, fields: Value, told: Option<Usage>) {
        let mut event = fields;
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.frames.len());
        self.frames.push(named_event(&event, told));
    }

    /// All events of one output item.
    pub(crate) fn item(&mut self, index: usize, item: &Value) {
        let mut begun = item.clone();
        if begun.get("status").is_some() {
            begun["status"] = json!("in_progress");
        }
        match text_of(item, "type") {
            "reasoning" => {
                begun["summary"] = json!([]);
                begun["encrypted_content"] = json!("");
            }
            "message" => begun["content"] = json!([]),
            _ => begun["arguments"] = json!(""),
        }
        self.push("response.output_item.added", json!({"output_index": index, "item": begun}), None);
        match text_of(item, "type") {
            "reasoning" => self.summary(index, item),
            "message" => self.message(index, item),
            _ => self.arguments(index, item),
        }
        self.push("response.output_item.done", json!({"output_index": index, "item": item}), None);
    }

    /// The stream as it is now.
    pub(crate) fn into_frames(self) -> Vec<Frame> {
        self.frames
    }

    fn summary(&mut self, index: usize, item: &Value) {
        let Some(part) = item["summary"].get(0) else { return };
        let at = |mut fields: Value| {
            fields["item_id"] = item["id"].clone();
            fields["output_index"] = json!(index);
            fields["summary_index"] = json!(0);
            fields
        };
        let empty = json!({"type": "summary_text", "text": ""});
        self.push("response.reasoning_summary_part.added", at(json!({"part": empty})), None);
        for delta in parts(text_of(part, "text")) {
            self.push("response.reasoning_summary_text.delta", at(json!({"delta": delta})), None);
        }
        self.push("response.reasoning_summary_text.done", at(json!({"text": part["text"]})), None);
        self.push("response.reasoning_summary_part.done", at(json!({"part": part})), None);
    }

    fn message(&mut self, index: usize, item: &Value) {
        let part = &item["content"][0];
        let (stem, field) = match text_of(part, "type") {
            "refusal" => ("response.refusal", "refusal"),
            _ => ("response.output_text", "text"),
        };
        let at = |mut fields: Value| {
            fields["item_id"] = item["id"].clone();
            fields["output_index"] = json!(index);
            fields["content_index"] = json!(0);
            fields
        };
        let mut empty = part.clone();
        empty[field] = json!("");
        self.push("response.content_part.added", at(json!({"part": empty})), None);
        for delta in parts(text_of(part, field)) {
            self.push(&format!("{stem}.delta"), at(json!({"delta": delta})), None);
        }
        self.push(&format!("{stem}.done"), at(json!({field: part[field]})), None);
        self.push("response.content_part.done", at(json!({"part": part})), None);
    }

    fn arguments(&mut self, index: usize, item: &Value) {
        let at = |mut fields: Value| {
            fields["item_id"] = item["id"].clone();
            fields["output_index"] = json!(index);
            fields
        };
        for delta in parts(text_of(item, "arguments")) {
            self.push("response.function_call_arguments.delta", at(json!({"delta": delta})), None);
        }
        let done = json!({"name": item["name"], "arguments": item["arguments"]});
        self.push("response.function_call_arguments.done", at(done), None);
    }
}
