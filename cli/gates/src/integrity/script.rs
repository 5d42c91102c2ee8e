//! Tests in JavaScript and TypeScript: `describe`, `it` and `test`, and what is chained to them.

use std::ops::Range;

use super::lex::{Kind, Token, closing, joined, split};
use super::model::{Draft, Suite, unquoted};

/// A group that is being read.
struct Group {
    name: String,
    end: usize,
    skip: Option<String>,
}

/// Whether a file of this name or in this folder is collected.
pub(super) fn is_collected(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parts = name.split('.').rev().skip(1);
    parts.any(|part| {
        matches!(part, "test" | "spec" | "cy" | "e2e") || part.ends_with("_test") || part.ends_with("-test")
    }) || name.starts_with("test.")
        || name.starts_with("test-")
        || folders.split('/').any(|folder| matches!(folder, "__tests__" | "test" | "tests" | "spec"))
}

/// The tests of a file.
pub(super) fn tests(tokens: &[Token<'_>], suite: &mut Suite) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        groups.retain(|group| at <= group.end);
        let Some(head) = head(tokens, at) else {
            at += 1;
            continue;
        };
        if head.focused && suite.focus.is_none() {
            suite.focus = Some((tokens[at].line, head.written.clone()));
        }
        let enclosing = groups.iter().find_map(|group| group.skip.clone());
        let skip = head.skip.clone().or(enclosing);
        if head.is_group {
            groups.push(Group { name: head.name, end: head.close, skip });
            at = head.open + 1;
            continue;
        }
        let body = head.body..head.close;
        drafts.push(Draft {
            scope: groups.iter().map(|group| group.name.clone()).collect(),
            name: head.name,
            line: tokens[at].line,
            skip: skip.or_else(|| skipped_within(&tokens[body.clone()])),
            inverted: head.inverted.then_some(head.written),
            cases: head.cases,
            muted: muted(tokens, &body),
            body,
        });
        at = head.close + 1;
    }
    drafts
}

/// The head of a group or test: `it.each([1, 2]).skip("name", …`.
struct Head {
    written: String,
    is_group: bool,
    name: String,
    open: usize,
    /// After the name, which is no part of the body.
    body: usize,
    close: usize,
    skip: Option<String>,
    focused: bool,
    inverted: bool,
    cases: Option<usize>,
}

fn head(tokens: &[Token<'_>], at: usize) -> Option<Head> {
    let word = tokens.get(at).filter(|token| token.kind == Kind::Word)?.text;
    let (is_group, mut skips, mut focused) = match word {
        "describe" | "context" | "suite" => (true, false, false),
        "xdescribe" | "xcontext" => (true, true, false),
        "fdescribe" => (true, false, true),
        "it" | "test" | "specify" => (false, false, false),
        "xit" | "xtest" | "xspecify" => (false, true, false),
        "fit" | "ftest" => (false, false, true),
        _ => return None,
    };
    let of = at.checked_sub(2).filter(|_| tokens[at - 1].is(".")).map(|of| tokens[of].text);
    let declared = at > 0 && matches!(tokens[at - 1].text, "function" | "const" | "let" | "var" | "import");
    if declared || of.is_some_and(|of| !matches!(of, "Deno" | "QUnit")) {
        return None;
    }
    let (mut is_group, mut inverted, mut cases, mut end) = (is_group, false, None, at);
    loop {
        if tokens.get(end + 1)?.is(".") {
            let link = tokens.get(end + 2)?.text;
            end += 2;
            match link {
                "skip" | "todo" | "fixme" | "skipIf" | "runIf" => skips = true,
                "only" => focused = true,
                "failing" | "fails" | "fail" => inverted = true,
                "describe" => is_group = true,
                "each" | "for" | "skipIfEach" | "concurrent" | "sequential" | "serial" | "parallel" => {}
                // `test.beforeEach(…)` and the like are no tests.
                _ => return None,
            }
            if matches!(link, "each" | "for") {
                cases = listed(tokens, end + 1);
                end = if tokens.get(end + 1)?.is("(") { closing(tokens, end + 1) } else { end + 1 };
            } else if matches!(link, "skipIf" | "runIf") && tokens.get(end + 1)?.is("(") {
                end = closing(tokens, end + 1);
            }
            continue;
        }
        break;
    }
    let open = end + 1;
    if !tokens.get(open)?.is("(") {
        return None;
    }
    let close = closing(tokens, open);
    let arguments = split(tokens.get(open + 1..close)?, ",");
    let first = *arguments.first()?;
    let name = match first {
        [only] if only.kind == Kind::Text => unquoted(only).to_owned(),
        other => joined(&other[..other.len().min(8)]),
    };
    let body = (open + 2 + first.len()).min(close);
    let written = joined(&tokens[at..open.min(at + 8)]).replace(' ', "");
    let option = arguments.iter().skip(1).find_map(|argument| option(argument));
    let skip = if skips { Some(written.clone()) } else { option };
    Some(Head { written, is_group, name, open, body, close, skip, focused, inverted, cases })
}

/// `{ skip: true }` among the arguments, as in Node's and Vitest's runners.
fn option(argument: &[Token<'_>]) -> Option<String> {
    if !argument.first()?.is("{") {
        return None;
    }
    let parts = split(argument.get(1..argument.len() - 1).unwrap_or_default(), ",");
    let skips = |part: &&&[Token<'_>]| {
        matches!(part, [key, colon, value, ..]
            if matches!(key.text, "skip" | "todo") && colon.is(":") && !value.is("false"))
    };
    parts.iter().find(skips).map(|part| format!("{{ {} }}", joined(part)))
}

fn listed(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let token = tokens.get(open)?;
    if token.kind == Kind::Text {
        // A table: a line for each case, below its head.
        return Some(token.text.lines().filter(|line| line.contains("${")).count());
    }
    if !token.is("(") || !tokens.get(open + 1)?.is("[") {
        return None;
    }
    let close = closing(tokens, open + 1);
    Some(split(tokens.get(open + 2..close)?, ",").len())
}

fn skipped_within(said: &[Token<'_>]) -> Option<String> {
    let skips = |at: &usize| {
        let of = at.checked_sub(2).map_or("", |of| said[of].text);
        said[*at].is("skip")
            && said[at - 1].is(".")
            && matches!(of, "this" | "t" | "ctx" | "context" | "test")
    };
    (2..said.len()).find(skips).map(|at| format!("{}.skip() within it", said[at - 2].text))
}

/// Parts of a body that cannot fail the test. Also for the languages of the JVM and for Go.
pub(super) fn muted(tokens: &[Token<'_>], body: &Range<usize>) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for at in body.clone() {
        let Some(token) = tokens.get(at).filter(|token| token.kind == Kind::Word) else { continue };
        let next = |n: usize| tokens.get(at + n).map_or("", |token| token.text);
        match token.text {
            "if" | "while" if next(1) == "(" && next(2) == "false" && next(3) == ")" && next(4) == "{" => {
                ranges.push(at + 4..closing(tokens, at + 4));
            }
            "if" if next(1) == "false" && next(2) == "{" => ranges.push(at + 2..closing(tokens, at + 2)),
            "try" if next(1) == "{" => {
                let end = closing(tokens, at + 1);
                if swallows(tokens, end + 1) {
                    ranges.push(at + 1..end);
                }
            }
            "return" if ends_early(tokens, body, at) => ranges.push(at..body.end),
            _ => {}
        }
    }
    ranges
}

/// Whether what follows a `try` catches a failed assertion and drops it.
fn swallows(tokens: &[Token<'_>], at: usize) -> bool {
    if !tokens.get(at).is_some_and(|token| token.is("catch")) {
        return false;
    }
    let (mut open, mut broad) = (at + 1, true);
    if tokens.get(open).is_some_and(|token| token.is("(")) {
        let close = closing(tokens, open);
        let caught = tokens.get(open + 1..close).unwrap_or_default();
        // A type is named in Java and Kotlin alone; a narrow one lets failed assertions through.
        let typed =
            caught.iter().filter(|token| token.kind == Kind::Word && token.text != "final").count() > 1;
        broad = !typed
            || caught
                .iter()
                .any(|t| matches!(t.text, "Throwable" | "Error" | "AssertionError" | "any" | "unknown"));
        open = close + 1;
    }
    let body = tokens.get(open..closing(tokens, open)).unwrap_or_default();
    broad
        && !body.iter().any(|t| matches!(t.text, "throw" | "fail" | "expect" | "assert" | "reject" | "done"))
}

/// Whether a `return` stands at a body's own level, under no condition.
fn ends_early(tokens: &[Token<'_>], body: &Range<usize>, at: usize) -> bool {
    // The arguments of `it(` hold one function: its body is the outermost pair of braces.
    let depth = |marks: &[Token<'_>]| {
        marks.iter().filter(|token| token.kind == Kind::Mark).fold(0_i64, |depth, token| match token.text {
            "(" | "[" | "{" => depth + 1,
            ")" | "]" | "}" => depth - 1,
            _ => depth,
        })
    };
    let outer = match tokens.get(body.start.wrapping_sub(1)) {
        Some(open) if open.is("(") || open.is(",") => 1,
        _ => 0,
    };
    let before = &tokens[at - 1];
    let conditional = matches!(before.text, ")" | "else" | "=>" | "->" | ":");
    !conditional && at > body.start && depth(&tokens[body.start..at]) == outer
        || at == body.start && outer == 0
}
