//! `on conflict`.

use sqlparser::ast::{self, ConflictTarget, OnConflictAction};
use sqlparser::tokenizer::Span;

use super::scope::{Scope, Visible};
use super::write::{changed_rows, known_column, visible};
use super::{Resolver, Result, fold, public};
use crate::routine::error::{RoutineError, SYNTAX};
use crate::routine::tree::{Access, Binary, Conflict, Expr, ExprKind, From, Join, Stages, Upsert};
use crate::routine::types::{self, Ty};
use crate::schema::{Command, Table, unique_name};

impl<'s> Resolver<'s> {
    pub(super) fn conflict(
        &mut self,
        table: &'s Table,
        alias: &str,
        on: &ast::OnConflict,
        stages: Stages,
        span: Span,
    ) -> Result<Conflict> {
        let columns = match &on.conflict_target {
            None => Vec::new(),
            Some(ConflictTarget::Columns(columns)) => columns.iter().map(fold).collect(),
            Some(ConflictTarget::OnConstraint(name)) => {
                let (name, span) = public(name)?;
                constraint(table, &name).ok_or_else(|| {
                    let message =
                        format!("constraint \"{name}\" for table \"{}\" does not exist", table.name);
                    RoutineError::at("42704", span, message)
                })?
            }
        };
        for column in &columns {
            known_column(table, column, span)?;
        }
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        if !columns.is_empty() && !table.is_unique(&names) {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            return Err(RoutineError::at("42P10", span, message));
        }
        let OnConflictAction::DoUpdate(update) = &on.action else {
            return Ok(Conflict { columns, update: None });
        };
        if columns.is_empty() {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            return Err(RoutineError::at(SYNTAX, span, message));
        }
        self.uses.tables.insert((Command::Update, table.name.clone()));
        let (source, new) = (self.number(), self.number());
        let sources =
            vec![visible(table, alias, source), Visible { table: None, ..visible(table, "excluded", new) }];
        self.scopes.push(Scope { sources });
        let parts = self.update_parts(table, &update.assignments, update.selection.as_ref());
        self.scopes.pop();
        let (sets, filter) = parts?;
        let changed = sets.iter().map(|(name, _)| name.clone()).collect();
        let mut on: Option<Expr> = None;
        for column in &columns {
            let ty = table.column(column).map_or(types::TEXT, |column| Ty::Known(column.ty.clone()));
            let side =
                |source| Box::new(Expr::new(ExprKind::Column { source, name: column.clone() }, ty.clone()));
            let equal = Expr::new(ExprKind::Binary(Binary::Equal, side(source), side(new)), types::BOOL);
            on = Some(match on {
                None => equal,
                Some(all) => {
                    Expr::new(ExprKind::Binary(Binary::And, Box::new(all), Box::new(equal)), types::BOOL)
                }
            });
            self.uses.columns.insert((Command::Select, table.name.clone(), column.clone()));
        }
        let from = From::Join {
            kind: Join::Inner,
            left: Box::new(From::Staged { source: new, stage: stages.new, table: table.name.clone() }),
            right: Box::new(From::Table { source, table: table.name.clone(), access: Access::Bare }),
            on,
        };
        let rows = changed_rows(table, source, sets, from, filter);
        Ok(Conflict { columns, update: Some(Upsert { source, rows, changed }) })
    }
}

fn constraint(table: &Table, name: &str) -> Option<Vec<String>> {
    if name == format!("{}_pkey", table.name) {
        return Some(table.primary_key.clone());
    }
    table.uniques.iter().find(|group| unique_name(&table.name, group) == name).cloned()
}
