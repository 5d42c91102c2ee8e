//! Plans, run against a server: what is there afterwards must be what was planned.

use loki_kit::postgres::{Cluster, Database};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::arbitrary::{self, Choices};
use crate::change::{Change, Migration};
use crate::ddl::tests::{blog, column, migration, required, table};
use crate::schema::{ColumnGrant, Command, Type};

mod changes;
mod values;

/// A server without pgvector.
pub(super) const PLAIN: Features = Features { vector: false, version: 15 };

/// Everything that a database holds in `public`, in an order that does not depend on its history.
const CATALOG: &str = "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (
    SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('table %s %s %s', relname, relkind, relrowsecurity) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('policy %s %s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual, with_check)
    FROM pg_policies WHERE schemaname = 'public'
    UNION ALL SELECT format('type %s %s %s', t.typname, e.enumlabel, rank() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder))
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = 'public'::regnamespace
    UNION ALL SELECT format('privilege %s %s %s', c.relname, x.grantee::regrole, x.privilege_type)
    FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL SELECT format('privilege %s.%s %s %s', c.relname, a.attname, x.grantee::regrole, x.privilege_type)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
) AS lines;";

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
        sql.push_str(&format!("{script}SET CONSTRAINTS ALL IMMEDIATE;\n{CATALOG}\n\\echo '{MARK}'\n"));
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
    let config = Config { cases: 60, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let numbers = prop::collection::vec(any::<u16>(), 0..400);
    let outcome = TestRunner::new(config).run(&numbers, |numbers| {
        let mut choices = Choices::new(numbers);
        let first = plainly(arbitrary::migration(&mut choices, &Schema::default(), 6));
        let Ok(first) = plan(&Schema::default(), &first, PLAIN) else { return Ok(()) };
        let second = plainly(arbitrary::migration(&mut choices, &first.target, 6));
        let Ok(second) = plan(&first.target, &second, PLAIN) else { return Ok(()) };
        there_and_back(cluster, &database.name, &first, &second);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
