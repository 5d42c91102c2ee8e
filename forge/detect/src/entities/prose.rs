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

use super::table_key;

/// What a sentence does to a noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Create,
    Change,
    Delete,
    Manage,
    Read,
    Own,
    Listed,
}

#[derive(Debug, Default)]
struct Evidence {
    acts: BTreeSet<Act>,
    mentions: u32,
    owned: bool,
    lines: Vec<u32>,
}

const LINES_MAX: usize = 6;
const TABLES_MAX: usize = 60;
/// Tables declared with columns from which on prose adds no table.
const DECLARED_ENOUGH: usize = 2;

pub(super) fn drafts(scoped: &Scoped<'_>, declared: &[Draft], backend: bool) -> Vec<Draft> {
    let mut nouns: BTreeMap<String, Evidence> = BTreeMap::new();
    for sentence in scoped.wanted().filter(|s| s.kind != Kind::Row) {
        english(sentence, &mut nouns);
        translated(sentence, &mut nouns);
    }
    let real = declared.iter().filter(|d| d.source != Source::Prose && !d.table.columns.is_empty()).count();
    if real >= DECLARED_ENOUGH {
        return Vec::new();
    }
    let mut found: Vec<(String, Evidence)> =
        nouns.into_iter().filter(|(noun, e)| accepted(noun, e, backend)).collect();
    let keys: BTreeSet<String> =
        found.iter().map(|(n, _)| n.clone()).chain(declared.iter().map(table_key)).collect();
    found.retain(|(noun, _)| !noun.rsplit_once('_').is_some_and(|(_, head)| keys.contains(head)));
    found.sort_by_key(|(_, e)| e.lines.first().copied());
    found.truncate(TABLES_MAX);
    found.into_iter().map(|(noun, evidence)| draft(&noun, evidence)).collect()
}

fn accepted(noun: &str, evidence: &Evidence, backend: bool) -> bool {
    let head = noun.rsplit('_').next().unwrap_or(noun);
    let compound = head != noun;
    let known = nouns::RECORDS.contains(&noun) || compound && nouns::RECORDS.contains(&head);
    let everyday = nouns::NOT_RECORDS.contains(&noun)
        || compound && !nouns::RECORDS.contains(&noun) && nouns::NOT_RECORDS.contains(&head);
    let points: u32 = evidence
        .acts
        .iter()
        .map(|act| match act {
            Act::Create | Act::Change | Act::Delete | Act::Own | Act::Listed => 2,
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
    let needed = if backend { needed } else { needed + 1 };
    writes && points >= needed
}

fn draft(noun: &str, evidence: Evidence) -> Draft {
    let mut table = TableNeed { name: names::plural(noun), lines: evidence.lines, ..TableNeed::default() };
    if evidence.owned && noun != "user" {
        table.access = Access::Own;
        table.columns.push(ColumnNeed {
            name: "user_id".to_owned(),
            nullable: true,
            ..ColumnNeed::default()
        });
        table.fks.push(ForeignKeyNeed {
            column: "user_id".to_owned(),
            references: "users".to_owned(),
            references_column: "id".to_owned(),
            on_delete: None,
        });
    }
    Draft { table, source: Source::Prose }
}

const CREATE: &[&str] = &[
    "create", "add", "submit", "post", "publish", "write", "define", "book", "reserve", "record", "log",
    "save", "store", "place", "register", "send", "leave", "import", "upload", "track", "schedule", "make",
    "bookmark", "collect", "persist", "insert", "compose", "issue", "rate",
];
const CHANGE: &[&str] = &[
    "edit", "update", "modify", "change", "rename", "archive", "complete", "assign", "approve", "mark",
    "adjust",
];
const DELETE: &[&str] = &["delete", "remove", "cancel", "destroy"];
const MANAGE: &[&str] = &["manage", "maintain", "administer", "organize", "moderate", "crud"];
const READ: &[&str] = &[
    "view", "list", "browse", "search", "filter", "read", "see", "show", "display", "retrieve", "get",
    "find", "sort", "fetch", "query",
];
const SKIP: &[&str] = &[
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

fn act(word: &str) -> Option<Act> {
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
    ]
    .into_iter()
    .find(|(list, _)| in_list(list))
    .map(|(_, act)| act)
}

fn english(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let words = tokens(&sentence.norm);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let denied =
        sentence.hits.first().is_some_and(|h| h.tag == crate::lexicon::Tag::Negation && h.start == 0);
    if denied {
        return;
    }
    let mut at = 0;
    while at < words.len() {
        if negated_before(&words, at) {
            at += 1;
            continue;
        }
        if act(words[at]).is_some() && !is_noun_here(&words, at) {
            at = verbs_and_objects(&words, at, sentence.line, nouns);
            continue;
        }
        if matches!(words[at], "own" | "has" | "have") && owns(&words, at) {
            for noun in objects(&words, at + 1).0 {
                note(nouns, noun, Act::Own, sentence.line).owned = true;
            }
        }
        if matches!(
            words[at],
            "management" | "crud" | "catalog" | "catalogue" | "tracking" | "listings" | "listing"
        ) && at > 0
        {
            if let Some(noun) = noun_phrase(&words[at.saturating_sub(2)..at]) {
                note(nouns, noun, Act::Manage, sentence.line);
            }
            if words.get(at + 1) == Some(&"for") || words.get(at + 1) == Some(&"of") || words[at] == "crud" {
                let skip = if matches!(words.get(at + 1), Some(&"operations")) { 3 } else { 2 };
                for noun in objects(&words, at + skip).0 {
                    note(nouns, noun, Act::Manage, sentence.line);
                }
            }
        }
        at += 1;
    }
    if matches!(sentence.kind, Kind::Item { .. }) {
        listed(&words, sentence.line, nouns);
    }
}

/// "Contacts with search", "Companies and linked contacts": an item that opens with a plural record.
fn listed(words: &[&str], line: u32, nouns: &mut BTreeMap<String, Evidence>) {
    let Some(first) = words.first() else {
        return;
    };
    let key = names::singular(first);
    let plural = key != *first;
    let clear = nouns::RECORDS.contains(&key.as_str()) && !nouns::NOT_RECORDS.contains(&key.as_str())
        || matches!(key.as_str(), "contact" | "message" | "customer");
    let alone =
        words.len() == 1 || matches!(words.get(1), Some(&"with" | &"and" | &"pipeline" | &"," | &":" | &"("));
    if plural && clear && alone {
        note(nouns, key, Act::Listed, line);
        note(nouns, names::singular(first), Act::Read, line);
    }
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
    let (found, end) = objects(words, next);
    for noun in found {
        for act in &acts {
            note(nouns, noun.clone(), *act, line);
        }
    }
    end.max(at + 1)
}

/// The nouns of a list of objects, and where it ends.
fn objects(words: &[&str], from: usize) -> (Vec<String>, usize) {
    const OBJECTS_MAX: usize = 8;
    let mut found = Vec::new();
    let mut at = from;
    while found.len() < OBJECTS_MAX {
        let start = at;
        let mut own = 0;
        while words.get(at).is_some_and(|w| SKIP.contains(w) || w.parse::<u32>().is_ok()) {
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
                if words.get(at).is_none_or(|w| act(w).is_some() || STOP.contains(w)) {
                    return (found, at);
                }
            }
            _ => return (found, at),
        }
    }
    (found, at)
}

/// The record a noun phrase is about.
fn noun_phrase(words: &[&str]) -> Option<String> {
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
        "collection",
    ];
    let mut words: Vec<&str> =
        words.iter().copied().filter(|w| is_noun_word(w) && !SKIP.contains(w)).collect();
    while words.len() > 1 && words.last().is_some_and(|w| ASPECTS.contains(&names::singular(w).as_str())) {
        let whole = names::singular(&words.join("_"));
        if nouns::RECORDS.contains(&whole.as_str()) {
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
        if nouns::RECORDS.contains(&pair.as_str()) || COMPOUND_HEADS.contains(&head.as_str()) && !adjective {
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
fn owns(words: &[&str], at: usize) -> bool {
    if words[at] == "own" {
        return at > 0 && matches!(words[at - 1], "their" | "his" | "her" | "user's" | "my");
    }
    let before = &words[at.saturating_sub(4)..at];
    before.iter().any(|w| matches!(*w, "each" | "every"))
        && before.iter().any(|w| matches!(*w, "user" | "customer" | "member" | "account"))
}

fn negated_before(words: &[&str], at: usize) -> bool {
    words[at.saturating_sub(3)..at]
        .iter()
        .any(|w| matches!(*w, "not" | "cannot" | "can't" | "don't" | "no" | "never" | "without" | "doesn't"))
}

/// "post", "log", "record", "list" are nouns after an article or before the end of the sentence.
fn is_noun_here(words: &[&str], at: usize) -> bool {
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
                | "that"
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

fn note(nouns: &mut BTreeMap<String, Evidence>, noun: String, act: Act, line: u32) -> &mut Evidence {
    let evidence = nouns.entry(noun).or_default();
    evidence.acts.insert(act);
    evidence.mentions += 1;
    if evidence.lines.len() < LINES_MAX && evidence.lines.last() != Some(&line) {
        evidence.lines.push(line);
    }
    evidence
}

/// Words and punctuation of a normalised sentence.
fn tokens(norm: &str) -> Vec<String> {
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

const FOREIGN_ACTS: &[(Act, &[&str])] = &[
    (
        Act::Create,
        &[
            "作成",
            "追加",
            "登録",
            "投稿",
            "保存",
            "创建",
            "添加",
            "新增",
            "发布",
            "新建",
            "생성",
            "추가",
            "작성",
            "등록",
            "저장",
            "criar",
            "adicionar",
            "cadastrar",
            "crear",
            "agregar",
            "añadir",
            "registrar",
            "erstellen",
            "hinzufügen",
            "anlegen",
            "angelegt",
            "créer",
            "ajouter",
            "enregistrer",
        ],
    ),
    (
        Act::Change,
        &[
            "編集",
            "更新",
            "変更",
            "编辑",
            "修改",
            "수정",
            "편집",
            "변경",
            "editar",
            "atualizar",
            "actualizar",
            "modificar",
            "bearbeiten",
            "bearbeitet",
            "ändern",
            "modifier",
        ],
    ),
    (
        Act::Delete,
        &[
            "削除",
            "删除",
            "삭제",
            "excluir",
            "remover",
            "eliminar",
            "borrar",
            "deletar",
            "löschen",
            "gelöscht",
            "supprimer",
        ],
    ),
    (
        Act::Manage,
        &[
            "管理",
            "관리",
            "gerenciar",
            "gerenciamento",
            "gestionar",
            "gestión",
            "verwalten",
            "verwaltung",
            "gérer",
            "gestion",
        ],
    ),
    (
        Act::Read,
        &[
            "一覧",
            "表示",
            "検索",
            "列表",
            "查看",
            "查询",
            "목록",
            "조회",
            "listar",
            "visualizar",
            "buscar",
            "consultar",
            "anzeigen",
            "suchen",
            "afficher",
            "lister",
        ],
    ),
];

/// The same evidence in other languages: a known noun and a verb in one sentence.
fn translated(sentence: &Sentence, nouns: &mut BTreeMap<String, Evidence>) {
    let norm = &sentence.norm;
    let acts: Vec<Act> = FOREIGN_ACTS
        .iter()
        .filter(|(_, words)| words.iter().any(|w| norm.contains(w)))
        .map(|(act, _)| *act)
        .collect();
    if acts.is_empty() {
        return;
    }
    for (word, english) in nouns::TRANSLATIONS {
        if contains_noun(norm, word) {
            for act in &acts {
                note(nouns, (*english).to_owned(), *act, sentence.line);
            }
        }
    }
}

fn contains_noun(norm: &str, word: &str) -> bool {
    let spaced = word.chars().next().is_some_and(|c| (c as u32) < 0x250);
    norm.match_indices(word).any(|(at, _)| {
        let before = norm[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let after: String = norm[at + word.len()..].chars().take_while(|c| c.is_alphanumeric()).collect();
        !spaced || before && ["", "s", "es", "e", "n", "en", "er", "x"].contains(&after.as_str())
    })
}
