//! Everything beside tables: what services will make, declared by kind and name.

use std::collections::BTreeSet;

use forge_detect::Requirements;
use serde_json::{Value, json};

use crate::plan::Declaration;
use crate::{roles, signin};

/// Bytes of a resource's name.
const NAME_BYTES_MAX: usize = 60;

/// What the requirements ask for, each kind and name once.
pub(crate) fn declarations(requirements: &Requirements) -> Vec<Declaration> {
    let lines = |key: String| requirements.evidence.get(&key).cloned().unwrap_or_default();
    let mut all = Vec::new();
    let ways = ways(requirements);
    for (name, key) in &ways {
        all.push(declared("auth_provider", name, signin::default_spec(name), lines(key.clone())));
    }
    all.extend(roles::declarations(&requirements.roles));
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
    let names: Vec<&str> = ways.iter().map(|(name, _)| *name).collect();
    let filled = signin::variables(&names);
    // What a way of signing in refers to is asked for there, and not twice.
    for secret in requirements.secrets.iter().filter(|secret| !filled.contains(&secret.as_str())) {
        // A secret's name is the variable's, letter for letter.
        let lines = lines(format!("secrets.{secret}"));
        all.push(Declaration { kind: "secret", name: secret.clone(), spec: json!({}), lines });
    }
    let mut seen = BTreeSet::new();
    all.retain(|declared| seen.insert((declared.kind, declared.name.clone())));
    all
}

/// The ways of signing in, with the key of the lines that ask for each.
fn ways(requirements: &Requirements) -> Vec<(&str, String)> {
    let providers =
        requirements.auth.iter().map(|name| (signin::declared_name(name), format!("auth.{name}")));
    let features =
        requirements.auth_features.iter().map(|name| (name.as_str(), format!("auth_features.{name}")));
    providers.chain(features).collect()
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
