use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 3},
            "count": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
            "state": {"enum": ["on", "off"]},
            "rows": {"type": "array", "maxItems": 2, "items": {"type": "object", "additionalProperties": {"type": "number"}}},
            "either": {"oneOf": [{"type": "string"}, {"const": 7}]},
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

#[test]
fn a_value_is_what_its_schema_says_or_the_place_is_named() {
    for (value, place) in [
        (json!({"name": "abc", "count": null, "state": "on", "rows": [{"a": 1.5}], "either": 7}), None),
        (json!({"name": "ä", "count": 9.0, "either": "x"}), None),
        (json!([]), Some("/: another type")),
        (json!({}), Some("/name: it is missing")),
        (json!({"name": ""}), Some("/name: outside")),
        (json!({"name": "abcd"}), Some("/name: outside")),
        (json!({"name": 1}), Some("/name: another type")),
        (json!({"name": "a", "count": 1.5}), Some("/count: another type")),
        (json!({"name": "a", "count": 10}), Some("/count: outside")),
        (json!({"name": "a", "state": "idle"}), Some("/state: none")),
        (json!({"name": "a", "rows": [{"a": 1}, {"a": "1"}]}), Some("/rows/1/a: another type")),
        (json!({"name": "a", "rows": [{}, {}, {}]}), Some("/rows: outside")),
        (json!({"name": "a", "either": 8}), Some("/either: 0 of")),
        (json!({"name": "a", "more": 1}), Some("/more: nothing may stand here")),
    ] {
        let found = mismatch(&schema(), &value);
        match place {
            None => assert_eq!(found, None, "{value}"),
            Some(place) => {
                assert!(found.as_ref().is_some_and(|found| found.starts_with(place)), "{value}: {found:?}")
            }
        }
    }
}

#[test]
fn words_it_does_not_know_are_found() {
    assert_eq!(unknown_words(&schema()), Vec::<String>::new());
    let strange = json!({"properties": {"a": {"items": {"patternProperties": {}}}}, "anyOf": [{"if": {}}]});
    let mut found = unknown_words(&strange);
    found.sort();
    assert_eq!(found, ["if", "patternProperties"]);
}
