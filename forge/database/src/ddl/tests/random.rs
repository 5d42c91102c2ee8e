//! Random schemas and random changes, up and down.

use proptest::prelude::*;

use super::*;
use crate::arbitrary::{self, Choices};

/// Puts a row into every table that takes one.
fn fill(conn: &Connection, schema: &Schema) {
    for table in schema.tables.values() {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for column in table.columns.iter().filter(|column| column.default != Some(ColumnDefault::Identity)) {
            let text = arbitrary::sample(&column.ty, schema).unwrap();
            names.push(sqlite::quote_name(&column.name));
            values.push(match table.foreign_key(&column.name) {
                Some(_) => rusqlite::types::Value::Null,
                None => sqlite::value_from_text(&column.ty, &schema.enums, &text).unwrap(),
            });
        }
        let (quoted, marks) = (sqlite::quote_name(&table.name), vec!["?"; names.len()].join(", "));
        let sql = match names.join(", ") {
            names if names.is_empty() => format!("INSERT INTO {quoted} DEFAULT VALUES"),
            names => format!("INSERT INTO {quoted} ({names}) VALUES ({marks})"),
        };
        // A key that may not be null, or a check: then the table stays empty.
        if let Err(error) = conn.execute(&sql, rusqlite::params_from_iter(values)) {
            assert_eq!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::ConstraintViolation),
                "{sql}: {error}"
            );
        }
    }
}

fn rows(conn: &Connection, schema: &Schema) -> Vec<(String, i64)> {
    let count = |name: &String| {
        let sql = format!("SELECT count(*) FROM {}", sqlite::quote_name(name));
        (name.clone(), conn.query_row(&sql, [], |row| row.get(0)).unwrap())
    };
    schema.tables.keys().map(count).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is there after up is what was planned; what is there after down is what was there before.
    #[test]
    fn up_leads_to_the_target_and_down_back(numbers in prop::collection::vec(any::<u16>(), 0..400)) {
        let mut choices = Choices::new(numbers);
        let first = arbitrary::migration(&mut choices, &Schema::default(), 6);
        let mut conn = open();
        let base = apply(&mut conn, &Schema::default(), first.changes);
        let second = arbitrary::migration(&mut choices, &base.target, 6);
        let plan = apply(&mut conn, &base.target, second.changes);
        run(&mut conn, &plan.target, &plan.down);
        holds(&conn, &base.target);
        run(&mut conn, &base.target, &plan.up);
        holds(&conn, &plan.target);
    }

    /// With rows, a migration succeeds and loses no row that it does not name, or fails and leaves
    /// everything as it was.
    #[test]
    fn rows_survive_or_nothing_happens(numbers in prop::collection::vec(any::<u16>(), 0..400)) {
        let mut choices = Choices::new(numbers);
        let first = arbitrary::migration(&mut choices, &Schema::default(), 6);
        let mut conn = open();
        let base = apply(&mut conn, &Schema::default(), first.changes);
        fill(&conn, &base.target);
        let before = rows(&conn, &base.target);
        let second = arbitrary::migration(&mut choices, &base.target, 4);
        let plan = plan(&base.target, &second).unwrap();
        if try_run(&mut conn, &plan.up).is_err() {
            holds(&conn, &base.target);
            prop_assert_eq!(rows(&conn, &base.target), before);
            return Ok(());
        }
        holds(&conn, &plan.target);
        let after = rows(&conn, &plan.target);
        for (table, count) in before {
            match plan.lineage.now(&table) {
                Some((now, _)) => prop_assert!(after.contains(&(now.to_owned(), count)), "rows of {} are gone", table),
                None => prop_assert!(plan.losses.iter().any(|loss| loss.table == table)),
            }
        }
    }
}
