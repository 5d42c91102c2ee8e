//! Functions and views.

use super::{
    quote_name, quote_text,
    table::{qualified, sql_type},
};
use crate::people;
use crate::routine::{self, RoutineError, Signature};
use crate::schema::{Argument, ArgumentType, Function, Returns, Schema, View, Volatility};

/// The statements that create the functions and views of `schema`. Bodies of functions are not looked into
/// while a migration runs, so a function may call a view that comes after it.
pub(super) fn create(schema: &Schema) -> Vec<String> {
    let functions: Vec<&Function> = schema.functions.values().flatten().collect();
    let (late, early): (Vec<&Function>, Vec<&Function>) =
        functions.into_iter().partition(|function| names_view(schema, function));
    let function = |function: &Function| create_function(schema, function);
    let mut out: Vec<String> = early.into_iter().map(function).collect();
    out.extend(in_order(schema).into_iter().map(|view| create_view(schema, view)));
    out.extend(late.into_iter().map(function));
    out
}

/// The statements that drop them.
pub(super) fn remove(schema: &Schema) -> Vec<String> {
    let functions: Vec<&Function> = schema.functions.values().flatten().collect();
    let (late, early): (Vec<&Function>, Vec<&Function>) =
        functions.into_iter().partition(|function| names_view(schema, function));
    let mut out: Vec<String> = late.into_iter().map(drop_function).collect();
    let views = in_order(schema).into_iter().rev();
    out.extend(views.map(|view| format!("DROP VIEW {}", qualified(&view.name))));
    out.extend(early.into_iter().map(drop_function));
    out
}

/// Views after those that they read, as far as their text shows it.
fn in_order(schema: &Schema) -> Vec<&View> {
    let mut rest: Vec<&View> = schema.views.values().collect();
    let mut out: Vec<&View> = Vec::new();
    while !rest.is_empty() {
        let reads = |view: &View, other: &View| view.name != other.name && mentions(&view.query, &other.name);
        let ready = rest.iter().position(|view| !rest.iter().any(|other| reads(view, other)));
        out.push(rest.remove(ready.unwrap_or(0)));
    }
    out
}

fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(word)
            && !text[at + name.len()..].chars().next().is_some_and(word)
    })
}

/// Whether the function takes or gives rows of a view.
fn names_view(schema: &Schema, function: &Function) -> bool {
    let view = |name: &String| schema.views.contains_key(name);
    let takes = function.arguments.iter().any(|argument| match &argument.ty {
        ArgumentType::Row(name) => view(name),
        ArgumentType::Value(_) => false,
    });
    takes || matches!(&function.returns, Returns::Row(name) | Returns::Rows(name) if view(name))
}

fn create_view(schema: &Schema, view: &View) -> String {
    let query = own_row(&view.query, routine::check_view(schema, view));
    let query = query.trim().trim_end_matches(';');
    format!("CREATE VIEW {} WITH (security_invoker = true) AS {query}", qualified(&view.name))
}

/// The text, reading the row of the one who asks where it names the people who sign in. One that does not
/// hold stays as it is: its callers may not read that table.
fn own_row(text: &str, signature: Result<Signature, RoutineError>) -> String {
    let mut text = text.to_owned();
    for at in signature.map(|signature| signature.people).unwrap_or_default().into_iter().rev() {
        text.replace_range(at, people::VIEW);
    }
    text
}

fn create_function(schema: &Schema, function: &Function) -> String {
    let body = own_row(&function.body, routine::check_function(schema, function));
    let arguments: Vec<String> = function.arguments.iter().map(argument).collect();
    let returns = match &function.returns {
        Returns::Void => "void".to_owned(),
        Returns::Value(ty) => sql_type(ty),
        Returns::Values(ty) => format!("SETOF {}", sql_type(ty)),
        Returns::Row(table) => qualified(table),
        Returns::Rows(table) => format!("SETOF {}", qualified(table)),
        Returns::Table(columns) => {
            let columns: Vec<String> =
                columns.iter().map(|(name, ty)| format!("{} {}", quote_name(name), sql_type(ty))).collect();
            format!("TABLE ({})", columns.join(", "))
        }
    };
    let volatility = match function.volatility {
        Volatility::Immutable => "IMMUTABLE",
        Volatility::Stable => "STABLE",
        Volatility::Volatile => "VOLATILE",
    };
    format!(
        "CREATE FUNCTION {}({}) RETURNS {returns} LANGUAGE sql {volatility} SECURITY INVOKER AS {}",
        qualified(&function.name),
        arguments.join(", "),
        quote_text(&body)
    )
}

fn argument(argument: &Argument) -> String {
    let mut sql = String::new();
    if argument.variadic {
        sql.push_str("VARIADIC ");
    }
    if !argument.name.is_empty() {
        sql.push_str(&quote_name(&argument.name));
        sql.push(' ');
    }
    sql.push_str(&argument_type(argument));
    if let Some(default) = &argument.default {
        sql.push_str(" DEFAULT ");
        sql.push_str(default);
    }
    sql
}

fn argument_type(argument: &Argument) -> String {
    match &argument.ty {
        ArgumentType::Value(ty) => sql_type(ty),
        ArgumentType::Row(table) => qualified(table),
    }
}

fn drop_function(function: &Function) -> String {
    let types: Vec<String> = function.arguments.iter().map(argument_type).collect();
    format!("DROP FUNCTION {}({})", qualified(&function.name), types.join(", "))
}
