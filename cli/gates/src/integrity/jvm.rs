//! Tests in Java and Kotlin: methods under an annotation that makes them tests, in classes.

use super::lex::{Kind, Token, closing, joined, split};
use super::model::{Draft, Suite, unquoted};

const TESTS: [&str; 6] =
    ["Test", "ParameterizedTest", "RepeatedTest", "TestFactory", "TestTemplate", "Property"];

/// A class that is being read.
struct Class {
    name: String,
    end: usize,
    skip: Option<String>,
}

/// The tests of a file.
pub(super) fn tests(tokens: &[Token<'_>], _suite: &mut Suite) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut classes: Vec<Class> = Vec::new();
    let mut annotations: Vec<&[Token<'_>]> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        classes.retain(|class| at <= class.end);
        let token = &tokens[at];
        if token.is("@") && !tokens.get(at + 1).is_some_and(|next| next.is("interface")) {
            let end = annotation_end(tokens, at + 1);
            annotations.push(tokens.get(at + 1..end).unwrap_or_default());
            at = end;
            continue;
        }
        let own = annotations.iter().find_map(|annotation| skip(annotation));
        let skip = own.or_else(|| classes.iter().find_map(|class| class.skip.clone()));
        if matches!(token.text, "class" | "object" | "record") && token.kind == Kind::Word {
            let name = tokens.get(at + 1).filter(|name| name.kind == Kind::Word).map_or("", |name| name.text);
            let open = (at..tokens.len()).find(|open| tokens[*open].is("{")).unwrap_or(tokens.len());
            classes.push(Class { name: name.to_owned(), end: closing(tokens, open), skip });
            at = open + 1;
        } else if token.is("{") || token.is("}") || token.is(";") {
            at += 1;
        } else if let Some((name, parameters)) = method(tokens, at) {
            let open = (parameters..tokens.len()).find(|open| matches!(tokens[*open].text, "{" | ";" | "="));
            let open = open.unwrap_or(tokens.len());
            let close = body_end(tokens, open);
            if annotations.iter().any(|annotation| is_test(annotation)) {
                let scope = classes.iter().map(|class| class.name.clone()).collect();
                drafts.push(draft(tokens, &name, at, scope, skip, &annotations, open, close));
            }
            at = close.max(at) + 1;
        } else {
            at += 1;
            continue;
        }
        annotations.clear();
    }
    drafts
}

#[expect(clippy::too_many_arguments, reason = "the parts of a method, each of another kind")]
fn draft(
    tokens: &[Token<'_>],
    name: &str,
    at: usize,
    scope: Vec<String>,
    skip: Option<String>,
    annotations: &[&[Token<'_>]],
    open: usize,
    close: usize,
) -> Draft {
    let body = (open + 1).min(close)..close;
    let inverted = annotations.iter().find(|a| is_test(a) && a.iter().any(|token| token.is("expected")));
    Draft {
        scope,
        name: name.to_owned(),
        line: tokens[at].line,
        skip: skip.or_else(|| skipped_within(tokens.get(body.clone()).unwrap_or_default())),
        inverted: inverted.map(|annotation| format!("@{}", joined(annotation))),
        cases: annotations.iter().find_map(|annotation| cases(annotation)),
        muted: super::script::muted(tokens, &body),
        body,
    }
}

fn annotation_end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut end = from + 1;
    while tokens.get(end).is_some_and(|dot| dot.is(".") || dot.is(":")) {
        end += 2;
    }
    match tokens.get(end) {
        Some(open) if open.is("(") => closing(tokens, end) + 1,
        _ => end,
    }
}

/// The name of the method whose name stands here, and where its parameters end.
fn method(tokens: &[Token<'_>], at: usize) -> Option<(String, usize)> {
    let token = &tokens[at];
    let kotlin = at > 0 && tokens[at - 1].is("fun");
    let named = token.kind == Kind::Word || kotlin && token.text.starts_with('`');
    let words = ["if", "for", "while", "switch", "catch", "return", "new", "synchronized", "when"];
    if !named || words.contains(&token.text) || !tokens.get(at + 1)?.is("(") {
        return None;
    }
    // A type or `fun` stands before the name of a method, a dot or a mark before a call.
    let before = &tokens[at.checked_sub(1)?];
    let declared = before.kind == Kind::Word && !matches!(before.text, "return" | "new" | "throw")
        || before.is(">")
        || before.is("]");
    declared.then(|| (unquoted(token).to_owned(), closing(tokens, at + 1) + 1))
}

fn body_end(tokens: &[Token<'_>], open: usize) -> usize {
    match tokens.get(open).map_or("", |token| token.text) {
        "{" => closing(tokens, open),
        // `fun adds() = runTest { … }`
        "=" => {
            let line = tokens[open].line;
            let brace = (open..tokens.len()).find(|at| tokens[*at].is("{") || tokens[*at].line > line + 1);
            brace.filter(|at| tokens[*at].is("{")).map_or(open, |at| closing(tokens, at))
        }
        _ => open,
    }
}

fn last<'t>(annotation: &[Token<'t>]) -> &'t str {
    let words = annotation.iter().take_while(|token| !token.is("("));
    words.filter(|token| token.kind == Kind::Word).last().map_or("", |token| token.text)
}

fn is_test(annotation: &[Token<'_>]) -> bool {
    TESTS.contains(&last(annotation))
}

fn skip(annotation: &[Token<'_>]) -> Option<String> {
    let name = last(annotation);
    let conditional = name.starts_with("DisabledOn")
        || name.starts_with("DisabledIf")
        || name.starts_with("EnabledIf")
        || name.starts_with("EnabledOn");
    let disabled = is_test(annotation)
        && annotation.windows(3).any(|said| said[0].is("enabled") && said[1].is("=") && said[2].is("false"));
    (matches!(name, "Disabled" | "Ignore" | "Ignored") || conditional || disabled).then(|| format!("@{name}"))
}

fn cases(annotation: &[Token<'_>]) -> Option<usize> {
    if !last(annotation).ends_with("Source") || last(annotation) == "MethodSource" {
        return None;
    }
    let open = annotation.iter().position(|token| token.is("{") || token.is("["));
    let open = open.or_else(|| annotation.iter().position(|token| token.is("(")))?;
    let inner = annotation.get(open + 1..closing(annotation, open))?;
    let count = split(inner, ",").len();
    // Rows in a text block: a case for each line.
    let rows = inner.iter().filter(|token| token.text.starts_with("\"\"\"")).map(|token| {
        token.text.lines().filter(|line| !line.trim().is_empty() && !line.contains("\"\"\"")).count()
    });
    Some(rows.max().unwrap_or(count))
}

fn skipped_within(said: &[Token<'_>]) -> Option<String> {
    let assumes = |at: &usize| {
        said[*at].kind == Kind::Word
            && said[*at].text.starts_with("assum")
            && said.get(at + 1).is_some_and(|next| next.is("("))
    };
    (0..said.len()).find(assumes).map(|at| format!("{} within it", said[at].text))
}
