//! A migration, worked out against one schema, for Postgres.

use super::{Features, Step, VERSION_MIN, seed, steps, steps::How, store_schema};
use crate::{
    change::Migration,
    ddl::{Lineage, Loss, PlanError, Problem, loss, resolve},
    schema::{Schema, Type},
};

/// A migration, worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The migration's name.
    pub name: String,
    /// The schema it starts from.
    pub before: Schema,
    /// The schema it ends in.
    pub target: Schema,
    /// Statements from `before` to `target`, the stored schema included, in a database that
    /// [`super::bootstrap()`] has prepared. The transaction begins with [`super::PROLOGUE`].
    pub up: Vec<Step>,
    /// Statements back. Seeded rows and roles stay, and what `losses` names comes back empty.
    pub down: Vec<Step>,
    /// Data that `up` gives up.
    pub losses: Vec<Loss>,
    /// Data that `down` gives up.
    pub down_losses: Vec<Loss>,
    /// Where the target's tables and columns come from.
    pub lineage: Lineage,
}

impl Plan {
    /// The hash of `up` and of the engine. Also covers the whole target schema, because `up` stores it.
    pub fn hash(&self) -> String {
        let mut parts = vec!["postgres"];
        for step in &self.up {
            parts.push(if step.in_transaction { "within" } else { "after" });
            parts.push(&step.sql);
        }
        forge_core::sha256_hex(&parts)
    }

    /// The statements for people to read: `up` without what keeps loki's own books.
    pub fn review(&self) -> Vec<&str> {
        let statements = self.up.iter().map(|step| step.sql.as_str());
        statements.filter(|sql| !sql.starts_with("INSERT INTO loki.") && !is_setting(sql)).collect()
    }
}

/// Works out `migration` against `current`, for a server with these `features`.
pub fn plan(current: &Schema, migration: &Migration, features: Features) -> Result<Plan, PlanError> {
    let segments = resolve::resolve(current, migration)?;
    let seeded = segments.iter().any(|segment| !segment.seeds.is_empty());
    // A statement after the transaction cannot be followed by one within it.
    let how = How { enums_extend: !seeded, indices_after: segments.len() == 1 };
    let mut lineage = Lineage::identity(current);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut before = current;
    for segment in &segments {
        possible(&segment.target, features)?;
        up.extend(steps(before, &segment.target, &segment.lineage, how)?);
        let rows = seed::seed_rows(&segment.target, &segment.seeds)?;
        if !rows.is_empty() {
            up.extend(rows.into_iter().map(Step::within));
            // Tables with keys that are yet to be judged cannot be changed.
            up.extend(["IMMEDIATE", "DEFERRED"].map(|when| Step::within(format!("{SETTING}{when}"))));
        }
        let mut back = steps(&segment.target, before, &segment.lineage.inverse(), how)?;
        back.append(&mut down);
        down = back;
        lineage = lineage.then(&segment.lineage);
        before = &segment.target;
    }
    let target = before.clone();
    close(&mut up, &target);
    close(&mut down, current);
    Ok(Plan {
        name: migration.name.clone(),
        losses: loss::losses(current, &target, &lineage),
        down_losses: loss::losses(&target, current, &lineage.inverse()),
        before: current.clone(),
        target,
        up,
        down,
        lineage,
    })
}

/// The statements that make `schema` out of nothing, in a database that [`super::bootstrap()`] has
/// prepared.
pub fn create(schema: &Schema, features: Features) -> Result<Vec<Step>, PlanError> {
    possible(schema, features)?;
    let how = How { enums_extend: true, indices_after: false };
    let mut out = steps(&Schema::default(), schema, &Lineage::default(), how)?;
    close(&mut out, schema);
    Ok(out)
}

const SETTING: &str = "SET CONSTRAINTS ALL ";

fn is_setting(sql: &str) -> bool {
    sql.starts_with(SETTING)
}

/// Stores the schema at the end of the transaction.
fn close(statements: &mut Vec<Step>, schema: &Schema) {
    let end = statements.iter().position(|step| !step.in_transaction).unwrap_or(statements.len());
    statements.insert(end, Step::within(store_schema(schema)));
}

/// What the server lacks is refused before anything is tried.
fn possible(schema: &Schema, features: Features) -> Result<(), Problem> {
    let columns = schema.tables.values().flat_map(|table| table.columns.iter().map(move |c| (table, c)));
    for (table, column) in columns {
        if matches!(column.ty, Type::Vector(_)) && !features.vector {
            return Err(Problem::Server {
                what: format!("`{}.{}`, which is {},", table.name, column.name, column.ty),
                why: "it has no extension `vector` (pgvector)".to_owned(),
            });
        }
    }
    if let Some(name) = schema.views.keys().next()
        && features.version < VERSION_MIN
    {
        let what = format!("the view `{name}`");
        let why = format!("before PostgreSQL {VERSION_MIN}, views do not obey policies");
        return Err(Problem::Server { what, why });
    }
    Ok(())
}
