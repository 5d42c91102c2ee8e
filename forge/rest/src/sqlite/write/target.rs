//! The table that is written, and statements on it.

use std::collections::BTreeSet;

use forge_core::Role;
use forge_database::ddl::sqlite::quote_name as quote;
use forge_database::policy::Side;
use forge_database::policy::sqlite::{ROW_ALIAS, predicate};
use forge_database::schema::{Command, Table, Type};
use rusqlite::types::Value as Sql;

use crate::error::RestError;
use crate::plan::{Cond, RelationRef, TargetColumn, Terms};
use crate::sqlite::carry::Place;
use crate::sqlite::errors::{self, Refusal};
use crate::sqlite::identity;
use crate::sqlite::pool::is_internal;
use crate::sqlite::reads::Statement as Compiled;

/// A table in the hands of who writes to it.
pub(super) struct Target<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) terms: &'a Terms,
    pub(super) relation: &'a RelationRef,
    pub(super) table: &'a Table,
    /// Whether policies bind who asks.
    pub(super) bound: bool,
}

impl<'a> Target<'a> {
    /// The table called so, if rows can be written to it with `command`.
    pub(super) fn of(
        place: &'a Place<'a>,
        terms: &'a Terms,
        relation: &'a RelationRef,
        command: Command,
    ) -> Result<Target<'a>, RestError> {
        let schema = &place.scene.schema;
        let name = &relation.name;
        if schema.views.contains_key(name) {
            return Err(view(place, name, command));
        }
        let table = schema.table(name).filter(|table| !is_internal(&table.name)).ok_or_else(|| {
            place.refused("42P01", format!("relation \"{}.{name}\" does not exist", relation.schema))
        })?;
        let bound = place.who.role != Role::Service;
        Ok(Target { place, terms, relation, table, bound })
    }

    /// Refuses columns that are closed to the role for `command`.
    pub(super) fn granted(&self, command: Command, columns: &[TargetColumn]) -> Result<(), RestError> {
        if !self.bound {
            return Ok(());
        }
        let Some(open) = open_columns(self.table, &self.place.who.role, command) else { return Ok(()) };
        if open.is_empty() || columns.iter().any(|column| !open.contains(column.name.as_str())) {
            return Err(errors::denied(&self.table.name, self.place.anonymous));
        }
        Ok(())
    }

    /// The condition that the policies put on the row called [`ROW_ALIAS`].
    pub(super) fn policy(&self, command: Command, side: Side) -> Result<String, RestError> {
        let (schema, role) = (&self.place.scene.schema, &self.place.who.role);
        let kind = format!("{command:?} {side:?}");
        let compiled = self.place.scene.memo.text(&kind, role, &self.table.name, || {
            predicate(schema, &self.table.name, command, side, role).map(|predicate| predicate.sql)
        });
        compiled.map(|sql| sql.to_string()).map_err(|error| identity::unusable(self.place, &error))
    }

    /// The rows that pass all of `policies` and the filter.
    pub(super) fn reached(&self, policies: &[String], filter: Option<&Cond>) -> Result<Vec<i64>, RestError> {
        let policies = policies.iter().map(|policy| format!("({policy})")).collect::<Vec<_>>().join(" and ");
        let mut condition = match filter {
            Some(filter) => self.condition(filter)?,
            None => Compiled::default(),
        };
        if filter.is_some() {
            condition.sql = format!("({}) and ", condition.sql);
        }
        let sql = format!(
            "select {} from {} as {ROW_ALIAS} where {}{policies}",
            self.row_id(),
            quote(&self.table.name),
            condition.sql
        );
        let failed = |error| self.place.failed(&error);
        let mut statement = self.place.conn.prepare_cached(&sql).map_err(failed)?;
        identity::bind(self.place, &mut statement, &condition).map_err(failed)?;
        let mut rows = statement.raw_query();
        let mut ids = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            ids.push(row.get(0).map_err(failed)?);
        }
        Ok(ids)
    }

    /// A condition on the row called [`ROW_ALIAS`].
    pub(super) fn condition(&self, filter: &Cond) -> Result<Compiled, RestError> {
        self.place.reads.condition(&self.place.site(self.terms), self.relation, filter, ROW_ALIAS)
    }

    /// The stored value of a JSON value for a column of type `ty`.
    pub(super) fn stored(&self, ty: &Type, json: &str) -> Result<Sql, RestError> {
        self.place.reads.from_json(&self.place.site(self.terms), ty, json)
    }

    /// Whether a statement gives a row. Its values are the parameters `:v0`, `:v1` and so on.
    pub(super) fn exists(&self, sql: &str, values: &[Sql]) -> Result<bool, RestError> {
        Ok(self.first(sql, values)?.is_some())
    }

    /// The first row of a statement.
    pub(super) fn first(&self, sql: &str, values: &[Sql]) -> Result<Option<Vec<Sql>>, RestError> {
        self.try_first(sql, values).map_err(|error| self.place.failed(&error))
    }

    fn try_first(&self, sql: &str, values: &[Sql]) -> rusqlite::Result<Option<Vec<Sql>>> {
        let mut statement = self.place.conn.prepare_cached(sql)?;
        self.bind(&mut statement, values)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        (0..width).map(|at| row.get(at)).collect::<Result<_, _>>().map(Some)
    }

    /// Runs a statement that writes and gives the rows that it wrote, if it returns their numbers.
    pub(super) fn write(&self, sql: &str, values: &[Sql]) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.place.conn.prepare_cached(sql)?;
        self.bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        let mut written = Vec::new();
        while let Some(row) = rows.next()? {
            written.push(row.get(0)?);
        }
        Ok(written)
    }

    fn bind(&self, statement: &mut rusqlite::Statement<'_>, values: &[Sql]) -> rusqlite::Result<()> {
        for (at, value) in values.iter().enumerate() {
            // A value that this statement does not use is not bound.
            if let Some(index) = statement.parameter_index(&format!(":v{at}"))? {
                statement.raw_bind_parameter(index, value)?;
            }
        }
        identity::bind_who(self.place.who, statement)
    }

    /// What errors may say.
    pub(super) fn refusal(&self) -> Refusal<'a> {
        let bound = self.bound && self.table.rls.is_some();
        Refusal { table: self.table, bound, anonymous: self.place.anonymous }
    }

    /// The name of the number that SQLite gives each row, which a column may hide.
    pub(super) fn row_id(&self) -> &'static str {
        let hidden =
            |name: &&str| self.table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| !hidden(name)).unwrap_or("rowid")
    }
}

/// The numbers of rows as one parameter.
pub(super) fn id_list(ids: &[i64]) -> Sql {
    Sql::Text(serde_json::Value::from(ids).to_string())
}

/// The columns that a command of the role reaches; `None` for all.
fn open_columns<'t>(table: &'t Table, role: &Role, command: Command) -> Option<BTreeSet<&'t str>> {
    let speaks = |name: &str| {
        name == role.as_str() || (matches!(role, Role::Custom(_)) && name == Role::Authenticated.as_str())
    };
    let mut grants =
        table.grants.iter().filter(|grant| grant.command == command && speaks(&grant.role)).peekable();
    grants.peek()?;
    Some(grants.flat_map(|grant| &grant.columns).map(String::as_str).collect())
}

/// A view, through which nothing is written here.
fn view(place: &Place<'_>, name: &str, command: Command) -> RestError {
    let (message, doing, event) = match command {
        Command::Insert | Command::Select => {
            (format!("cannot insert into view \"{name}\""), "inserting into", "INSERT")
        }
        Command::Update => (format!("cannot update view \"{name}\""), "updating", "UPDATE"),
        Command::Delete => (format!("cannot delete from view \"{name}\""), "deleting from", "DELETE"),
    };
    let hint = format!(
        "To enable {doing} the view, provide an INSTEAD OF {event} trigger or an unconditional ON {event} DO INSTEAD rule."
    );
    RestError::from_sqlstate("55000", &message, None, Some(&hint), place.anonymous)
}
