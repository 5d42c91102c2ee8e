//! Tables out of Python: dataclasses, Pydantic and SQLModel, Django and SQLAlchemy models.

use std::collections::BTreeMap;

use super::build;
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::shape::{self, Member, Shape};
use crate::draft::Draft;
use crate::names;

/// The tables among the classes in `text`.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Hash);
    let (mut shapes, mut enums) = (Vec::<Shape>::new(), BTreeMap::new());
    let mut open: Option<(Shape, bool)> = None;
    for line in logical(&tokens) {
        if line[0].is("class") && line.get(1).is_some_and(Token::names) {
            if open.is_some() && (line[1].is("Meta") || line[1].is("Config")) {
                continue;
            }
            close(open.take(), &mut shapes, &mut enums);
            let bases: Vec<&str> =
                line[2..].iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect();
            let mapped = bases.iter().any(|base| {
                matches!(
                    *base,
                    "Base" | "Model" | "SQLModel" | "DeclarativeBase" | "AbstractUser" | "Document"
                )
            });
            let enumerates = bases.iter().any(|base| base.ends_with("Enum") || base.ends_with("Choices"));
            let table = bases.contains(&"table");
            let marked = (mapped && !bases.contains(&"BaseModel")) || table;
            open = Some((Shape { marked, ..Shape::new(line[1].text, line[1].line) }, enumerates));
        } else if line[0].is("def") || line[0].is("async") || line[0].is("return") || line[0].mark('@') {
            continue;
        } else if let Some((shape, _)) = open.as_mut() {
            member(shape, line);
        }
    }
    close(open, &mut shapes, &mut enums);
    shape::tables(&shapes, &enums)
}

fn close(open: Option<(Shape, bool)>, shapes: &mut Vec<Shape>, enums: &mut BTreeMap<String, Vec<String>>) {
    match open {
        Some((shape, true)) => {
            let values = shape
                .members
                .iter()
                .map(|m| m.default.clone().unwrap_or_else(|| m.name.to_ascii_lowercase()))
                .collect();
            enums.insert(shape.name, values);
        }
        Some((shape, false)) => shapes.push(shape),
        None => {}
    }
}

/// Lines, where brackets hold a line open.
fn logical<'a, 't>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut cursor = Cursor::new(tokens);
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

fn member(shape: &mut Shape, line: &[Token<'_>]) {
    let mut cursor = Cursor::new(line);
    let Some(name) = cursor.next().filter(|token| token.kind == Kind::Word) else { return };
    if name.text == "__tablename__" || name.is("db_table") {
        shape.table = scan::strings(cursor.rest()).into_iter().next();
        shape.marked = true;
        return;
    }
    if name.text.starts_with("__") {
        return;
    }
    let annotated = cursor.eat_mark(':');
    let annotation = if annotated { cursor.until(|token| token.mark('=')) } else { &[] };
    let assigned = cursor.eat_mark('=');
    if !annotated && !assigned {
        return;
    }
    let written = scan::joined(annotation);
    let optional = written.contains("Optional") || written.contains("None");
    let clean = written.replace("|None", "").replace("| None", "");
    let mut member = Member::new(name.text, scripted(&clean), name.line);
    if !written.is_empty() {
        member.nullable = Some(optional);
    }
    if written.contains("Literal") {
        member.values = scan::strings(annotation);
    }
    if assigned && !value(&mut member, cursor.rest()) {
        return;
    }
    if member.written.is_empty() && member.default.is_none() && !assigned {
        return;
    }
    shape.members.push(member);
}

/// Reads what a field is set to; false when it is no column.
fn value(member: &mut Member, tokens: &[Token<'_>]) -> bool {
    let mut cursor = Cursor::new(tokens);
    let Some(mut maker) = cursor.next() else { return false };
    while cursor.peek().is_some_and(|token| token.mark('.')) && cursor.ahead(1).is_some_and(Token::names) {
        cursor.next();
        maker = cursor.next().unwrap_or(maker);
    }
    let Some(arguments) = cursor.group() else {
        member.default = match maker.kind {
            Kind::Text => Some(maker.text.to_owned()),
            _ => build::default_value(&scan::joined(tokens)),
        };
        return true;
    };
    let django = maker.text.ends_with("Field") && maker.text != "Field";
    match maker.text {
        "relationship" | "ManyToManyField" | "backref" | "Relationship" | "validator" | "computed_field"
        | "property" => return false,
        "ForeignKey" | "OneToOneField" => {
            let target = arguments.first().filter(|token| token.names());
            let rule = arguments.iter().find_map(|token| {
                ["CASCADE", "SET_NULL", "PROTECT"].into_iter().find(|rule| token.text == *rule)
            });
            let target = target.map(|token| token.text.rsplit('.').next().unwrap_or(token.text));
            let target = target.map(|text| if text == "self" || text == "settings" { "user" } else { text });
            member.name = format!("{}_id", names::snake(&member.name).trim_end_matches("_id"));
            member.references =
                target.map(|target| (target.to_owned(), None, rule.and_then(build::on_delete)));
            member.unique = maker.text == "OneToOneField";
        }
        _ if django => {
            let size = labelled(arguments, "max_length").map(|token| token.text).unwrap_or_default();
            member.written = django_type(maker.text, size, arguments);
        }
        _ => {}
    }
    options(member, arguments, maker.text);
    true
}

fn options(member: &mut Member, arguments: &[Token<'_>], maker: &str) {
    for (at, part) in scan::split(arguments, ',').into_iter().enumerate() {
        let mut part = Cursor::new(part);
        part.skip_lines();
        let Some(first) = part.next() else { continue };
        if part.eat_mark('=') {
            let value = part.rest();
            let yes = value.first().is_some_and(|token| token.is("true"));
            match first.text {
                "primary_key" => member.primary_key = yes,
                "unique" => member.unique = yes,
                "nullable" | "null" => member.nullable = Some(yes),
                "default" | "server_default" | "default_factory" => {
                    let text = value
                        .first()
                        .filter(|token| token.kind == Kind::Text)
                        .map(|token| token.text.to_owned());
                    member.default = text.or_else(|| build::default_value(&scan::joined(value)));
                }
                "auto_now_add" if yes => member.default = Some("now()".to_owned()),
                "foreign_key" => foreign(member, value),
                _ => {}
            }
        } else if first.is("ForeignKey")
            || part.rest().iter().any(|token| token.is("ForeignKey"))
                && first.names()
                && maker.ends_with("olumn")
        {
            let from =
                part.rest().iter().position(|token| token.is("ForeignKey")).map_or(0, |found| found + 1);
            foreign(member, &part.rest()[from..]);
        } else if matches!(maker, "Column" | "mapped_column")
            && first.kind == Kind::Word
            && at <= 1
            && member.written.is_empty()
        {
            let tail = part.group().map(scan::joined).unwrap_or_default();
            member.written = scripted(&if tail.is_empty() {
                first.text.to_owned()
            } else {
                format!("{}({tail})", first.text)
            });
        } else if first.is("Enum") || maker == "Enum" {
            member.values = scan::strings(part.rest());
        }
    }
    if member.nullable.is_none() && matches!(maker, "Column" | "mapped_column") && member.primary_key {
        member.nullable = Some(false);
    }
}

/// `ForeignKey("users.id")`, `foreign_key="users.id"`.
fn foreign(member: &mut Member, tokens: &[Token<'_>]) {
    let Some(target) = tokens.iter().find(|token| token.kind == Kind::Text) else { return };
    let mut parts = target.text.rsplit('.');
    let column = parts.next().filter(|_| target.text.contains('.'));
    let table = parts.next().unwrap_or(target.text);
    let rule = tokens
        .iter()
        .skip(1)
        .filter(|token| token.kind == Kind::Text)
        .find_map(|token| build::on_delete(token.text));
    member.references = Some((table.to_owned(), column.map(str::to_owned), rule));
}

fn labelled<'a, 't>(arguments: &'t [Token<'a>], label: &str) -> Option<&'t Token<'a>> {
    let at = arguments.iter().position(|token| token.is(label))?;
    arguments.get(at + 2)
}

fn django_type(field: &str, size: &str, arguments: &[Token<'_>]) -> String {
    let stem = field.trim_end_matches("Field");
    match stem {
        "Char" | "Slug" if !size.is_empty() => format!("varchar({size})"),
        "Char" | "Slug" | "Email" | "URL" | "Image" | "File" | "FilePath" => "text".to_owned(),
        "Auto" | "PositiveInteger" | "PositiveSmallInteger" | "SmallInteger" => "integer".to_owned(),
        "BigAuto" | "BigInteger" | "PositiveBigInteger" => "bigint".to_owned(),
        "Decimal" => {
            let number = |label| labelled(arguments, label).map_or("2", |token| token.text);
            format!("decimal({}, {})", number("max_digits"), number("decimal_places"))
        }
        _ => stem.to_owned(),
    }
}

/// SQLAlchemy's `DateTime` and `String(50)`, as the words that say the same elsewhere.
fn scripted(written: &str) -> String {
    if let Some(size) = written.strip_prefix("String(").or_else(|| written.strip_prefix("Unicode(")) {
        return format!("varchar({size}");
    }
    let last = written.rsplit('.').next().unwrap_or(written);
    if last == "DateTime" { "timestamp".to_owned() } else { written.to_owned() }
}
