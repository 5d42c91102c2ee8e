use serde_json::json;

use super::*;

#[test]
fn rows_become_lines_and_the_rest_stays_as_short_as_it_is() {
    for (value, expected) in [
        (json!(null), ""),
        (json!({}), ""),
        (json!({"state": "done", "count": 3, "none": null}), "count: 3\nnone: null\nstate: done"),
        (
            json!({"rows": [{"id": 1, "name": "a b", "at": null}, {"id": 2, "name": "c|d", "at": true}]}),
            "rows:\nat|id|name\n|1|a b\ntrue|2|\"c|d\"",
        ),
        (json!([{"a": 1}, {"a": 2}]), "a\n1\n2"),
        (json!({"rows": [{"a": 1}, {"b": 2}]}), r#"rows: [{"a":1},{"b":2}]"#),
        (json!({"rows": [{"a": [1]}]}), r#"rows: [{"a":[1]}]"#),
        (json!({"rows": [{"a": 1}, 2]}), r#"rows: [{"a":1},2]"#),
        (json!({"words": ["a", "b"]}), r#"words: ["a","b"]"#),
        (json!({"sql": "select 1\nfrom t\n"}), "sql:\nselect 1\nfrom t"),
    ] {
        assert_eq!(data(&value), expected, "{value}");
    }
}

#[test]
fn a_cell_that_could_be_taken_for_something_else_is_quoted() {
    for (text, expected) in [
        ("plain", "plain"),
        ("", "\"\""),
        (" x", "\" x\""),
        ("1.5", "\"1.5\""),
        ("null", "\"null\""),
        ("a\nb", "\"a\\nb\""),
        ("say \"x\"", "\"say \\\"x\\\"\""),
        ("NaN", "\"NaN\""),
    ] {
        assert_eq!(data(&json!([{"c": text}])), format!("c\n{expected}"));
    }
}

#[test]
fn a_line_is_one_line() {
    assert_eq!(line("a\nb\r\n\tc\u{1b}[31m"), "a b c [31m");
}
