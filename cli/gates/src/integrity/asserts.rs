//! What a test asserts: found in its body, weighed by how much it says.

mod weight;

use std::ops::Range;

use super::lex::{Kind, Language, Token, closing, joined, split};
use weight::{is_trivial, strength};

/// An assertion.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assert {
    /// What asserts: a macro, a function, or a chain such as `expect.not.toBe`.
    pub(super) callee: String,
    /// What it is about, then what is expected of it.
    pub(super) args: Vec<String>,
    /// Its line, from 1.
    pub(super) line: u32,
    /// How much it says.
    pub(super) strength: Strength,
    /// Whether it holds whatever happens.
    pub(super) trivial: bool,
}

impl Eq for Assert {}

/// How much an assertion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// That something is there.
    Exists,
    /// Something about a value.
    Partial,
    /// The very value.
    Exact,
}

impl Assert {
    /// Whether it says the same as another, wherever it stands.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.callee == other.callee && self.args == other.args
    }

    fn new(callee: String, args: Vec<String>, line: u32) -> Self {
        let strength = strength(&callee, &args);
        let trivial = is_trivial(&callee, &args);
        Self { callee, args, line, strength, trivial }
    }

    /// By how much a value may differ from the expected one, where it may.
    pub(super) fn tolerance(&self) -> Option<f64> {
        const NAMED: [&str; 9] = [
            "abs = ",
            "rel = ",
            "epsilon = ",
            "atol = ",
            "rtol = ",
            "delta = ",
            "tolerance = ",
            "max_relative = ",
            "tol = ",
        ];
        let number = |text: &str| text.trim().replace('_', "").parse::<f64>().ok();
        let callee = self.callee.to_ascii_lowercase();
        let places = self.args.iter().find_map(|arg| number(arg.strip_prefix("places = ")?));
        let by_places =
            callee.contains("closeto") && callee.contains("expect") || callee.contains("almostequal");
        if by_places && let Some(places) = places.or_else(|| number(self.args.get(2)?)) {
            return Some(10_f64.powf(-places));
        }
        let after = |arg: &String, mark: &str| number(arg.split(mark).nth(1)?.split([' ', ')']).next()?);
        let named = self.args.iter().flat_map(|arg| NAMED.iter().filter_map(move |name| after(arg, name)));
        if let Some(found) = named.reduce(f64::max) {
            return Some(found);
        }
        let differs = self.args.iter().find(|arg| arg.contains("abs"));
        if let Some(found) = differs.and_then(|arg| after(arg, " < ").or_else(|| after(arg, " <= "))) {
            return Some(found);
        }
        let last = self.args.last().and_then(|last| number(last));
        let delta = callee.contains("delta")
            || callee.contains("approx")
            || callee.contains("within")
            || callee.contains("closeto")
            || callee == "assertequals" && self.args.len() == 3;
        last.filter(|_| delta)
    }
}

/// The assertions in a body, and how many stand where they cannot fail it.
pub(super) fn in_body(
    language: Language,
    tokens: &[Token<'_>],
    body: Range<usize>,
    muted: &[Range<usize>],
) -> (Vec<Assert>, usize) {
    let (mut all, mut quiet) = (Vec::new(), 0);
    let mut at = body.start;
    while at < body.end.min(tokens.len()) {
        let token = &tokens[at];
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        if token.kind != Kind::Word || before.is_some_and(declares) {
            at += 1;
            continue;
        }
        match assertion(language, tokens, at, body.end.min(tokens.len())) {
            Some((assert, end)) => {
                match muted.iter().any(|range| range.contains(&at)) {
                    true => quiet += 1,
                    false => all.push(assert),
                }
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
    (all, quiet)
}

fn declares(token: &Token<'_>) -> bool {
    token.kind == Kind::Word
        && matches!(token.text, "fn" | "def" | "func" | "function" | "fun" | "void" | "import" | "use")
}

/// The assertion that begins with a word, and where its head ends: arguments are looked into on their own.
fn assertion(language: Language, tokens: &[Token<'_>], at: usize, end: usize) -> Option<(Assert, usize)> {
    match language {
        Language::Rust => rust(tokens, at),
        Language::Python => python(tokens, at, end),
        Language::Script => script(tokens, at),
        Language::Go => go(tokens, at),
        Language::Jvm => jvm(tokens, at),
    }
}

fn is_at(tokens: &[Token<'_>], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.is(text))
}

fn args(tokens: &[Token<'_>], open: usize) -> (Vec<String>, usize) {
    let close = closing(tokens, open);
    let inner = tokens.get(open + 1..close).unwrap_or_default();
    (split(inner, ",").into_iter().map(joined).collect(), close)
}

/// Whether a function is called that asserts, by its name.
fn asserts_by_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    ["assert", "verify", "check_", "expect_", "ensure_"].iter().any(|begin| lower.starts_with(begin))
        || ["check", "expect"].iter().any(|begin| {
            lower.starts_with(begin) && word[begin.len()..].starts_with(|c: char| c.is_ascii_uppercase())
        })
}

fn call(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    let (args, close) = args(tokens, at + 1);
    Some((Assert::new(tokens[at].text.to_owned(), args, tokens[at].line), close))
}

fn rust(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    let word = tokens[at].text;
    if is_at(tokens, at + 1, "!") {
        let asserts = word.contains("assert") || matches!(word, "panic" | "unreachable");
        if !asserts || !["(", "[", "{"].iter().any(|open| is_at(tokens, at + 2, open)) {
            return None;
        }
        let (mut args, close) = args(tokens, at + 2);
        // Words for whoever reads a failure are no part of what is asserted.
        let said = if word.ends_with("_eq") || word.ends_with("_ne") { 2 } else { 1 };
        if word.contains("assert_eq")
            || word.contains("assert_ne")
            || matches!(word, "assert" | "debug_assert" | "prop_assert")
        {
            args.truncate(said);
        } else if matches!(word, "panic" | "unreachable") {
            args.clear();
        }
        return Some((Assert::new(word.to_owned(), args, tokens[at].line), close));
    }
    let method = at > 0 && tokens[at - 1].is(".");
    (!method && asserts_by_name(word) && is_at(tokens, at + 1, "(")).then(|| call(tokens, at))?
}

fn python(tokens: &[Token<'_>], at: usize, end: usize) -> Option<(Assert, usize)> {
    let word = tokens[at].text;
    if word == "assert" {
        let stop = statement_end(tokens, at, end);
        let parts = split(&tokens[at + 1..stop], ",");
        let said = parts.first().copied().unwrap_or_default();
        // `assert (x == 1, "words")` is a pair, and a pair is true.
        let pair = said.first().is_some_and(|t| t.is("("))
            && closing(said, 0) + 1 == said.len()
            && split(&said[1..said.len().saturating_sub(1)], ",").len() > 1;
        let (callee, args) =
            if pair { ("assert".to_owned(), vec!["True".to_owned()]) } else { compared(said) };
        return Some((Assert::new(callee, args, tokens[at].line), stop));
    }
    if !is_at(tokens, at + 1, "(") {
        return None;
    }
    let of = at.checked_sub(2).map_or("", |of| tokens[of].text);
    let raises =
        matches!(word, "raises" | "warns") && (of == "pytest" || at > 0 && tokens[at - 1].is("with"));
    let fails = word == "fail" && matches!(of, "self" | "pytest");
    let named = word.starts_with("assert") || asserts_by_name(word) && !word.starts_with("expect");
    (raises || fails || named).then(|| call(tokens, at))?
}

fn statement_end(tokens: &[Token<'_>], at: usize, end: usize) -> usize {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().take(end).skip(at + 1) {
        if depth == 0 && (token.leads || token.is(";")) {
            return place;
        }
        if token.kind == Kind::Mark {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    end
}

/// A comparison: its operator, and its two sides.
fn compared(said: &[Token<'_>]) -> (String, Vec<String>) {
    const OPERATORS: [&str; 10] = ["==", "!=", "<=", ">=", "<", ">", "is", "in", "===", "!=="];
    let mut depth = 0_usize;
    for (at, token) in said.iter().enumerate().filter(|(_, token)| token.kind != Kind::Text) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "and" | "or" | "||" | "&&" if depth == 0 => break,
            operator if depth == 0 && OPERATORS.contains(&operator) => {
                let not = at > 0 && said[at - 1].is("not");
                let left = &said[..at - usize::from(not)];
                let operator = if not { format!("not {operator}") } else { operator.to_owned() };
                return (format!("assert {operator}"), vec![joined(left), joined(&said[at + 1..])]);
            }
            _ => {}
        }
    }
    ("assert".to_owned(), vec![joined(said)])
}

fn script(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    const OF_T: [&str; 24] = [
        "is",
        "not",
        "equal",
        "equals",
        "deepEqual",
        "same",
        "ok",
        "notOk",
        "true",
        "false",
        "truthy",
        "falsy",
        "throws",
        "throwsAsync",
        "notThrows",
        "regex",
        "like",
        "match",
        "pass",
        "fail",
        "snapshot",
        "rejects",
        "strictEqual",
        "notEqual",
    ];
    let word = tokens[at].text;
    let member = at > 0 && tokens[at - 1].is(".");
    if word == "expect" && is_at(tokens, at + 1, "(") {
        return chain(tokens, at);
    }
    if word == "should" && member && is_at(tokens, at + 1, "(") {
        return call(tokens, at);
    }
    if member || word == "expect" {
        return None;
    }
    if matches!(word, "assert" | "t") && is_at(tokens, at + 1, ".") && is_at(tokens, at + 3, "(") {
        let method = tokens[at + 2].text;
        if word == "t" && !OF_T.contains(&method) {
            return None;
        }
        let (args, close) = args(tokens, at + 3);
        return Some((Assert::new(format!("{word}.{method}"), args, tokens[at].line), close));
    }
    (asserts_by_name(word) && is_at(tokens, at + 1, "(")).then(|| call(tokens, at))?
}

/// `expect(x).not.toBe(y)`, `assertThat(x).isEqualTo(y)`: what is looked at, then what is expected.
fn chain(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    let (mut all, mut end) = args(tokens, at + 1);
    let mut callee = tokens[at].text.to_owned();
    while is_at(tokens, end + 1, ".") || is_at(tokens, end + 1, "?.") {
        let Some(word) = tokens.get(end + 2).filter(|token| token.kind == Kind::Word) else { break };
        callee.push('.');
        callee.push_str(word.text);
        end += 2;
        if is_at(tokens, end + 1, "(") {
            let (more, close) = args(tokens, end + 1);
            all.extend(more);
            end = close;
        }
    }
    Some((Assert::new(callee, all, tokens[at].line), end))
}

fn go(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    let word = tokens[at].text;
    if at > 0 && tokens[at - 1].is(".") {
        return None;
    }
    if is_at(tokens, at + 1, ".") && is_at(tokens, at + 3, "(") {
        let method = tokens[at + 2].text;
        let fails = matches!(method, "Error" | "Errorf" | "Fatal" | "Fatalf" | "Fail" | "FailNow")
            && matches!(word, "t" | "tb" | "b" | "f" | "s");
        let library = matches!(word, "assert" | "require" | "is" | "qt" | "c");
        let sub = method == "Run" && word == "t";
        if !(fails || library || sub) {
            return None;
        }
        let (mut args, close) = args(tokens, at + 3);
        if fails {
            args = vec![condition(tokens, at)];
        } else if sub {
            args.truncate(1);
        } else if args.first().is_some_and(|first| matches!(first.as_str(), "t" | "tb" | "c")) {
            args.remove(0);
        }
        // The body of a part of the test is looked into on its own.
        let end = if sub { at + 3 } else { close };
        return Some((Assert::new(format!("{word}.{method}"), args, tokens[at].line), end));
    }
    if word == "Expect" && is_at(tokens, at + 1, "(") {
        return chain(tokens, at);
    }
    (asserts_by_name(word) && is_at(tokens, at + 1, "(")).then(|| call(tokens, at))?
}

/// The condition of the block in which a test is made to fail.
fn condition(tokens: &[Token<'_>], at: usize) -> String {
    let mut depth = 0_usize;
    for place in (0..at).rev() {
        let token = &tokens[place];
        if token.is("}") {
            depth += 1;
        } else if token.is("{") && depth == 0 {
            let head = tokens[..place].iter().rposition(|t| t.is("if") || t.is("{") || t.is("}"));
            let head = head.filter(|head| tokens[*head].is("if"));
            return head.map(|head| joined(&tokens[head + 1..place])).unwrap_or_default();
        } else if token.is("{") {
            depth -= 1;
        }
    }
    String::new()
}

fn jvm(tokens: &[Token<'_>], at: usize) -> Option<(Assert, usize)> {
    let word = tokens[at].text;
    if word.starts_with("should") && tokens[at].kind == Kind::Word && at > 0 && !tokens[at].leads {
        let stop = statement_end(tokens, at, tokens.len());
        let rest = joined(&tokens[at + 1..stop]);
        return Some((Assert::new(word.to_owned(), vec![rest], tokens[at].line), at + 1));
    }
    if !is_at(tokens, at + 1, "(") {
        return None;
    }
    if matches!(word, "assertThat" | "assertThatThrownBy" | "expect" | "verify" | "then") {
        return chain(tokens, at);
    }
    (asserts_by_name(word) || word == "fail").then(|| call(tokens, at))?
}
