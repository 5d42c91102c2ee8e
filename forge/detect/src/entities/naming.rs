//! Which table a heading or a label names.

use crate::lexicon::nouns;
use crate::names;

use super::fields::column_name;

/// The table a heading or a label names: `Users Table` -> `users`, `用户表 (users)` -> `users`.
pub(crate) fn entity(text: &str) -> Option<String> {
    const TEXT_BYTES_MAX: usize = 160;
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text =
        text.trim().trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')' | ' ' | '#'));
    let text = text.trim_end_matches([':', '：', '.']).trim();
    if let Some((head, inner)) = text.split_once(['(', '（']) {
        let inner = inner.trim_end_matches([')', '）']).trim();
        if head.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) && column_name(inner).is_some() {
            return entity_words(inner);
        }
        return entity_words(head.trim());
    }
    entity_words(text)
}

/// The table a label names, with or without a remark: `Users: one for each member`.
pub(crate) fn label(text: &str) -> Option<String> {
    const LABEL_BYTES_MAX: usize = 60;
    let cut = [":", "：", " - ", " – ", " — "].iter().filter_map(|mark| text.find(mark)).min();
    let head = &text[..cut.unwrap_or(text.len())];
    if head.len() > LABEL_BYTES_MAX { None } else { entity(head) }
}

fn entity_words(text: &str) -> Option<String> {
    const TAILS: &[&str] = &[
        "table",
        "tables",
        "model",
        "models",
        "entity",
        "entities",
        "schema",
        "collection",
        "object",
        "resource",
        "fields",
        "record",
        "structure",
        "properties",
        "attributes",
        "document",
        "data model",
        "data",
    ];
    let text = without_script_tail(text.trim());
    let lower = text.to_lowercase();
    // A name spelt as code stays as it is, so that `categoria_id` still finds `categorias`.
    let code = text == lower && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let english = nouns::TRANSLATIONS.iter().find(|(word, _)| {
        lower == *word || lower.strip_suffix('s') == Some(word) || lower.strip_suffix('n') == Some(word)
    });
    if let Some((_, english)) = english.filter(|_| !code) {
        return Some(names::plural(english));
    }
    let mut words: Vec<&str> = text.split_whitespace().collect();
    while words.len() > 1 && words.last().is_some_and(|w| TAILS.contains(&w.to_lowercase().as_str())) {
        words.pop();
    }
    while words.len() > 1
        && words.first().is_some_and(|w| {
            ["the", "a", "an", "table", "model", "entity", "collection"]
                .contains(&w.trim_end_matches(':').to_lowercase().as_str())
        })
    {
        words.remove(0);
    }
    if words.is_empty() || words.len() > 3 {
        return None;
    }
    if STARTS.contains(&words.first()?.to_lowercase().as_str()) && words.len() > 1 {
        return None;
    }
    let name = column_name(&words.join(" "))?;
    (!GENERIC.contains(&name.as_str()) && !name.chars().all(|c| c.is_ascii_digit() || c == '_'))
        .then(|| names::plural(&names::singular(&name)))
}

/// `items テーブル` -> `items`, `用户表` -> `用户`.
fn without_script_tail(text: &str) -> &str {
    const TAILS: &[&str] = &["テーブル", "エンティティ", "数据表", "实体", "表", "테이블", "엔티티"];
    let bare = TAILS.iter().find_map(|tail| text.strip_suffix(tail)).unwrap_or(text).trim_end();
    if bare.is_empty() { text } else { bare }
}

/// Words that begin a remark, not the name of a table.
const STARTS: &[&str] = &[
    "after", "before", "when", "if", "for", "on", "in", "with", "how", "what", "why", "where", "to", "as",
    "by", "from", "during", "while", "until", "without", "then", "no", "not", "is", "are", "can", "must",
    "should",
];

/// Headings inside a schema that name no table.
const GENERIC: &[&str] = &[
    "overview",
    "relationships",
    "relations",
    "entity_relationships",
    "indexes",
    "indices",
    "constraints",
    "enums",
    "database",
    "schema",
    "tables",
    "table",
    "models",
    "model",
    "entities",
    "entity",
    "er_diagram",
    "erd",
    "diagram",
    "migrations",
    "notes",
    "data",
    "data_model",
    "data_models",
    "database_schema",
    "core",
    "core_tables",
    "main",
    "fields",
    "design",
    "storage",
    "security",
    "rls",
    "policies",
    "row_level_security",
    "performance",
    "technology",
    "tech_stack",
    "stack",
    "backend",
    "frontend",
    "api",
    "orm",
    "primary",
    "type",
    "types",
    "key",
    "keys",
    "backup",
    "caching",
    "cache",
    "example",
    "examples",
    "requirements",
    "access",
    "rules",
    "validation",
    "introduction",
    "summary",
    "data_handling",
    "privacy",
    "retention",
    "data_retention",
    "persistence",
    "scalability",
    "collections",
    "functions",
    "triggers",
    "views",
    "extensions",
    "seed",
    "seeding",
    "seed_data",
    "database_type",
    "primary_database",
    "provider",
    "hosting",
    "relationship",
    "normalization",
    "integrity",
    "data_integrity",
    "encryption",
    "consistency",
    "format",
    "source",
    "data_source",
    "data_sources",
    "sql",
    "postgresql",
    "mysql",
    "mongodb",
    "sqlite",
    "redis",
    "prisma",
    "supabase",
    "firebase",
    "turso",
    "drizzle",
    "id",
    "name",
    "title",
    "description",
    "created_at",
    "updated_at",
    "email",
    "status",
    "relacoes",
    "relacionamentos",
    "relaciones",
    "indices",
    "beziehungen",
    "uebersicht",
    "visao_geral",
    "resumen",
    "resumo",
    "descricao",
    "descripcion",
    "beschreibung",
];
