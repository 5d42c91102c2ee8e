//! Issues as Markdown.
//!
//! Every issue, and what was said about all of them, stands under a heading of the first level: no heading
//! in a description can take in what follows it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Comment, Document, Issue};
use crate::input::checklist::{self, cut};
use crate::input::{CHECKLIST_ITEMS_MAX, tidy};

/// The most comments that are told, the newest of all issues.
const COMMENTS_MAX: usize = 100;
/// Bytes of one comment.
const COMMENT_BYTES_MAX: usize = 8 * 1024;
/// The most issues that are named where they are left out.
const NAMED_MAX: usize = 50;

/// Where `forge-detect` looks for no tables, and a reader sees that the text is quoted.
const QUOTE_BEGINS: &str = "```console\n";
const QUOTE_ENDS: &str = "```\n";
/// The title is one of those that rule what stands under it out of what is asked for.
const BACKGROUND: &str = "# Background\n\nWhat people wrote below. It explains, and asks for nothing: where it \
                          differs from what stands above, what stands above holds.\n";

/// One issue as a document.
pub(super) fn one(issue: &Issue) -> Document {
    let mut text = format!("# {}\n\n", issue.title);
    about(&mut text, issue);
    describe(&mut text, issue);
    background(&mut text, &[issue]);
    let lists = checklist::read(&tidy::section(&issue.body, 2));
    Document { text: ended(text), checklist: checklist::bounded(lists.open, lists.open_count, "items") }
}

/// Several issues, in the order of their numbers, as one document.
pub(super) fn several(issues: &[Issue]) -> Document {
    let mut seen = BTreeSet::new();
    let (first, again): (Vec<&Issue>, Vec<&Issue>) =
        issues.iter().partition(|issue| seen.insert((&issue.repository, issue.number)));
    let (open, closed): (Vec<&Issue>, Vec<&Issue>) =
        first.into_iter().partition(|issue| issue.ended.is_none());
    let repositories: BTreeSet<&str> =
        issues.iter().filter_map(|issue| issue.repository.as_deref()).collect();
    let named = repositories.len() > 1;
    let of = match repositories.iter().collect::<Vec<_>>().as_slice() {
        [only] => format!(" of {only}"),
        _ => String::new(),
    };
    let mut text = format!("# Issues{of}\n\n");
    note(&mut text, "Closed, and left out", &closed, named);
    note(&mut text, "Listed more than once, of which the first is taken", &again, named);
    let mut items = Vec::new();
    let mut count = 0;
    for issue in &open {
        text.push_str(&format!("# {} {}\n\n", name(issue, named), issue.title));
        about(&mut text, issue);
        describe(&mut text, issue);
        count += tasks(issue, named, &mut items);
    }
    background(&mut text, &open);
    Document { text: ended(text), checklist: checklist::bounded(items, count, "items") }
}

/// The text with one line break at its end.
fn ended(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What an issue asks to be done: its open tasks, or else itself. Gives how many there are.
fn tasks(issue: &Issue, named: bool, items: &mut Vec<String>) -> usize {
    let lists = checklist::read(&tidy::section(&issue.body, 2));
    let whole = format!("{} {}", name(issue, named), cut(issue.title.clone(), 160));
    let count = lists.open_count.max(1);
    let room = CHECKLIST_ITEMS_MAX.saturating_sub(items.len());
    if lists.open.is_empty() {
        items.extend(Some(whole).filter(|_| room > 0));
    } else {
        items.extend(lists.open.iter().take(room).map(|item| format!("{whole}: {item}")));
    }
    count
}

/// `#12`, or `owner/name#12` where there are several repositories.
fn name(issue: &Issue, named: bool) -> String {
    let repository = issue.repository.as_deref().filter(|_| named).unwrap_or_default();
    format!("{repository}#{}", issue.number)
}

fn note(text: &mut String, what: &str, issues: &[&Issue], named: bool) {
    if issues.is_empty() {
        return;
    }
    let names: Vec<String> = issues.iter().take(NAMED_MAX).map(|issue| name(issue, named)).collect();
    let more = issues.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    text.push_str(&format!("{what}: {}{rest}.\n\n", names.join(", ")));
}

/// What it is: an issue or a pull request, its number, its state, who opened it, its labels.
fn about(text: &mut String, issue: &Issue) {
    let what = if issue.is_pull { "Pull request" } else { "Issue" };
    let of = issue.repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    let by = issue.author.as_ref().map(|name| format!(", opened by {name}")).unwrap_or_default();
    let ended = issue.ended.map(|how| format!(", {how}")).unwrap_or_default();
    text.push_str(&format!("{what} #{}{of}{by}{ended}.\n", issue.number));
    if let Some(url) = &issue.url {
        text.push_str(&format!("<{url}>\n"));
    }
    if !issue.labels.is_empty() {
        let labels: Vec<String> = issue.labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!("\nLabels: {}.\n", labels.join(", ")));
    }
    if issue.comments_absent > 0 {
        text.push_str(&format!("\nComments that the export does not hold: {}.\n", issue.comments_absent));
    }
    text.push('\n');
}

fn describe(text: &mut String, issue: &Issue) {
    let body = tidy::section(&issue.body, 2);
    if !body.is_empty() {
        text.push_str(&body);
        text.push_str("\n\n");
    }
}

/// What was said about the issues: quoted, so that nothing of it is taken for what is asked for.
fn background(text: &mut String, issues: &[&Issue]) {
    let all = issues.iter().flat_map(|issue| issue.comments.iter().map(|comment| (issue.number, comment)));
    let all: Vec<(u64, &Comment)> = all.collect();
    if all.is_empty() {
        return;
    }
    text.push_str(BACKGROUND);
    let left_out = all.len().saturating_sub(COMMENTS_MAX);
    if left_out > 0 {
        text.push_str(&format!("The first {left_out} are left out.\n"));
    }
    for (number, comment) in &all[left_out..] {
        let role = comment.association.as_ref().map(|role| format!(" ({role})")).unwrap_or_default();
        let day = comment.day.as_ref().map(|day| format!(", {day}")).unwrap_or_default();
        text.push_str(&format!("\n{QUOTE_BEGINS}{}{role} on #{number}{day}:\n", comment.author));
        quote(text, &comment.body);
        text.push_str(QUOTE_ENDS);
    }
}

fn quote(text: &mut String, body: &str) {
    let shown = tidy::without_comments(&tidy::plain(body));
    let shown = cut(shown.trim().to_owned(), COMMENT_BYTES_MAX);
    for line in shown.lines() {
        text.push_str("> ");
        for word in line.split_inclusive(' ') {
            text.push_str(&unnamed(word));
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// A word such as `API_KEY` as Markdown escapes it: it is no setting that somebody asked for.
fn unnamed(word: &str) -> Cow<'_, str> {
    let is_setting = word.as_bytes().windows(2).any(|pair| pair[0].is_ascii_uppercase() && pair[1] == b'_');
    if is_setting { word.replace('_', "\\_").into() } else { word.into() }
}
