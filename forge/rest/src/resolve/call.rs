//! Which function a call means, and what it is given.

use std::sync::Arc;

use http::StatusCode;

use super::nearest;
use super::node::{Place, Resolver};
use crate::error::RestError;
use crate::model::{Argument, Column, Function, Model, Returns};
use crate::payload::{Body, BodyKind, CallBody};
use crate::plan::{Arguments, Call, Node, Source};
use crate::rest::Settings;
use crate::wire::{CallMethod, Request};

pub(super) fn call(
    model: &Model,
    request: &Request,
    settings: &Settings,
    name: &str,
    method: CallMethod,
) -> Result<Call, RestError> {
    let asked = Asked::of(request, method);
    let functions = model.functions.get(&(request.schema.clone(), name.to_owned()));
    let function = choose(functions.map_or(&[][..], Vec::as_slice), &asked)
        .map_err(|wrong| wrong.error(model, &request.schema, name, &asked))?;
    let arguments = asked.given(function);
    let root = root(model, request, settings, function)?;
    Ok(Call {
        function: Arc::new(function.clone()),
        arguments,
        read_only: method != CallMethod::Post,
        root,
        count: request.preferences.count,
        head: method == CallMethod::Head,
    })
}

/// What a request gives to a function.
struct Asked<'r> {
    /// The names of its arguments.
    names: Vec<&'r str>,
    /// The text of each, where they come from the query string.
    text: Option<&'r [(String, String)]>,
    body: Option<&'r CallBody>,
}

enum Wrong<'f> {
    None,
    Several(Vec<&'f Function>),
}

impl<'r> Asked<'r> {
    fn of(request: &'r Request, method: CallMethod) -> Asked<'r> {
        let body = match &request.body {
            Body::Call(body) if method == CallMethod::Post => Some(body),
            Body::Call(_) | Body::Rows(_) | Body::Nothing => None,
        };
        let mut names: Vec<&str> = match (body, &request.query.columns) {
            (Some(_), Some(columns)) => columns.iter().map(String::as_str).collect(),
            (Some(body), None) => body.named.keys().map(String::as_str).collect(),
            (None, _) => request.query.arguments.iter().map(|(name, _)| name.as_str()).collect(),
        };
        names.sort_unstable();
        names.dedup();
        let text = body.is_none().then_some(request.query.arguments.as_slice());
        Asked { names, text, body }
    }

    /// Whether the function can be called with these names.
    fn fits(&self, function: &Function) -> bool {
        let known = |name: &&str| function.arguments.iter().any(|argument| argument.name == **name);
        let given = |argument: &Argument| self.names.contains(&argument.name.as_str());
        self.names.iter().all(known)
            && function.arguments.iter().all(|argument| !argument.required || given(argument))
    }

    /// Whether the whole body is what the function's single nameless argument takes.
    fn is_body_of(&self, function: &Function) -> bool {
        let Some(body) = self.body else { return false };
        let [only] = function.arguments.as_slice() else { return false };
        only.name.is_empty()
            && match body.kind {
                BodyKind::Json => matches!(only.ty.name.as_str(), "json" | "jsonb"),
                BodyKind::Text => only.ty.name == "text",
                BodyKind::Xml => only.ty.name == "xml",
                BodyKind::Binary => only.ty.name == "bytea",
                BodyKind::Form | BodyKind::Csv => false,
            }
    }

    fn given(&self, function: &Function) -> Arguments {
        if let Some(body) = self.body {
            if self.is_body_of(function) && !self.fits(function) {
                return Arguments::Body(body.bytes.clone());
            }
            if body.kind == BodyKind::Form {
                return Arguments::Text(gathered(function, &body.fields));
            }
            let named = body.named.iter().filter(|(name, _)| self.names.contains(&name.as_str()));
            return Arguments::Json(named.map(|(name, value)| (name.clone(), value.clone())).collect());
        }
        Arguments::Text(gathered(function, self.text.unwrap_or_default()))
    }
}

/// The texts of each argument: all that there are of a variadic one, the last of others.
fn gathered(function: &Function, pairs: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let of = |argument: &Argument| {
        let own = pairs.iter().filter(|(name, _)| *name == argument.name).map(|(_, text)| text.clone());
        let mut texts: Vec<String> = own.collect();
        if !argument.variadic && texts.len() > 1 {
            texts.drain(..texts.len() - 1);
        }
        (!texts.is_empty()).then(|| (argument.name.clone(), texts))
    };
    function.arguments.iter().filter_map(of).collect()
}

fn choose<'f>(functions: &'f [Function], asked: &Asked<'_>) -> Result<&'f Function, Wrong<'f>> {
    let fit: Vec<&Function> = functions.iter().filter(|function| asked.fits(function)).collect();
    match fit.as_slice() {
        [only] => return Ok(only),
        [] => {}
        several => {
            // The one that needs no defaults is meant.
            let exact: Vec<&&Function> =
                several.iter().filter(|function| function.arguments.len() == asked.names.len()).collect();
            return match exact.as_slice() {
                [only] => Ok(only),
                _ => Err(Wrong::Several(fit)),
            };
        }
    }
    match functions.iter().find(|function| asked.is_body_of(function)) {
        Some(function) => Ok(function),
        None => Err(Wrong::None),
    }
}

/// What of the result comes back.
fn root(
    model: &Model,
    request: &Request,
    settings: &Settings,
    function: &Function,
) -> Result<Node, RestError> {
    let resolver = Resolver::new(model, settings);
    let (place, many): (Place<'_>, bool) = match &function.returns {
        Returns::Row(schema, name) | Returns::Rows(schema, name) => {
            let relation = super::relation_called(model, schema, name)?;
            (Place::of(relation), matches!(function.returns, Returns::Rows(..)))
        }
        Returns::Table(columns) => (own(function, columns), true),
        Returns::Record(columns) => (own(function, columns), false),
        Returns::Void | Returns::Value(_) | Returns::Values(_) => {
            let mut node = bare();
            resolver.ranged(&mut node, request);
            return Ok(node);
        }
    };
    // The columns of a function live with its plan, those of a relation with the model.
    let mut node = resolver_tree(model, settings, place, request)?;
    if many {
        resolver.ranged(&mut node, request);
    }
    Ok(node)
}

fn resolver_tree(
    model: &Model,
    settings: &Settings,
    place: Place<'_>,
    request: &Request,
) -> Result<Node, RestError> {
    let columns = place.columns.to_vec();
    let relation = place.relation.cloned();
    let mut resolver = Resolver::new(model, settings);
    let place = Place { relation: relation.as_ref(), name: place.name, columns: &columns };
    resolver.tree(place, Source::Call, request)
}

fn own<'f>(function: &'f Function, columns: &'f [Column]) -> Place<'f> {
    Place { relation: None, name: &function.name, columns }
}

fn bare() -> Node {
    Node {
        id: 0,
        source: Source::Call,
        outputs: Vec::new(),
        embeds: Vec::new(),
        filter: None,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

impl Wrong<'_> {
    fn error(&self, model: &Model, schema: &str, name: &str, asked: &Asked<'_>) -> RestError {
        match self {
            Wrong::None => none(model, schema, name, asked),
            Wrong::Several(functions) => several(schema, functions),
        }
    }
}

fn none(model: &Model, schema: &str, name: &str, asked: &Asked<'_>) -> RestError {
    let called = if asked.names.is_empty() {
        format!("{schema}.{name} without parameters")
    } else {
        format!("{schema}.{name}({})", asked.names.join(", "))
    };
    let message = format!("Could not find the function {called} in the schema cache");
    let with = match asked.names.as_slice() {
        [] => " without parameters".to_owned(),
        [one] => format!(" with parameter {one}"),
        several => format!(" with parameters {}", several.join(", ")),
    };
    let single = match asked.body.map(|body| body.kind) {
        Some(BodyKind::Json) => " or with a single unnamed json/jsonb parameter",
        Some(BodyKind::Text) => " or with a single unnamed text parameter",
        Some(BodyKind::Xml) => " or with a single unnamed xml parameter",
        Some(BodyKind::Binary) => " or with a single unnamed bytea parameter",
        Some(BodyKind::Form | BodyKind::Csv) | None => "",
    };
    let details = format!(
        "Searched for the function {schema}.{name}{with}{single}, but no matches were found in the schema cache."
    );
    let error = RestError::new(StatusCode::NOT_FOUND, "PGRST202", message).details(details);
    match meant(model, schema, name) {
        Some(function) => {
            let names: Vec<&str> = function.arguments.iter().map(|argument| argument.name.as_str()).collect();
            let with = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
            error.hint(format!("Perhaps you meant to call the function {schema}.{}{with}", function.name))
        }
        None => error,
    }
}

/// The function of that name, or of the nearest one.
fn meant<'m>(model: &'m Model, schema: &str, name: &str) -> Option<&'m Function> {
    let in_schema = || model.functions.iter().filter(|((of, _), _)| of == schema);
    let near = nearest::nearest(name, in_schema().map(|((_, name), _)| name.as_str()))?;
    in_schema().find(|((_, name), _)| name == near)?.1.first()
}

fn several(schema: &str, functions: &[&Function]) -> RestError {
    let signature = |function: &&Function| {
        let arguments =
            function.arguments.iter().map(|argument| format!("{} => {}", argument.name, argument.ty.name));
        format!("{schema}.{}({})", function.name, arguments.collect::<Vec<_>>().join(", "))
    };
    let list: Vec<String> = functions.iter().map(signature).collect();
    let message = format!("Could not choose the best candidate function between: {}", list.join(", "));
    RestError::new(StatusCode::MULTIPLE_CHOICES, "PGRST203", message)
        .hint("Try renaming the parameters or the function itself in the database so function overloading can be resolved")
}
