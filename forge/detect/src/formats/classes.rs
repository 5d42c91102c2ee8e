//! Tables out of Swift, Kotlin, Rust, C# and Java types.

use std::collections::BTreeMap;

use super::scan::{self, Comments, Cursor, Kind, Token};
use super::shape::{self, Member, Shape};
use crate::draft::Draft;
use crate::names;

/// How a language writes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `let name: Type`
    Swift,
    /// `val name: Type,`
    Kotlin,
    /// `pub name: Type,`
    Rust,
    /// `public Type Name { get; set; }` and `private Type name;`
    CSharp,
}

/// The tables among the types in `text`.
pub(crate) fn extract(language: Language, text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let (mut shapes, mut enums) = (Vec::new(), BTreeMap::new());
    let mut cursor = Cursor::new(&tokens);
    let mut marks = Vec::new();
    while let Some(token) = cursor.next() {
        if token.mark('@') || token.mark('#') {
            marks.extend(cursor.peek().filter(|next| next.kind == Kind::Word));
            if token.mark('#') && cursor.peek().is_some_and(|next| next.mark('[')) {
                marks.extend(cursor.group().unwrap_or_default().iter().filter(|next| next.names()));
            }
            continue;
        }
        if token.mark('[') && language == Language::CSharp {
            marks.extend(cursor.peek().filter(|next| next.kind == Kind::Word));
            if cursor.peek().is_some_and(|next| next.is("table")) {
                marks.extend(cursor.ahead(2));
            }
            continue;
        }
        let declares = token.is("struct") || token.is("class") || token.is("record") || token.is("enum");
        let Some(name) = cursor.peek().filter(|next| declares && next.kind == Kind::Word) else { continue };
        cursor.next();
        if token.is("enum") {
            // `enum class` of Kotlin.
            let Some(name) = (if name.is("class") { cursor.next() } else { Some(name) }) else { break };
            cursor.until(|next| next.mark('{'));
            enums.insert(name.text.to_owned(), variants(cursor.group().unwrap_or_default()));
        } else if let Some(body) = body(&mut cursor, language) {
            shapes.push(shape(language, name, body, &marks));
        }
        marks.clear();
    }
    shape::tables(&shapes, &enums)
}

fn body<'a, 't>(cursor: &mut Cursor<'a, 't>, language: Language) -> Option<&'t [Token<'a>]> {
    let round = language == Language::Kotlin || cursor.peek().is_some_and(|next| next.mark('('));
    if round && cursor.peek().is_some_and(|next| next.mark('(')) {
        return cursor.group();
    }
    cursor.until(|next| next.mark('{') || next.mark(';'));
    cursor.group()
}

/// The values of an enumeration, in lower case as they are stored by custom.
fn variants(body: &[Token<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    let mut starts = true;
    for token in body {
        if token.kind == Kind::Word && starts && !token.is("case") {
            out.push(names::snake(token.text));
            starts = false;
        } else if token.mark(',') || token.is("case") {
            starts = true;
        }
    }
    out
}

fn shape(language: Language, name: &Token<'_>, body: &[Token<'_>], marks: &[&Token<'_>]) -> Shape {
    let mut shape = Shape::new(name.text, name.line);
    let has = |words: &[&str]| marks.iter().any(|mark| words.iter().any(|word| mark.is(word)));
    shape.marked =
        has(&["entity", "table", "table_name", "queryable", "insertable", "model", "fromrow", "document"]);
    if has(&["table"]) {
        shape.table = marks.iter().find(|mark| mark.kind == Kind::Text).map(|mark| mark.text.to_owned());
    }
    match language {
        Language::Swift => swift(&mut shape, body),
        Language::Kotlin | Language::Rust => colon(&mut shape, body),
        Language::CSharp => typed_first(&mut shape, body),
    }
    shape
}

/// `let id: UUID`, `var name: String = ""`; computed properties and functions are no fields.
fn swift(shape: &mut Shape, body: &[Token<'_>]) {
    let mut cursor = Cursor::new(body);
    let mut unique = false;
    while let Some(token) = cursor.next() {
        if token.is("func") || token.is("init") {
            cursor.until(|next| next.mark('{') || next.kind == Kind::Line);
            cursor.group();
            continue;
        }
        if token.is("static") {
            cursor.until(|next| next.kind == Kind::Line);
        }
        if token.mark('@') {
            unique = cursor.rest().iter().take(4).any(|next| next.is("unique"));
        }
        if !(token.is("let") || token.is("var")) {
            continue;
        }
        let Some(name) = cursor.next().filter(|next| next.kind == Kind::Word) else { continue };
        if cursor.eat_mark(':') {
            let written = cursor.until(|next| next.mark('=') || next.kind == Kind::Line || next.mark('{'));
            push(shape, name, written, unique);
        }
        if cursor.peek().is_some_and(|next| next.mark('{')) {
            cursor.group();
            shape.members.pop();
        }
        unique = false;
    }
}

/// `pub name: Type,` and `val name: Type,`, with attributes before.
fn colon(shape: &mut Shape, body: &[Token<'_>]) {
    for entry in scan::split(body, ',') {
        let mut key = false;
        let mut cursor = Cursor::new(entry);
        loop {
            cursor.skip_lines();
            if cursor.eat_mark('#') || cursor.eat_mark('@') {
                key |= cursor.rest().iter().take(2).any(|next| next.is("PrimaryKey") || next.is("id"));
                if !cursor.peek().is_some_and(|next| next.mark('[')) {
                    cursor.next();
                }
                cursor.group();
                continue;
            }
            let modifier =
                ["pub", "val", "var", "private", "override", "public"].iter().any(|word| cursor.eat(word));
            if !modifier {
                break;
            }
            if cursor.peek().is_some_and(|next| next.mark('(')) {
                cursor.group();
            }
        }
        let Some(name) = cursor.next().filter(|next| next.kind == Kind::Word) else { continue };
        if cursor.eat_mark(':') {
            let written = cursor.until(|next| next.mark('='));
            push(shape, name, written, false);
            if let Some(member) = shape.members.last_mut() {
                member.primary_key |= key;
            }
        }
    }
}

/// `public int Id { get; set; }`, `private String name;`, `String Name` in a record.
fn typed_first(shape: &mut Shape, body: &[Token<'_>]) {
    let mut cursor = Cursor::new(body);
    let mut attributes: Vec<&str> = Vec::new();
    loop {
        cursor.skip_lines();
        if cursor.eat_mark('[') {
            let inside = cursor.until(|next| next.mark(']'));
            attributes.extend(inside.iter().filter(|next| next.kind == Kind::Word).map(|next| next.text));
            cursor.next();
            continue;
        }
        if cursor.eat_mark('@') {
            attributes.extend(cursor.next().map(|next| next.text));
            cursor.group();
            continue;
        }
        let entry = cursor.until(|next| {
            next.mark(';') || next.mark('{') || next.mark(',') || next.mark('(') || next.mark('=')
        });
        let called = cursor.peek().is_some_and(|next| next.mark('('));
        let words: Vec<Token<'_>> = entry
            .iter()
            .filter(|t| t.kind != Kind::Line && !MODIFIERS.iter().any(|word| t.is(word)))
            .copied()
            .collect();
        if let ([written @ .., name], false) = (words.as_slice(), called)
            && name.kind == Kind::Word
            && !written.is_empty()
            && !attributes.contains(&"NotMapped")
        {
            push(shape, name, written, false);
            if let Some(member) = shape.members.last_mut() {
                member.primary_key = attributes.iter().any(|mark| *mark == "Key" || *mark == "Id");
                member.unique = attributes.contains(&"Unique");
                if attributes.iter().any(|mark| matches!(*mark, "Required" | "NotNull" | "NotBlank")) {
                    member.nullable = Some(false);
                }
            }
        }
        attributes.clear();
        if called {
            cursor.group();
        }
        cursor.group();
        if cursor.eat_mark('=') {
            cursor.until(|next| next.mark(';') || next.kind == Kind::Line);
        }
        if cursor.peek().is_none() {
            return;
        }
        if !cursor.peek().is_some_and(|next| next.mark('[') || next.mark('@') || next.kind == Kind::Word) {
            cursor.next();
        }
    }
}

const MODIFIERS: &[&str] = &[
    "public",
    "private",
    "protected",
    "internal",
    "static",
    "final",
    "virtual",
    "required",
    "readonly",
    "override",
    "transient",
    "init",
];

fn push(shape: &mut Shape, name: &Token<'_>, written: &[Token<'_>], unique: bool) {
    let text = scan::joined(written);
    if text.contains("->") || text.contains("=>") {
        shape.functions += 1;
        return;
    }
    let optional = text.ends_with('?') || text.starts_with("Option<");
    let text = if text == "Date" { "timestamp".to_owned() } else { text };
    let mut member = Member::new(name.text, text, name.line);
    member.nullable = Some(optional);
    member.unique = unique;
    shape.members.push(member);
}
