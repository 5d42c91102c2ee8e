//! Where rows come from.

use super::{Writer, qualified, quote, refused};
use crate::error::RestError;
use crate::plan::{Node, RelationRef, Source};

/// A relation in a statement, under an alias of its own.
#[derive(Clone)]
pub(super) struct From {
    /// The name of its row.
    pub(super) alias: String,
    /// What stands after `FROM`, what is joined to it included.
    pub(super) sql: String,
    /// The relation whose type the row must be given before a function takes it.
    row_of: Option<(String, String)>,
}

impl From {
    /// The rows of something that a statement can read; they have the type that functions want.
    pub(super) fn of(alias: String, what: &str) -> From {
        let sql = format!("{what} AS {}", quote(&alias));
        From { alias, sql, row_of: None }
    }

    /// Rows that have the columns of a relation, but not its type.
    pub(super) fn like(alias: String, what: &str, relation: (String, String)) -> From {
        From { row_of: Some(relation), ..From::of(alias, what) }
    }

    /// The row as an argument of a function.
    pub(super) fn row(&self) -> String {
        let row = format!("{}.*", quote(&self.alias));
        match &self.row_of {
            None => row,
            Some((schema, name)) => format!("CAST({row} AS {})", qualified(schema, name)),
        }
    }

    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", quote(&self.alias), quote(name))
    }

    /// The part of a statement from `FROM` on.
    pub(super) fn part(&self, conditions: &[String]) -> String {
        let filter = match conditions {
            [] => String::new(),
            some => format!(" WHERE {}", some.join(" AND ")),
        };
        format!(" FROM {}{filter}", self.sql)
    }
}

impl Writer<'_> {
    /// The rows of a relation that is read.
    pub(super) fn source(&mut self, node: &Node) -> Result<From, RestError> {
        match &node.source {
            Source::Relation(relation) => Ok(self.relation(relation)),
            Source::Written(_) | Source::Call => {
                Err(refused("XX000", "rows of a write or a call are read where they are not made"))
            }
        }
    }

    pub(super) fn relation(&mut self, relation: &RelationRef) -> From {
        From::of(self.alias(), &qualified(&relation.schema, &relation.name))
    }
}
