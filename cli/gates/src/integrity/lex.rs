//! Words, strings and marks of a source file, without its comments: enough to find tests in it.
//!
//! No grammar: every language has its comments and strings read as it writes them, so that neither can be
//! taken for code. What does not end in time ends with its line or the file.

mod strings;

use strings::Reader;

/// A language that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// Go.
    Go,
    /// Java and Kotlin.
    Jvm,
}

impl Language {
    /// The language of a file, by its name.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next()?.rsplit_once('.')?.1 {
            "rs" => Some(Self::Rust),
            "py" => Some(Self::Python),
            "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" => Some(Self::Script),
            "go" => Some(Self::Go),
            "java" | "kt" | "kts" => Some(Self::Jvm),
            _ => None,
        }
    }
}

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a key word.
    Word,
    /// A number.
    Number,
    /// A string or a character, with its quotes.
    Text,
    /// Anything else: one mark, or two that belong together.
    Mark,
}

/// A piece of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    /// What it is.
    pub(crate) kind: Kind,
    /// As it is written.
    pub(crate) text: &'t str,
    /// Its line, from 1.
    pub(crate) line: u32,
    /// Where on its line it begins, in bytes.
    pub(crate) column: u32,
    /// Whether nothing but blanks and comments stands before it on its line.
    pub(crate) leads: bool,
}

impl Token<'_> {
    /// Whether it is this mark or word.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// Marks of two characters, and of three, that belong together.
const PAIRS: [&str; 22] = [
    "===", "!==", "...", "..=", "==", "!=", "<=", ">=", "&&", "||", "->", "=>", "::", ":=", "+=", "-=", "*=",
    "/=", "??", "?.", "**", "//",
];

/// The pieces of a source file.
pub(crate) fn tokens(language: Language, text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader::new(language, text);
    let mut all: Vec<Token<'_>> = Vec::with_capacity(text.len() / 5);
    let (mut line, mut line_start, mut leads) = (1_u32, 0_usize, true);
    let mut at = 0;
    while at < text.len() {
        let byte = text.as_bytes()[at];
        if byte == b'\n' {
            (line, line_start, leads, at) = (line + 1, at + 1, true, at + 1);
            continue;
        }
        if byte.is_ascii_whitespace() || byte == b'\\' {
            // A line that goes on in the next: what follows does not lead.
            let breaks = byte == b'\\' && text.as_bytes().get(at + 1) == Some(&b'\n');
            if breaks {
                (line, line_start) = (line + 1, at + 2);
            }
            at += 1 + usize::from(breaks);
            continue;
        }
        if let Some(end) = reader.comment(at) {
            let breaks = newlines(&text[at..end]);
            if let Some(last) = text[at..end].rfind('\n') {
                (line, line_start, leads) = (line + breaks, at + last + 1, true);
            }
            at = end;
            continue;
        }
        let (kind, end) = piece(&mut reader, text, at, all.last());
        let column = u32::try_from(at - line_start).unwrap_or(u32::MAX);
        all.push(Token { kind, text: &text[at..end], line, column, leads });
        leads = false;
        if let Some(last) = text[at..end].rfind('\n') {
            (line, line_start) = (line + newlines(&text[at..end]), at + last + 1);
        }
        at = end;
    }
    all
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn piece(reader: &mut Reader<'_>, text: &str, at: usize, before: Option<&Token<'_>>) -> (Kind, usize) {
    if let Some(end) = reader.string(at, before) {
        return (Kind::Text, end);
    }
    let rest = &text[at..];
    let length_of = |fine: fn(char) -> bool| rest.find(|c| !fine(c)).unwrap_or(rest.len());
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_ascii_digit() {
        return (Kind::Number, at + number(rest));
    }
    if first.is_alphabetic() || first == '_' || first == '$' {
        return (Kind::Word, at + length_of(|c| c.is_alphanumeric() || c == '_' || c == '$'));
    }
    let pair = PAIRS.iter().find(|pair| rest.starts_with(**pair));
    (Kind::Mark, at + pair.map_or(first.len_utf8(), |pair| pair.len()))
}

/// The length of a number: digits, letters of its base and type, a fraction, an exponent.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let after = bytes.get(end + 1).copied().unwrap_or(b' ');
        let exponent = matches!(byte, b'+' | b'-')
            && matches!(bytes[end - 1], b'e' | b'E')
            && after.is_ascii_digit()
            && !rest.starts_with("0x");
        let fraction = *byte == b'.' && after.is_ascii_digit();
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || exponent || fraction) {
            break;
        }
        end += 1;
    }
    end.max(1)
}

/// The place of the bracket that closes the one at `open`, or the end.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != Kind::Mark {
            continue;
        }
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The parts between commas that stand within no further brackets.
pub(crate) fn split<'a, 't>(tokens: &'a [Token<'t>], at: &str) -> Vec<&'a [Token<'t>]> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (place, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind != Kind::Text) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            text if text == at && depth == 0 => {
                parts.push(&tokens[from..place]);
                from = place + 1;
            }
            _ => {}
        }
    }
    if from < tokens.len() {
        parts.push(&tokens[from..]);
    }
    parts
}

/// Tokens as text that is the same however they are laid out.
pub(crate) fn joined(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        // A comma before a closing bracket is layout.
        let trailing = token.is(",")
            && tokens.get(at + 1).is_none_or(|next| next.is(")") || next.is("]") || next.is("}"));
        if trailing {
            continue;
        }
        if at > 0 {
            text.push(' ');
        }
        text.push_str(token.text);
    }
    text
}

#[cfg(test)]
mod tests;
