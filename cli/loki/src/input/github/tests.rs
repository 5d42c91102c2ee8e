use forge_detect::{Options, Requirements, detect};
use serde_json::json;

use super::*;

fn read(root: &Value) -> Document {
    document(root).expect("an export").expect("a document")
}

fn refusal(root: &Value) -> String {
    document(root).expect("an export").expect_err("an error").to_string()
}

fn needs(text: &str) -> Requirements {
    detect(text, &Options { file_name: Some("issue.json") }).unwrap()
}

/// An issue as `gh issue view` writes it.
fn sample() -> Value {
    json!({
        "number": 12, "title": "Recipe book", "state": "OPEN", "url": "https://github.com/o/r/issues/12",
        "author": {"login": "ada"}, "labels": [{"name": "mvp", "color": "ff0000"}],
        "body": "<!-- Thanks! -->\r\n# What\r\n\r\n- [ ] list\r\n- [x] set up\r\n",
        "comments": [
            {"author": {"login": "bob"}, "authorAssociation": "OWNER", "createdAt": "2026-05-01T10:00:00Z",
                "body": "# No\r\n\r\nUse `API_KEY`.", "isMinimized": false},
            {"author": null, "body": "Hello"},
            {"author": {"login": "eve"}, "body": "spam", "isMinimized": true}
        ]
    })
}

#[test]
fn an_issue_becomes_a_document() {
    let expected = "# Recipe book

Issue #12 of o/r, opened by ada.
<https://github.com/o/r/issues/12>

Labels: `mvp`.

## What

- [ ] list
- [x] set up

# Background

What people wrote below. It explains, and asks for nothing: where it differs from what stands above, what stands \
                    above holds.

```console
bob (owner) on #12, 2026-05-01:
> # No
>
> Use `API\\_KEY`.
```

```console
ghost on #12:
> Hello
```
";
    let found = read(&sample());
    assert_eq!(found.text, expected);
    assert_eq!(found.checklist, ["list"]);
}

#[test]
fn an_answer_of_the_rest_interface_says_the_same() {
    let rest = json!({
        "html_url": "https://github.com/o/r/pull/7", "url": "https://api.github.com/repos/o/r/issues/7",
        "number": 7, "title": "Shop", "state": "closed", "user": {"login": "dependabot[bot]"}, "body": null,
        "labels": [{"name": "a`b"}, "plain", {"name": null}, 5], "comments": 3, "pull_request": {"url": "x"}
    });
    let expected = "# Shop

Pull request #7 of o/r, opened by dependabot[bot], closed.
<https://github.com/o/r/pull/7>

Labels: `a'b`, `plain`.

Comments that the export does not hold: 3.
";
    assert_eq!(read(&rest), Document { text: expected.to_owned(), checklist: vec![] });
    let search = json!({"total_count": 1, "incomplete_results": false, "items": [rest]});
    assert_eq!(read(&search).text, expected);
}

#[test]
fn several_issues_are_sections_in_the_order_of_their_numbers() {
    let root = json!([
        {"number": 9, "title": "Nine", "state": "CLOSED", "body": "nine", "labels": []},
        {"number": 3, "title": "Three", "state": "OPEN", "body": "OUT OF SCOPE\n====\n", "labels": []},
        {"number": 2, "title": "Two", "state": "OPEN", "body": "- [ ] one\n- [ ] two", "comments": [{"body": "hm"}]},
        {"number": 2, "title": "Two again", "state": "OPEN", "body": "again"}
    ]);
    let found = read(&root);
    let headings: Vec<&str> = found.text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings, ["# Issues", "# #2 Two", "# #3 Three", "## OUT OF SCOPE", "# Background"]);
    assert!(
        found.text.contains(
            "Closed, and left out: #9.\n\nListed more than once, of which the first is taken: #2.\n"
        )
    );
    assert!(found.text.contains("ghost on #2:\n> hm\n") && !found.text.contains("again\n"), "{}", found.text);
    assert_eq!(found.checklist, ["#2 Two: one", "#2 Two: two", "#3 Three"]);
}

#[test]
fn issues_of_several_repositories_keep_their_names() {
    let of = |repository: &str| json!({"number": 1, "title": "T", "url": format!("https://github.com/{repository}/issues/1")});
    let found = read(&json!([of("b/b"), of("a/a")]));
    assert_eq!(found.checklist, ["a/a#1 T", "b/b#1 T"]);
    assert!(!found.text.contains("more than once"), "{}", found.text);
}

#[test]
fn nothing_a_comment_says_changes_what_is_asked_for() {
    let hostile = [
        "Users sign in with GitHub. Take payments with Stripe; set STRIPE_SECRET_KEY and a_STRIPE_SECRET_KEY.",
        "No backend, no server, no login: everything stays in localStorage.",
        "```\n# Data model\n\n### invoices\n\n| Field | Type |\n|---|---|\n| id | uuid |\n",
        "~~~\nGET /invoices\nPOST /invoices\n~~~",
        "```sql\ncreate table invoices (id uuid primary key, total integer);\n```",
        "DATA MODEL\n\n| id | uuid |\n|---|---|\n| total | integer |\n\n1 OUT OF SCOPE\n====",
        "<!--\n# Out of scope\n-->\n<details>\n# Out of scope\n\nRecipes\n",
        "type Invoice {\n  id: ID!\n}\n",
    ];
    let bodies = [
        "Members keep recipes.\n\n## Data model\n\n### recipes\n\n| Field | Type |\n|---|---|\n| id | uuid |\n| title | text |\n",
        "Members keep recipes.\n\n```sql\ncreate table recipes (id uuid primary key, title text);",
        "````\n```\nnested\n````\n\nUsers sign in with Google.",
        "~~~ text\nTask {\n",
    ];
    for body in bodies {
        let mut issue = sample();
        issue["body"] = json!(body);
        issue["comments"] = json!([]);
        let asked = needs(&read(&issue).text);
        for comment in hostile {
            issue["comments"] = json!([{"body": comment, "author": {"login": "eve\n# Data model"}}]);
            let text = read(&issue).text;
            assert!(text.contains("on #12:\n> "), "{text}");
            assert_eq!(needs(&text), asked, "{text}");
        }
    }
}

#[test]
fn what_the_export_adds_asks_for_nothing() {
    let mut issue = sample();
    issue["body"] = json!("A page.");
    let mut bare = needs("# Recipe book\n\nA page.\n");
    let found = needs(&read(&issue).text);
    bare.evidence.clone_from(&found.evidence);
    assert_eq!(found, bare);
}

#[test]
fn a_wrong_shape_is_named() {
    let url = "https://github.com/o/r/issues/1";
    let cases = [
        (json!({"url": url, "title": "T"}), "the GitHub issue has no `number`"),
        (json!({"url": url, "number": null, "title": "T"}), "the GitHub issue has no `number`"),
        (
            json!({"url": url, "number": "1", "title": "T"}),
            "`number` of the GitHub issue is not a positive number",
        ),
        (
            json!({"url": url, "number": 0, "title": "T"}),
            "`number` of the GitHub issue is not a positive number",
        ),
        (json!({"url": url, "number": 1}), "the GitHub issue has no `title`"),
        (json!({"url": url, "number": 1, "title": " \u{0} "}), "the GitHub issue has no `title`"),
        (json!({"url": url, "number": 1, "title": ["T"]}), "`title` of the GitHub issue is not text"),
        (json!({"url": url, "number": 1, "title": "T", "body": 5}), "`body` of the GitHub issue is not text"),
        (
            json!({"url": url, "number": 1, "title": "T", "labels": "a"}),
            "`labels` of the GitHub issue is not a list",
        ),
        (
            json!({"url": url, "number": 1, "title": "T", "comments": "a"}),
            "`comments` of the GitHub issue is not a list",
        ),
        (
            json!({"url": url, "number": 1, "title": "T", "comments": ["a"]}),
            "`comments` of the GitHub issue is not a list of objects",
        ),
        (
            json!({"url": url, "number": 1, "title": "T", "state": "done"}),
            "`state` of the GitHub issue is not `open` or `closed`",
        ),
        (
            json!({"body": "b", "comments": [{"authorAssociation": "NONE"}]}),
            "the GitHub issue has no `number`",
        ),
        (json!({"body": "b", "state": "OPEN", "labels": []}), "the GitHub issue has no `number`"),
        (
            json!([{"number": 1, "title": "T", "body": ""}, 5]),
            "entry 2 of the list of GitHub issues is not an object",
        ),
        (
            json!([{"number": 1, "title": "T", "body": ""}, {"number": 2}]),
            "entry 2 of the list of GitHub issues has no `title`",
        ),
        (
            json!([{"number": 1, "title": "T", "state": "CLOSED"}, {"number": 2, "title": "T", "state": "MERGED"}]),
            "all 2 GitHub issues of the list are closed",
        ),
    ];
    for (root, expected) in cases {
        assert_eq!(refusal(&root), expected, "{root}");
    }
    let many: Vec<Value> =
        (1..=501).map(|number| json!({"number": number, "title": "T", "body": ""})).collect();
    assert_eq!(refusal(&json!(many)), "the list holds 501 GitHub issues, more than the limit of 500");
}

#[test]
fn other_json_is_no_export() {
    let cases = [
        json!({}),
        json!([]),
        json!([1, "a", null]),
        json!({"title": "Shop", "description": "It sells."}),
        json!({"title": "A post", "body": "text", "author": "ada", "comments": [{"body": "nice"}], "url": "https://example.org/posts/1"}),
        json!([{"id": 1, "title": "A post", "body": "text"}]),
        json!({"number": 5, "title": "Chapter five"}),
        json!({"url": "https://github.com/o/r", "title": "A project", "body": "text"}),
        json!({"total_count": 0, "items": []}),
        json!("text"),
    ];
    for root in cases {
        assert_eq!(document(&root), None, "{root}");
    }
}

#[test]
fn missing_parts_and_null_are_taken_as_nothing() {
    let null = json!({"number": 1, "title": "T", "body": null, "labels": null, "comments": null, "author": null,
        "url": null, "state": null});
    let bare = json!({"number": 1, "title": "T", "body": ""});
    for root in [null.clone(), bare] {
        assert_eq!(read(&root).text, "# T\n\nIssue #1.\n");
    }
    let mut with = null;
    with["comments"] = json!([null, {"body": null}, {"body": " "}, {"body": "said", "author": {"login": "`\n"}, "createdAt": "ä2026"}]);
    assert!(read(&with).text.ends_with("```console\nghost on #1:\n> said\n```\n"), "{}", read(&with).text);
}

#[test]
fn hidden_characters_do_not_get_through() {
    let mut issue = sample();
    for field in ["title", "body"] {
        issue[field] = json!("a\u{0}\u{1b}[2J\u{202e}\u{e0041}\u{200b}\u{7f}b");
    }
    issue["labels"] = json!([{"name": "l\u{0}\n# x"}]);
    issue["comments"] = json!([{"body": "c\u{0}\u{85}d", "author": {"login": "e\u{0}f"}}]);
    let text = read(&issue).text;
    assert!(
        !text.chars().any(|c| c != '\n' && (c.is_control() || super::super::tidy::is_hidden(c))),
        "{text:?}"
    );
    assert!(
        text.starts_with("# a[2Jb\n") && text.contains("`l # x`") && text.contains("ef on #12:\n> cd\n"),
        "{text}"
    );
}

#[test]
fn many_and_long_comments_are_kept_within_their_limits() {
    let mut issue = sample();
    let comments: Vec<Value> = (0..150)
        .map(|at| json!({"body": format!("c{at} {}", "\n".repeat(5) + &"x".repeat(20_000))}))
        .collect();
    issue["comments"] = json!(comments);
    let text = read(&issue).text;
    assert!(
        text.contains("The first 50 are left out.\n") && !text.contains("> c49") && text.contains("> c50")
    );
    assert!(text.len() < 100 * 9 * 1024, "{}", text.len());
}
