//! The `test-integrity` gate: tests that were there at the base are not deleted, skipped or loosened.
//!
//! Both sides of every file that differs are read by small scanners that know each language's strings and
//! comments. Tests are matched by name over the whole difference, so that one that moves is not deleted.
//! Tests that did not exist may be changed freely.

mod asserts;
mod compare;
mod go;
mod jvm;
pub(crate) mod lex;
mod model;
mod python;
mod runner;
mod rust;
mod script;

use loki_engine::tool::Judgement;

use crate::diff::found::{Found, Weight, judgement};
use crate::diff::scope::{Edit, File};
use asserts::in_body;
use lex::{Language, joined, tokens};
use model::{Draft, Suite, Test};

/// Bytes of a test's body by which it is known under another name.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Judges what happened to the tests.
pub(crate) fn judge(edits: &[Edit]) -> Judgement {
    let mut found = compare::suites(edits);
    for edit in edits {
        found.extend(runner::weakened(edit));
        found.extend(recorded(edit));
    }
    judgement("test-integrity", edits, found)
}

/// The tests in one side of a file, where the runner of its language would look for them.
fn suite(path: &str, file: &File) -> Suite {
    let (Some(language), File::Text(text)) = (Language::of(path), file) else { return Suite::default() };
    let name = path.rsplit('/').next().unwrap_or(path);
    let collected = match language {
        Language::Rust | Language::Jvm => true,
        Language::Python => python::is_collected(name),
        Language::Script => script::is_collected(path),
        Language::Go => go::is_collected(name),
    };
    if !collected {
        return Suite::default();
    }
    let tokens = tokens(language, text);
    let mut suite = Suite::default();
    let drafts = match language {
        Language::Rust => rust::tests(&tokens, &mut suite),
        Language::Python => python::tests(&tokens, &mut suite),
        Language::Script => script::tests(&tokens, &mut suite),
        Language::Go => go::tests(&tokens, &mut suite),
        Language::Jvm => jvm::tests(&tokens, &mut suite),
    };
    if language == Language::Go {
        suite.conditions = go::conditions(text);
    }
    let all = in_body(language, &tokens, 0..tokens.len(), &[]).0.len();
    suite.tests = drafts.into_iter().map(|draft| test(language, &tokens, draft)).collect();
    let own: usize = suite.tests.iter().map(|test| test.asserts.len() + test.muted).sum();
    suite.shared_asserts = all.saturating_sub(own);
    suite
}

fn test(language: Language, tokens: &[lex::Token<'_>], draft: Draft) -> Test {
    let (asserts, muted) = in_body(language, tokens, draft.body.clone(), &draft.muted);
    let mut body = joined(tokens.get(draft.body).unwrap_or_default());
    if body.len() > BODY_BYTES_MAX {
        body.clear();
    }
    let Draft { scope, name, line, skip, inverted, cases, .. } = draft;
    Test { scope, name, line, skip, inverted, cases, asserts, muted, body }
}

/// A recorded result that was changed or removed: what tests compare with.
fn recorded(edit: &Edit) -> Option<Found> {
    let path = edit.path.to_ascii_lowercase();
    let ends = [".snap", ".golden", ".approved.txt", ".approved.json", ".ambr"];
    let folder =
        path.split('/').any(|part| matches!(part, "__snapshots__" | "golden" | "goldens" | "snapshots"));
    if edit.is_added() || !(folder || ends.iter().any(|end| path.ends_with(end))) {
        return None;
    }
    let what = if edit.is_deleted() { "removed" } else { "changed" };
    Some(Found {
        rule: "recorded-result-changed",
        weight: Weight::Concern,
        path: edit.path.clone(),
        line: None,
        subject: String::new(),
        message: format!("a recorded result that tests compare with was {what}"),
        fix: "see that the new result is what the document asks for; if the code is wrong, mend the code"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests;
