//! Names for functions, schedules and channels, out of the words that ask for them.

use crate::document::Kind;
use crate::lexicon::Tag;
use crate::names;
use crate::scope::{Scoped, Sentence};

/// Words of a label at most; longer text is a sentence.
const LABEL_WORDS_MAX: usize = 4;

/// The label a block opens with: "Daily digest. Every day ...", "`request-decided`: sends ...".
pub(super) fn label(scoped: &Scoped<'_>, sentence: &Sentence) -> Option<String> {
    let block = scoped.document.blocks.get(sentence.block)?;
    if matches!(block.kind, Kind::Heading | Kind::Row) {
        return None;
    }
    // The label is for what follows at once, not for the rest of a long paragraph.
    const SENTENCES_LABELLED: usize = 3;
    let labelled = scoped.sentences_of(sentence.block).iter().take(SENTENCES_LABELLED);
    if !labelled.clone().any(|s| std::ptr::eq(s, sentence)) {
        return None;
    }
    let end = block.text.char_indices().take(60).find(|(at, c)| {
        matches!(c, ':' | '\u{ff1a}' | '\u{2014}' | '\u{2013}')
            || *c == '.' && block.text[at + 1..].starts_with(' ')
    })?;
    let label = block.text[..end.0].trim();
    let words = label.split_whitespace().count();
    let rest = block.text[end.0..].trim_start_matches([':', '.', '\u{ff1a}', '\u{2014}', '\u{2013}']).trim();
    // A label says what; a clock time before a colon does not.
    let is_label = words <= LABEL_WORDS_MAX
        && !rest.is_empty()
        && !label.chars().any(|c| c.is_ascii_digit())
        && !is_generic(&label.to_lowercase());
    let name = names::kebab(label);
    (is_label && name.len() > 2).then_some(name)
}

/// Words that label a kind of thing, not a thing.
fn is_generic(label: &str) -> bool {
    const GENERIC: &[&str] = &[
        "note",
        "notes",
        "webhook",
        "webhooks",
        "function",
        "functions",
        "schedule",
        "schedules",
        "job",
        "jobs",
        "cron",
        "cron jobs",
        "background",
        "backend",
        "server",
        "realtime",
        "example",
        "storage",
        "features",
        "feature",
        "email",
        "emails",
        "payments",
        "stripe",
        "notifications",
        "tech stack",
        "architecture",
        "description",
        "goal",
        "requirement",
        "as a user",
        "integrations",
        "system",
    ];
    const LEADING: &[&str] = &[
        "on", "in", "at", "for", "when", "if", "after", "before", "every", "each", "from", "to", "as", "by",
    ];
    GENERIC.contains(&label) || label.split(' ').next().is_some_and(|word| LEADING.contains(&word))
}

/// "sends the overdue list to all keepers" -> `send-overdue-list`.
pub(super) fn verb_and_object(sentence: &Sentence) -> Option<String> {
    let hit = sentence
        .hits
        .iter()
        .find(|h| h.tag == Tag::SystemVerb && !h.negated && is_transitive(&sentence.norm[h.start..h.end]))?;
    let object = object_after(&sentence.norm[h_end(&sentence.norm, hit.end)..])?;
    let verb = base_verb(&sentence.norm[hit.start..hit.end]);
    let name = names::kebab(&format!("{verb} {object}"));
    (!name.is_empty()).then_some(name)
}

fn h_end(norm: &str, end: usize) -> usize {
    // A prefix phrase ends within its word.
    norm[end..].find(' ').map_or(norm.len(), |space| end + space)
}

fn is_transitive(verb: &str) -> bool {
    const VERBS: &[&str] = &[
        "send",
        "sends",
        "generate",
        "generates",
        "refresh",
        "refreshes",
        "sync",
        "syncs",
        "fetch",
        "fetches",
        "scrape",
        "scrapes",
        "purge",
        "purges",
        "recalculate",
        "aggregate",
        "deliver",
        "delivers",
        "imports",
        "import",
        "exports",
        "archives",
        "archive",
        "deletes",
        "recomputes",
        "calculates",
        "pulls",
        "rotates",
        "closes",
        "checks",
        "ingests",
        "ingest",
        "charges",
    ];
    VERBS.contains(&verb)
}

fn base_verb(verb: &str) -> String {
    match verb {
        "refreshes" => "refresh".to_owned(),
        "fetches" => "fetch".to_owned(),
        other => other.strip_suffix('s').unwrap_or(other).to_owned(),
    }
}

/// The noun phrase that follows a verb, without its article: up to three words.
pub(super) fn object_after(rest: &str) -> Option<String> {
    const OBJECT_WORDS: usize = 3;
    const SKIPPED: &[&str] =
        &["the", "a", "an", "all", "any", "each", "every", "new", "its", "their", "one", "out", "every"];
    const ENDS: &[&str] = &[
        "to", "for", "of", "from", "in", "on", "at", "with", "that", "which", "who", "whose", "when", "and",
        "or", "by", "as", "after", "before", "via", "over", "older", "if", "once", "is", "are", "it", "them",
        "every", "appear", "appears", "show", "shows", "arrive", "arrives", "daily", "weekly", "monthly",
        "hourly", "nightly", "within", "without", "into", "through",
    ];
    let mut words: Vec<&str> = Vec::new();
    for word in rest.split(' ').filter(|w| !w.is_empty()).take(8) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if words.is_empty() && SKIPPED.contains(&bare) {
            continue;
        }
        if ENDS.contains(&bare) || bare.is_empty() || bare.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        words.push(bare);
        if words.len() == OBJECT_WORDS || word.ends_with(['.', ',', ';', ':', ')']) {
            break;
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// An identifier the sentence names something by: hyphenated words in lower case, as
/// "`stripe-webhook`", next to one of `kinds` ("webhook", "function").
pub(super) fn identifier(text: &str, kinds: &[&str]) -> Option<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
    let kind_at = |at: usize| words.get(at).is_some_and(|w| kinds.contains(&w.to_ascii_lowercase().as_str()));
    let called = |at: usize| words.get(at).is_some_and(|w| matches!(*w, "called" | "named"));
    words.iter().enumerate().find_map(|(at, word)| {
        let plain = !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        let joined = word.contains(['-', '_']);
        let before = at.checked_sub(1);
        let introduced = before.is_some_and(|b| called(b) && b.checked_sub(1).is_some_and(kind_at));
        let beside = joined && (before.is_some_and(kind_at) || kind_at(at + 1));
        (plain && (introduced || beside)).then(|| names::kebab(word)).filter(|n| !n.is_empty())
    })
}
