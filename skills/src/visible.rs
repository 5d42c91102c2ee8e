//! Text of strangers made fit to be shown: what acts on a terminal or hides from an eye is spelled out.

use std::borrow::Cow;

/// The text with every control character and every character that cannot be seen spelled out, such as
/// `\u{1b}`. Line breaks and tabs stay, a carriage return before a line break goes.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) || c == '\r') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            c if is_hidden(c) || c == '\r' => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The text as one line of at most `chars_max` characters: white space in a row becomes one blank.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = visible(&joined);
    if shown.chars().count() <= chars_max {
        return shown.into_owned();
    }
    let mut line: String = shown.chars().take(chars_max.saturating_sub(1)).collect();
    line.push('…');
    line
}

/// The first character that would be spelled out, and its line from 1.
pub(crate) fn first_hidden(text: &str) -> Option<(usize, char)> {
    let found =
        text.lines().enumerate().find_map(|(n, line)| Some((n + 1, line.chars().find(is_hidden_ref)?)));
    found.filter(|(n, c)| !(*n == 1 && *c == '\u{feff}' && text.starts_with('\u{feff}')))
}

fn is_hidden_ref(c: &char) -> bool {
    is_hidden(*c)
}

/// Control characters but line breaks and tabs, and characters of no width: joiners, marks of direction,
/// variation selectors beyond the common sixteen, tags.
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => true,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_spelled_out() {
        assert!(matches!(visible("plain\n\tätext – “x”"), Cow::Borrowed(_)));
        assert_eq!(visible("a\r\nb"), "a\nb");
        assert_eq!(visible("a\rb\u{1b}[2J\0"), "a\\u{d}b\\u{1b}[2J\\u{0}");
        assert_eq!(visible("x\u{202e}y\u{200b}\u{e0041}"), "x\\u{202e}y\\u{200b}\\u{e0041}");
        assert_eq!(visible("\u{2028}\u{2066}\u{9b}"), "\\u{2028}\\u{2066}\\u{9b}");
    }

    #[test]
    fn a_line_is_one_and_no_longer_than_asked() {
        assert_eq!(one_line(" a \n\n b\tc ", 10), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("a\u{1b}[31m", 20), "a\\u{1b}[31m");
    }

    #[test]
    fn the_first_hidden_character_is_told_with_its_line() {
        assert_eq!(first_hidden("a\r\nb\u{200d}"), Some((2, '\u{200d}')));
        assert_eq!(first_hidden("a\tb\n"), None);
    }
}
