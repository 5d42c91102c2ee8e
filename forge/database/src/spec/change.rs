//! Each kind of change.

use serde_json::Value;

use super::{
    column::{self, Default, Draft},
    error::{Place, SpecError},
    grants,
    node::{self, Kind, Node},
    read::{Context, Fields, list, name, names, scalar},
    rls::{self, RlsDraft},
    routine::{self, Routine},
    table::{self, TableDraft},
};
use crate::{
    change::Change,
    ddl::SEED_ROWS_MAX,
    schema::{Check, ForeignKey, OnDelete, Schema, Table},
};

const VERBS: [&str; 25] = [
    "add_table",
    "drop_table",
    "rename_table",
    "add_column",
    "drop_column",
    "rename_column",
    "alter_column",
    "add_index",
    "drop_index",
    "add_check",
    "drop_check",
    "add_unique",
    "drop_unique",
    "add_foreign_key",
    "drop_foreign_key",
    "add_enum",
    "add_enum_values",
    "drop_enum",
    "set_rls",
    "set_grants",
    "seed",
    "add_view",
    "drop_view",
    "add_function",
    "drop_function",
];

/// A change as far as its own text tells it.
pub(super) enum Pending {
    Done(Change),
    Table(TableDraft),
    Column { table: String, draft: Draft },
    Alter { table: String, draft: Draft },
    Rls { at: Place, table: String, rls: RlsDraft },
    Routine(Routine),
}

pub(super) fn read(context: &Context<'_>, verb: &Node, body: &Node) -> Result<Pending, SpecError> {
    let word = scalar(verb)?;
    let fields = |known: &[&str]| Fields::of(body, word, known);
    let done = |change| Ok(Pending::Done(change));
    match word {
        "add_table" => Ok(Pending::Table(table::read(context, body)?)),
        "drop_table" => match &body.kind {
            Kind::Scalar { .. } => done(Change::DropTable { table: name(body)? }),
            Kind::List(_) | Kind::Map(_) => {
                done(Change::DropTable { table: fields(&["table"])?.name("table")? })
            }
        },
        "rename_table" => {
            let fields = fields(&["table", "to"])?;
            done(Change::RenameTable { table: fields.name("table")?, to: fields.name("to")? })
        }
        "add_column" | "alter_column" => column_change(context, word, body),
        "drop_column" => {
            let fields = fields(&["table", "column"])?;
            done(Change::DropColumn { table: fields.name("table")?, column: fields.name("column")? })
        }
        "rename_column" => {
            let fields = fields(&["table", "column", "to"])?;
            let (table, column) = (fields.name("table")?, fields.name("column")?);
            done(Change::RenameColumn { table, column, to: fields.name("to")? })
        }
        "add_index" => {
            let fields = fields(&["table", "columns", "unique", "name"])?;
            let table = fields.name("table")?;
            let index = table::index_of(context, &table, fields.need("columns")?, &fields)?;
            done(Change::AddIndex { table, index })
        }
        "drop_index" => {
            let fields = fields(&["table", "name"])?;
            done(Change::DropIndex { table: fields.name("table")?, index: fields.name("name")? })
        }
        "add_check" => {
            let fields = fields(&["table", "name", "expr"])?;
            let check = Check { name: fields.name("name")?, expr: fields.text("expr")? };
            done(Change::AddCheck { table: fields.name("table")?, check })
        }
        "drop_check" => {
            let fields = fields(&["table", "name"])?;
            done(Change::DropCheck { table: fields.name("table")?, check: fields.name("name")? })
        }
        "add_unique" | "drop_unique" => {
            let fields = fields(&["table", "columns"])?;
            let (table, columns) = (fields.name("table")?, names(fields.need("columns")?)?);
            done(match word {
                "add_unique" => Change::AddUnique { table, columns },
                _ => Change::DropUnique { table, columns },
            })
        }
        "add_foreign_key" => {
            let fields = fields(&["table", "column", "references", "on_delete"])?;
            let foreign_key = foreign_key(context, &fields)?;
            done(Change::AddForeignKey { table: fields.name("table")?, foreign_key })
        }
        "drop_foreign_key" => {
            let fields = fields(&["table", "column"])?;
            done(Change::DropForeignKey { table: fields.name("table")?, column: fields.name("column")? })
        }
        "add_enum" | "add_enum_values" => {
            let fields = fields(&["name", "values"])?;
            let values = list(fields.need("values")?, "`values`")?;
            let values =
                values.iter().map(|value| scalar(value).map(str::to_owned)).collect::<Result<_, _>>()?;
            let name = fields.name("name")?;
            done(match word {
                "add_enum" => Change::AddEnum { name, values },
                _ => Change::AddEnumValues { name, values },
            })
        }
        "drop_enum" => match &body.kind {
            Kind::Scalar { .. } => done(Change::DropEnum { name: name(body)? }),
            Kind::List(_) | Kind::Map(_) => done(Change::DropEnum { name: fields(&["name"])?.name("name")? }),
        },
        "set_rls" => {
            let fields = fields(&["table", "rls"])?;
            let rls = rls::read(fields.need("rls")?)?;
            Ok(Pending::Rls { at: fields.at, table: fields.name("table")?, rls })
        }
        "set_grants" => {
            let fields = fields(&["table", "grants"])?;
            let grants = grants::read(fields.need("grants")?)?;
            done(Change::SetGrants { table: fields.name("table")?, grants })
        }
        "add_view" => match routine::view(body)? {
            Ok(view) => done(Change::AddView(view)),
            Err(sql) => Ok(Pending::Routine(sql)),
        },
        "drop_view" => done(Change::DropView { name: name(body)? }),
        "add_function" => routine::function(context, body).map(Pending::Routine),
        "drop_function" => routine::drop_function(context, body).map(Pending::Routine),
        "seed" => seed(&fields(&["table", "rows"])?).map(Pending::Done),
        _ => {
            Err(SpecError::new(verb.at, format!("`{word}` is no change"), VERBS.join(", "))
                .meant(word, &VERBS))
        }
    }
}

/// Fills in what a change left to the rest of the text and to the schema as it is by then.
pub(super) fn settle(context: &Context<'_>, schema: &Schema, pending: Pending) -> Result<Change, SpecError> {
    match pending {
        Pending::Done(change) => Ok(change),
        Pending::Routine(routine) => routine::settle(schema, routine),
        Pending::Table(draft) => table::settle(context, draft).map(Change::AddTable),
        Pending::Column { table, draft } => {
            let unique = draft.unique;
            let (column, foreign_key) = table::settle_column(context, &draft, &[])?;
            Ok(Change::AddColumn { table, column, foreign_key, unique })
        }
        Pending::Alter { table, mut draft } => {
            // What the text does not say stays as it is.
            if let Some(old) = schema.table(&table).and_then(|table| table.column(&draft.name)) {
                draft.ty.get_or_insert_with(|| old.ty.clone());
                draft.nullable.get_or_insert(old.nullable);
                if draft.default == Default::Open {
                    draft.default = old.default.clone().map_or(Default::None, Default::Is);
                }
            }
            let (column, _) = table::settle_column(context, &draft, &[])?;
            Ok(Change::AlterColumn { table, column })
        }
        Pending::Rls { at, table, rls } => {
            let found = schema
                .table(&table)
                .cloned()
                .unwrap_or_else(|| Table { name: table.clone(), ..Table::default() });
            if let RlsDraft::Label { .. } | RlsDraft::Base { .. } = &rls
                && schema.table(&table).is_none()
            {
                let known: Vec<&str> = schema.tables.keys().map(String::as_str).collect();
                let problem = format!("there is no table `{table}`");
                return Err(SpecError::new(at, problem, "a table of the schema").meant(&table, &known));
            }
            let rls = rls::settle(&rls, &found)?;
            Ok(Change::SetRls { table, rls })
        }
    }
}

fn column_change(context: &Context<'_>, word: &str, body: &Node) -> Result<Pending, SpecError> {
    let fields = Fields::of(body, word, &["table", "column"])?;
    let (table, node) = (fields.name("table")?, fields.need("column")?);
    let draft = table::column(context, node)?;
    if draft.key {
        return Err(SpecError::new(node.at, "a table's key cannot change", "a column without pk")
            .hint("make a new table with the key you want"));
    }
    if word == "add_column" {
        return Ok(Pending::Column { table, draft });
    }
    if draft.unique || draft.reference.is_some() {
        return Err(SpecError::new(
            node.at,
            "alter_column changes a type, null or a default",
            "a column without unique or fk",
        )
        .hint("use add_unique or add_foreign_key beside it"));
    }
    Ok(Pending::Alter { table, draft })
}

/// `references: users.id`, or a text of its own such as `users`.
pub(super) fn foreign_key(context: &Context<'_>, fields: &Fields<'_>) -> Result<ForeignKey, SpecError> {
    let node = fields.need("references")?;
    let text = scalar(node)?;
    let (table, column) = column::target_of(text);
    let references = column.map_or_else(|| context.key_of(table), str::to_owned);
    Ok(ForeignKey {
        column: fields.name("column")?,
        table: table.to_owned(),
        references,
        on_delete: on_delete(fields)?,
    })
}

pub(super) fn on_delete(fields: &Fields<'_>) -> Result<OnDelete, SpecError> {
    let Some(node) = fields.get("on_delete") else { return Ok(OnDelete::Restrict) };
    match scalar(node)? {
        "cascade" => Ok(OnDelete::Cascade),
        "set null" | "set_null" => Ok(OnDelete::SetNull),
        "restrict" | "no action" => Ok(OnDelete::Restrict),
        other => {
            Err(SpecError::new(node.at, format!("`{other}` is no action"), "cascade, set null or restrict"))
        }
    }
}

fn seed(fields: &Fields<'_>) -> Result<Change, SpecError> {
    let node = fields.need("rows")?;
    let rows = list(node, "`rows`")?;
    if rows.len() > SEED_ROWS_MAX {
        return Err(SpecError::new(
            node.at,
            format!("there are {} rows", rows.len()),
            format!("at most {SEED_ROWS_MAX}"),
        ));
    }
    let row = |row: &Node| {
        let Kind::Map(pairs) = &row.kind else {
            return Err(SpecError::new(
                row.at,
                format!("a row is {}", row.sort()),
                "a mapping of columns to values",
            ));
        };
        pairs.iter().map(|(key, value)| Ok((name(key)?, cell(value)))).collect()
    };
    let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
    Ok(Change::Seed { table: fields.name("table")?, rows })
}

/// A value of a row in text form; lists and mappings are written as JSON.
fn cell(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Scalar { .. } if node.is_null() => None,
        Kind::Scalar { text, .. } => Some(text.clone()),
        Kind::List(_) | Kind::Map(_) => Some(json(node).to_string()),
    }
}

fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, plain: true } if node::is_null(text) => Value::Null,
        // A plain scalar that JSON reads as a number or a truth value is one.
        Kind::Scalar { text, plain: true } => match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            Ok(_) | Err(_) => Value::String(text.clone()),
        },
        Kind::Scalar { text, plain: false } => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(pairs) => pairs
            .iter()
            .filter_map(|(key, value)| Some((scalar(key).ok()?.to_owned(), json(value))))
            .collect(),
    }
}

/// The default written in a mapping's field.
pub(super) fn default_field(node: &Node) -> Result<Default, SpecError> {
    match &node.kind {
        Kind::Scalar { text, .. } => Ok(column::default_of(text)),
        Kind::List(_) | Kind::Map(_) => {
            Ok(Default::Is(crate::schema::ColumnDefault::Literal(json(node).to_string())))
        }
    }
}
