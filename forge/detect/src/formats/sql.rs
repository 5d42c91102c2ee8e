//! Tables out of SQL: Postgres, MySQL and SQLite, also where statements are broken or elided.

use std::collections::BTreeMap;

use super::build::{self, Builder};
use super::scan::{self, Comments, Cursor, Kind, Token};
use super::types;
use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{Access, ColumnNeed, ColumnType};

/// The tables that the statements in `text` create or alter.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let tokens = scan::tokens(text, first_line, Comments::Dash);
    let mut script = Script::default();
    for statement in statements(&tokens) {
        script.run(statement);
    }
    script.finish()
}

#[derive(Default)]
struct Script {
    tables: Vec<Builder>,
    /// Where each table stands in `tables`.
    places: BTreeMap<String, usize>,
    /// Values of each enum.
    enums: BTreeMap<String, Vec<String>>,
    /// The enum of a column, by table and column.
    uses: Vec<(usize, String, String)>,
}

/// The statements: parted by semicolons, and where a new one plainly begins.
fn statements<'a, 't>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut out = Vec::new();
    let mut start = 0;
    for at in 0..tokens.len() {
        let next = tokens.get(at + 1);
        let begins = tokens[at].is("create")
            && next.is_some_and(|next| CREATED.iter().any(|word| next.is(word)))
            || tokens[at].is("alter") && next.is_some_and(|next| next.is("table"));
        if begins || tokens[at].mark(';') {
            out.push(&tokens[start..at]);
            start = at;
        }
    }
    out.push(&tokens[start..]);
    out
}

const CREATED: &[&str] = &[
    "table",
    "temp",
    "temporary",
    "unlogged",
    "or",
    "type",
    "unique",
    "index",
    "policy",
    "view",
    "function",
    "trigger",
];

impl Script {
    fn run(&mut self, statement: &[Token<'_>]) {
        let words: Vec<Token<'_>> = statement.iter().filter(|token| !token.mark(';')).copied().collect();
        let mut cursor = Cursor::new(&words);
        cursor.skip_lines();
        if cursor.eat("create") {
            let _modified = cursor.eat("temp")
                | cursor.eat("temporary")
                | cursor.eat("unlogged")
                | cursor.eat_all(&["or", "replace"]);
            if cursor.eat("table") {
                self.create(&mut cursor);
            } else if cursor.eat("type") {
                self.create_type(&mut cursor);
            } else if cursor.eat_all(&["unique", "index"]) {
                self.unique_index(&mut cursor);
            } else if cursor.eat("policy") {
                self.policy(&mut cursor);
            }
        } else if cursor.eat_all(&["alter", "table"]) {
            self.alter(&mut cursor);
        }
    }

    fn create(&mut self, cursor: &mut Cursor<'_, '_>) {
        cursor.eat_all(&["if", "not", "exists"]);
        let Some((name, line)) = name(cursor) else { return };
        cursor.skip_lines();
        let Some(body) = cursor.group() else { return };
        let place = self.place(&name, line);
        for entry in entries(body) {
            self.entry(place, entry);
        }
    }

    /// The place of a table in the list, made if it is not there.
    fn place(&mut self, name: &str, line: u32) -> usize {
        let snake = names::snake(name);
        if let Some(&place) = self.places.get(&snake) {
            return place;
        }
        self.tables.push(Builder::table(name, line));
        self.places.insert(snake, self.tables.len() - 1);
        self.tables.len() - 1
    }

    fn entry(&mut self, place: usize, entry: &[Token<'_>]) {
        let mut cursor = Cursor::new(entry);
        cursor.skip_lines();
        if cursor.eat("constraint")
            && !cursor.peek().is_some_and(|token| STARTS.iter().any(|word| token.is(word)))
        {
            cursor.next();
        }
        let table = &mut self.tables[place];
        if cursor.eat_all(&["primary", "key"]) {
            table.key(scan::names(group_ahead(&mut cursor)));
        } else if cursor.peek().is_some_and(|t| t.is("unique"))
            && cursor.ahead(1).is_some_and(|t| t.mark('(') || t.names())
        {
            table.unique(scan::names(group_ahead(&mut cursor)));
        } else if cursor.eat_all(&["foreign", "key"]) {
            let columns = scan::names(group_ahead(&mut cursor));
            let target = cursor.eat("references").then(|| reference(&mut cursor)).flatten();
            if let (Some(column), Some((to, key, rule))) = (columns.first(), target) {
                table.reference(column, &to, key.as_deref(), rule);
            }
        } else if let Some(first) = cursor.peek().filter(|token| token.names()) {
            let skipped = first.kind == Kind::Word && SKIPPED.iter().any(|word| first.is(word));
            if !skipped || cursor.ahead(1).is_some_and(|token| types::parse(token.text, "").is_some()) {
                self.column(place, &mut cursor);
            }
        }
    }

    fn column(&mut self, place: usize, cursor: &mut Cursor<'_, '_>) {
        let Some(first) = cursor.next() else { return };
        let mut column = build::column(first.text);
        if cursor.peek().is_some_and(|token| token.names() && !CONSTRAINTS.iter().any(|word| token.is(word)))
        {
            self.column_type(place, cursor, &mut column);
        }
        let table = &mut self.tables[place];
        while let Some(token) = cursor.next() {
            if token.is("primary") {
                cursor.eat("key");
                column.primary_key = true;
            } else if token.is("not") && cursor.eat("null") {
                column.nullable = false;
            } else if token.is("unique") {
                column.unique = true;
            } else if token.is("default") {
                let value = cursor
                    .until(|token| CONSTRAINTS.iter().any(|word| token.is(word)) && !token.is("default"));
                column.default = if value.first().is_some_and(|t| t.is("null")) {
                    Some("null".to_owned())
                } else {
                    build::default_value(&scan::joined(value))
                };
                if value.is_empty() && cursor.eat("null") {
                    column.default = Some("null".to_owned());
                }
            } else if token.is("references") {
                if let Some((to, key, rule)) = reference(cursor) {
                    table.reference(&column.name, &to, key.as_deref(), rule);
                }
            } else if token.is("check") {
                let inside = cursor.group().unwrap_or_default();
                if inside.iter().any(|token| token.is("in") || token.is("any")) {
                    column.values = scan::strings(inside);
                }
            }
        }
        table.column(column, first.line);
    }

    fn column_type(&mut self, place: usize, cursor: &mut Cursor<'_, '_>, column: &mut ColumnNeed) {
        let Some(mut word) = cursor.next() else { return };
        while cursor.peek().is_some_and(|token| token.mark('.')) && cursor.ahead(1).is_some_and(Token::names)
        {
            cursor.next();
            word = cursor.next().unwrap_or(word);
        }
        let mut written = word.text.to_owned();
        let _second_word = cursor.eat("varying") | cursor.eat("precision") | cursor.eat("unsigned");
        let sized = cursor.peek().is_some_and(|token| token.mark('('));
        if let Some(inside) = if sized { cursor.group() } else { None } {
            if word.is("enum") || word.is("set") {
                column.values = scan::strings(inside);
            }
            written = format!("{written}({})", scan::joined(inside));
        }
        let _zone = cursor.eat_all(&["with", "time", "zone"]) || cursor.eat_all(&["without", "time", "zone"]);
        let list = cursor.eat_mark('[') | cursor.eat("array");
        cursor.eat_mark(']');
        match types::parse(&written, &column.name) {
            Some(inner) if list => column.r#type = ColumnType::Array(Box::new(inner)),
            Some(r#type) => column.r#type = r#type,
            None => self.uses.push((place, column.name.clone(), word.text.to_ascii_lowercase())),
        }
        if written.to_ascii_lowercase().contains("serial") {
            column.nullable = false;
        }
    }

    fn create_type(&mut self, cursor: &mut Cursor<'_, '_>) {
        let Some((name, _)) = name(cursor) else { return };
        if cursor.eat_all(&["as", "enum"]) {
            cursor.skip_lines();
            let values = scan::strings(cursor.group().unwrap_or_default());
            self.enums.insert(name.to_ascii_lowercase(), values);
        }
    }

    fn unique_index(&mut self, cursor: &mut Cursor<'_, '_>) {
        let partial = cursor.rest().iter().any(|token| token.is("where"));
        cursor.until(|token| token.is("on"));
        cursor.next();
        let Some((table, _)) = name(cursor) else { return };
        let columns = scan::names(group_ahead(cursor));
        if let Some(&place) = self.places.get(&names::snake(&table)).filter(|_| !partial) {
            self.tables[place].unique(columns);
        }
    }

    fn alter(&mut self, cursor: &mut Cursor<'_, '_>) {
        cursor.eat_all(&["if", "exists"]);
        cursor.eat("only");
        let Some((table, line)) = name(cursor) else { return };
        for part in scan::split(cursor.rest(), ',') {
            let mut part = Cursor::new(part);
            part.skip_lines();
            if !part.eat("add") {
                continue;
            }
            part.eat("column");
            part.eat_all(&["if", "not", "exists"]);
            let place = self.place(&table, line);
            let rest = part.rest().to_vec();
            self.entry(place, &rest);
        }
    }

    /// Who may do what, from the few shapes that policies commonly have.
    fn policy(&mut self, cursor: &mut Cursor<'_, '_>) {
        cursor.until(|token| token.is("on"));
        cursor.next();
        let Some((table, _)) = name(cursor) else { return };
        let Some(&place) = self.places.get(&names::snake(&table)) else { return };
        let rest = cursor.rest();
        let own = rest.iter().any(|token| token.is("auth") || token.is("uid") || token.is("current_user"));
        let all =
            rest.windows(3).any(|three| three[0].mark('(') && three[1].is("true") && three[2].mark(')'));
        let reads = rest.windows(2).any(|two| two[0].is("for") && two[1].is("select"));
        let access = &mut self.tables[place].need_mut().access;
        *access = match (*access, own, all && reads) {
            (Access::Unspecified, true, false) => Access::Own,
            (Access::Unspecified, false, true) => Access::Public,
            (Access::Own, _, true) | (Access::Public, true, _) => Access::OwnOrPublic,
            (kept, _, _) => kept,
        };
    }

    fn finish(mut self) -> Vec<Draft> {
        for (place, name, used) in self.uses {
            let Some(values) = self.enums.get(&used) else { continue };
            let columns = &mut self.tables[place].need_mut().columns;
            if let Some(column) = columns.iter_mut().find(|column| column.name == name) {
                column.values.clone_from(values);
                column.r#type = ColumnType::Text;
            }
        }
        build::finish(self.tables, Source::Schema)
    }
}

/// Words that open a table constraint.
const STARTS: &[&str] = &["primary", "foreign", "unique", "check", "exclude"];
/// Words that open an entry which is no column.
const SKIPPED: &[&str] =
    &["check", "key", "index", "exclude", "like", "fulltext", "period", "spatial", "partition"];
/// Words that open a column constraint.
const CONSTRAINTS: &[&str] = &[
    "primary",
    "not",
    "null",
    "unique",
    "default",
    "references",
    "check",
    "generated",
    "auto_increment",
    "autoincrement",
    "collate",
    "comment",
    "constraint",
    "on",
    "identity",
];

/// The entries of a table's body: parted by commas, and at a line that plainly begins a column
/// where the comma was forgotten.
fn entries<'a, 't>(body: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut out = Vec::new();
    for part in scan::split(body, ',') {
        let (mut start, mut depth, mut seen) = (0, 0_usize, false);
        for at in 0..part.len() {
            if matches!(part[at].text, "(" | "[") && part[at].kind == Kind::Mark {
                depth += 1;
            } else if matches!(part[at].text, ")" | "]") && part[at].kind == Kind::Mark {
                depth = depth.saturating_sub(1);
            }
            let fresh = part[at].kind == Kind::Line
                && depth == 0
                && seen
                && part.get(at + 1).is_some_and(|t| t.names() && !CONSTRAINTS.iter().any(|word| t.is(word)))
                && part
                    .get(at + 2)
                    .is_some_and(|t| t.kind == Kind::Word && types::parse(t.text, "").is_some());
            if fresh {
                out.push(&part[start..at]);
                start = at;
            }
            seen |= part[at].names();
        }
        out.push(&part[start..]);
    }
    out
}

/// A name, perhaps with its schema before it.
fn name(cursor: &mut Cursor<'_, '_>) -> Option<(String, u32)> {
    cursor.eat_mark('[');
    let mut last = cursor.peek().filter(|token| token.names())?;
    cursor.next();
    cursor.eat_mark(']');
    while cursor.peek().is_some_and(|token| token.mark('.')) {
        cursor.next();
        cursor.eat_mark('[');
        last = cursor.peek().filter(|token| token.names())?;
        cursor.next();
        cursor.eat_mark(']');
    }
    Some((last.text.to_owned(), last.line))
}

/// What `REFERENCES` points at, with the rule for deletion.
fn reference(cursor: &mut Cursor<'_, '_>) -> Option<(String, Option<String>, Option<String>)> {
    let (table, _) = name(cursor)?;
    let key = cursor.group().map(scan::names).and_then(|names| names.into_iter().next());
    let rest = cursor.rest();
    let rule = rest
        .windows(3)
        .find(|three| three[0].is("on") && three[1].is("delete"))
        .and_then(|three| build::on_delete(if three[2].is("set") { "set null" } else { three[2].text }));
    Some((table, key, rule))
}

/// The next group, past what stands before it.
fn group_ahead<'a, 't>(cursor: &mut Cursor<'a, 't>) -> &'t [Token<'a>] {
    cursor.until(|token| token.mark('('));
    cursor.group().unwrap_or_default()
}
