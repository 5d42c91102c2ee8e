//! Columns, computed columns, and what is within them.

use std::sync::Arc;

use super::nearest;
use crate::ast::{Field, JsonKey};
use crate::error::RestError;
use crate::model::{Column, ColumnType, Function, Model, Returns};
use crate::plan::{Origin, Value};

/// Types that Postgres has, by the names that casts use.
const TYPES: [&str; 46] = [
    "text",
    "varchar",
    "character varying",
    "char",
    "bpchar",
    "citext",
    "name",
    "smallint",
    "int2",
    "integer",
    "int",
    "int4",
    "bigint",
    "int8",
    "real",
    "float4",
    "double precision",
    "float8",
    "float",
    "numeric",
    "decimal",
    "boolean",
    "bool",
    "uuid",
    "timestamptz",
    "timestamp with time zone",
    "timestamp",
    "timestamp without time zone",
    "date",
    "time",
    "timetz",
    "time without time zone",
    "interval",
    "json",
    "jsonb",
    "bytea",
    "inet",
    "xml",
    "tsvector",
    "tsquery",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tstzrange",
    "money",
];

/// What can be named in a relation, or in the rows of a function.
#[derive(Clone, Copy)]
pub(super) struct Scope<'m> {
    pub(super) model: &'m Model,
    /// The schema and name of the relation, where it is one.
    pub(super) relation: Option<(&'m str, &'m str)>,
    /// What messages call it.
    pub(super) name: &'m str,
    pub(super) columns: &'m [Column],
    /// How deep it is embedded, which messages say after the name; 0 where they do not.
    pub(super) depth: usize,
}

impl<'m> Scope<'m> {
    pub(super) fn column(&self, name: &str) -> Option<&'m Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The value that a field names, turned into `cast`.
    pub(super) fn value(&self, field: &Field, cast: Option<&str>) -> Result<Value, RestError> {
        let (of, ty) = match self.column(&field.name) {
            Some(column) => (Origin::Column(column.name.clone()), column.ty.clone()),
            None => {
                let (function, ty) = self.computed(&field.name).ok_or_else(|| self.unknown(&field.name))?;
                (Origin::Computed(Arc::new(function.clone())), ty)
            }
        };
        let cast = cast.map(|name| cast_type(self.model, name)).transpose()?;
        Ok(Value { of, ty, path: field.path.clone(), cast })
    }

    /// The function of this name that gives one value for a row.
    fn computed(&self, name: &str) -> Option<(&'m Function, ColumnType)> {
        let (schema, relation) = self.relation?;
        let functions = self.model.functions.get(&(schema.to_owned(), name.to_owned()))?;
        functions.iter().find_map(|function| {
            let takes_row = takes_row(function, schema, relation);
            match &function.returns {
                Returns::Value(ty) if takes_row => Some((function, ty.clone())),
                _ => None,
            }
        })
    }

    fn unknown(&self, name: &str) -> RestError {
        let table = match self.depth {
            0 => self.name.to_owned(),
            depth => format!("{}_{depth}", self.name),
        };
        let message = format!("column {table}.{name} does not exist");
        let error = RestError::from_sqlstate("42703", &message, None, None, false);
        let near = nearest::columns(name, self.columns.iter().map(|column| column.name.as_str()));
        let quoted = |column: &&str| format!("\"{table}.{column}\"");
        match near.as_slice() {
            [] => error,
            [one] => error.hint(format!("Perhaps you meant to reference the column {}.", quoted(one))),
            [one, other, ..] => error.hint(format!(
                "Perhaps you meant to reference the column {} or the column {}.",
                quoted(one),
                quoted(other)
            )),
        }
    }
}

/// Whether a function can be called with nothing but a row of the relation.
pub(super) fn takes_row(function: &Function, schema: &str, relation: &str) -> bool {
    let row_of = |of: &(String, String)| of.0 == schema && of.1 == relation;
    let mut arguments = function.arguments.iter();
    arguments.next().is_some_and(|first| first.row_of.as_ref().is_some_and(row_of))
        && arguments.all(|rest| !rest.required)
}

/// The name under which a field is shown: the last member on its way, else the column.
pub(super) fn shown_name(field: &Field) -> String {
    let named = field.path.iter().rev().find_map(|step| match &step.key {
        JsonKey::Name(name) => Some(name.clone()),
        JsonKey::Index(_) => None,
    });
    named.unwrap_or_else(|| field.name.clone())
}

/// The type of a cast.
pub(super) fn cast_type(model: &Model, name: &str) -> Result<ColumnType, RestError> {
    let lower = name.trim().to_ascii_lowercase();
    let element = lower.trim_end_matches("[]");
    let plain = element.split_once('(').map_or(element, |(plain, _)| plain.trim_end());
    let columns = || model.relations.values().flat_map(|relation| &relation.columns);
    // An enum, or any other type that a column has.
    if let Some(column) = columns().find(|column| column.ty.name == name.trim()) {
        return Ok(column.ty.clone());
    }
    if TYPES.contains(&plain) {
        return Ok(ColumnType { ty: logical(&lower), name: lower, values: Vec::new() });
    }
    let message = format!("type \"{lower}\" does not exist");
    Err(RestError::from_sqlstate("42704", &message, None, None, false))
}

fn logical(name: &str) -> Option<forge_database::schema::Type> {
    use forge_database::schema::{RangeOf, Type};
    if let Some(inner) = name.strip_suffix("[]") {
        return logical(inner).map(|inner| Type::Array(Box::new(inner)));
    }
    let (plain, arguments) = match name.split_once('(') {
        Some((plain, rest)) => {
            let numbers =
                rest.trim_end_matches(')').split(',').map(|number| number.trim().parse::<u32>().ok());
            (plain.trim_end(), numbers.collect::<Option<Vec<_>>>()?)
        }
        None => (name, Vec::new()),
    };
    Some(match (plain, arguments.as_slice()) {
        ("varchar" | "character varying", [length]) => Type::Varchar(*length),
        ("text" | "varchar" | "character varying" | "citext" | "name" | "bpchar", _) => Type::Text,
        ("smallint" | "int2", _) => Type::Smallint,
        ("integer" | "int" | "int4", _) => Type::Integer,
        ("bigint" | "int8", _) => Type::Bigint,
        ("real" | "float4" | "double precision" | "float8" | "float", _) => Type::Double,
        ("numeric" | "decimal", [precision, scale]) => Type::Numeric(*precision, *scale),
        ("numeric" | "decimal", [precision]) => Type::Numeric(*precision, 0),
        ("boolean" | "bool", _) => Type::Boolean,
        ("uuid", _) => Type::Uuid,
        ("timestamptz" | "timestamp with time zone", _) => Type::Timestamptz,
        ("date", _) => Type::Date,
        ("time" | "time without time zone", _) => Type::Time,
        ("json" | "jsonb", _) => Type::Jsonb,
        ("bytea", _) => Type::Bytea,
        ("tsvector", _) => Type::Tsvector,
        ("int4range", _) => Type::Range(RangeOf::Integer),
        ("int8range", _) => Type::Range(RangeOf::Bigint),
        ("numrange", _) => Type::Range(RangeOf::Numeric),
        ("daterange", _) => Type::Range(RangeOf::Date),
        ("tstzrange", _) => Type::Range(RangeOf::Timestamptz),
        _ => return None,
    })
}
