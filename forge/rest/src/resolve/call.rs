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
        // What is no object has no names in it: nothing but a nameless argument takes it.
        if function.arguments.is_empty() && self.is_raw() {
            return false;
        }
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

    /// Whether the body is one that cannot name arguments.
    fn is_raw(&self) -> bool {
        self.body.is_some_and(|body| matches!(body.kind, BodyKind::Text | BodyKind::Xml | BodyKind::Binary))
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

/// The only function that can be called with these names, else the only one that takes the whole body.
fn choose<'f>(functions: &'f [Function], asked: &Asked<'_>) -> Result<&'f Function, Wrong<'f>> {
    let mut fit: Vec<&Function> = functions.iter().filter(|function| asked.fits(function)).collect();
    if fit.is_empty() {
        fit = functions.iter().filter(|function| asked.is_body_of(function)).collect();
    }
    match fit.as_slice() {
        [] => Err(Wrong::None),
        [only] => Ok(only),
        _ => Err(Wrong::Several(fit)),
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
    let place = Place { relation: relation.as_ref(), name: place.name, columns: &columns, depth: 0 };
    resolver.tree(place, Source::Call, request)
}

fn own<'f>(function: &'f Function, columns: &'f [Column]) -> Place<'f> {
    Place { relation: None, name: &function.name, columns, depth: 0 }
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

/// The error for a function that there is not, as a call without arguments has it.
pub(super) fn unknown(model: &Model, schema: &str, name: &str) -> RestError {
    none(model, schema, name, &Asked { names: Vec::new(), text: None, body: None })
}

fn none(model: &Model, schema: &str, name: &str, asked: &Asked<'_>) -> RestError {
    let names = asked.names.join(", ");
    let called = match asked.names.as_slice() {
        _ if asked.is_raw() => String::new(),
        [] => " without parameters".to_owned(),
        _ => format!("({names})"),
    };
    let message = format!("Could not find the function {schema}.{name}{called} in the schema cache");
    let with = match asked.names.as_slice() {
        [] => " without parameters".to_owned(),
        [one] => format!(" with parameter {one}"),
        _ => format!(" with parameters {names}"),
    };
    let searched = match asked.body.map(|body| body.kind) {
        Some(BodyKind::Json) => format!("{with} or with a single unnamed json/jsonb parameter"),
        Some(BodyKind::Text) => " with a single unnamed text parameter".to_owned(),
        Some(BodyKind::Xml) => " with a single unnamed xml parameter".to_owned(),
        Some(BodyKind::Binary) => " with a single unnamed bytea parameter".to_owned(),
        Some(BodyKind::Form | BodyKind::Csv) | None => with,
    };
    let details = format!(
        "Searched for the function {schema}.{name}{searched}, but no matches were found in the schema cache."
    );
    let error = RestError::new(StatusCode::NOT_FOUND, "PGRST202", message).details(details);
    match meant(model, schema, name, asked) {
        Some(meant) if !asked.is_raw() => {
            error.hint(format!("Perhaps you meant to call the function {schema}.{meant}"))
        }
        Some(_) | None => error,
    }
}

/// The function of that name whose arguments are the nearest, else the name that is the nearest.
fn meant(model: &Model, schema: &str, name: &str, asked: &Asked<'_>) -> Option<String> {
    let Some(same) = model.functions.get(&(schema.to_owned(), name.to_owned())) else {
        let known = model.functions.keys().filter(|(of, _)| of == schema).map(|(_, name)| name.as_str());
        return Some(nearest::nearest(name, known, nearest::NAME_SCORE_MIN)?.1.to_owned());
    };
    let listed = |mut names: Vec<&str>| {
        names.sort_unstable();
        format!("({})", names.join(", "))
    };
    let all: Vec<String> = same
        .iter()
        .map(|function| listed(function.arguments.iter().map(|argument| argument.name.as_str()).collect()))
        .collect();
    let asked = listed(asked.names.clone());
    let near = nearest::nearest(&asked, all.iter().map(String::as_str), nearest::NEAR_SCORE_MIN)?.1;
    Some(format!("{name}{near}"))
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
