//! Looks up what a request names: relations, columns, relationships, functions. Pure, and knows no engine.
//!
//! What is not there is told as PostgREST and Postgres tell it, with the name that was probably meant.

mod call;
mod column;
mod nearest;
mod node;
mod relationship;
mod write;

#[cfg(test)]
mod tests;

use http::StatusCode;

use crate::error::RestError;
use crate::model::{Model, Relation};
use crate::plan::{Plan, Read, RelationRef, Source, Task, Terms};
use crate::rest::Settings;
use crate::wire::{Action, Request};
use node::Resolver;

/// Relations that a request embeds.
pub const EMBEDS_MAX: usize = 64;
/// How deep they are embedded in one another.
pub const DEPTH_MAX: usize = 16;
/// Values of a row, those of embedded relations apart.
pub const OUTPUTS_MAX: usize = 1_000;

/// What a request comes to. `single`, `rollback` and what else hangs on the type of the answer is not
/// decided here.
pub fn task(model: &Model, request: &Request, settings: &Settings) -> Result<Task, RestError> {
    let plan = match &request.action {
        Action::Read { relation, head } => {
            let relation = relation_called(model, &request.schema, relation)?;
            let mut resolver = Resolver::new(model, settings);
            let source = Source::Relation(reference(relation));
            let root = resolver.relation(relation, source, request)?;
            Plan::Read(Read { root, count: request.preferences.count, head: *head })
        }
        Action::Insert(relation) => Plan::Insert(write::insert(model, request, settings, relation)?),
        Action::Put(relation) => Plan::Insert(write::put(model, request, settings, relation)?),
        Action::Update(relation) => Plan::Update(write::update(model, request, settings, relation)?),
        Action::Delete(relation) => Plan::Delete(write::delete(model, request, settings, relation)?),
        Action::Call { function, method } => {
            Plan::Call(call::call(model, request, settings, function, *method)?)
        }
        Action::Describe { .. }
        | Action::RootOptions
        | Action::RelationOptions(_)
        | Action::FunctionOptions(_) => return Err(crate::wire::path::no_such_path()),
    };
    let terms = Terms { affected_max: request.preferences.affected_max(), ..Terms::default() };
    Ok(Task { plan, terms, explain: None })
}

/// The error for a relation that there is not.
pub fn no_relation(model: &Model, schema: &str, name: &str) -> RestError {
    let known = model.relations.keys().filter(|(of, _)| of == schema).map(|(_, name)| name.as_str());
    let message = format!("Could not find the table '{schema}.{name}' in the schema cache");
    let error = RestError::new(StatusCode::NOT_FOUND, "PGRST205", message);
    match nearest::nearest(name, known, nearest::NAME_SCORE_MIN) {
        Some((_, meant)) => error.hint(format!("Perhaps you meant the table '{schema}.{meant}'")),
        None => error,
    }
}

/// The error for a function that there is not, as a call of it without arguments has it.
pub fn no_function(model: &Model, schema: &str, name: &str) -> RestError {
    call::unknown(model, schema, name)
}

fn relation_called<'m>(model: &'m Model, schema: &str, name: &str) -> Result<&'m Relation, RestError> {
    model.relation(schema, name).ok_or_else(|| no_relation(model, schema, name))
}

fn reference(relation: &Relation) -> RelationRef {
    RelationRef { schema: relation.schema.clone(), name: relation.name.clone() }
}

fn too_much(what: &str, most: usize) -> RestError {
    let message = format!("the request has more than {most} {what}");
    RestError::new(StatusCode::BAD_REQUEST, "PGRST100", message)
}
