//! Tables out of plain listings: `users: id, email`, `users(id PK, email)`, indented and drawn trees.

use super::build::{self, Builder};
use super::phrase::{self, Phrase};
use super::spec;
use crate::draft::{Draft, Source};
use crate::names;

/// The tables that the lines of `text` list.
pub(crate) fn extract(text: &str, first_line: u32) -> Vec<Draft> {
    let mut reader = Reader::default();
    for (line, number) in text.lines().zip(first_line..) {
        reader.line(line, number);
    }
    reader.close();
    build::finish(reader.tables, Source::Schema)
}

#[derive(Default)]
struct Reader {
    tables: Vec<Builder>,
    open: Option<Open>,
}

/// A table whose columns follow, one a line.
struct Open {
    builder: Builder,
    indent: usize,
    signs: usize,
    strangers: usize,
    /// True when its line says that it is a table.
    said: bool,
}

impl Reader {
    fn line(&mut self, raw: &str, number: u32) {
        let body = raw.trim_start_matches(|c: char| c.is_whitespace() || DRAWN.contains(c));
        let indent = raw.chars().count() - body.chars().count();
        let bulleted = body.starts_with(['-', '*', '+', '\u{2022}']) && !body.starts_with("--");
        let body = body.trim_start_matches(['-', '*', '+', '\u{2022}', '#']).trim().trim_matches('`');
        let body = body.trim_start_matches("**").trim();
        if body.is_empty() {
            // A blank line ends a table only when columns were read.
            if self.open.as_ref().is_some_and(|open| !open.builder.need().columns.is_empty()) {
                self.close();
            }
            return;
        }
        let deeper =
            self.open.as_ref().is_some_and(|open| indent > open.indent || bulleted && indent == open.indent);
        if deeper && !raw.starts_with('#') {
            self.column(body, number);
            return;
        }
        self.close();
        if let Some(table) = inline(body, number) {
            self.tables.push(table);
        } else if let Some((name, said)) = heading(body) {
            let builder = builder(name, number);
            self.open = Some(Open { builder, indent, signs: 0, strangers: 0, said });
        }
    }

    fn column(&mut self, body: &str, number: u32) {
        let Some(open) = self.open.as_mut() else { return };
        if names_no_column(body) {
            open.strangers += 1;
            return;
        }
        for phrase in several(body) {
            let key = phrase.column.name == "id" || phrase.column.name.ends_with("_id");
            open.signs += usize::from(phrase.signs > 0 || key);
            if phrase.signs == 0 && phrase.strangers > 1 {
                open.strangers += 1;
                continue;
            }
            spec::add(&mut open.builder, phrase, number);
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let columns = open.builder.need().columns.len();
        // A listing of sentences or of files has few signs of a schema.
        let schema = open.signs * 2 >= columns || open.said || open.builder.has("id");
        if columns >= 2 && open.signs + usize::from(open.said) > 0 && schema && open.strangers <= columns {
            self.tables.push(open.builder);
        }
    }
}

/// The signs with which trees are drawn.
const DRAWN: &str = "\u{2502}\u{251c}\u{2514}\u{2500}\u{2570}\u{256d}|";

/// One line's columns: one with its attributes, or several parted by commas.
fn several(body: &str) -> Vec<Phrase> {
    let list = phrase::columns(body);
    let bare = list.len() > 1 && list.iter().all(|part| part.strangers == 0) && !body.contains(':');
    let keyed = list.iter().skip(1).all(|part| part.signs == 0);
    if bare && keyed { list } else { phrase::column(body).into_iter().collect() }
}

/// Paths, calls and sentences.
fn names_no_column(body: &str) -> bool {
    let first = body.split_whitespace().next().unwrap_or(body);
    let name = first.trim_end_matches([':', ',']);
    let path = name.contains('/')
        || name.contains("()")
        || name.split_once('.').is_some_and(|(_, rest)| !rest.is_empty());
    path || first.ends_with('{') || body.starts_with(['{', '}', '<', '>', '=', '$', '@', '/', '.'])
}

fn builder(name: &str, line: u32) -> Builder {
    let name = if name.chars().all(|c| !c.is_ascii_lowercase()) {
        name.to_ascii_lowercase()
    } else {
        name.to_owned()
    };
    if name.contains('_') || names::is_plural(&names::snake(&name)) {
        Builder::table(&name, line)
    } else {
        Builder::entity(&name, line)
    }
}

/// `users: id, email, created_at` and `users(id PK, email)`.
fn inline(body: &str, line: u32) -> Option<Builder> {
    let (name, inside) = match body.find([':', '(']) {
        Some(at) if body[at..].starts_with('(') => {
            (&body[..at], body[at + 1..].trim_end().trim_end_matches([';', ',']).strip_suffix(')')?)
        }
        Some(at) => (&body[..at], body[at + 1..].trim()),
        None => {
            let at =
                body.find(" - ").or_else(|| body.find(" \u{2013} ")).or_else(|| body.find(" \u{2014} "))?;
            (&body[..at], body[at..].trim_start_matches([' ', '-', '\u{2013}', '\u{2014}']))
        }
    };
    let name = name.trim().trim_matches(['`', '*', '"']).trim();
    let name = name.strip_suffix("table").or_else(|| name.strip_suffix("Table")).unwrap_or(name).trim();
    let name = name.strip_prefix("Table ").or_else(|| name.strip_prefix("table ")).unwrap_or(name).trim();
    if !is_table_name(name) {
        return None;
    }
    let inside =
        inside.trim_start_matches('{').trim_end_matches('}').trim_start_matches('(').trim_end_matches(';');
    let phrases = phrase::columns(inside);
    let keys = phrases.iter().filter(|phrase| {
        let name = phrase.column.name.as_str();
        phrase.signs > 0 || name == "id" || name.ends_with("_id") || name.ends_with("_at")
    });
    let fits = phrases.len() >= 2
        && phrases.iter().all(|phrase| phrase.strangers == 0 || phrase.signs > 0)
        && keys.count() > 0;
    if !fits || phrases.len() < phrase::parts(inside).len() {
        return None;
    }
    let mut table = builder(name, line);
    phrases.into_iter().for_each(|phrase| spec::add(&mut table, phrase, line));
    Some(table)
}

/// `users`, `users:`, `Table: users`, `[users]`, `users table`; true when it says that it is a table.
fn heading(body: &str) -> Option<(&str, bool)> {
    let body = body.trim().trim_end_matches([':', '{', ' ']).trim_matches(['*', '`', '[', ']', '"']);
    let mut said = false;
    let mut name = body;
    for before in [
        "Table:",
        "table:",
        "TABLE:",
        "Table ",
        "table ",
        "TABLE ",
        "Entity:",
        "Entity ",
        "Collection:",
        "Collection ",
        "Model:",
        "Model ",
    ] {
        if let Some(rest) = name.strip_prefix(before) {
            (name, said) = (rest.trim(), true);
            break;
        }
    }
    for after in [" table", " Table", " (table)", " collection", " Collection", " model", " Model"] {
        if let Some(rest) = name.strip_suffix(after) {
            (name, said) = (rest.trim(), true);
            break;
        }
    }
    let name = name.trim_matches(['*', '`', '"']);
    is_table_name(name).then_some((name, said))
}

fn is_table_name(name: &str) -> bool {
    let words = name.split_whitespace().count();
    (1..=2).contains(&words)
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ' ')
        && name.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
        && !NO_TABLES.contains(&names::snake(name).as_str())
}

/// Words that open lists of other things.
const NO_TABLES: &[&str] = &[
    "src",
    "app",
    "components",
    "lib",
    "public",
    "pages",
    "api",
    "config",
    "utils",
    "hooks",
    "styles",
    "tests",
    "test",
    "docs",
    "assets",
    "root",
    "get",
    "post",
    "put",
    "delete",
    "patch",
    "input",
    "output",
    "returns",
    "response",
    "request",
    "body",
    "params",
    "example",
    "note",
    "notes",
    "fields",
    "columns",
    "tables",
    "table",
    "schema",
    "database",
    "models",
    "entities",
    "relationships",
    "indexes",
    "frontend",
    "backend",
    "headers",
    "if",
    "else",
    "for",
    "while",
    "return",
    "import",
    "from",
    "const",
    "function",
    "services",
    "version",
    "usage",
    "props",
    "state",
    "env",
    "query",
    "header",
    "footer",
    "client",
    "server",
    "options",
    "steps",
    "environment",
    "volumes",
    "networks",
    "ports",
    "build",
    "jobs",
    "on",
    "metadata",
    "spec",
];
