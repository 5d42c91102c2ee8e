//! A policy's digest: equal exactly where every rule, reason and limit is equal and in the same order.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Policy;

impl Policy {
    /// SHA-256, in hexadecimal, over the policy as JSON without blanks and with sorted keys.
    pub fn digest(&self) -> String {
        let value = serde_json::to_value(self).expect("a policy is maps, lists, texts and numbers");
        let mut canonical = String::new();
        write(&value, &mut canonical);
        Sha256::digest(canonical.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Sorts keys itself: whether the map keeps them sorted depends on a feature of `serde_json` that any crate may turn on.
fn write(value: &Value, to: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => to.push_str(&value.to_string()),
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            to.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                to.push_str(&Value::from(key.as_str()).to_string());
                to.push(':');
                write(item, to);
            }
            to.push('}');
        }
    }
}
