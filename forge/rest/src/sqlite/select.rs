//! Compiles reads into one statement each, with the JSON of the answer made in the database.
//!
//! A statement gives one row: the body (a JSON array as text), the number of rows in it, and the number of
//! rows in all, if they are counted. Values are parameters, so requests of one shape share one text.

mod aggregate;
mod cond;
mod embed;
mod source;
mod value;

use forge_database::schema::Type;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::reads::{Reads, Rows, Site, Statement};
use super::{functions, values};
use crate::error::RestError;
use crate::plan::{Cond, Count, Node, RelationRef};

use source::From;

/// The most bytes of one statement, policies included.
const SQL_BYTES_MAX: usize = 1 << 20;

/// The compiler of reads, conditions and values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compiler;

impl Reads for Compiler {
    fn register(&self, conn: &Connection) -> rusqlite::Result<()> {
        functions::register(conn)
    }

    fn read(
        &self,
        site: &Site<'_>,
        root: &Node,
        count: Option<Count>,
        rows: Rows<'_>,
    ) -> Result<Statement, RestError> {
        read(site, root, count, rows)
    }

    fn condition(
        &self,
        site: &Site<'_>,
        relation: &RelationRef,
        filter: &Cond,
        alias: &str,
    ) -> Result<Statement, RestError> {
        condition(site, relation, filter, alias)
    }

    fn from_json(&self, site: &Site<'_>, ty: &Type, json: &str) -> Result<Sql, RestError> {
        values::from_json(&site.schema.enums, ty, json).map_err(|error| error.refused(site))
    }

    fn from_text(&self, site: &Site<'_>, ty: &Type, text: &str) -> Result<Sql, RestError> {
        values::from_text(&site.schema.enums, ty, text).map_err(|error| error.refused(site))
    }
}

/// Compiles a read of `root`. With a count, all rows that its filter lets through are counted.
pub fn read(
    site: &Site<'_>,
    root: &Node,
    count: Option<Count>,
    rows: Rows<'_>,
) -> Result<Statement, RestError> {
    let mut writer = Writer::new(site);
    let from = writer.root(root, rows)?;
    let page = writer.rows(root, &from)?;
    let total = match count {
        None => "null".to_owned(),
        Some(Count::Exact | Count::Planned | Count::Estimated) => writer.total(root, &from)?,
    };
    let body = format!(
        "select '[' || coalesce(group_concat(\"_b\", ','), '') || ']', count(*), {total} from ({page})"
    );
    let named = match rows {
        Rows::Call { arguments, .. } => arguments.to_vec(),
        Rows::Relation | Rows::Written(_) => Vec::new(),
    };
    let statement = writer.finish(body, |values| format!("with \"_p\" as (select ?{values}) "))?;
    Ok(Statement { named, ..statement })
}

/// Compiles the condition on the row of `relation` that is called `alias`, for other statements. Its values
/// are `?1` and so on: no named parameter may stand before it.
pub fn condition(
    site: &Site<'_>,
    relation: &RelationRef,
    cond: &Cond,
    alias: &str,
) -> Result<Statement, RestError> {
    let mut writer = Writer::new(site);
    let from = From::of_row(&writer, relation, alias)?;
    let sql = writer.cond(cond, &[], &from)?;
    // The highest number comes first: SQLite gives named parameters the numbers after those it has seen.
    writer.finish(sql, |values| format!("(?{values} is null or 1) and "))
}

/// The condition under which the one who asks sees the row of `table` that is called `alias`; `1` where
/// nothing stands in the way.
pub fn select_policy(site: &Site<'_>, table: &str, alias: &str) -> Result<String, RestError> {
    Writer::new(site).policy(table, alias)
}

/// Writes one statement.
struct Writer<'a> {
    site: &'a Site<'a>,
    values: Vec<Sql>,
    aliases: u32,
    zone: Option<String>,
}

impl<'a> Writer<'a> {
    fn new(site: &'a Site<'a>) -> Self {
        Writer { site, values: Vec::new(), aliases: 0, zone: None }
    }

    /// A parameter with this value.
    fn bind(&mut self, value: Sql) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("_t{}", self.aliases)
    }

    /// The time zone of the answer, as an operand.
    fn zone(&mut self) -> String {
        match (&self.zone, self.site.timezone) {
            (Some(zone), _) => zone.clone(),
            (None, None) => "null".to_owned(),
            (None, Some(zone)) => {
                let zone = self.bind(Sql::Text(zone.to_owned()));
                self.zone.insert(zone).clone()
            }
        }
    }

    /// The error of Postgres with this code.
    fn refuse(&self, code: &str, message: impl AsRef<str>) -> RestError {
        let anonymous = self.site.who.role == forge_core::Role::Anon;
        RestError::from_sqlstate(code, message.as_ref(), None, None, anonymous)
    }

    fn finish(self, sql: String, first: impl Fn(usize) -> String) -> Result<Statement, RestError> {
        let mut whole = if self.values.is_empty() { String::new() } else { first(self.values.len()) };
        whole.push_str(&sql);
        if whole.len() > SQL_BYTES_MAX {
            return Err(self.refuse("54001", "the request comes to too long a statement"));
        }
        Ok(Statement { sql: whole, values: self.values, named: Vec::new() })
    }
}

/// Operands joined by an operator, as a tree that is not deep however many there are.
fn joined(mut parts: Vec<String>, operator: &str) -> String {
    while parts.len() > 1 {
        parts = parts.chunks(16).map(|some| format!("({})", some.join(operator))).collect();
    }
    parts.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests;
