//! Where a comment or a string ends, in each language.

use super::{Kind, Language, Token};

/// Reads comments and strings.
pub(super) struct Reader<'t> {
    language: Language,
    text: &'t str,
}

impl<'t> Reader<'t> {
    pub(super) fn new(language: Language, text: &'t str) -> Self {
        Self { language, text }
    }

    /// The end of the comment that begins here, if one does. The end of its line does not belong to it.
    pub(super) fn comment(&self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let shebang = at == 0 && rest.starts_with("#!") && !rest.starts_with("#![");
        if shebang || self.language == Language::Python && rest.starts_with('#') {
            return Some(self.line_end(at));
        }
        if self.language == Language::Python {
            return None;
        }
        if rest.starts_with("//") {
            return Some(self.line_end(at));
        }
        if !rest.starts_with("/*") {
            return None;
        }
        let nests = matches!(self.language, Language::Rust | Language::Jvm);
        Some(self.block_end(at, nests))
    }

    fn block_end(&self, at: usize, nests: bool) -> usize {
        let bytes = self.text.as_bytes();
        let (mut depth, mut here) = (1_usize, at + 2);
        while here + 1 < bytes.len() {
            match (bytes[here], bytes[here + 1]) {
                (b'*', b'/') => {
                    depth -= 1;
                    here += 2;
                    if depth == 0 {
                        return here;
                    }
                }
                (b'/', b'*') if nests => {
                    depth += 1;
                    here += 2;
                }
                _ => here += 1,
            }
        }
        bytes.len()
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |end| at + end)
    }

    /// The end of the string, character or pattern that begins here, if one does.
    pub(super) fn string(&self, at: usize, before: Option<&Token<'_>>) -> Option<usize> {
        match self.language {
            Language::Rust => self.rust(at),
            Language::Python => self.python(at),
            Language::Script => self.script(at, before),
            Language::Go => match self.byte(at) {
                b'`' => Some(self.until(at + 1, "`", false, true)),
                quote @ (b'"' | b'\'') => Some(self.quoted(at + 1, quote)),
                _ => None,
            },
            Language::Jvm => match self.byte(at) {
                _ if self.text[at..].starts_with("\"\"\"") => Some(self.until(at + 3, "\"\"\"", true, true)),
                // A name in Kotlin: `adds two numbers`.
                b'`' => Some(self.until(at + 1, "`", false, false)),
                quote @ (b'"' | b'\'') => Some(self.quoted(at + 1, quote)),
                _ => None,
            },
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// After the quote at the end of a string of one line.
    fn quoted(&self, from: usize, quote: u8) -> usize {
        self.until(from, if quote == b'"' { "\"" } else { "'" }, true, false)
    }

    /// After `end`; a line's end ends it too where it may not go on.
    fn until(&self, from: usize, end: &str, escapes: bool, lines: bool) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if escapes => at += 2,
                b'\n' if !lines => return at,
                _ if bytes[at..].starts_with(end.as_bytes()) => return at + end.len(),
                _ => at += 1,
            }
        }
        self.text.len()
    }

    fn rust(&self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
            let after = &rest.as_bytes()[prefix.len().min(rest.len())..];
            rest.starts_with(prefix)
                && match after.first() {
                    Some(b'"') => true,
                    Some(b'#') => prefix.ends_with('r') && raw_hashes(after).is_some(),
                    Some(b'\'') => matches!(*prefix, "" | "b"),
                    _ => false,
                }
        })?;
        let from = at + prefix.len();
        if prefix.ends_with('r') {
            let hashes = raw_hashes(&self.text.as_bytes()[from..]).unwrap_or(0);
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(self.until(from + hashes + 1, &end, false, true));
        }
        if self.byte(from) == b'"' {
            return Some(self.until(from + 1, "\"", true, true));
        }
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let mut chars = self.text[from + 1..].chars();
        match (chars.next()?, chars.next()) {
            ('\\', _) => Some(self.quoted(from + 1, b'\'')),
            (first, Some('\'')) => Some(from + 1 + first.len_utf8() + 1),
            _ => None,
        }
    }

    fn python(&self, at: usize) -> Option<usize> {
        let rest = &self.text.as_bytes()[at..];
        let prefix = rest.iter().take_while(|byte| b"rRbBuUfF".contains(byte)).count();
        let quote = *rest.get(prefix).filter(|byte| matches!(byte, b'"' | b'\''))?;
        if prefix > 2 {
            return None;
        }
        let from = at + prefix;
        let triple = if quote == b'"' { "\"\"\"" } else { "'''" };
        // In a raw string too a backslash keeps the quote after it from ending it.
        match self.text[from..].starts_with(triple) {
            true => Some(self.until(from + 3, triple, true, true)),
            false => Some(self.until(from + 1, &triple[..1], true, false)),
        }
    }

    fn script(&self, at: usize, before: Option<&Token<'_>>) -> Option<usize> {
        match self.byte(at) {
            b'`' => Some(self.template(at + 1, 0)),
            quote @ (b'"' | b'\'') => Some(self.quoted(at + 1, quote)),
            b'/' if begins_pattern(before) => self.pattern(at),
            _ => None,
        }
    }

    /// After the end of a template, with the expressions in it, which may hold templates again.
    fn template(&self, from: usize, depth: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 2,
                b'`' => return at + 1,
                b'$' if bytes.get(at + 1) == Some(&b'{') && depth < 16 => at = self.expression(at + 2, depth),
                _ => at += 1,
            }
        }
        self.text.len()
    }

    fn expression(&self, from: usize, depth: usize) -> usize {
        let bytes = self.text.as_bytes();
        let (mut open, mut at) = (1_usize, from);
        while at < bytes.len() {
            match bytes[at] {
                b'`' => {
                    at = self.template(at + 1, depth + 1);
                    continue;
                }
                quote @ (b'"' | b'\'') => {
                    at = self.quoted(at + 1, quote);
                    continue;
                }
                b'{' => open += 1,
                b'}' => {
                    open -= 1;
                    if open == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.text.len()
    }

    /// After the end of a pattern such as `/a[/]b/`; `None` where the line ends first: that is no pattern.
    fn pattern(&self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (mut here, mut class) = (at + 1, false);
        while here < bytes.len() {
            match bytes[here] {
                b'\\' => here += 1,
                b'\n' => return None,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return Some(here + 1),
                _ => {}
            }
            here += 1;
        }
        None
    }
}

/// The number of `#` before a raw string's quote; `None` where there is no quote after them.
fn raw_hashes(text: &[u8]) -> Option<usize> {
    let hashes = text.iter().take_while(|byte| **byte == b'#').count();
    (text.get(hashes) == Some(&b'"')).then_some(hashes)
}

/// Whether a slash after this begins a pattern: after a value it divides.
fn begins_pattern(before: Option<&Token<'_>>) -> bool {
    const WORDS: [&str; 10] =
        ["return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "await"];
    match before {
        None => true,
        Some(token) => match token.kind {
            Kind::Number | Kind::Text => false,
            Kind::Word => WORDS.contains(&token.text),
            Kind::Mark => !matches!(token.text, ")" | "]" | "}"),
        },
    }
}
