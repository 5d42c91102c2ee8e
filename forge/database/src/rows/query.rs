//! Reading, and the parts of a statement that reading and writing share.

use std::collections::BTreeSet;

use forge_core::{Identity, Role};
use rusqlite::types::{ToSql, Value as Sql};
use rusqlite::{Connection, Statement};
use serde_json::Value;

use super::error::RowError;
use super::guard::is_internal;
use super::value::{from_sql, to_sql};
use super::{FILTERS_MAX, Filter, Op, ROWS_MAX, Row, Select};
use crate::ddl::sqlite::{quote_name as quote, value_from_text};
use crate::policy::Side;
use crate::policy::sqlite::{self, Param, ROW_ALIAS};
use crate::schema::{Column, Command, Schema, Table, Type};

/// Reads the rows of `table` that `who` may see.
pub fn select(
    conn: &Connection,
    schema: &Schema,
    who: &Identity,
    table: &str,
    what: &Select,
) -> Result<Vec<Row>, RowError> {
    let mut statement = Building::new(schema, who, table)?;
    let columns = statement.columns(&what.columns)?;
    let filter = statement.filter(&what.filter)?;
    let seen = statement.policy(Command::Select, Side::Using)?;
    let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
    let mut sql = format!(
        "select {} from {} as {ROW_ALIAS} where ({seen}){filter}",
        names.join(", "),
        quote(&statement.table.name)
    );
    for (at, order) in what.order.iter().enumerate() {
        let column = statement.column(&order.column)?;
        sql.push_str(if at == 0 { " order by " } else { ", " });
        // Postgres sorts null as the highest value, SQLite as the lowest.
        sql.push_str(&quote(&column.name));
        sql.push_str(if order.descending { " desc nulls first" } else { " asc nulls last" });
    }
    let limit = what.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let offset = i64::try_from(what.offset).unwrap_or(i64::MAX);
    sql.push_str(&format!(" limit {limit} offset {offset}"));
    statement.rows(conn, "read", &sql, &columns)
}

/// A statement in the making: the table, who asks, and the values bound so far.
pub(super) struct Building<'s> {
    pub(super) schema: &'s Schema,
    pub(super) table: &'s Table,
    who: &'s Identity,
    params: BTreeSet<Param>,
    values: Vec<(String, Sql)>,
}

impl<'s> Building<'s> {
    pub(super) fn new(schema: &'s Schema, who: &'s Identity, table: &str) -> Result<Self, RowError> {
        let known = schema.tables.get(table).filter(|table| !is_internal(&table.name));
        let table = known.ok_or_else(|| RowError::UnknownTable { table: table.to_owned() })?;
        Ok(Building { schema, table, who, params: BTreeSet::new(), values: Vec::new() })
    }

    pub(super) fn column(&self, name: &str) -> Result<&'s Column, RowError> {
        self.table.column(name).ok_or_else(|| RowError::UnknownColumn {
            table: self.table.name.clone(),
            column: name.to_owned(),
        })
    }

    pub(super) fn columns(&self, names: &[String]) -> Result<Vec<&'s Column>, RowError> {
        if names.is_empty() {
            return Ok(self.table.columns.iter().collect());
        }
        names.iter().map(|name| self.column(name)).collect()
    }

    /// The condition that the policies put on the row called [`ROW_ALIAS`].
    pub(super) fn policy(&mut self, command: Command, side: Side) -> Result<String, RowError> {
        let predicate = sqlite::predicate(self.schema, &self.table.name, command, side, &self.who.role)
            .map_err(|source| RowError::Compile { table: self.table.name.clone(), source })?;
        self.params.extend(predicate.params);
        Ok(predicate.sql)
    }

    /// The conditions, each led by `and`.
    pub(super) fn filter(&mut self, filter: &[Filter]) -> Result<String, RowError> {
        if filter.len() > FILTERS_MAX {
            return Err(RowError::Limit { what: "conditions", found: filter.len(), most: FILTERS_MAX });
        }
        let mut sql = String::new();
        for Filter { column, op, value } in filter {
            let column = self.column(column)?;
            let compare = match op {
                Op::Equal => "=",
                Op::NotEqual => "<>",
                Op::Less => "<",
                Op::LessOrEqual => "<=",
                Op::Greater => ">",
                Op::GreaterOrEqual => ">=",
                Op::Is => "is",
                Op::In => "in",
            };
            let operand = match (op, value) {
                (Op::In, Value::Array(items)) => self.list(column, items)?,
                (Op::In, _) => return Err(self.comparison(column)),
                (Op::Is, Value::Null) => "null".to_owned(),
                (Op::Is, Value::Bool(_)) if column.ty == Type::Boolean => self.bind(column, value)?,
                (Op::Is, _) => return Err(self.comparison(column)),
                _ if matches!(column.ty, Type::Jsonb | Type::Vector(_) | Type::Array(_)) => {
                    return Err(self.comparison(column));
                }
                _ => self.bind(column, value)?,
            };
            sql.push_str(&format!(" and {ROW_ALIAS}.{} {compare} {operand}", quote(&column.name)));
        }
        Ok(sql)
    }

    /// Binds a list as one JSON parameter, so that its length does not change the statement.
    fn list(&mut self, column: &Column, items: &[Value]) -> Result<String, RowError> {
        if items.len() > ROWS_MAX {
            return Err(RowError::Limit { what: "values of a list", found: items.len(), most: ROWS_MAX });
        }
        let mut stored = Vec::with_capacity(items.len());
        for item in items {
            stored.push(match to_sql(self.schema, column, item)? {
                Sql::Null => Value::Null,
                Sql::Integer(value) => Value::from(value),
                Sql::Real(value) => Value::from(value),
                Sql::Text(value) => Value::from(value),
                Sql::Blob(_) => return Err(self.comparison(column)),
            });
        }
        let name = self.bind_sql(Sql::Text(Value::from(stored).to_string()));
        Ok(format!("(select value from json_each({name}))"))
    }

    fn comparison(&self, column: &Column) -> RowError {
        RowError::Comparison { column: column.name.clone(), ty: column.ty.to_string() }
    }

    /// Binds a column's value; returns the parameter's name.
    pub(super) fn bind(&mut self, column: &Column, value: &Value) -> Result<String, RowError> {
        let stored = to_sql(self.schema, column, value)?;
        Ok(self.bind_sql(stored))
    }

    pub(super) fn bind_sql(&mut self, value: Sql) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.push((name.clone(), value));
        name
    }

    /// Forgets the values of the row before, so that the next one's take their names.
    pub(super) fn forget_values(&mut self) {
        self.values.clear();
    }

    /// The user's id as columns hold it.
    pub(super) fn uid(&self) -> Sql {
        match &self.who.subject {
            // An id that is no uuid owns rows by text columns only.
            Some(subject) => value_from_text(&Type::Uuid, &self.schema.enums, subject)
                .unwrap_or_else(|_| Sql::Text(subject.clone())),
            None => Sql::Null,
        }
    }

    fn param(&self, param: Param) -> Sql {
        match param {
            Param::Uid => self.uid(),
            Param::Role => Sql::Text(self.who.role.as_str().to_owned()),
            Param::Jwt if self.who.claims.is_null() => Sql::Null,
            Param::Jwt => Sql::Text(self.who.claims.to_string()),
        }
    }

    pub(super) fn is_service(&self) -> bool {
        self.who.role == Role::Service
    }

    pub(super) fn rows(
        &self,
        conn: &Connection,
        what: &'static str,
        sql: &str,
        columns: &[&Column],
    ) -> Result<Vec<Row>, RowError> {
        let failed = |source| RowError::sqlite(what, &self.table.name, source);
        self.run(conn, what, sql, |statement, bound| {
            let mut found = statement.query(bound).map_err(failed)?;
            let mut rows = Vec::new();
            while let Some(row) = found.next().map_err(failed)? {
                if rows.len() == ROWS_MAX {
                    return Err(RowError::Limit { what: "rows", found: ROWS_MAX + 1, most: ROWS_MAX });
                }
                let mut values = Row::new();
                for (at, column) in columns.iter().enumerate() {
                    let stored = row.get_ref(at).map_err(failed)?;
                    values.insert(column.name.clone(), from_sql(&column.ty, stored));
                }
                rows.push(values);
            }
            Ok(rows)
        })
    }

    pub(super) fn count(&self, conn: &Connection, what: &'static str, sql: &str) -> Result<usize, RowError> {
        self.run(conn, what, sql, |statement, bound| {
            statement.execute(bound).map_err(|source| RowError::sqlite(what, &self.table.name, source))
        })
    }

    pub(super) fn exists(&self, conn: &Connection, what: &'static str, sql: &str) -> Result<bool, RowError> {
        self.run(conn, what, sql, |statement, bound| {
            statement.exists(bound).map_err(|source| RowError::sqlite(what, &self.table.name, source))
        })
    }

    fn run<T>(
        &self,
        conn: &Connection,
        what: &'static str,
        sql: &str,
        act: impl FnOnce(&mut Statement<'_>, &[(&str, &dyn ToSql)]) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        let mut statement =
            conn.prepare_cached(sql).map_err(|source| RowError::sqlite(what, &self.table.name, source))?;
        let identity: Vec<(&str, Sql)> =
            self.params.iter().map(|param| (param.name(), self.param(*param))).collect();
        let values = self.values.iter().map(|(name, value)| (name.as_str(), value as &dyn ToSql));
        // A parameter that this statement does not use is not bound.
        let mut bound: Vec<(&str, &dyn ToSql)> = values.collect();
        bound.extend(identity.iter().map(|(name, value)| (*name, value as &dyn ToSql)));
        let mut used = Vec::with_capacity(bound.len());
        for (name, value) in bound {
            let index = statement
                .parameter_index(name)
                .map_err(|source| RowError::sqlite(what, &self.table.name, source))?;
            if index.is_some() {
                used.push((name, value));
            }
        }
        act(&mut statement, &used)
    }
}
