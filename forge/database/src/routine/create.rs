//! `CREATE VIEW` and `CREATE FUNCTION` as text, to what the schema holds.

use sqlparser::ast::{
    self, ArgMode, CreateFunction, CreateFunctionBody, DataType, FunctionBehavior, FunctionReturnType,
    FunctionSecurity, Spanned, Value,
};

use super::error::{RoutineError, SYNTAX, UNKNOWN_TYPE, UNSUPPORTED};
use super::parse;
use super::resolve::{fold, public};
use super::stack::on_own_stack;
use super::types::{self, Ty};
use crate::schema::{Argument, ArgumentType, Function, Returns, Schema, Type, View, Volatility};

/// What a text creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// A view.
    View(View),
    /// A function.
    Function(Function),
}

/// Reads one `create view` or `create function`. `schema` knows the enums, tables and views that may be
/// types.
pub fn create(text: &str, schema: &Schema) -> Result<Created, RoutineError> {
    on_own_stack(|| created(text, schema))
}

fn created(text: &str, schema: &Schema) -> Result<Created, RoutineError> {
    let mut statements = parse::statements(text)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(ast::Statement::CreateView(view)), true) => created_view(&view).map(Created::View),
        (Some(ast::Statement::CreateFunction(function)), true) => {
            created_function(&function, schema).map(Created::Function)
        }
        _ => Err(RoutineError::new(SYNTAX, "the text is one `create view` or `create function`")),
    }
}

/// Reads what a function gives: `void`, a type, a table, `setof` one of these, or `table(a int, b text)`.
pub fn returns(text: &str, schema: &Schema) -> Result<Returns, RoutineError> {
    on_own_stack(|| returns_of(text, schema))
}

fn returns_of(text: &str, schema: &Schema) -> Result<Returns, RoutineError> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower == "void" {
        return Ok(Returns::Void);
    }
    if let Some(rest) = lower.strip_prefix("setof ") {
        return set_of(text[text.len() - rest.len()..].trim(), schema);
    }
    if lower.starts_with("table") && lower[5..].trim_start().starts_with('(') {
        // The parser reads columns of tables nowhere but in a definition.
        let statement = format!("create function f() returns {text} language sql as ''");
        let mut statements = parse::statements(&statement)?;
        if let (Some(ast::Statement::CreateFunction(function)), true) =
            (statements.pop(), statements.is_empty())
        {
            return returned(function.return_type.as_ref(), schema);
        }
    }
    match type_named(text, schema)? {
        ArgumentType::Value(ty) => Ok(Returns::Value(ty)),
        ArgumentType::Row(name) => Ok(Returns::Row(name)),
    }
}

/// Reads an argument's type: a type, or a table or view for its row.
pub fn argument_type(text: &str, schema: &Schema) -> Result<ArgumentType, RoutineError> {
    on_own_stack(|| type_named(text, schema))
}

fn type_named(text: &str, schema: &Schema) -> Result<ArgumentType, RoutineError> {
    let parsed = parse::data_type(text)?;
    of(&parsed, schema)
}

fn set_of(text: &str, schema: &Schema) -> Result<Returns, RoutineError> {
    Ok(match type_named(text, schema)? {
        ArgumentType::Value(ty) => Returns::Values(ty),
        ArgumentType::Row(name) => Returns::Rows(name),
    })
}

fn of(data_type: &DataType, schema: &Schema) -> Result<ArgumentType, RoutineError> {
    if let DataType::Custom(name, arguments) = data_type
        && arguments.is_empty()
        && let Ok((name, _)) = public(name)
        && (schema.tables.contains_key(&name) || schema.views.contains_key(&name))
    {
        return Ok(ArgumentType::Row(name));
    }
    match types::of(data_type, schema) {
        Some(Ty::Known(ty)) => Ok(ArgumentType::Value(ty)),
        // What a migration means by a decimal without a size.
        Some(Ty::Numeric) => Ok(ArgumentType::Value(Type::Numeric(15, 4))),
        Some(Ty::Interval | Ty::Row | Ty::Unknown) | None => {
            let message =
                format!("type \"{data_type}\" does not exist, or cannot be an argument or a result here");
            Err(RoutineError::new(UNKNOWN_TYPE, message))
        }
    }
}

fn created_view(view: &ast::CreateView) -> Result<View, RoutineError> {
    let (name, span) = public(&view.name)?;
    if view.materialized {
        return Err(RoutineError::unsupported(span, "a materialized view").hint("write `create view`"));
    }
    if view.temporary || view.to.is_some() {
        return Err(RoutineError::unsupported(span, "this form of `create view`"));
    }
    if !view.columns.is_empty() {
        return Err(RoutineError::unsupported(span, "a list of columns after the view's name")
            .hint("name them in the query with `as`"));
    }
    Ok(View { name, query: view.query.to_string() })
}

fn created_function(function: &CreateFunction, schema: &Schema) -> Result<Function, RoutineError> {
    let (name, span) = public(&function.name)?;
    let language = function.language.as_ref().map_or_else(|| "sql".to_owned(), fold);
    if language != "sql" {
        let message = format!("LANGUAGE {language} cannot run on SQLite");
        return Err(RoutineError::at(UNSUPPORTED, span, message)
            .hint("write the function with LANGUAGE sql, or configure Postgres"));
    }
    if function.security == Some(FunctionSecurity::Definer) {
        return Err(RoutineError::unsupported(span, "SECURITY DEFINER")
            .hint("a function here runs with the rights of its caller; widen a policy instead"));
    }
    let mut arguments = Vec::new();
    let mut out = Vec::new();
    for argument in function.args.iter().flatten() {
        let name = argument.name.as_ref().map(fold).unwrap_or_default();
        if matches!(argument.mode, Some(ArgMode::Out | ArgMode::InOut)) {
            match of(&argument.data_type, schema)? {
                ArgumentType::Value(ty) => out.push((name.clone(), ty)),
                ArgumentType::Row(_) => {
                    return Err(RoutineError::unsupported(span, "a row as an OUT argument"));
                }
            }
        }
        if argument.mode != Some(ArgMode::Out) {
            arguments.push(Argument {
                name,
                ty: of(&argument.data_type, schema)?,
                default: argument.default_expr.as_ref().map(ToString::to_string),
                variadic: argument.mode == Some(ArgMode::Variadic),
            });
        }
    }
    let returns =
        if out.is_empty() { returned(function.return_type.as_ref(), schema)? } else { Returns::Table(out) };
    let volatility = match function.behavior {
        Some(FunctionBehavior::Immutable) => Volatility::Immutable,
        Some(FunctionBehavior::Stable) => Volatility::Stable,
        Some(FunctionBehavior::Volatile) | None => Volatility::Volatile,
    };
    let body = body_text(function.function_body.as_ref()).ok_or_else(|| {
        RoutineError::at(SYNTAX, span, "the function has no body").hint("write `as $$ select ... $$`")
    })?;
    Ok(Function { name, arguments, returns, body, volatility })
}

fn returned(returns: Option<&FunctionReturnType>, schema: &Schema) -> Result<Returns, RoutineError> {
    match returns {
        None => Ok(Returns::Void),
        Some(FunctionReturnType::DataType(DataType::Table(Some(columns)))) => {
            let column = |column: &ast::ColumnDef| match of(&column.data_type, schema)? {
                ArgumentType::Value(ty) => Ok((fold(&column.name), ty)),
                ArgumentType::Row(_) => {
                    Err(RoutineError::unsupported(column.span(), "a row as a column of a result"))
                }
            };
            columns.iter().map(column).collect::<Result<_, _>>().map(Returns::Table)
        }
        Some(FunctionReturnType::DataType(ty)) if ty.to_string().eq_ignore_ascii_case("void") => {
            Ok(Returns::Void)
        }
        Some(FunctionReturnType::DataType(ty)) => Ok(match of(ty, schema)? {
            ArgumentType::Value(ty) => Returns::Value(ty),
            ArgumentType::Row(name) => Returns::Row(name),
        }),
        Some(FunctionReturnType::SetOf(ty)) => Ok(match of(ty, schema)? {
            ArgumentType::Value(ty) => Returns::Values(ty),
            ArgumentType::Row(name) => Returns::Rows(name),
        }),
    }
}

fn body_text(body: Option<&CreateFunctionBody>) -> Option<String> {
    match body? {
        CreateFunctionBody::AsBeforeOptions { body, .. } | CreateFunctionBody::AsAfterOptions(body) => {
            match body {
                ast::Expr::Value(value) => match &value.value {
                    Value::DollarQuotedString(text) => Some(text.value.trim().to_owned()),
                    Value::SingleQuotedString(text) => Some(text.trim().to_owned()),
                    _ => None,
                },
                _ => None,
            }
        }
        CreateFunctionBody::Return(value) => Some(format!("select {value}")),
        _ => None, // Forms of other databases.
    }
}
