//! Values of a row.

use super::source::From;
use super::{Writer, qualified, refused};
use crate::ast::{Arrow, JsonKey};
use crate::error::RestError;
use crate::model::{Argument, ColumnType};
use crate::plan::{Origin, Value};

impl Writer<'_> {
    /// A value of the row, as one operand.
    pub(super) fn value(&mut self, value: &Value, from: &From) -> Result<String, RestError> {
        let mut sql = match &value.of {
            Origin::Column(name) => from.column(name),
            Origin::Computed(function) => {
                format!("{}({})", qualified(&function.schema, &function.name), from.row())
            }
        };
        if !value.path.is_empty() {
            if !is_json(&value.ty) {
                sql = format!("to_jsonb({sql})");
            }
            let steps = value.path.iter().map(|step| {
                let arrow = match step.arrow {
                    Arrow::Json => "->",
                    Arrow::Text => "->>",
                };
                match &step.key {
                    JsonKey::Name(name) => format!("{arrow}{}::text", self.bind(name.clone())),
                    // No list is so long that what is cut off could be meant.
                    JsonKey::Index(index) => {
                        let most = i64::from(i32::MAX);
                        format!("{arrow}({})", index.clamp(&-most, &most))
                    }
                }
            });
            let steps: String = steps.collect();
            sql = format!("({sql}{steps})");
        }
        match &value.cast {
            None => Ok(sql),
            Some(to) => self.cast(&sql, to),
        }
    }

    pub(super) fn cast(&self, sql: &str, to: &ColumnType) -> Result<String, RestError> {
        Ok(format!("CAST({sql} AS {})", self.type_name(to)?))
    }

    /// A type's name as it stands in a statement: one that the model has, or one that is nothing but words and
    /// numbers.
    pub(super) fn type_name<'t>(&self, ty: &'t ColumnType) -> Result<&'t str, RestError> {
        let name = ty.name.as_str();
        if is_plain(name) || self.is_known(name) {
            return Ok(name);
        }
        Err(refused("42704", &format!("type \"{name}\" does not exist")))
    }

    /// The type of an argument; a row's is that of its relation, and a variadic one is a list.
    pub(super) fn argument_type(&self, argument: &Argument) -> Result<String, RestError> {
        let name = match &argument.row_of {
            Some((schema, name)) => qualified(schema, name),
            None => self.type_name(&argument.ty)?.to_owned(),
        };
        Ok(if argument.variadic && !name.ends_with("[]") { format!("{name}[]") } else { name })
    }

    fn is_known(&self, name: &str) -> bool {
        let columns = self.model.relations.values().flat_map(|relation| &relation.columns);
        let arguments = self.model.functions.values().flatten().flat_map(|function| &function.arguments);
        columns
            .map(|column| &column.ty)
            .chain(arguments.map(|argument| &argument.ty))
            .any(|ty| ty.name == name)
    }
}

/// Whether a value is JSON already, so that ways lead into it.
pub(super) fn is_json(ty: &ColumnType) -> bool {
    matches!(ty.name.as_str(), "json" | "jsonb")
}

/// The type of the value once its way and its cast are done, as far as statements differ by it.
pub(super) fn final_type(value: &Value) -> &str {
    match (&value.cast, value.path.last().map(|step| step.arrow)) {
        (Some(to), _) => &to.name,
        (None, Some(Arrow::Text)) => "text",
        (None, Some(Arrow::Json)) if value.ty.name == "json" => "json",
        (None, Some(Arrow::Json)) => "jsonb",
        (None, None) => &value.ty.name,
    }
}

/// Words, then at most one list of numbers in parentheses, then words, then brackets.
fn is_plain(name: &str) -> bool {
    let name = name.trim_end_matches("[]");
    let words =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let Some((before, rest)) = name.split_once('(') else { return begins && words(name) };
    let Some((numbers, after)) = rest.split_once(')') else { return false };
    let listed = numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b' ');
    begins && words(before) && words(after) && listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_nothing_but_names() {
        for name in
            ["int4", "numeric(10, 2)", "character varying(5)[]", "timestamp(3) with time zone", "mood"]
        {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "",
            "text) FROM t --",
            "varchar(1) || (select 1)",
            "varchar((1))",
            "a;b",
            "\"x\"",
            "1",
            "varchar(a)",
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
