//! Queries.

use super::{Result, Writer};
use crate::ddl::sqlite::quote_name as quote;
use crate::routine::tree::{Body, By, Cte, Expr, ExprKind, From, Order, Output, Query, Select, SetOp};

impl Writer<'_> {
    /// A query, without parentheses.
    pub(in crate::routine) fn query(&mut self, query: &Query) -> Result<()> {
        self.bounded()?;
        for (at, cte) in query.with.iter().enumerate() {
            self.push(if at == 0 { "with recursive " } else { ", " });
            self.cte(cte)?;
        }
        if !query.with.is_empty() {
            self.push(" ");
        }
        self.body(&query.body, &query.columns)?;
        self.order(&query.order)?;
        self.limits(query)
    }

    fn cte(&mut self, cte: &Cte) -> Result<()> {
        let columns: Vec<String> = cte.columns.iter().map(|column| quote(column)).collect();
        self.write(format_args!("\"_c{}\"({}) as (", cte.number, columns.join(", ")));
        self.query(&cte.query)?;
        self.push(")");
        Ok(())
    }

    /// What is not there is no limit here: Postgres takes null for that.
    fn limits(&mut self, query: &Query) -> Result<()> {
        if query.limit.is_none() && query.offset.is_none() {
            return Ok(());
        }
        self.push(" limit ");
        match &query.limit {
            None => self.push("-1"),
            Some(limit) => self.count(limit, "-1")?,
        }
        if let Some(offset) = &query.offset {
            self.push(" offset ");
            self.count(offset, "0")?;
        }
        Ok(())
    }

    fn count(&mut self, count: &Expr, otherwise: &str) -> Result<()> {
        self.push("coalesce(");
        self.expr(count)?;
        self.write(format_args!(", {otherwise})"));
        Ok(())
    }

    fn body(&mut self, body: &Body, columns: &[Output]) -> Result<()> {
        match body {
            Body::Select(select) => self.select(select),
            Body::Values(rows) => self.values(rows, columns),
            Body::Nested(query) => self.nested(query),
            Body::Set { op, left, right } => {
                self.arm(left, columns, true)?;
                self.push(match op {
                    SetOp::Union => " union ",
                    SetOp::UnionAll => " union all ",
                    SetOp::Intersect => " intersect ",
                    SetOp::Except => " except ",
                });
                self.arm(right, columns, false)
            }
        }
    }

    /// One side: SQLite reads the parts of a compound from the left and takes no parentheses.
    fn arm(&mut self, body: &Body, columns: &[Output], left: bool) -> Result<()> {
        match body {
            Body::Set { .. } if !left => {
                self.push("select * from (");
                self.body(body, columns)?;
                self.push(")");
                Ok(())
            }
            _ => self.body(body, columns),
        }
    }

    fn nested(&mut self, query: &Query) -> Result<()> {
        self.push("select * from (");
        self.query(query)?;
        self.push(")");
        Ok(())
    }

    fn values(&mut self, rows: &[Vec<Expr>], columns: &[Output]) -> Result<()> {
        let width = rows.first().map_or(0, Vec::len);
        self.push("select ");
        for at in 0..width {
            let name =
                columns.get(at).map_or_else(|| format!("column{}", at + 1), |column| column.name.clone());
            let comma = if at == 0 { "" } else { ", " };
            self.write(format_args!("{comma}column{} as {}", at + 1, quote(&name)));
        }
        self.push(" from (values ");
        for (at, row) in rows.iter().enumerate() {
            self.push(if at == 0 { "(" } else { ", (" });
            self.list(row)?;
            self.push(")");
        }
        self.push(")");
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<()> {
        if let Some(from) = &select.from {
            self.note_lists(from);
        }
        self.push(if select.distinct { "select distinct " } else { "select " });
        for (at, (name, value)) in select.items.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.expr(value)?;
            self.write(format_args!(" as {}", quote(name)));
        }
        if select.items.is_empty() {
            self.push("1");
        }
        if let Some(from) = &select.from {
            self.push(" from ");
            self.from(from)?;
        }
        if let Some(filter) = &select.filter {
            self.push(" where ");
            self.expr(filter)?;
        }
        for (at, by) in select.group.iter().enumerate() {
            self.push(if at == 0 { " group by " } else { ", " });
            self.plain(by)?;
        }
        if let Some(having) = &select.having {
            // SQLite wants a group, or an aggregate in the list, before it takes a condition on it.
            self.push(if select.group.is_empty() { " group by (0 + 0) having " } else { " having " });
            self.expr(having)?;
        }
        Ok(())
    }

    fn note_lists(&mut self, from: &From) {
        match from {
            From::Each { source, what, .. } => {
                self.lists.insert(*source, *what);
            }
            From::Join { left, right, .. } => {
                self.note_lists(left);
                self.note_lists(right);
            }
            From::Table { .. }
            | From::Person { .. }
            | From::Staged { .. }
            | From::Query { .. }
            | From::Cte { .. }
            | From::Series { .. } => {}
        }
    }

    /// An expression to sort or group by; a number by itself would mean a column.
    fn plain(&mut self, expr: &Expr) -> Result<()> {
        let constant = matches!(expr.kind, ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Bool(_));
        self.push(if constant { "(0 + " } else { "" });
        self.expr(expr)?;
        self.push(if constant { ")" } else { "" });
        Ok(())
    }

    /// ` order by ...`, with nulls where Postgres puts them.
    pub(super) fn order(&mut self, order: &[Order]) -> Result<()> {
        for (at, one) in order.iter().enumerate() {
            self.push(if at == 0 { " order by " } else { ", " });
            match &one.by {
                By::Column(column) => self.write(format_args!("{column}")),
                By::Expr(expr) => self.plain(expr)?,
            }
            self.push(if one.descending { " desc" } else { " asc" });
            self.push(if one.nulls_first { " nulls first" } else { " nulls last" });
        }
        Ok(())
    }
}
