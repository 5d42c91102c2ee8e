//! The parser's trees to ours: names are looked up in the schema, types are known, and whatever is not
//! supported is refused by name and place.

mod aggregate;
mod call;
mod cast;
mod conflict;
mod expr;
mod from;
mod inline;
mod operator;
mod order;
mod query;
mod rows;
mod scope;
mod write;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Spanned};
use sqlparser::tokenizer::Span;

use super::error::{LIMIT, RoutineError, SYNTAX, UNKNOWN_TABLE};
use super::tree::{Expr, Query, Statement, Uses};
use super::types::Ty;
use crate::schema::Schema;
use scope::{CteScope, Scope};

use cast::coerce;
pub(super) use query::distinct_names;
pub(super) use write::read_only;

/// How many levels a tree may have, those of inlined functions and views included.
pub const HEIGHT_MAX: usize = 64;
/// The most expressions and sources of a routine, those of what it inlines included.
pub const NODES_MAX: usize = 8_000;
/// How many views and functions may be inlined within one another.
pub const INLINE_MAX: usize = 8;

type Result<T> = std::result::Result<T, RoutineError>;

/// A value that a name or number of an argument stands for.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) value: Expr,
}

/// Looks up names for one routine and everything it inlines.
pub(super) struct Resolver<'s> {
    pub(super) schema: &'s Schema,
    pub(super) uses: Uses,
    /// The last number given to a source, query or stage.
    numbers: u32,
    nodes: usize,
    height: usize,
    scopes: Vec<Scope>,
    ctes: Vec<CteScope>,
    arguments: Vec<Bound>,
    /// The function whose arguments these are.
    function: Option<String>,
    /// What is being inlined.
    open: Vec<String>,
    /// Where the text of the routine itself reads people.
    pub(super) people: Vec<Span>,
    /// The table of the row that a function is computed from.
    pub(super) row_table: Option<String>,
}

impl<'s> Resolver<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Resolver {
            schema,
            uses: Uses::default(),
            numbers: 0,
            nodes: 0,
            height: 0,
            scopes: Vec::new(),
            ctes: Vec::new(),
            arguments: Vec::new(),
            function: None,
            open: Vec::new(),
            people: Vec::new(),
            row_table: None,
        }
    }

    /// The statements of a function's body, in which these arguments are known.
    pub(super) fn body(
        &mut self,
        function: &str,
        text: &str,
        arguments: Vec<Bound>,
    ) -> Result<Vec<Statement>> {
        let parsed = super::parse::statements(text)?;
        let outer = self.enter(function, arguments)?;
        let statements = parsed.iter().map(|statement| self.statement(statement)).collect();
        self.leave(outer);
        statements
    }

    /// The query of a view.
    pub(super) fn view(&mut self, name: &str) -> Result<Query> {
        let schema = self.schema;
        let Some(view) = schema.views.get(name) else {
            return Err(RoutineError::new(UNKNOWN_TABLE, format!("relation \"{name}\" does not exist")));
        };
        self.uses.views.insert(name.to_owned());
        self.query_text(name, &view.query)
    }

    /// The query of a view that has this text.
    pub(super) fn query_text(&mut self, name: &str, text: &str) -> Result<Query> {
        let mut statements = self.body(name, text, Vec::new())?;
        match (statements.pop(), statements.is_empty()) {
            (Some(Statement::Query(query)), true) => Ok(*query),
            _ => Err(RoutineError::new(SYNTAX, "a view is one query").hint("write one `select`")),
        }
    }

    /// Hides everything around, as a body sees nothing of who calls it.
    fn enter(&mut self, name: &str, arguments: Vec<Bound>) -> Result<Around> {
        if self.open.len() >= INLINE_MAX || self.open.iter().any(|open| open == name) {
            let chain = self.open.join("` -> `");
            let message =
                format!("views and functions are used within one another too deep: `{chain}` -> `{name}`");
            return Err(RoutineError::new(LIMIT, message));
        }
        self.open.push(name.to_owned());
        Ok(Around {
            scopes: std::mem::take(&mut self.scopes),
            ctes: std::mem::take(&mut self.ctes),
            arguments: std::mem::replace(&mut self.arguments, arguments),
            function: self.function.replace(name.to_owned()),
        })
    }

    fn leave(&mut self, around: Around) {
        self.open.pop();
        self.scopes = around.scopes;
        self.ctes = around.ctes;
        self.arguments = around.arguments;
        self.function = around.function;
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// Counts what is made.
    fn charge(&mut self, count: usize) -> Result<()> {
        self.nodes += count;
        if self.nodes > NODES_MAX {
            let message = format!("the statement has more than {NODES_MAX} parts, with what it inlines");
            return Err(RoutineError::new(LIMIT, message).hint("split it"));
        }
        Ok(())
    }

    /// Goes one level down.
    fn deeper<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.charge(1)?;
        if self.height >= HEIGHT_MAX {
            let message = format!("the statement is nested more than {HEIGHT_MAX} deep");
            return Err(RoutineError::new(LIMIT, message).hint("split it"));
        }
        self.height += 1;
        let done = act(self);
        self.height -= 1;
        done
    }
}

/// What was seen before a body was entered.
struct Around {
    scopes: Vec<Scope>,
    ctes: Vec<CteScope>,
    arguments: Vec<Bound>,
    function: Option<String>,
}

/// A name as Postgres folds it.
pub(super) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// A name of one part, or of two with its schema first.
pub(super) fn parts(name: &ObjectName) -> Result<(Option<String>, String, Span)> {
    let refuse =
        || RoutineError::at(SYNTAX, name.span(), format!("`{name}` is no name of a table or function"));
    let one = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Ok(fold(ident)),
        ObjectNamePart::Function(_) => Err(refuse()),
    };
    match name.0.as_slice() {
        [only] => Ok((None, one(only)?, name.span())),
        [schema, last] => Ok((Some(one(schema)?), one(last)?, name.span())),
        _ => Err(refuse()),
    }
}

/// The name of a table, view or function of the schema `public`.
pub(super) fn public(name: &ObjectName) -> Result<(String, Span)> {
    match parts(name)? {
        (None, name, span) => Ok((name, span)),
        (Some(schema), name, span) if schema == "public" => Ok((name, span)),
        (Some(schema), name, span) => {
            Err(RoutineError::at(UNKNOWN_TABLE, span, format!("relation \"{schema}.{name}\" does not exist"))
                .hint("views and functions reach the schema public"))
        }
    }
}

/// The type's name for messages.
fn shown(ty: &Ty) -> String {
    ty.name()
}
