//! Adding, changing and removing rows.

use http::StatusCode;

use super::column::Scope;
use super::node::{Place, Resolver};
use super::{reference, relation_called};
use crate::ast::{Cond as Written, Operand, Operator, Test};
use crate::error::RestError;
use crate::model::{Model, Relation};
use crate::payload::{Body, Payload};
use crate::plan::{Cond, Conflict, Delete, Insert, Resolution, Returning, Source, TargetColumn, Update};
use crate::rest::Settings;
use crate::wire::Request;
use crate::wire::prefer::{Missing, Representation};

pub(super) fn insert(
    model: &Model,
    request: &Request,
    settings: &Settings,
    name: &str,
) -> Result<Insert, RestError> {
    let relation = relation_called(model, &request.schema, name)?;
    let payload = payload(request);
    let columns = columns(relation, &written(request, &payload))?;
    let conflict = match request.preferences.resolution {
        // PUT has a rule of its own.
        Some(_) if matches!(request.action, crate::wire::Action::Put(_)) => None,
        Some(resolution) => conflict(relation, request, resolution)?,
        None => None,
    };
    Ok(Insert {
        relation: reference(relation),
        columns,
        payload,
        missing_default: request.preferences.missing == Some(Missing::Default),
        conflict,
        returning: returning(model, request, settings, relation)?,
        put: None,
    })
}

/// One row by its key: added, or put in place of the one that is there.
pub(super) fn put(
    model: &Model,
    request: &Request,
    settings: &Settings,
    name: &str,
) -> Result<Insert, RestError> {
    let relation = relation_called(model, &request.schema, name)?;
    if !names_the_key(relation, request) {
        let message = "Filters must include all and only primary key columns with 'eq' operators";
        return Err(RestError::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST105", message));
    }
    let mut insert = insert(model, request, settings, name)?;
    insert.conflict = Some(Conflict { columns: relation.primary_key.clone(), resolution: Resolution::Merge });
    insert.missing_default = false;
    insert.put = filter(model, request, relation)?;
    Ok(insert)
}

pub(super) fn update(
    model: &Model,
    request: &Request,
    settings: &Settings,
    name: &str,
) -> Result<Update, RestError> {
    let relation = relation_called(model, &request.schema, name)?;
    let payload = payload(request);
    Ok(Update {
        relation: reference(relation),
        columns: columns(relation, &written(request, &payload))?,
        payload,
        filter: filter(model, request, relation)?,
        returning: returning(model, request, settings, relation)?,
    })
}

pub(super) fn delete(
    model: &Model,
    request: &Request,
    settings: &Settings,
    name: &str,
) -> Result<Delete, RestError> {
    let relation = relation_called(model, &request.schema, name)?;
    Ok(Delete {
        relation: reference(relation),
        filter: filter(model, request, relation)?,
        returning: returning(model, request, settings, relation)?,
    })
}

fn payload(request: &Request) -> Payload {
    match &request.body {
        Body::Rows(payload) => payload.clone(),
        Body::Nothing | Body::Call(_) => Payload::default(),
    }
}

/// The names of the columns that are written: those of `columns`, else the members of the first row.
fn written(request: &Request, payload: &Payload) -> Vec<String> {
    let is_put = matches!(request.action, crate::wire::Action::Put(_));
    match &request.query.columns {
        Some(columns) if !is_put => columns.clone(),
        _ => payload.rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default(),
    }
}

fn columns(relation: &Relation, names: &[String]) -> Result<Vec<TargetColumn>, RestError> {
    // Of several that are unknown the first by name is told.
    if let Some(name) = names.iter().filter(|name| relation.column(name).is_none()).min() {
        let table = &relation.name;
        let message = format!("Could not find the '{name}' column of '{table}' in the schema cache");
        return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST204", message));
    }
    let mut found: Vec<TargetColumn> = Vec::with_capacity(names.len());
    for column in names.iter().filter_map(|name| relation.column(name)) {
        if !found.iter().any(|known| known.name == column.name) {
            found.push(TargetColumn { name: column.name.clone(), ty: column.ty.clone() });
        }
    }
    Ok(found)
}

/// How rows that are there already are found; nothing where there is no key to find them by.
fn conflict(
    relation: &Relation,
    request: &Request,
    resolution: Resolution,
) -> Result<Option<Conflict>, RestError> {
    let mut columns: Vec<String> = Vec::new();
    for name in request.query.on_conflict.as_ref().unwrap_or(&relation.primary_key) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    if columns.is_empty() {
        return Ok(None);
    }
    for name in &columns {
        if relation.column(name).is_none() {
            let message = format!("column \"{name}\" does not exist");
            return Err(RestError::from_sqlstate("42703", &message, None, None, false));
        }
    }
    let same =
        |group: &[String]| group.len() == columns.len() && group.iter().all(|name| columns.contains(name));
    if !same(&relation.primary_key) && !relation.uniques.iter().any(|group| same(group)) {
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        return Err(RestError::from_sqlstate("42P10", message, None, None, false));
    }
    Ok(Some(Conflict { columns, resolution }))
}

fn returning(
    model: &Model,
    request: &Request,
    settings: &Settings,
    relation: &Relation,
) -> Result<Returning, RestError> {
    match request.preferences.returning {
        Some(Representation::Full) => {
            let mut resolver = Resolver::new(model, settings);
            let source = Source::Written(reference(relation));
            let mut node = resolver.tree(Place::of(relation), source, request)?;
            // Which rows it was is settled already.
            node.filter = None;
            Ok(Returning::Rows(Box::new(node)))
        }
        Some(Representation::HeadersOnly) if !relation.primary_key.is_empty() => {
            Ok(Returning::Key(relation.primary_key.clone()))
        }
        Some(Representation::HeadersOnly | Representation::Minimal) | None => Ok(Returning::Nothing),
    }
}

/// The conditions on the rows that are written. They name nothing but columns.
fn filter(model: &Model, request: &Request, relation: &Relation) -> Result<Option<Cond>, RestError> {
    let scope = Scope {
        model,
        relation: Some((&relation.schema, &relation.name)),
        name: &relation.name,
        columns: &relation.columns,
        depth: 0,
    };
    let own = request.query.filters.iter().filter(|scoped| scoped.path.is_empty());
    let mut all = own.map(|scoped| cond(&scope, &scoped.what)).collect::<Result<Vec<_>, _>>()?;
    Ok(match all.len() {
        0 => None,
        1 => all.pop(),
        _ => Some(Cond::All(all)),
    })
}

fn cond(scope: &Scope<'_>, written: &Written) -> Result<Cond, RestError> {
    let all = |of: &[Written]| of.iter().map(|one| cond(scope, one)).collect::<Result<Vec<_>, _>>();
    let (cond, negated) = match written {
        Written::All { negated, of } => (Cond::All(all(of)?), *negated),
        Written::Any { negated, of } => (Cond::Any(all(of)?), *negated),
        Written::Test { field, negated, test } => {
            (Cond::Test { value: scope.value(field, None)?, test: test.clone() }, *negated)
        }
    };
    Ok(if negated { Cond::Not(Box::new(cond)) } else { cond })
}

/// Whether the filters say what each column of the key is, and nothing else.
fn names_the_key(relation: &Relation, request: &Request) -> bool {
    let mut named: Vec<&str> = Vec::new();
    for scoped in &request.query.filters {
        match &scoped.what {
            Written::Test {
                field,
                negated: false,
                test: Test::Compare { op: Operator::Equal, with: Operand::One(_) },
            } if scoped.path.is_empty() && field.path.is_empty() => {
                named.push(&field.name);
            }
            Written::Test { .. } | Written::All { .. } | Written::Any { .. } => return false,
        }
    }
    let mut key: Vec<&str> = relation.primary_key.iter().map(String::as_str).collect();
    key.sort_unstable();
    named.sort_unstable();
    named.dedup();
    !key.is_empty() && key == named
}
