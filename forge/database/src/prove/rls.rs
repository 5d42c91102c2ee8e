//! The two-identity proof: what Alice, Bob and a visitor can do with one another's rows.
//!
//! On a copy that is emptied and put back: for every table, rows of Alice's and of Bob's are made, and
//! each of them, a visitor, and holders of the app's own roles try to read, add, change, delete, give
//! away and take every row, through the same functions that serve them later. What happened is held
//! against what the table's label promises, or, for policies of one's own, against the policies worked out
//! by hand. Neither reading knows the compiled condition.
//!
//! What could not be tried is said, and is not a pass.

mod acts;
mod eval;
mod facts;
mod fixture;
mod oracle;
pub mod scene;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde::Serialize;

pub use fixture::Owner;

use crate::ddl::sqlite::quote_name;
use crate::people;
use crate::policy::sqlite::NOW;
use crate::policy::tables_read;
use crate::rows::guard;
use crate::schema::{Schema, Table};
use fixture::Fixture;
use oracle::Oracle;

/// Statements kept prepared during a proof, which repeats the same few for every identity.
const STATEMENTS_MAX: usize = 256;

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RlsProof {
    /// Table by table.
    pub tables: Vec<TableProof>,
}

/// What was tried on one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableProof {
    /// The table.
    pub table: String,
    /// The label of its policies.
    pub label: Option<String>,
    /// What the expectations come from.
    pub basis: Basis,
    /// Each attempt.
    pub cells: Vec<Cell>,
    /// What could not be tried, and why. Not a pass.
    pub inconclusive: Vec<String>,
    /// What no expectation was held against: outcomes that are facts only, and why, and situations beyond
    /// the number that is tried.
    pub unasserted: Vec<String>,
}

/// What an expectation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The promise of the table's label.
    Label,
    /// The policies, worked out row by row.
    Policies,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Who tried: `alice`, `bob`, `anon`, or a role of the app's own.
    pub who: String,
    /// What.
    pub act: Act,
    /// Whose row it was.
    pub row: Owner,
    /// The values that decide, such as `posts.is_public = true`, or `plain`.
    pub situation: String,
    /// Whether it succeeded.
    pub allowed: bool,
    /// Whether it had to.
    pub expected: Option<bool>,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Reading the row.
    Select,
    /// Adding the row.
    Insert,
    /// Changing it without changing whose it is.
    Update,
    /// Deleting it.
    Delete,
    /// Deleting whatever can be reached, without naming a row.
    Sweep,
    /// Making one's own row another's.
    GiveAway,
    /// Making another's row one's own.
    Take,
}

/// Why nothing could be proved at all.
#[derive(Debug, thiserror::Error)]
pub enum RlsError {
    /// The copy is in a transaction, in which foreign keys cannot be turned off.
    #[error("the copy for the two-identity proof is in a transaction")]
    InTransaction,
    /// SQLite refused.
    #[error("could not {what} the copy for the two-identity proof")]
    Sqlite {
        /// What was attempted.
        what: &'static str,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The people who sign in could not be made.
    #[error("could not add people to the copy for the two-identity proof: {0}")]
    People(String),
}

impl Cell {
    /// Whether the outcome breaks an expectation.
    pub fn is_violation(&self) -> bool {
        self.expected.is_some_and(|expected| expected != self.allowed)
    }
}

impl TableProof {
    /// The attempts that ended otherwise than they had to.
    pub fn violations(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.is_violation())
    }

    /// Whether everything was tried and ended as it had to. Outcomes without an expectation do not count
    /// against it.
    pub fn passed(&self) -> bool {
        self.inconclusive.is_empty() && !self.cells.is_empty() && self.violations().next().is_none()
    }
}

impl RlsProof {
    /// Whether every table passed.
    pub fn passed(&self) -> bool {
        self.tables.iter().all(TableProof::passed)
    }

    /// What went otherwise than it had to, one sentence each.
    pub fn violations(&self) -> Vec<String> {
        let of = |table: &TableProof| -> Vec<String> {
            table.violations().map(|cell| sentence(&table.table, cell)).collect()
        };
        self.tables.iter().flat_map(of).collect()
    }

    /// What could not be tried, one sentence each.
    pub fn inconclusive(&self) -> Vec<String> {
        let of = |table: &TableProof| -> Vec<String> {
            table.inconclusive.iter().map(|reason| format!("`{}`: {reason}", table.table)).collect()
        };
        self.tables.iter().flat_map(of).collect()
    }
}

/// Proves the policies of the tables in `changed`, and of those whose policies read them.
///
/// `shadow` is a copy that nobody else uses. It is as before when this returns, and its rows were never
/// looked at: all are made here.
pub fn prove_rls(
    shadow: &mut Connection,
    schema: &Schema,
    changed: &BTreeSet<String>,
) -> Result<RlsProof, RlsError> {
    prove_against(shadow, schema, schema, changed)
}

/// Proves that `enforced` keeps what `promised` says. They differ only in tests, where one of them is
/// broken on purpose.
fn prove_against(
    shadow: &mut Connection,
    promised: &Schema,
    enforced: &Schema,
    changed: &BTreeSet<String>,
) -> Result<RlsProof, RlsError> {
    if !shadow.is_autocommit() {
        return Err(RlsError::InTransaction);
    }
    let keys: bool =
        shadow.query_row("pragma foreign_keys", [], |row| row.get(0)).map_err(sqlite("look at"))?;
    // Rows come one by one here, and who may reach them does not hang on their keys.
    shadow.execute_batch("pragma foreign_keys = off").map_err(sqlite("prepare"))?;
    crate::auth::create(shadow).map_err(sqlite("add people to"))?;
    guard::confine_copy(shadow).map_err(sqlite("confine"))?;
    shadow.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let proof = prove(shadow, promised, enforced, changed);
    guard::release(shadow).map_err(sqlite("release"))?;
    let restore = if keys { "pragma foreign_keys = on" } else { "pragma foreign_keys = off" };
    shadow.execute_batch(restore).map_err(sqlite("restore"))?;
    proof
}

fn prove(
    conn: &Connection,
    promised: &Schema,
    enforced: &Schema,
    changed: &BTreeSet<String>,
) -> Result<RlsProof, RlsError> {
    conn.execute_batch("savepoint rls_proof").map_err(sqlite("mark"))?;
    let proof = emptied(conn, promised).and_then(|now| {
        let facts = facts::facts(promised);
        let fixture = Fixture::new(promised, &facts);
        let tables = promised.tables.values().filter(|table| concerns(table, changed));
        let prove = |table: &Table| table_proof(conn, &fixture, enforced, table, now);
        Ok(RlsProof { tables: tables.map(prove).collect::<Result<_, _>>()? })
    });
    conn.execute_batch("rollback to rls_proof; release rls_proof").map_err(sqlite("roll back"))?;
    proof
}

/// Whether the change of these tables may change who reaches `table`.
fn concerns(table: &Table, changed: &BTreeSet<String>) -> bool {
    let policies = table.rls.iter().flat_map(|rls| &rls.policies);
    changed.contains(&table.name) || policies.flat_map(tables_read).any(|read| changed.contains(&read))
}

/// Empties every table; returns the time.
fn emptied(conn: &Connection, schema: &Schema) -> Result<jiff::Timestamp, RlsError> {
    for table in schema.tables.keys().map(String::as_str).chain([people::USERS]) {
        let sql = format!("delete from {}", quote_name(table));
        conn.execute_batch(&sql).map_err(sqlite("empty"))?;
    }
    let now: String =
        conn.query_row(&format!("select {NOW}"), [], |row| row.get(0)).map_err(sqlite("read the time of"))?;
    // SQLite's own format always parses.
    Ok(now.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn table_proof(
    conn: &Connection,
    fixture: &Fixture<'_>,
    enforced: &Schema,
    table: &Table,
    now: jiff::Timestamp,
) -> Result<TableProof, RlsError> {
    let oracle = Oracle::new(fixture.schema, table);
    let mut proof = TableProof {
        table: table.name.clone(),
        label: table.rls.as_ref().map(|rls| rls.label.clone()),
        basis: oracle.basis(),
        cells: Vec::new(),
        inconclusive: Vec::new(),
        unasserted: Vec::new(),
    };
    if table.primary_key.is_empty() {
        proof.inconclusive.push("it has no primary key to tell its rows apart".to_owned());
        return Ok(proof);
    }
    let (variants, left_out) = fixture.variants(&table.name);
    proof
        .unasserted
        .extend(left_out.into_iter().map(|name| format!("not tried with {name}: too many situations")));
    for variant in variants {
        conn.execute_batch("savepoint rls_situation").map_err(sqlite("mark"))?;
        let situation =
            acts::Situation { conn, fixture, enforced, table, variant: &variant, oracle: &oracle, now };
        if let Err(reason) = situation.play(&mut proof) {
            proof.inconclusive.push(format!("with {}: {reason}", variant.name));
        }
        conn.execute_batch("rollback to rls_situation; release rls_situation")
            .map_err(sqlite("roll back"))?;
    }
    proof.unasserted.sort();
    proof.unasserted.dedup();
    Ok(proof)
}

fn sentence(table: &str, cell: &Cell) -> String {
    let (verb, whose) = (cell.act.verb(), cell.row.name());
    let (could, had) = if cell.allowed { ("could", "must not") } else { ("could not", "must be able to") };
    let on = if cell.act == Act::Insert { "in the name of" } else { "belonging to" };
    format!("`{table}`: {} {could} {verb} a row {on} {whose} and {had} (with {})", cell.who, cell.situation)
}

impl Act {
    fn verb(self) -> &'static str {
        match self {
            Act::Select => "read",
            Act::Insert => "add",
            Act::Update => "change",
            Act::Delete => "delete",
            Act::Sweep => "sweep away",
            Act::GiveAway => "give away",
            Act::Take => "take over",
        }
    }
}

fn sqlite(what: &'static str) -> impl Fn(rusqlite::Error) -> RlsError {
    move |source| RlsError::Sqlite { what, source }
}
