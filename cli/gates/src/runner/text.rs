//! Output as plain lines.

/// Characters of a line that parsers look at; events of `go test -json` are the longest lines that count.
const LINE_CHARS_MAX: usize = 16 * 1024;

/// The text without terminal sequences, with one kind of line end. What is longer than a summary can be is
/// cut at the end of its line.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_line = 0;
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_sequence(&mut chars),
            '\u{9b}' => skip_control(&mut chars),
            '\r' | '\n' => {
                if char == '\r' && chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push('\n');
                in_line = 0;
            }
            '\t' => keep(&mut out, &mut in_line, char),
            other if other.is_control() => {}
            other => keep(&mut out, &mut in_line, other),
        }
    }
    out
}

fn keep(out: &mut String, in_line: &mut usize, char: char) {
    if *in_line < LINE_CHARS_MAX {
        out.push(char);
        *in_line += 1;
    }
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control(chars);
        }
        // A command to the terminal, up to a bell or the string's end. It never spans lines.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(char) = chars.next_if(|char| *char != '\n') {
                if char == '\u{7}' || (char == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        Some('\n' | '\r') | None => {}
        Some(_) => {
            chars.next();
        }
    }
}

/// Up to the final byte of a control sequence; a character that cannot be part of one ends it.
fn skip_control(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|char| matches!(char, '\u{20}'..='\u{3f}')).is_some() {}
    chars.next_if(|char| matches!(char, '\u{40}'..='\u{7e}'));
}

/// The number at the start of `text`, and what follows it and a space.
pub(super) fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, text[end..].trim_start()))
}

/// The items of a list such as `3 passed, 1 failed`, split at `separator`: each a number and its word.
/// None where an item is anything else.
pub(super) fn items<'a>(list: &'a str, separator: &str) -> Option<Vec<(u64, &'a str)>> {
    let item = |item: &'a str| number(item.trim()).filter(|(_, word)| !word.is_empty());
    list.split(separator).map(item).collect()
}

/// The numbers of a list such as `Tests run: 4, Failures: 1`, whose labels are these and no others.
pub(super) fn items_after<const N: usize>(list: &str, labels: [&str; N]) -> Option<[u64; N]> {
    let mut items = list.split(", ");
    let mut numbers = [0; N];
    for (number, label) in numbers.iter_mut().zip(labels) {
        *number = items.next()?.strip_prefix(label)?.parse().ok()?;
    }
    items.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_gone_and_lines_are_lines() {
        let cases = [
            ("\u{1b}[2m Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m2 passed\u{1b}[39m", " Tests  2 passed"),
            ("a\r\nb\rc\n", "a\nb\nc\n"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ rest", "link rest"),
            ("\u{1b}[", ""),
            ("\u{1b}]never ends\nnext", "\nnext"),
            ("\u{1b}(Bx\0y", "Bxy"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_line_does_not_grow() {
        let text = format!("{}\nnext", "x".repeat(1_000_000));
        assert_eq!(plain(&text).len(), LINE_CHARS_MAX + "\nnext".len());
    }
}
