//! No artifact that an event names is overlooked.

use serde_json::{Value, json};

use super::artifacts;
use crate::event::{ArtifactId, Event};

/// Counts strings that are an artifact's name.
fn count(value: &Value, id: &str) -> usize {
    match value {
        Value::String(text) => usize::from(text == id),
        Value::Array(items) => items.iter().map(|item| count(item, id)).sum(),
        Value::Object(fields) => fields.values().map(|item| count(item, id)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[test]
fn every_artifact_in_an_event_is_listed() {
    let id = ArtifactId::of(b"bytes").to_string();
    let call = json!({"id": "1", "tool": "plan", "input": id});
    let effects = [
        json!({"kind": "turn", "request": id}),
        json!({"kind": "tool", "call": call}),
        json!({"kind": "council", "subject": "s", "proposal": id}),
        json!({"kind": "approve", "subject": "s", "by": {"by": "council", "verdict": id}}),
        json!({"kind": "refuse", "call": call, "subject": "s"}),
    ];
    let usage =
        json!({"input": 0, "output": 0, "cache_read": 0, "cache_write": 0, "cost": {"source": "unknown"}});
    let outcomes = [
        json!({"outcome": "turn", "turn": id, "calls": [call, call], "usage": usage, "bytes": 1}),
        json!({"outcome": "tool", "ok": true, "summary": "", "output": id, "bytes": 1}),
        json!({"outcome": "activated", "output": id, "bytes": 1,
            "skill": {"name": "s", "place": "p", "hash": "h", "snapshot": id}}),
        json!({"outcome": "review", "subject": "s", "proposal": id, "needs_person": null}),
        json!({"outcome": "council", "approved": true, "verdict": id, "summary": ""}),
        json!({"outcome": "gate", "verdict": "pass", "summary": "", "facts": id, "gaps": []}),
        json!({"outcome": "receipt", "receipt": id}),
    ];
    let limits = json!({"iterations_max": 1, "duration_seconds_max": 1, "budget_micro_usd_max": null,
        "output_bytes_max": 1, "turns_max": 1, "recoveries_max": 1});
    let started = json!({"type": "run_started", "version": 1, "document": id, "document_name": "-",
        "requirements": id, "backend": true, "provider": null, "gates": [], "limits": limits});
    let wait =
        json!({"type": "wait_opened", "wait": "approval", "subject": "s", "proposal": id, "reason": ""});
    let intended = |kind: &Value| json!({"type": "effect_intended", "kind": kind, "recovery": "repeat"});
    let ended = |outcome: &Value| json!({"type": "effect_ended", "effect": 1, "outcome": outcome});
    let events = effects.iter().map(intended).chain(outcomes.iter().map(ended)).chain([started, wait]);
    for event in events {
        let parsed: Event = serde_json::from_value(event.clone()).unwrap();
        let listed = artifacts(&parsed);
        assert_eq!(listed.len(), count(&event, &id), "{event}");
        assert!(!listed.is_empty() && listed.iter().all(|listed| listed.as_str() == id));
    }
}
