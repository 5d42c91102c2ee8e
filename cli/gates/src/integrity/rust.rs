//! Tests in Rust: functions under an attribute that makes them tests, in modules.

use super::lex::{Kind, Token, closing, joined, split};
use super::model::{Draft, Suite};

/// Attributes that make a function a test, beside those that end in `test`.
const TESTS: [&str; 7] = ["test", "rstest", "test_case", "quickcheck", "wasm_bindgen_test", "gtest", "bench"];

/// A module that is being read.
struct Module {
    name: String,
    end: usize,
    condition: Option<String>,
}

/// The tests of a file.
pub(super) fn tests(tokens: &[Token<'_>], suite: &mut Suite) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut modules: Vec<Module> = Vec::new();
    let mut attributes: Vec<&[Token<'_>]> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        modules.retain(|module| at <= module.end);
        let token = &tokens[at];
        if token.is("#") {
            let inner = tokens.get(at + 1).is_some_and(|next| next.is("!"));
            let open = at + 1 + usize::from(inner);
            if tokens.get(open).is_some_and(|next| next.is("[")) {
                let close = closing(tokens, open);
                let attribute = &tokens[open + 1..close.min(tokens.len())];
                match inner {
                    true => suite.conditions.extend(condition(attribute)),
                    false => attributes.push(attribute),
                }
                at = close + 1;
                continue;
            }
        }
        match token.text {
            "mod" if token.kind == Kind::Word => at = module(tokens, at, &attributes, &mut modules, suite),
            "fn" if token.kind == Kind::Word => {
                let (draft, next) = function(tokens, at, &attributes, &modules);
                drafts.extend(draft);
                at = next;
            }
            "pub" | "async" | "unsafe" | "const" | "extern" | "crate" | "(" | ")" | "in" => {
                at += 1;
                continue;
            }
            _ => at += 1,
        }
        attributes.clear();
    }
    drafts
}

fn module(
    tokens: &[Token<'_>],
    at: usize,
    attributes: &[&[Token<'_>]],
    modules: &mut Vec<Module>,
    suite: &mut Suite,
) -> usize {
    let Some(name) = tokens.get(at + 1).filter(|name| name.kind == Kind::Word) else { return at + 1 };
    if tokens.get(at + 2).is_some_and(|next| next.is("{")) {
        let condition = attributes.iter().find_map(|attribute| condition(attribute));
        modules.push(Module { name: name.text.to_owned(), end: closing(tokens, at + 2), condition });
    } else {
        let condition = attributes.iter().find_map(|attribute| condition(attribute));
        // A module that is compiled under a condition is another declaration than one that always is.
        let under = condition.map(|condition| format!(" under {condition}")).unwrap_or_default();
        suite.modules.push(format!("{}{under}", name.text));
    }
    at + 3
}

fn function(
    tokens: &[Token<'_>],
    at: usize,
    attributes: &[&[Token<'_>]],
    modules: &[Module],
) -> (Option<Draft>, usize) {
    let Some(name) = tokens.get(at + 1).filter(|name| name.kind == Kind::Word) else { return (None, at + 1) };
    if !attributes.iter().any(|attribute| is_test(attribute)) {
        return (None, at + 2);
    }
    let mut open = at + 2;
    while let Some(token) = tokens.get(open).filter(|token| !token.is("{") && !token.is(";")) {
        open = if token.is("(") { closing(tokens, open) + 1 } else { open + 1 };
    }
    let close = if tokens.get(open).is_some_and(|t| t.is("{")) { closing(tokens, open) } else { open };
    let enclosing = modules.iter().find_map(|module| module.condition.clone());
    let skip = attributes.iter().find_map(|attribute| skip(attribute)).or(enclosing);
    let inverted =
        attributes.iter().find(|attribute| attribute.first().is_some_and(|t| t.is("should_panic")));
    let cases = attributes.iter().filter(|attribute| is_case(attribute)).count();
    let draft = Draft {
        scope: modules.iter().map(|module| module.name.clone()).collect(),
        name: name.text.to_owned(),
        line: name.line,
        skip,
        inverted: inverted.map(|_| "#[should_panic]".to_owned()),
        cases: (cases > 0).then_some(cases),
        muted: super::script::muted(tokens, &((open + 1).min(close)..close)),
        body: (open + 1).min(close)..close,
    };
    (Some(draft), close + 1)
}

/// The path of an attribute: `tokio::test`.
fn path<'t>(attribute: &[Token<'t>]) -> Vec<&'t str> {
    let words = attribute.iter().take_while(|token| token.kind == Kind::Word || token.is("::"));
    words.filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
}

fn is_test(attribute: &[Token<'_>]) -> bool {
    path(attribute).last().is_some_and(|last| TESTS.contains(last) || last.ends_with("_test"))
}

fn is_case(attribute: &[Token<'_>]) -> bool {
    path(attribute).last().is_some_and(|last| matches!(*last, "case" | "test_case"))
}

/// What an attribute keeps from running.
fn skip(attribute: &[Token<'_>]) -> Option<String> {
    match path(attribute).first().copied()? {
        "ignore" => Some("#[ignore]".to_owned()),
        "cfg_attr" if attribute.iter().any(|token| token.is("ignore")) => {
            Some(format!("#[{}]", joined(attribute)))
        }
        _ => condition(attribute),
    }
}

/// The condition of a `cfg` that is not simply `test`.
fn condition(attribute: &[Token<'_>]) -> Option<String> {
    if !attribute.first()?.is("cfg") || !attribute.get(1)?.is("(") {
        return None;
    }
    let inner = attribute.get(2..closing(attribute, 1))?;
    let plain = |part: &[Token<'_>]| matches!(part, [only] if only.is("test"));
    let all = inner.first()?.is("all").then(|| inner.get(2..inner.len().saturating_sub(1))).flatten();
    let parts = all.map_or_else(|| vec![inner], |all| split(all, ","));
    let rest: Vec<String> = parts.into_iter().filter(|part| !plain(part)).map(joined).collect();
    (!rest.is_empty()).then(|| format!("#[cfg({})]", rest.join(", ")))
}
