//! Whether views and functions hold against a schema, and what they are made of.

use std::collections::BTreeSet;

use forge_core::{Name, Role};
use sqlparser::tokenizer::Span;

use super::error::{DEFINITION, LIMIT, RoutineError, UNKNOWN_TABLE, UNKNOWN_TYPE};
use super::resolve::{Resolver, read_only};
use super::sqlite::Writer;
use super::stack::on_own_stack;
use super::{Signature, compile_call, compile_computed, parse, typed, whole, writes};
use crate::schema::{Argument, ArgumentType, Command, Function, Returns, Schema, Type, View, Volatility};

/// The most arguments of a function, and columns of its result.
const ARGUMENTS_MAX: usize = 100;

/// A column of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it may be null.
    pub nullable: bool,
    /// The table and column that it shows unchanged.
    pub origin: Option<(String, String)>,
}

/// The columns of the view called `name`, and where they come from.
pub fn columns_of_view(schema: &Schema, name: &str) -> Result<Vec<ViewColumn>, RoutineError> {
    on_own_stack(|| view_columns(schema, name))
}

fn view_columns(schema: &Schema, name: &str) -> Result<Vec<ViewColumn>, RoutineError> {
    let query = Resolver::new(schema).view(name)?;
    let column = |column: super::tree::Output| ViewColumn {
        ty: column.ty.column_type(),
        name: column.name,
        nullable: column.nullable,
        origin: column.origin,
    };
    Ok(query.columns.into_iter().map(column).collect())
}

/// What a view of `schema` gives and uses, or why it cannot be.
pub fn check_view(schema: &Schema, view: &View) -> Result<Signature, RoutineError> {
    on_own_stack(|| view_holds(schema, view))
}

fn view_holds(schema: &Schema, view: &View) -> Result<Signature, RoutineError> {
    named(&view.name)?;
    let mut resolver = Resolver::new(schema);
    let query = resolver.query_text(&view.name, &view.query)?;
    super::resolve::distinct_names(&query.columns, Span::empty())?;
    for column in &query.columns {
        named(&column.name)?;
    }
    if query.columns.is_empty() {
        return Err(RoutineError::new(DEFINITION, format!("the view \"{}\" has no columns", view.name)));
    }
    let role = Role::Service;
    Writer::new(schema, &role, None).query(&query)?;
    Ok(signature(typed(&query), &resolver, &view.query))
}

/// What a function of `schema` gives and uses, or why it cannot be.
pub fn check_function(schema: &Schema, function: &Function) -> Result<Signature, RoutineError> {
    on_own_stack(|| function_holds(schema, function))
}

fn function_holds(schema: &Schema, function: &Function) -> Result<Signature, RoutineError> {
    named(&function.name)?;
    arguments(schema, function)?;
    returns(schema, &function.returns)?;
    let mut resolver = Resolver::new(schema);
    let of_row = matches!(function.arguments.first().map(|first| &first.ty), Some(ArgumentType::Row(_)));
    let body = whole(&mut resolver, function, of_row.then_some(&[]))?;
    if function.volatility != Volatility::Volatile {
        read_only(&function.name, writes(&resolver.uses))?;
    }
    // Compiling finds what only the engine knows.
    if of_row {
        compile_computed(schema, &Role::Service, function, "row")?;
    } else {
        compile_call(schema, &Role::Service, function, None)?;
    }
    Ok(signature(body.result.as_ref().map(typed).unwrap_or_default(), &resolver, &function.body))
}

fn signature(columns: Vec<(String, Type)>, resolver: &Resolver<'_>, text: &str) -> Signature {
    let uses = &resolver.uses;
    let people: BTreeSet<_> = resolver
        .people
        .iter()
        .filter_map(|span| parse::range(text, *span))
        .map(|at| (at.start, at.end))
        .collect();
    let written = uses.tables.iter().filter(|(command, _)| *command != Command::Select);
    Signature {
        columns,
        tables: uses.tables.iter().map(|(_, table)| table.clone()).collect(),
        table_columns: uses
            .columns
            .iter()
            .map(|(_, table, column)| (table.clone(), column.clone()))
            .collect(),
        writes: written.map(|(_, table)| table.clone()).collect(),
        views: uses.views.clone(),
        functions: uses.functions.clone(),
        people: people.into_iter().map(|(start, end)| start..end).collect(),
    }
}

fn named(name: &str) -> Result<(), RoutineError> {
    Name::new(name)
        .map(drop)
        .map_err(|error| RoutineError::new("42602", error.to_string()).hint(error.hint()))
}

fn arguments(schema: &Schema, function: &Function) -> Result<(), RoutineError> {
    let count = function.arguments.len();
    if count > ARGUMENTS_MAX {
        return Err(RoutineError::new(
            LIMIT,
            format!("{count} arguments are too many, {ARGUMENTS_MAX} are allowed"),
        ));
    }
    let mut seen = BTreeSet::new();
    let mut optional = false;
    for (at, argument) in function.arguments.iter().enumerate() {
        if !argument.name.is_empty() {
            named(&argument.name)?;
            if !seen.insert(argument.name.as_str()) {
                let message = format!("parameter name \"{}\" used more than once", argument.name);
                return Err(RoutineError::new(DEFINITION, message));
            }
        }
        if argument.variadic && at + 1 < count {
            return Err(RoutineError::new(DEFINITION, "VARIADIC parameter must be the last input parameter"));
        }
        if optional && argument.default.is_none() && !argument.variadic {
            let message = "input parameters after one with a default value must also have defaults";
            return Err(RoutineError::new(DEFINITION, message));
        }
        optional |= argument.default.is_some();
        argument_type(schema, argument)?;
    }
    Ok(())
}

fn argument_type(schema: &Schema, argument: &Argument) -> Result<(), RoutineError> {
    match &argument.ty {
        ArgumentType::Row(name) => relation(schema, name)?,
        ArgumentType::Value(ty) => known_type(schema, ty)?,
    }
    if argument.default.is_some() {
        Resolver::new(schema).default_of(argument)?;
    }
    Ok(())
}

fn returns(schema: &Schema, returns: &Returns) -> Result<(), RoutineError> {
    match returns {
        Returns::Void => Ok(()),
        Returns::Value(ty) | Returns::Values(ty) => known_type(schema, ty),
        Returns::Row(name) | Returns::Rows(name) => relation(schema, name),
        Returns::Table(columns) if columns.is_empty() || columns.len() > ARGUMENTS_MAX => {
            Err(RoutineError::new(DEFINITION, format!("a result has from 1 to {ARGUMENTS_MAX} columns")))
        }
        Returns::Table(columns) => {
            let mut seen = BTreeSet::new();
            for (name, ty) in columns {
                named(name)?;
                known_type(schema, ty)?;
                if !seen.insert(name) {
                    return Err(RoutineError::new(
                        DEFINITION,
                        format!("parameter name \"{name}\" used more than once"),
                    ));
                }
            }
            Ok(())
        }
    }
}

fn relation(schema: &Schema, name: &str) -> Result<(), RoutineError> {
    if schema.tables.contains_key(name) || schema.views.contains_key(name) {
        return Ok(());
    }
    Err(RoutineError::new(UNKNOWN_TABLE, format!("relation \"{name}\" does not exist")))
}

fn known_type(schema: &Schema, ty: &Type) -> Result<(), RoutineError> {
    match crate::ddl::enum_of(ty) {
        Some(name) if !schema.enums.contains_key(name) => {
            Err(RoutineError::new(UNKNOWN_TYPE, format!("type \"{name}\" does not exist")))
        }
        _ => Ok(()),
    }
}
