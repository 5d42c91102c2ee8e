//! Views and functions in the grammar of Postgres, on SQLite.
//!
//! [`parse`] bounds a text and reads it, `resolve` turns it into a typed tree in which every name is one of
//! the schema, and `sqlite` compiles the tree for one caller, with the caller's policies around every table.
//! Names and types are wrong when a migration is planned ([`check_view`], [`check_function`]), not when
//! somebody calls.
//!
//! Nothing is created in the database: a view becomes a subselect, a function a subselect or a list of
//! steps. Both see what their caller may see. A connection that runs them needs [`functions::register`], and
//! a deadline, because recursion may go on for as long as it likes.

mod builtin;
mod check;
pub mod create;
mod error;
pub mod functions;
mod parse;
mod query;
mod resolve;
pub mod run;
mod sqlite;
mod stack;
pub(crate) mod text;
mod tree;
mod types;
pub(crate) mod users;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use forge_core::Role;

pub use check::{ViewColumn, check_function, check_view, columns_of_view};
pub use error::{Place, RoutineError};
pub use parse::{NESTING_MAX, STATEMENTS_MAX, TEXT_BYTES_MAX, TOKENS_MAX};
pub use query::{VALUES_MAX, query};
pub use resolve::{HEIGHT_MAX, INLINE_MAX, NODES_MAX};
pub use sqlite::{Param, SQL_BYTES_MAX, Step};
pub use tree::Request;

use crate::schema::{ArgumentType, Function, Returns, Schema, Type};
use resolve::{Bound, Resolver};
use sqlite::Writer;
use stack::on_own_stack;
use tree::{Expr, ExprKind, Query, Statement, Uses};
use types::Ty;

/// A view as one caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledView {
    /// A query, to be put into parentheses.
    pub sql: String,
    /// The columns that it gives.
    pub columns: Vec<(String, Type)>,
    /// The parameters in it.
    pub params: Vec<Param>,
}

/// A function as one caller calls it. Its arguments are the parameters [`Param::Argument`]; one without a
/// name goes by its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledCall {
    /// What comes before the result, in order, within one transaction.
    pub steps: Vec<Step>,
    /// The query that gives the result; none where the function gives nothing.
    pub result: Option<String>,
    /// The columns of the result.
    pub columns: Vec<(String, Type)>,
    /// How many rows and columns the result has.
    pub shape: ResultShape,
    /// The parameters of all statements.
    pub params: Vec<Param>,
    /// The whole call as a query, to be put into parentheses, where it is one.
    pub inline: Option<String>,
    /// Whether it writes.
    pub writes: bool,
}

/// A function of a row, for a row of the query around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inline {
    /// A query, to be put into parentheses, that speaks of the row by its alias.
    pub sql: String,
    /// The columns that it gives.
    pub columns: Vec<(String, Type)>,
    /// How many rows and columns it gives.
    pub shape: ResultShape,
    /// The parameters in it.
    pub params: Vec<Param>,
}

/// What a call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultShape {
    /// Nothing.
    Void,
    /// One value: one row of one column.
    Value,
    /// Any number of values: rows of one column.
    Values,
    /// One row, of nulls if there is none.
    Row,
    /// Any number of rows.
    Rows,
}

/// What is known about a view or function that resolves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The columns that it gives.
    pub columns: Vec<(String, Type)>,
    /// The tables that it reads or writes.
    pub tables: BTreeSet<String>,
    /// Their columns that it names, or shows with `*`.
    pub table_columns: BTreeSet<(String, String)>,
    /// The tables that it writes.
    pub writes: BTreeSet<String>,
    /// The views that it reads.
    pub views: BTreeSet<String>,
    /// The functions that it calls.
    pub functions: BTreeSet<String>,
    /// Where its text, in bytes, names the people who sign in, of whom it reads the one who asks.
    pub people: Vec<std::ops::Range<usize>>,
}

/// The view called `name`, for `role`. For the service, no policies apply.
///
/// Compiling takes a thread of its own for a moment: keep what it gives for as long as the schema stays.
pub fn view(schema: &Schema, role: &Role, name: &str) -> Result<CompiledView, RoutineError> {
    on_own_stack(|| compile_view(schema, role, name))
}

/// A call of `function` by `role`.
///
/// Compiling takes a thread of its own for a moment: keep what it gives for as long as the schema stays.
pub fn call(schema: &Schema, role: &Role, function: &Function) -> Result<CompiledCall, RoutineError> {
    on_own_stack(|| compile_call(schema, role, function, None))
}

/// A call of `function` by `role` with only some of its arguments: those of these names (of those without
/// one, numbers). The others take their defaults; one that has none is an error.
///
/// Compiling takes a thread of its own for a moment: keep what it gives for as long as the schema stays.
pub fn call_with(
    schema: &Schema,
    role: &Role,
    function: &Function,
    given: &[&str],
) -> Result<CompiledCall, RoutineError> {
    on_own_stack(|| compile_call(schema, role, function, Some(given)))
}

/// `function`, whose first argument is a row, for the row called `row_alias` in the query around it. Its
/// other arguments take their defaults.
///
/// Compiling takes a thread of its own for a moment: keep what it gives for as long as the schema stays.
pub fn computed(
    schema: &Schema,
    role: &Role,
    function: &Function,
    row_alias: &str,
) -> Result<Inline, RoutineError> {
    on_own_stack(|| compile_computed(schema, role, function, row_alias))
}

fn compile_view(schema: &Schema, role: &Role, name: &str) -> Result<CompiledView, RoutineError> {
    let mut resolver = Resolver::new(schema);
    let query = resolver.view(name)?;
    sqlite::check_grants(schema, role, &resolver.uses)?;
    let mut writer = Writer::new(schema, role, None);
    writer.query(&query)?;
    Ok(CompiledView { sql: writer.take(), columns: typed(&query), params: writer.params() })
}

fn compile_call(
    schema: &Schema,
    role: &Role,
    function: &Function,
    given: Option<&[&str]>,
) -> Result<CompiledCall, RoutineError> {
    let mut resolver = Resolver::new(schema);
    if function.arguments.iter().any(|argument| matches!(argument.ty, ArgumentType::Row(_))) {
        let message =
            format!("the function \"{}\" takes a row and cannot be called by itself", function.name);
        return Err(RoutineError::new(error::UNSUPPORTED, message).hint("select it as a column of the table"));
    }
    let body = whole(&mut resolver, function, given)?;
    sqlite::check_grants(schema, role, &resolver.uses)?;
    let mut writer = Writer::new(schema, role, None);
    let mut steps = Vec::new();
    for statement in &body.before {
        match statement {
            Statement::Query(query) => {
                writer.query(query)?;
                steps.push(Step::Run { sql: writer.take() });
            }
            Statement::Write(write) => steps.extend(sqlite::steps(&mut writer, write)?),
        }
    }
    let result = match &body.result {
        Some(query) => {
            writer.query(query)?;
            Some(writer.take())
        }
        None => None,
    };
    Ok(CompiledCall {
        inline: result.clone().filter(|_| steps.is_empty()),
        steps,
        columns: body.result.as_ref().map(typed).unwrap_or_default(),
        result,
        shape: shape(&function.returns),
        params: writer.params(),
        writes: writes(&resolver.uses),
    })
}

fn compile_computed(
    schema: &Schema,
    role: &Role,
    function: &Function,
    row_alias: &str,
) -> Result<Inline, RoutineError> {
    let refuse = |why: &str| {
        let message = format!("the function \"{}\" is no column of a row: {why}", function.name);
        RoutineError::new(error::DEFINITION, message)
    };
    if !matches!(function.arguments.first().map(|first| &first.ty), Some(ArgumentType::Row(_))) {
        return Err(refuse("its first argument is no row"));
    }
    let mut resolver = Resolver::new(schema);
    let body = whole(&mut resolver, function, Some(&[]))?;
    let (Some(query), true) = (body.result, body.before.is_empty()) else {
        return Err(refuse("it is more than one query"));
    };
    sqlite::check_grants(schema, role, &resolver.uses)?;
    let mut writer = Writer::new(schema, role, Some(row_alias));
    writer.query(&query)?;
    let columns = typed(&query);
    Ok(Inline { sql: writer.take(), columns, shape: shape(&function.returns), params: writer.params() })
}

/// A function's body: statements, and then the query of the result.
struct Body {
    before: Vec<Statement>,
    result: Option<Query>,
}

/// Resolves the body with its arguments as parameters: all, or those that are given.
fn whole(
    resolver: &mut Resolver<'_>,
    function: &Function,
    given: Option<&[&str]>,
) -> Result<Body, RoutineError> {
    let mut bound = Vec::with_capacity(function.arguments.len());
    for (at, argument) in function.arguments.iter().enumerate() {
        let name = if argument.name.is_empty() { (at + 1).to_string() } else { argument.name.clone() };
        let value = match &argument.ty {
            ArgumentType::Row(_) if at > 0 => {
                let message = format!("the argument `{name}` is a row, which only the first may be");
                return Err(RoutineError::new(error::UNSUPPORTED, message));
            }
            ArgumentType::Row(table) => row(resolver, table)?,
            ArgumentType::Value(_) if given.is_some_and(|given| !given.contains(&name.as_str())) => {
                resolver.default_of(argument)?
            }
            ArgumentType::Value(ty) => {
                let listed = argument.variadic && !matches!(ty, Type::Array(_));
                let ty = if listed { Type::Array(Box::new(ty.clone())) } else { ty.clone() };
                Expr::new(ExprKind::Argument(name), Ty::Known(ty))
            }
        };
        bound.push(Bound { name: argument.name.clone(), value });
    }
    let mut before = resolver.body(&function.name, &function.body, bound)?;
    if function.returns == Returns::Void {
        return Ok(Body { before, result: None });
    }
    let result = match before.pop() {
        Some(Statement::Query(query)) => *query,
        Some(Statement::Write(write)) => {
            // The statement sets the rows aside; the result reads them.
            let returning = write.returning.clone().ok_or_else(|| no_result(function))?;
            before.push(Statement::Write(write));
            returning
        }
        None => return Err(no_result(function)),
    };
    let result = Some(resolver.shaped(function, result)?);
    Ok(Body { before, result })
}

fn no_result(function: &Function) -> RoutineError {
    let message = format!("return type mismatch in function \"{}\"", function.name);
    RoutineError::new(error::DEFINITION, message)
        .hint("the function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING")
}

/// The row of a table or view that a function is computed from.
fn row(resolver: &mut Resolver<'_>, name: &str) -> Result<Expr, RoutineError> {
    resolver.row_table = resolver.schema.table(name).map(|table| table.name.clone());
    let columns = resolver.columns_of(name)?;
    let value = |column: tree::Output| {
        let kind = ExprKind::Column { source: 0, name: column.name.clone() };
        (column.name, Expr::new(kind, column.ty))
    };
    Ok(Expr::new(ExprKind::Row(columns.into_iter().map(value).collect()), Ty::Row))
}

fn typed(query: &Query) -> Vec<(String, Type)> {
    query.columns.iter().map(|column| (column.name.clone(), column.ty.column_type())).collect()
}

fn shape(returns: &Returns) -> ResultShape {
    match returns {
        Returns::Void => ResultShape::Void,
        Returns::Value(_) => ResultShape::Value,
        Returns::Values(_) => ResultShape::Values,
        Returns::Row(_) => ResultShape::Row,
        Returns::Rows(_) | Returns::Table(_) => ResultShape::Rows,
    }
}

fn writes(uses: &Uses) -> bool {
    uses.tables.iter().any(|(command, _)| *command != crate::schema::Command::Select)
}
