//! Values in text form, and what the columns' own checks make of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ddl::sqlite::value_from_text;

fn stored(ty: &Type, text: &str) -> Option<rusqlite::types::Value> {
    let enums = BTreeMap::from([("mood".to_owned(), vec!["good".to_owned(), "bad".to_owned()])]);
    value_from_text(ty, &enums, text).ok()
}

#[test]
fn texts_become_stored_values() {
    use rusqlite::types::Value::{Blob, Integer, Real, Text};
    let text = |t: &str| Some(Text(t.to_owned()));
    let at = text("2026-01-02T03:04:05.678000+00:00");
    assert_eq!(stored(&Type::Timestamptz, "2026-01-02T03:04:05.678Z"), at);
    let at_micros = text("2026-01-02T03:04:05.678999+00:00");
    assert_eq!(stored(&Type::Timestamptz, "2026-01-02T05:04:05.678999+02:00"), at_micros);
    assert_eq!(stored(&Type::Timestamptz, "2026-01-02 05:04:05.6789994+02"), at_micros);
    let rounded = text("2026-01-01T00:00:00.000000+00:00");
    assert_eq!(stored(&Type::Timestamptz, "2025-12-31T23:59:59.9999996Z"), rounded);
    assert_eq!(stored(&Type::Timestamptz, "infinity"), None);
    assert_eq!(stored(&Type::Timestamptz, "now"), None);
    assert_eq!(stored(&Type::Timestamptz, "2026-01-02 03:04:05.678"), at);
    assert_eq!(stored(&Type::Timestamptz, "2026-01-02"), text("2026-01-02T00:00:00.000000+00:00"));
    assert_eq!(stored(&Type::Timestamptz, "tomorrow"), None);
    assert_eq!(stored(&Type::Date, "2026-02-30"), None);
    assert_eq!(stored(&Type::Time, "3:04"), None);
    assert_eq!(stored(&Type::Time, "03:04:05"), text("03:04:05"));
    assert_eq!(stored(&Type::Time, "03:04:05.500"), text("03:04:05.5"));
    assert_eq!(stored(&Type::Time, "23:59:59.9999999"), text("23:59:59.999999"));
    assert_eq!(stored(&Type::Boolean, "TRUE"), Some(Integer(1)));
    assert_eq!(stored(&Type::Smallint, "32768"), None);
    assert_eq!(stored(&Type::Numeric(10, 2), "-12.50"), Some(Real(-12.5)));
    assert_eq!(stored(&Type::Numeric(10, 2), "12.505"), None);
    assert_eq!(stored(&Type::Numeric(10, 2), "123456789"), None);
    assert_eq!(stored(&Type::Numeric(30, 2), "12345678901234"), None, "not exact as a double");
    assert_eq!(stored(&Type::Jsonb, "{ \"a\" : 1 }"), text("{\"a\":1}"));
    assert_eq!(stored(&Type::Array(Box::new(Type::Text)), "{}"), text("[]"));
    assert_eq!(stored(&Type::Bytea, "\\x00ff"), Some(Blob(vec![0, 255])));
    assert_eq!(
        stored(&Type::Vector(2), "[1, 0.5]"),
        Some(Blob([1f32, 0.5].iter().flat_map(|f| f.to_le_bytes()).collect()))
    );
    assert_eq!(stored(&Type::Vector(2), "[1]"), None);
    assert_eq!(stored(&Type::Enum("mood".to_owned()), "good"), text("good"));
    assert_eq!(stored(&Type::Enum("mood".to_owned()), "ugly"), None);
    assert_eq!(stored(&Type::Uuid, "NOPE"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every decimal that fits is taken by the column's check, sorts as the number it is, and can
    /// be written out again digit by digit.
    #[test]
    fn decimals_are_exact_and_sort(numbers in prop::collection::vec(-999_999_999_999_999i64..=999_999_999_999_999, 2..20), scale in 0u32..=14) {
        let mut conn = open();
        let ty = Type::Numeric(15, scale);
        let numbers_table = Table {
            name: "n".to_owned(),
            columns: vec![required("id", Type::Integer), required("x", ty.clone())],
            primary_key: vec!["id".to_owned()],
            ..Table::default()
        };
        apply(&mut conn, &Schema::default(), vec![Change::AddTable(numbers_table)]);
        let unit = 10i64.pow(scale);
        let decimal = |n: i64| {
            let sign = if n < 0 { "-" } else { "" };
            let (whole, part) = (n.abs() / unit, n.abs() % unit);
            if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:0width$}", width = scale as usize) }
        };
        for (index, number) in numbers.iter().enumerate() {
            let value = stored(&ty, &decimal(*number)).unwrap();
            conn.execute("INSERT INTO n (id, x) VALUES (?1, ?2)", rusqlite::params![index as i64, value]).unwrap();
        }
        let mut statement = conn.prepare("SELECT id, x FROM n ORDER BY x, id").unwrap();
        let read: Vec<(i64, f64)> = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
        // The sum of a fiftieth of each, so that the whole has no more than 15 digits.
        conn.execute("DELETE FROM n", []).unwrap();
        for (index, number) in numbers.iter().enumerate() {
            let value = stored(&ty, &decimal(*number / 50)).unwrap();
            conn.execute("INSERT INTO n (id, x) VALUES (?1, ?2)", rusqlite::params![index as i64, value]).unwrap();
        }
        let sum: f64 = conn.query_row("SELECT sum(x) FROM n", [], |row| row.get(0)).unwrap();
        let exact: i64 = numbers.iter().map(|number| number / 50).sum();
        let written = format!("{sum:.width$}", width = scale as usize);
        prop_assert_eq!(if exact == 0 { decimal(0) } else { written }, decimal(exact));

        let mut expected: Vec<(i64, i64)> = numbers.iter().enumerate().map(|(i, n)| (*n, i as i64)).collect();
        expected.sort_unstable();
        for ((number, index), (id, x)) in expected.into_iter().zip(read) {
            prop_assert_eq!(index, id);
            let written = format!("{x:.width$}", width = scale as usize);
            let written = if number == 0 { decimal(0) } else { written };
            prop_assert_eq!(written, decimal(number));
        }
    }

    /// A canonical time passes the column's check, whatever the instant.
    #[test]
    fn times_pass_the_check(microseconds in -62_167_219_200_000_000i64..253_402_207_199_999_999) {
        let mut conn = open();
        let times = Table {
            name: "t".to_owned(),
            columns: vec![required("at", Type::Timestamptz), required("of", Type::Time)],
            ..Table::default()
        };
        apply(&mut conn, &Schema::default(), vec![Change::AddTable(times)]);
        let at = jiff::Timestamp::from_microsecond(microseconds).unwrap().to_string();
        let value = stored(&Type::Timestamptz, &at).unwrap();
        let of = stored(&Type::Time, &at[at.find('T').unwrap() + 1..at.len() - 1]);
        conn.execute("INSERT INTO t (at, of) VALUES (?1, ?2)", rusqlite::params![value, of.unwrap()]).unwrap();
        // What policies make of the text is what the values make of it.
        let cast = format!("SELECT {} FROM (SELECT ?1 AS v)", sqlite::timestamp_of("v"));
        let cast: Option<String> = conn.query_row(&cast, [at.as_str()], |row| row.get(0)).unwrap();
        prop_assert_eq!(cast.map(rusqlite::types::Value::Text), (!at.starts_with("0000")).then_some(value));
    }
}

/// What is no stored time of day, or point in time, is refused by its column.
#[test]
fn other_forms_of_times_are_refused() {
    let mut conn = open();
    let columns = vec![column("at", Type::Timestamptz), column("of", Type::Time)];
    let times = Table { name: "t".to_owned(), columns, ..Table::default() };
    apply(&mut conn, &Schema::default(), vec![Change::AddTable(times)]);
    let tried = |column: &str, text: &str| {
        conn.execute(&format!("INSERT INTO t ({column}) VALUES (?1)"), [text]).is_ok()
    };
    for text in ["2026-01-02T03:04:05.123456+00:00", "9999-12-31T23:59:59.999999+00:00"] {
        assert!(tried("at", text), "{text}");
    }
    for text in [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:05.123+00:00",
        "2026-01-02T03:04:05.12345x+00:00",
        "2026-02-30T03:04:05.123456+00:00",
        "2026-01-02 03:04:05.123456+00:00",
        "2026-01-02T03:04:05.123456+01:00",
        "2026-01-02T03:04:05.123456Z",
        "now",
        "",
    ] {
        assert!(!tried("at", text), "{text}");
    }
    for text in ["03:04:05", "03:04:05.5", "23:59:59.999999"] {
        assert!(tried("of", text), "{text}");
    }
    for text in
        ["03:04", "03:04:05.", "03:04:05.50", "24:00:00", "03:04:05.1234567", "03:04:05x5", "03:04:05.x"]
    {
        assert!(!tried("of", text), "{text}");
    }
}
