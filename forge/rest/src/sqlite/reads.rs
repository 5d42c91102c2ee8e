//! What the executor wants of the compiler of reads and values.
//!
//! Parameters: the values of a compiled text are `?1`, `?2` and so on, and come before every named parameter in
//! it, so that their numbers are theirs. Who asks is `:auth_uid`, `:auth_role` and `:auth_jwt`, the request
//! `:request_method` and its like; the executor binds those itself.

use forge_core::Identity;
use forge_database::schema::{Schema, Type};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::memo::Memo;
use crate::error::RestError;
use crate::model::Model;
use crate::plan::{Cond, Count, Node, RelationRef};

/// Where and for whom something is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The tables with their policies, views and functions.
    pub schema: &'a Schema,
    /// The same as requests name it.
    pub model: &'a Model,
    /// Who asks.
    pub who: &'a Identity,
    /// What was compiled for the same schema before.
    pub memo: &'a Memo,
    /// The time zone in which times are shown; UTC where there is none.
    pub timezone: Option<&'a str>,
}

/// Where the rows of a read come from.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// The relation that the node names.
    Relation,
    /// Rows of the relation that were just written, by number and in this order.
    Written(&'a [i64]),
    /// The rows that a query gives.
    Call {
        /// The query, to be put into parentheses.
        sql: &'a str,
        /// Its own named parameters, colon included.
        arguments: &'a [(String, Value)],
    },
}

/// A compiled text with the values of its numbered and of its own named parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// The values of `?1` and so on.
    pub values: Vec<Value>,
    /// Values of parameters with names.
    pub named: Vec<(String, Value)>,
}

/// The compiler of reads, conditions and values.
#[expect(
    clippy::wrong_self_convention,
    reason = "they say what a value is made from, not what it is turned into"
)]
pub trait Reads: Send + Sync + 'static {
    /// Registers the functions that compiled texts use.
    fn register(&self, conn: &Connection) -> rusqlite::Result<()>;

    /// One statement that gives one row: the rows as a JSON array, how many are in it, and how many there are in
    /// all or null.
    fn read(
        &self,
        site: &Site<'_>,
        root: &Node,
        count: Option<Count>,
        rows: Rows<'_>,
    ) -> Result<Statement, RestError>;

    /// A condition on a row of `relation` that goes by `alias`.
    fn condition(
        &self,
        site: &Site<'_>,
        relation: &RelationRef,
        filter: &Cond,
        alias: &str,
    ) -> Result<Statement, RestError>;

    /// The stored value of a JSON value, as it is written in a body, for a column of type `ty`.
    fn from_json(&self, site: &Site<'_>, ty: &Type, json: &str) -> Result<Value, RestError>;

    /// The stored value of a text.
    fn from_text(&self, site: &Site<'_>, ty: &Type, text: &str) -> Result<Value, RestError>;
}
