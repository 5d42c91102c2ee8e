//! What English sentences say about nouns: acts on them, lists of them, names of them.

use std::collections::BTreeMap;

use crate::document::Kind;
use crate::lexicon::{Tag, nouns};
use crate::names;
use crate::scope::Sentence;

use super::grammar::{Act, SKIP, act, is_noun_here, negated_before, noun_phrase, objects, owns, tokens};
use super::prose::{Evidence, note};
use super::{phrases, records};

/// Words after a noun that say its records are kept: "order management", "booking history".
const KEPT: &[&str] = &[
    "management",
    "crud",
    "catalog",
    "catalogue",
    "tracking",
    "listings",
    "listing",
    "handling",
    "confirmation",
    "creation",
    "history",
    "submission",
    "moderation",
    "scheduling",
];
/// Heads of an item's label that are records even where their first word is not known.
const LABEL_HEADS: &[&str] = &["rule", "code", "request", "plan", "template", "record"];

/// Notes everything an English sentence says about nouns.
pub(super) fn english(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let words = tokens(&sentence.norm);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let denied = sentence.hits.first().is_some_and(|h| h.tag == Tag::Negation && h.start == 0);
    if denied {
        return;
    }
    let mut at = 0;
    while at < words.len() {
        let verb = act(words[at]).is_some() && !is_noun_here(&words, at) && !negated_before(&words, at);
        at = if verb { verbs_and_objects(&words, at, sentence.line, nouns) } else { at + 1 };
    }
    for at in 0..words.len() {
        kept(&words, at, sentence.line, nouns);
        attached(&words, at, sentence.line, nouns);
    }
    for at in 0..words.len() {
        system_keeps(&words, at, sentence.line, nouns);
    }
    if sentence.kind == Kind::Heading {
        headed(&words, sentence.line, nouns);
    }
    if matches!(sentence.kind, Kind::Item { .. }) && !says_none(&sentence.norm) {
        listed(&words, sentence.line, nouns);
        label(sentence, nouns);
    }
}

/// "Payments: none".
fn says_none(norm: &str) -> bool {
    norm.split_once(':').is_some_and(|(_, rest)| {
        matches!(rest.trim().trim_end_matches('.'), "none" | "no" | "n a" | "not needed" | "not required")
    })
}

/// "The system shall store medical records", "submissions are saved in the database".
fn system_keeps(words: &[&str], at: usize, line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    const SYSTEMS: &[&str] =
        &["system", "application", "platform", "backend", "server", "database", "service"];
    const STORES: &[&str] =
        &["store", "stores", "keep", "keeps", "maintain", "maintains", "persist", "persists"];
    if STORES.contains(&words[at]) && !negated_before(words, at) {
        let before = &words[at.saturating_sub(3)..at];
        let by_system = before.iter().rposition(|w| SYSTEMS.contains(w));
        let modal = |w: &&str| matches!(*w, "shall" | "must" | "should" | "will" | "also" | "can");
        // "Stores the title and author of each book" lists properties.
        let properties = words[at..].contains(&"of");
        if !properties && by_system.is_some_and(|system| before[system + 1..].iter().all(modal)) {
            for noun in objects(words, at + 1).0.into_iter().filter(|noun| records::is_record(noun)) {
                note(nouns, noun.clone(), Act::Manage, line);
                note(nouns, noun, Act::Create, line);
            }
        }
    }
    if let Some(noun) = stored(words, at).filter(|noun| records::is_record(noun)) {
        note(nouns, noun.clone(), Act::Manage, line);
        note(nouns, noun, Act::Create, line);
    }
}

/// What is "stored in the database" when the participle stands at `at`.
fn stored(words: &[&str], at: usize) -> Option<String> {
    const STORED: &[&str] = &["stored", "saved", "persisted", "recorded", "kept"];
    const PLACES: &[&str] = &["database", "server", "postgres", "postgresql", "mysql", "mongodb", "db"];
    if at < 2 || !STORED.contains(&words[at]) || !matches!(words[at - 1], "are" | "is" | "be") {
        return None;
    }
    let after = words.get(at + 1..)?;
    if !matches!(after.first(), Some(&"in" | &"on")) || !after.iter().take(4).any(|w| PLACES.contains(w)) {
        return None;
    }
    let modal = |w: &&str| matches!(*w, "must" | "should" | "shall" | "will" | "all");
    let last = words[..at - 1].iter().rposition(|w| !modal(w))?;
    noun_phrase(&words[last.saturating_sub(1)..=last])
}

/// "FR-3 Reviews": a heading that is a plural record says that there are such records.
fn headed(words: &[&str], line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    const WORDS_MAX: usize = 3;
    let label = words.iter().rposition(|w| !w.chars().all(char::is_alphabetic)).map_or(0, |at| at + 1);
    let title = &words[label..];
    let Some(last) = title.last().filter(|_| title.len() <= WORDS_MAX) else {
        return;
    };
    let gerund = *last == "messaging";
    let noun = if gerund { Some("message".to_owned()) } else { noun_phrase(title) };
    let plural = gerund || names::is_plural(last);
    let clear = |noun: &String| records::is_record(noun) && !nouns::NOT_RECORDS.contains(&noun.as_str());
    if let Some(noun) = noun.filter(|noun| plural && clear(noun)) {
        note(nouns, noun, Act::Read, line);
    }
}

/// "their own notes", "each user has a wallet", "order management", "CRUD for posts".
fn kept(words: &[&str], at: usize, line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    if matches!(words[at], "own" | "has" | "have") && owns(words, at) {
        for noun in objects(words, at + 1).0 {
            note(nouns, noun, Act::Own, line).owned = true;
        }
    }
    if words[at] == "activity"
        && matches!(
            words.get(at + 1),
            Some(&"log" | &"logs" | &"timeline" | &"feed" | &"history" | &"stream")
        )
    {
        note(nouns, "activity_log".to_owned(), Act::Described, line);
    }
    if at > 0 && matches!(words[at], "records" | "history") {
        let before = words[at - 1];
        let alone =
            before == "chat" || words[at] == "records" && records::is_record(&format!("{before}_record"));
        if alone {
            note(nouns, format!("{before}_{}", names::singular(words[at])), Act::Manage, line);
            return;
        }
    }
    if !KEPT.contains(&words[at]) || at == 0 || negated_before(words, at) {
        return;
    }
    if let Some(noun) = noun_phrase(&words[at.saturating_sub(2)..at]) {
        note(nouns, noun, Act::Manage, line);
    }
    if matches!(words.get(at + 1), Some(&"for" | &"of")) || words[at] == "crud" {
        let skip = if words.get(at + 1) == Some(&"operations") { 3 } else { 2 };
        for noun in objects(words, at + skip).0 {
            note(nouns, noun, Act::Manage, line);
        }
    }
}

/// "Auto-reply rules: ...": an item whose label is a plural record.
fn label(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let Some((label, _)) = sentence.norm.split_once(':') else {
        return;
    };
    let words: Vec<&str> = label.split(' ').collect();
    let Some(last) = words.last().filter(|w| words.len() <= 3 && names::is_plural(w)) else {
        return;
    };
    let head = names::singular(last);
    let whole = names::singular(&words.join("_"));
    if LABEL_HEADS.contains(&head.as_str()) && words.len() > 1 {
        note(nouns, whole.clone(), Act::Described, sentence.line);
        note(nouns, whole, Act::Manage, sentence.line);
    } else if records::is_record(&head) && words.len() == 1 {
        note(nouns, head.clone(), Act::Listed, sentence.line);
        note(nouns, head, Act::Create, sentence.line);
    }
}

/// Records the sentence describes or names as tables, and acts whose record is the verb itself.
pub(super) fn named(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let table_names = phrases::tables(&sentence.text)
        .into_iter()
        .chain(phrases::described(&sentence.text))
        .chain(phrases::belonging(&sentence.norm));
    for name in table_names {
        note(nouns, names::key(&name), Act::Described, sentence.line);
    }
    const VERBS: &[(&str, &str)] = &[
        ("follow", "follow"),
        ("like", "like"),
        ("favorite", "favorite"),
        ("favourite", "favorite"),
        ("bookmark", "bookmark"),
        ("comment on", "comment"),
        ("reply to", "reply"),
        ("replying", "reply"),
        ("upvote", "vote"),
        ("vote on", "vote"),
        ("leave reviews", "review"),
    ];
    const OBJECTS: &[&str] = &[
        "user", "post", "article", "photo", "video", "comment", "product", "recipe", "people", "tweet",
        "book", "listing", "song", "movie", "story", "question", "answer",
    ];
    if !sentence.has(Tag::Account) {
        return;
    }
    for (verb, record) in VERBS {
        for (at, _) in sentence.norm.match_indices(verb) {
            let free = sentence.norm[..at].chars().next_back().is_none_or(|c| c == ' ');
            let mut rest = sentence.norm[at + verb.len()..]
                .split_whitespace()
                .map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()));
            let object = rest.by_ref().take(8).find(|w| {
                !SKIP.contains(w)
                    && !matches!(*w, "each" | "unfollow" | "unlike" | "and" | "or" | "comment" | "on")
            });
            let follows = sentence.norm[at + verb.len()..].starts_with([' ', ',']);
            if free && follows && object.is_some_and(|w| OBJECTS.contains(&names::singular(w).as_str())) {
                note(nouns, (*record).to_owned(), Act::Listed, sentence.line);
                note(nouns, (*record).to_owned(), Act::Create, sentence.line);
            }
        }
    }
}

/// "with notes, tasks and reminders", "add songs to a playlist", "browse by category".
fn attached(words: &[&str], at: usize, line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    match words[at] {
        "with" | "including" | "containing" => {
            let part_of = at > 0 && records::is_record(&names::singular(words[at - 1]));
            for noun in objects(words, at + 1).0 {
                let plural = words[at..].iter().take(24).any(|w| {
                    names::is_plural(w) && names::singular(w) == noun.rsplit('_').next().unwrap_or_default()
                });
                let file = matches!(noun.as_str(), "attachment" | "photo" | "video" | "image" | "file");
                if plural && !file && records::is_record(&noun) {
                    note(nouns, noun.clone(), Act::Listed, line);
                    if part_of || words[at] == "containing" {
                        note(nouns, noun, Act::Described, line);
                    }
                }
            }
        }
        "to" | "into" if matches!(words.get(at + 1), Some(&"the" | &"their" | &"a" | &"my" | &"your")) => {
            const HOLDERS: &[&str] = &[
                "collection",
                "cart",
                "wishlist",
                "playlist",
                "favorite",
                "bookmark",
                "watchlist",
                "album",
                "board",
            ];
            let before = &words[at.saturating_sub(5)..at];
            let holder = words[at + 2..]
                .iter()
                .take(2)
                .map(|w| names::singular(w))
                .find(|w| HOLDERS.contains(&w.as_str()));
            if let Some(noun) = holder
                .filter(|_| before.iter().any(|w| matches!(*w, "add" | "save" | "adding" | "saved" | "move")))
            {
                note(nouns, noun.clone(), Act::Create, line);
                note(nouns, noun, Act::Own, line);
            }
        }
        "by" if by_category(words, at) => {
            note(nouns, "category".to_owned(), Act::Manage, line);
        }
        _ => {}
    }
}

fn by_category(words: &[&str], at: usize) -> bool {
    let before = &words[at.saturating_sub(4)..at];
    words.get(at + 1).is_some_and(|w| matches!(*w, "category" | "categories"))
        && before.iter().any(|w| matches!(*w, "browse" | "browsing" | "organize" | "organized"))
}

/// "Contacts with search", "Companies and linked contacts": an item that opens with a plural record.
fn listed(words: &[&str], line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    let Some(first) = words.first() else {
        return;
    };
    let key = names::singular(first);
    let plural = key != *first;
    let clear = records::is_record(&key) && !nouns::NOT_RECORDS.contains(&key.as_str())
        || matches!(key.as_str(), "contact" | "message" | "customer");
    let alone = words.len() == 1
        || matches!(
            words.get(1),
            Some(&"with" | &"and" | &"pipeline" | &"for" | &"list" | &"," | &":" | &"(")
        );
    if plural && clear && alone {
        note(nouns, key, Act::Listed, line);
        note(nouns, names::singular(first), Act::Read, line);
    }
}

/// True when the subject before a verb is a user rather than an administrator.
fn by_user(words: &[&str], at: usize) -> bool {
    const REACH: usize = 14;
    const USERS: &[&str] = &["user", "users", "customer", "customers", "member", "members"];
    const OTHERS: &[&str] = &[
        "admin",
        "admins",
        "administrator",
        "administrators",
        "coordinator",
        "coordinators",
        "staff",
        "system",
        "visitor",
        "visitors",
        "guest",
        "guests",
        "manager",
        "managers",
        "owner",
        "editors",
        "teachers",
    ];
    let before = &words[at.saturating_sub(REACH)..at];
    let last = before.iter().rev().find(|w| USERS.contains(w) || OTHERS.contains(w));
    last.is_some_and(|w| USERS.contains(w))
}

/// Verbs from `at` on ("create, read, update and delete") and their objects; returns where to go on.
fn verbs_and_objects(words: &[&str], at: usize, line: u32, nouns: &mut BTreeMap<String, Evidence>) -> usize {
    let mut acts = Vec::new();
    let mut next = at;
    while let Some(word) = words.get(next) {
        if let Some(act) = act(word) {
            acts.push(act);
        } else if !matches!(*word, "," | "and" | "or" | "then") {
            break;
        }
        next += 1;
    }
    // "search for posts", "subscribe to topics", "browse through listings".
    if next > at && matches!(words.get(next), Some(&"for" | &"to" | &"through")) {
        let last = words[next - 1];
        if last.starts_with("search")
            || last.starts_with("subscrib")
            || last.starts_with("brows")
            || last.starts_with("apply")
        {
            next += 1;
        }
    }
    let by_user = by_user(words, at);
    // "Users can cancel their bookings": whose they are, though somebody else may create them.
    let theirs = matches!(words.get(next), Some(&"their" | &"my"));
    let (found, end) = objects(words, next);
    for noun in found {
        for act in &acts {
            let made = by_user && (theirs || matches!(act, Act::Create | Act::Use));
            note(nouns, noun.clone(), *act, line).made_by_users |= made;
        }
    }
    end.max(at + 1)
}
