//! Migrations of one change, for those who want one thing: they take the whole way of a migration.
//!
//! Each compares with the schema as it is first, so that asking again does nothing. A migration has a name of its
//! own in the history: it is made of the table and the version that the change will be.

use forge_database::change::Change;
use forge_database::schema::Schema;
use forge_database::spec::{self, SpecError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::migrate::carry_out;
use crate::operations::read;
use crate::{Forge, OpError, Outcome};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRls {
    table: String,
    rls: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateIndex {
    table: String,
    columns: Vec<String>,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    name: Option<String>,
}

/// Sets who reaches which rows of a table.
pub(crate) fn set_rls(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let SetRls { table, rls } = read(operation, input)?;
    one(forge, operation, &table, "rls", json!({ "set_rls": { "table": table, "rls": rls } }))
}

/// Adds an index.
pub(crate) fn create_index(
    forge: &Forge,
    operation: &'static str,
    input: &Value,
) -> Result<Outcome, OpError> {
    let CreateIndex { table, columns, unique, name } = read(operation, input)?;
    let mut body = json!({ "table": table, "columns": columns, "unique": unique });
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    one(forge, operation, &table, "index", json!({ "add_index": body }))
}

fn one(
    forge: &Forge,
    operation: &'static str,
    table: &str,
    what: &str,
    change: Value,
) -> Result<Outcome, OpError> {
    let schema = forge.database.schema()?;
    if !schema.tables.contains_key(table) {
        let known: Vec<String> = schema.tables.keys().cloned().collect();
        let why = match forge_database::ddl::closest(table, &known) {
            Some(near) => format!("there is no table `{table}`; did you mean `{near}`?"),
            None => format!("there is no table `{table}`; there are: {}", known.join(", ")),
        };
        return Err(OpError::Input { operation, why });
    }
    let name = format!("{table}_{what}_{}", forge.database.version()? + 1);
    // JSON is YAML, so a change is read as one of a migration is.
    let text = json!({ "migration": name, "changes": [change] }).to_string();
    let migration =
        spec::parse(&text, &schema).map_err(|error| OpError::Input { operation, why: told(&error) })?;
    if migration.changes.iter().all(|change| holds(&schema, change)) {
        let summary = format!("`{table}` is so already");
        let version = forge.database.version()?;
        let data =
            json!({ "version": version, "name": "", "subject_hash": "", "already": true, "backup": null });
        return Ok(Outcome::Done { summary, data });
    }
    carry_out(forge, forge.database.draft(migration)?)
}

/// What is wrong with a change that was not written as text, so without its place in one.
pub(crate) fn told(error: &SpecError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.problem),
        None if error.expected.is_empty() => error.problem.clone(),
        None => format!("{}; expected {}", error.problem, error.expected),
    }
}

/// Whether the schema is as the change would leave it.
fn holds(schema: &Schema, change: &Change) -> bool {
    match change {
        Change::SetRls { table, rls } => {
            schema.table(table).and_then(|table| table.rls.as_ref()).is_some_and(|known| known == rls)
        }
        Change::AddIndex { table, index } => schema.table(table).is_some_and(|table| {
            let same = |known: &forge_database::schema::Index| {
                known.columns == index.columns && known.unique == index.unique
            };
            table.indices.iter().any(same)
        }),
        _ => false,
    }
}
