//! Who asks, and the request, as parameters of statements.

use forge_core::Identity;
use forge_database::ddl::sqlite::value_from_text;
use forge_database::policy::sqlite::Param as Who;
use forge_database::policy::{Flaw, PolicyError};
use forge_database::routine::{Param, Request};
use forge_database::schema::Type;
use rusqlite::Statement;
use rusqlite::types::Value as Sql;

use super::carry::Place;
use super::reads::Statement as Compiled;
use crate::engine::Context;
use crate::error::RestError;

/// The value of a parameter about who asks.
pub(super) fn who(identity: &Identity, param: Who) -> Sql {
    match param {
        Who::Uid => uid(identity),
        Who::Role => Sql::Text(identity.role.as_str().to_owned()),
        Who::Jwt if identity.claims.is_null() => Sql::Null,
        Who::Jwt => Sql::Text(identity.claims.to_string()),
    }
}

/// The user's id as columns hold it.
pub(super) fn uid(identity: &Identity) -> Sql {
    let Some(subject) = &identity.subject else { return Sql::Null };
    // An id that is no uuid owns rows by text columns only.
    let id = value_from_text(&Type::Uuid, &std::collections::BTreeMap::new(), subject);
    id.unwrap_or_else(|_| Sql::Text(subject.clone()))
}

/// The value of a parameter about the request.
pub(super) fn request(context: &Context, what: Request) -> Sql {
    let object = |pairs: &[(String, String)]| {
        let members =
            pairs.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
        Sql::Text(serde_json::Value::Object(members.collect()).to_string())
    };
    match what {
        Request::Method => Sql::Text(context.method.clone()),
        Request::Path => Sql::Text(context.path.clone()),
        Request::Headers => object(&context.headers),
        Request::Cookies => object(&context.cookies),
    }
}

/// Binds what a compiled statement wants: its own values, who asks, and the request.
pub(super) fn bind(
    place: &Place<'_>,
    statement: &mut Statement<'_>,
    compiled: &Compiled,
) -> rusqlite::Result<()> {
    for (at, value) in compiled.values.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value)?;
    }
    for (name, value) in &compiled.named {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    bind_who(place.who, statement)?;
    for what in [Request::Method, Request::Path, Request::Headers, Request::Cookies] {
        if let Some(index) = statement.parameter_index(&Param::Request(what).name())? {
            statement.raw_bind_parameter(index, request(place.context, what))?;
        }
    }
    Ok(())
}

/// Binds who asks, where the statement wants to know.
pub(super) fn bind_who(identity: &Identity, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
    for param in [Who::Uid, Who::Role, Who::Jwt] {
        if let Some(index) = statement.parameter_index(param.name())? {
            statement.raw_bind_parameter(index, who(identity, param))?;
        }
    }
    Ok(())
}

/// The error for policies that cannot be evaluated.
pub(super) fn unusable(place: &Place<'_>, error: &PolicyError) -> RestError {
    let code = if error.flaw == Flaw::Cycle { "42P17" } else { "42P13" };
    place.refused(code, error.to_string())
}
