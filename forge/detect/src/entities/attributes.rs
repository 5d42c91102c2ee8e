//! Columns and relations that sentences give to tables: "a task with a title and a due date",
//! "the title of a survey", "each post belongs to a user".

use std::collections::BTreeMap;

use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ForeignKeyNeed};
use crate::scope::{Scoped, Sentence};

use super::{fields, table_key};

/// Nouns that are plainly properties of a record.
const PROPERTIES: &[&str] = &[
    "title",
    "name",
    "description",
    "status",
    "price",
    "amount",
    "category",
    "priority",
    "stage",
    "rating",
    "quantity",
    "duration",
    "email",
    "phone",
    "address",
    "image",
    "content",
    "body",
    "type",
    "date",
    "due_date",
    "deadline",
    "location",
    "color",
    "tags",
    "slug",
    "author",
    "genre",
    "poster",
    "username",
    "bio",
    "avatar",
    "url",
    "notes",
    "role",
    "capacity",
    "start_date",
    "end_date",
    "start_time",
    "end_time",
    "time",
    "weight",
    "height",
    "sets",
    "reps",
    "repetitions",
    "cost",
    "stock",
    "sku",
    "brand",
    "size",
    "balance",
    "code",
    "label",
    "summary",
    "first_name",
    "last_name",
    "phone_number",
    "birthday",
    "website",
    "company",
    "position",
    "salary",
    "comment",
    "score",
    "note",
    "follow_up_date",
    "currency",
    "frequency",
    "poster_image",
    "profile_picture",
    "bio",
    "password",
    "caption",
    "gender",
    "age",
];
const LISTS: &[&str] = &[
    " with ",
    " including ",
    " has ",
    " have ",
    " contains ",
    " includes ",
    " include ",
    " should have ",
    " must have ",
    " such as ",
    " consisting of ",
];

/// Adds what the sentences say to the drafts of known tables.
pub(super) fn enrich(scoped: &Scoped<'_>, drafts: &mut Vec<Draft>) {
    const SENTENCES_MAX: usize = 5_000;
    let keys: BTreeMap<String, String> =
        drafts.iter().map(|d| (table_key(d), d.table.name.clone())).collect();
    // A table with a declared list of columns has them all.
    let declared: Vec<String> = drafts
        .iter()
        .filter(|d| d.source != Source::Prose && d.table.columns.len() > 2)
        .map(table_key)
        .collect();
    let mut extra: BTreeMap<String, Draft> = BTreeMap::new();
    for sentence in scoped.wanted().take(SENTENCES_MAX) {
        for (key, at, end) in mentions(sentence, &keys) {
            let spelt_out = sentence.norm[end..].starts_with('(');
            if declared.contains(&key) && !spelt_out {
                continue;
            }
            let mut add = |column: &str, fk: Option<&str>| {
                let name = keys.get(&key).cloned().unwrap_or_default();
                let draft = extra.entry(key.clone()).or_insert_with(|| empty(name));
                push(draft, column, fk, sentence.line);
            };
            for column in listed(sentence, end, &keys) {
                add(&column, None);
            }
            for column in property(sentence, at, end) {
                add(&column, None);
            }
            for parent in parents(sentence, at, end, &keys) {
                if parent != key {
                    add(&format!("{parent}_id"), keys.get(&parent).map(String::as_str));
                }
            }
        }
    }
    drafts.extend(extra.into_values());
}

fn empty(name: String) -> Draft {
    let table = crate::requirements::TableNeed { name, ..Default::default() };
    Draft { table, source: Source::Prose }
}

fn push(draft: &mut Draft, column: &str, fk: Option<&str>, line: u32) {
    const COLUMNS_MAX: usize = 40;
    let table = &mut draft.table;
    if table.columns.len() >= COLUMNS_MAX || table.columns.iter().any(|c| c.name == column) {
        return;
    }
    table.columns.push(ColumnNeed { name: column.to_owned(), nullable: true, ..ColumnNeed::default() });
    if let Some(references) = fk {
        table.fks.push(ForeignKeyNeed {
            column: column.to_owned(),
            references: references.to_owned(),
            references_column: "id".to_owned(),
            on_delete: None,
        });
    }
    if table.lines.last() != Some(&line) {
        table.lines.push(line);
    }
}

/// Where the sentence names a known table: its key and the span.
fn mentions(sentence: &Sentence, keys: &BTreeMap<String, String>) -> Vec<(String, usize, usize)> {
    const WORDS_MAX: usize = 1_000;
    let norm = &sentence.norm;
    let mut found = Vec::new();
    let mut start = None;
    let mut words: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in norm.char_indices().chain([(norm.len(), ' ')]) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            words.push((from, at));
        }
    }
    for (index, (from, to)) in words.iter().enumerate().take(WORDS_MAX) {
        let one = names::singular(&norm[*from..*to]);
        let two =
            index.checked_sub(1).map(|before| format!("{}_{one}", &norm[words[before].0..words[before].1]));
        if let Some(key) = two.filter(|key| keys.contains_key(key)) {
            found.push((key, words[index - 1].0, *to));
        } else if keys.contains_key(&one) {
            found.push((one, *from, *to));
        }
    }
    found
}

/// "… task with a title, description and due date".
fn listed(sentence: &Sentence, end: usize, keys: &BTreeMap<String, String>) -> Vec<String> {
    let rest = &sentence.norm[end..];
    let list = LISTS
        .iter()
        .find_map(|mark| rest.strip_prefix(mark))
        .or_else(|| rest.strip_prefix(" ("))
        .or_else(|| rest.strip_prefix('('));
    let Some(list) = list else {
        return Vec::new();
    };
    let list = list.split(['.', ')', ';']).next().unwrap_or_default();
    let list = list.strip_prefix("the following ").unwrap_or(list);
    let found: Vec<String> = fields::list(list).into_iter().map(|f| f.column.name).collect();
    let parts = fields::split_list(list);
    let sure = found.iter().filter(|c| is_property(c)).count();
    let known = found.iter().filter(|c| keys.contains_key(&names::singular(c))).count();
    // One plain property vouches for the list; without any, it is likely one of features.
    if sure == 0 || known * 2 > found.len() || found.len() * 2 < parts.len() {
        return Vec::new();
    }
    found.into_iter().filter(|c| !keys.contains_key(&names::singular(c)) || is_property(c)).collect()
}

fn is_property(column: &str) -> bool {
    PROPERTIES.contains(&column)
        || column.rsplit('_').next().is_some_and(|last| {
            ["date", "name", "time", "number", "url", "id", "image", "at"].contains(&last)
        })
}

/// "title of the survey", "title for the survey", "survey title", "survey's title".
fn property(sentence: &Sentence, at: usize, end: usize) -> Vec<String> {
    let mut found = Vec::new();
    let after = sentence.norm[end..].trim_start_matches("'s").trim_start_matches('\'');
    if let Some(after) = after.strip_prefix(' ') {
        let words: Vec<&str> =
            after.split(' ').take(2).map(|w| w.trim_matches(|c: char| !c.is_alphanumeric())).collect();
        let pair = words.join("_");
        let one = words.first().copied().unwrap_or_default();
        if PROPERTIES.contains(&pair.as_str()) {
            found.push(pair);
        } else if PROPERTIES.contains(&one)
            && !matches!(
                one,
                "time"
                    | "date"
                    | "comment"
                    | "note"
                    | "notes"
                    | "author"
                    | "code"
                    | "image"
                    | "name"
                    | "size"
                    | "type"
                    | "company"
                    | "location"
                    | "category"
                    | "tags"
            )
            || matches!(one, "name" | "type") && found.is_empty()
        {
            found.push(one.to_owned());
        }
    }
    let before: Vec<&str> = sentence.norm[..at].split_whitespace().rev().take(5).collect();
    found.extend(added(&before));
    let mut words =
        before.iter().copied().filter(|w| !matches!(*w, "the" | "a" | "an" | "each" | "every" | "their"));
    if matches!(words.next(), Some("of" | "for"))
        && let Some(word) = words.next()
        && PROPERTIES.contains(&word)
        && !matches!(word, "type" | "notes" | "note" | "time" | "comment" | "size" | "date")
    {
        found.push(word.to_owned());
    }
    found
}

/// "add a priority column to the tasks table": the words before the table, last first.
fn added(before: &[&str]) -> Option<String> {
    let mut words = before.iter().copied().filter(|w| !matches!(*w, "the" | "a" | "an" | "existing"));
    let linked = matches!(words.next(), Some("to" | "on" | "in"));
    let column = matches!(words.next(), Some("column" | "field"));
    words.next().filter(|_| linked && column).and_then(fields::column_name)
}

/// Tables this one hangs under: "comments on a post", "posts belong to a user", and the reverse,
/// "a survey containing questions".
fn parents(sentence: &Sentence, at: usize, end: usize, keys: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    let after: Vec<&str> = words(&sentence.norm[end..]).take(6).collect();
    let linked: &[&[&str]] = &[
        &["on"],
        &["belong", "to"],
        &["belongs", "to"],
        &["belonging", "to"],
        &["under"],
        &["within"],
        &["to", "each"],
        &["in", "a"],
        &["for", "each"],
        &["for", "a"],
        &["of", "a"],
        &["of", "the"],
        &["of", "each"],
        &["linked", "to"],
        &["attached", "to"],
    ];
    for link in linked {
        if after.starts_with(link) {
            let noun = after.iter().skip(link.len()).find(|w| {
                !matches!(**w, "a" | "an" | "the" | "each" | "every" | "one" | "their" | "specific")
            });
            if let Some(key) = noun.map(|n| names::singular(n)).filter(|k| keys.contains_key(k)) {
                found.push(key);
            }
        }
    }
    let before: Vec<&str> = words(tail(&sentence.norm[..at])).collect();
    let before: Vec<&str> = before.into_iter().rev().take(7).collect();
    let verb = before
        .iter()
        .position(|w| matches!(*w, "containing" | "contains" | "contain" | "has" | "have" | "includes"));
    let filler = |w: &&str| {
        matches!(
            *w,
            "many" | "multiple" | "several" | "one" | "or" | "more" | "choice" | "its" | "own" | "their"
        ) || w.bytes().all(|b| b.is_ascii_digit())
    };
    let many = names::is_plural(&sentence.norm[at..end]);
    if let Some(verb) = verb.filter(|v| many && before[..*v].iter().all(filler)) {
        let modal = |w: &&&str| !matches!(**w, "should" | "can" | "must" | "will" | "may" | "also");
        let holder = before[verb + 1..].iter().find(modal).map(|w| names::singular(w));
        found.extend(holder.filter(|key| keys.contains_key(key)));
    }
    found
}

/// The last few words of a text.
fn tail(text: &str) -> &str {
    const BYTES: usize = 160;
    let mut from = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}
