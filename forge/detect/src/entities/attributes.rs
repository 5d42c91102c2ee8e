//! Columns and relations that sentences give to tables: "a task with a title and a due date",
//! "the title of a survey", "each post belongs to a user".

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::{Draft, Source};
use crate::keys as foreign_keys;
use crate::names;
use crate::requirements::{ColumnNeed, ForeignKeyNeed};
use crate::scope::{Scoped, Sentence};

use super::{fields, relations, table_key};

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
pub(super) fn enrich(scoped: &Scoped<'_>, drafts: &mut Vec<Draft>, signed_in: bool) {
    const SENTENCES_MAX: usize = 5_000;
    let keys: BTreeMap<String, String> =
        drafts.iter().map(|d| (table_key(d), d.table.name.clone())).collect();
    // A table with a declared list of columns has them all.
    let declared: BTreeSet<String> = drafts
        .iter()
        .filter(|d| d.source != Source::Prose && d.table.columns.len() > 2)
        .map(table_key)
        .collect();
    // Where people sign in there are users to belong to, whether or not the text has a table of them.
    let mut holders = keys.clone();
    if signed_in {
        holders.entry("user".to_owned()).or_insert_with(|| "users".to_owned());
    }
    let known = references(drafts, &holders);
    let mut extra: BTreeMap<String, Draft> = BTreeMap::new();
    let relate = |extra: &mut BTreeMap<String, Draft>, child: &str, parent: &str, line: u32| {
        let pair = (child.to_owned(), parent.to_owned());
        if child != parent && keys.contains_key(child) && !known.contains(&pair) {
            let name = keys.get(child).cloned().unwrap_or_default();
            let draft = extra.entry(pair.0).or_insert_with(|| empty(name));
            push(draft, &format!("{parent}_id"), holders.get(parent).map(String::as_str), line);
        }
    };
    for relation in relations::drawn(scoped, &holders) {
        relate(&mut extra, &relation.child, &relation.parent, relation.line);
    }
    for sentence in scoped.wanted().take(SENTENCES_MAX) {
        for (key, at, end) in mentions(sentence, &keys) {
            let spelt_out = sentence.norm[end..].starts_with('(');
            let closed = declared.contains(&key) && !spelt_out;
            for (child, parent) in parents(sentence, &key, at, end, &holders, closed) {
                relate(&mut extra, &child, &parent, sentence.line);
            }
            if closed {
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
        }
    }
    drafts.extend(extra.into_values());
}

/// Which tables refer to which already, by their columns' names or outright.
fn references(drafts: &[Draft], keys: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    let of = |draft: &Draft| {
        let key = table_key(draft);
        let by_name = draft.table.columns.iter();
        let by_name = by_name.filter_map(|c| foreign_keys::target(&c.name, &draft.table.name, keys));
        let outright = draft.table.fks.iter().map(|f| f.references.clone());
        by_name.chain(outright).map(|parent| (key.clone(), names::key(&parent))).collect::<Vec<_>>()
    };
    drafts.iter().filter(|d| d.source != Source::Prose).flat_map(of).collect()
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
    found.extend(kept(&sentence.norm[..at]));
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

/// "the system stores the title, author and ISBN of each book": the text before the table.
fn kept(before: &str) -> Vec<String> {
    const VERBS: &[&str] =
        &["store", "stores", "keep", "keeps", "record", "records", "save", "saves", "enter", "hold", "holds"];
    let before = tail(before).trim_end();
    let holder = [" of each", " of every", " of a", " of the", " for each", " for every", " of"];
    let Some(list) = holder.iter().find_map(|link| before.strip_suffix(link)) else {
        return Vec::new();
    };
    let verb = list.rmatch_indices(' ').find_map(|(at, _)| {
        let word = list[at + 1..].split(' ').next().unwrap_or_default();
        VERBS.contains(&word).then_some(at + 1 + word.len())
    });
    let Some(list) = verb.and_then(|at| list.get(at..)) else {
        return Vec::new();
    };
    let found: Vec<String> = fields::list(list.trim()).into_iter().map(|f| f.column.name).collect();
    if found.iter().any(|column| is_property(column)) { found } else { Vec::new() }
}

/// "add a priority column to the tasks table": the words before the table, last first.
fn added(before: &[&str]) -> Option<String> {
    let mut words = before.iter().copied().filter(|w| !matches!(*w, "the" | "a" | "an" | "existing"));
    let linked = matches!(words.next(), Some("to" | "on" | "in"));
    let column = matches!(words.next(), Some("column" | "field"));
    words.next().filter(|_| linked && column).and_then(fields::column_name)
}

/// Pairs of a table and the one it hangs under: "comments on a post", "posts belong to a user", and
/// the reverse, "a survey containing questions". Of a table whose columns are known (`closed`) only
/// what says outright that it refers to another.
fn parents(
    sentence: &Sentence,
    key: &str,
    at: usize,
    end: usize,
    keys: &BTreeMap<String, String>,
    closed: bool,
) -> Vec<(String, String)> {
    const OUTRIGHT: &[&[&str]] = &[
        &["belong", "to"],
        &["belongs", "to"],
        &["belonging", "to"],
        &["linked", "to"],
        &["attached", "to"],
        &["tied", "to"],
        &["references"],
        &["reference"],
        &["refers", "to"],
        &["refer", "to"],
        &["related", "to"],
        &["associated", "with"],
    ];
    const LOOSE: &[&[&str]] = &[
        &["on"],
        &["under"],
        &["within"],
        &["to", "each"],
        &["in", "a"],
        &["for", "each"],
        &["for", "a"],
        &["of", "a"],
        &["of", "the"],
        &["of", "each"],
    ];
    const AROUND: &[&str] =
        &["is", "are", "must", "can", "always", "should", "will", "may", "also", "only", "be", "shall"];
    let after: Vec<&str> = words(&sentence.norm[end..]).take(16).collect();
    let verb = after.iter().position(|w| !AROUND.contains(w)).unwrap_or(0);
    let mut found = Vec::new();
    for link in OUTRIGHT {
        if let Some(rest) = after[verb..].strip_prefix(*link) {
            found.extend(holders(rest, keys).into_iter().map(|parent| (key.to_owned(), parent)));
        }
    }
    for link in LOOSE.iter().filter(|_| !closed) {
        if let Some(rest) = after.strip_prefix(*link) {
            found.extend(holders(rest, keys).into_iter().take(1).map(|parent| (key.to_owned(), parent)));
        }
    }
    if names::is_plural(&sentence.norm[at..end]) {
        let holder = holder_before(tail(&sentence.norm[..at]), keys, closed);
        found.extend(holder.map(|parent| (key.to_owned(), parent)));
    }
    found
}

/// The tables a list of objects names: "a member and a book".
fn holders(words: &[&str], keys: &BTreeMap<String, String>) -> Vec<String> {
    let article = |w: &str| {
        matches!(
            w,
            "a" | "an"
                | "the"
                | "each"
                | "every"
                | "one"
                | "exactly"
                | "their"
                | "its"
                | "specific"
                | "single"
        )
    };
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let start = at;
        while words.get(at).is_some_and(|w| article(w)) {
            at += 1;
        }
        let Some(word) = words.get(at) else { break };
        // After the first, a plural without an article begins another clause.
        if !found.is_empty() && at == start && names::is_plural(word) {
            break;
        }
        let one = names::singular(word);
        let two = words.get(at + 1).map(|next| format!("{word}_{}", names::singular(next)));
        if let Some(key) = two.filter(|key| keys.contains_key(key)) {
            found.push(key);
            at += 2;
        } else if keys.contains_key(&one) {
            found.push(one);
            at += 1;
        } else {
            break;
        }
        if words.get(at) != Some(&"and") {
            break;
        }
        at += 1;
    }
    found
}

/// The table before "has many", "contains several" and the like, at the end of a text.
fn holder_before(text: &str, keys: &BTreeMap<String, String>, closed: bool) -> Option<String> {
    let before: Vec<&str> = words(text).collect();
    let before: Vec<&str> = before.into_iter().rev().take(8).collect();
    let verb = before
        .iter()
        .position(|w| matches!(*w, "containing" | "contains" | "contain" | "has" | "have" | "includes"))?;
    let many = |w: &&str| matches!(*w, "many" | "multiple" | "several" | "more");
    let filler = |w: &&str| {
        matches!(*w, "one" | "or" | "zero" | "choice" | "its" | "own" | "their")
            || w.bytes().all(|b| b.is_ascii_digit())
    };
    let between = &before[..verb];
    if !between.iter().all(|w| many(w) || filler(w)) || closed && !between.iter().any(many) {
        return None;
    }
    let modal = |w: &&&str| !matches!(**w, "should" | "can" | "must" | "will" | "may" | "also");
    let mut holder = before[verb + 1..].iter().filter(modal);
    let last = names::singular(holder.next()?);
    let pair = holder.next().map(|first| format!("{first}_{last}"));
    pair.into_iter().chain([last]).find(|key| keys.contains_key(key))
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
