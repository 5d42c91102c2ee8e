//! Views and functions.
//!
//! ```yaml
//! - add_view: {name: published, query: "select * from posts where state = 'published'"}
//! - add_function: {name: add, arguments: [a int, {name: b, type: int, default: 1}], returns: int, body: "select a + b", volatility: immutable}
//! - add_function: {sql: "create function add(a int, b int) returns int language sql as $$ select a + b $$"}
//! ```

use super::{
    error::{Place, SpecError},
    node::{self, Kind, Node},
    read::{Context, Fields, check_name, list, name, scalar},
};
use crate::{
    change::Change,
    routine::{RoutineError, create},
    schema::{Argument, Function, Schema, View, Volatility},
};

/// A view or function whose types wait for the tables and enums that the text makes.
pub(super) enum Routine {
    /// One text for everything.
    Sql {
        at: Place,
        text: String,
        view: bool,
    },
    Function(FunctionDraft),
    Drop {
        name: String,
        arguments: Option<Vec<Typed>>,
    },
}

/// A function, its types as text.
pub(super) struct FunctionDraft {
    name: String,
    arguments: Vec<ArgumentDraft>,
    returns: Typed,
    body: String,
    volatility: Volatility,
}

/// The text of a type and where it stands.
pub(super) struct Typed {
    at: Place,
    text: String,
}

struct ArgumentDraft {
    name: String,
    ty: Typed,
    default: Option<String>,
    variadic: bool,
}

/// The view, if its parts are given one by one.
pub(super) fn view(body: &Node) -> Result<Result<View, Routine>, SpecError> {
    let fields = Fields::of(body, "add_view", &["name", "query", "sql"])?;
    if let Some(sql) = sql(&fields, true)? {
        return Ok(Err(sql));
    }
    Ok(Ok(View { name: fields.name("name")?, query: fields.text("query")? }))
}

pub(super) fn function(context: &Context<'_>, body: &Node) -> Result<Routine, SpecError> {
    let known = ["name", "arguments", "returns", "body", "volatility", "sql"];
    let fields = Fields::of(body, "add_function", &known)?;
    if let Some(sql) = sql(&fields, false)? {
        return Ok(sql);
    }
    let arguments = match fields.get("arguments") {
        None => Vec::new(),
        Some(node) => {
            let items = node::mend(context.text, list(node, "`arguments`")?);
            items.iter().map(argument).collect::<Result<_, _>>()?
        }
    };
    let returns = match fields.get("returns") {
        Some(node) => typed(node)?,
        None => Typed { at: fields.at, text: "void".to_owned() },
    };
    Ok(Routine::Function(FunctionDraft {
        name: fields.name("name")?,
        arguments,
        returns,
        body: fields.text("body")?,
        volatility: volatility(&fields)?,
    }))
}

pub(super) fn drop_function(context: &Context<'_>, body: &Node) -> Result<Routine, SpecError> {
    if let Kind::Scalar { .. } = &body.kind {
        return Ok(Routine::Drop { name: name(body)?, arguments: None });
    }
    let fields = Fields::of(body, "drop_function", &["name", "arguments"])?;
    let arguments = match fields.get("arguments") {
        None => None,
        Some(node) => {
            let items = node::mend(context.text, list(node, "`arguments`")?);
            Some(items.iter().map(typed).collect::<Result<_, _>>()?)
        }
    };
    Ok(Routine::Drop { name: fields.name("name")?, arguments })
}

/// Looks up the types in the schema as it is by then.
pub(super) fn settle(schema: &Schema, routine: Routine) -> Result<Change, SpecError> {
    match routine {
        Routine::Sql { at, text, view } => {
            match (create::create(&text, schema).map_err(|error| refused(at, &error))?, view) {
                (create::Created::View(view), true) => Ok(Change::AddView(view)),
                (create::Created::Function(function), false) => Ok(Change::AddFunction(function)),
                (_, true) => Err(SpecError::new(at, "the text creates no view", "`create view ...`")),
                (_, false) => {
                    Err(SpecError::new(at, "the text creates no function", "`create function ...`"))
                }
            }
        }
        Routine::Function(draft) => {
            let argument = |draft: ArgumentDraft| {
                let ty = create::argument_type(&draft.ty.text, schema)
                    .map_err(|error| refused(draft.ty.at, &error))?;
                Ok(Argument { name: draft.name, ty, default: draft.default, variadic: draft.variadic })
            };
            let arguments = draft.arguments.into_iter().map(argument).collect::<Result<_, SpecError>>()?;
            let returns = create::returns(&draft.returns.text, schema)
                .map_err(|error| refused(draft.returns.at, &error))?;
            Ok(Change::AddFunction(Function {
                name: draft.name,
                arguments,
                returns,
                body: draft.body,
                volatility: draft.volatility,
            }))
        }
        Routine::Drop { name, arguments } => {
            let ty = |typed: Typed| {
                create::argument_type(&typed.text, schema).map_err(|error| refused(typed.at, &error))
            };
            let arguments =
                arguments.map(|list| list.into_iter().map(ty).collect::<Result<_, _>>()).transpose()?;
            Ok(Change::DropFunction { name, arguments })
        }
    }
}

fn sql(fields: &Fields<'_>, view: bool) -> Result<Option<Routine>, SpecError> {
    let Some(node) = fields.get("sql") else { return Ok(None) };
    if fields.get("name").is_some() || fields.get("query").is_some() || fields.get("body").is_some() {
        return Err(SpecError::new(node.at, "`sql` says all of it", "`sql` alone, or the parts"));
    }
    Ok(Some(Routine::Sql { at: node.at, text: scalar(node)?.to_owned(), view }))
}

/// `a int`, `a int default 1`, or a mapping.
fn argument(node: &Node) -> Result<ArgumentDraft, SpecError> {
    if let Kind::Map(_) = &node.kind {
        let fields = Fields::of(node, "an argument", &["name", "type", "default", "variadic"])?;
        let own = if fields.get("name").is_some() { fields.name("name")? } else { String::new() };
        let default = fields.get("default").map(|node| scalar(node).map(str::to_owned)).transpose()?;
        let variadic = fields.flag("variadic")?.unwrap_or(false);
        return Ok(ArgumentDraft { name: own, ty: typed(fields.need("type")?)?, default, variadic });
    }
    let text = scalar(node)?.trim();
    let (own, rest) = text.split_once(char::is_whitespace).ok_or_else(|| {
        SpecError::new(node.at, format!("`{text}` is no argument"), "a name and a type, such as `a int`")
    })?;
    check_name(own, node.at)?;
    let (ty, default) = match rest.split_once(" default ") {
        Some((ty, default)) => (ty, Some(default.trim().to_owned())),
        None => (rest, None),
    };
    let ty = Typed { at: node.at, text: ty.trim().to_owned() };
    Ok(ArgumentDraft { name: own.to_owned(), ty, default, variadic: false })
}

fn typed(node: &Node) -> Result<Typed, SpecError> {
    Ok(Typed { at: node.at, text: scalar(node)?.to_owned() })
}

fn volatility(fields: &Fields<'_>) -> Result<Volatility, SpecError> {
    let Some(node) = fields.get("volatility") else { return Ok(Volatility::Volatile) };
    match scalar(node)? {
        "immutable" => Ok(Volatility::Immutable),
        "stable" => Ok(Volatility::Stable),
        "volatile" => Ok(Volatility::Volatile),
        other => {
            let problem = format!("`{other}` is no volatility");
            Err(SpecError::new(node.at, problem, "immutable, stable or volatile"))
        }
    }
}

fn refused(at: Place, error: &RoutineError) -> SpecError {
    let refused = SpecError::new(at, error.to_string(), "SQL in the grammar of Postgres");
    match &error.hint {
        Some(hint) => refused.hint(hint.clone()),
        None => refused,
    }
}
