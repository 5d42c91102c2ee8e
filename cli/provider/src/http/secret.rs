//! Keys, and texts from servers made fit to be shown.

use std::fmt;

/// A key. It is never shown: not in errors, logs or `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Bytes of a server's words that are shown.
const SHOWN_BYTES_MAX: usize = 500;
/// Bytes of a key from which on it is looked for in texts: a placeholder such as `none` is no secret.
const SECRET_BYTES_MIN: usize = 6;

impl Secret {
    /// A key; white space around it is dropped.
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A server's words as they may be shown: one line, of bounded length, without the key.
pub(crate) fn shown(text: &str, key: Option<&Secret>) -> String {
    let plain: String = text.chars().filter(|c| !is_hidden(*c)).map(plain).collect();
    let plain = match key {
        Some(key) if key.0.len() >= SECRET_BYTES_MIN => plain.replace(&key.0, "[key]"),
        _ => plain,
    };
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.len() <= SHOWN_BYTES_MAX {
        return plain;
    }
    let end = (0..=SHOWN_BYTES_MAX - 3).rev().find(|place| plain.is_char_boundary(*place));
    format!("{}...", &plain[..end.unwrap_or(0)])
}

fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Characters without a shape that change how others are shown.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_nowhere() {
        let key = Secret::new(" sk-secret-123\n");
        assert_eq!(key.expose(), "sk-secret-123");
        assert_eq!(format!("{key:?}"), "Secret(..)");
        assert_eq!(shown("wrong key sk-secret-123!", Some(&key)), "wrong key [key]!");
        assert_eq!(shown("wrong key sk-sec\u{200b}ret-123!", Some(&key)), "wrong key [key]!");
        let late = format!("{}sk-secret-123", "x".repeat(SHOWN_BYTES_MAX - 8));
        assert!(!shown(&late, Some(&key)).contains("sk-"));
    }

    #[test]
    fn words_are_one_line_of_bounded_length() {
        assert_eq!(shown("a\u{1b}[31m\r\n b\t\u{202e}c", None), "a [31m b c");
        let long = shown(&"ä".repeat(1000), None);
        assert!(long.len() <= SHOWN_BYTES_MAX && long.ends_with("ä..."), "{long}");
        assert_eq!(shown(&"x".repeat(SHOWN_BYTES_MAX), None).len(), SHOWN_BYTES_MAX);
    }
}
