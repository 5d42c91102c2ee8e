//! Tables out of DBML.

use std::collections::BTreeMap;

use super::build::{self, Builder};
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;

/// The tables that `text` declares.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let mut tables = Vec::new();
    let mut enums = BTreeMap::new();
    let mut references = Vec::new();
    let mut kinds = Vec::new();
    let mut cursor = Cursor::new(&tokens);
    while let Some(token) = cursor.next() {
        if token.is("table") && cursor.peek().is_some_and(Token::names) {
            let Some((name, line)) = name(&mut cursor) else { continue };
            let _alias = cursor.until(|t| t.mark('{') || t.kind == Kind::Line);
            cursor.skip_lines();
            if let Some(body) = cursor.group() {
                let place = tables.len();
                tables.push(table(&name, line, body, &mut references, place, &mut kinds));
            }
        } else if token.is("enum") && cursor.peek().is_some_and(Token::names) {
            let Some((name, _)) = name(&mut cursor) else { continue };
            let body = cursor.group().unwrap_or_default();
            let values: Vec<String> = lines(body)
                .iter()
                .filter_map(|line| line.first())
                .filter(|t| t.names())
                .map(|t| t.text.to_owned())
                .collect();
            enums.insert(name, values);
        } else if token.is("ref") {
            let line = cursor.until(|t| t.kind == Kind::Line || t.mark('}'));
            if let Some(pair) = pair(line) {
                references.push(pair);
            }
        }
    }
    for (place, column, kind) in kinds {
        let (Some(values), Some(table)) = (enums.get(&kind), tables.get_mut(place)) else { continue };
        let table: &mut Builder = table;
        if let Some(column) = table.need_mut().columns.iter_mut().find(|known| known.name == column) {
            column.values.clone_from(values);
        }
    }
    for pair in references {
        let holder =
            tables.iter_mut().find(|table: &&mut Builder| table.need().name == names::snake(&pair.table));
        if let Some(table) = holder {
            table.reference(&pair.column, &pair.to, Some(&pair.to_column), pair.rule);
        }
    }
    build::finish(tables, Source::Schema)
}

/// One reference: the many side, and what it points at.
struct Pair {
    table: String,
    column: String,
    to: String,
    to_column: String,
    rule: Option<String>,
}

fn lines<'a, 't>(body: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut cursor = Cursor::new(body);
    let mut out = Vec::new();
    loop {
        let line = cursor.until(|token| token.kind == Kind::Line);
        if !line.is_empty() {
            out.push(line);
        }
        if cursor.next().is_none() {
            return out;
        }
    }
}

fn table(
    name: &str,
    line: u32,
    body: &[Token<'_>],
    references: &mut Vec<Pair>,
    place: usize,
    kinds: &mut Vec<(usize, String, String)>,
) -> Builder {
    let mut table = Builder::table(name, line);
    for line in lines(body) {
        let mut cursor = Cursor::new(line);
        let Some(first) = cursor.next().filter(|token| token.names()) else { continue };
        if first.is("indexes") {
            indexes(&mut table, cursor.group().unwrap_or_default());
            continue;
        }
        let Some(kind) = cursor.peek().filter(|token| token.names()) else { continue };
        let written = scan::joined(cursor.until(|t| t.mark('[') && t.line == first.line));
        let mut column = build::typed(first.text, types::parse(&written, &names::snake(first.text)));
        for setting in scan::split(cursor.group().unwrap_or_default(), ',') {
            let mut setting = Cursor::new(setting);
            if setting.eat("pk") || setting.eat_all(&["primary", "key"]) {
                column.primary_key = true;
            } else if setting.eat("unique") {
                column.unique = true;
            } else if setting.eat_all(&["not", "null"]) {
                column.nullable = false;
            } else if setting.eat("default") {
                setting.eat_mark(':');
                let value = setting.rest();
                let text = value.first().filter(|t| t.kind == Kind::Text).map(|t| t.text);
                column.default = text.map_or_else(
                    || build::default_value(&scan::joined(value)),
                    |text| build::default_value(text).or_else(|| Some(text.to_owned())),
                );
            } else if setting.eat("ref") {
                let sign = setting.rest().iter().find(|t| t.mark('>') || t.mark('<') || t.mark('-'));
                let from = setting.rest().iter().position(Token::names).unwrap_or_default();
                let mut target = Cursor::new(&setting.rest()[from..]);
                if let (Some((to, to_column)), false) = (path(&mut target), sign.is_some_and(|t| t.mark('<')))
                {
                    references.push(Pair {
                        table: name.to_owned(),
                        column: first.text.to_owned(),
                        to,
                        to_column,
                        rule: None,
                    });
                }
            }
        }
        kinds.push((place, column.name.clone(), kind.text.to_owned()));
        table.column(column, first.line);
    }
    table
}

fn indexes(table: &mut Builder, body: &[Token<'_>]) {
    for line in lines(body) {
        let mut cursor = Cursor::new(line);
        let single = cursor.peek().filter(|token| token.names()).map(|token| vec![names::snake(token.text)]);
        let columns = cursor.group().map(scan::names).or(single).unwrap_or_default();
        if line.iter().any(|token| token.is("pk")) {
            table.key(columns);
        } else if line.iter().any(|token| token.is("unique")) {
            table.unique(columns);
        }
    }
}

/// `: posts.user_id > users.id [delete: cascade]`.
fn pair(line: &[Token<'_>]) -> Option<Pair> {
    let from = line.iter().position(|token| token.mark(':') || token.mark('{'))?;
    let mut cursor = Cursor::new(&line[from + 1..]);
    cursor.skip_lines();
    let (left, left_column) = path(&mut cursor)?;
    let sign = cursor.next()?;
    let (right, right_column) = path(&mut cursor)?;
    let rule = line.iter().position(|token| token.is("delete")).and_then(|at| line.get(at + 2..));
    let rule = rule.and_then(|rest| build::on_delete(&scan::joined(rest)));
    if sign.mark('<') {
        Some(Pair { table: right, column: right_column, to: left, to_column: left_column, rule })
    } else {
        Some(Pair { table: left, column: left_column, to: right, to_column: right_column, rule })
    }
}

/// `users.id` or `public.users.id`.
fn path(cursor: &mut Cursor<'_, '_>) -> Option<(String, String)> {
    let mut parts = vec![cursor.next().filter(|token| token.names())?.text.to_owned()];
    while cursor.peek().is_some_and(|token| token.mark('.')) && parts.len() < 4 {
        cursor.next();
        parts.push(cursor.next().filter(|token| token.names())?.text.to_owned());
    }
    let column = parts.pop()?;
    Some((parts.pop()?, column))
}

/// A name, perhaps with its schema before it.
fn name(cursor: &mut Cursor<'_, '_>) -> Option<(String, u32)> {
    let mut last = cursor.next().filter(|token| token.names())?;
    while cursor.peek().is_some_and(|token| token.mark('.')) {
        cursor.next();
        last = cursor.next().filter(|token| token.names())?;
    }
    Some((last.text.to_owned(), last.line))
}
