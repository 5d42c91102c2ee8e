//! Text to tokens.

use super::error::{Flaw, PolicyError, Position};

/// The most bytes of a policy's text.
pub const TEXT_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A name or keyword as written, without quotes; compared in lower case.
    Word(String),
    /// A name in double quotes, kept as it is.
    Quoted(String),
    Text(String),
    Number(String),
    /// Operators and punctuation.
    Sign(&'static str),
    End,
}

/// Longer ones first, so that `<=` is not `<` and `=`.
const SIGNS: &[&str] = &[
    "->>", "->", "<=", ">=", "<>", "!=", "::", "||", "&&", "@>", "<@", "(", ")", ",", ".", "=", "<", ">",
    "+", "-", "*", "/", ";", "[", "]", "%", "~", "@", "?", "|", ":", "$", "{", "}", "!", "&", "#",
];

/// Splits `text`; the last token is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, PolicyError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the policy has {} bytes, the most is {TEXT_BYTES_MAX}", text.len());
        return Err(PolicyError::new(Flaw::Limit, message).hint("split it into several policies"));
    }
    let mut scanner = Scanner { text, at: Position { offset: 0, line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        let token = scanner.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: Position,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at.offset..]
    }

    fn next(&mut self) -> Result<Token, PolicyError> {
        self.skip()?;
        let at = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(Token { kind: TokenKind::End, at }) };
        let kind = match first {
            '\'' => TokenKind::Text(self.quoted('\'')?),
            '"' => TokenKind::Quoted(self.quoted('"')?),
            c if c.is_ascii_digit() => TokenKind::Number(self.number()?),
            c if c.is_alphabetic() || c == '_' => {
                TokenKind::Word(self.take_while(|c| c.is_alphanumeric() || c == '_').to_owned())
            }
            c => {
                let sign = SIGNS.iter().find(|sign| self.rest().starts_with(**sign));
                let unknown = || {
                    PolicyError::at(Flaw::Syntax, at, format!("`{}` has no meaning here", c.escape_debug()))
                };
                let sign = sign.ok_or_else(unknown)?;
                self.step(sign.len());
                TokenKind::Sign(sign)
            }
        };
        Ok(Token { kind, at })
    }

    /// Passes over white space and comments.
    fn skip(&mut self) -> Result<(), PolicyError> {
        loop {
            self.take_while(char::is_whitespace);
            let at = self.at;
            if self.rest().starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let Some(length) = self.rest()[2..].find("*/") else {
                    return Err(
                        PolicyError::at(Flaw::Syntax, at, "the comment is not closed").hint("add `*/`")
                    );
                };
                self.step(length + 4);
            } else {
                return Ok(());
            }
        }
    }

    /// What stands between two `quote`s, a doubled one standing for itself.
    fn quoted(&mut self, quote: char) -> Result<String, PolicyError> {
        let at = self.at;
        let mut value = String::new();
        self.step(1);
        while let Some(next) = self.rest().chars().next() {
            self.step(next.len_utf8());
            if next == '\0' {
                return Err(PolicyError::at(Flaw::Syntax, at, "a text cannot hold the character NUL"));
            }
            if next != quote {
                value.push(next);
            } else if self.rest().starts_with(quote) {
                value.push(quote);
                self.step(1);
            } else {
                return Ok(value);
            }
        }
        Err(PolicyError::at(Flaw::Syntax, at, "the quotation is not closed").hint(format!("add `{quote}`")))
    }

    fn number(&mut self) -> Result<String, PolicyError> {
        let at = self.at;
        let mut number = self.take_while(|c| c.is_ascii_digit()).to_owned();
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.step(1);
            number.push('.');
            number.push_str(self.take_while(|c| c.is_ascii_digit()));
        }
        if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            let hint = "write the number in digits, such as 1000 or 0.5, and put a space after it";
            return Err(PolicyError::at(Flaw::Syntax, at, "the number goes over into letters").hint(hint));
        }
        Ok(number)
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.step(length);
        &rest[..length]
    }

    fn step(&mut self, bytes: usize) {
        for c in self.rest()[..bytes].chars() {
            if c == '\n' {
                self.at.line += 1;
                self.at.column = 1;
            } else {
                self.at.column += 1;
            }
        }
        self.at.offset += bytes;
    }
}
