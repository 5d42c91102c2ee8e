//! Task lists as GitHub writes them: what is open, what is ticked, and whether a document is one.
//!
//! A line reader that leaves fenced code and HTML comments alone. Total: any text is read.

use super::fences::Fences;
use super::{CHECKLIST_ITEM_BYTES_MAX as ITEM_BYTES_MAX, CHECKLIST_ITEMS_MAX as ITEMS_MAX};

/// Bytes of an item that are told in front of those that are nested in it.
const LEAD_BYTES_MAX: usize = 120;
/// How many items one can be nested in; deeper ones are taken as nested in the last of these.
const DEPTH_MAX: usize = 16;
/// Digits of a list's number, as in Markdown.
const DIGITS_MAX: usize = 9;
const TAB_COLUMNS: usize = 4;

/// What a document's task lists say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TaskLists {
    /// What is to be done, each with what it is nested in: the first of them, within the limit.
    pub(super) open: Vec<String>,
    /// How many are to be done.
    pub(super) open_count: usize,
    /// How many are ticked.
    pub(super) done: usize,
    /// Lines that are neither an item with a box, nor a part of one, nor a heading, nor blank.
    others: usize,
}

impl TaskLists {
    /// True where the document is a checklist: at least half of its lines are items with a box.
    pub(super) fn are_the_document(&self) -> bool {
        let boxes = self.open_count + self.done;
        boxes > 0 && boxes >= self.others
    }
}

/// Reads the task lists of a Markdown text.
pub(super) fn read(text: &str) -> TaskLists {
    let mut reader = Reader::default();
    let mut fences = Fences::default();
    for line in text.lines() {
        if fences.covers(line) {
            reader.code();
        } else {
            reader.line(line);
        }
    }
    reader.close();
    reader.found
}

/// Keeps a checklist within its limits. `what` names the items where the rest is counted.
///
/// `all` is how many there are, where `items` may be only the first of them.
pub(super) fn bounded(mut items: Vec<String>, all: usize, what: &str) -> Vec<String> {
    if all > ITEMS_MAX {
        items.truncate(ITEMS_MAX - 1);
        items.push(format!("and {} more {what} of the document", all - items.len()));
    }
    items.into_iter().map(|item| cut(item, ITEM_BYTES_MAX)).collect()
}

/// Cuts a text to at most `bytes_max` bytes, at a character, with a sign that it was longer.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    const SIGN: &str = "…";
    if text.len() > bytes_max {
        let end = text.floor_char_boundary(bytes_max.saturating_sub(SIGN.len()));
        text.truncate(end);
        text.truncate(text.trim_end().len());
        text.push_str(SIGN);
    }
    text
}

/// One item of a list.
#[derive(Debug)]
struct Item {
    indent: usize,
    /// Whether it is ticked; `None` where it has no box.
    ticked: Option<bool>,
    text: String,
}

#[derive(Debug, Default)]
struct Reader {
    found: TaskLists,
    /// The items around the line, outermost first; the last is still being read.
    around: Vec<Item>,
    /// The last item goes on in the next line.
    goes_on: bool,
    in_comment: bool,
}

impl Reader {
    fn line(&mut self, raw: &str) {
        let line = raw.trim_start_matches([' ', '\t']).trim_start_matches('>').trim();
        if self.in_comment || line.starts_with("<!--") {
            self.in_comment = !line.contains("-->");
            return;
        }
        if line.is_empty() {
            self.close();
        } else if let Some(item) = item(raw) {
            self.open(item);
        } else if is_heading(line) {
            self.leave();
        } else {
            self.text(raw, line);
        }
    }

    fn code(&mut self) {
        self.close();
        self.found.others += 1;
    }

    fn open(&mut self, item: Item) {
        self.close();
        while self.around.last().is_some_and(|last| last.indent >= item.indent) {
            self.around.pop();
        }
        self.around.truncate(DEPTH_MAX);
        self.around.push(item);
        self.goes_on = true;
    }

    /// A line that is no item: the next line of one, or something else.
    fn text(&mut self, raw: &str, line: &str) {
        let indent = columns(raw);
        if self.goes_on
            && let Some(last) = self.around.last_mut()
            && indent > last.indent
        {
            if last.text.len() < ITEM_BYTES_MAX {
                last.text.push(' ');
                last.text.push_str(line);
            }
            return;
        }
        if indent == 0 {
            self.leave();
        }
        self.close();
        self.found.others += 1;
    }

    /// Ends the item that is being read, once.
    fn close(&mut self) {
        if !std::mem::take(&mut self.goes_on) {
            return;
        }
        let Some((last, outer)) = self.around.split_last() else { return };
        match last.ticked {
            Some(true) => self.found.done += 1,
            Some(false) if last.text.is_empty() => {}
            Some(false) => {
                self.found.open_count += 1;
                if self.found.open.len() < ITEMS_MAX {
                    self.found.open.push(cut(format!("{}{}", lead(outer), last.text), ITEM_BYTES_MAX));
                }
            }
            None => self.found.others += 1,
        }
    }

    /// Ends the list.
    fn leave(&mut self) {
        self.close();
        self.around.clear();
    }
}

/// What an item is nested in, to stand in front of it.
fn lead(outer: &[Item]) -> String {
    match outer.last().map(|item| item.text.trim_end_matches([':', '.'])) {
        Some(text) if !text.is_empty() => format!("{}: ", cut(text.to_owned(), LEAD_BYTES_MAX)),
        Some(_) | None => String::new(),
    }
}

/// An item of a list, with or without a box.
fn item(raw: &str) -> Option<Item> {
    let indent = columns(raw);
    let line = raw.trim_start_matches([' ', '\t', '>']).trim_end();
    let rest = match line.chars().next()? {
        '-' | '*' | '+' => &line[1..],
        '0'..='9' => {
            let digits = line.bytes().take_while(u8::is_ascii_digit).count();
            let rest = line[digits..].strip_prefix(['.', ')']);
            rest.filter(|_| digits <= DIGITS_MAX)?
        }
        _ => return None,
    };
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (ticked, text) = match ["[ ]", "[x]", "[X]"].iter().position(|mark| rest.starts_with(mark)) {
        Some(mark) if rest[3..].is_empty() || rest[3..].starts_with([' ', '\t']) => {
            (Some(mark > 0), &rest[3..])
        }
        _ => (None, rest),
    };
    Some(Item { indent, ticked, text: printable(text.trim()) })
}

fn is_heading(line: &str) -> bool {
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    (1..=6).contains(&hashes) && line[hashes..].starts_with([' ', '\t'])
}

/// How far a line is indented, quotation marks included.
fn columns(raw: &str) -> usize {
    let before = raw.chars().take_while(|c| matches!(c, ' ' | '\t' | '>'));
    before.map(|c| if c == '\t' { TAB_COLUMNS } else { 1 }).sum()
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !super::tidy::is_hidden(*c)).collect()
}

#[cfg(test)]
mod tests;
