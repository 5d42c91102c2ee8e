//! Tables, sentences and headings out of XML, well-formed or merely in its style.
//!
//! Specifications for coding agents are often text between tags that no parser would accept, so the
//! reader here accepts anything: a tag that is not closed ends with its parent, a stray `<` is text.

use super::build::{self, Builder};
use super::phrase;
use super::{Structured, spec};
use crate::draft::Source;
use crate::names;
use crate::requirements::ColumnNeed;

/// How deep elements may nest; deeper tags are passed over.
const DEPTH_MAX: usize = 64;

/// An element.
#[derive(Debug, Clone, Default)]
struct Element {
    name: String,
    line: u32,
    attributes: Vec<(String, String)>,
    /// Its own text by lines, without that of its children.
    text: Vec<(u32, String)>,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, names: &[&str]) -> Option<&str> {
        let value = |name: &&str| self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        names.iter().find_map(value).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn child(&self, names: &[&str]) -> Option<&Element> {
        self.children.iter().find(|child| names.iter().any(|name| child.name.eq_ignore_ascii_case(name)))
    }

    /// Its whole text on one line.
    fn flat(&self) -> String {
        self.text.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// True when the text is XML from its first to its last sign.
pub(crate) fn is(text: &str) -> bool {
    let text = text.trim();
    let head = text.get(..text.len().min(200)).unwrap_or(text).to_ascii_lowercase();
    if !text.starts_with('<') || head.contains("<!doctype html") || head.starts_with("<html") {
        return false;
    }
    let opening =
        if text.starts_with("<?") || text.starts_with("<!") { root_after_prolog(text) } else { Some(text) };
    let Some(opening) = opening else { return false };
    let name: String = opening[1..].chars().take_while(|c| is_name(*c)).collect();
    !name.is_empty() && text.ends_with(&format!("</{name}>"))
}

fn root_after_prolog(text: &str) -> Option<&str> {
    let mut rest = text;
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { rest.find("-->")? + 3 } else { rest.find('>')? + 1 };
        rest = rest[end..].trim_start();
    }
    rest.starts_with('<').then_some(rest)
}

/// Reads a whole document.
pub(crate) fn document(text: &str, first_line: u32) -> Structured {
    let root = parse(text, first_line);
    let mut reader = Reader::default();
    for child in &root.children {
        reader.walk(child, 1);
    }
    reader.out.drafts.extend(build::finish(reader.tables, Source::Schema));
    reader.out.prose.sort_by_key(|(line, _)| *line);
    reader.out.prose.retain(|(_, text)| !text.is_empty());
    reader.out
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':')
}

fn parse(text: &str, first_line: u32) -> Element {
    let mut stack = vec![Element { line: first_line, ..Element::default() }];
    let (mut at, mut line) = (0, first_line);
    while at < text.len() {
        let rest = &text[at..];
        let tag = if rest.starts_with('<') { tag(rest) } else { None };
        let taken = match tag {
            Some((Tag::Skip, length)) => length,
            Some((Tag::Open { name, attributes, closed }, length)) => {
                let element = Element { name: name.to_owned(), line, attributes, ..Element::default() };
                if closed {
                    attach(&mut stack, element);
                } else if stack.len() <= DEPTH_MAX {
                    stack.push(element);
                }
                length
            }
            Some((Tag::Close(name), length)) => {
                if let Some(open) =
                    stack.iter().rposition(|element| element.name == name).filter(|open| *open > 0)
                {
                    while stack.len() > open {
                        pop(&mut stack);
                    }
                }
                length
            }
            None => {
                let length = rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, letter)| *letter == '<')
                    .map_or(rest.len(), |(end, _)| end);
                add_text(&mut stack, &rest[..length], line);
                length
            }
        };
        line += u32::try_from(text[at..at + taken].matches('\n').count()).unwrap_or(0);
        at += taken;
    }
    while stack.len() > 1 {
        pop(&mut stack);
    }
    stack.pop().unwrap_or_default()
}

fn pop(stack: &mut Vec<Element>) {
    if let Some(element) = stack.pop() {
        attach(stack, element);
    }
}

fn attach(stack: &mut [Element], element: Element) {
    if let Some(parent) = stack.last_mut() {
        parent.children.push(element);
    }
}

fn add_text(stack: &mut [Element], text: &str, line: u32) {
    let Some(element) = stack.last_mut() else { return };
    for (offset, part) in text.split('\n').enumerate() {
        let part = part.trim();
        if !part.is_empty() {
            let plain = part
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&");
            let line = line.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            match element.text.last_mut() {
                Some((last, text)) if *last == line => {
                    text.push(' ');
                    text.push_str(&plain);
                }
                Some(_) | None => element.text.push((line, plain)),
            }
        }
    }
}

enum Tag<'a> {
    Open {
        name: &'a str,
        attributes: Vec<(String, String)>,
        closed: bool,
    },
    Close(&'a str),
    /// A comment, a declaration.
    Skip,
}

/// The longest tag that is looked for.
const TAG_BYTES_MAX: usize = 4096;

/// The tag at the start of `rest`, with its length in bytes.
fn tag(rest: &str) -> Option<(Tag<'_>, usize)> {
    if rest.starts_with("<!--") {
        return Some((Tag::Skip, rest.find("-->").map_or(rest.len(), |end| end + 3)));
    }
    let end = rest.bytes().take(TAG_BYTES_MAX).position(|byte| byte == b'>')?;
    let inside = &rest[1..end];
    if inside.starts_with(['?', '!']) {
        return Some((Tag::Skip, end + 1));
    }
    if let Some(name) = inside.strip_prefix('/') {
        let name = name.trim();
        return (!name.is_empty() && name.chars().all(is_name)).then_some((Tag::Close(name), end + 1));
    }
    let closed = inside.ends_with('/');
    let inside = inside.trim_end_matches('/');
    let name_end = inside.find(|c: char| !is_name(c)).unwrap_or(inside.len());
    let (name, tail) = inside.split_at(name_end);
    let named = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let spaced = tail.is_empty() || tail.starts_with(char::is_whitespace);
    if !named || !spaced || !tail.trim().is_empty() && !tail.contains('=') {
        return None;
    }
    Some((Tag::Open { name, attributes: attributes(tail), closed }, end + 1))
}

fn attributes(mut tail: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    while let Some((key, rest)) = tail.split_once('=') {
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { break };
        let Some((value, next)) = rest[1..].split_once(quote) else { break };
        out.push((key.trim().to_owned(), value.to_owned()));
        tail = next;
    }
    out
}

#[derive(Default)]
struct Reader {
    out: Structured,
    tables: Vec<Builder>,
}

/// Elements that are one table each.
const TABLE_TAGS: &[&str] = &["table", "entity", "model", "class", "collection", "document"];
/// Elements that are one column each.
const COLUMN_TAGS: &[&str] = &["column", "field", "property", "attribute", "id", "many-to-one", "key", "col"];
/// Elements that hold a table's columns.
const COLUMN_LISTS: &[&str] = &["columns", "fields", "properties", "attributes", "schema"];

impl Reader {
    fn walk(&mut self, element: &Element, depth: u8) {
        if spec::is_region(&element.name) {
            let before = (self.tables.len(), self.out.drafts.len());
            self.region(element);
            if (self.tables.len(), self.out.drafts.len()) != before {
                return;
            }
        }
        let entity = TABLE_TAGS.iter().any(|tag| element.name.eq_ignore_ascii_case(tag));
        if entity && element.attribute(&["name", "table"]).is_some() && self.table(element) {
            return;
        }
        self.out.headings.push((element.line, depth, names::snake(&element.name).replace('_', " ")));
        if let Some(name) = element.attribute(&["name", "title"]) {
            self.out.prose.push((element.line, name.to_owned()));
        }
        self.out.prose.extend(element.text.iter().cloned());
        for child in &element.children {
            self.walk(child, depth.saturating_add(1));
        }
    }

    /// What is under a tag such as `database_schema`.
    fn region(&mut self, element: &Element) {
        for child in &element.children {
            if spec::is_list(&child.name) && !child.children.is_empty() {
                self.region(child);
            } else if !self.table(child) {
                self.out.prose.extend(child.text.iter().cloned());
            }
        }
        let own: Vec<String> = element.text.iter().map(|(_, text)| text.clone()).collect();
        if let Some((line, _)) = element.text.first() {
            self.out.drafts.extend(super::extract(None, &own.join("\n"), *line));
            self.out.prose.extend(element.text.iter().cloned());
        }
    }

    /// Takes an element as a table, if it is one.
    fn table(&mut self, element: &Element) -> bool {
        let generic = TABLE_TAGS.iter().any(|tag| element.name.eq_ignore_ascii_case(tag));
        let titled = element
            .attribute(&["table", "name", "id"])
            .map(str::to_owned)
            .or_else(|| element.child(&["name"]).map(Element::flat));
        let name = if generic { titled.unwrap_or_default() } else { element.name.clone() };
        let name = name.rsplit('.').next().unwrap_or(&name).to_owned();
        let snake = names::snake(&name);
        if snake.is_empty() {
            return false;
        }
        let named = element.attribute(&["table"]).is_some() || names::is_plural(&snake) || !generic;
        let mut table =
            if named { Builder::table(&name, element.line) } else { Builder::entity(&name, element.line) };
        let mut signs = columns(&mut table, element, &mut self.out.prose);
        if let Some(about) = element.child(&["description"]) {
            self.out.prose.extend(about.text.iter().cloned());
        }
        signs += usize::from(generic);
        let count = table.need().columns.len();
        let taken = count >= 2 || count == 1 && signs > 0;
        if taken {
            self.tables.push(table);
        }
        taken
    }
}

/// Reads an element's columns; gives how many signs of a schema there were.
fn columns(table: &mut Builder, element: &Element, prose: &mut Vec<(u32, String)>) -> usize {
    let mut signs = 0;
    let mut sentences = Vec::new();
    for (line, text) in &element.text {
        let phrases = phrase::columns(text);
        let strange = phrases.iter().filter(|phrase| phrase.signs == 0 && phrase.strangers > 1).count();
        if strange * 2 > phrases.len() || phrases.is_empty() {
            sentences.push((*line, text.clone()));
            continue;
        }
        for phrase in phrases {
            signs +=
                phrase.signs + usize::from(phrase.column.name == "id" || phrase.column.name.ends_with("_id"));
            spec::add(table, phrase, *line);
        }
    }
    prose.extend(sentences);
    for child in &element.children {
        if COLUMN_LISTS.iter().any(|list| child.name.eq_ignore_ascii_case(list)) {
            signs += columns(table, child, prose);
        } else if ![
            "description",
            "name",
            "purpose",
            "relationships",
            "relations",
            "indexes",
            "notes",
            "constraints",
        ]
        .contains(&child.name.as_str())
        {
            column(table, child);
        }
    }
    signs
}

fn column(table: &mut Builder, element: &Element) {
    let generic = COLUMN_TAGS.iter().any(|tag| element.name.eq_ignore_ascii_case(tag));
    let named = element
        .attribute(&["name", "column"])
        .map(str::to_owned)
        .or_else(|| element.child(&["name"]).map(Element::flat));
    let text = element.flat();
    let name = match named {
        Some(name) => name,
        None if generic && element.name != "id" => text.clone(),
        None => element.name.clone(),
    };
    let kind = element
        .attribute(&["type", "dataType", "class"])
        .map(str::to_owned)
        .or_else(|| element.child(&["type"]).map(Element::flat));
    let about = if name == text { String::new() } else { text };
    let described = format!(
        "{name}: {} {about} {}",
        kind.unwrap_or_default(),
        element.attribute(&["constraints", "constraint"]).unwrap_or_default()
    );
    let Some(mut phrase) = phrase::column(&described) else { return };
    let yes =
        |names: &[&str]| element.attribute(names).is_some_and(|value| matches!(value, "true" | "yes" | "1"));
    let column: &mut ColumnNeed = &mut phrase.column;
    column.primary_key |=
        yes(&["primaryKey", "primary_key", "primary", "pk", "key"]) || element.name == "id" && generic;
    column.unique |= yes(&["unique"]);
    if yes(&["required", "not-null", "notNull"]) || element.attribute(&["nullable"]) == Some("false") {
        column.nullable = false;
    }
    if let Some(value) = element.attribute(&["default"]) {
        column.default = build::default_value(value).or_else(|| Some(value.to_owned()));
    }
    if let Some(values) = element.attribute(&["values", "enum"]) {
        column.values = values.split([',', '|']).map(|value| value.trim().to_owned()).collect();
    }
    if let Some(target) = element.attribute(&["references", "ref", "foreignKey", "fk"]) {
        let mut parts = target.split(['.', '(']);
        let to = parts.next().unwrap_or(target).to_owned();
        phrase.reference = Some((to, parts.next().map(|key| key.trim_end_matches(')').to_owned()), None));
    }
    spec::add(table, phrase, element.line);
}
