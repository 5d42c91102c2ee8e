//! Tables out of Go structs, with `gorm`, `db` and `json` tags.

use std::collections::BTreeMap;

use super::build;
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::shape::{self, Member, Shape};
use crate::draft::Draft;

/// The tables among the structs in `text`.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let mut shapes = Vec::new();
    let mut cursor = Cursor::new(&tokens);
    while let Some(token) = cursor.next() {
        let named = cursor.peek().filter(|next| next.kind == Kind::Word);
        let Some(name) = named.filter(|_| token.is("type")) else { continue };
        cursor.next();
        if cursor.eat("struct") {
            shapes.push(shape(name, cursor.group().unwrap_or_default()));
        }
    }
    shape::tables(&shapes, &BTreeMap::new())
}

fn shape(name: &Token<'_>, body: &[Token<'_>]) -> Shape {
    let mut shape = Shape::new(name.text, name.line);
    for line in body.split(|token| token.kind == Kind::Line || token.mark(';')) {
        let Some(first) = line.first().filter(|token| token.kind == Kind::Word) else { continue };
        if line.iter().any(|token| token.is("gorm")) && line.iter().any(|token| token.text == "Model") {
            embedded(&mut shape, first.line);
            continue;
        }
        if line.len() < 2 || line[1].mark('.') {
            continue;
        }
        let tag = line.last().filter(|token| token.kind == Kind::Text);
        let written = &line[1..line.len() - usize::from(tag.is_some())];
        let text = scan::joined(written);
        let pointer = text.starts_with('*') || text.starts_with("sql.Null");
        let mut member = Member::new(first.text, text, first.line);
        member.nullable = Some(pointer);
        if text_is_function(&member.written) {
            shape.functions += 1;
            continue;
        }
        if let Some(tag) = tag {
            tagged(&mut shape, &mut member, tag.text);
        }
        if member.name != "-" {
            shape.members.push(member);
        }
    }
    shape
}

fn text_is_function(written: &str) -> bool {
    written.starts_with("func")
}

/// What `gorm.Model` brings.
fn embedded(shape: &mut Shape, line: u32) {
    shape.marked = true;
    let mut id = Member::new("id", "uint".to_owned(), line);
    id.primary_key = true;
    shape.members.push(id);
    for name in ["created_at", "updated_at", "deleted_at"] {
        shape.members.push(Member::new(name, "timestamp".to_owned(), line));
    }
}

fn tagged(shape: &mut Shape, member: &mut Member, tag: &str) {
    let value = |key: &str| {
        let from = tag.find(&format!("{key}:\""))? + key.len() + 2;
        tag[from..].split('"').next()
    };
    let column =
        value("db").or_else(|| value("bson")).or_else(|| value("json")).and_then(|v| v.split(',').next());
    match column {
        Some("_id") => "id".clone_into(&mut member.name),
        Some(name) if !name.is_empty() && (name != "-" || value("db").is_some()) => {
            name.clone_into(&mut member.name)
        }
        Some(_) | None => {}
    }
    let Some(gorm) = value("gorm") else { return };
    shape.marked = true;
    for part in gorm.split(';') {
        let (key, value) = part.split_once(':').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "primarykey" | "primary_key" => member.primary_key = true,
            "unique" | "uniqueindex" => member.unique = true,
            "not null" => member.nullable = Some(false),
            "default" => member.default = build::default_value(value).or_else(|| Some(value.to_owned())),
            "type" => value.clone_into(&mut member.written),
            "column" => value.clone_into(&mut member.name),
            _ => {}
        }
    }
}
