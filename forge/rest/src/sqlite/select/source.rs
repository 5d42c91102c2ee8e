//! Where rows come from, and which of them the one who asks may see.

use forge_core::Role;
use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::sqlite::predicate_as;
use forge_database::policy::{Flaw, Side};
use forge_database::routine;
use forge_database::schema::{Command, Table, Type};
use rusqlite::types::Value as Sql;

use super::Writer;
use super::value::{Expr, Kind};
use crate::error::RestError;
use crate::plan::{Node, RelationRef, Source};
use crate::sqlite::reads::Rows;

/// A relation in a statement, under an alias of its own.
pub(super) struct From<'s> {
    /// The name of its row.
    pub(super) alias: String,
    /// What stands after `from`.
    pub(super) sql: String,
    /// What must hold for a row to be seen, besides what the request says.
    pub(super) conditions: Vec<String>,
    /// The order of the rows where none is asked for.
    pub(super) order: Option<&'static str>,
    pub(super) table: Option<&'s Table>,
}

impl<'s> From<'s> {
    /// The row that another statement calls `alias`, whose policies are that statement's.
    pub(super) fn of_row(
        writer: &Writer<'s>,
        relation: &RelationRef,
        alias: &str,
    ) -> Result<From<'s>, RestError> {
        let table = writer.site.schema.table(&relation.name);
        if table.is_none() && !writer.site.schema.views.contains_key(&relation.name) {
            return Err(writer.no_relation(relation));
        }
        let (alias, sql) = (alias.to_owned(), String::new());
        Ok(From { alias, sql, conditions: Vec::new(), order: None, table })
    }

    /// The part of a statement from `from` on, with further conditions.
    pub(super) fn part(&self, conditions: &[String]) -> String {
        let all: Vec<&str> = self.conditions.iter().chain(conditions).map(String::as_str).collect();
        let filter = if all.is_empty() { String::new() } else { format!(" where {}", all.join(" and ")) };
        format!(" from {}{filter}", self.sql)
    }
}

impl<'a> Writer<'a> {
    /// The rows of the outermost node.
    pub(super) fn root(&mut self, node: &Node, rows: Rows<'_>) -> Result<From<'a>, RestError> {
        match (rows, &node.source) {
            (Rows::Call { sql, .. }, _) => {
                let alias = self.alias();
                let sql = format!("({sql}) as {}", quote(&alias));
                Ok(From { alias, sql, conditions: Vec::new(), order: None, table: None })
            }
            (Rows::Written(ids), Source::Relation(relation) | Source::Written(relation)) => {
                let mut from = self.relation(relation)?;
                let list = self.bind(Sql::Text(serde_json::Value::from(ids).to_string()));
                from.sql = format!("json_each({list}) as \"_w\" cross join {}", from.sql);
                let id = from.table.map_or("rowid", row_id);
                from.conditions.insert(0, format!("{}.{id} = \"_w\".value", quote(&from.alias)));
                from.order = Some("\"_w\".key");
                Ok(from)
            }
            (_, Source::Relation(relation) | Source::Written(relation)) => self.relation(relation),
            (_, Source::Call) => Err(self.refuse("XX000", "the result of a function is not there")),
        }
    }

    /// A table with its policies, or a view.
    pub(super) fn relation(&mut self, relation: &RelationRef) -> Result<From<'a>, RestError> {
        let alias = self.alias();
        if let Some(table) = self.site.schema.table(&relation.name) {
            if self.open(table).is_some_and(|columns| columns.is_empty()) {
                return Err(self.denied(&table.name));
            }
            let policy = self.policy(&table.name, &alias)?;
            let conditions = if policy == "1" { Vec::new() } else { vec![format!("({policy})")] };
            let sql = format!("{} as {}", quote(&table.name), quote(&alias));
            return Ok(From { alias, sql, conditions, order: None, table: Some(table) });
        }
        if !self.site.schema.views.contains_key(&relation.name) {
            return Err(self.no_relation(relation));
        }
        let site = self.site;
        let view = site.memo.text("view", &site.who.role, &relation.name, || {
            routine::view(site.schema, &site.who.role, &relation.name).map(|view| view.sql)
        });
        let view = view.map_err(|error| self.of_routine(&error))?;
        let sql = format!("({view}) as {}", quote(&alias));
        Ok(From { alias, sql, conditions: Vec::new(), order: None, table: None })
    }

    /// The condition of the policies for reading.
    pub(super) fn policy(&self, table: &str, alias: &str) -> Result<String, RestError> {
        let (schema, role) = (self.site.schema, &self.site.who.role);
        let policy = self.site.memo.text("select", role, &format!("{table}\0{alias}"), || {
            predicate_as(schema, table, Command::Select, Side::Using, role, alias)
                .map(|predicate| predicate.sql)
        });
        policy.map(|policy| policy.to_string()).map_err(|error| {
            let code = if error.flaw == Flaw::Cycle { "42P17" } else { "42P13" };
            self.refuse(code, error.to_string())
        })
    }

    /// A column, if the one who asks may read it.
    pub(super) fn column(&self, from: &From<'_>, name: &str, kind: Kind) -> Result<Expr, RestError> {
        let sql = format!("{}.{}", quote(&from.alias), quote(name));
        let Some(table) = from.table else { return Ok(Expr { sql, kind, nullable: true }) };
        let column = table
            .column(name)
            .ok_or_else(|| self.refuse("42703", format!("column {}.{name} does not exist", table.name)))?;
        if self.open(table).is_some_and(|columns| !columns.contains(&name)) {
            return Err(self.denied(&table.name));
        }
        let nullable = column.nullable && !table.primary_key.iter().any(|key| key == name);
        Ok(Expr { sql, kind: Kind::Of(column.ty.clone()), nullable })
    }

    /// A column by name, whose type follows from its relation.
    pub(super) fn named(&self, from: &From<'_>, name: &str) -> Result<String, RestError> {
        self.column(from, name, Kind::Of(Type::Text)).map(|expr| expr.sql)
    }

    pub(super) fn of_routine(&self, error: &routine::RoutineError) -> RestError {
        let refused = self.refuse(error.code, &error.message);
        match &error.hint {
            Some(hint) => refused.hint(hint.clone()),
            None => refused,
        }
    }

    fn no_relation(&self, relation: &RelationRef) -> RestError {
        self.refuse("42P01", format!("relation \"{}.{}\" does not exist", relation.schema, relation.name))
    }

    fn denied(&self, table: &str) -> RestError {
        self.refuse("42501", format!("permission denied for table {table}"))
    }

    /// The columns that the one who asks may read; `None` for all.
    fn open(&self, table: &'a Table) -> Option<Vec<&'a str>> {
        let role = &self.site.who.role;
        if *role == Role::Service {
            return None;
        }
        let speaks = |name: &str| {
            name == role.as_str() || (matches!(role, Role::Custom(_)) && name == Role::Authenticated.as_str())
        };
        let grants = table.grants.iter();
        let mut grants =
            grants.filter(|grant| grant.command == Command::Select && speaks(&grant.role)).peekable();
        grants.peek()?;
        Some(grants.flat_map(|grant| &grant.columns).map(String::as_str).collect())
    }
}

/// The name of the number of a row, which a column may hide.
fn row_id(table: &Table) -> &'static str {
    let hidden = |name: &&str| table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| !hidden(name)).unwrap_or("rowid")
}
