//! Tables out of sentences: what people create, change, delete, manage and own.
//!
//! Each noun collects evidence over the whole document. A noun that products commonly keep records
//! of needs less of it than an unknown one; one that is also an everyday word needs more.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Kind;
use crate::draft::{Draft, Source};
use crate::lexicon::nouns;
use crate::names;
use crate::requirements::{Access, ColumnNeed, ForeignKeyNeed, TableNeed};
use crate::scope::{Scoped, Sentence};

use super::grammar::Act;
use super::{evidence, foreign, records, table_key};

/// What is known about the product before its sentences are weighed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stance {
    /// The text asks for a server or for sign-in.
    pub backend: bool,
    /// Users sign in, so what they make can belong to them.
    pub signed_in: bool,
}

#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub acts: BTreeSet<Act>,
    mentions: u32,
    pub owned: bool,
    /// Users create them, so each has a user it belongs to.
    pub made_by_users: bool,
    lines: Vec<u32>,
}

const LINES_MAX: usize = 6;
const TABLES_MAX: usize = 60;
/// Tables declared with columns from which on prose adds no table.
const DECLARED_ENOUGH: usize = 2;

pub(super) fn drafts(scoped: &Scoped<'_>, declared: &[Draft], stance: Stance) -> Vec<Draft> {
    let mut nouns: BTreeMap<String, Evidence> = BTreeMap::new();
    for sentence in scoped.wanted().filter(|s| s.kind != Kind::Row && !is_title(scoped, s)) {
        evidence::english(sentence, &mut nouns);
        evidence::named(sentence, &mut nouns);
        foreign::translated(sentence, &mut nouns);
    }
    const BRIEF_SENTENCES: usize = 14;
    let brief = scoped.sentences.len() <= BRIEF_SENTENCES;
    let real = declared.iter().filter(|d| d.source != Source::Prose).count();
    if real >= DECLARED_ENOUGH {
        return Vec::new();
    }
    fold_compounds(&mut nouns);
    let mut found: Vec<(String, Evidence)> =
        nouns.into_iter().filter(|(noun, e)| accepted(noun, e, stance.backend, brief)).collect();
    let keys: BTreeSet<String> =
        found.iter().map(|(n, _)| n.clone()).chain(declared.iter().map(table_key)).collect();
    found.retain(|(noun, _)| !noun.rsplit_once('_').is_some_and(|(_, head)| keys.contains(head)));
    found.sort_by_key(|(_, e)| e.lines.first().copied());
    found.truncate(TABLES_MAX);
    found.into_iter().map(|(noun, evidence)| draft(&noun, evidence, stance)).collect()
}

/// The document's own title names the product, not what it keeps.
fn is_title(scoped: &Scoped<'_>, sentence: &Sentence) -> bool {
    let section = scoped.document.sections.get(sentence.section);
    sentence.kind == Kind::Heading && sentence.section == 1 && section.is_some_and(|s| s.level == 1)
}

/// "Customer requests" and "requests" are one thing where the document says both.
fn fold_compounds(nouns: &mut BTreeMap<String, Evidence>) {
    let compounds: Vec<(String, String)> = nouns
        .keys()
        .filter_map(|noun| noun.rsplit_once('_').map(|(_, head)| (noun.clone(), head.to_owned())))
        .filter(|(noun, head)| !records::is_record(noun) && nouns.contains_key(head))
        .filter(|(noun, _)| nouns.get(noun).is_some_and(|e| !e.acts.contains(&Act::Described)))
        .collect();
    for (noun, head) in compounds {
        if let (Some(part), Some(whole)) = (nouns.remove(&noun), nouns.get_mut(&head)) {
            whole.acts.extend(part.acts);
            whole.mentions += part.mentions;
            whole.owned |= part.owned;
            whole.made_by_users |= part.made_by_users;
            whole.lines.extend(part.lines);
            whole.lines.sort_unstable();
            whole.lines.dedup();
            whole.lines.truncate(LINES_MAX);
        }
    }
}

fn accepted(noun: &str, evidence: &Evidence, backend: bool, brief: bool) -> bool {
    let head = noun.rsplit('_').next().unwrap_or(noun);
    let compound = head != noun;
    let known = records::is_record(noun) || compound && records::is_record(head);
    let everyday = nouns::NOT_RECORDS.contains(&noun)
        || compound && !records::is_record(noun) && nouns::NOT_RECORDS.contains(&head);
    let points: u32 = evidence
        .acts
        .iter()
        .map(|act| match act {
            Act::Create | Act::Change | Act::Delete | Act::Own | Act::Listed | Act::Use => 2,
            Act::Described => 5,
            Act::Manage => 3,
            Act::Read => 1,
        })
        .sum();
    let writes = evidence.acts.iter().any(|a| !matches!(a, Act::Read));
    let needed = match (known, everyday) {
        (true, false) => 3,
        (true, true) => 5,
        (false, false) => 6,
        (false, true) => 9,
    };
    let needed = match (backend, brief) {
        (_, true) => needed - 1, // A brief says everything once.
        (true, false) => needed,
        (false, false) => needed + 1,
    };
    writes && points >= needed
}

fn draft(noun: &str, evidence: Evidence, stance: Stance) -> Draft {
    let mut table = TableNeed { name: names::plural(noun), lines: evidence.lines, ..TableNeed::default() };
    let people: &[&str] = match noun {
        "user" | "category" | "tag" => &[],
        "follow" => &["follower_id", "followed_id"],
        "favorite" | "like" | "bookmark" | "vote" => &["user_id"],
        _ if evidence.owned || evidence.made_by_users && stance.signed_in => &["user_id"],
        _ => &[],
    };
    if evidence.owned && noun != "user" {
        table.access = Access::Own;
    }
    for column in people {
        let column = (*column).to_owned();
        table.columns.push(ColumnNeed { name: column.clone(), nullable: true, ..ColumnNeed::default() });
        table.fks.push(ForeignKeyNeed {
            column,
            references: "users".to_owned(),
            references_column: "id".to_owned(),
            on_delete: None,
        });
    }
    Draft { table, source: Source::Prose }
}

pub(super) fn note(
    nouns: &mut BTreeMap<String, Evidence>,
    noun: String,
    act: Act,
    line: u32,
) -> &mut Evidence {
    let evidence = nouns.entry(noun).or_default();
    evidence.acts.insert(act);
    evidence.mentions += 1;
    if evidence.lines.len() < LINES_MAX && evidence.lines.last() != Some(&line) {
        evidence.lines.push(line);
    }
    evidence
}
