//! The model of an application on SQLite: it follows from the logical schema.

use std::collections::BTreeMap;

use forge_database::routine;
use forge_database::schema::{self, ArgumentType, Schema, Table, Type};

use super::{Argument, Column, ColumnType, ForeignKey, Function, Model, Relation, RelationKind, Returns};

/// The schema that everything of an application is in.
const PUBLIC: &str = "public";

/// The model of `schema`, under the name `public`. A view that does not resolve is left out.
pub fn from_schema(schema: &Schema) -> Model {
    let mut relations = BTreeMap::new();
    let mut keys = Vec::new();
    for table in schema.tables.values() {
        relations.insert(name(&table.name), relation(schema, table));
        // A key to the people who sign in leads out of what is exposed.
        let within = table.foreign_keys.iter().filter(|key| schema.tables.contains_key(&key.table));
        keys.extend(within.map(|key| foreign_key(table, key)));
    }
    let mut views = Vec::new();
    for view in schema.views.keys() {
        let Ok(columns) = routine::columns_of_view(schema, view) else { continue };
        relations.insert(name(view), view_relation(schema, view, &columns));
        views.push((view.as_str(), columns));
    }
    let traced: Vec<ForeignKey> = keys.iter().flat_map(|key| traced(&views, key)).collect();
    keys.extend(traced);
    let functions = schema
        .functions
        .iter()
        .map(|(called, all)| (name(called), all.iter().map(|one| function(schema, one)).collect()));
    Model { schemas: vec![PUBLIC.to_owned()], functions: functions.collect(), relations, keys }
}

fn name(of: &str) -> (String, String) {
    (PUBLIC.to_owned(), of.to_owned())
}

fn relation(schema: &Schema, table: &Table) -> Relation {
    let column = |column: &schema::Column| Column {
        name: column.name.clone(),
        ty: column_type(schema, &column.ty),
        nullable: column.nullable && !table.primary_key.contains(&column.name),
        has_default: column.default.is_some(),
        comment: None,
    };
    Relation {
        schema: PUBLIC.to_owned(),
        name: table.name.clone(),
        kind: RelationKind::Table,
        columns: table.columns.iter().map(column).collect(),
        primary_key: table.primary_key.clone(),
        uniques: uniques(table),
        comment: None,
    }
}

/// What is unique by constraint or by index: rows are found by either.
fn uniques(table: &Table) -> Vec<Vec<String>> {
    let mut all = table.uniques.clone();
    for index in table.indices.iter().filter(|index| index.unique) {
        let columns: Vec<String> = index.columns.iter().map(|column| column.name.clone()).collect();
        if !all.contains(&columns) {
            all.push(columns);
        }
    }
    all
}

fn foreign_key(table: &Table, key: &schema::ForeignKey) -> ForeignKey {
    ForeignKey {
        name: schema::foreign_key_name(&table.name, &key.column),
        from: name(&table.name),
        columns: vec![key.column.clone()],
        to: name(&key.table),
        to_columns: vec![key.references.clone()],
        one_to_one: table.is_unique(&[&key.column]),
    }
}

/// A view's columns as a relation: its key is that of the only table whose whole key it shows.
fn view_relation(schema: &Schema, view: &str, columns: &[routine::ViewColumn]) -> Relation {
    let shown = |table: &str, column: &str| {
        let from = |origin: &(String, String)| origin.0 == table && origin.1 == column;
        columns.iter().find(|shown| shown.origin.as_ref().is_some_and(from)).map(|shown| shown.name.clone())
    };
    let tables = columns.iter().filter_map(|column| column.origin.as_ref()).map(|(table, _)| table);
    let key = tables.filter_map(|table| schema.table(table)).find_map(|table| {
        let key: Option<Vec<String>> =
            table.primary_key.iter().map(|column| shown(&table.name, column)).collect();
        key.filter(|key| !key.is_empty())
    });
    let column = |column: &routine::ViewColumn| Column {
        name: column.name.clone(),
        ty: column_type(schema, &column.ty),
        nullable: column.nullable,
        has_default: false,
        comment: None,
    };
    Relation {
        schema: PUBLIC.to_owned(),
        name: view.to_owned(),
        kind: RelationKind::View { writable: false },
        columns: columns.iter().map(column).collect(),
        primary_key: key.unwrap_or_default(),
        uniques: Vec::new(),
        comment: None,
    }
}

/// The key as it is between views, and between a view and a table: wherever both ends show all of its columns.
fn traced(views: &[(&str, Vec<routine::ViewColumn>)], key: &ForeignKey) -> Vec<ForeignKey> {
    let ends = |end: &(String, String), columns: &[String]| {
        let view = |(view, shown): &(&str, Vec<routine::ViewColumn>)| {
            showing(shown, &end.1, columns).map(|columns| (name(view), columns))
        };
        let mut all = vec![(end.clone(), columns.to_vec())];
        all.extend(views.iter().filter_map(view));
        all
    };
    let (from, to) = (ends(&key.from, &key.columns), ends(&key.to, &key.to_columns));
    let all = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
    // The first is the key itself.
    all.skip(1)
        .map(|((from, columns), (to, to_columns))| ForeignKey {
            from: from.clone(),
            columns: columns.clone(),
            to: to.clone(),
            to_columns: to_columns.clone(),
            ..key.clone()
        })
        .collect()
}

fn showing(columns: &[routine::ViewColumn], table: &str, wanted: &[String]) -> Option<Vec<String>> {
    let shown = |column: &String| {
        let from = |origin: &(String, String)| origin.0 == table && origin.1 == *column;
        columns.iter().find(|shown| shown.origin.as_ref().is_some_and(from)).map(|shown| shown.name.clone())
    };
    wanted.iter().map(shown).collect()
}

fn function(schema: &Schema, function: &schema::Function) -> Function {
    let argument = |argument: &schema::Argument| Argument {
        name: argument.name.clone(),
        ty: match &argument.ty {
            ArgumentType::Value(ty) => column_type(schema, ty),
            ArgumentType::Row(of) => ColumnType { name: of.clone(), ty: None, values: Vec::new() },
        },
        row_of: match &argument.ty {
            ArgumentType::Value(_) => None,
            ArgumentType::Row(of) => Some(name(of)),
        },
        required: argument.default.is_none() && !argument.variadic,
        variadic: argument.variadic,
    };
    let columns = |all: &[(String, Type)]| {
        let column = |(name, ty): &(String, Type)| Column {
            name: name.clone(),
            ty: column_type(schema, ty),
            nullable: true,
            has_default: false,
            comment: None,
        };
        all.iter().map(column).collect()
    };
    Function {
        schema: PUBLIC.to_owned(),
        name: function.name.clone(),
        arguments: function.arguments.iter().map(argument).collect(),
        returns: match &function.returns {
            schema::Returns::Void => Returns::Void,
            schema::Returns::Value(ty) => Returns::Value(column_type(schema, ty)),
            schema::Returns::Values(ty) => Returns::Values(column_type(schema, ty)),
            schema::Returns::Row(of) => Returns::Row(PUBLIC.to_owned(), of.clone()),
            schema::Returns::Rows(of) => Returns::Rows(PUBLIC.to_owned(), of.clone()),
            schema::Returns::Table(all) => Returns::Table(columns(all)),
        },
        volatility: function.volatility,
        one_row: false,
        comment: None,
    }
}

/// A logical type under the name that Postgres prints.
fn column_type(schema: &Schema, ty: &Type) -> ColumnType {
    let values = match ty {
        Type::Enum(name) => schema.enums.get(name).cloned().unwrap_or_default(),
        _ => Vec::new(),
    };
    ColumnType { name: type_name(ty), ty: Some(ty.clone()), values }
}

/// The name that Postgres' `format_type` gives.
fn type_name(ty: &Type) -> String {
    match ty {
        Type::Varchar(length) => format!("character varying({length})"),
        Type::Double => "double precision".to_owned(),
        Type::Timestamptz => "timestamp with time zone".to_owned(),
        Type::Time => "time without time zone".to_owned(),
        Type::Array(inner) => format!("{}[]", type_name(inner)),
        Type::Text
        | Type::Smallint
        | Type::Integer
        | Type::Bigint
        | Type::Numeric(..)
        | Type::Boolean
        | Type::Uuid
        | Type::Date
        | Type::Jsonb
        | Type::Bytea
        | Type::Vector(_)
        | Type::Enum(_)
        | Type::Range(_)
        | Type::Tsvector => ty.to_string(),
    }
}

#[cfg(test)]
mod tests;
