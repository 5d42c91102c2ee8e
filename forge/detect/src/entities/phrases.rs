//! Sentences that announce a table's fields.

use super::naming;

/// A word as written and in lower case.
struct Word<'t> {
    raw: &'t str,
    low: String,
}

/// The table of `Each task has the following fields:`, `Task properties:`, `users table:`.
pub(super) fn announced(text: &str) -> Option<String> {
    const TEXT_BYTES_MAX: usize = 160;
    let end = text.char_indices().nth(TEXT_BYTES_MAX + 1).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    let head = text.split([':', '：']).next().unwrap_or_default();
    if head.len() > TEXT_BYTES_MAX || !text.contains([':', '：']) {
        return None;
    }
    let words = words(head);
    has_pattern(&words).or_else(|| noun_pattern(&words))
}

/// The table of `Each task has a title and a due date`, without a list.
pub(super) fn described(text: &str) -> Option<String> {
    let words = words(text);
    let each = words.iter().position(|w| w.low == "each" || w.low == "every")?;
    let clause = words.get(each..(each + 8).min(words.len()))?;
    has_pattern(clause)
}

/// The table of `Each reply belongs to a ticket`.
pub(super) fn belonging(norm: &str) -> Option<String> {
    const NOUN_WORDS_MAX: usize = 2;
    let words: Vec<&str> = norm.split(' ').collect();
    let each = words.iter().position(|w| matches!(*w, "each" | "every"))?;
    let clause = words.get(each + 1..)?;
    let verb = clause.iter().take(NOUN_WORDS_MAX + 3).position(|w| matches!(*w, "belongs" | "belong"))?;
    let noun: Vec<&str> =
        clause[..verb].iter().copied().filter(|w| !matches!(*w, "must" | "can" | "should")).collect();
    let people = noun.last().is_some_and(|w| matches!(*w, "user" | "person" | "page" | "component" | "file"));
    if noun.is_empty() || noun.len() > NOUN_WORDS_MAX || people || clause.get(verb + 1) != Some(&"to") {
        return None;
    }
    naming::entity(&noun.join(" "))
}

/// Tables named outright: "the `audit_logs` table", "add a column to the tasks table".
pub(super) fn tables(text: &str) -> Vec<String> {
    const WORDS: &[&str] = &["table", "tables", "collection"];
    const NOT: &[&str] = &[
        "the",
        "a",
        "an",
        "this",
        "that",
        "each",
        "pricing",
        "comparison",
        "lookup",
        "data",
        "database",
        "hash",
        "routing",
        "new",
        "existing",
        "following",
        "single",
        "main",
        "symbol",
        "truth",
        "periodic",
        "sortable",
        "game",
        "dining",
        "html",
        "markdown",
        "code",
        "frequency",
        "decision",
        "summary",
        "these",
        "responsive",
        "paginated",
        "all",
        "sql",
        "value",
        "mapping",
        "round",
        "pivot",
        "excel",
        "multiplication",
        "leaderboard",
        "results",
        "result",
        "output",
    ];
    let words = words(text);
    let mut found = Vec::new();
    for pair in words.windows(2) {
        let [before, table] = pair else { continue };
        let identifier = before.raw.contains('_')
            || before.raw.chars().skip(1).any(char::is_uppercase)
                && before.raw.chars().any(char::is_lowercase);
        let plural = crate::names::is_plural(&before.low);
        if WORDS.contains(&table.low.as_str())
            && !NOT.contains(&before.low.as_str())
            && (identifier || plural)
        {
            found.extend(naming::entity(before.raw));
        }
    }
    found
}

fn words(text: &str) -> Vec<Word<'_>> {
    text.split(|c: char| c.is_whitespace() || c == '/')
        .map(|w| {
            w.trim_matches(|c: char| matches!(c, ',' | '.' | ':' | ';' | '(' | ')' | '"' | '\'' | '`' | '*'))
        })
        .filter(|w| !w.is_empty())
        .map(|raw| Word { raw, low: raw.to_lowercase() })
        .collect()
}

fn entity_of(words: &[Word<'_>]) -> Option<String> {
    naming::entity(&words.iter().map(|w| w.raw).collect::<Vec<_>>().join(" "))
}

/// "each|every|a|the X has|should have|includes …"
fn has_pattern(words: &[Word<'_>]) -> Option<String> {
    const VERBS: &[&str] = &[
        "has",
        "have",
        "contains",
        "contain",
        "includes",
        "include",
        "consists",
        "consist",
        "stores",
        "store",
        "comprises",
    ];
    const MODALS: &[&str] = &["should", "must", "will", "can", "also", "shall", "may"];
    const STARTS: &[&str] = &["each", "every", "a", "an", "the", "all", "that"];
    const PARTS: &[&str] = &[
        "app",
        "application",
        "system",
        "page",
        "form",
        "user",
        "project",
        "game",
        "site",
        "website",
        "dashboard",
        "screen",
        "header",
        "menu",
        "table",
        "api",
        "section",
        "step",
        "story",
        "component",
        "test",
        "bar",
        "card",
        "row",
        "button",
        "view",
        "response",
        "request",
        "result",
        "file",
        "platform",
        "module",
        "tool",
        "line",
        "entry",
        "document",
        "prd",
        "function",
        "class",
        "level",
        "round",
        "player",
        "endpoint",
        "report",
        "output",
        "column",
        "cell",
        "item",
        "feature",
        "service",
        "editor",
        "homepage",
        "footer",
        "navbar",
        "modal",
        "side",
        "team",
        "program",
        "command",
        "script",
        "panel",
        "output",
        "input",
    ];
    let verb = words.iter().position(|w| VERBS.contains(&w.low.as_str()))?;
    let mut end = verb;
    while end > 0 && MODALS.contains(&words[end - 1].low.as_str()) {
        end -= 1;
    }
    let article = words[..end].iter().rposition(|w| STARTS.contains(&w.low.as_str()));
    // "Product has": a name at the very beginning needs no article.
    let named = end <= 2 && words.first()?.raw.starts_with(char::is_uppercase);
    let start = article.or_else(|| named.then_some(0))?;
    let noun = &words[article.map_or(0, |at| at + 1)..end];
    let last = noun.last()?;
    let fields_follow = words[verb..]
        .iter()
        .any(|w| ["fields", "properties", "attributes", "columns"].contains(&w.low.as_str()));
    let each = ["each", "every"].contains(&words[start].low.as_str());
    // "Each page has a title" speaks of a record, "each page has a header" of the interface.
    let recorded = words[verb..].iter().any(|w| {
        ["title", "name", "content", "description", "date", "status", "owner", "priority", "text", "author"]
            .contains(&w.low.as_str())
    });
    let ambiguous = PARTS.contains(&last.low.as_str())
        && !(each
            && recorded
            && matches!(
                last.low.as_str(),
                "page" | "project" | "item" | "document" | "entry" | "service" | "story" | "card" | "team"
            ));
    if noun.len() > 3 || ambiguous && !fields_follow {
        return None;
    }
    entity_of(noun)
}

/// "X fields", "X table", "properties of X", "fields for each X".
fn noun_pattern(words: &[Word<'_>]) -> Option<String> {
    const NOUNS: &[&str] =
        &["fields", "properties", "attributes", "columns", "table", "model", "entity", "schema"];
    const NONE: &[&str] = &[
        "following",
        "required",
        "the",
        "key",
        "main",
        "form",
        "input",
        "these",
        "its",
        "minimum",
        "additional",
        "database",
        "data",
        "custom",
        "with",
        "optional",
        "and",
        "accepted",
        "available",
        "supported",
        "allowed",
        "response",
        "request",
        "returned",
        "common",
        "basic",
        "general",
        "in",
        "to",
        "a",
        "an",
        "new",
        "existing",
        "editable",
        "output",
        "search",
        "csv",
        "query",
        "standard",
    ];
    let at = words.iter().position(|w| NOUNS.contains(&w.low.as_str()))?;
    if let Some(of) = words[at..].iter().position(|w| ["of", "for"].contains(&w.low.as_str())) {
        let articles = ["each", "a", "an", "the", "every"];
        let noun: Vec<&str> = words[at + of + 1..]
            .iter()
            .filter(|w| !articles.contains(&w.low.as_str()))
            .map(|w| w.raw)
            .take(3)
            .collect();
        return if noun.is_empty() { None } else { naming::entity(&noun.join(" ")) };
    }
    let before = words[..at].iter().rposition(|w| NONE.contains(&w.low.as_str())).map_or(0, |n| n + 1);
    let noun = &words[before..at];
    if noun.is_empty() || noun.len() > 2 || words.len() > 8 {
        return None;
    }
    entity_of(noun)
}
