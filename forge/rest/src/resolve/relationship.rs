//! Which relationship an embedded relation is reached by.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::column::takes_row;
use super::nearest;
use crate::ast::EmbedTarget;
use crate::error::RestError;
use crate::model::{ForeignKey, Function, Model, Relation, RelationKind, Returns};
use crate::plan::{Link, RelationRef};

/// A way from one relation to another.
#[derive(Debug, Clone)]
pub(super) struct Relationship<'m> {
    pub(super) target: &'m Relation,
    pub(super) link: Link,
    pub(super) cardinality: Cardinality,
    kind: Kind<'m>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cardinality {
    ManyToOne,
    OneToMany,
    OneToOne,
    ManyToMany,
}

#[derive(Debug, Clone)]
enum Kind<'m> {
    /// The key is on this side.
    Own(&'m ForeignKey),
    /// It is on the other.
    Theirs(&'m ForeignKey),
    Junction {
        table: &'m Relation,
        near: &'m ForeignKey,
        far: &'m ForeignKey,
    },
    Computed,
}

impl Cardinality {
    /// Whether a row has many of the other side.
    pub(super) fn is_many(self) -> bool {
        matches!(self, Cardinality::OneToMany | Cardinality::ManyToMany)
    }

    fn name(self) -> &'static str {
        match self {
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToMany => "many-to-many",
        }
    }
}

/// The relationship of `origin` that `target` names.
pub(super) fn find<'m>(
    model: &'m Model,
    origin: &Relation,
    target: &EmbedTarget,
) -> Result<Relationship<'m>, RestError> {
    if let Some(computed) = computed(model, origin, &target.name) {
        return Ok(computed);
    }
    let mut found: Vec<Relationship<'m>> =
        all(model, origin).into_iter().filter(|one| one.is_meant(origin, target)).collect();
    match found.len() {
        0 => Err(none(model, origin, target)),
        1 => Ok(found.remove(0)),
        _ => Err(several(origin, target, &found)),
    }
}

/// A function of a row that gives rows of a relation.
fn computed<'m>(model: &'m Model, origin: &Relation, name: &str) -> Option<Relationship<'m>> {
    let functions = model.functions.get(&(origin.schema.clone(), name.to_owned()))?;
    functions.iter().find_map(|function: &Function| {
        if !takes_row(function, &origin.schema, &origin.name) {
            return None;
        }
        let (schema, relation, many) = match &function.returns {
            Returns::Row(schema, relation) => (schema, relation, false),
            Returns::Rows(schema, relation) => (schema, relation, !function.one_row),
            Returns::Void
            | Returns::Value(_)
            | Returns::Values(_)
            | Returns::Table(_)
            | Returns::Record(_) => return None,
        };
        Some(Relationship {
            target: model.relation(schema, relation)?,
            link: Link::Computed(Arc::new(function.clone())),
            cardinality: if many { Cardinality::OneToMany } else { Cardinality::ManyToOne },
            kind: Kind::Computed,
        })
    })
}

/// Every relationship of a relation.
fn all<'m>(model: &'m Model, origin: &Relation) -> Vec<Relationship<'m>> {
    let at = (origin.schema.clone(), origin.name.clone());
    let mut found = Vec::new();
    for key in &model.keys {
        if key.from == at
            && key.to.0 == at.0
            && let Some(target) = model.relations.get(&key.to)
        {
            found.push(Relationship {
                target,
                link: Link::Columns(pairs(&key.columns, &key.to_columns)),
                cardinality: if key.one_to_one { Cardinality::OneToOne } else { Cardinality::ManyToOne },
                kind: Kind::Own(key),
            });
        }
        if key.to == at
            && key.from.0 == at.0
            && let Some(target) = model.relations.get(&key.from)
        {
            found.push(Relationship {
                target,
                link: Link::Columns(pairs(&key.to_columns, &key.columns)),
                cardinality: if key.one_to_one { Cardinality::OneToOne } else { Cardinality::OneToMany },
                kind: Kind::Theirs(key),
            });
        }
    }
    for near in model.keys.iter().filter(|key| key.to == at) {
        found.extend(model.keys.iter().filter_map(|far| junction(model, near, far)));
    }
    found
}

/// The way through a table whose primary key holds both keys.
fn junction<'m>(model: &'m Model, near: &'m ForeignKey, far: &'m ForeignKey) -> Option<Relationship<'m>> {
    // A key that is unique alone makes no row of many of the other side.
    let single = near.one_to_one || far.one_to_one;
    if near.from != far.from || near.name == far.name || single || far.to.0 != near.to.0 {
        return None;
    }
    let table = model.relations.get(&near.from)?;
    let mut both = near.columns.iter().chain(&far.columns);
    if !both.all(|column| table.primary_key.contains(column)) {
        return None;
    }
    Some(Relationship {
        target: model.relations.get(&far.to)?,
        link: Link::Junction {
            relation: RelationRef { schema: table.schema.clone(), name: table.name.clone() },
            outer: pairs(&near.to_columns, &near.columns),
            inner: pairs(&far.columns, &far.to_columns),
        },
        cardinality: Cardinality::ManyToMany,
        kind: Kind::Junction { table, near, far },
    })
}

fn pairs(one: &[String], other: &[String]) -> Vec<(String, String)> {
    one.iter().cloned().zip(other.iter().cloned()).collect()
}

impl Relationship<'_> {
    /// Whether the name and the hint of a request mean this one.
    fn is_meant(&self, origin: &Relation, wanted: &EmbedTarget) -> bool {
        let only = |columns: &[String], name: &str| columns.len() == 1 && columns[0] == name;
        let is_target = self.target.name == wanted.name;
        let to_itself = self.target.schema == origin.schema && self.target.name == origin.name;
        match (&self.kind, &wanted.hint) {
            // By its own column or the constraint; by the table's name a relation does not lead back to itself.
            (Kind::Own(key), None) => {
                // By those a table is meant, not a view that shows it.
                let is_table = self.target.kind == RelationKind::Table;
                let by_name = is_target || (is_table && key.name == wanted.name);
                (by_name && !to_itself) || (is_table && only(&key.columns, &wanted.name))
            }
            (Kind::Theirs(key), None) => {
                let is_table = self.target.kind == RelationKind::Table;
                let by_key = key.name == wanted.name || only(&key.to_columns, &wanted.name);
                is_target || (is_table && by_key && !to_itself)
            }
            (Kind::Junction { .. }, None) => is_target && !to_itself,
            (Kind::Own(key), Some(hint)) => {
                let by_name = is_target && !to_itself;
                by_name && (key.name == *hint || only(&key.columns, hint) || only(&key.to_columns, hint))
            }
            // Both ways of a key have all else in common: its column tells that those who refer are meant.
            (Kind::Theirs(key), Some(hint)) if to_itself => is_target && only(&key.columns, hint),
            (Kind::Theirs(key), Some(hint)) => {
                is_target && (key.name == *hint || only(&key.columns, hint) || only(&key.to_columns, hint))
            }
            // To itself it would lead in two directions that no hint tells apart.
            (Kind::Junction { table, .. }, Some(hint)) => is_target && !to_itself && table.name == *hint,
            (Kind::Computed, _) => false,
        }
    }

    /// As errors list it.
    fn listed(&self, origin: &Relation) -> serde_json::Value {
        let on = |relation: &str, columns: &[String]| format!("{relation}({})", columns.join(", "));
        let (from, to) = (&origin.name, &self.target.name);
        let relationship = match &self.kind {
            Kind::Own(key) => {
                format!("{} using {} and {}", key.name, on(from, &key.columns), on(to, &key.to_columns))
            }
            Kind::Theirs(key) => {
                format!("{} using {} and {}", key.name, on(from, &key.to_columns), on(to, &key.columns))
            }
            Kind::Junction { table, near, far } => format!(
                "{} using {} and {}",
                table.name,
                on(&near.name, &near.columns),
                on(&far.name, &far.columns)
            ),
            Kind::Computed => String::new(),
        };
        json!({
            "cardinality": self.cardinality.name(),
            "embedding": format!("{from} with {to}"),
            "relationship": relationship,
        })
    }

    fn hint(&self) -> &str {
        match &self.kind {
            Kind::Own(key) | Kind::Theirs(key) => &key.name,
            Kind::Junction { table, .. } => &table.name,
            Kind::Computed => "",
        }
    }
}

/// The error for a relationship that there is not.
fn not_found(schema: &str, from: &str, target: &EmbedTarget) -> RestError {
    let to = &target.name;
    let message = format!("Could not find a relationship between '{from}' and '{to}' in the schema cache");
    let using = target.hint.as_ref().map(|hint| format!(" using the hint '{hint}'")).unwrap_or_default();
    let details = format!(
        "Searched for a foreign key relationship between '{from}' and '{to}'{using} in the schema '{schema}', but no matches were found."
    );
    RestError::new(StatusCode::BAD_REQUEST, "PGRST200", message).details(details)
}

fn none(model: &Model, origin: &Relation, target: &EmbedTarget) -> RestError {
    let reachable = all(model, origin);
    if reachable.is_empty() {
        return no_origin(model, &origin.schema, &origin.name, target);
    }
    let error = not_found(&origin.schema, &origin.name, target);
    let to = &target.name;
    let near = reachable.iter().map(|one| one.target.name.as_str());
    match nearest::nearest(to, near, nearest::NEAR_SCORE_MIN) {
        // The relation was right, and only the hint was not.
        Some((score, _)) if score >= 1.0 => error,
        Some((_, meant)) => error.hint(format!("Perhaps you meant '{meant}' instead of '{to}'.")),
        None => error,
    }
}

/// The error for something embedded in what has no relationships at all: a relation, or a function whose rows
/// are of none. Probably another one was meant, one that has some.
pub(super) fn no_origin(model: &Model, schema: &str, origin: &str, target: &EmbedTarget) -> RestError {
    let error = not_found(schema, origin, target);
    let ends = model.keys.iter().flat_map(|key| [&key.from, &key.to]);
    let known = ends.filter(|(of, _)| of == schema).map(|(_, name)| name.as_str());
    match nearest::nearest(origin, known, nearest::NEAR_SCORE_MIN) {
        Some((_, meant)) => error.hint(format!("Perhaps you meant '{meant}' instead of '{origin}'.")),
        None => error,
    }
}

fn several(origin: &Relation, target: &EmbedTarget, found: &[Relationship<'_>]) -> RestError {
    let (from, to) = (&origin.name, &target.name);
    let message =
        format!("Could not embed because more than one relationship was found for '{from}' and '{to}'");
    let details: Vec<serde_json::Value> = found.iter().map(|one| one.listed(origin)).collect();
    let choices: Vec<String> = found.iter().map(|one| format!("'{to}!{}'", one.hint())).collect();
    let hint = format!(
        "Try changing '{to}' to one of the following: {}. Find the desired relationship in the 'details' key.",
        choices.join(", ")
    );
    RestError::new(StatusCode::MULTIPLE_CHOICES, "PGRST201", message).details(details).hint(hint)
}
