//! Tables out of Drizzle schemas: `pgTable("users", { id: uuid("id").primaryKey() })`.

use std::collections::BTreeMap;

use super::build::{self, Builder};
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{ColumnNeed, ColumnType};

/// The tables that `text` declares.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Slash);
    let mut schema = Schema::default();
    let mut cursor = Cursor::new(&tokens);
    let mut variable: Option<&Token<'_>> = None;
    while let Some(token) = cursor.next() {
        if token.is("const") {
            variable = cursor.peek();
        } else if token.kind == Kind::Word && cursor.peek().is_some_and(|next| next.mark('(')) {
            let makes_table = TABLE_MAKERS.iter().any(|maker| token.is(maker))
                || token.text.ends_with("Table") && token.text != "createTable";
            if makes_table {
                let name = variable.map_or("", |token| token.text);
                schema.table(name, token.line, cursor.group().unwrap_or_default());
            } else if token.text.ends_with("Enum")
                && token.text.len() > 4
                && !cursor.ahead(2).is_some_and(|t| t.mark(')'))
                && let Some(variable) = variable
            {
                let values: Vec<String> =
                    scan::strings(cursor.group().unwrap_or_default()).into_iter().skip(1).collect();
                schema.enums.insert(variable.text.to_owned(), values);
            }
        }
    }
    schema.finish()
}

const TABLE_MAKERS: &[&str] = &["pgTable", "sqliteTable", "mysqlTable", "createTable", "singlestoreTable"];

#[derive(Default)]
struct Schema {
    tables: Vec<Builder>,
    /// The table each variable holds.
    variables: BTreeMap<String, String>,
    /// The values of each enum, by variable.
    enums: BTreeMap<String, Vec<String>>,
}

impl Schema {
    fn table(&mut self, variable: &str, line: u32, arguments: &[Token<'_>]) {
        let parts = scan::split(arguments, ',');
        let mut first = Cursor::new(parts.first().copied().unwrap_or_default());
        first.skip_lines();
        let name = first.next().filter(|token| token.kind == Kind::Text).map_or(variable, |token| token.text);
        let mut table = Builder::table(name, line);
        self.variables.insert(variable.to_owned(), table.need().name.clone());
        let mut body = Cursor::new(parts.get(1).copied().unwrap_or_default());
        body.skip_lines();
        for entry in scan::split(body.group().unwrap_or_default(), ',') {
            self.column(&mut table, entry);
        }
        self.tables.push(table);
    }

    fn column(&self, table: &mut Builder, entry: &[Token<'_>]) {
        let mut cursor = Cursor::new(entry);
        cursor.skip_lines();
        let Some(key) = cursor.next().filter(|token| token.names()) else { return };
        if !cursor.eat_mark(':') {
            return;
        }
        cursor.skip_lines();
        let Some(maker) = cursor.next() else { return };
        let arguments = cursor.group().unwrap_or_default();
        let named =
            arguments.first().filter(|token| token.kind == Kind::Text).map_or(key.text, |token| token.text);
        let name = names::snake(named);
        let mut column = build::typed(named, types::parse(&written(maker.text, arguments), &name));
        if let Some(values) = self.enums.get(maker.text) {
            column.r#type = ColumnType::Text;
            column.values.clone_from(values);
        }
        if let Some(at) = arguments.iter().position(|token| token.is("enum")) {
            column.values = Cursor::new(arguments.get(at + 2..).unwrap_or_default())
                .clone()
                .group()
                .map(scan::strings)
                .unwrap_or_default();
        }
        if arguments
            .iter()
            .any(|token| token.kind == Kind::Text && matches!(token.text, "timestamp" | "timestamp_ms"))
        {
            column.r#type = ColumnType::Timestamp;
        } else if maker.is("integer") && scan::strings(arguments).iter().any(|text| text == "boolean") {
            column.r#type = ColumnType::Boolean;
        }
        self.chain(table, &mut cursor, &mut column);
        table.column(column, key.line);
    }

    fn chain(&self, table: &mut Builder, cursor: &mut Cursor<'_, '_>, column: &mut ColumnNeed) {
        loop {
            cursor.skip_lines();
            if !cursor.eat_mark('.') {
                return;
            }
            let Some(method) = cursor.next() else { return };
            let inside = cursor.group().unwrap_or_default();
            match method.text {
                "primaryKey" => column.primary_key = true,
                "notNull" => column.nullable = false,
                "unique" => column.unique = true,
                "defaultNow" => column.default = Some("now()".to_owned()),
                "defaultRandom" => column.default = Some("uuid()".to_owned()),
                "default" | "$default" | "$defaultFn" => {
                    let from = inside.iter().position(|token| token.mark('>')).map_or(0, |at| at + 1);
                    column.default = default(&inside[from..]);
                }
                "array" => column.r#type = ColumnType::Array(Box::new(column.r#type.clone())),
                "references" => {
                    let from = inside.iter().position(|token| token.mark('>')).map_or(0, |at| at + 1);
                    let Some(target) = inside.get(from).filter(|token| token.kind == Kind::Word) else {
                        continue;
                    };
                    let to = inside.get(from + 2).filter(|token| token.kind == Kind::Word);
                    let rule = inside
                        .iter()
                        .position(|token| token.is("onDelete"))
                        .and_then(|at| inside.get(at + 2));
                    let known = self.variables.get(target.text).map_or(target.text, String::as_str);
                    table.reference(
                        &column.name,
                        known,
                        to.map(|to| to.text),
                        rule.and_then(|rule| build::on_delete(rule.text)),
                    );
                }
                _ => {}
            }
        }
    }

    fn finish(self) -> Vec<Draft> {
        let variables = self.variables;
        let mut tables = self.tables;
        for table in &mut tables {
            for fk in &mut table.need_mut().fks {
                let by_variable =
                    variables.iter().find(|(variable, _)| names::snake(variable) == fk.references);
                if let Some((_, name)) = by_variable {
                    fk.references.clone_from(name);
                }
            }
        }
        build::finish(tables, Source::Schema)
    }
}

/// `varchar("email", { length: 255 })` as `varchar(255)`.
fn written(maker: &str, arguments: &[Token<'_>]) -> String {
    let number = |label: &str| {
        let at = arguments.iter().position(|token| token.is(label))?;
        arguments.get(at + 2).filter(|token| token.kind == Kind::Number).map(|token| token.text)
    };
    if let Some(size) = number("length").or_else(|| number("dimensions")) {
        return format!("{maker}({size})");
    }
    match (number("precision"), number("scale")) {
        (Some(precision), Some(scale)) if maker != "timestamp" => format!("{maker}({precision}, {scale})"),
        _ if maker == "doublePrecision" => "double".to_owned(),
        _ => maker.to_owned(),
    }
}

fn default(value: &[Token<'_>]) -> Option<String> {
    let first = value.first()?;
    match first.kind {
        Kind::Text => Some(first.text.to_owned()),
        Kind::Word if first.is("new") => Some("now()".to_owned()),
        Kind::Word | Kind::Number | Kind::Mark | Kind::Line => build::default_value(&scan::joined(value)),
    }
}
