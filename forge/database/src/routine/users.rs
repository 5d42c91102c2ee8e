//! Which views and functions use something, so that it is not taken from under them.

use super::{Signature, check_function, check_view};
use crate::schema::{ArgumentType, Function, Returns, Schema, Type};

/// Something that views and functions may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing<'a> {
    /// A table.
    Table(&'a str),
    /// A column of a table.
    Column(&'a str, &'a str),
    /// A view.
    View(&'a str),
    /// All functions of a name.
    Function(&'a str),
    /// An enum.
    Enum(&'a str),
}

/// The first view or function that uses the thing, as "the view `x`". One that does not resolve uses nothing.
pub(crate) fn user(schema: &Schema, thing: Thing<'_>) -> Option<String> {
    let view = schema.views.values().find(|view| match thing {
        Thing::View(name) if name == view.name => false,
        _ => check_view(schema, view).is_ok_and(|signature| uses(&signature, thing)),
    });
    if let Some(view) = view {
        return Some(format!("the view `{}`", view.name));
    }
    let mut functions = schema.functions.values().flatten();
    let function = functions.find(|function| match thing {
        Thing::Function(name) if name == function.name => false,
        _ => {
            declares(function, thing)
                || check_function(schema, function).is_ok_and(|signature| uses(&signature, thing))
        }
    });
    function.map(|function| format!("the function `{}`", function.name))
}

fn uses(signature: &Signature, thing: Thing<'_>) -> bool {
    match thing {
        Thing::Table(name) => signature.tables.contains(name),
        Thing::Column(table, column) => {
            signature.table_columns.contains(&(table.to_owned(), column.to_owned()))
        }
        Thing::View(name) => signature.views.contains(name),
        Thing::Function(name) => signature.functions.contains(name),
        Thing::Enum(name) => signature.columns.iter().any(|(_, ty)| is_enum(ty, name)),
    }
}

/// Whether a function's arguments or result speak of it.
fn declares(function: &Function, thing: Thing<'_>) -> bool {
    let arguments = function.arguments.iter().map(|argument| &argument.ty);
    match thing {
        // Its rows are whole, so every column is part of what is declared.
        Thing::Table(name) | Thing::Column(name, _) | Thing::View(name) => {
            let of_rows = matches!(&function.returns, Returns::Row(of) | Returns::Rows(of) if of == name);
            let of_columns = matches!(thing, Thing::Column(..));
            let of_row = |ty: &ArgumentType| matches!(ty, ArgumentType::Row(of) if of == name && !of_columns);
            of_rows || arguments.into_iter().any(of_row)
        }
        Thing::Function(_) => false,
        Thing::Enum(name) => {
            let result = match &function.returns {
                Returns::Value(ty) | Returns::Values(ty) => is_enum(ty, name),
                Returns::Table(columns) => columns.iter().any(|(_, ty)| is_enum(ty, name)),
                Returns::Void | Returns::Row(_) | Returns::Rows(_) => false,
            };
            result
                || arguments.into_iter().any(|ty| matches!(ty, ArgumentType::Value(ty) if is_enum(ty, name)))
        }
    }
}

fn is_enum(ty: &Type, name: &str) -> bool {
    crate::ddl::enum_of(ty) == Some(name)
}
