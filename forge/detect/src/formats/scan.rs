//! Text of a schema or program as words, strings and marks, each with its line.
//!
//! One scanner serves every format: what differs between them is the sign that opens a comment.
//! Nothing fails: a quote that is not closed on its line is a mark like any other.

/// The most bytes a string on one line may have, so that stray quotes cost no second look at a long line.
const STRING_BYTES_MAX: usize = 4096;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// The inside of a quoted string.
    Text,
    /// One sign.
    Mark,
    /// The end of a line.
    Line,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: u32,
}

impl Token<'_> {
    /// True for the word `word`, in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// True for the sign `mark`.
    pub(crate) fn mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.text.starts_with(mark)
    }

    /// True for a name, quoted or not.
    pub(crate) fn names(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Text)
    }
}

/// Which signs open a comment that ends with the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// `--` and `#` (SQL).
    Dash,
    /// `//` (most languages).
    Slash,
    /// `#` (Python, GraphQL).
    Hash,
    /// `%%` (Mermaid).
    Percent,
}

/// The tokens of `text`, whose first line is `first_line`. Comments are left out.
pub(crate) fn tokens(text: &str, first_line: u32, comments: Comments) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let (mut out, mut at, mut line) = (Vec::new(), 0, first_line);
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b'\n' => {
                out.push(Token { kind: Kind::Line, text: &text[at..=at], line });
                line += 1;
                at += 1;
                continue;
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ if opens_comment(&bytes[at..], comments) => {
                at = end_of_line(bytes, at);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                let end = text[at..].find("*/").map_or(bytes.len(), |found| at + found + 2);
                line += newlines(&bytes[at..end]);
                at = end;
                continue;
            }
            quote @ (b'"' | b'\'' | b'`') => match closing(bytes, at, quote) {
                Some((from, to, next)) => {
                    out.push(Token { kind: Kind::Text, text: &text[from..to], line });
                    line += newlines(&bytes[at..next]);
                    at = next;
                    continue;
                }
                None => {
                    at += 1;
                    Kind::Mark
                }
            },
            byte if byte.is_ascii_digit() => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'.') {
                    at += 1;
                }
                Kind::Number
            }
            byte if is_word(byte) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                Kind::Word
            }
            _ => {
                at += 1;
                Kind::Mark
            }
        };
        out.push(Token { kind, text: &text[start..at], line });
    }
    out
}

/// A place in a run of tokens.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a, 't> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'a, 't> Cursor<'a, 't> {
    /// At the start of `tokens`.
    pub(crate) fn new(tokens: &'t [Token<'a>]) -> Self {
        Self { tokens, at: 0 }
    }

    /// The token here.
    pub(crate) fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    /// The token `ahead` places on.
    pub(crate) fn ahead(&self, ahead: usize) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    /// Takes the token here.
    pub(crate) fn next(&mut self) -> Option<&'t Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Everything from here on.
    pub(crate) fn rest(&self) -> &'t [Token<'a>] {
        &self.tokens[self.at.min(self.tokens.len())..]
    }

    /// Takes the sign `mark`, if it is here.
    pub(crate) fn eat_mark(&mut self, mark: char) -> bool {
        let here = self.peek().is_some_and(|token| token.mark(mark));
        self.at += usize::from(here);
        here
    }

    /// Takes the word `word`, if it is here.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let here = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(here);
        here
    }

    /// Takes these words in a row, all or none.
    pub(crate) fn eat_all(&mut self, words: &[&str]) -> bool {
        let here =
            words.iter().enumerate().all(|(i, word)| self.ahead(i).is_some_and(|token| token.is(word)));
        self.at += if here { words.len() } else { 0 };
        here
    }

    /// Passes over line ends.
    pub(crate) fn skip_lines(&mut self) {
        while self.peek().is_some_and(|token| token.kind == Kind::Line) {
            self.at += 1;
        }
    }

    /// At an opening bracket: takes the group, and gives what is inside it. A group that is not
    /// closed reaches to the end.
    pub(crate) fn group(&mut self) -> Option<&'t [Token<'a>]> {
        if !self.peek().is_some_and(|token| opens(token)) {
            return None;
        }
        let start = self.at + 1;
        let mut depth = 0_usize;
        while let Some(token) = self.next() {
            if opens(token) {
                depth += 1;
            } else if closes(token) {
                depth -= 1;
                if depth == 0 {
                    return Some(&self.tokens[start..self.at - 1]);
                }
            }
        }
        Some(&self.tokens[start.min(self.tokens.len())..])
    }

    /// Takes everything up to the first token outside brackets that `ends` accepts; that one stays.
    pub(crate) fn until(&mut self, ends: impl Fn(&Token<'a>) -> bool) -> &'t [Token<'a>] {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && ends(token) {
                break;
            }
            if opens(token) {
                depth += 1;
            } else if closes(token) {
                depth = depth.saturating_sub(1);
            }
            self.at += 1;
        }
        &self.tokens[start..self.at]
    }
}

/// The parts between the signs `mark` that stand outside brackets.
pub(crate) fn split<'a, 't>(tokens: &'t [Token<'a>], mark: char) -> Vec<&'t [Token<'a>]> {
    let mut cursor = Cursor::new(tokens);
    let mut parts = Vec::new();
    loop {
        let part = cursor.until(|token| token.mark(mark));
        if part.iter().any(|token| token.kind != Kind::Line) {
            parts.push(part);
        }
        if cursor.next().is_none() {
            return parts;
        }
    }
}

/// The names in a list such as `(a, "b")`.
pub(crate) fn names(tokens: &[Token<'_>]) -> Vec<String> {
    split(tokens, ',')
        .into_iter()
        .filter_map(|part| part.iter().find(|token| token.names()))
        .map(|token| crate::names::snake(token.text))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The strings in a list such as `('a', 'b')`.
pub(crate) fn strings(tokens: &[Token<'_>]) -> Vec<String> {
    tokens.iter().filter(|token| token.kind == Kind::Text).map(|token| token.text.to_owned()).collect()
}

/// Joins tokens to one text, as a type is written.
pub(crate) fn joined(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    for token in tokens.iter().filter(|token| token.kind != Kind::Line) {
        let gap = out.ends_with(|last: char| last.is_alphanumeric()) && token.kind == Kind::Word;
        if gap {
            out.push(' ');
        }
        match token.kind {
            Kind::Text => {
                out.push('\'');
                out.push_str(token.text);
                out.push('\'');
            }
            Kind::Word | Kind::Number | Kind::Mark | Kind::Line => out.push_str(token.text),
        }
    }
    out
}

fn opens(token: &Token<'_>) -> bool {
    token.kind == Kind::Mark && matches!(token.text, "(" | "[" | "{")
}

fn closes(token: &Token<'_>) -> bool {
    token.kind == Kind::Mark && matches!(token.text, ")" | "]" | "}")
}

fn opens_comment(bytes: &[u8], comments: Comments) -> bool {
    match comments {
        Comments::Dash => bytes.starts_with(b"--") || bytes.starts_with(b"# "),
        Comments::Slash => bytes.starts_with(b"//"),
        Comments::Hash => bytes.starts_with(b"#"),
        Comments::Percent => bytes.starts_with(b"%%"),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |found| at + found)
}

fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// Where the string that opens at `at` has its inside, and what follows it. Strings end with their
/// line; only those in three quotes go on.
fn closing(bytes: &[u8], at: usize, quote: u8) -> Option<(usize, usize, usize)> {
    let triple = [quote; 3];
    if bytes[at..].starts_with(&triple) {
        let from = at + 3;
        let mut end = from;
        while end < bytes.len() {
            if bytes[end..].starts_with(&triple) {
                return Some((from, end, end + 3));
            }
            end += 1;
        }
        return None;
    }
    let mut end = at + 1;
    let limit = bytes.len().min(at + STRING_BYTES_MAX);
    while end < limit && bytes[end] != b'\n' {
        if bytes[end] == b'\\' {
            end += 1;
        } else if bytes[end] == quote {
            return Some((at + 1, end, end + 1));
        }
        end += 1;
    }
    None
}
