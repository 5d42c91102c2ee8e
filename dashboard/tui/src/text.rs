//! Text from outside as it may be put on a screen, and figures as people read them.
//!
//! Everything a model, a repository or a document says passes [`shown`]: escape sequences, control
//! characters and marks that turn writing around become visible characters and act on nothing.

use std::borrow::Cow;

use loki_store::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[cfg(test)]
mod tests;

/// Marks without a width that may follow one character; further ones are shown as numbers.
const MARKS_MAX: u32 = 3;

/// Columns a tab is shown as.
const TAB: &str = "    ";

/// What is said where something is not known.
pub const UNKNOWN: &str = "unknown";

/// `text` on one line, with everything that could act on a terminal made visible: controls in caret
/// notation (`^[`), invisible and direction marks by their number (`<U+202E>`). Line ends become blanks.
pub fn shown(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    let mut marks = 0;
    for c in text.chars() {
        match c {
            '\n' => safe.push(' '),
            '\t' => safe.push_str(TAB),
            // Only asks for one of two pictures of the same character.
            '\u{fe00}'..='\u{fe0f}' => continue,
            c if (c as u32) < 0x20 => safe.extend(['^', char::from(c as u8 ^ 0x40)]),
            '\u{7f}' => safe.push_str("^?"),
            c if acts(c) => safe.push_str(&format!("<U+{:04X}>", c as u32)),
            c if c.width() == Some(0) => {
                marks += 1;
                if marks > MARKS_MAX {
                    safe.push_str(&format!("<U+{:04X}>", c as u32));
                } else {
                    safe.push(c);
                }
                continue;
            }
            c => safe.push(c),
        }
        marks = 0;
    }
    Cow::Owned(safe)
}

/// The lines of a text, each as [`shown`] has it. A carriage return before a line end is part of it.
pub fn shown_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(shown)
}

/// Controls of the upper half, marks of direction, and what is invisible.
fn acts(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The beginning of `text` that fits `columns`, ended by `ellipsis` where something is left out.
pub fn fit<'t>(text: &'t str, columns: usize, ellipsis: &str) -> Cow<'t, str> {
    if text.len() <= columns || text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(ellipsis.width());
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        used += c.width().unwrap_or(0);
        (used > room).then_some(at)
    });
    let kept = &text[..end.unwrap_or(text.len())];
    Cow::Owned(if ellipsis.width() <= columns { format!("{kept}{ellipsis}") } else { kept.to_owned() })
}

/// `text` broken into lines of at most `columns`, at blanks where there are any. Blanks before it stand
/// before every line, as code and JSON have them.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let indent = (text.len() - words.len()).min(columns / 2);
    let mut lines = broken(words, columns.saturating_sub(indent).max(1));
    let blanks = " ".repeat(indent);
    lines.iter_mut().for_each(|line| line.insert_str(0, &blanks));
    lines
}

fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        let gap = usize::from(!line.is_empty());
        if !line.is_empty() && line.width() + gap + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        while word.width() > columns {
            let head = fit(word, columns, "").into_owned();
            // A character wider than the line would not get any shorter.
            let taken =
                if head.is_empty() { word.chars().next().map_or(0, char::len_utf8) } else { head.len() };
            lines.push(word[..taken].to_owned());
            word = &word[taken..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// How long ago something was, such as `3 s ago`; the future is `in 3 s`.
pub fn age(now_ms: i64, then_ms: i64) -> String {
    let ms = now_ms.saturating_sub(then_ms);
    match ms {
        0..1000 => "just now".to_owned(),
        1000.. => format!("{} ago", span(ms.unsigned_abs())),
        _ => format!("in {}", span(ms.unsigned_abs().max(1000))),
    }
}

/// A length of time with its largest unit, such as `4 min`.
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms} ms"),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// The time of day, UTC; [`UNKNOWN`] where it is no time.
pub fn clock(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| UNKNOWN.to_owned(), |time| time.strftime("%H:%M:%S").to_string())
}

/// Day and time, UTC; [`UNKNOWN`] where it is no time.
pub fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| UNKNOWN.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Millionths of a US dollar as dollars.
pub fn usd(micro: u64) -> String {
    let digits = if micro >= 1_000_000 { 2 } else { 4 };
    format!("${:.digits$}", micro as f64 / 1e6)
}

/// A number with its thousands apart.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut parted = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}

/// The beginning of a hash, as it is named in commands.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
