//! Tables out of GraphQL types, with the directives by which back ends mark models and relations.

use std::collections::BTreeMap;

use super::scan::{self, Comments, Cursor, Kind, Token};
use super::shape::{self, Member, Shape};
use crate::draft::Draft;
use crate::names;

/// Types that are doors, not records.
const DOORS: &[&str] = &["Query", "Mutation", "Subscription", "PageInfo"];

/// The tables among the types in `text`.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Hash);
    let (mut shapes, mut enums) = (Vec::new(), BTreeMap::new());
    let mut cursor = Cursor::new(&tokens);
    let mut line_starts = true;
    while let Some(token) = cursor.next() {
        let declares = line_starts;
        line_starts = matches!(token.kind, Kind::Line | Kind::Text) || token.is("extend");
        let Some(name) = cursor.peek().filter(|next| declares && next.kind == Kind::Word) else { continue };
        if token.is("type") {
            let head = cursor.until(|t| t.mark('{') || t.is("type") && t.line > name.line);
            let marked =
                head.windows(2).any(|two| two[0].mark('@') && MARKS.iter().any(|mark| two[1].is(mark)));
            if let Some(body) = cursor.group().filter(|_| !DOORS.contains(&name.text)) {
                shapes.push(shape(name, body, marked));
            }
            line_starts = true;
        } else if token.is("enum") {
            cursor.next();
            let body = cursor.group().unwrap_or_default();
            let values = body.iter().filter(|t| t.kind == Kind::Word).map(|t| t.text.to_owned()).collect();
            enums.insert(name.text.to_owned(), values);
        }
    }
    shape::tables(&shapes, &enums)
}

/// Directives that say a type is stored.
const MARKS: &[&str] = &["model", "table", "entity", "node", "collection", "key"];

fn shape(name: &Token<'_>, body: &[Token<'_>], marked: bool) -> Shape {
    let mut shape = Shape { marked, ..Shape::new(name.text, name.line) };
    let mut cursor = Cursor::new(body);
    while let Some(field) = cursor.next() {
        if field.kind != Kind::Word {
            continue;
        }
        // Arguments of a field.
        let _arguments = cursor.group();
        if !cursor.eat_mark(':') {
            continue;
        }
        let inner = cursor.group();
        let Some(kind) = inner.map_or_else(|| cursor.next(), |inner| inner.first()) else { return shape };
        let written = if inner.is_some() { format!("[{}]", kind.text) } else { kind.text.to_owned() };
        let mut member = Member::new(field.text, written, field.line);
        member.nullable = Some(!cursor.eat_mark('!'));
        while cursor.eat_mark('@') {
            directive(&mut member, &mut cursor);
        }
        shape.members.push(member);
    }
    shape
}

fn directive(member: &mut Member, cursor: &mut Cursor<'_, '_>) {
    let Some(name) = cursor.next() else { return };
    let inside = cursor.group().unwrap_or_default();
    match name.text {
        "id" | "primaryKey" => member.primary_key = true,
        "unique" | "isUnique" => member.unique = true,
        "default" => member.default = inside.last().map(|token| token.text.to_owned()),
        "relation" | "hasOne" | "belongsTo" => {
            let fields =
                inside.iter().position(|token| token.is("fields")).and_then(|at| inside.get(at + 2..));
            let field = fields.and_then(|rest| Cursor::new(rest).clone().group()).map(scan::names);
            let own = names::snake(&member.name);
            // The field holds the object; the key is the field that the directive names.
            let key = match field.as_deref() {
                Some([key]) => key.clone(),
                _ if name.text == "belongsTo" && !own.ends_with("_id") => format!("{own}_id"),
                _ => return,
            };
            let references = Some((member.written.clone(), None, None));
            *member = Member { references, ..Member::new(&key, String::new(), member.line) };
        }
        _ => {}
    }
}
