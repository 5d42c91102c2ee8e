//! Plans, run against a server: what is there afterwards must be what was planned.

use loki_kit::postgres::{Cluster, Database};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::arbitrary::{self, Choices};
use crate::change::{Change, Migration};
use crate::ddl::tests::{blog, column, migration, required, table};
use crate::schema::{ColumnGrant, Command, Type};
use crate::tables::postgres::CATALOG;

mod changes;
mod values;

/// A server without pgvector.
pub(super) const PLAIN: Features = Features { vector: false, version: 15 };

/// A database that is ready for migrations; `None` where there is no server.
pub(super) fn database() -> Option<(&'static Cluster, Database)> {
    let cluster = Cluster::shared()?;
    let database = cluster.database();
    // Twice, because it may be repeated.
    for _ in 0..2 {
        cluster.run(&database.name, &transaction(&bootstrap("authenticator"), "COMMIT"));
    }
    Some((cluster, database))
}

fn transaction(statements: &[String], end: &str) -> String {
    format!("BEGIN;\n{};\n{end};\n", statements.join(";\n"))
}

/// The statements as they can all be run in one transaction.
pub(super) fn script(steps: &[Step]) -> String {
    let prologue = PROLOGUE.iter().map(|sql| (*sql).to_owned());
    let steps = steps.iter().map(|step| step.sql.replace("INDEX CONCURRENTLY", "INDEX"));
    let statements: Vec<String> = prologue.chain(steps).collect();
    format!("{};\n", statements.join(";\n"))
}

const MARK: &str = "-- ====";

/// What the database holds after each of the scripts, one after the other; nothing of it stays.
pub(super) fn catalogs(cluster: &Cluster, name: &str, scripts: &[String]) -> Result<Vec<String>, String> {
    let mut sql = "BEGIN;\n".to_owned();
    for script in scripts {
        sql.push_str(&format!("{script}SET CONSTRAINTS ALL IMMEDIATE;\n{CATALOG};\n\\echo '{MARK}'\n"));
    }
    sql.push_str("ROLLBACK;\n");
    let out = cluster.script(name, &sql).map_err(|error| format!("{error}\n{sql}"))?;
    Ok(out.split(MARK).map(|part| part.trim().to_owned()).take(scripts.len()).collect())
}

/// Runs `second` up, down and up again after `first`: down leads back, and up to what a fresh database
/// with the target's schema holds.
pub(super) fn there_and_back(cluster: &Cluster, name: &str, first: &Plan, second: &Plan) {
    let ups = [&first.up, &second.up, &second.down, &second.up].map(|steps| script(steps));
    let found = catalogs(cluster, name, &ups).unwrap_or_else(|error| panic!("{error}"));
    let fresh = create(&second.target, PLAIN).unwrap();
    let fresh = catalogs(cluster, name, &[script(&fresh)]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found[2], found[0], "down does not lead back: {:#?}", second.down);
    assert_eq!(found[1], fresh[0], "up does not lead to the target: {:#?}", second.up);
    assert_eq!(found[3], found[1], "up again");
}

/// The migration without vectors, which this server need not have.
fn plainly(mut migration: Migration) -> Migration {
    fn plain(ty: &mut Type) {
        if matches!(ty, Type::Vector(_)) {
            *ty = Type::Jsonb;
        }
    }
    for change in &mut migration.changes {
        match change {
            Change::AddTable(table) => table.columns.iter_mut().for_each(|column| plain(&mut column.ty)),
            Change::AddColumn { column, .. } | Change::AlterColumn { column, .. } => plain(&mut column.ty),
            _ => {}
        }
    }
    migration
}

/// Random schemas and random changes.
#[test]
fn up_leads_to_the_target_and_down_back() {
    let Some((cluster, database)) = database() else { return };
    let config = Config { cases: 40, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let numbers = prop::collection::vec(any::<u16>(), 0..400);
    let tried = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&numbers, |numbers| {
        let mut choices = Choices::new(numbers);
        let first = plainly(arbitrary::migration(&mut choices, &Schema::default(), 6));
        let Ok(first) = plan(&Schema::default(), &first, PLAIN) else { return Ok(()) };
        let second = plainly(arbitrary::migration(&mut choices, &first.target, 6));
        let Ok(second) = plan(&first.target, &second, PLAIN) else { return Ok(()) };
        there_and_back(cluster, &database.name, &first, &second);
        tried.set(tried.get() + 1);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(tried.get() > 20, "only {} migrations could be planned", tried.get());
}
