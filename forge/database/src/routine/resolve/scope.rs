//! What names mean where.

use sqlparser::ast::Ident;
use sqlparser::tokenizer::Span;

use super::{Resolver, Result, fold};
use crate::ddl::closest;
use crate::routine::error::{AMBIGUOUS, RoutineError, UNKNOWN_COLUMN, UNKNOWN_TABLE};
use crate::routine::tree::{Expr, ExprKind, Output};
use crate::routine::types::Ty;
use crate::schema::Command;

/// The sources of one `select`.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) sources: Vec<Visible>,
}

/// A source of rows and the name it goes by.
#[derive(Debug, Clone)]
pub(super) struct Visible {
    pub(super) alias: String,
    pub(super) number: u32,
    pub(super) columns: Vec<Output>,
    /// The names that the columns have in the source itself.
    pub(super) stored: Vec<String>,
    /// Whether it is a list of single values, so that its name means the value.
    pub(super) single: bool,
    /// Columns that `using` has merged into those of a source before.
    pub(super) merged: Vec<String>,
    /// The table that it is, whose columns are counted as read.
    pub(super) table: Option<String>,
}

/// A `with` query that is known by name.
#[derive(Debug, Clone)]
pub(super) struct CteScope {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) columns: Vec<Output>,
}

impl Visible {
    fn column(&self, name: &str) -> Option<&Output> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn expr(&self, column: &Output) -> Expr {
        let at = self.columns.iter().position(|other| other.name == column.name);
        let name = at.and_then(|at| self.stored.get(at)).unwrap_or(&column.name).clone();
        Expr::new(ExprKind::Column { source: self.number, name }, column.ty.clone())
    }
}

impl Resolver<'_> {
    /// What a name by itself means.
    pub(super) fn name(&mut self, ident: &Ident) -> Result<Expr> {
        let name = fold(ident);
        for at in (0..self.scopes.len()).rev() {
            let sources = &self.scopes[at].sources;
            let mut found = sources
                .iter()
                .filter(|source| !source.merged.contains(&name))
                .filter_map(|source| Some((source, source.column(&name)?)));
            let Some((source, column)) = found.next() else { continue };
            if found.next().is_some() {
                let message = format!("column reference \"{name}\" is ambiguous");
                return Err(RoutineError::at(AMBIGUOUS, ident.span, message).hint("put its table before it"));
            }
            let (expr, table) = (source.expr(column), source.table.clone());
            self.read(table, &name);
            return Ok(expr);
        }
        if let Some(value) = self.argument(&name) {
            return self.reuse(&value);
        }
        if let Some(row) = self.row(&name)? {
            return Ok(row);
        }
        let known: Vec<String> = self.scopes.last().into_iter().flat_map(names).collect();
        let error = RoutineError::at(UNKNOWN_COLUMN, ident.span, format!("column \"{name}\" does not exist"));
        Err(match closest(&name, &known) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// What `table.column` means.
    pub(super) fn qualified(&mut self, idents: &[Ident]) -> Result<Expr> {
        let (owner, column) = match idents {
            [owner, column] => (owner, column),
            [schema, owner, column] if fold(schema) == "public" => (owner, column),
            [first, ..] => {
                let message = "the name has too many parts";
                return Err(RoutineError::at(UNKNOWN_TABLE, first.span, message).hint("write `table.column`"));
            }
            [] => return Err(RoutineError::new(UNKNOWN_COLUMN, "there is no name")),
        };
        let (owner_name, name) = (fold(owner), fold(column));
        let missing = || {
            let message = format!("column {owner_name}.{name} does not exist");
            RoutineError::at(UNKNOWN_COLUMN, owner.span, message)
        };
        let found = self.scopes.iter().rev().flat_map(|scope| &scope.sources).find(|s| s.alias == owner_name);
        if let Some(source) = found {
            let column = source.column(&name).ok_or_else(|| {
                let known: Vec<String> = source.columns.iter().map(|column| column.name.clone()).collect();
                match closest(&name, &known) {
                    Some(near) => missing().hint(format!("did you mean `{near}`?")),
                    None => missing(),
                }
            })?;
            let (expr, table) = (source.expr(column), source.table.clone());
            self.read(table, &name);
            return Ok(expr);
        }
        if self.function.as_deref() == Some(owner_name.as_str())
            && let Some(value) = self.argument(&name)
        {
            return self.reuse(&value);
        }
        if let Some(value) = self.argument(&owner_name) {
            return self.member(&value, &name, owner.span);
        }
        let message = format!("missing FROM-clause entry for table \"{owner_name}\"");
        Err(RoutineError::at(UNKNOWN_TABLE, owner.span, message))
    }

    /// A column of a row.
    pub(super) fn member(&mut self, row: &Expr, name: &str, span: Span) -> Result<Expr> {
        if let ExprKind::Row(columns) = &row.kind
            && let Some((_, value)) = columns.iter().find(|(column, _)| column == name)
        {
            if let ExprKind::Column { source: 0, name } = &value.kind {
                self.read(self.row_table.clone(), name);
            }
            return self.reuse(value);
        }
        let message = match row.ty {
            Ty::Row => format!("column \"{name}\" not found in the row"),
            _ => format!("column notation .{name} applied to type {}, which is not a row", row.ty.name()),
        };
        Err(RoutineError::at(UNKNOWN_COLUMN, span, message))
    }

    /// The whole row of the source of that name.
    pub(super) fn row(&mut self, alias: &str) -> Result<Option<Expr>> {
        let found = self.scopes.iter().rev().flat_map(|scope| &scope.sources).find(|s| s.alias == alias);
        let Some(source) = found else { return Ok(None) };
        let source = source.clone();
        self.charge(source.columns.len())?;
        if let ([only], true) = (source.columns.as_slice(), source.single) {
            return Ok(Some(source.expr(only)));
        }
        let mut row = Vec::with_capacity(source.columns.len());
        for column in &source.columns {
            self.read(source.table.clone(), &column.name);
            row.push((column.name.clone(), source.expr(column)));
        }
        Ok(Some(Expr::new(ExprKind::Row(row), Ty::Row)))
    }

    /// `*` or `alias.*`: the columns of the sources here, with what each shows.
    pub(super) fn all(&mut self, alias: Option<(&str, Span)>) -> Result<Vec<(Output, Expr)>> {
        let sources = self.scopes.last().map(|scope| scope.sources.clone()).unwrap_or_default();
        let mut out = Vec::new();
        for source in sources.iter().filter(|s| alias.is_none_or(|(alias, _)| s.alias == alias)) {
            for column in &source.columns {
                if alias.is_none() && source.merged.contains(&column.name) {
                    continue;
                }
                self.read(source.table.clone(), &column.name);
                out.push((column.clone(), source.expr(column)));
            }
        }
        self.charge(out.len())?;
        match alias {
            Some((alias, span)) if out.is_empty() => {
                let message = format!("missing FROM-clause entry for table \"{alias}\"");
                Err(RoutineError::at(UNKNOWN_TABLE, span, message))
            }
            None if sources.is_empty() => {
                Err(RoutineError::new("42601", "SELECT * with no tables specified is not valid"))
            }
            _ => Ok(out),
        }
    }

    /// The column of a source that an expression shows unchanged.
    pub(super) fn shown_column(&self, expr: &Expr) -> Option<&Output> {
        let ExprKind::Column { source, name } = &expr.kind else { return None };
        let sources = self.scopes.iter().rev().flat_map(|scope| &scope.sources);
        let mut here = sources.filter(|visible| visible.number == *source);
        here.find_map(|visible| {
            let at = visible.stored.iter().position(|stored| stored == name)?;
            visible.columns.get(at)
        })
    }

    /// A copy of what an argument stands for.
    pub(super) fn reuse(&mut self, value: &Expr) -> Result<Expr> {
        self.charge(value.size())?;
        Ok(value.clone())
    }

    fn argument(&self, name: &str) -> Option<Expr> {
        self.arguments
            .iter()
            .find(|bound| bound.name == name && !name.is_empty())
            .map(|bound| bound.value.clone())
    }

    /// `$1` and so on.
    pub(super) fn numbered(&mut self, placeholder: &str, span: Span) -> Result<Expr> {
        let number = placeholder.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        let value = number.and_then(|number| self.arguments.get(number.checked_sub(1)?)).cloned();
        match value {
            Some(bound) => self.reuse(&bound.value),
            None => Err(RoutineError::at("42P02", span, format!("there is no parameter {placeholder}"))),
        }
    }

    pub(super) fn read(&mut self, table: Option<String>, column: &str) {
        if let Some(table) = table {
            self.uses.columns.insert((Command::Select, table, column.to_owned()));
        }
    }
}

fn names(scope: &Scope) -> Vec<String> {
    scope.sources.iter().flat_map(|source| &source.columns).map(|column| column.name.clone()).collect()
}
