//! Who may touch a table's rows, from the sentences that name it or stand under its heading.
//!
//! Conservative: a table about which the text says nothing, or two things that do not go together,
//! stays unspecified.

use std::collections::BTreeMap;

use crate::document::Kind;
use crate::lexicon::Tag;
use crate::names;
use crate::requirements::{Access, TableNeed};
use crate::scope::{self, Scoped, Sentence};

/// What the sentences about one table say.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    own: bool,
    everyone_reads: bool,
    admin_reads: bool,
    admin_writes: bool,
}

/// Fills in the access of the tables that no schema or specification gave one.
pub(crate) fn assign(scoped: &Scoped<'_>, tables: &mut [TableNeed]) {
    let places: BTreeMap<String, usize> =
        tables.iter().enumerate().map(|(at, table)| (names::key(&table.name), at)).collect();
    let mut said = vec![Said::default(); tables.len()];
    for (at, sentence) in scoped.sentences.iter().enumerate() {
        let speaks = sentence.has_any(&[Tag::OwnOnly, Tag::AdminOnly, Tag::Everyone]);
        if !speaks
            || sentence.scope > scope::Scope::Aside
            || matches!(sentence.kind, Kind::Row | Kind::Heading)
        {
            continue;
        }
        let before =
            at.checked_sub(1).and_then(|b| scoped.sentences.get(b)).filter(|b| b.block == sentence.block);
        for (place, one) in statements(scoped, sentence, before, &places) {
            if let Some(all) = said.get_mut(place) {
                all.own |= one.own;
                all.everyone_reads |= one.everyone_reads;
                all.admin_reads |= one.admin_reads;
                all.admin_writes |= one.admin_writes;
            }
        }
    }
    for (table, said) in tables.iter_mut().zip(said) {
        if table.access == Access::Unspecified
            || table.access == Access::Own && said.everyone_reads && said.own
        {
            table.access = judge(said);
        }
    }
}

fn judge(said: Said) -> Access {
    match (said.everyone_reads, said.own) {
        (true, _) if said.admin_reads => Access::Unspecified,
        (true, true) => Access::OwnOrPublic,
        (true, false) if said.admin_writes => Access::Public,
        (true, false) => Access::Unspecified,
        (false, true) => Access::Own,
        (false, false) if said.admin_reads => Access::Private,
        (false, false) => Access::Unspecified,
    }
}

/// What a sentence says, by table.
fn statements(
    scoped: &Scoped<'_>,
    sentence: &Sentence,
    before: Option<&Sentence>,
    places: &BTreeMap<String, usize>,
) -> Vec<(usize, Said)> {
    const READS: &[&str] =
        &["read", "see", "view", "browse", "visible", "look", "list", "access", "readable"];
    const WRITES: &[&str] = &[
        "manage", "edit", "create", "add", "write", "change", "delete", "remove", "update", "maintain",
        "publish",
    ];
    let says = |verbs: &[&str]| {
        sentence.norm.split(' ').any(|w| {
            let word = w.trim_matches(|c: char| !c.is_alphanumeric());
            verbs
                .iter()
                .any(|v| word.strip_prefix(v).is_some_and(|rest| matches!(rest, "" | "s" | "d" | "es")))
        })
    };
    let (reads, writes) = (says(READS), says(WRITES));
    // A text without full stops is one sentence; it must not be read once for each of its words.
    const HITS_MAX: usize = 4;
    let mut out = Vec::new();
    let access = |tag| matches!(tag, Tag::OwnOnly | Tag::AdminOnly | Tag::Everyone);
    for hit in sentence.hits.iter().filter(|h| !h.negated && access(h.tag)).take(HITS_MAX) {
        let mut said = Said::default();
        match hit.tag {
            Tag::OwnOnly => said.own = true,
            Tag::Everyone if reads && &sentence.norm[hit.start..hit.end] != "public" => {
                said.everyone_reads = true
            }
            Tag::AdminOnly => (said.admin_reads, said.admin_writes) = (reads && !writes, writes),
            _ => continue,
        }
        let named = tables_in(&sentence.norm[hit.end..], places);
        let about =
            if named.is_empty() { subject(scoped, sentence, hit.start, before, places) } else { named };
        out.extend(about.into_iter().map(|place| (place, said)));
    }
    out
}

/// The tables a phrase is about that names none after it: those named before it in the sentence, in
/// the sentence before where a pronoun points there, or the one the section is about.
fn subject(
    scoped: &Scoped<'_>,
    sentence: &Sentence,
    end: usize,
    before: Option<&Sentence>,
    places: &BTreeMap<String, usize>,
) -> Vec<usize> {
    const POINTERS: &[&str] = &["them", "it", "they", "one", "those", "these", "own", "their", "author"];
    let points = || {
        sentence.norm.split(' ').any(|w| POINTERS.contains(&w.trim_matches(|c: char| !c.is_alphanumeric())))
    };
    let near = tables_in(&sentence.norm[..end], places);
    if !near.is_empty() {
        return near;
    }
    let back = before.filter(|_| points()).map(|b| tables_in(&b.norm, places)).unwrap_or_default();
    if !back.is_empty() {
        return back;
    }
    let section = scoped.document.sections.get(sentence.section);
    let titled = section.and_then(|s| places.get(&names::key(&names::snake(scope::bare_title(s)))));
    titled.copied().into_iter().collect()
}

/// The tables a clause names, by their own names; "the team's drafts" does not name `teams`.
fn tables_in(clause: &str, places: &BTreeMap<String, usize>) -> Vec<usize> {
    const WORDS_MAX: usize = 14;
    let words: Vec<&str> = clause.split(' ').filter(|w| !w.is_empty()).take(WORDS_MAX).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let bare = |w: &str| w.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_owned();
        let one = bare(word);
        if one.ends_with("'s") || one.ends_with('\'') {
            continue;
        }
        let two = words.get(at + 1).map(|next| format!("{one}_{}", bare(next)));
        let place = two.and_then(|t| places.get(&names::key(&t))).or_else(|| places.get(&names::key(&one)));
        found.extend(place.copied().filter(|p| !found.contains(p)));
    }
    found
}
