//! What a role may do: "admins manage movies", "editors can create and edit articles".

use std::collections::BTreeMap;

use super::{bare, known, name_of, note};
use crate::document::Kind;
use crate::lexicon::Tag;
use crate::names;
use crate::requirements::{RoleAct, RoleGrant, RoleNeed, TableNeed};
use crate::scope::{Scoped, Sentence};

/// Words of a clause that are read.
const CLAUSE_WORDS_MAX: usize = 24;
/// Grants that are kept of one role.
const GRANTS_MAX: usize = 50;
/// Every table.
const EVERYTHING: &str = "*";

const ALL: &[RoleAct] = &[RoleAct::Read, RoleAct::Insert, RoleAct::Update, RoleAct::Delete];

/// Verbs, and what they let somebody do. Whoever changes rows sees them.
const VERBS: &[(&str, &[RoleAct])] = &[
    ("manage", ALL),
    ("administer", ALL),
    ("maintain", ALL),
    ("see", &[RoleAct::Read]),
    ("view", &[RoleAct::Read]),
    ("read", &[RoleAct::Read]),
    ("list", &[RoleAct::Read]),
    ("browse", &[RoleAct::Read]),
    ("create", &[RoleAct::Read, RoleAct::Insert]),
    ("add", &[RoleAct::Read, RoleAct::Insert]),
    ("edit", &[RoleAct::Read, RoleAct::Update]),
    ("update", &[RoleAct::Read, RoleAct::Update]),
    ("change", &[RoleAct::Read, RoleAct::Update]),
    ("delete", &[RoleAct::Read, RoleAct::Delete]),
    ("remove", &[RoleAct::Read, RoleAct::Delete]),
];

/// Words that may stand between a role and its verb, between verbs, and between verb and table.
const PASSED: &[&str] = &[
    "can", "may", "must", "should", "will", "be", "able", "to", "also", "and", "or", "the", "all", "any",
    "every", "only", "alone", "are", "allowed", "who", "a", "an", "new", "existing",
];

/// Words after a table that make a rule of some rows out of a rule of all.
const CONDITIONS: &[&str] = &[
    "own", "their", "they", "them", "his", "her", "its", "assigned", "within", "where", "if", "when",
    "until", "before", "after", "whose", "that", "which", "based", "of", "in", "from", "for",
];

/// Fills in what each role may do. A role that is named with what it may do is one that the product has.
pub(super) fn assign(scoped: &Scoped<'_>, tables: &[TableNeed], found: &mut Vec<RoleNeed>) {
    let places: BTreeMap<String, &str> =
        tables.iter().map(|table| (names::key(&table.name), table.name.as_str())).collect();
    for sentence in scoped.wanted() {
        if matches!(sentence.kind, Kind::Row | Kind::Heading) || denies(sentence) {
            continue;
        }
        let words: Vec<&str> = sentence.norm.split(' ').filter(|word| !word.is_empty()).collect();
        for (at, word) in words.iter().enumerate() {
            let Some(role) = role_at(word, found) else { continue };
            let clause = clause(&words[at..]);
            for (table, can) in granted(clause, &places) {
                let Some(place) = note(found, &role, Some(sentence.line)) else { continue };
                if let Some(role) = found.get_mut(place) {
                    add(role, table, &can);
                }
            }
        }
    }
}

/// The role that a word names: one that is found already, or one that is one wherever it stands.
fn role_at(word: &str, found: &[RoleNeed]) -> Option<String> {
    let word = bare(word);
    let named = known(&word).map(str::to_owned).or_else(|| name_of(&word))?;
    (known(&word).is_some() || found.iter().any(|role| role.name == named)).then_some(named)
}

/// A sentence that denies, or speaks of own rows, gives nobody anything.
fn denies(sentence: &Sentence) -> bool {
    let says = |tag| sentence.hits.iter().any(|hit| hit.tag == tag);
    // "Only admins" is no denial of anything that admins may do.
    says(Tag::Negation) || says(Tag::NegationAfter) || sentence.has(Tag::OwnOnly)
}

/// The words from a role on to the end of its clause, without the role.
fn clause<'w>(words: &'w [&'w str]) -> &'w [&'w str] {
    let first = words.first().copied().unwrap_or_default();
    // "Admin: manage users" goes on after its colon; "admins." ends there.
    if first.ends_with(['.', ';', ',']) {
        return &[];
    }
    let rest = &words[1..];
    let ends = |word: &&str| word.ends_with(['.', ';', ':']) || *word == "but";
    let length = rest.iter().position(ends).map_or(rest.len(), |at| at + 1);
    &rest[..length.min(CLAUSE_WORDS_MAX)]
}

/// The tables of a clause with what is done to them.
fn granted<'p>(clause: &[&str], places: &BTreeMap<String, &'p str>) -> Vec<(&'p str, Vec<RoleAct>)> {
    let mut out = Vec::new();
    let mut acts: Vec<RoleAct> = Vec::new();
    let (mut ended, mut at) = (false, 0);
    while let Some(word) = clause.get(at) {
        let word_bare = bare(word);
        if let Some(more) = verb(&word_bare) {
            if ended {
                acts.clear();
                ended = false;
            }
            acts.extend(more);
        } else if acts.is_empty() && !PASSED.contains(&word_bare.as_str()) {
            return out; // Something else is said of the role.
        } else if let Some((table, length)) = table(&clause[at..], places) {
            if conditional(&clause[at + length..]) {
                return Vec::new();
            }
            out.push((table, acts.clone()));
            ended = true;
            at += length;
            continue;
        } else if !PASSED.contains(&word_bare.as_str()) && !word_bare.is_empty() {
            return out;
        }
        at += 1;
    }
    out
}

fn verb(word: &str) -> Option<&'static [RoleAct]> {
    let of = |verb: &str| word.strip_prefix(verb).is_some_and(|rest| matches!(rest, "" | "s"));
    VERBS.iter().find(|(verb, _)| of(verb)).map(|(_, acts)| *acts)
}

/// The table that a clause goes on with, and how many words its name takes.
fn table<'p>(words: &[&str], places: &BTreeMap<String, &'p str>) -> Option<(&'p str, usize)> {
    let first = bare(words.first()?);
    if matches!(first.as_str(), "everything" | "anything") {
        return Some((EVERYTHING, 1));
    }
    // What ends with a comma or a full stop is not the first half of a name.
    let open = words.first().is_some_and(|word| word.ends_with(char::is_alphanumeric));
    let two = words.get(1).filter(|_| open).map(|second| names::key(&format!("{first}_{}", bare(second))));
    let two = two.and_then(|key| places.get(&key)).map(|table| (*table, 2));
    two.or_else(|| places.get(&names::key(&first)).map(|table| (*table, 1)))
}

/// Whether what follows a table restricts which of its rows are meant.
fn conditional(rest: &[&str]) -> bool {
    rest.first().is_some_and(|word| CONDITIONS.contains(&bare(word).as_str()))
}

fn add(role: &mut RoleNeed, table: &str, can: &[RoleAct]) {
    let place = match role.grants.iter().position(|grant| grant.table == table) {
        Some(place) => place,
        None if role.grants.len() == GRANTS_MAX => return,
        None => {
            role.grants.push(RoleGrant { table: table.to_owned(), can: Vec::new() });
            role.grants.len() - 1
        }
    };
    if let Some(grant) = role.grants.get_mut(place) {
        grant.can.extend(can);
        grant.can.sort_unstable();
        grant.can.dedup();
    }
}
