//! What a function is given, as SQLite stores values of its types.

use std::collections::BTreeMap;

use forge_database::schema::{Argument, ArgumentType, Function, Type};
use rusqlite::types::Value as Sql;

use crate::error::RestError;
use crate::plan::{Arguments, Terms};
use crate::sqlite::carry::Place;

/// The values of the arguments, by the names that their parameters have.
pub(super) fn of(
    place: &Place<'_>,
    terms: &Terms,
    function: &Function,
    given: &Arguments,
) -> Result<BTreeMap<String, Sql>, RestError> {
    let site = place.site(terms);
    let mut values = BTreeMap::new();
    for (at, argument) in function.arguments.iter().enumerate() {
        let ArgumentType::Value(ty) = &argument.ty else { continue };
        let ty = whole(argument, ty);
        let value = match given {
            Arguments::Json(members) => match members.get(&argument.name) {
                Some(value) => Some(place.reads.from_json(&site, &ty, &value.to_string())?),
                None => None,
            },
            Arguments::Text(pairs) => match pairs.iter().find(|(name, _)| *name == argument.name) {
                Some((_, texts)) if argument.variadic => {
                    let list = serde_json::Value::from(texts.clone()).to_string();
                    Some(place.reads.from_json(&site, &ty, &list)?)
                }
                // Of several of the same name, the last one counts.
                Some((_, texts)) => match texts.last() {
                    Some(text) => Some(place.reads.from_text(&site, &ty, text)?),
                    None => None,
                },
                None => None,
            },
            Arguments::Body(bytes) => Some(body(place, terms, &ty, bytes)?),
        };
        let value = match value {
            Some(value) => value,
            None => default(place, argument, &ty)?,
        };
        let name = if argument.name.is_empty() { (at + 1).to_string() } else { argument.name.clone() };
        values.insert(name, value);
    }
    Ok(values)
}

/// The type of the whole argument: a variadic one is a list.
fn whole(argument: &Argument, ty: &Type) -> Type {
    if argument.variadic && !matches!(ty, Type::Array(_)) {
        Type::Array(Box::new(ty.clone()))
    } else {
        ty.clone()
    }
}

/// A whole body as an argument.
fn body(place: &Place<'_>, terms: &Terms, ty: &Type, bytes: &[u8]) -> Result<Sql, RestError> {
    if *ty == Type::Bytea {
        return Ok(Sql::Blob(bytes.to_vec()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| place.refused("22021", "invalid byte sequence for encoding \"UTF8\""))?;
    match ty {
        Type::Text | Type::Varchar(_) => Ok(Sql::Text(text.to_owned())),
        _ => place.reads.from_json(&place.site(terms), ty, text),
    }
}

/// The value of an argument that nobody gives: an expression of the function's definition.
fn default(place: &Place<'_>, argument: &Argument, ty: &Type) -> Result<Sql, RestError> {
    match &argument.default {
        None if argument.variadic => Ok(Sql::Text("[]".to_owned())),
        None => Ok(Sql::Null),
        Some(text) => literal(place, text, ty),
    }
}

/// Evaluates the expression of a default.
fn literal(place: &Place<'_>, text: &str, ty: &Type) -> Result<Sql, RestError> {
    let function = Function {
        name: "default".to_owned(),
        arguments: Vec::new(),
        returns: forge_database::schema::Returns::Value(ty.clone()),
        body: format!("select {text}"),
        volatility: forge_database::schema::Volatility::Stable,
    };
    let compiled = forge_database::routine::call(&place.scene.schema, &place.who.role, &function)
        .map_err(|error| super::refused(place, &error))?;
    let rows = super::run_it(place, &compiled, &BTreeMap::new())?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Sql::Null))
}
