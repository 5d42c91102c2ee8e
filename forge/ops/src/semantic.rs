//! The schema told for models: every table with its columns, what they mean, how they belong together, and who
//! reaches which rows. The same schema gives the same text.

use std::fmt::Write as _;

use forge_database::schema::{Column, ColumnDefault, Command, Policy, Returns, Schema, Table};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// Bytes of the text.
const BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    #[serde(default)]
    tables: Vec<String>,
}

pub(crate) fn render(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Render { tables } = read(operation, input)?;
    let schema = forge.database.schema()?;
    if let Some(missing) = tables.iter().find(|name| !schema.tables.contains_key(*name)) {
        let known: Vec<&str> = schema.tables.keys().map(String::as_str).collect();
        let why = format!("there is no table `{missing}`; there are: {}", known.join(", "));
        return Err(OpError::Input { operation, why });
    }
    let (text, left_out) = markdown(&schema, &tables);
    let shown = if tables.is_empty() { schema.tables.len() } else { tables.len() } - left_out.len();
    let summary = match left_out.is_empty() {
        true => format!("{shown} tables"),
        false => format!("{shown} tables; {} are left out: name them in `tables`", left_out.len()),
    };
    Ok(Outcome::Done { summary, data: json!({ "text": text, "left_out": left_out }) })
}

/// The text, and the tables for which there was no room.
fn markdown(schema: &Schema, only: &[String]) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut left_out = Vec::new();
    let wanted = |table: &&Table| only.is_empty() || only.contains(&table.name);
    for table in schema.tables.values().filter(wanted) {
        let told = of_table(schema, table);
        if text.len() + told.len() > BYTES_MAX {
            left_out.push(table.name.clone());
        } else {
            text.push_str(&told);
        }
    }
    if only.is_empty() {
        for (name, values) in &schema.enums {
            say(&mut text, format_args!("enum {name}: {}\n", values.join(" | ")));
        }
        for view in schema.views.values() {
            say(&mut text, format_args!("view {}: {}\n", view.name, one_line(&view.query)));
        }
        for function in schema.functions.values().flatten() {
            let arguments: Vec<&str> =
                function.arguments.iter().map(|argument| argument.name.as_str()).collect();
            let gives = match &function.returns {
                Returns::Void => "nothing".to_owned(),
                Returns::Value(ty) => ty.to_string(),
                Returns::Values(ty) => format!("{ty}, any number"),
                Returns::Row(of) => format!("a row of {of}"),
                Returns::Rows(of) => format!("rows of {of}"),
                Returns::Table(columns) => {
                    columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect::<Vec<_>>().join(", ")
                }
            };
            say(
                &mut text,
                format_args!("function {}({}): gives {gives}\n", function.name, arguments.join(", ")),
            );
        }
    }
    (text, left_out)
}

fn of_table(schema: &Schema, table: &Table) -> String {
    let mut text = format!("## {}\n", table.name);
    for column in &table.columns {
        say(&mut text, format_args!("- {} {}{}\n", column.name, column.ty, meaning(table, column)));
    }
    for group in table.uniques.iter().filter(|group| group.len() > 1) {
        say(&mut text, format_args!("unique together: {}\n", group.join(", ")));
    }
    for check in &table.checks {
        say(&mut text, format_args!("always: {}\n", check.expr));
    }
    let mut referring: Vec<String> = schema
        .tables
        .values()
        .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
        .filter(|(_, key)| key.table == table.name)
        .map(|(other, key)| format!("{}.{}", other.name, key.column))
        .collect();
    referring.sort();
    if !referring.is_empty() {
        say(&mut text, format_args!("referred to by: {}\n", referring.join(", ")));
    }
    match &table.rls {
        None => text.push_str("rows: nobody said who reaches them\n"),
        Some(rls) => {
            say(&mut text, format_args!("rows ({}):\n", rls.label));
            if rls.policies.is_empty() {
                text.push_str("- only the backend itself reaches them\n");
            }
            for policy in &rls.policies {
                say(&mut text, format_args!("- {}\n", of_policy(policy)));
            }
        }
    }
    for grant in &table.grants {
        let columns = if grant.columns.is_empty() { "nothing".to_owned() } else { grant.columns.join(", ") };
        say(&mut text, format_args!("columns: {} may {} {columns}\n", grant.role, command(grant.command)));
    }
    text
}

/// What is to be known about a column beside its type.
fn meaning(table: &Table, column: &Column) -> String {
    let mut told = String::new();
    if table.primary_key.contains(&column.name) {
        told.push_str(", key");
    } else if !column.nullable {
        told.push_str(", required");
    }
    if table.uniques.iter().any(|group| group.len() == 1 && group[0] == column.name) {
        told.push_str(", unique");
    }
    if let Some(key) = table.foreign_key(&column.name) {
        say(&mut told, format_args!(" -> {}.{} (on delete {})", key.table, key.references, key.on_delete));
    }
    match &column.default {
        None => {}
        Some(ColumnDefault::Now) => told.push_str(", by default now"),
        Some(ColumnDefault::RandomUuid) => told.push_str(", by default random"),
        Some(ColumnDefault::Identity) => told.push_str(", by default the next number"),
        Some(ColumnDefault::CurrentUser) => told.push_str(", by default who is signed in"),
        Some(ColumnDefault::Literal(value)) => {
            say(&mut told, format_args!(", by default {}", one_line(value)))
        }
    }
    told
}

fn of_policy(policy: &Policy) -> String {
    let commands: Vec<&str> = policy.commands.iter().map(|of| command(*of)).collect();
    let mut told = format!("{} may {}", policy.roles.join(", "), commands.join(", "));
    if policy.restrictive {
        told.push_str(" only");
    }
    if let Some(using) = &policy.using {
        say(&mut told, format_args!(" where {}", one_line(using)));
    }
    if let Some(check) = policy.check.as_ref().filter(|check| policy.using.as_ref() != Some(check)) {
        say(&mut told, format_args!(", leaving {}", one_line(check)));
    }
    told
}

fn command(command: Command) -> &'static str {
    match command {
        Command::Select => "read",
        Command::Insert => "add",
        Command::Update => "change",
        Command::Delete => "remove",
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn say(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default(); // A string takes every write.
}
