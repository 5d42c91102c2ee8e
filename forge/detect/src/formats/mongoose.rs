//! Tables out of Mongoose schemas.

use std::collections::BTreeMap;

use super::build::{self, Builder};
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// The tables that the schemas in `text` describe.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let models = models(&tokens);
    let mut tables = Vec::new();
    let mut cursor = Cursor::new(&tokens);
    let mut variable: Option<&Token<'_>> = None;
    while let Some(token) = cursor.next() {
        if token.is("const") || token.is("let") || token.is("var") {
            variable = cursor.peek();
        } else if token.text == "Schema" && cursor.peek().is_some_and(|next| next.mark('(')) {
            let arguments = scan::split(cursor.group().unwrap_or_default(), ',');
            let Some(variable) = variable else { continue };
            let name = models.get(variable.text).copied().unwrap_or_else(|| {
                variable.text.trim_end_matches("Schema").trim_end_matches("_schema").trim_end_matches("Model")
            });
            tables.push(table(name, variable.line, &arguments));
        }
    }
    build::finish(tables, Source::Schema)
}

/// The model that each schema variable is compiled to: `model('User', userSchema)`.
fn models<'a>(tokens: &[Token<'a>]) -> BTreeMap<&'a str, &'a str> {
    tokens
        .windows(5)
        .filter(|five| {
            five[0].is("model") && five[1].mark('(') && five[2].kind == Kind::Text && five[3].mark(',')
        })
        .map(|five| (five[4].text, five[2].text))
        .collect()
}

fn table(name: &str, line: u32, arguments: &[&[Token<'_>]]) -> Builder {
    let mut table = Builder::entity(name, line);
    let mut body = Cursor::new(arguments.first().copied().unwrap_or_default());
    body.skip_lines();
    for entry in scan::split(body.group().unwrap_or_default(), ',') {
        field(&mut table, entry);
    }
    if arguments.iter().skip(1).any(|options| options.iter().any(|token| token.is("timestamps"))) {
        for name in ["created_at", "updated_at"] {
            table.column(build::typed(name, Some(ColumnType::Timestamp)), line);
        }
    }
    table
}

fn field(table: &mut Builder, entry: &[Token<'_>]) {
    let mut cursor = Cursor::new(entry);
    cursor.skip_lines();
    let Some(key) = cursor.next().filter(|token| token.names()) else { return };
    if !cursor.eat_mark(':') {
        return;
    }
    cursor.skip_lines();
    let mut column = build::column(key.text);
    if key.text == "_id" {
        "id".clone_into(&mut column.name);
        column.primary_key = true;
    }
    let list = cursor.peek().is_some_and(|token| token.mark('['));
    let inside = if list { cursor.group().unwrap_or_default() } else { cursor.rest() };
    let mut inner = Cursor::new(inside);
    inner.skip_lines();
    let options = if inner.peek().is_some_and(|token| token.mark('{')) { inner.group() } else { None };
    let mut target = None;
    match options {
        Some(options) if options.iter().any(|token| token.is("type")) => {
            target = option_list(&mut column, options)
        }
        Some(_) => column.r#type = ColumnType::Json,
        None => column.r#type = written(inside, &column.name).unwrap_or_default(),
    }
    match (list, target) {
        // A list of references is the other side's column.
        (true, Some(_)) => return,
        (true, None) => column.r#type = ColumnType::Array(Box::new(column.r#type)),
        (false, Some(target)) => {
            if !column.name.ends_with("_id") && column.name != "id" {
                column.name.push_str("_id");
            }
            table.reference(&column.name, &target, None, None);
        }
        (false, None) => {}
    }
    table.column(column, key.line);
}

/// `{ type: String, required: true, ref: 'User' }`; gives the model referred to.
fn option_list(column: &mut ColumnNeed, options: &[Token<'_>]) -> Option<String> {
    let mut target = None;
    for option in scan::split(options, ',') {
        let mut option = Cursor::new(option);
        option.skip_lines();
        let Some(label) = option.next() else { continue };
        if !option.eat_mark(':') {
            continue;
        }
        let value = option.rest();
        let on = !value.first().is_some_and(|token| token.is("false"));
        match label.text {
            "type" => column.r#type = written(value, &column.name).unwrap_or_default(),
            "required" => column.nullable = !on,
            "unique" => column.unique = on,
            "enum" => column.values = scan::strings(value),
            "ref" => {
                target = value.first().filter(|token| token.names()).map(|token| names::snake(token.text))
            }
            "default" => {
                let first = value.first();
                column.default = match first.map(|token| token.kind) {
                    Some(Kind::Text) => first.map(|token| token.text.to_owned()),
                    Some(_) => build::default_value(&scan::joined(value)),
                    None => None,
                };
            }
            _ => {}
        }
    }
    target
}

/// `String`, `Schema.Types.ObjectId`, `[String]`, `Date`.
fn written(value: &[Token<'_>], column: &str) -> Option<ColumnType> {
    let text = scan::joined(value);
    let text = text.trim();
    let last = text.trim_matches(['[', ']']).rsplit('.').next().unwrap_or(text);
    let inner = if last == "Date" { Some(ColumnType::Timestamp) } else { types::parse(last, column) };
    if text.starts_with('[') { Some(ColumnType::Array(Box::new(inner?))) } else { inner }
}
