//! Signatures as text that reads back to the same.

use sqlparser::ast::DataType;

use super::parse;
use crate::schema::{Argument, ArgumentType, Function, Returns, Type};

/// A type as SQL writes it.
pub(crate) fn type_text(ty: &Type) -> String {
    match ty {
        Type::Enum(name) => name_text(name),
        Type::Array(inner) => format!("{}[]", type_text(inner)),
        Type::Double => "double precision".to_owned(),
        other => other.to_string(),
    }
}

/// An argument's type.
pub(crate) fn argument_type_text(ty: &ArgumentType) -> String {
    match ty {
        ArgumentType::Value(ty) => type_text(ty),
        ArgumentType::Row(name) => name_text(name),
    }
}

/// What a function gives.
pub(crate) fn returns_text(returns: &Returns) -> String {
    match returns {
        Returns::Void => "void".to_owned(),
        Returns::Value(ty) => type_text(ty),
        Returns::Values(ty) => format!("setof {}", type_text(ty)),
        Returns::Row(name) => name_text(name),
        Returns::Rows(name) => format!("setof {}", name_text(name)),
        Returns::Table(columns) => {
            let column = |(name, ty): &(String, Type)| format!("{} {}", name_text(name), type_text(ty));
            format!("table({})", columns.iter().map(column).collect::<Vec<_>>().join(", "))
        }
    }
}

/// `find(part text, most integer = 10) -> setof posts`
pub(crate) fn signature_text(function: &Function) -> String {
    let argument = |argument: &Argument| {
        let variadic = if argument.variadic { "variadic " } else { "" };
        let name = if argument.name.is_empty() { String::new() } else { format!("{} ", argument.name) };
        let default = argument.default.as_ref().map_or_else(String::new, |default| format!(" = {default}"));
        format!("{variadic}{name}{}{default}", argument_type_text(&argument.ty))
    };
    let arguments: Vec<String> = function.arguments.iter().map(argument).collect();
    format!("{}({}) -> {}", function.name, arguments.join(", "), returns_text(&function.returns))
}

/// The name, quoted where it would be read as something else.
fn name_text(name: &str) -> String {
    let plain = match parse::data_type(name) {
        Ok(DataType::Custom(parsed, arguments)) => arguments.is_empty() && parsed.to_string() == name,
        Ok(_) | Err(_) => false,
    };
    let alias =
        ["timestamptz", "citext", "name", "vector", "int4", "int8", "void", "setof", "table"].contains(&name);
    let lower = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && lower && !alias { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
