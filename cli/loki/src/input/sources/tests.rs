use serde_json::{Map, json};

use super::*;
use crate::input::{CHECKLIST_ITEM_BYTES_MAX, CHECKLIST_ITEMS_MAX};

fn found(text: &str) -> Recognised {
    recognise(text.to_owned(), "`work`").unwrap()
}

#[test]
fn the_content_decides_what_a_document_is() {
    let cases = [
        ("# Shop\n\nIt sells.\n", SourceKind::Prose),
        ("- [ ] cart\n- [x] list\n", SourceKind::Checklist),
        (r#"{"number": 1, "title": "T", "body": "b"}"#, SourceKind::GitHubIssue),
        ("\u{feff}\n [{\"number\": 1, \"title\": \"T\", \"body\": \"b\"}]", SourceKind::GitHubIssue),
        (r#"{"openapi": "3.0.0", "paths": {}}"#, SourceKind::OpenApi),
        (r#"{"tables": [{"name": "items"}]}"#, SourceKind::Prose),
        (r#"{"number": 1, "title": "T", "body": "not closed"#, SourceKind::Prose),
        ("[ ] no list\n", SourceKind::Prose),
        ("a todo list with sign-in", SourceKind::Prose),
    ];
    for (text, kind) in cases {
        assert_eq!(found(text).kind, kind, "{text}");
    }
}

#[test]
fn only_an_export_of_issues_is_written_anew() {
    for text in ["- [ ] cart\n", r#"{"openapi": "3.0.0", "paths": {}}"#, "# Shop\n", r#"{"a": 1}"#] {
        assert_eq!(found(text).text, text);
    }
    assert!(found(r#"{"number": 1, "title": "T", "body": "b"}"#).text.starts_with("# T\n"));
}

#[test]
fn a_wrong_export_is_one_error_with_a_hint() {
    let error =
        recognise(r#"[{"number": 1, "title": "T", "body": ""}, {}]"#.to_owned(), "`work`").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Input);
    assert_eq!(error.message, "`work` cannot be read as an export of GitHub issues");
    assert_eq!(error.causes, ["entry 2 of the list of GitHub issues has no `number`"]);
    assert_eq!(error.hints, [EXPORT]);
}

#[test]
fn a_document_that_grows_beyond_the_limit_is_refused() {
    let issues: Vec<Value> = (1..=2)
        .map(|number| json!({"number": number, "title": "T", "body": "y".repeat(1_100_000)}))
        .collect();
    let error = recognise(json!(issues).to_string(), "`work`").unwrap_err();
    assert_eq!(error.message, "`work` becomes a document longer than the limit of 2 MiB");
}

#[test]
fn deep_nesting_is_left_to_others() {
    let deep = format!(
        "{{\"number\": 1, \"title\": \"T\", \"body\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(found(&deep), Recognised { kind: SourceKind::Prose, text: deep.clone(), checklist: vec![] });
}

/// Numbers that follow from a seed, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn text(&mut self) -> String {
        (0..self.below(8)).map(|_| self.pick(&PIECES)).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(20)),
            3 | 4 => json!(self.text()),
            5 | 6 => (0..self.below(5)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(self.fields(depth - 1)),
        }
    }

    fn fields(&mut self, depth: usize) -> Map<String, Value> {
        (0..self.below(8)).map(|_| (self.pick(&KEYS).to_owned(), self.value(depth))).collect()
    }

    /// Fields that make an issue or a description of it, with anything else around and in them.
    fn document(&mut self) -> Value {
        let mut fields = self.fields(5);
        match self.below(3) {
            0 => fields.extend([
                ("number".to_owned(), json!(self.below(5))),
                ("title".to_owned(), json!(self.text())),
            ]),
            1 => fields.extend([("openapi".to_owned(), json!("3.1.0")), ("paths".to_owned(), self.value(6))]),
            _ => {}
        }
        let root = Value::Object(fields);
        if self.below(3) == 0 { json!([root, self.value(3), root]) } else { root }
    }
}

const KEYS: [&str; 32] = [
    "number",
    "title",
    "body",
    "labels",
    "name",
    "comments",
    "author",
    "login",
    "user",
    "url",
    "html_url",
    "state",
    "pull_request",
    "authorAssociation",
    "items",
    "total_count",
    "openapi",
    "paths",
    "/a",
    "get",
    "post",
    "parameters",
    "in",
    "schema",
    "$ref",
    "responses",
    "content",
    "properties",
    "oneOf",
    "security",
    "webhooks",
    "requestBody",
];
const PIECES: [&str; 24] = [
    "a",
    "é",
    " ",
    "\n",
    "\r\n",
    "```",
    "~~~",
    "`",
    "<!--",
    "-->",
    "# ",
    "===\n",
    "- [ ] ",
    "- [x] ",
    "> ",
    "#/paths/~1a",
    "https://github.com/o/r/issues/1",
    "OPEN",
    "closed",
    "\u{0}",
    "\u{202e}",
    "  ",
    "API_KEY",
    "…",
];

#[test]
fn any_json_is_read_within_bounds() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut kinds = [0; 3];
    for _ in 0..4000 {
        let text = random.document().to_string();
        let Ok(found) = recognise(text.clone(), "`work`") else { continue };
        let kind = match found.kind {
            SourceKind::GitHubIssue => 0,
            SourceKind::OpenApi => 1,
            SourceKind::Prose | SourceKind::Checklist => 2,
        };
        kinds[kind] += 1;
        assert!(found.checklist.len() <= CHECKLIST_ITEMS_MAX, "{text}");
        for item in &found.checklist {
            assert!(
                item.len() <= CHECKLIST_ITEM_BYTES_MAX && !item.contains(char::is_control),
                "{item:?} of {text}"
            );
        }
        assert!(found.text.len() <= 4 * text.len() + 4096, "{text}");
    }
    assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
}

#[test]
fn any_text_is_read_within_bounds() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..4000 {
        let text: String = (0..random.below(6)).map(|_| random.text()).collect();
        let issue = json!({"number": 1, "title": "T", "body": text, "comments": [{"body": text}]});
        let issue = found(&issue.to_string());
        let fences = issue
            .text
            .lines()
            .filter(|line| ["```", "~~~"].iter().any(|mark| line.trim_start().starts_with(mark)));
        // Whoever only counts fences sees none that stays open, nor one in another.
        let mut open: Option<&str> = None;
        for mark in fences.map(|line| &line.trim_start()[..3]) {
            match open {
                None => open = Some(mark),
                Some(opened) if opened == mark => open = None,
                Some(_) => {}
            }
        }
        assert_eq!(open, None, "{text:?}\n{}", issue.text);
        assert!(found(&text).checklist.iter().all(|item| item.len() <= CHECKLIST_ITEM_BYTES_MAX), "{text:?}");
    }
}
