//! Views and functions: nothing but their place in the schema. No engine here needs a statement for them.

use super::resolve::{exists, free_table, missing};
use super::validate::{Fault, limit};
use super::{FUNCTIONS_MAX, Problem, VIEWS_MAX};
use crate::{
    change::Change,
    routine::{
        RoutineError, check_function, check_view,
        users::{Thing, user},
    },
    schema::{ArgumentType, Function, Schema},
};

/// Adds or drops a view or function.
pub(super) fn apply(schema: &mut Schema, change: &Change) -> Result<(), Problem> {
    match change {
        Change::AddView(view) => {
            free_table(schema, &view.name)?;
            schema.views.insert(view.name.clone(), view.clone());
            Ok(())
        }
        Change::DropView { name } => {
            if !schema.views.contains_key(name) {
                return Err(missing("view", name, schema.views.keys().cloned().collect()));
            }
            unused(schema, Thing::View(name))?;
            schema.views.remove(name);
            Ok(())
        }
        Change::AddFunction(function) => {
            let same = schema.functions.entry(function.name.clone()).or_default();
            if same.iter().any(|other| types(other) == types(function)) {
                return Err(exists("function", &function.name));
            }
            same.push(function.clone());
            Ok(())
        }
        Change::DropFunction { name, arguments } => drop_function(schema, name, arguments.as_deref()),
        _ => Ok(()), // The caller's business.
    }
}

/// Refuses while a view or function uses the thing.
pub(super) fn unused(schema: &Schema, thing: Thing<'_>) -> Result<(), Problem> {
    let (kind, name) = match thing {
        Thing::Table(name) => ("table", name.to_owned()),
        Thing::Column(table, column) => ("column", format!("{table}.{column}")),
        Thing::View(name) => ("view", name.to_owned()),
        Thing::Function(name) => ("function", name.to_owned()),
        Thing::Enum(name) => ("enum", name.to_owned()),
    };
    match user(schema, thing) {
        Some(user) => Err(Problem::Used { kind, name, user }),
        None => Ok(()),
    }
}

/// Every view and function must resolve.
pub(super) fn validate(schema: &Schema) -> Result<(), Fault> {
    let count = schema.functions.values().map(Vec::len).sum();
    limit("views", schema.views.len(), VIEWS_MAX).map_err(|problem| Box::new((None, problem)))?;
    limit("functions", count, FUNCTIONS_MAX).map_err(|problem| Box::new((None, problem)))?;
    for view in schema.views.values() {
        check_view(schema, view).map_err(|error| fault("view", &view.name, error))?;
    }
    for function in schema.functions.values().flatten() {
        check_function(schema, function).map_err(|error| fault("function", &function.name, error))?;
    }
    Ok(())
}

fn fault(kind: &str, name: &str, error: RoutineError) -> Fault {
    let why = error.to_string();
    Box::new((
        Some(name.to_owned()),
        Problem::Routine { what: format!("{kind} `{name}`"), why, hint: error.hint },
    ))
}

fn drop_function(schema: &mut Schema, name: &str, arguments: Option<&[ArgumentType]>) -> Result<(), Problem> {
    let Some(same) = schema.functions.get(name) else {
        return Err(missing("function", name, schema.functions.keys().cloned().collect()));
    };
    let at = match arguments {
        None if same.len() > 1 => {
            let user = "others of its name; say its `arguments`".to_owned();
            return Err(Problem::Used { kind: "function", name: name.to_owned(), user });
        }
        None => 0,
        Some(wanted) => {
            let found = same.iter().position(|function| types(function).into_iter().eq(wanted));
            found.ok_or_else(|| missing("function with these arguments", name, Vec::new()))?
        }
    };
    if same.len() == 1 {
        unused(schema, Thing::Function(name))?;
    }
    if let Some(same) = schema.functions.get_mut(name) {
        same.remove(at);
        if same.is_empty() {
            schema.functions.remove(name);
        }
    }
    Ok(())
}

fn types(function: &Function) -> Vec<&ArgumentType> {
    function.arguments.iter().map(|argument| &argument.ty).collect()
}
