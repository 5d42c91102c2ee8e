//! Tables out of a Prisma schema.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{self, Builder};
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// The tables that the models in `text` describe.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let blocks = blocks(&tokens);
    let models: BTreeSet<&str> =
        blocks.iter().filter(|block| block.kind.is("model")).map(|block| block.name.text).collect();
    let enums: BTreeMap<&str, Vec<String>> = blocks
        .iter()
        .filter(|block| block.kind.is("enum"))
        .map(|block| (block.name.text, values(block.body)))
        .collect();
    let tables = blocks
        .iter()
        .filter(|block| block.kind.is("model"))
        .map(|block| model(block, &models, &enums))
        .collect();
    build::finish(tables, Source::Schema)
}

struct Block<'a, 't> {
    kind: &'t Token<'a>,
    name: &'t Token<'a>,
    body: &'t [Token<'a>],
}

fn blocks<'a, 't>(tokens: &'t [Token<'a>]) -> Vec<Block<'a, 't>> {
    let mut cursor = Cursor::new(tokens);
    let mut out = Vec::new();
    while let Some(kind) = cursor.next() {
        let named = cursor.peek().filter(|token| token.kind == Kind::Word);
        let (Some(name), true) = (named, kind.is("model") || kind.is("enum")) else { continue };
        if cursor.ahead(1).is_some_and(|token| token.mark('{')) {
            cursor.next();
            // A block that is not closed ends where the next one begins.
            cursor.next();
            let body = cursor.until(|token| token.mark('}') || token.is("model") || token.is("enum"));
            out.push(Block { kind, name, body });
        }
    }
    out
}

fn values(body: &[Token<'_>]) -> Vec<String> {
    lines(body)
        .into_iter()
        .filter_map(|line| line.first().filter(|token| token.kind == Kind::Word))
        .map(|token| token.text.to_owned())
        .collect()
}

fn lines<'a, 't>(body: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    body.split(|token| token.kind == Kind::Line).filter(|line| !line.is_empty()).collect()
}

fn model(block: &Block<'_, '_>, models: &BTreeSet<&str>, enums: &BTreeMap<&str, Vec<String>>) -> Builder {
    let mut table = Builder::entity(block.name.text, block.name.line);
    let mut late = Vec::new();
    for line in lines(block.body) {
        if line[0].mark('@') {
            late.push(line);
        } else if line[0].kind == Kind::Word {
            field(&mut table, line, models, enums);
        }
    }
    for line in late {
        let mut cursor = Cursor::new(line);
        cursor.until(|token| token.kind == Kind::Word);
        let Some(word) = cursor.next() else { continue };
        let inside = cursor.group().unwrap_or_default();
        let columns = || Cursor::new(inside).clone().group().map(scan::names).unwrap_or_default();
        if word.is("map") {
            table.rename(&scan::strings(inside).join(""));
        } else if word.is("id") {
            table.key(columns());
        } else if word.is("unique") {
            table.unique(columns());
        }
    }
    table
}

fn field(
    table: &mut Builder,
    line: &[Token<'_>],
    models: &BTreeSet<&str>,
    enums: &BTreeMap<&str, Vec<String>>,
) {
    let mut cursor = Cursor::new(line);
    let (Some(name), Some(kind)) = (cursor.next(), cursor.peek()) else { return };
    if kind.kind != Kind::Word {
        return;
    }
    cursor.next();
    let parsed = types::parse(kind.text, &names::snake(name.text));
    let parsed = if kind.text == "DateTime" { Some(ColumnType::Timestamp) } else { parsed };
    let related = models.contains(kind.text) || parsed.is_none() && !enums.contains_key(kind.text);
    let mut column = ColumnNeed { nullable: false, ..build::typed(name.text, parsed) };
    if let Some(values) = enums.get(kind.text) {
        column.r#type = ColumnType::Text;
        column.values.clone_from(values);
    }
    if cursor.eat_mark('[') {
        cursor.eat_mark(']');
        column.r#type = ColumnType::Array(Box::new(column.r#type));
    }
    if cursor.eat_mark('?') {
        column.nullable = true;
    }
    while let Some(token) = cursor.next() {
        if !token.mark('@') {
            continue;
        }
        let Some(attribute) = cursor.next() else { break };
        while cursor.eat_mark('.') {
            cursor.next();
        }
        let inside = cursor.group().unwrap_or_default();
        if attribute.is("relation") {
            relation(table, inside, kind.text);
        } else if attribute.is("id") {
            column.primary_key = true;
        } else if attribute.is("unique") {
            column.unique = true;
        } else if attribute.is("default") {
            let written = inside.first().map(|first| {
                if first.kind == Kind::Text { format!("'{}'", first.text) } else { first.text.to_owned() }
            });
            column.default = written.and_then(|text| {
                let named = column.values.contains(&text).then(|| text.clone());
                build::default_value(&text).or(named)
            });
        } else if attribute.is("map") {
            let mapped = names::snake(&scan::strings(inside).join(""));
            column.name = if mapped.is_empty() { column.name } else { mapped };
        } else if attribute.is("db") {
            // The native type says more than the model's.
            let at = line.iter().position(|token| token.is("db")).unwrap_or_default();
            let native = scan::joined(&line[(at + 2).min(line.len())..]);
            column.r#type = types::parse(&native, &column.name).unwrap_or(column.r#type);
        }
    }
    if !related {
        table.column(column, name.line);
    }
}

/// `@relation(fields: [authorId], references: [id], onDelete: Cascade)` on a field of type `target`.
fn relation(table: &mut Builder, inside: &[Token<'_>], target: &str) {
    let (mut fields, mut references, mut rule) = (Vec::new(), Vec::new(), None);
    for part in scan::split(inside, ',') {
        let mut part = Cursor::new(part);
        part.skip_lines();
        let Some(label) = part.next() else { continue };
        if !part.eat_mark(':') {
            continue;
        }
        if label.is("fields") {
            fields = part.group().map(scan::names).unwrap_or_default();
        } else if label.is("references") {
            references = part.group().map(scan::names).unwrap_or_default();
        } else if label.is("onDelete") {
            rule = part.next().and_then(|token| build::on_delete(token.text));
        }
    }
    if let [field] = fields.as_slice() {
        table.reference(field, target, references.first().map(String::as_str), rule);
    }
}
