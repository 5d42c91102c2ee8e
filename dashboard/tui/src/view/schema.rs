//! Tables: columns, what else holds, and what each role may do; two moments compared.

use std::collections::BTreeSet;

use super::Scene;
use super::page::Page;
use crate::data::{Access, Column, Reach, Schema, Table};
use crate::look::Tone;
use crate::text::{age, fit, width};

/// The commands of a matrix, in the order in which [`Access::commands`] has them.
const COMMANDS: [&str; 4] = ["select", "insert", "update", "delete"];

/// Columns of a role's name.
const ROLE_COLUMNS: usize = 16;

/// A table as it is.
pub(super) fn table(page: &mut Page, table: &Table) {
    page.parts([("  ".to_owned(), Tone::Plain), (table.name.clone(), Tone::Strong)]);
    for column in &table.columns {
        page.parts(column_parts("    ", column, Tone::Plain));
    }
    for rule in &table.rules {
        page.line(&format!("    {rule}"), Tone::Faint);
    }
    matrix(page, table);
}

fn column_parts(indent: &str, column: &Column, tone: Tone) -> Vec<(String, Tone)> {
    vec![
        (format!("{indent}{:<20} ", column.name), tone),
        (format!("{:<14} ", column.ty), if tone == Tone::Plain { Tone::Accent } else { tone }),
        (column.notes.clone(), if tone == Tone::Plain { Tone::Faint } else { tone }),
    ]
}

/// What each role may do: a row for each role, a column for each command.
fn matrix(page: &mut Page, table: &Table) {
    let label = match &table.policies {
        Some(label) => format!("policies: {label}"),
        None => "no policies: nothing is said about who reaches which rows".to_owned(),
    };
    page.line(&format!("    {label}"), if table.policies.is_some() { Tone::Faint } else { Tone::Bad });
    if table.access.is_empty() {
        return;
    }
    let room = page.columns().saturating_sub(4 + ROLE_COLUMNS) / COMMANDS.len();
    let room = room.clamp(8, 40);
    let mut head = vec![(format!("    {:<ROLE_COLUMNS$}", "role"), Tone::Faint)];
    head.extend(COMMANDS.map(|command| (format!("{command:<room$}"), Tone::Faint)));
    page.parts(head);
    for access in &table.access {
        page.parts(access_parts(access, room));
    }
}

fn access_parts(access: &Access, room: usize) -> Vec<(String, Tone)> {
    let mut parts = vec![(format!("    {}", padded(&access.role, ROLE_COLUMNS)), Tone::Plain)];
    for reach in &access.commands {
        let (text, tone) = match reach {
            Reach::None => ("no row", Tone::Faint),
            Reach::All => ("EVERY ROW", Tone::Warning),
            Reach::Where(condition) => (condition.as_str(), Tone::Good),
        };
        parts.push((padded(text, room), tone));
    }
    parts
}

/// `text` in exactly so many columns, the last of them blank.
fn padded(text: &str, columns: usize) -> String {
    let safe = crate::text::shown(text);
    let cut = fit(&safe, columns.saturating_sub(1), "~");
    let blanks = columns.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(blanks))
}

/// Two moments: what is new, what is gone, what is different, then the matrices of what changed.
pub(super) fn compared(scene: &Scene<'_>, page: &mut Page, before: &Schema, after: &Schema, at_ms: i64) {
    page.heading("Tables before and after", &format!("backend, read {}", age(scene.now_ms, at_ms)));
    let find = |schema: &Schema, name: &str| schema.tables.iter().find(|table| table.name == name).cloned();
    let names: BTreeSet<&str> =
        before.tables.iter().chain(&after.tables).map(|table| table.name.as_str()).collect();
    let mut same = 0;
    for name in names {
        match (find(before, name), find(after, name)) {
            (Some(old), Some(new)) if old == new => same += 1,
            (old, new) => difference(page, name, &old.unwrap_or_default(), &new.unwrap_or_default()),
        }
    }
    if same > 0 {
        page.line(&format!("  {same} tables stay as they are"), Tone::Faint);
    }
}

fn difference(page: &mut Page, name: &str, old: &Table, new: &Table) {
    let (word, tone) = match (old.name.is_empty(), new.name.is_empty()) {
        (true, _) => ("new table", Tone::Good),
        (_, true) => ("table goes, with its rows", Tone::Bad),
        (false, false) => ("table changes", Tone::Warning),
    };
    page.parts([(format!("  {name} "), Tone::Strong), (word.to_owned(), tone)]);
    for column in &old.columns {
        match new.columns.iter().find(|other| other.name == column.name) {
            Some(other) if other == column => page.parts(column_parts("      ", column, Tone::Faint)),
            Some(other) => {
                page.parts(column_parts("    - ", column, Tone::Bad));
                page.parts(column_parts("    + ", other, Tone::Good));
            }
            None => page.parts(column_parts("    - ", column, Tone::Bad)),
        }
    }
    for column in
        new.columns.iter().filter(|column| !old.columns.iter().any(|other| other.name == column.name))
    {
        page.parts(column_parts("    + ", column, Tone::Good));
    }
    for rule in old.rules.iter().filter(|rule| !new.rules.contains(rule)) {
        page.line(&format!("    - {rule}"), Tone::Bad);
    }
    for rule in new.rules.iter().filter(|rule| !old.rules.contains(rule)) {
        page.line(&format!("    + {rule}"), Tone::Good);
    }
    if new.name.is_empty() {
        return;
    }
    if old.access != new.access && !old.name.is_empty() {
        page.line("    before:", Tone::Bad);
        matrix(page, old);
        page.line("    after:", Tone::Good);
    }
    matrix(page, new);
}
