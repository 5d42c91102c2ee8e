//! Tests in Go: functions whose name and file name make them tests.

use super::lex::{Kind, Token, closing};
use super::model::{Draft, Suite};

/// Whether a file of this name is compiled for tests.
pub(super) fn is_collected(name: &str) -> bool {
    name.ends_with("_test.go")
}

/// The conditions under which a file is compiled: they stand in comments above the package's name.
pub(super) fn conditions(text: &str) -> Vec<String> {
    let head = text.lines().take_while(|line| !line.trim_start().starts_with("package "));
    let built = |line: &&str| line.starts_with("//go:build ") || line.starts_with("// +build ");
    head.map(str::trim_end).filter(built).map(str::to_owned).collect()
}

/// The tests of a file.
pub(super) fn tests(tokens: &[Token<'_>], _suite: &mut Suite) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !(tokens[at].leads && tokens[at].is("func") && tokens[at].column == 0) {
            at += 1;
            continue;
        }
        let method = tokens.get(at + 1).is_some_and(|token| token.is("("));
        let place = if method { closing(tokens, at + 1) + 1 } else { at + 1 };
        let receiver =
            if method { tokens.get(place.saturating_sub(2)).map_or("", |token| token.text) } else { "" };
        let Some(name) = tokens.get(place).filter(|token| token.kind == Kind::Word) else {
            at += 1;
            continue;
        };
        let parameters = closing(tokens, place + 1);
        let mut open = parameters + 1;
        while tokens.get(open).is_some_and(|token| !token.is("{") && !token.leads) {
            open += 1;
        }
        let close = closing(tokens, open);
        if is_test(name.text) {
            let body = (open + 1).min(close)..close;
            drafts.push(Draft {
                scope: if method { vec![receiver.to_owned()] } else { Vec::new() },
                name: name.text.to_owned(),
                line: name.line,
                skip: skipped_within(&tokens[body.clone()]),
                muted: super::script::muted(tokens, &body),
                body,
                ..Draft::default()
            });
        }
        at = close.max(at + 1);
    }
    drafts
}

fn is_test(name: &str) -> bool {
    let rest = ["Test", "Fuzz", "Example"].iter().find_map(|begin| name.strip_prefix(begin));
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_lowercase())) && name != "TestMain"
}

fn skipped_within(said: &[Token<'_>]) -> Option<String> {
    let skips = |at: &usize| {
        matches!(said[*at].text, "Skip" | "Skipf" | "SkipNow")
            && said[at - 1].is(".")
            && said.get(at + 1).is_some_and(|next| next.is("("))
    };
    (1..said.len()).find(skips).map(|at| format!("{} within it", said[at].text))
}
