//! Tables out of headings and lists: a heading or label that names a table, and fields under it.

use crate::document::{Block, Kind};
use crate::draft::{Draft, Source};
use crate::names;
use crate::scope::{self, Scope, Scoped};

use super::fields::{self, Field};
use super::grids::need;
use super::{naming, phrases, records, titles};

/// How many of a list's items must look like fields for it to be one of fields, in percent.
const FIELDS_SHARE_MIN: usize = 60;

/// Drafts from every section and list in scope.
pub(super) fn drafts(scoped: &Scoped<'_>) -> Vec<Draft> {
    let document = scoped.document;
    let mut by_section: Vec<Vec<usize>> = vec![Vec::new(); document.sections.len()];
    for (index, block) in document.blocks.iter().enumerate() {
        if scoped.blocks.get(index) == Some(&Scope::In)
            && let Some(list) = by_section.get_mut(block.section)
        {
            list.push(index);
        }
    }
    let mut drafts = Vec::new();
    for (index, section) in document.sections.iter().enumerate() {
        if scoped.sections.get(index) != Some(&Scope::In) || section.level == 0 {
            continue;
        }
        let title = scope::bare_title(section);
        let under_model = section.parent.is_some_and(|parent| titles::in_model(scoped, parent));
        let models = titles::is_model(&section.title) && titled(title).is_none();
        if models {
            listed(scoped, &by_section[index], &mut drafts);
        } else if let Some(name) =
            titled(title).or_else(|| if under_model { naming::entity(title) } else { None })
        {
            let found = section_fields(scoped, &by_section[index]);
            if !found.is_empty() || titled(title).is_some() {
                drafts.push(Draft { table: need(name, &found, vec![section.line]), source: Source::Bullets });
            }
        } else if section.level > 1
            && !titles::is_elsewhere(scoped, index)
            && are_typed(&items(scoped, &by_section[index]))
            && let Some(name) = naming::label(title)
        {
            let found = section_fields(scoped, &by_section[index]);
            drafts.push(Draft { table: need(name, &found, vec![section.line]), source: Source::Bullets });
        }
    }
    for (index, block) in document.blocks.iter().enumerate() {
        if scoped.blocks.get(index) == Some(&Scope::In) && block.kind != Kind::Heading {
            announced(scoped, index, block, &mut drafts);
            spelt(scoped, block, &mut drafts);
        }
    }
    drafts
}

/// The table of a heading such as `Users Table` or `Task model`.
pub(super) fn titled(title: &str) -> Option<String> {
    const TAILS: &[&str] =
        &["table", "model", "entity", "collection", "schema", "fields", "テーブル", "表", "테이블"];
    let lower = title.to_lowercase();
    let bare = lower.split(['(', '（']).next().unwrap_or_default().trim();
    let tail = TAILS.iter().find(|tail| bare.ends_with(*tail))?;
    let head = bare[..bare.len() - tail.len()].trim();
    let generic = [
        "data",
        "database",
        "db",
        "pricing",
        "comparison",
        "summary",
        "business",
        "revenue",
        "domain",
        "price",
        "permission",
        "ai",
        "language",
        "security",
        "the",
        "code",
    ];
    (!head.is_empty() && !generic.contains(&head)).then(|| naming::entity(title)).flatten()
}

/// The fields directly in a section.
fn section_fields(scoped: &Scoped<'_>, blocks: &[usize]) -> Vec<Field> {
    let items = items(scoped, blocks);
    let mut found = as_fields(&items);
    if items.is_empty() {
        for block in blocks
            .iter()
            .filter_map(|index| scoped.document.blocks.get(*index))
            .filter(|b| b.kind == Kind::Paragraph)
        {
            let text = block
                .text
                .split_once([':', '：'])
                .filter(|(head, _)| head.len() < 30)
                .map_or(block.text.as_str(), |(_, rest)| rest);
            let listed = fields::list(text);
            if listed.len() > 1 && text.split_whitespace().count() <= listed.len() * 4 {
                found.extend(listed);
            }
        }
    }
    // `Fields:` with the fields one level down.
    for (index, block) in blocks.iter().filter_map(|i| scoped.document.blocks.get(*i).map(|b| (*i, b))) {
        let label = block.text.to_lowercase();
        let label = label.trim_end_matches([':', '：', ' ']);
        if ["fields", "columns", "attributes", "properties", "key fields"].contains(&label) {
            let texts: Vec<&str> = scoped.document.children(index).map(|(_, b)| b.text.as_str()).collect();
            found.extend(as_fields(&texts));
        }
    }
    found
}

/// The texts of a section's top items.
fn items<'d>(scoped: &Scoped<'d>, blocks: &[usize]) -> Vec<&'d str> {
    let all = blocks.iter().filter_map(|index| scoped.document.blocks.get(*index));
    all.filter(|b| b.kind == Kind::Item { depth: 0 }).map(|b| b.text.as_str()).collect()
}

/// True when most of a list's items are names with types, so that it needs no heading to be fields.
fn are_typed(texts: &[&str]) -> bool {
    const TYPED_MIN: usize = 2;
    let typed = texts.iter().filter(|text| fields::is_typed(text)).count();
    typed >= TYPED_MIN && typed * 100 >= texts.len() * FIELDS_SHARE_MIN
}

/// The fields of a list; none where it is not one of fields.
fn as_fields(texts: &[&str]) -> Vec<Field> {
    let mut found = Vec::new();
    let mut like = 0;
    for text in texts {
        let fields = fields::read(text);
        if !fields.is_empty() {
            like += 1;
        }
        found.extend(fields);
    }
    if like * 100 >= texts.len() * FIELDS_SHARE_MIN { found } else { Vec::new() }
}

/// A section that lists tables: each item or paragraph is one.
fn listed(scoped: &Scoped<'_>, blocks: &[usize], drafts: &mut Vec<Draft>) {
    // A long list has one lead; asking it once keeps the time linear.
    let mut asked: Option<(usize, bool)> = None;
    let (mut found, mut remarked) = (Vec::new(), Vec::new());
    for index in blocks {
        let Some(block) = scoped.document.blocks.get(*index) else {
            continue;
        };
        let top = matches!(block.kind, Kind::Item { depth: 0 } | Kind::Paragraph);
        let led = block.lead.is_some_and(|lead| match asked {
            Some((known, answer)) if known == lead => answer,
            _ => asked.insert((lead, is_entity_lead(scoped, lead))).1,
        });
        if !top || led || phrases::announced(&block.text).is_some() {
            continue;
        }
        let children: Vec<&str> = scoped.document.children(*index).map(|(_, b)| b.text.as_str()).collect();
        let lines: Vec<(u32, &str)> = block.lines().collect();
        if lines.len() > 1 && children.is_empty() {
            let each: Vec<Draft> =
                lines.iter().filter_map(|(line, text)| labelled(block.kind, *line, text, &[])).collect();
            if each.len() > 1 && each.len() * 100 >= lines.len() * FIELDS_SHARE_MIN {
                drafts.extend(each);
                continue;
            }
        }
        match labelled(block.kind, block.line(), &block.text, &children) {
            Some(draft) => found.push(draft),
            None => remarked.extend(remark(block)),
        }
    }
    // "Bids – offers on a listing" is a table beside others that plainly are.
    if found.len() >= remarked.len() {
        found.extend(remarked);
    }
    found.sort_by_key(|draft| draft.table.lines.first().copied());
    drafts.extend(found);
}

/// `Bids – offers on a listing`: an item that names several of something and says what they are.
fn remark(block: &Block) -> Option<Draft> {
    let marks = [" - ", " – ", " — ", ": "];
    let (head, _) = marks.iter().find_map(|mark| block.text.split_once(mark))?;
    let last = head.split_whitespace().next_back()?.to_lowercase();
    let several = names::is_plural(&last) && head.split_whitespace().count() <= 2;
    let item = block.kind == Kind::Item { depth: 0 };
    let name = naming::entity(head).filter(|_| several && item)?;
    Some(Draft { table: need(name, &[], vec![block.line()]), source: Source::Bullets })
}

/// True when a list's leading paragraph already names the table its items are fields of.
fn is_entity_lead(scoped: &Scoped<'_>, index: usize) -> bool {
    let Some(lead) = scoped.document.blocks.get(index) else {
        return false;
    };
    let typed = || {
        let items: Vec<&str> = scoped.document.children(index).map(|(_, b)| b.text.as_str()).collect();
        naming::label(&lead.text).is_some() && are_typed(&items)
    };
    phrases::announced(&lead.text).is_some() || fields_label(lead) || typed()
}

fn fields_label(lead: &Block) -> bool {
    lead.kind == Kind::Paragraph && lead.text.ends_with([':', '：']) && naming::entity(&lead.text).is_some()
}

/// `User: id, email`, `users (id, email)`, `User — somebody who …`, or a name with fields under it.
fn labelled(kind: Kind, line: u32, text: &str, children: &[&str]) -> Option<Draft> {
    let text = without_kind(text);
    let cut = [":", "：", "(", "（", " - ", " – ", " — ", "->"]
        .iter()
        .filter_map(|m| text.find(m).map(|at| (at, m.len())))
        .min();
    let (head, rest) = match cut {
        Some((at, length)) => (&text[..at], &text[at + length..]),
        None => (before_remark(text), ""),
    };
    let name = naming::entity(head)?;
    let nested = as_fields(children);
    let found = if nested.is_empty() { inline_fields(rest) } else { nested };
    let paragraph = kind == Kind::Paragraph;
    let named = is_record(&name) || is_identifier(head.trim());
    if found.is_empty() && (paragraph || !named) {
        return None;
    }
    Some(Draft { table: need(name, &found, vec![line]), source: Source::Bullets })
}

/// `Messages between buyers and sellers` -> `Messages`.
fn before_remark(text: &str) -> &str {
    const LINKS: &[&str] = &[" between ", " that ", " who ", " from ", " by ", " for ", " of ", " which "];
    let cut = LINKS.iter().filter_map(|link| text.find(link)).min();
    &text[..cut.unwrap_or(text.len())]
}

/// `Entity: Task (…)` -> `Task (…)`.
fn without_kind(text: &str) -> &str {
    const KINDS: &[&str] =
        &["entity", "table", "model", "collection", "entidad", "entidade", "tabelle", "tabla", "tabela"];
    match text.split_once([':', '：']) {
        Some((kind, rest)) if KINDS.contains(&kind.trim().to_lowercase().as_str()) => rest.trim(),
        _ => text,
    }
}

/// `Entity: Task (…)`, `tasks (id, title, user_id)`, `tasks: id, title, user_id` anywhere, and a line
/// of such fields below one that names the table.
fn spelt(scoped: &Scoped<'_>, block: &Block, drafts: &mut Vec<Draft>) {
    const FIELDS_MIN: usize = 2;
    let elsewhere = titles::is_elsewhere(scoped, block.section);
    let mut above: Option<&str> = None;
    for (line, text) in block.lines() {
        let bare = without_kind(text);
        let closed = bare.ends_with(')') || bare.ends_with(").");
        let head = if closed { bare.split_once('(') } else { bare.split_once([':', '：']) };
        let (head, inner) = head.or_else(|| above.map(|above| (above, bare))).unwrap_or((bare, ""));
        above = (head == bare).then_some(bare);
        let listed = fields::list(inner.trim_end_matches(['.', ')']));
        let keyed = listed.iter().any(|f| f.column.name == "id" || f.column.name.ends_with("_id"));
        let said = closed && bare.len() < text.len();
        let dense = inner.split_whitespace().count() <= listed.len() * 4;
        if (said || keyed && !elsewhere)
            && dense
            && listed.len() >= FIELDS_MIN
            && let Some(name) = naming::entity(head)
        {
            drafts.push(Draft { table: need(name, &listed, vec![line]), source: Source::Bullets });
        }
    }
}

/// Fields in the rest of a label: a plain list, or one after "with" in a remark.
fn inline_fields(rest: &str) -> Vec<Field> {
    const LABEL_BYTES_MAX: usize = 24;
    let rest = rest.trim().trim_end_matches([')', '）', '.']);
    // A nested label such as `fields:` or its like in other languages.
    let rest = rest
        .find([':', '：'])
        .filter(|at| *at <= LABEL_BYTES_MAX && !rest[..*at].contains(','))
        .map_or(rest, |at| rest[at..].trim_start_matches([':', '：', ' ']));
    let tail = remark_fields(rest);
    if !tail.is_empty() {
        return tail;
    }
    let listed = fields::list(rest);
    if listed.len() >= 2 && rest.split_whitespace().count() <= listed.len() * 4 {
        return listed;
    }
    match rest.split_once(" with ") {
        Some((_, tail)) => fields::list(tail),
        None => Vec::new(),
    }
}

/// The fields after a remark: `what is for sale, with title and price`, `people (name, email)`.
fn remark_fields(rest: &str) -> Vec<Field> {
    const REMARK_WORDS_MIN: usize = 2;
    let cut = rest.rfind(" with ").map(|at| (at, " with ".len()));
    let cut =
        cut.or_else(|| rest.rfind(" (").filter(|at| !rest[*at..].contains(')')).map(|at| (at, " (".len())));
    let Some((at, length)) = cut else {
        return Vec::new();
    };
    let remark = rest[..at].trim_end_matches(',');
    if remark.split_whitespace().count() < REMARK_WORDS_MIN || remark.contains([',', '(']) {
        return Vec::new();
    }
    let listed = fields::list(&rest[at + length..]);
    if listed.len() > 1 { listed } else { Vec::new() }
}

/// `ActionItem` or `action_items`: spelt as code.
fn is_identifier(head: &str) -> bool {
    let inner_capital = head.chars().skip(1).any(char::is_uppercase) && head.chars().any(char::is_lowercase);
    !head.contains(' ')
        && (head.contains('_') || inner_capital && head.starts_with(char::is_uppercase))
        && !head.ends_with("DB")
        && !head.ends_with("SQL")
}

fn is_record(name: &str) -> bool {
    let key = names::singular(name);
    let last = key.rsplit('_').next().unwrap_or_default();
    records::is_record(&key) || records::is_record(last)
}

/// `Each task has the following fields:` with a list, or with the fields in the same sentence.
fn announced(scoped: &Scoped<'_>, index: usize, block: &Block, drafts: &mut Vec<Draft>) {
    let children: Vec<&str> = scoped.document.children(index).map(|(_, b)| b.text.as_str()).collect();
    let free = || {
        let elsewhere =
            titles::is_elsewhere(scoped, block.section) && !titles::in_model(scoped, block.section);
        let typed = !elsewhere && !titles::names_elsewhere(&block.text) && are_typed(&children);
        if typed { naming::label(&block.text) } else { None }
    };
    let lines: Vec<(u32, &str)> = block.lines().collect();
    if lines.len() > 1 && children.is_empty() {
        let before = drafts.len();
        for (line, text) in lines {
            let found = after_colon(text);
            if let Some(name) = phrases::announced(text).filter(|_| !found.is_empty()) {
                drafts.push(Draft { table: need(name, &found, vec![line]), source: Source::Bullets });
            }
        }
        if drafts.len() > before {
            return;
        }
    }
    let Some(name) = phrases::announced(&block.text).or_else(free) else {
        return;
    };
    let mut found = as_fields(&children);
    if found.is_empty() {
        found = after_colon(&block.text);
    }
    if !found.is_empty() {
        drafts.push(Draft { table: need(name, &found, vec![block.line()]), source: Source::Bullets });
    }
}

/// The fields of `Product has: sku, name and price.`
fn after_colon(text: &str) -> Vec<Field> {
    let Some((_, rest)) = text.split_once([':', '：']) else {
        return Vec::new();
    };
    let listed = fields::list(rest.trim_end_matches('.'));
    let dense = listed.len() > 1 && rest.split_whitespace().count() <= listed.len() * 4;
    if dense { listed } else { Vec::new() }
}
