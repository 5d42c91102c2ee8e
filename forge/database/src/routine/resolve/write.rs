//! Statements that change rows.

use sqlparser::ast::{
    self, AssignmentTarget, FromTable, OnInsert, SelectItem, SetExpr, Spanned, TableFactor, TableObject,
    UpdateTableFromKind,
};
use sqlparser::tokenizer::Span;

use super::from::columns_of_table;
use super::scope::{Scope, Visible};
use super::{Resolver, Result, fold, public};
use crate::routine::error::{DEFINITION, RoutineError, SYNTAX, UNKNOWN_COLUMN, UNKNOWN_TABLE};
use crate::routine::tree::{
    Access, Act, Body, Expr, ExprKind, From, Join, Output, Query, ROW_NUMBER, Select, Stages, Write,
};
use crate::routine::types::{self, Ty};
use crate::schema::{Column, Command, Table};

/// The values that a statement gives to columns.
type Sets = Vec<(String, Expr)>;

impl<'s> Resolver<'s> {
    pub(super) fn insert(&mut self, insert: &ast::Insert) -> Result<Write> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(RoutineError::at(SYNTAX, insert.span(), "`insert into` is followed by a table"));
        };
        if insert.or.is_some() || insert.replace_into || insert.overwrite || !insert.assignments.is_empty() {
            return Err(RoutineError::unsupported(insert.span(), "this form of `insert`"));
        }
        let (table, span) = self.target(name, Command::Insert)?;
        let alias =
            insert.table_alias.as_ref().map_or_else(|| table.name.clone(), |alias| fold(&alias.alias));
        let stages = self.stages();
        let columns = self.listed(table, &insert.columns)?;
        let rows = match insert.source.as_deref() {
            None => Query::values(vec![self.completed(table, &[])?]),
            Some(source) => match &*source.body {
                SetExpr::Values(values) if source.with.is_none() && source.limit_clause.is_none() => {
                    self.new_rows(table, &columns, values)?
                }
                _ => self.selected_rows(table, &columns, source)?,
            },
        };
        let reads = insert.returning.is_some();
        let conflict = match &insert.on {
            None => None,
            Some(OnInsert::OnConflict(on)) => Some(Box::new(self.conflict(table, &alias, on, stages, span)?)),
            Some(_) => {
                return Err(RoutineError::unsupported(span, "`on duplicate key`").hint("write `on conflict`"));
            }
        };
        let returning = self.returning(table, &alias, stages, insert.returning.as_deref())?;
        Ok(Write { table: table.name.clone(), act: Act::Insert { rows, conflict }, returning, stages, reads })
    }

    pub(super) fn update(&mut self, update: &ast::Update) -> Result<Write> {
        let TableFactor::Table { name, alias, args: None, .. } = &update.table.relation else {
            return Err(RoutineError::at(SYNTAX, update.span(), "`update` is followed by a table"));
        };
        if !update.table.joins.is_empty()
            || update.or.is_some()
            || update.limit.is_some()
            || !update.order_by.is_empty()
        {
            return Err(RoutineError::unsupported(update.span(), "this form of `update`"));
        }
        let (table, _) = self.target(name, Command::Update)?;
        let alias = alias.as_ref().map_or_else(|| table.name.clone(), |alias| fold(&alias.name));
        let others = match &update.from {
            None => &[][..],
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from,
        };
        let (from, scope, source) = self.reached(table, &alias, others, Command::Update)?;
        self.scopes.push(scope);
        let parts = self.update_parts(table, &update.assignments, update.selection.as_ref());
        self.scopes.pop();
        let (sets, filter) = parts?;
        let stages = self.stages();
        let looks =
            |(_, value): &(String, Expr)| value.any(&|part| matches!(part.kind, ExprKind::Column { .. }));
        let reads =
            filter.is_some() || update.returning.is_some() || !others.is_empty() || sets.iter().any(looks);
        let changed = sets.iter().map(|(name, _)| name.clone()).collect();
        let rows = changed_rows(table, source, sets, with_reads(from, source, reads), filter);
        let returning = self.returning(table, &alias, stages, update.returning.as_deref())?;
        Ok(Write {
            table: table.name.clone(),
            act: Act::Update { rows, source, changed },
            returning,
            stages,
            reads,
        })
    }

    pub(super) fn delete(&mut self, delete: &ast::Delete) -> Result<Write> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let [one] = from.as_slice() else {
            return Err(RoutineError::unsupported(delete.span(), "deleting from several tables"));
        };
        let TableFactor::Table { name, alias, args: None, .. } = &one.relation else {
            return Err(RoutineError::at(SYNTAX, delete.span(), "`delete from` is followed by a table"));
        };
        if !one.joins.is_empty()
            || !delete.tables.is_empty()
            || delete.limit.is_some()
            || !delete.order_by.is_empty()
        {
            return Err(RoutineError::unsupported(delete.span(), "this form of `delete`"));
        }
        let (table, _) = self.target(name, Command::Delete)?;
        let alias = alias.as_ref().map_or_else(|| table.name.clone(), |alias| fold(&alias.name));
        let others = delete.using.as_deref().unwrap_or_default();
        let (from, scope, source) = self.reached(table, &alias, others, Command::Delete)?;
        self.scopes.push(scope);
        let filter = delete.selection.as_ref().map(|filter| self.condition(filter)).transpose();
        self.scopes.pop();
        let filter = filter?;
        let stages = self.stages();
        let reads = filter.is_some() || delete.returning.is_some() || !others.is_empty();
        let number = Expr::new(ExprKind::Column { source, name: ROW_NUMBER.to_owned() }, types::BIGINT);
        let items = vec![(ROW_NUMBER.to_owned(), number)];
        let rows = Query::of(Select::plain(items, Some(with_reads(from, source, reads)), filter), Vec::new());
        let returning = self.returning(table, &alias, stages, delete.returning.as_deref())?;
        Ok(Write { table: table.name.clone(), act: Act::Delete { rows, source }, returning, stages, reads })
    }

    /// The table that a statement changes.
    fn target(&mut self, name: &ast::ObjectName, command: Command) -> Result<(&'s Table, Span)> {
        let (name, span) = public(name)?;
        let schema = self.schema;
        match schema.table(&name) {
            Some(table) => {
                self.uses.tables.insert((command, name));
                Ok((table, span))
            }
            None if schema.views.contains_key(&name) => {
                Err(RoutineError::unsupported(span, format!("writing to the view \"{name}\""))
                    .hint("write to its table"))
            }
            None => {
                let message = format!("relation \"{name}\" does not exist");
                Err(RoutineError::at(UNKNOWN_TABLE, span, message))
            }
        }
    }

    fn stages(&mut self) -> Stages {
        Stages { new: self.number(), changed: self.number(), returned: self.number() }
    }

    /// The target's rows beside those of other sources.
    fn reached(
        &mut self,
        table: &'s Table,
        alias: &str,
        others: &[ast::TableWithJoins],
        command: Command,
    ) -> Result<(From, Scope, u32)> {
        let source = self.number();
        let (more, mut scope) = self.from(others)?;
        scope.sources.insert(0, visible(table, alias, source));
        let access = Access::Reach { command, reads: true };
        let target = From::Table { source, table: table.name.clone(), access };
        let from = match more {
            None => target,
            Some(more) => {
                From::Join { kind: Join::Cross, left: Box::new(target), right: Box::new(more), on: None }
            }
        };
        Ok((from, scope, source))
    }

    pub(super) fn update_parts(
        &mut self,
        table: &Table,
        assignments: &[ast::Assignment],
        filter: Option<&ast::Expr>,
    ) -> Result<(Sets, Option<Expr>)> {
        let sets = self.sets(table, assignments)?;
        let filter = filter.map(|filter| self.condition(filter)).transpose()?;
        if let Some(filter) = &filter {
            super::aggregate::refuse_aggregates(filter, "WHERE", Span::empty())?;
        }
        Ok((sets, filter))
    }

    fn sets(&mut self, table: &Table, assignments: &[ast::Assignment]) -> Result<Sets> {
        let mut sets: Sets = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let AssignmentTarget::ColumnName(target) = &assignment.target else {
                return Err(RoutineError::unsupported(assignment.span(), "`set (a, b) = ...`")
                    .hint("set each by itself"));
            };
            let (name, span) = public(target)?;
            let column = known_column(table, &name, span)?;
            if sets.iter().any(|(other, _)| *other == name) {
                let message = format!("multiple assignments to same column \"{name}\"");
                return Err(RoutineError::at(SYNTAX, span, message));
            }
            let value = if is_default(&assignment.value) {
                self.default_value(column)?
            } else {
                let value = self.expr(&assignment.value)?;
                self.fitted(value, column, assignment.value.span())?
            };
            self.uses.columns.insert((Command::Update, table.name.clone(), name.clone()));
            sets.push((name, value));
        }
        Ok(sets)
    }

    /// What a statement gives back: a query over the rows that it has set aside.
    fn returning(
        &mut self,
        table: &Table,
        alias: &str,
        stages: Stages,
        items: Option<&[SelectItem]>,
    ) -> Result<Option<Query>> {
        let Some(items) = items else { return Ok(None) };
        let source = self.number();
        self.uses.tables.insert((Command::Select, table.name.clone()));
        self.scopes.push(Scope { sources: vec![visible(table, alias, source)] });
        let resolved = self.items(items);
        self.scopes.pop();
        let (items, mut columns) = resolved?;
        for ((_, value), column) in items.iter().zip(&mut columns) {
            super::aggregate::refuse_aggregates(value, "RETURNING", Span::empty())?;
            if column.ty == Ty::Unknown {
                column.ty = types::TEXT;
            }
        }
        let from = From::Staged { source, stage: stages.returned, table: table.name.clone() };
        Ok(Some(Query::of(Select::plain(items, Some(from), None), columns)))
    }
}

impl Query {
    pub(super) fn values(rows: Vec<Vec<Expr>>) -> Query {
        let width = rows.first().map_or(0, Vec::len);
        let output = |at: usize| Output {
            name: format!("column{}", at + 1),
            ty: rows.first().and_then(|row| row.get(at)).map_or(types::TEXT, |cell| cell.ty.clone()),
            origin: None,
            nullable: true,
        };
        let columns = (0..width).map(output).collect();
        Query {
            with: Vec::new(),
            body: Body::Values(rows),
            order: Vec::new(),
            limit: None,
            offset: None,
            columns,
        }
    }
}

/// The rows as they will be, each with its number first.
pub(super) fn changed_rows(
    table: &Table,
    source: u32,
    sets: Sets,
    from: From,
    filter: Option<Expr>,
) -> Query {
    let own = |name: &str, ty: Ty| Expr::new(ExprKind::Column { source, name: name.to_owned() }, ty);
    let mut items = vec![(ROW_NUMBER.to_owned(), own(ROW_NUMBER, types::BIGINT))];
    let mut sets = sets;
    for column in &table.columns {
        let value = match sets.iter().position(|(name, _)| *name == column.name) {
            Some(at) => sets.swap_remove(at).1,
            None => own(&column.name, Ty::Known(column.ty.clone())),
        };
        items.push((column.name.clone(), value));
    }
    Query::of(Select::plain(items, Some(from), filter), Vec::new())
}

/// Says of the target whether its columns are looked at.
fn with_reads(from: From, target: u32, looks: bool) -> From {
    match from {
        From::Table { source, table, access: Access::Reach { command, .. } } if source == target => {
            From::Table { source, table, access: Access::Reach { command, reads: looks } }
        }
        From::Join { kind, left, right, on } => {
            From::Join { kind, left: Box::new(with_reads(*left, target, looks)), right, on }
        }
        other => other,
    }
}

pub(super) fn visible(table: &Table, alias: &str, number: u32) -> Visible {
    Visible {
        alias: alias.to_owned(),
        number,
        columns: columns_of_table(table),
        stored: table.columns.iter().map(|column| column.name.clone()).collect(),
        single: false,
        merged: Vec::new(),
        table: Some(table.name.clone()),
    }
}

/// Gives other names to what a query gives.
pub(super) fn rename_columns(query: &mut Query, names: &[String]) {
    for (column, name) in query.columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    let mut body = &mut query.body;
    loop {
        match body {
            Body::Select(select) => {
                for ((own, _), name) in select.items.iter_mut().zip(names) {
                    own.clone_from(name);
                }
                return;
            }
            Body::Set { left, .. } => body = left,
            Body::Nested(inner) => return rename_columns(inner, names),
            Body::Values(_) => return,
        }
    }
}

pub(super) fn known_column<'t>(table: &'t Table, name: &str, span: Span) -> Result<&'t Column> {
    table.column(name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        RoutineError::at(UNKNOWN_COLUMN, span, message)
    })
}

pub(super) fn is_default(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// Refuses what a routine that may not write does.
pub(in crate::routine) fn read_only(name: &str, writes: bool) -> Result<()> {
    if writes {
        let message = format!("the function \"{name}\" writes, so it cannot be stable or immutable");
        return Err(RoutineError::new(DEFINITION, message).hint("declare it volatile"));
    }
    Ok(())
}
