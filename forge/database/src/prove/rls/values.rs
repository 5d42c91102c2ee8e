//! Values for columns of every type, made from names alone.

use serde_json::{Value, json};

use super::facts::Slot;
use crate::people;
use crate::rows::to_sql;
use crate::schema::{Column, RangeOf, Schema, Table, Type};
use forge_core::sha256_hex;

/// An identifier that follows from two names.
pub(super) fn uuid(what: &str, whose: &str) -> String {
    let hash = sha256_hex(&[what, whose]);
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[12..15], &hash[15..18], &hash[18..30])
}

/// A value for a column in somebody's world. Worlds differ wherever the type lets them, because columns
/// may be unique; flags and states differ only where they must, because they decide.
pub(super) fn plain(schema: &Schema, slot: &Slot, column: &Column, whose: &str) -> Value {
    let hash = sha256_hex(&[&slot.table, &slot.column, whose]);
    let number = i64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    let nth: usize = ["alice", "bob", "nobody"].iter().position(|name| *name == whose).unwrap_or(3);
    let table = people::table(schema, &slot.table);
    let unique = table.is_some_and(|table| table.is_unique(&[&slot.column]));
    match &column.ty {
        Type::Text => json!(text(&column.name, whose, &hash)),
        Type::Varchar(most) => {
            let text = text(&column.name, whose, &hash);
            json!(text.chars().take(*most as usize).collect::<String>())
        }
        Type::Smallint => json!(1000 * (nth + 1) + usize::from(hash.as_bytes()[0])),
        Type::Integer | Type::Bigint => json!(100_000 + number),
        Type::Double => json!(1.5 + number as f64),
        Type::Numeric(precision, scale) if precision > scale => json!(1 + nth),
        Type::Numeric(..) => json!(format!("0.{}", 1 + nth)),
        Type::Boolean => json!(unique && nth == 1),
        Type::Uuid => json!(uuid(&format!("{}.{}", slot.table, slot.column), whose)),
        Type::Timestamptz => json!(format!("{}-01-02T{:02}:{:02}:00Z", 2021 + nth, number % 24, number % 60)),
        Type::Date => json!(format!("{}-01-{:02}", 2021 + nth, 1 + number % 28)),
        Type::Time => json!(format!("{:02}:{:02}:00", 5 * nth + 1, number % 60)),
        Type::Jsonb => json!({ "of": whose }),
        Type::Bytea => json!(format!("\\x{}", &hash[..8])),
        Type::Vector(dimensions) => json!(vec![0.5 + nth as f64; *dimensions as usize]),
        Type::Enum(name) => {
            let values = schema.enums.get(name).map(Vec::as_slice).unwrap_or_default();
            let at = if unique { nth } else { 0 };
            values.get(at).or(values.first()).map_or(Value::Null, |value| json!(value))
        }
        Type::Array(_) => json!(vec![json!(null); nth]),
        Type::Range(RangeOf::Integer | RangeOf::Bigint | RangeOf::Numeric) => {
            json!(format!("[{nth},{})", nth + 1))
        }
        Type::Range(RangeOf::Date) => json!(format!("[2021-01-0{},2022-01-01)", nth + 1)),
        Type::Range(RangeOf::Timestamptz) => json!(format!("[2021-01-0{}T00:00:00Z,)", nth + 1)),
        Type::Tsvector => json!(format!("'{whose}':1")),
    }
}

fn text(column: &str, whose: &str, hash: &str) -> String {
    let word = &hash[..6];
    match column {
        name if name.contains("email") => format!("{whose}.{word}@example.com"),
        name if name.contains("url") || name.contains("link") => {
            format!("https://example.com/{whose}/{word}")
        }
        _ => format!("{whose}-{word}"),
    }
}

/// Values that the checks of a table may want in a column: the constants they name, their neighbours,
/// and texts of the lengths they name.
pub(super) fn candidates(schema: &Schema, table: &Table, column: &Column, whose: &str) -> Vec<Value> {
    let slot = Slot::new(&table.name, &column.name);
    let mut found = vec![plain(schema, &slot, column, whose)];
    let (mut numbers, mut texts) = (vec![0i64, 1], Vec::new());
    for check in &table.checks {
        constants(&check.expr, &mut numbers, &mut texts);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let near = numbers.iter().flat_map(|n| [*n, n.saturating_add(1), n.saturating_sub(1)]);
    match &column.ty {
        Type::Text | Type::Varchar(_) => {
            found.extend(texts.iter().map(|text| json!(text)));
            for length in near.filter(|length| (1..=2000).contains(length)) {
                let letters: String =
                    whose.chars().cycle().take(usize::try_from(length).unwrap_or(1)).collect();
                found.push(json!(letters));
            }
            found.extend([json!(whose), json!(whose.to_uppercase()), json!("")]);
        }
        Type::Smallint | Type::Integer | Type::Bigint | Type::Double | Type::Numeric(..) => {
            found.extend(near.map(|number| json!(number)));
            found.push(json!("0.5"));
        }
        Type::Boolean => found.push(json!(true)),
        Type::Timestamptz => found.extend(["2023-01-01T00:00:00Z", "2025-01-01T00:00:00Z"].map(Value::from)),
        Type::Date => found.extend(["2023-01-01", "2025-01-01"].map(Value::from)),
        Type::Time => found.extend(["00:00:00", "23:59:59"].map(Value::from)),
        Type::Enum(name) => {
            found.extend(schema.enums.get(name).into_iter().flatten().map(|value| json!(value)))
        }
        Type::Uuid
        | Type::Jsonb
        | Type::Bytea
        | Type::Vector(_)
        | Type::Array(_)
        | Type::Range(_)
        | Type::Tsvector => {}
    }
    if column.nullable {
        found.push(Value::Null);
    }
    found.dedup();
    found.retain(|value| to_sql(schema, column, value).is_ok());
    if found.is_empty() { vec![Value::Null] } else { found }
}

/// The numbers and texts in a check.
fn constants(check: &str, numbers: &mut Vec<i64>, texts: &mut Vec<String>) {
    for (at, part) in check.split('\'').enumerate() {
        if at % 2 == 1 {
            texts.push(part.to_owned());
            texts.push(part.replace(['%', '_'], "x"));
            continue;
        }
        let words = part.split(|c: char| !c.is_alphanumeric() && c != '_');
        numbers.extend(words.filter_map(|word| word.parse::<i64>().ok()));
    }
}
