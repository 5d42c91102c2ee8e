//! Resolved queries and statements as SQL for SQLite, with the caller's policies in it.
//!
//! Every table is read through a subselect that holds the policies of the caller, so nothing around it
//! (join, aggregate, `or`, recursion) can reach a row that they hide. A statement that writes becomes
//! steps: the new rows are computed and set aside as JSON, judged, and only then written.

mod cast;
mod expr;
mod from;
mod grants;
mod query;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forge_core::Role;

use super::error::{LIMIT, RoutineError};
use super::tree::{Access, Each, Request};
use crate::ddl::sqlite::quote_name;
use crate::policy::sqlite::{self as policies, Param as Who};
use crate::policy::{PolicyError, Side};
use crate::schema::{Command, Schema};

pub(super) use grants::check as check_grants;
pub use write::Step;
pub(super) use write::steps;

/// The most bytes of one statement, policies and inlined functions included.
pub const SQL_BYTES_MAX: usize = 512 * 1024;

/// A named parameter of a compiled statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Param {
    /// Something about who asks.
    Who(Who),
    /// Something about the request; text or null.
    Request(Request),
    /// The value of an argument, in the form in which SQLite stores its type.
    Argument(String),
    /// Rows that steps before have set aside: a JSON list of lists.
    Stage(u32),
}

impl Param {
    /// Its name in the statement.
    pub fn name(&self) -> String {
        match self {
            Param::Who(who) => who.name().to_owned(),
            Param::Request(Request::Method) => ":request_method".to_owned(),
            Param::Request(Request::Path) => ":request_path".to_owned(),
            Param::Request(Request::Headers) => ":request_headers".to_owned(),
            Param::Request(Request::Cookies) => ":request_cookies".to_owned(),
            Param::Argument(name) => format!(":arg_{name}"),
            Param::Stage(number) => format!(":stage_{number}"),
        }
    }
}

/// Writes one statement after another for one caller.
pub(super) struct Writer<'s> {
    schema: &'s Schema,
    role: &'s Role,
    sql: String,
    params: BTreeSet<Param>,
    rules: BTreeMap<(String, Command, Side2), (String, Vec<Who>)>,
    /// What the row that a function is computed from is called around it.
    row_alias: Option<String>,
    /// Sources that take a list apart.
    lists: BTreeMap<u32, Each>,
}

/// [`Side`], which has no order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side2 {
    Using,
    Check,
}

type Result<T> = std::result::Result<T, RoutineError>;

impl<'s> Writer<'s> {
    pub(super) fn new(schema: &'s Schema, role: &'s Role, row_alias: Option<&str>) -> Self {
        Writer {
            schema,
            role,
            sql: String::new(),
            params: BTreeSet::new(),
            rules: BTreeMap::new(),
            row_alias: row_alias.map(str::to_owned),
            lists: BTreeMap::new(),
        }
    }

    /// What has been written, and begins anew.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.sql)
    }

    /// The parameters of everything written.
    pub(super) fn params(&self) -> Vec<Param> {
        self.params.iter().cloned().collect()
    }

    fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.sql.write_fmt(arguments).unwrap_or_default();
    }

    fn param(&mut self, param: Param) {
        self.sql.push_str(&param.name());
        self.params.insert(param);
    }

    fn bounded(&self) -> Result<()> {
        if self.sql.len() > SQL_BYTES_MAX {
            let message =
                format!("the statement comes to more than {SQL_BYTES_MAX} bytes of SQL with its policies");
            return Err(RoutineError::new(LIMIT, message).hint("split it, or use simpler policies"));
        }
        Ok(())
    }

    /// The name of a source in the statement, quoted.
    fn alias(&self, source: u32) -> String {
        match (&self.row_alias, source) {
            (Some(alias), 0) => quote_name(alias),
            _ => format!("\"_q{source}\""),
        }
    }

    /// The condition on the row called `_row` under which the caller may do that.
    fn rule(&mut self, table: &str, command: Command, side: Side) -> Result<String> {
        let key = (table.to_owned(), command, if side == Side::Using { Side2::Using } else { Side2::Check });
        if let Some((sql, params)) = self.rules.get(&key) {
            self.params.extend(params.iter().map(|who| Param::Who(*who)));
            return Ok(sql.clone());
        }
        let rule = policies::predicate(self.schema, table, command, side, self.role).map_err(from_policy)?;
        self.params.extend(rule.params.iter().map(|who| Param::Who(*who)));
        self.rules.insert(key, (rule.sql.clone(), rule.params));
        Ok(rule.sql)
    }

    /// The condition on rows that are to be reached this way; `None` if all are.
    fn reach(&mut self, table: &str, access: Access) -> Result<Option<String>> {
        if *self.role == Role::Service {
            return Ok(None);
        }
        match access {
            Access::Bare => Ok(None),
            Access::Read => self.rule(table, Command::Select, Side::Using).map(Some),
            Access::Reach { command, reads } => {
                let own = self.rule(table, command, Side::Using)?;
                if !reads {
                    return Ok(Some(own));
                }
                let seen = self.rule(table, Command::Select, Side::Using)?;
                Ok(Some(format!("({own}) and ({seen})")))
            }
        }
    }
}

fn from_policy(error: PolicyError) -> RoutineError {
    let error_text = error.to_string();
    let routine = RoutineError::new("42P17", format!("the policies cannot be applied: {error_text}"));
    match error.hint {
        Some(hint) => routine.hint(hint),
        None => routine,
    }
}
