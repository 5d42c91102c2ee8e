//! Stored values as Postgres prints them.

use forge_database::schema::Type;
use rusqlite::types::Value as Sql;

/// The most bytes of a value in an error.
const SHOWN_MAX: usize = 64;

/// The text of a stored value of type `ty`, as Postgres' output functions give it; `null` for null.
pub(in crate::sqlite) fn pg_text(ty: &Type, value: &Sql) -> String {
    match (value, ty) {
        (Sql::Null, _) => "null".to_owned(),
        (Sql::Integer(value), Type::Boolean) => if *value == 0 { "f" } else { "t" }.to_owned(),
        (Sql::Integer(value), Type::Numeric(_, scale)) => format!("{:.*}", *scale as usize, *value as f64),
        (Sql::Real(value), Type::Numeric(_, scale)) => format!("{value:.*}", *scale as usize),
        (Sql::Integer(value), _) => value.to_string(),
        (Sql::Real(value), _) => value.to_string(),
        (Sql::Text(text), Type::Timestamptz) => timestamp(text),
        (Sql::Text(text), Type::Array(_)) => array(text),
        (Sql::Text(text), _) => text.clone(),
        (Sql::Blob(bytes), Type::Vector(_)) => {
            let number = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]).to_string();
            format!("[{}]", bytes.chunks_exact(4).map(number).collect::<Vec<_>>().join(","))
        }
        (Sql::Blob(bytes), _) => bytes.iter().fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
    }
}

/// A row as `Failing row contains` shows it.
pub(in crate::sqlite) fn listed<'v>(values: impl Iterator<Item = (&'v Type, &'v Sql)>) -> String {
    values.map(|(ty, value)| shortened(pg_text(ty, value))).collect::<Vec<_>>().join(", ")
}

fn shortened(mut text: String) -> String {
    if text.len() > SHOWN_MAX {
        let end = (0..=SHOWN_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// `2026-01-02T03:04:05.120000+00:00` as `2026-01-02 03:04:05.12+00`.
fn timestamp(stored: &str) -> String {
    let Some((day, rest)) = stored.split_once('T') else { return stored.to_owned() };
    let time = rest.split('+').next().unwrap_or_default();
    let time = match time.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => time.to_owned(),
    };
    format!("{day} {time}+00")
}

fn array(stored: &str) -> String {
    let Ok(list) = serde_json::from_str::<serde_json::Value>(stored) else { return stored.to_owned() };
    braces(&list)
}

fn braces(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("{{{}}}", items.iter().map(braces).collect::<Vec<_>>().join(","))
        }
        serde_json::Value::Null => "NULL".to_owned(),
        serde_json::Value::Bool(true) => "t".to_owned(),
        serde_json::Value::Bool(false) => "f".to_owned(),
        serde_json::Value::String(text) => quoted(text),
        serde_json::Value::Number(_) | serde_json::Value::Object(_) => quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(['{', '}', ',', '"', '\\'])
        && !text.contains(char::is_whitespace);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_as_postgres_prints_them() {
        let text = |text: &str| Sql::Text(text.to_owned());
        for (ty, value, shown) in [
            (Type::Text, Sql::Null, "null"),
            (Type::Boolean, Sql::Integer(1), "t"),
            (Type::Numeric(8, 2), Sql::Real(1.5), "1.50"),
            (Type::Double, Sql::Real(2.0), "2"),
            (Type::Timestamptz, text("2026-01-02T03:04:05.120000+00:00"), "2026-01-02 03:04:05.12+00"),
            (Type::Timestamptz, text("2026-01-02T03:04:05.000000+00:00"), "2026-01-02 03:04:05+00"),
            (Type::Array(Box::new(Type::Text)), text("[\"a\",\"b c\",null,\"\"]"), "{a,\"b c\",NULL,\"\"}"),
            (Type::Bytea, Sql::Blob(vec![0, 255]), "\\x00ff"),
            (Type::Vector(1), Sql::Blob(1.5_f32.to_le_bytes().to_vec()), "[1.5]"),
        ] {
            assert_eq!(pg_text(&ty, &value), shown);
        }
        assert_eq!(
            listed([(&Type::Text, &text(&"x".repeat(70)))].into_iter()),
            format!("{}...", "x".repeat(64))
        );
    }
}
