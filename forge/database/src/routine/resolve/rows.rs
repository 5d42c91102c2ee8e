//! New rows: the columns that are given, and defaults for the others.

use sqlparser::ast;
use sqlparser::tokenizer::Span;

use super::cast::{assign, literal};
use super::from::columns_of_table;
use super::write::{is_default, known_column, rename_columns};
use super::{Resolver, Result, public};
use crate::policy::sqlite::Param;
use crate::routine::error::{RoutineError, SYNTAX};
use crate::routine::tree::{Body, Expr, ExprKind, From, Query, Select};
use crate::routine::types::Ty;
use crate::schema::{Column, ColumnDefault, Command, Table, Type};
use sqlparser::ast::Spanned;

impl<'s> Resolver<'s> {
    /// The columns that an insert names; all, when it names none.
    pub(super) fn listed(
        &mut self,
        table: &'s Table,
        columns: &[ast::ObjectName],
    ) -> Result<Vec<&'s Column>> {
        if columns.is_empty() {
            return Ok(table.columns.iter().collect());
        }
        let mut listed: Vec<&Column> = Vec::with_capacity(columns.len());
        for column in columns {
            let (name, span) = public(column)?;
            let found = known_column(table, &name, span)?;
            if listed.iter().any(|other| other.name == name) {
                return Err(RoutineError::at(
                    "42701",
                    span,
                    format!("column \"{name}\" specified more than once"),
                ));
            }
            self.uses.columns.insert((Command::Insert, table.name.clone(), name));
            listed.push(found);
        }
        Ok(listed)
    }

    /// `values (...), (...)`, each completed to a whole row.
    pub(super) fn new_rows(
        &mut self,
        table: &Table,
        columns: &[&Column],
        values: &ast::Values,
    ) -> Result<Query> {
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let cells = &row.content;
            if cells.len() > columns.len() {
                return Err(RoutineError::new(SYNTAX, "INSERT has more expressions than target columns"));
            }
            let mut given = Vec::with_capacity(cells.len());
            for (cell, column) in cells.iter().zip(columns) {
                if is_default(cell) {
                    continue;
                }
                let value = self.expr(cell)?;
                given.push((column.name.clone(), self.fitted(value, column, cell.span())?));
            }
            rows.push(self.completed(table, &given)?);
        }
        Ok(Query::values(rows))
    }

    /// `select ...`, its rows completed to whole ones.
    pub(super) fn selected_rows(
        &mut self,
        table: &Table,
        columns: &[&Column],
        source: &ast::Query,
    ) -> Result<Query> {
        let span = source.span();
        let mut query = self.subquery(source)?;
        if query.columns.len() > columns.len() {
            return Err(RoutineError::at(SYNTAX, span, "INSERT has more expressions than target columns"));
        }
        for (at, column) in columns.iter().take(query.columns.len()).enumerate() {
            let ty = Ty::Known(column.ty.clone());
            self.retarget(&mut query.body, at, &ty, span)?;
            // A literal of no type of its own has the column's now.
            if let Body::Select(select) = &query.body
                && let Some((_, value)) = select.items.get(at)
                && value.ty == ty
            {
                query.columns[at].ty = ty;
            }
        }
        let names: Vec<String> = (0..query.columns.len()).map(|at| format!("c{at}")).collect();
        rename_columns(&mut query, &names);
        let number = self.number();
        let mut given = Vec::with_capacity(names.len());
        for ((column, name), output) in columns.iter().zip(&names).zip(query.columns.clone()) {
            let value = Expr::new(ExprKind::Column { source: number, name: name.clone() }, output.ty);
            given.push((column.name.clone(), self.fitted(value, column, span)?));
        }
        let values = self.completed(table, &given)?;
        let items = table.columns.iter().map(|column| column.name.clone()).zip(values).collect();
        let from = From::Query { source: number, query: Box::new(query) };
        Ok(Query::of(Select::plain(items, Some(from), None), columns_of_table(table)))
    }

    pub(super) fn fitted(&self, value: Expr, column: &Column, span: Span) -> Result<Expr> {
        super::aggregate::refuse_aggregates(&value, "VALUES", span)?;
        let what = format!("column \"{}\"", column.name);
        assign(self.schema, value, &Ty::Known(column.ty.clone()), &what, span)
    }

    /// Every column of a new row, defaults filled in.
    pub(super) fn completed(&mut self, table: &Table, given: &[(String, Expr)]) -> Result<Vec<Expr>> {
        let mut row = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            row.push(match given.iter().find(|(name, _)| *name == column.name) {
                Some((_, value)) => value.clone(),
                None => self.default_value(column)?,
            });
        }
        self.charge(row.len())?;
        Ok(row)
    }

    pub(super) fn default_value(&mut self, column: &Column) -> Result<Expr> {
        let ty = Ty::Known(column.ty.clone());
        match &column.default {
            Some(ColumnDefault::Literal(text)) => literal(self.schema, text, &ty, Span::empty()),
            Some(ColumnDefault::Now) => {
                let name = match column.ty {
                    Type::Date => "%today",
                    Type::Time => "%time",
                    _ => "%now",
                };
                self.apply(name, Vec::new(), Span::empty())
            }
            Some(ColumnDefault::RandomUuid) => self.apply("gen_random_uuid", Vec::new(), Span::empty()),
            Some(ColumnDefault::CurrentUser) => Ok(Expr::new(ExprKind::Who(Param::Uid), ty)),
            Some(ColumnDefault::Identity) | None => Ok(Expr::new(ExprKind::Null, ty)),
        }
    }
}
