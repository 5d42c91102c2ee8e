//! Some lines of a text, numbered, in bounded memory however long they are.

use std::fmt::Write;
use std::io::{self, BufRead, Read};

/// Bytes of all lines together.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of a line that are shown.
const LINE_BYTES_MAX: u64 = 2_000;

/// Some lines.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The lines, each with its number and a tab before it.
    pub(super) text: String,
    /// How many there are.
    pub(super) lines: u64,
    /// Lines before the first: fewer than asked for where the text ended there.
    pub(super) skipped: u64,
    /// True where more lines follow.
    pub(super) more: bool,
    /// True where the last line does not end in a line feed.
    pub(super) unended: bool,
    /// True where a line ends in CRLF.
    pub(super) crlf: bool,
    /// True where something is no UTF-8.
    pub(super) invalid: bool,
}

/// Lines from `offset` (from 1), at most `limit`.
pub(super) fn window(reader: &mut impl BufRead, offset: u64, limit: u64) -> io::Result<Window> {
    let mut window = Window::default();
    while window.skipped < offset - 1 {
        if reader.skip_until(b'\n')? == 0 {
            return Ok(window);
        }
        window.skipped += 1;
    }
    let mut line = Vec::new();
    while !reader.fill_buf()?.is_empty() {
        if window.lines == limit || window.text.len() >= TEXT_BYTES_MAX {
            window.more = true;
            break;
        }
        line.clear();
        // One more than is shown tells whether there are more.
        reader.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        let mut rest = 0;
        if line.len() as u64 > LINE_BYTES_MAX && !line.ends_with(b"\n") {
            rest = reader.skip_until(b'\n')? as u64 + 1;
            line.pop();
        }
        window.unended = rest == 0 && !line.ends_with(b"\n");
        let shown = window.line(&line, rest);
        let number = offset + window.lines;
        // Writing into a string cannot fail.
        let _infallible = writeln!(window.text, "{number:>6}\t{shown}");
        window.lines += 1;
    }
    Ok(window)
}

impl Window {
    /// A line without its end, and how much of it is missing.
    fn line(&mut self, bytes: &[u8], rest: u64) -> String {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let (line, crlf) = match line.strip_suffix(b"\r") {
            Some(line) if bytes.ends_with(b"\n") => (line, true),
            _ => (line, false),
        };
        self.crlf |= crlf;
        if rest == 0 {
            return self.text_of(line);
        }
        let whole = match str::from_utf8(line) {
            // A character that was cut in two is left out.
            Err(error) if error.error_len().is_none() => &line[..error.valid_up_to()],
            _ => line,
        };
        let missing = rest + (line.len() - whole.len()) as u64;
        format!("{}… [{missing} more bytes to the line's end]", self.text_of(whole))
    }

    fn text_of(&mut self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        self.invalid |= matches!(text, std::borrow::Cow::Owned(_));
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8], offset: u64, limit: u64) -> Window {
        window(&mut &text[..], offset, limit).unwrap()
    }

    #[test]
    fn lines_are_numbered_from_one() {
        let all = of(b"a\nb\n\nd", 1, 10);
        assert_eq!(all.text, "     1\ta\n     2\tb\n     3\t\n     4\td\n");
        assert_eq!((all.lines, all.more, all.unended), (4, false, true));
        let some = of(b"a\nb\nc\n", 2, 1);
        assert_eq!((some.text.as_str(), some.more, some.unended), ("     2\tb\n", true, false));
        assert!(!of(b"a\nb\nc\n", 2, 2).more);
        let past = of(b"a\nb\n", 9, 1);
        assert_eq!((past.lines, past.skipped), (0, 2));
        assert_eq!(of(b"", 1, 1).lines, 0);
    }

    #[test]
    fn what_is_long_is_cut_and_counted() {
        let long = [&vec![b'x'; 5_000][..], b"\nnext\n"].concat();
        let window = of(&long, 1, 10);
        let first = window.text.lines().next().unwrap();
        assert!(first.ends_with("xx… [3001 more bytes to the line's end]"), "{first}");
        assert_eq!(window.text.lines().nth(1), Some("     2\tnext"));
        // A character of two bytes across the cut, and a line exactly as long as what is shown.
        let window = of(["x".repeat(1_999).as_str(), "ü", "rest"].concat().as_bytes(), 1, 1);
        assert!(
            window.text.ends_with("x… [6 more bytes to the line's end]\n") && !window.invalid,
            "{}",
            window.text
        );
        let exact = of(["x".repeat(2_000).as_str(), "\n"].concat().as_bytes(), 1, 1);
        assert!(exact.text.ends_with("x\n") && !exact.unended, "{}", exact.text);
        let many = "y".repeat(1_000) + "\n";
        let window = of(many.repeat(200).as_bytes(), 1, 2_000);
        assert!(window.more && window.text.len() < TEXT_BYTES_MAX + 2_100, "{}", window.text.len());
    }

    #[test]
    fn line_ends_and_foreign_bytes_are_said() {
        let window = of(b"a\r\nb\r\n", 1, 10);
        assert_eq!(
            (window.text.as_str(), window.crlf, window.invalid),
            ("     1\ta\n     2\tb\n", true, false)
        );
        let window = of(b"a\xffb\n", 1, 10);
        assert_eq!(
            (window.text.as_str(), window.crlf, window.invalid),
            ("     1\ta\u{fffd}b\n", false, true)
        );
    }
}
