//! Functions as the catalogs tell them.

use std::collections::BTreeMap;

use forge_database::schema::Volatility;
use serde::Deserialize;

use super::Name;
use super::logical::column_type;
use crate::model::{self, Column, Function, Model, Returns};

/// A function.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    schema: String,
    name: String,
    volatility: String,
    set: bool,
    one_row: bool,
    inputs: usize,
    defaults: usize,
    comment: Option<String>,
    #[serde(rename = "type")]
    ty: String,
    values: Option<Vec<String>>,
    relation: Option<Name>,
    fields: Option<Vec<Field>>,
    arguments: Vec<Argument>,
}

#[derive(Debug, Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    values: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Argument {
    name: String,
    mode: String,
    #[serde(rename = "type")]
    ty: String,
    values: Option<Vec<String>>,
    relation: Option<Name>,
}

/// The functions by name. Rows of relations that are not exposed have columns of their own.
pub(super) fn functions(told: Vec<Told>, model: &Model) -> BTreeMap<Name, Vec<Function>> {
    let mut all: BTreeMap<Name, Vec<Function>> = BTreeMap::new();
    for one in told {
        let name = (one.schema.clone(), one.name.clone());
        all.entry(name).or_default().push(function(one, model));
    }
    all
}

fn function(told: Told, model: &Model) -> Function {
    let returns = returns(&told, model);
    // The last inputs are those that have defaults.
    let required = told.inputs.saturating_sub(told.defaults);
    let inputs =
        told.arguments.into_iter().filter(|argument| matches!(argument.mode.as_str(), "i" | "b" | "v"));
    let arguments = inputs.enumerate().map(|(at, argument)| {
        let variadic = argument.mode == "v";
        model::Argument {
            name: argument.name,
            ty: column_type(argument.ty, argument.values),
            row_of: argument.relation,
            required: at < required && !variadic,
            variadic,
        }
    });
    Function {
        schema: told.schema,
        name: told.name,
        arguments: arguments.collect(),
        returns,
        volatility: match told.volatility.as_str() {
            "i" => Volatility::Immutable,
            "s" => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        one_row: told.one_row,
        comment: told.comment,
    }
}

fn returns(told: &Told, model: &Model) -> Returns {
    let outs = told.arguments.iter().filter(|argument| matches!(argument.mode.as_str(), "o" | "b" | "t"));
    let outs: Vec<Column> =
        outs.map(|argument| column(&argument.name, &argument.ty, argument.values.as_ref())).collect();
    let columns = if outs.is_empty() {
        let fields = told.fields.iter().flatten();
        fields.map(|field| column(&field.name, &field.ty, field.values.as_ref())).collect()
    } else {
        outs
    };
    if let Some((schema, name)) = &told.relation
        && model.relation(schema, name).is_some()
    {
        let (schema, name) = (schema.clone(), name.clone());
        return if told.set { Returns::Rows(schema, name) } else { Returns::Row(schema, name) };
    }
    let ty = || column_type(told.ty.clone(), told.values.clone());
    match (columns.is_empty(), told.set) {
        (false, true) => Returns::Table(columns),
        (false, false) => Returns::Record(columns),
        (true, _) if told.ty == "void" => Returns::Void,
        (true, true) => Returns::Values(ty()),
        (true, false) => Returns::Value(ty()),
    }
}

fn column(name: &str, ty: &str, values: Option<&Vec<String>>) -> Column {
    Column {
        name: name.to_owned(),
        ty: column_type(ty.to_owned(), values.cloned()),
        nullable: true,
        has_default: false,
        comment: None,
    }
}
