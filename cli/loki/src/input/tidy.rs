//! Makes the Markdown of an issue fit to stand in a larger document.
//!
//! What a reader on GitHub does not see is taken out: HTML comments and characters without a shape.
//! Fences are closed, and headings stand below the one they belong to. Total, and linear in the text.

use super::fences::{Fences, Line};

/// The deepest heading that Markdown has.
const LEVEL_MAX: usize = 6;
/// The longest run of back-ticks that is taken for the beginning of inline code.
const TICKS_MAX: usize = 3;

/// True for characters that are not shown, or change how others are: controls other than line breaks and
/// tabs, marks of direction, zero-width ones, and tags.
pub(super) fn is_hidden(c: char) -> bool {
    let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shapeless =
        matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    (c.is_control() && c != '\n' && c != '\t') || direction || shapeless
}

/// One line of text: no breaks, no hidden characters, single blanks.
pub(super) fn one_line(text: &str) -> String {
    let shown: String = text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c)).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text with line breaks of one kind and without hidden characters.
pub(super) fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

/// A description as a part of a document: its highest heading is on `level`, at least.
pub(super) fn section(text: &str, level: usize) -> String {
    let lines = balanced(&without_comments(&plain(text)));
    let highest = lines.iter().filter(|line| !line.is_code).filter_map(|line| heading(&line.text)).min();
    let shift = highest.map_or(0, |(highest, _)| level.saturating_sub(highest));
    let mut out = String::with_capacity(text.len());
    for line in &lines {
        match heading(&line.text).filter(|_| !line.is_code) {
            Some((hashes, title)) => {
                out.push_str(&"#".repeat((hashes + shift).min(LEVEL_MAX)));
                out.push_str(title);
            }
            None => out.push_str(&line.text),
        }
        out.push('\n');
    }
    out.trim_matches('\n').trim_end().to_owned()
}

/// The text without HTML comments. Those in code stay; one that begins a line and never ends hides the rest.
pub(super) fn without_comments(text: &str) -> String {
    let mut comments = Comments { last_end: text.rfind(CLOSE).unwrap_or(0), inside: false };
    let mut fences = Fences::default();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let line = raw.strip_suffix('\n').unwrap_or(raw);
        if !comments.inside && fences.covers(line) {
            out.push_str(line);
            out.push('\n');
        } else {
            let was_inside = comments.inside;
            let kept = comments.strip(line, at);
            // A line that was nothing but a comment leaves no blank one behind.
            if !kept.trim().is_empty() || line.trim().is_empty() && !was_inside {
                out.push_str(kept.trim_end());
                out.push('\n');
            }
        }
        at += raw.len();
    }
    out
}

const OPEN: &str = "<!--";
const CLOSE: &str = "-->";

struct Comments {
    /// Where the last end of a comment is.
    last_end: usize,
    inside: bool,
}

impl Comments {
    /// What is left of `line`, which begins at the byte `start` of the text.
    fn strip(&mut self, line: &str, start: usize) -> String {
        let mut out = String::new();
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            if self.inside {
                let Some(end) = rest.find(CLOSE) else { break };
                self.inside = false;
                at += end + CLOSE.len();
                continue;
            }
            let next = rest.find(['`', '<']).unwrap_or(rest.len());
            out.push_str(&rest[..next]);
            at += next;
            let rest = &rest[next..];
            let opens = rest.starts_with(OPEN) && (start + at < self.last_end || out.trim().is_empty());
            if opens {
                self.inside = true;
                at += OPEN.len();
            } else {
                let length = code_span(rest).unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
                out.push_str(&rest[..length]);
                at += length;
            }
        }
        out
    }
}

/// The length of inline code, or of back-ticks that open none, at the beginning.
fn code_span(rest: &str) -> Option<usize> {
    let ticks = rest.bytes().take_while(|byte| *byte == b'`').count();
    if ticks == 0 {
        return None;
    }
    if ticks > TICKS_MAX {
        return Some(ticks);
    }
    let mark = &rest[..ticks];
    let mut at = ticks;
    while let Some(found) = rest[at..].find(mark) {
        let run = rest[at + found..].bytes().take_while(|byte| *byte == b'`').count();
        at += found + run;
        if run == ticks {
            return Some(at);
        }
    }
    Some(ticks)
}

struct TidyLine {
    text: String,
    is_code: bool,
}

/// The lines, with every fence closed and none inside another: simpler readers of Markdown see the same.
fn balanced(text: &str) -> Vec<TidyLine> {
    let mut fences = Fences::default();
    let mut lines: Vec<TidyLine> = Vec::new();
    for line in text.lines() {
        let is_fence = ["```", "~~~"].iter().any(|mark| line.trim_start().starts_with(mark));
        let next = fences.next(line);
        let looks_closing = fences.closing().is_some_and(|mark| line.trim_start().starts_with(&mark[..3]));
        let text = match next {
            Line::Inside if looks_closing => format!("\\{}", line.trim_start()),
            Line::Outside if is_fence => inline(line),
            Line::Outside if underlines(line) && lines.last().is_some_and(|last| last.is_title()) => {
                if let Some(last) = lines.last_mut() {
                    last.text.insert_str(0, "# ");
                }
                continue;
            }
            Line::Outside | Line::Opens | Line::Inside | Line::Closes => line.to_owned(),
        };
        // Fences count as code too: neither is a heading.
        let is_code = is_fence || fences.closing().is_some();
        lines.push(TidyLine { text, is_code });
    }
    if let Some(text) = fences.closing() {
        lines.push(TidyLine { text, is_code: true });
    }
    lines
}

/// A line that begins like a fence and is none, with shorter marks.
fn inline(line: &str) -> String {
    let mut text = line.to_owned();
    while text.contains("```") {
        text = text.replace("```", "`");
    }
    text
}

impl TidyLine {
    /// True where a line of `=` below makes it a heading.
    fn is_title(&self) -> bool {
        let text = self.text.trim();
        !self.is_code && !text.is_empty() && !text.starts_with(['#', '>', '|', '-', '*', '+'])
    }
}

fn underlines(line: &str) -> bool {
    let line = line.trim();
    line.len() > 1 && line.bytes().all(|byte| byte == b'=')
}

/// The level of a heading and what follows its marks.
fn heading(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = &line[hashes..];
    ((1..=LEVEL_MAX).contains(&hashes) && rest.starts_with([' ', '\t'])).then_some((hashes, rest))
}

#[cfg(test)]
mod tests;
