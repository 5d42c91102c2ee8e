//! What a table's rows promise: which acts must succeed and which must not.
//!
//! Two sources, neither of which knows the compiler: the label that people approved, and, where there
//! is none, the policies worked out by hand.

use forge_core::{Identity, Role};

use super::eval::{Ask, Tables, Unknown, World};
use super::{Act, Basis};
use crate::policy::shorthand::{self, OPEN_VALUES, Shorthand};
use crate::rows::Row;
use crate::schema::{Command, Schema, Table};
use serde_json::Value;

/// Says what must happen.
pub(super) struct Oracle<'s> {
    schema: &'s Schema,
    table: &'s Table,
    promise: Option<Promise>,
}

/// A label, with the columns it is about.
#[derive(Debug)]
struct Promise {
    shorthand: Shorthand,
    owner: Option<String>,
    grants: Vec<shorthand::Grant>,
}

/// What an act is tried on.
pub(super) struct Case<'c> {
    pub(super) who: &'c Identity,
    pub(super) act: Act,
    /// The row as it is, or, for an insert, as it would be.
    pub(super) row: &'c Row,
    /// The row that a change would leave.
    pub(super) new: &'c Row,
    pub(super) tables: &'c Tables,
    pub(super) now: jiff::Timestamp,
}

impl<'s> Oracle<'s> {
    pub(super) fn new(schema: &'s Schema, table: &'s Table) -> Oracle<'s> {
        Oracle { schema, table, promise: promise(table) }
    }

    pub(super) fn basis(&self) -> Basis {
        if self.promise.is_some() { Basis::Label } else { Basis::Policies }
    }

    /// Whether the act must succeed.
    pub(super) fn expects(&self, case: &Case<'_>) -> Result<bool, Unknown> {
        let existing = |command| self.allows(case, command, Ask::Existing, case.row);
        let sees = |row: &Row| self.allows(case, Command::Select, Ask::Existing, row);
        match case.act {
            Act::Select => existing(Command::Select),
            Act::Insert => self.allows(case, Command::Insert, Ask::New, case.row),
            // Finding the row takes the right to read it, and so does leaving it.
            Act::Update | Act::GiveAway | Act::Take => Ok(existing(Command::Update)?
                && sees(case.row)?
                && self.allows(case, Command::Update, Ask::New, case.new)?
                && sees(case.new)?),
            // Nothing is read, so nothing need be readable.
            Act::Sweep => existing(Command::Delete),
            Act::Delete => Ok(existing(Command::Delete)? && sees(case.row)?),
        }
    }

    fn allows(&self, case: &Case<'_>, command: Command, ask: Ask, row: &Row) -> Result<bool, Unknown> {
        match &self.promise {
            Some(promise) => Ok(promise.allows(case.who, command, row)),
            None => {
                let world = World { schema: self.schema, tables: case.tables, who: case.who, now: case.now };
                world.allows(&self.table.name, command, ask, row)
            }
        }
    }
}

/// The promise of a table's label; a table without policies promises that nobody reaches it.
fn promise(table: &Table) -> Option<Promise> {
    let Some(rls) = &table.rls else {
        return Some(Promise { shorthand: Shorthand::None, owner: None, grants: Vec::new() });
    };
    let (shorthand, grants) = shorthand::parts(&rls.label)?;
    let owner = match &shorthand {
        Shorthand::OwnRow(asked) => Some(shorthand::owner(table, asked.as_deref()).ok()?.name.clone()),
        Shorthand::OwnOrPublic(flag) => {
            if let Some(flag) = flag {
                table.column(flag)?;
            }
            Some(shorthand::owner(table, None).ok()?.name.clone())
        }
        Shorthand::Public | Shorthand::None => None,
    };
    Some(Promise { shorthand, owner, grants })
}

impl Promise {
    fn allows(&self, who: &Identity, command: Command, row: &Row) -> bool {
        let holds = |role: &str| match &who.role {
            Role::Custom(own) => role == own || role == "authenticated",
            Role::Anon | Role::Authenticated | Role::Service => role == who.role.as_str(),
        };
        if self.grants.iter().any(|(role, commands)| holds(role) && commands.contains(&command)) {
            return true;
        }
        let owns = match (&self.owner, &who.subject) {
            (Some(owner), Some(id)) => row.get(owner).and_then(Value::as_str) == Some(id.as_str()),
            _ => false,
        };
        let reads = command == Command::Select;
        match &self.shorthand {
            Shorthand::OwnRow(_) => owns,
            Shorthand::OwnOrPublic(None) => owns || reads,
            Shorthand::OwnOrPublic(Some(flag)) => owns || (reads && is_up(row.get(flag))),
            Shorthand::Public => reads,
            Shorthand::None => false,
        }
    }
}

fn is_up(flag: Option<&Value>) -> bool {
    match flag {
        Some(Value::Bool(up)) => *up,
        Some(Value::String(status)) => OPEN_VALUES.contains(&status.as_str()),
        _ => false,
    }
}
