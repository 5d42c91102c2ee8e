//! Everything beside tables: what services will make, declared by kind and name.

use std::collections::BTreeSet;

use forge_detect::Requirements;
use serde_json::{Value, json};

use crate::plan::Declaration;

/// Bytes of a resource's name.
const NAME_BYTES_MAX: usize = 60;

/// What the requirements ask for, each kind and name once.
pub(crate) fn declarations(requirements: &Requirements) -> Vec<Declaration> {
    let lines = |key: String| requirements.evidence.get(&key).cloned().unwrap_or_default();
    let mut all = Vec::new();
    for provider in &requirements.auth {
        all.push(declared("auth_provider", provider, json!({}), lines(format!("auth.{provider}"))));
    }
    for bucket in &requirements.storage {
        all.push(declared("bucket", &bucket.name, json!({ "public": bucket.public }), bucket.lines.clone()));
    }
    for function in &requirements.functions {
        let spec = json!({ "kind": function.kind, "text": function.text });
        all.push(declared("function", &function.name, spec, function.lines.clone()));
    }
    for schedule in &requirements.schedules {
        let spec = json!({ "cron": schedule.cron, "tz": schedule.tz, "text": schedule.text });
        all.push(declared("schedule", &schedule.name, spec, schedule.lines.clone()));
    }
    for channel in &requirements.realtime {
        all.push(declared("channel", &channel.name, json!({ "text": channel.text }), channel.lines.clone()));
    }
    for provider in &requirements.payments {
        all.push(declared("payment_provider", provider, json!({}), lines(format!("payments.{provider}"))));
    }
    if requirements.vector_search {
        all.push(declared("vector_index", "default", json!({}), lines("vector_search".to_owned())));
    }
    if requirements.ai_gateway {
        all.push(declared("model_gateway", "default", json!({}), lines("ai_gateway".to_owned())));
    }
    for secret in &requirements.secrets {
        // A secret's name is the variable's, letter for letter.
        let lines = lines(format!("secrets.{secret}"));
        all.push(Declaration { kind: "secret", name: secret.clone(), spec: json!({}), lines });
    }
    let mut seen = BTreeSet::new();
    all.retain(|declared| seen.insert((declared.kind, declared.name.clone())));
    all
}

fn declared(kind: &'static str, name: &str, spec: Value, lines: Vec<u32>) -> Declaration {
    Declaration { kind, name: kebab(name), spec, lines }
}

/// `kebab-case`, never empty.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => text.push(c),
            _ if text.ends_with('-') || text.is_empty() => {}
            _ => text.push('-'),
        }
    }
    text.truncate(NAME_BYTES_MAX);
    let text = text.trim_end_matches('-');
    if text.is_empty() { "default".to_owned() } else { text.to_owned() }
}
