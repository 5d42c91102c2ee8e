//! Tests in Python: functions that pytest or unittest collect, by indentation.

use std::ops::Range;

use super::lex::{Kind, Token, closing, joined, split};
use super::model::{Draft, Suite};

/// A line as Python sees it: it may go over several lines of the file.
struct Line {
    indent: u32,
    from: usize,
    to: usize,
}

/// A class or function that is being read.
struct Block {
    indent: u32,
    name: String,
    is_class: bool,
    skip: Option<String>,
}

/// Whether a file of this name is collected.
pub(super) fn is_collected(name: &str) -> bool {
    let stem = name.strip_suffix(".py").unwrap_or(name);
    stem.starts_with("test_") || stem.ends_with("_test") || matches!(stem, "tests" | "test")
}

/// The tests of a file.
pub(super) fn tests(tokens: &[Token<'_>], suite: &mut Suite) -> Vec<Draft> {
    let lines = lines(tokens);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut decorators: Vec<&[Token<'_>]> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let said = &tokens[line.from..line.to];
        blocks.retain(|block| block.indent < line.indent);
        if said.first().is_some_and(|token| token.is("@")) {
            decorators.push(&said[1..]);
            continue;
        }
        let word = said.iter().position(|token| !token.is("async")).unwrap_or(0);
        let keyword = said.get(word).filter(|token| token.kind == Kind::Word).map_or("", |token| token.text);
        let name = said.get(word + 1).filter(|token| token.kind == Kind::Word).map_or("", |token| token.text);
        if matches!(keyword, "def" | "class") && !name.is_empty() {
            let own = decorators.iter().find_map(|decorator| skip(decorator));
            let skip = own.or_else(|| blocks.iter().find_map(|block| block.skip.clone()));
            let in_function = blocks.iter().any(|block| !block.is_class);
            if keyword == "def" && name.starts_with("test") && !in_function {
                let body = body(tokens, &lines, number);
                let scope = blocks.iter().map(|block| block.name.clone()).collect();
                drafts.push(draft(name, said, scope, skip.clone(), &decorators, body));
            }
            let is_class = keyword == "class";
            blocks.push(Block { indent: line.indent, name: name.to_owned(), is_class, skip });
        } else {
            let mark = marked(said);
            match blocks.last() {
                Some(block) if block.is_class && mark.is_some() => {
                    let scope: Vec<String> = blocks.iter().map(|block| block.name.clone()).collect();
                    for draft in drafts.iter_mut().filter(|draft| draft.scope == scope) {
                        draft.skip = draft.skip.take().or_else(|| mark.clone());
                    }
                    if let Some(block) = blocks.last_mut() {
                        block.skip = mark;
                    }
                }
                None => suite.conditions.extend(mark),
                Some(_) => {}
            }
        }
        decorators.clear();
    }
    for draft in &mut drafts {
        draft.muted = muted(tokens, &lines, &draft.body);
        draft.skip = draft.skip.take().or_else(|| skipped_within(tokens, &draft.body));
    }
    drafts
}

fn draft(
    name: &str,
    said: &[Token<'_>],
    scope: Vec<String>,
    skip: Option<String>,
    decorators: &[&[Token<'_>]],
    body: Range<usize>,
) -> Draft {
    let inverted =
        decorators.iter().find(|d| d.iter().any(|t| matches!(t.text, "xfail" | "expectedFailure")));
    Draft {
        scope,
        name: name.to_owned(),
        line: said.first().map_or(0, |token| token.line),
        skip,
        inverted: inverted.map(|decorator| format!("@{}", joined(decorator))),
        cases: decorators.iter().filter_map(|decorator| cases(decorator)).reduce(|a, b| a.saturating_mul(b)),
        body,
        muted: Vec::new(),
    }
}

fn lines(tokens: &[Token<'_>]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if depth == 0 && token.leads || at == 0 {
            if let Some(last) = lines.last_mut() {
                last.to = at;
            }
            lines.push(Line { indent: token.column, from: at, to: tokens.len() });
        }
        if token.kind == Kind::Mark {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    lines
}

/// The tokens of what a line heads: what follows on it, and the lines that are indented further.
fn body(tokens: &[Token<'_>], lines: &[Line], number: usize) -> Range<usize> {
    let head = &lines[number];
    let rest = &lines[number + 1..];
    let count = rest.iter().take_while(|line| line.indent > head.indent).count();
    let end = rest.get(count).map_or(tokens.len(), |line| line.from);
    let colon = colon(&tokens[head.from..head.to]).map_or(head.to, |colon| head.from + colon + 1);
    colon..end.max(colon)
}

/// The colon that ends a head.
fn colon(said: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    said.iter().position(|token| {
        match token.text {
            _ if token.kind != Kind::Mark => {}
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            ":" => return depth == 0,
            _ => {}
        }
        false
    })
}

/// What a decorator keeps from running.
fn skip(decorator: &[Token<'_>]) -> Option<String> {
    let skips = |token: &Token<'_>| {
        token.kind == Kind::Word
            && matches!(token.text, "skip" | "skipif" | "skipIf" | "skipUnless" | "xfail" | "expectedFailure")
    };
    let head = decorator.iter().take_while(|token| !token.is("("));
    let within = decorator.iter().filter(|token| token.is("xfail") || token.is("skip")).count();
    let heads = head.clone().any(skips);
    // `parametrize(..., pytest.param(1, marks=pytest.mark.skip))`
    let params = !heads && within > 0 && decorator.iter().any(|token| token.is("marks"));
    (heads || params).then(|| format!("@{}", joined(&decorator[..decorator.len().min(12)])))
}

/// A line that keeps the rest of a class or file from being collected.
fn marked(said: &[Token<'_>]) -> Option<String> {
    let first = said.first()?;
    let has = |text: &str| said.iter().any(|token| token.is(text));
    let by_mark = first.is("pytestmark") && (has("skip") || has("skipif") || has("xfail"));
    let uncollected = first.is("__test__") && has("False");
    let module =
        first.is("pytest") && (has("skip") || has("importorskip")) || first.is("raise") && has("SkipTest");
    (by_mark || uncollected || module).then(|| joined(&said[..said.len().min(12)]))
}

fn cases(decorator: &[Token<'_>]) -> Option<usize> {
    let head = decorator.iter().position(|token| token.is("parametrize"))?;
    let open = head + 1;
    let inner = decorator.get(open + 1..closing(decorator, open))?;
    let values = *split(inner, ",").get(1)?;
    let list = values.first().is_some_and(|token| token.is("[") || token.is("("));
    list.then(|| split(values.get(1..values.len() - 1).unwrap_or_default(), ",").len())
}

fn skipped_within(tokens: &[Token<'_>], body: &Range<usize>) -> Option<String> {
    let said = tokens.get(body.clone())?;
    let at = (0..said.len()).find(|at| {
        let of = |n: usize| at.checked_sub(n).map_or("", |before| said[before].text);
        let called = said.get(at + 1).is_some_and(|next| next.is("("));
        match said[*at].text {
            _ if said[*at].kind != Kind::Word => false,
            "skip" | "xfail" | "importorskip" => called && of(2) == "pytest",
            "skipTest" => called && of(2) == "self",
            "SkipTest" => of(1) == "raise" || of(3) == "raise",
            _ => false,
        }
    })?;
    Some(format!("{} within it", said[at].text))
}

/// Parts of a body that cannot fail the test: what a `try` catches and drops, what is never true, what
/// follows a `return`.
fn muted(tokens: &[Token<'_>], lines: &[Line], body: &Range<usize>) -> Vec<Range<usize>> {
    let within: Vec<usize> = (0..lines.len()).filter(|n| body.contains(&lines[*n].from)).collect();
    let indent = within.iter().map(|n| lines[*n].indent).min().unwrap_or(0);
    let word = |n: usize, place: usize| {
        let line = &lines[n];
        tokens[line.from..line.to].get(place).map_or("", |token| token.text)
    };
    let mut ranges = Vec::new();
    for n in within {
        let never = matches!(word(n, 1), "False" | "0" | "None") && word(n, 2) == ":";
        if matches!(word(n, 0), "if" | "while") && never {
            ranges.push(self::body(tokens, lines, n));
        } else if word(n, 0) == "return" && lines[n].indent == indent {
            ranges.push(lines[n].from..body.end);
        } else if word(n, 0) == "try" && swallows(tokens, lines, n)
            || suppresses(&tokens[lines[n].from..lines[n].to])
        {
            ranges.push(self::body(tokens, lines, n));
        }
    }
    ranges
}

/// `with suppress(…):`
fn suppresses(said: &[Token<'_>]) -> bool {
    said.first().is_some_and(|token| token.is("with")) && said.iter().any(|token| token.is("suppress"))
}

/// Whether a `try` has an `except` that a failed assertion ends in.
fn swallows(tokens: &[Token<'_>], lines: &[Line], number: usize) -> bool {
    let indent = lines[number].indent;
    let follow = lines.iter().enumerate().skip(number + 1).filter(|(_, line)| line.indent <= indent);
    for (n, line) in follow {
        let said = &tokens[line.from..line.to];
        if line.indent < indent
            || !said.first().is_some_and(|token| matches!(token.text, "except" | "else" | "finally"))
        {
            return false;
        }
        let broad = said.get(1).is_some_and(|next| next.is(":"))
            || said
                .iter()
                .any(|token| matches!(token.text, "Exception" | "BaseException" | "AssertionError"));
        let handler = body(tokens, lines, n);
        let fails = tokens[handler].iter().any(|t| matches!(t.text, "raise" | "fail" | "assert"));
        if said.first().is_some_and(|token| token.is("except")) && broad && !fails {
            return true;
        }
    }
    false
}
