//! What the `diff` gate finds, and that the gates judge a project's difference alone.

use super::leftovers::judge;
use super::scope::{Edit, File, is_for_tests};
use super::*;

mod project;

fn verdict(edit: Edit) -> (Verdict, usize) {
    let judgement = judge(&[edit]);
    (judgement.verdict, judgement.concerns.len())
}

#[test]
fn nothing_changed_is_a_failure() {
    let judgement = judge(&[]);
    assert_eq!((judgement.verdict, judgement.summary.as_str()), (Verdict::Fail, "nothing changed"));
    assert_eq!(judgement.failing, ["diff-empty"]);
    assert_eq!(verdict(Edit::text("a.rs", None, Some("fn a() {}\n"))), (Verdict::Pass, 0));
}

#[test]
fn an_unfinished_merge_fails() {
    let ours = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> theirs\nd\n";
    assert_eq!(verdict(Edit::text("a.txt", Some("a\n"), Some(ours))), (Verdict::Fail, 0));
    assert_eq!(verdict(Edit::text("a.txt", Some(ours), Some(&format!("{ours}e\n")))), (Verdict::Pass, 0));
    let heading = "Title\n=======\n>>>>>>> quoted\n<<<<<<< a\n";
    assert_eq!(verdict(Edit::text("a.md", None, Some(heading))), (Verdict::Pass, 0));
}

#[test]
fn what_was_left_lying_about_is_worth_a_look() {
    for path in
        [".env", "web/.env.local", "a.rs.orig", "a~", ".a.swp", "#a#", ".DS_Store", "node_modules/a/b.js"]
    {
        assert_eq!(verdict(Edit::text(path, None, Some("x"))), (Verdict::Pass, 1), "{path}");
    }
    for path in [".env.example", "env.rs", "src/core.rs", "a.rs", "target.rs"] {
        assert_eq!(verdict(Edit::text(path, None, Some("x"))), (Verdict::Pass, 0), "{path}");
    }
    let many = ["node_modules/a.js", "node_modules/b.js"].map(|path| Edit::text(path, None, Some("x")));
    assert_eq!(judge(&many).concerns.len(), 1, "one for the folder");
    assert_eq!(verdict(Edit::text(".env", Some("a"), Some("b"))), (Verdict::Pass, 0), "it was there");
    let large = Edit { after: File::Unread(6_000_000), ..Edit::text("a.bin", None, None) };
    assert_eq!(verdict(large), (Verdict::Pass, 1));
}

#[test]
fn breakpoints_are_worth_a_look_where_they_are_code() {
    let cases = [
        ("a.rs", "fn a() { dbg!(x); }", 1),
        ("a.rs", "// dbg!(x)\nlet s = \"dbg!(x)\";", 0),
        ("a.py", "breakpoint()\n", 1),
        ("a.py", "import pdb\n", 1),
        ("a.py", "# breakpoint()\n", 0),
        ("a.ts", "debugger;\n", 1),
        ("a.ts", "const debuggerName = 'debugger;';\n", 0),
    ];
    for (path, text, concerns) in cases {
        assert_eq!(verdict(Edit::text(path, Some(""), Some(text))), (Verdict::Pass, concerns), "{text}");
    }
}

#[test]
fn files_for_tests_are_known_by_their_place() {
    for path in [
        "tests/a.rs",
        "src/__tests__/a.ts",
        "a.test.ts",
        "a_test.go",
        "test_a.py",
        ".env.example",
        "a/fixtures/b",
    ] {
        assert!(is_for_tests(path), "{path}");
    }
    for path in ["src/a.rs", "contest/a.py", "latest.ts", ".env", "src/attestation.rs"] {
        assert!(!is_for_tests(path), "{path}");
    }
}

#[test]
fn names_are_shown_on_one_line() {
    let change = Change { path: "a\nb\u{1b}[31m".into(), before: None, after: None };
    assert_eq!(edits(vec![change])[0].path, "a\\nb\\u{1b}[31m");
}

#[test]
fn what_was_compared_serves_the_gates_after_it_once() {
    let compared = Compared::default();
    let edits = Arc::new(Vec::new());
    compared.keep(0, "base", &edits);
    assert!(compared.take(0, "base").is_none(), "the first gate always compares anew");
    assert!(compared.take(1, "base").is_some() && compared.take(2, "base").is_some());
    assert!(
        compared.take(1, "base").is_none() && compared.take(2, "base").is_none(),
        "the next pass does too"
    );
    compared.keep(1, "base", &edits);
    assert!(compared.take(0, "base").is_none(), "nothing is kept for a gate before");
    assert!(compared.take(2, "other").is_none(), "nor for another base");
}
