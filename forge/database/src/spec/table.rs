//! Tables and their parts.

use super::{
    change::{default_field, foreign_key, on_delete},
    column::{self, Default, Draft, Reference},
    error::{Place, SpecError},
    grants,
    node::{self, Kind, Node},
    read::{Context, Fields, check_name, list, name, names, scalar},
    rls::{self, RlsDraft},
    types,
};
use crate::{
    ddl::COLUMNS_MAX,
    people,
    schema::{Check, Column, ColumnDefault, ColumnGrant, ForeignKey, Index, IndexColumn, Table, Type},
};

/// The longest chain of keys whose types follow from one another.
const CHAIN_MAX: usize = 10;

/// A table as far as its own text tells it.
pub(super) struct TableDraft {
    pub(super) name: String,
    pub(super) columns: Vec<Draft>,
    pub(super) key: Vec<String>,
    uniques: Vec<Vec<String>>,
    checks: Vec<Check>,
    indices: Vec<Index>,
    foreign_keys: Vec<ForeignKey>,
    rls: Option<RlsDraft>,
    grants: Vec<ColumnGrant>,
}

pub(super) fn read(context: &Context<'_>, body: &Node) -> Result<TableDraft, SpecError> {
    let known = [
        "name",
        "columns",
        "rls",
        "indices",
        "indexes",
        "unique",
        "checks",
        "primary_key",
        "foreign_keys",
        "grants",
    ];
    let fields = Fields::of(body, "add_table", &known)?;
    let table = fields.name("name")?;
    let node = fields.need("columns")?;
    let items = node::mend(context.text, list(node, "`columns`")?);
    if items.len() > COLUMNS_MAX {
        let problem = format!("`{table}` has {} columns", items.len());
        return Err(SpecError::new(node.at, problem, format!("at most {COLUMNS_MAX}")));
    }
    let columns = items.iter().map(|item| column(context, item)).collect::<Result<Vec<_>, _>>()?;
    let mut uniques: Vec<Vec<String>> =
        columns.iter().filter(|draft| draft.unique).map(|draft| vec![draft.name.clone()]).collect();
    if let Some(node) = fields.get("unique") {
        for item in list(node, "`unique`")? {
            uniques.push(names(item)?);
        }
    }
    let mut indices = Vec::new();
    for key in ["indices", "indexes"] {
        if let Some(node) = fields.get(key) {
            for item in list(node, &format!("`{key}`"))? {
                indices.push(index(context, &table, item)?);
            }
        }
    }
    let mut foreign_keys = Vec::new();
    if let Some(node) = fields.get("foreign_keys") {
        for item in list(node, "`foreign_keys`")? {
            let fields = Fields::of(item, "a foreign key", &["column", "references", "on_delete"])?;
            foreign_keys.push(foreign_key(context, &fields)?);
        }
    }
    Ok(TableDraft {
        key: key(&fields, &columns)?,
        checks: checks(&fields)?,
        rls: fields.get("rls").map(rls::read).transpose()?,
        grants: fields.get("grants").map_or(Ok(Vec::new()), grants::read)?,
        name: table,
        columns,
        uniques,
        indices,
        foreign_keys,
    })
}

pub(super) fn settle(context: &Context<'_>, draft: TableDraft) -> Result<Table, SpecError> {
    let TableDraft {
        name,
        columns: drafts,
        key,
        uniques,
        checks,
        indices,
        foreign_keys: listed,
        rls,
        grants,
    } = draft;
    let mut columns = Vec::with_capacity(drafts.len());
    let mut foreign_keys = Vec::new();
    for draft in &drafts {
        let (column, foreign_key) = settle_column(context, draft, &key)?;
        columns.push(column);
        foreign_keys.extend(foreign_key);
    }
    foreign_keys.extend(listed);
    let mut table =
        Table { name, columns, primary_key: key, foreign_keys, uniques, checks, indices, rls: None, grants };
    if let Some(rls) = rls {
        table.rls = Some(rls::settle(&rls, &table)?);
    }
    Ok(table)
}

/// A column, in the mini-language or as a mapping.
pub(super) fn column(context: &Context<'_>, node: &Node) -> Result<Draft, SpecError> {
    let draft = match &node.kind {
        Kind::Scalar { text, .. } => column::parse(node, text, &context.enums)?,
        Kind::Map(pairs) => match pairs.as_slice() {
            // `- title: text not null`
            [(key, value)] if scalar(key)? != "name" => {
                let rest =
                    column::parse(value, &format!("{} {}", scalar(key)?, scalar(value)?), &context.enums)?;
                Draft { at: key.at, ..rest }
            }
            _ => mapped(context, node)?,
        },
        Kind::List(_) => {
            return Err(SpecError::new(
                node.at,
                "a column is a list",
                "`name type ...` or {name, type, ...}",
            )
            .hint("put a type with [] in quotes: \"tags text[]\""));
        }
    };
    check_name(&draft.name, draft.at)?;
    Ok(draft)
}

fn mapped(context: &Context<'_>, node: &Node) -> Result<Draft, SpecError> {
    let known = ["name", "type", "pk", "nullable", "unique", "default", "references", "on_delete"];
    let fields = Fields::of(node, "a column", &known)?;
    let mut draft = column::empty(&fields.name("name")?, node.at);
    if let Some(node) = fields.get("type") {
        let text = scalar(node)?;
        let ty = types::parse(text, &context.enums).map_err(|problem| {
            SpecError::new(node.at, problem, types::EXPECTED).meant(text, &types::NAMES)
        })?;
        draft.ty = Some(ty);
    }
    draft.key = fields.flag("pk")?.unwrap_or(false);
    draft.nullable = fields.flag("nullable")?;
    draft.unique = fields.flag("unique")?.unwrap_or(false);
    if let Some(node) = fields.get("default") {
        draft.default = default_field(node)?;
    }
    if let Some(node) = fields.get("references") {
        let text = scalar(node)?;
        let (table, column) = column::target_of(text);
        let column = column.map(str::to_owned);
        let on_delete = on_delete(&fields)?;
        draft.reference = Some(Reference { at: node.at, table: table.to_owned(), column, on_delete });
    }
    Ok(draft)
}

/// The column and its foreign key, with what the text left open judged from the rest.
pub(super) fn settle_column(
    context: &Context<'_>,
    draft: &Draft,
    key: &[String],
) -> Result<(Column, Option<ForeignKey>), SpecError> {
    let ty = type_of(context, draft, 0);
    let keyed = key.contains(&draft.name);
    let foreign_key = draft.reference.as_ref().map(|reference| ForeignKey {
        column: draft.name.clone(),
        table: reference.table.clone(),
        references: reference.column.clone().unwrap_or_else(|| context.key_of(&reference.table)),
        on_delete: reference.on_delete,
    });
    if let Some(reference) = draft.reference.as_ref().filter(|reference| reference.table != people::USERS) {
        check_name(&reference.table, reference.at)?;
    }
    let alone = key == [draft.name.as_str()] && draft.reference.is_none();
    let default = match &draft.default {
        Default::Is(default) => Some(default.clone()),
        Default::None => None,
        Default::Open if alone || draft.serial => match ty {
            Type::Uuid => Some(ColumnDefault::RandomUuid),
            Type::Smallint | Type::Integer | Type::Bigint => Some(ColumnDefault::Identity),
            _ => None,
        },
        Default::Open => None,
    };
    let nullable = draft.nullable.unwrap_or(true) && !keyed;
    Ok((Column { name: draft.name.clone(), ty, nullable, default }, foreign_key))
}

/// The type that a column has: said, or that of the key referred to, or what its default or its
/// name suggests.
pub(super) fn type_of(context: &Context<'_>, draft: &Draft, depth: usize) -> Type {
    if let Some(ty) = &draft.ty {
        return ty.clone();
    }
    if let Some(reference) = draft.reference.as_ref().filter(|_| depth < CHAIN_MAX) {
        let ty = context.type_of(&reference.table, reference.column.as_deref(), depth + 1);
        return ty.unwrap_or(Type::Uuid);
    }
    match (types::suggested(&draft.name), &draft.default) {
        (Type::Text, Default::Is(default)) => match default {
            ColumnDefault::Now => Type::Timestamptz,
            ColumnDefault::RandomUuid | ColumnDefault::CurrentUser => Type::Uuid,
            ColumnDefault::Identity => Type::Integer,
            ColumnDefault::Literal(text) if text.parse::<i32>().is_ok() => Type::Integer,
            ColumnDefault::Literal(text) if matches!(text.as_str(), "true" | "false") => Type::Boolean,
            ColumnDefault::Literal(_) => Type::Text,
        },
        (suggested, _) => suggested,
    }
}

/// An index: a column, a list of them, or a mapping.
fn index(context: &Context<'_>, table: &str, node: &Node) -> Result<Index, SpecError> {
    match &node.kind {
        Kind::Map(_) => {
            let fields = Fields::of(node, "an index", &["columns", "unique", "name"])?;
            index_of(context, table, fields.need("columns")?, &fields)
        }
        Kind::Scalar { .. } | Kind::List(_) => {
            let columns = index_columns(node)?;
            Ok(Index { name: Index::default_name(table, &columns), columns, unique: false })
        }
    }
}

pub(super) fn index_of(
    _context: &Context<'_>,
    table: &str,
    columns: &Node,
    fields: &Fields<'_>,
) -> Result<Index, SpecError> {
    let columns = index_columns(columns)?;
    let name = match fields.get("name") {
        Some(node) => name(node)?,
        None => Index::default_name(table, &columns),
    };
    Ok(Index { name, columns, unique: fields.flag("unique")?.unwrap_or(false) })
}

fn index_columns(node: &Node) -> Result<Vec<IndexColumn>, SpecError> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar { .. } => std::slice::from_ref(node),
        Kind::Map(_) => return Err(SpecError::new(node.at, "this is a mapping", "a list of columns")),
    };
    let one = |node: &Node| {
        let text = scalar(node)?;
        let (name, order) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), "asc"));
        check_name(name, node.at)?;
        let descending = match order.trim().to_ascii_lowercase().as_str() {
            "asc" => false,
            "desc" => true,
            other => {
                let at = node.place_of(name.chars().count() + 1);
                return Err(SpecError::new(at, format!("`{other}` is no order"), "asc or desc"));
            }
        };
        Ok(IndexColumn { name: name.to_owned(), descending })
    };
    items.iter().map(one).collect()
}

/// The primary key, from `primary_key:` or from the columns that say `pk`.
fn key(fields: &Fields<'_>, columns: &[Draft]) -> Result<Vec<String>, SpecError> {
    let marked: Vec<String> =
        columns.iter().filter(|draft| draft.key).map(|draft| draft.name.clone()).collect();
    let listed = fields.names("primary_key")?;
    let mut sorted = (marked.clone(), listed.clone());
    sorted.0.sort();
    sorted.1.sort();
    if !marked.is_empty() && !listed.is_empty() && sorted.0 != sorted.1 {
        let at: Place = fields.get("primary_key").map_or(fields.at, |node| node.at);
        return Err(SpecError::new(
            at,
            "the columns with pk are other ones",
            "the same columns as those with pk",
        )
        .hint("say it once: pk at the columns, or primary_key"));
    }
    Ok(if listed.is_empty() { marked } else { listed })
}

fn checks(fields: &Fields<'_>) -> Result<Vec<Check>, SpecError> {
    let Some(node) = fields.get("checks") else { return Ok(Vec::new()) };
    let Kind::Map(pairs) = &node.kind else {
        return Err(SpecError::new(
            node.at,
            format!("`checks` is {}", node.sort()),
            "a mapping of names to conditions",
        )
        .hint("write checks: {price_positive: \"price >= 0\"}"));
    };
    pairs.iter().map(|(key, value)| Ok(Check { name: name(key)?, expr: scalar(value)?.to_owned() })).collect()
}
