//! The `secrets` gate: whether a secret got into the project with what was added.
//!
//! A secret is known by its form (a prefix, a checksum, a structure), by the name it is given, or because
//! it is configured. Nothing of a secret leaves this module but its first four characters.

mod forms;
mod known;
mod named;
mod pem;
mod placeholder;
mod structure;
mod urls;

use std::ops::Range;

use loki_engine::tool::Judgement;

use crate::diff::found::{Found, Weight, judgement};
use crate::diff::scope::{Edit, File, is_for_tests};
use forms::Forms;
use known::Known;

/// Bytes of a line that are looked through for secrets that are known by the name they are given.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Findings of one file.
const FOUND_MAX: usize = 50;

/// How sure it is that something is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    /// It may be one.
    Doubtful,
    /// It has the form of one.
    Likely,
    /// It has a checksum or a structure that nothing else has.
    Proven,
}

/// Something in a line that is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hit {
    rule: &'static str,
    /// Where the secret is, in bytes.
    span: Range<usize>,
    certainty: Certainty,
}

/// Looks for secrets.
pub(crate) struct Searcher {
    forms: Forms,
    known: Known,
}

impl Searcher {
    /// One that knows `known`, beside all the forms.
    pub(crate) fn new(known: &[Vec<u8>]) -> Self {
        Self { forms: Forms::new(), known: Known::new(known) }
    }

    /// Judges what was added.
    pub(crate) fn judge(&self, edits: &[Edit]) -> Judgement {
        let gone: Vec<&Edit> = edits.iter().filter(|edit| edit.is_deleted()).collect();
        let found = edits.iter().filter(|edit| !edit.is_deleted()).flat_map(|edit| self.file(edit, &gone));
        judgement("secrets", edits, found.collect())
    }

    /// The path of a file, without the secrets in it.
    pub(crate) fn shown_path(&self, edit: &Edit) -> String {
        self.safe_path(edit)
    }

    /// A text that is about a file, without the secrets in it.
    pub(crate) fn without_secrets(&self, path: &str, text: &str) -> String {
        let text = self.known.without(text);
        // Of a key all lines are left out, not only the one that it is known by.
        let whole = |hit: Hit| {
            let end = text[hit.span.start..].find("-----END").map_or(text.len(), |end| hit.span.start + end);
            hit.span.start..end
        };
        let mut cuts: Vec<Range<usize>> = pem::keys(&text).into_iter().map(|(_, hit)| whole(hit)).collect();
        let mut from = 0;
        for line in text.split_inclusive('\n') {
            cuts.extend(
                self.line(path, line).into_iter().map(|hit| hit.span.start + from..hit.span.end + from),
            );
            from += line.len();
        }
        cuts.sort_by_key(|cut| cut.start);
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        for cut in cuts.into_iter().filter(|cut| cut.start < cut.end) {
            if cut.start >= at {
                shown.push_str(&text[at..cut.start]);
                shown.push_str("[a secret]");
                at = cut.end;
            }
        }
        shown.push_str(&text[at..]);
        shown
    }

    fn file(&self, edit: &Edit, gone: &[&Edit]) -> Vec<Found> {
        let path = self.safe_path(edit);
        let mut found: Vec<Found> = self.name(edit, &path).into_iter().collect();
        if let File::Unread(size) = edit.after
            && size > 0
        {
            let message = format!("{size} bytes that are too many to be searched, or no regular file");
            found.push(unsearched(&path, message));
        }
        if let Some(line) = self.known.added(edit) {
            found.push(configured(&path, line));
        }
        for (line, text) in edit.added_lines() {
            for hit in self.line(&edit.path, text) {
                let value = &text[hit.span.clone()];
                if !was_there(value, edit, gone) {
                    found.extend(leak(&path, Some(line), &hit, value, is_for_tests(&edit.path)));
                }
            }
        }
        for (line, hit) in pem::keys(edit.after.text()) {
            let value = &edit.after.text()[hit.span.clone()];
            if !was_there(value, edit, gone) {
                found.extend(leak(&path, Some(line), &hit, "", is_for_tests(&edit.path)));
            }
        }
        found.truncate(FOUND_MAX);
        found
    }

    /// The secrets in a line of a file, none of them within another.
    fn line(&self, path: &str, line: &str) -> Vec<Hit> {
        let mut hits = self.forms.find(line);
        if line.len() <= LINE_BYTES_MAX {
            hits.extend(urls::find(line));
            hits.extend(named::find(path, line));
        }
        hits.sort_by(|a, b| b.certainty.cmp(&a.certainty).then(a.span.start.cmp(&b.span.start)));
        let mut kept: Vec<Hit> = Vec::new();
        for hit in hits {
            let apart = |other: &Hit| other.span.end <= hit.span.start || hit.span.end <= other.span.start;
            if kept.iter().all(apart) {
                kept.push(hit);
            }
        }
        kept
    }

    /// A new file whose name says that it holds a secret, or is one.
    fn name(&self, edit: &Edit, path: &str) -> Option<Found> {
        if !edit.is_added() {
            return None;
        }
        if path != edit.path {
            let message = "the name of the file holds a secret".to_owned();
            return Some(Found { message, ..configured(path, 0) });
        }
        if !is_key_file(edit.name()) {
            return None;
        }
        let hit = Hit { rule: "key-file", span: 0..0, certainty: Certainty::Likely };
        leak(path, None, &hit, "", is_for_tests(path))
    }

    /// The path, without the secrets in it.
    fn safe_path(&self, edit: &Edit) -> String {
        if !edit.is_added() {
            return edit.path.clone();
        }
        let mut path = self.known.without(&edit.path);
        let mut hits = self.forms.find(&path);
        hits.retain(|hit| hit.certainty > Certainty::Doubtful);
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.span.start));
        for hit in hits {
            let value = path[hit.span.clone()].to_owned();
            path.replace_range(hit.span, &redacted(&value));
        }
        path
    }
}

/// Whether a value was in the file before, or in one that is gone: what moves is no new leak.
fn was_there(value: &str, edit: &Edit, gone: &[&Edit]) -> bool {
    !value.is_empty()
        && (edit.before.text().contains(value)
            || edit.is_added() && gone.iter().any(|gone| gone.before.text().contains(value)))
}

/// What is shown of a secret: four characters at the most, and none of a short one.
fn redacted(value: &str) -> String {
    let count = value.chars().count();
    let head: String = if count >= 16 { value.chars().take(4).collect() } else { String::new() };
    format!("{head}… ({count} characters)")
}

/// The finding that a hit comes to. Where tests live, secrets that are not proven weigh less.
fn leak(path: &str, line: Option<u32>, hit: &Hit, value: &str, for_tests: bool) -> Option<Found> {
    let weight = match (hit.certainty, for_tests) {
        (Certainty::Proven, _) | (Certainty::Likely, false) => Weight::Fails,
        (Certainty::Likely, true) | (Certainty::Doubtful, false) => Weight::Concern,
        (Certainty::Doubtful, true) => return None,
    };
    let looks = if weight == Weight::Fails { "a secret" } else { "what may be a secret" };
    let shown = if value.is_empty() { String::new() } else { format!(", {}", redacted(value)) };
    Some(Found {
        rule: hit.rule,
        weight,
        path: path.to_owned(),
        line,
        subject: String::new(),
        message: format!("{looks}{shown}"),
        fix: "take it out and read it from the environment; if it was ever real, revoke it: it has been written to disk"
            .to_owned(),
    })
}

fn configured(path: &str, line: u32) -> Found {
    Found {
        rule: "configured-secret",
        weight: Weight::Fails,
        path: path.to_owned(),
        line: (line > 0).then_some(line),
        subject: String::new(),
        message: "a secret that is configured on this machine, as it is or encoded".to_owned(),
        fix: "take it out, read it from the environment by its name, and have it revoked".to_owned(),
    }
}

fn unsearched(path: &str, message: String) -> Found {
    Found {
        rule: "not-searched",
        weight: Weight::Concern,
        path: path.to_owned(),
        line: None,
        subject: String::new(),
        message,
        fix: "look at it yourself, or keep it out of the project".to_owned(),
    }
}

/// Whether a file of this name holds a key, whatever is in it.
fn is_key_file(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".pgpass", ".netrc", ".git-credentials", ".htpasswd"];
    const ENDS: [&str; 6] = [".p12", ".pfx", ".kdbx", ".ppk", ".jks", ".keystore"];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || ENDS.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

#[cfg(test)]
mod tests;
