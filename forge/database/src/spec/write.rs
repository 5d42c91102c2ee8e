//! Migrations as text that reads back to the same migration.

use std::fmt::Write as _;

use super::{column, grants, rls};
use crate::{
    change::{Change, Migration},
    routine::text,
    schema::{
        Argument, Column, ColumnDefault, ColumnGrant, ForeignKey, Function, Index, IndexColumn, OnDelete,
        Policy, Rls, Table, Type, Volatility,
    },
};

/// Words of the mini-language that would be read as something else where a type stands.
const WORDS: [&str; 14] = [
    "pk",
    "primary",
    "primary_key",
    "not",
    "null",
    "required",
    "nullable",
    "optional",
    "unique",
    "fk",
    "default",
    "on",
    "references",
    "identity",
];

/// What else a column's text says, beside the column itself.
#[derive(Clone, Copy)]
struct Around<'a> {
    reference: Option<&'a ForeignKey>,
    unique: bool,
    key: Part,
}

/// A column's part in the primary key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    Alone,
    Member,
    /// Not said, but null and default are, because reading would keep what is there.
    Altered,
}

/// The migration as YAML. Reading it again gives the same migration, whatever the schema.
pub fn to_yaml(migration: &Migration) -> String {
    let mut out = format!("migration: {}\n", scalar(&migration.name));
    if migration.changes.is_empty() {
        out.push_str("changes: []\n");
        return out;
    }
    out.push_str("changes:\n");
    for change in &migration.changes {
        out.push_str("  - ");
        write_change(&mut out, change);
    }
    out
}

fn write_change(out: &mut String, change: &Change) {
    let mut line = |verb: &str, fields: &[(&str, String)]| {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        // Writing to a String cannot fail.
        writeln!(out, "{verb}: {{{}}}", fields.join(", ")).unwrap_or_default();
    };
    match change {
        Change::AddTable(table) => write_table(out, table),
        Change::DropTable { table } => line("drop_table", &[("table", scalar(table))]),
        Change::RenameTable { table, to } => {
            line("rename_table", &[("table", scalar(table)), ("to", scalar(to))])
        }
        Change::AddColumn { table, column, foreign_key, unique } => {
            let text = column_text(
                column,
                Around { reference: foreign_key.as_ref(), unique: *unique, key: Part::None },
            );
            line("add_column", &[("table", scalar(table)), ("column", flow(text))]);
        }
        Change::DropColumn { table, column } => {
            line("drop_column", &[("table", scalar(table)), ("column", scalar(column))]);
        }
        Change::RenameColumn { table, column, to } => {
            line(
                "rename_column",
                &[("table", scalar(table)), ("column", scalar(column)), ("to", scalar(to))],
            );
        }
        Change::AlterColumn { table, column } => {
            let text = column_text(column, Around { reference: None, unique: false, key: Part::Altered });
            line("alter_column", &[("table", scalar(table)), ("column", flow(text))]);
        }
        Change::AddIndex { table, index } => {
            let mut fields = vec![("table", scalar(table))];
            fields.extend(index_fields(index));
            line("add_index", &fields);
        }
        Change::DropIndex { table, index } => {
            line("drop_index", &[("table", scalar(table)), ("name", scalar(index))]);
        }
        Change::AddCheck { table, check } => line(
            "add_check",
            &[("table", scalar(table)), ("name", scalar(&check.name)), ("expr", quoted(&check.expr))],
        ),
        Change::DropCheck { table, check } => {
            line("drop_check", &[("table", scalar(table)), ("name", scalar(check))]);
        }
        Change::AddUnique { table, columns } => {
            line("add_unique", &[("table", scalar(table)), ("columns", scalars(columns))]);
        }
        Change::DropUnique { table, columns } => {
            line("drop_unique", &[("table", scalar(table)), ("columns", scalars(columns))]);
        }
        Change::AddForeignKey { table, foreign_key } => {
            let mut fields = vec![("table", scalar(table))];
            fields.extend(key_fields(foreign_key));
            line("add_foreign_key", &fields);
        }
        Change::DropForeignKey { table, column } => {
            line("drop_foreign_key", &[("table", scalar(table)), ("column", scalar(column))]);
        }
        Change::AddEnum { name, values } => {
            line("add_enum", &[("name", scalar(name)), ("values", scalars(values))]);
        }
        Change::AddEnumValues { name, values } => {
            line("add_enum_values", &[("name", scalar(name)), ("values", scalars(values))]);
        }
        Change::DropEnum { name } => line("drop_enum", &[("name", scalar(name))]),
        Change::SetRls { table, rls } => line("set_rls", &[("table", scalar(table)), ("rls", policies(rls))]),
        Change::SetGrants { table, grants } => {
            line("set_grants", &[("table", scalar(table)), ("grants", grants_text(grants))]);
        }
        Change::Seed { table, rows } => {
            let cell = |(name, value): &(String, Option<String>)| {
                let value = value.as_deref().map_or_else(|| "null".to_owned(), scalar);
                format!("{}: {value}", scalar(name))
            };
            let row = |row: &Vec<(String, Option<String>)>| {
                format!("{{{}}}", row.iter().map(cell).collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<String> = rows.iter().map(row).collect();
            line("seed", &[("table", scalar(table)), ("rows", format!("[{}]", rows.join(", ")))]);
        }
        Change::AddView(view) => {
            line("add_view", &[("name", scalar(&view.name)), ("query", quoted(&view.query))]);
        }
        Change::DropView { name } => writeln!(out, "drop_view: {}", scalar(name)).unwrap_or_default(),
        Change::AddFunction(function) => line("add_function", &function_fields(function)),
        Change::DropFunction { name, arguments } => {
            let mut fields = vec![("name", scalar(name))];
            if let Some(arguments) = arguments {
                let types: Vec<String> =
                    arguments.iter().map(|ty| quoted(&text::argument_type_text(ty))).collect();
                fields.push(("arguments", format!("[{}]", types.join(", "))));
            }
            line("drop_function", &fields);
        }
    }
}

fn function_fields(function: &Function) -> Vec<(&'static str, String)> {
    let argument = |argument: &Argument| {
        let mut fields =
            vec![("name", scalar(&argument.name)), ("type", quoted(&text::argument_type_text(&argument.ty)))];
        if argument.name.is_empty() {
            fields.remove(0);
        }
        if let Some(default) = &argument.default {
            fields.push(("default", quoted(default)));
        }
        if argument.variadic {
            fields.push(("variadic", "true".to_owned()));
        }
        mapping(&fields)
    };
    let arguments: Vec<String> = function.arguments.iter().map(argument).collect();
    let volatility = match function.volatility {
        Volatility::Immutable => "immutable",
        Volatility::Stable => "stable",
        Volatility::Volatile => "volatile",
    };
    vec![
        ("name", scalar(&function.name)),
        ("arguments", format!("[{}]", arguments.join(", "))),
        ("returns", quoted(&text::returns_text(&function.returns))),
        ("body", quoted(&function.body)),
        ("volatility", volatility.to_owned()),
    ]
}

fn write_table(out: &mut String, table: &Table) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("add_table:".to_owned());
    line(format!("      name: {}", scalar(&table.name)));
    // Keys stand at their columns when reading gives them back in this order.
    let in_order: Vec<&ForeignKey> =
        table.columns.iter().filter_map(|column| table.foreign_key(&column.name)).collect();
    let inline = in_order.len() == table.foreign_keys.len()
        && in_order.iter().zip(&table.foreign_keys).all(|(left, right)| *left == right);
    if table.columns.is_empty() {
        line("      columns: []".to_owned());
    } else {
        line("      columns:".to_owned());
    }
    for column in &table.columns {
        let key = match table.primary_key.as_slice() {
            [only] if *only == column.name => Part::Alone,
            names if names.contains(&column.name) => Part::Member,
            _ => Part::None,
        };
        let reference = table.foreign_key(&column.name).filter(|_| inline);
        line(format!("        - {}", block(column_text(column, Around { reference, unique: false, key }))));
    }
    if table.primary_key.len() > 1 {
        line(format!("      primary_key: {}", scalars(&table.primary_key)));
    }
    if !inline {
        let keys: Vec<String> = table.foreign_keys.iter().map(|key| mapping(&key_fields(key))).collect();
        line(format!("      foreign_keys: [{}]", keys.join(", ")));
    }
    if !table.uniques.is_empty() {
        let groups: Vec<String> = table.uniques.iter().map(|group| scalars(group)).collect();
        line(format!("      unique: [{}]", groups.join(", ")));
    }
    if !table.checks.is_empty() {
        let checks: Vec<String> = table
            .checks
            .iter()
            .map(|check| format!("{}: {}", scalar(&check.name), quoted(&check.expr)))
            .collect();
        line(format!("      checks: {{{}}}", checks.join(", ")));
    }
    if !table.indices.is_empty() {
        let indices: Vec<String> = table
            .indices
            .iter()
            .map(|index| {
                let plain = !index.unique && index.name == Index::default_name(&table.name, &index.columns);
                if plain { index_columns(&index.columns) } else { mapping(&index_fields(index)) }
            })
            .collect();
        line(format!("      indices: [{}]", indices.join(", ")));
    }
    if let Some(rls) = &table.rls {
        // The shorthand, where it stands for exactly these policies.
        let short = rls::expand_label(&rls.label, table).is_some_and(|expanded| expanded == *rls);
        line(format!("      rls: {}", if short { quoted(&rls.label) } else { policies(rls) }));
    }
    if !table.grants.is_empty() {
        line(format!("      grants: {}", grants_text(&table.grants)));
    }
}

fn grants_text(grants: &[ColumnGrant]) -> String {
    let one = |(role, command, columns): (&str, &str, &[String])| {
        mapping(&[("role", scalar(role)), ("can", command.to_owned()), ("columns", scalars(columns))])
    };
    format!("[{}]", grants::parts(grants).map(one).collect::<Vec<_>>().join(", "))
}

/// A column's text, or its mapping where a text would be read otherwise.
enum ColumnText {
    Text(String),
    Mapping(String),
}

fn column_text(column: &Column, around: Around<'_>) -> ColumnText {
    let default = match (&column.default, around.key) {
        (Some(default), _) => Some(default_text(default)),
        // Said, because reading would judge it from the key or keep what is there.
        (None, Part::Alone | Part::Altered) => Some("none".to_owned()),
        (None, Part::None | Part::Member) => None,
    };
    let null = match (around.key, column.nullable) {
        (Part::None | Part::Altered, false) => Some("not null"),
        (Part::Altered, true) => Some("null"),
        (Part::None, true) | (Part::Alone | Part::Member, _) => None,
    };
    if needs_mapping(&column.ty) {
        return ColumnText::Mapping(column_mapping(column, around, default));
    }
    let mut text = format!("{} {}", column.name, column.ty);
    if around.key == Part::Alone {
        text.push_str(" pk");
    }
    if let Some(null) = null {
        write!(text, " {null}").unwrap_or_default();
    }
    if around.unique {
        text.push_str(" unique");
    }
    if let Some(key) = around.reference {
        write!(text, " fk->{}.{}", key.table, key.references).unwrap_or_default();
        if key.on_delete != OnDelete::Restrict {
            write!(text, " on delete {}", key.on_delete).unwrap_or_default();
        }
    }
    if let Some(default) = default {
        write!(text, " default {default}").unwrap_or_default();
    }
    ColumnText::Text(text)
}

fn column_mapping(column: &Column, around: Around<'_>, default: Option<String>) -> String {
    let mut fields = vec![("name", scalar(&column.name)), ("type", quoted(&column.ty.to_string()))];
    match around.key {
        Part::Alone => fields.push(("pk", "true".to_owned())),
        Part::None | Part::Altered => fields.push(("nullable", column.nullable.to_string())),
        Part::Member => {}
    }
    if around.unique {
        fields.push(("unique", "true".to_owned()));
    }
    if let Some(key) = around.reference {
        fields.extend(key_fields(key).into_iter().skip(1));
    }
    if let Some(default) = default {
        fields.push(("default", quoted(&default)));
    }
    mapping(&fields)
}

/// Whether the type is an enum whose name means something else in the mini-language.
fn needs_mapping(ty: &Type) -> bool {
    match ty {
        Type::Enum(name) => {
            WORDS.contains(&name.as_str()) || matches!(name.as_str(), "double" | "character" | "timestamp")
        }
        Type::Array(inner) => needs_mapping(inner),
        _ => false,
    }
}

fn default_text(default: &ColumnDefault) -> String {
    match default {
        ColumnDefault::Now => "now()".to_owned(),
        ColumnDefault::RandomUuid => "uuid()".to_owned(),
        ColumnDefault::Identity => "identity".to_owned(),
        ColumnDefault::CurrentUser => "auth.uid()".to_owned(),
        ColumnDefault::Literal(text) => {
            let plain = !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
                && column::default_of(text) == column::Default::Is(default.clone());
            if plain { text.clone() } else { format!("'{}'", text.replace('\'', "''")) }
        }
    }
}

/// As an item of a block list.
fn block(column: ColumnText) -> String {
    match column {
        ColumnText::Mapping(mapping) => mapping,
        ColumnText::Text(text) => {
            let safe = |c: char| c.is_ascii_alphanumeric() || "_ .,>()'-".contains(c);
            if text.chars().all(safe) { text } else { quoted(&text) }
        }
    }
}

/// As a value inside braces.
fn flow(column: ColumnText) -> String {
    match column {
        ColumnText::Mapping(mapping) => mapping,
        ColumnText::Text(text) => quoted(&text),
    }
}

fn key_fields(key: &ForeignKey) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("column", scalar(&key.column)),
        ("references", quoted(&format!("{}.{}", key.table, key.references))),
    ];
    if key.on_delete != OnDelete::Restrict {
        fields.push(("on_delete", quoted(&key.on_delete.to_string())));
    }
    fields
}

fn index_fields(index: &Index) -> Vec<(&'static str, String)> {
    let mut fields = vec![("columns", index_columns(&index.columns)), ("name", scalar(&index.name))];
    if index.unique {
        fields.push(("unique", "true".to_owned()));
    }
    fields
}

fn index_columns(columns: &[IndexColumn]) -> String {
    let one = |column: &IndexColumn| {
        if column.descending { format!("{} desc", column.name) } else { scalar(&column.name) }
    };
    format!("[{}]", columns.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn policies(rls: &Rls) -> String {
    let one = |policy: &Policy| {
        let commands: Vec<&str> = policy.commands.iter().map(|command| rls::command_name(*command)).collect();
        let mut fields = vec![
            ("name", scalar(&policy.name)),
            ("for", format!("[{}]", commands.join(", "))),
            ("to", scalars(&policy.roles)),
        ];
        if let Some(text) = &policy.using {
            fields.push(("using", quoted(text)));
        }
        if let Some(text) = &policy.check {
            fields.push(("check", quoted(text)));
        }
        if policy.restrictive {
            fields.push(("restrictive", "true".to_owned()));
        }
        mapping(&fields)
    };
    let list = format!("[{}]", rls.policies.iter().map(one).collect::<Vec<_>>().join(", "));
    if rls.label == rls::CUSTOM {
        list
    } else {
        format!("{{label: {}, policies: {list}}}", quoted(&rls.label))
    }
}

fn mapping(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

fn scalars(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| scalar(text)).collect::<Vec<_>>().join(", "))
}

/// A text, in quotes unless it is plainly a name.
fn scalar(text: &str) -> String {
    let name = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        // What readers of YAML may take for something else than a text.
        && !matches!(text, "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    if name { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if u32::from(c) < 0x20
                || ('\u{7f}'..='\u{9f}').contains(&c)
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
