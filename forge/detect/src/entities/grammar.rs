//! Just enough English grammar to tell what a sentence does to which noun.

use crate::names;

use super::records;

/// What a sentence does to a noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Create,
    Change,
    Delete,
    Manage,
    Read,
    Own,
    Listed,
    /// Bought, downloaded, joined: something kept that people use.
    Use,
    /// Said to have properties, or to be a table, or a part of another record.
    Described,
}

const CREATE: &[&str] = &[
    "create", "add", "submit", "post", "publish", "write", "define", "book", "reserve", "record", "log",
    "save", "store", "place", "register", "send", "leave", "import", "upload", "track", "schedule", "make",
    "bookmark", "collect", "persist", "insert", "compose", "issue", "rate", "generate", "draft", "propose",
    "exchange",
];

const CHANGE: &[&str] = &[
    "edit", "update", "modify", "change", "rename", "archive", "complete", "assign", "approve", "mark",
    "adjust",
];

const USE: &[&str] = &[
    "purchase",
    "buy",
    "sell",
    "download",
    "join",
    "confirm",
    "initiate",
    "rent",
    "order",
    "subscribe",
    "apply",
    "rsvp",
    "enroll",
    "enrol",
    "invite",
];

const DELETE: &[&str] = &["delete", "remove", "cancel", "destroy"];

const MANAGE: &[&str] = &["manage", "maintain", "administer", "organize", "moderate", "crud"];

const READ: &[&str] = &[
    "view", "list", "browse", "search", "filter", "read", "see", "show", "display", "retrieve", "get",
    "find", "sort", "fetch", "query",
];

pub(super) const SKIP: &[&str] = &[
    "a",
    "an",
    "the",
    "their",
    "own",
    "new",
    "existing",
    "multiple",
    "custom",
    "all",
    "any",
    "other",
    "others",
    "others'",
    "my",
    "your",
    "his",
    "her",
    "its",
    "some",
    "more",
    "different",
    "specific",
    "personal",
    "past",
    "previous",
    "each",
    "every",
    "one",
    "several",
    "unlimited",
    "various",
    "individual",
    "simple",
    "detailed",
    "full",
    "up",
    "to",
    "existing",
    "upcoming",
    "available",
    "current",
    "these",
    "those",
    "selected",
    "single",
    "recent",
    "latest",
    "active",
    "public",
    "private",
    "daily",
    "weekly",
    "monthly",
    "good",
];

const STOP: &[&str] = &[
    "with",
    "for",
    "from",
    "in",
    "on",
    "at",
    "by",
    "of",
    "that",
    "which",
    "who",
    "when",
    "where",
    "while",
    "using",
    "via",
    "into",
    "to",
    "as",
    "if",
    "is",
    "are",
    "be",
    "can",
    "should",
    "will",
    "must",
    "between",
    "through",
    "after",
    "before",
    "so",
    "within",
    "without",
    "including",
    "such",
    "based",
    "under",
    "over",
    "per",
    "during",
    "across",
    "about",
    "because",
    "it",
    "them",
    "has",
    "have",
    "was",
    "were",
    "not",
    "then",
    "but",
    "only",
    "also",
    "up",
    "out",
    "like",
    "related",
    "associated",
    "containing",
];

/// Heads whose "of" names the real thing: "a set of expenses".
const MEASURES: &[&str] = &[
    "set",
    "list",
    "collection",
    "number",
    "history",
    "kind",
    "type",
    "variety",
    "catalog",
    "database",
    "library",
];

/// Heads that only make sense with the word before them.
const COMPOUND_HEADS: &[&str] = &[
    "item", "record", "log", "history", "code", "entry", "plan", "category", "request", "card", "variant",
    "option", "slot", "member", "image", "photo", "rule", "template", "type", "role",
];

pub(super) fn act(word: &str) -> Option<Act> {
    let in_list = |list: &[&str]| {
        list.iter().any(|verb| {
            word.strip_prefix(verb).is_some_and(|rest| matches!(rest, "" | "s" | "es" | "ing" | "ed"))
                || verb.strip_suffix('e').is_some_and(|stem| {
                    word.strip_prefix(stem).is_some_and(|rest| matches!(rest, "ing" | "ed"))
                })
                || verb.ends_with(['t', 'g']) && word == format!("{verb}{}ing", &verb[verb.len() - 1..])
        })
    };
    [
        (CREATE, Act::Create),
        (CHANGE, Act::Change),
        (DELETE, Act::Delete),
        (MANAGE, Act::Manage),
        (READ, Act::Read),
        (USE, Act::Use),
    ]
    .into_iter()
    .find(|(list, _)| in_list(list))
    .map(|(_, act)| act)
}

/// The nouns of a list of objects, and where it ends.
pub(super) fn objects(words: &[&str], from: usize) -> (Vec<String>, usize) {
    const OBJECTS_MAX: usize = 8;
    const SKIP_MAX: usize = 8;
    let mut found = Vec::new();
    let mut at = from;
    while found.len() < OBJECTS_MAX {
        let start = at;
        let mut own = 0;
        while own < SKIP_MAX && words.get(at).is_some_and(|w| SKIP.contains(w) || w.parse::<u32>().is_ok()) {
            own += 1;
            at += 1;
        }
        let noun_start = at;
        while at - noun_start < 4 && words.get(at).is_some_and(|w| is_noun_word(w)) {
            at += 1;
        }
        if at == noun_start {
            return (found, if own > 0 { at } else { start });
        }
        let phrase = &words[noun_start..at];
        if phrase.last().is_some_and(|w| MEASURES.contains(&names::singular(w).as_str()))
            && words.get(at) == Some(&"of")
        {
            at += 1;
            continue;
        }
        found.extend(noun_phrase(phrase));
        match words.get(at) {
            Some(&"," | &"and" | &"or") => {
                at += 1;
                if matches!(words.get(at), Some(&"and" | &"or")) {
                    at += 1;
                }
                let participle = |w: &&str| w.ends_with("ing") && !records::is_record(w);
                if words.get(at).is_none_or(|w| act(w).is_some() || STOP.contains(w) || participle(w)) {
                    return (found, at);
                }
            }
            _ => return (found, at),
        }
    }
    (found, at)
}

/// The record a noun phrase is about.
pub(super) fn noun_phrase(words: &[&str]) -> Option<String> {
    const ASPECTS: &[&str] = &[
        "detail",
        "information",
        "info",
        "list",
        "data",
        "status",
        "history",
        "record",
        "page",
        "profile",
        "feed",
        "content",
        "entry",
        "statistic",
        "result",
        "catalog",
        "inventory",
        "management",
        "tracking",
        "collection",
    ];
    let mut words: Vec<&str> =
        words.iter().copied().filter(|w| is_noun_word(w) && !SKIP.contains(w)).collect();
    while words.len() > 1 && words.last().is_some_and(|w| ASPECTS.contains(&names::singular(w).as_str())) {
        let whole = names::singular(&words.join("_"));
        if records::is_record(&whole) {
            return Some(whole);
        }
        words.pop();
    }
    let head = names::singular(words.last()?.trim_end_matches("'s").trim_end_matches('\''));
    if words.len() > 1 {
        let pair = format!("{}_{head}", names::singular(words[words.len() - 2].trim_end_matches("'s")));
        let adjective = ["ed", "ing", "al", "ive", "ous", "able", "ful", "ic"]
            .iter()
            .any(|end| words[words.len() - 2].ends_with(end));
        if records::is_record(&pair) || COMPOUND_HEADS.contains(&head.as_str()) && !adjective {
            return Some(pair);
        }
    }
    (head.len() > 2).then_some(head)
}

fn is_noun_word(word: &str) -> bool {
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'\'');
    let adverb = word.ends_with("ly") && !matches!(word, "reply" | "family" | "assembly");
    letters && word.len() > 1 && !STOP.contains(&word) && !matches!(word, "and" | "or") && !adverb
}

/// "own" after a possessive; "has" after "each user".
pub(super) fn owns(words: &[&str], at: usize) -> bool {
    if words[at] == "own" {
        return at > 0 && matches!(words[at - 1], "their" | "his" | "her" | "user's" | "my");
    }
    let before = &words[at.saturating_sub(4)..at];
    before.iter().any(|w| matches!(*w, "each" | "every"))
        && before.iter().any(|w| matches!(*w, "user" | "customer" | "member" | "account"))
}

pub(super) fn negated_before(words: &[&str], at: usize) -> bool {
    words[at.saturating_sub(3)..at]
        .iter()
        .any(|w| matches!(*w, "not" | "cannot" | "can't" | "don't" | "no" | "never" | "without" | "doesn't"))
}

/// "post", "log", "record", "list" are nouns after an article or before the end of the sentence.
pub(super) fn is_noun_here(words: &[&str], at: usize) -> bool {
    let after_article = at > 0
        && matches!(
            words[at - 1],
            "a" | "an"
                | "the"
                | "their"
                | "each"
                | "every"
                | "of"
                | "this"
                | "per"
                | "new"
                | "own"
                | "for"
                | "with"
                | "from"
                | "in"
                | "on"
        );
    let plural_noun = matches!(
        words[at],
        "posts"
            | "logs"
            | "records"
            | "lists"
            | "books"
            | "issues"
            | "rates"
            | "places"
            | "marks"
            | "saved"
            | "posted"
            | "stores"
            | "tracks"
            | "searches"
    );
    let end = words.get(at + 1).is_none_or(|w| matches!(*w, "," | "." | ")" | ":"));
    let verb_list =
        words.get(at + 1) == Some(&",") && words.get(at + 2).is_some_and(|w| act(w).is_some() || *w == "and");
    after_article && !words[at].ends_with("ing") || plural_noun || end && !verb_list
}

/// Words and punctuation of a normalised sentence.
pub(super) fn tokens(norm: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in norm.split(' ') {
        let mut current = String::new();
        for letter in word.chars() {
            if letter.is_alphanumeric() || letter == '\'' || letter == '_' {
                current.push(letter);
            } else {
                if !current.is_empty() {
                    out.push(std::mem::take(&mut current));
                }
                out.push(letter.to_string());
            }
        }
        if !current.is_empty() {
            out.push(current);
        }
    }
    out
}
