//! Tables out of TypeScript interfaces, types and zod objects.

use std::collections::BTreeMap;

use super::scan::{self, Comments, Cursor, Kind, Token};
use super::shape::{self, Member, Shape};
use crate::draft::Draft;

/// The tables among the types that `text` declares.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let (mut shapes, mut enums) = (Vec::new(), BTreeMap::new());
    let mut cursor = Cursor::new(&tokens);
    while let Some(token) = cursor.next() {
        let Some(name) = cursor.peek().filter(|next| next.kind == Kind::Word) else { continue };
        if token.is("interface") || token.is("class") && !marked_class(&cursor) {
            cursor.next();
            let _heritage = cursor.until(|t| t.mark('{') || t.mark(';'));
            if cursor.peek().is_some_and(|t| t.mark('{')) {
                shapes.push(shape(name, cursor.group().unwrap_or_default()));
            }
        } else if token.is("type") {
            cursor.next();
            if cursor.eat_mark('=') {
                alias(&mut cursor, name, &mut shapes, &mut enums);
            }
        } else if token.is("enum") {
            cursor.next();
            let values = scan::split(cursor.group().unwrap_or_default(), ',')
                .into_iter()
                .filter_map(variant)
                .collect();
            enums.insert(name.text.to_owned(), values);
        } else if token.is("const") {
            cursor.next();
            if cursor.eat_mark('=') && cursor.eat_all(&["z"]) && cursor.eat_mark('.') && cursor.eat("object")
            {
                let inside = cursor.group().unwrap_or_default();
                shapes.push(zod(name, Cursor::new(inside).clone().group().unwrap_or_default()));
            }
        }
    }
    shape::tables(&shapes, &enums)
}

/// A class that extends something of a framework is no record.
fn marked_class(cursor: &Cursor<'_, '_>) -> bool {
    cursor.ahead(1).is_some_and(|token| token.is("extends"))
}

fn alias(
    cursor: &mut Cursor<'_, '_>,
    name: &Token<'_>,
    shapes: &mut Vec<Shape>,
    enums: &mut BTreeMap<String, Vec<String>>,
) {
    cursor.skip_lines();
    if cursor.peek().is_some_and(|t| t.mark('{')) {
        shapes.push(shape(name, cursor.group().unwrap_or_default()));
        return;
    }
    let value =
        cursor.until(|t| t.mark(';') || t.is("type") || t.is("interface") || t.is("export") || t.is("const"));
    let values = union(value);
    if !values.is_empty() {
        enums.insert(name.text.to_owned(), values);
    }
}

/// The strings of `'a' | 'b'`.
fn union(tokens: &[Token<'_>]) -> Vec<String> {
    let plain = tokens.iter().all(|t| {
        t.kind == Kind::Text || t.kind == Kind::Line || t.mark('|') || t.is("null") || t.is("undefined")
    });
    if plain { scan::strings(tokens) } else { Vec::new() }
}

fn variant(tokens: &[Token<'_>]) -> Option<String> {
    let text = tokens.iter().find(|token| token.kind == Kind::Text);
    text.or_else(|| tokens.iter().find(|token| token.kind == Kind::Word)).map(|token| token.text.to_owned())
}

fn shape(name: &Token<'_>, body: &[Token<'_>]) -> Shape {
    let mut shape = Shape::new(name.text, name.line);
    let mut cursor = Cursor::new(body);
    loop {
        let entry = cursor.until(|token| token.mark(';') || token.mark(',') || token.kind == Kind::Line);
        if !entry.is_empty() {
            member(&mut shape, entry);
        }
        // A union may go on at the next line's start.
        if cursor.next().is_none() {
            return shape;
        }
    }
}

fn member(shape: &mut Shape, entry: &[Token<'_>]) {
    let mut cursor = Cursor::new(entry);
    while ["readonly", "public", "private", "protected"].iter().any(|word| cursor.eat(word)) {}
    let Some(name) = cursor.next().filter(|token| token.names()) else { return };
    if cursor.peek().is_some_and(|token| token.mark('(')) {
        shape.functions += 1;
        return;
    }
    let optional = cursor.eat_mark('?');
    cursor.eat_mark('!');
    if !cursor.eat_mark(':') {
        return;
    }
    let written = cursor.rest();
    if written.windows(2).any(|two| two[0].mark('=') && two[1].mark('>')) {
        shape.functions += 1;
        return;
    }
    let null = written.iter().any(|token| token.is("null") || token.is("undefined"));
    let kept: Vec<Token<'_>> = written
        .iter()
        .enumerate()
        .filter(|(at, token)| {
            let bar = token.mark('|') && beside_null(written, *at);
            !token.is("null") && !token.is("undefined") && !bar
        })
        .map(|(_, token)| *token)
        .collect();
    let mut member = Member::new(name.text, scan::joined(&kept), name.line);
    if member.written.starts_with('{') {
        "object".clone_into(&mut member.written);
    } else if member.written == "Date" {
        "timestamp".clone_into(&mut member.written);
    }
    member.values = union(written);
    member.nullable = Some(optional || null);
    shape.members.push(member);
}

fn beside_null(tokens: &[Token<'_>], at: usize) -> bool {
    let null =
        |token: Option<&Token<'_>>| token.is_some_and(|token| token.is("null") || token.is("undefined"));
    null(tokens.get(at + 1)) || at > 0 && null(tokens.get(at - 1))
}

/// `z.object({ email: z.string().email() })`.
fn zod(name: &Token<'_>, body: &[Token<'_>]) -> Shape {
    let mut text = name.text.to_owned();
    if let Some(stem) = name.text.strip_suffix("Schema") {
        stem.clone_into(&mut text);
    }
    if let Some(first) = text.get(..1) {
        text = first.to_uppercase() + &text[1..];
    }
    let mut shape = Shape::new(&text, name.line);
    for entry in scan::split(body, ',') {
        let mut cursor = Cursor::new(entry);
        cursor.skip_lines();
        let Some(key) = cursor.next().filter(|token| token.names()) else { continue };
        if !(cursor.eat_mark(':') && cursor.eat("z")) {
            continue;
        }
        let mut member = Member::new(key.text, String::new(), key.line);
        member.nullable = Some(false);
        loop {
            cursor.skip_lines();
            if !cursor.eat_mark('.') {
                break;
            }
            let Some(method) = cursor.next() else { break };
            let inside = cursor.group().unwrap_or_default();
            match method.text {
                "optional" | "nullable" | "nullish" => member.nullable = Some(true),
                "enum" => member.values = scan::strings(inside),
                "uuid" | "datetime" => method.text.clone_into(&mut member.written),
                "int" => "integer".clone_into(&mut member.written),
                "date" => "timestamp".clone_into(&mut member.written),
                "array" => "string[]".clone_into(&mut member.written),
                "string" | "number" | "boolean" | "object" | "record" if member.written.is_empty() => {
                    method.text.clone_into(&mut member.written);
                }
                _ => {}
            }
        }
        shape.members.push(member);
    }
    shape
}
