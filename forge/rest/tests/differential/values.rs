//! Random values in the text form that filters have, and as JSON.

use forge_database::schema::Type;
use serde_json::{Value, json};

use super::random::Random;
use super::schemas::MOODS;

pub(crate) const USERS: [&str; 3] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
];

/// Few enough that keys meet.
pub(crate) fn key(random: &mut Random, ty: &Type) -> Value {
    let n = random.below(8);
    match ty {
        Type::Uuid => json!(format!("aaaaaaaa-0000-4000-8000-00000000000{n}")),
        Type::Text => json!(format!("k{n}")),
        _ => json!(n),
    }
}

/// A value of the type; now and then one that is none.
pub(crate) fn value(random: &mut Random, name: &str, ty: &Type) -> Value {
    // How Postgres reads a bare number as a time is a story of its own.
    let is_time = matches!(ty, Type::Timestamptz | Type::Date);
    if random.happens(3) && is_time {
        return json!("nonsense");
    }
    if random.happens(3) {
        let wrong = [json!("nonsense"), json!(123_456_789_012_i64), json!(true), json!("")];
        return if is_time { json!("x") } else { random.pick(&wrong).clone() };
    }
    if name == "owner" {
        return json!(random.pick(&USERS));
    }
    match ty {
        Type::Text => json!(random.pick(&["alpha", "Beta", "a", "", "red", "äÖ", "100%", "a_b", "x\"y,z"])),
        Type::Varchar(_) => json!(random.pick(&["one", "two", "three", "sixsix", "seven77"])),
        Type::Smallint | Type::Integer => json!(i64::try_from(random.below(12)).unwrap_or(0) - 2),
        Type::Bigint => json!(random.pick(&[-1_i64, 0, 5, 9_007_199_254_740_993, 7])),
        Type::Double => json!(random.pick(&[-1.5, 0.0, 0.1, 2.5, 100.0])),
        Type::Numeric(..) => json!(random.pick(&["0", "1.5", "1.50", "2.25", "-3.999", "99999.99"])),
        Type::Boolean => json!(random.happens(50)),
        Type::Uuid => json!(format!("bbbbbbbb-0000-4000-8000-00000000000{}", random.below(4))),
        Type::Timestamptz => json!(random.pick(&[
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.123456+02:00",
            "2025-12-31T23:59:59.5Z",
            "2024-02-29 12:00:00+00",
        ])),
        Type::Date => json!(random.pick(&["2026-01-02", "2026-02-03", "2024-02-29"])),
        Type::Jsonb => random
            .pick(&[
                json!({"a": 1, "b": {"c": "x"}, "l": [1, 2, {"d": null}]}),
                json!([1, "two", 3.5]),
                json!("text"),
                json!(5),
                json!({"a": "1"}),
                json!({}),
            ])
            .clone(),
        Type::Array(_) => {
            random.pick(&[json!([]), json!(["a"]), json!(["a", "b"]), json!(["b,c", "\"q\"", ""])]).clone()
        }
        Type::Enum(_) => json!(random.pick(&MOODS)),
        Type::Range(_) => json!(random.pick(&["[1,5)", "[3,7]", "empty", "(,4)", "[5,)"])),
        Type::Time | Type::Bytea | Type::Vector(_) | Type::Tsvector => Value::Null,
    }
}

/// The value as a filter has it, ready for a URL.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items = items.iter().map(|item| {
                let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            });
            format!("{{{}}}", items.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Percent-encoded for a query string.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
