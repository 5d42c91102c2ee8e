//! Reading bodies.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use super::{Body, BodyKind, CallBody, Payload, csv};
use crate::error::RestError;
use crate::parse::percent::{Plus, decode};
use crate::wire::Media;
use crate::wire::json;

/// How a body is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Its type.
    pub media: &'a Media,
    /// Whether `columns` says which columns are written, so that rows may have different keys.
    pub columns_told: bool,
    /// The most rows.
    pub rows_max: usize,
}

/// The most fields of a form.
const FIELDS_MAX: usize = 1_000;

/// Reads the rows of a body that is written to a relation.
///
/// Fails with 400 PGRST102 where it cannot be read or is of another type, 22P05 where a text has the
/// character zero in it, and 413 where there are too many rows.
pub fn read(bytes: &Bytes, reading: Reading<'_>) -> Result<Body, RestError> {
    let payload = match reading.media {
        Media::Json => json_rows(bytes, reading)?,
        Media::Csv => from_rows(csv::rows(text(bytes)?, reading.rows_max)?),
        Media::Form => from_rows(vec![form_object(&fields(bytes)?)]),
        other => return Err(not_acceptable(other)),
    };
    Ok(Body::Rows(payload))
}

/// Reads the body that a function is called with.
///
/// Fails as [`read`] does.
pub fn read_call(bytes: &Bytes, reading: Reading<'_>) -> Result<Body, RestError> {
    let body = |kind, named, fields| CallBody { kind, named, fields, bytes: bytes.clone() };
    Ok(Body::Call(match reading.media {
        Media::Json if bytes.is_empty() => CallBody {
            kind: BodyKind::Json,
            named: Map::new(),
            fields: Vec::new(),
            bytes: Bytes::from_static(b"{}"),
        },
        Media::Json => {
            let text = text(bytes)?;
            let named = match json_value(text)? {
                Value::Object(named) => exact(named, text),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Map::new()
                }
            };
            body(BodyKind::Json, named, Vec::new())
        }
        Media::Form => {
            let fields = fields(bytes)?;
            body(BodyKind::Form, form_object(&fields), fields)
        }
        Media::Csv => {
            let mut rows = csv::rows(text(bytes)?, reading.rows_max)?;
            let named = if rows.len() == 1 { rows.pop().unwrap_or_default() } else { Map::new() };
            body(BodyKind::Csv, named, Vec::new())
        }
        Media::Text => body(BodyKind::Text, Map::new(), Vec::new()),
        Media::Xml => body(BodyKind::Xml, Map::new(), Vec::new()),
        Media::Binary => body(BodyKind::Binary, Map::new(), Vec::new()),
        other => return Err(not_acceptable(other)),
    }))
}

/// The error for a body that cannot be read.
pub(super) fn invalid(message: impl Into<String>) -> RestError {
    RestError::new(StatusCode::BAD_REQUEST, "PGRST102", message)
}

/// The error for a body with too many rows.
pub(super) fn too_many(rows_max: usize) -> RestError {
    let message = format!("Too many rows: at most {rows_max} in a request");
    RestError::new(StatusCode::PAYLOAD_TOO_LARGE, "PGRST102", message)
}

fn not_acceptable(media: &Media) -> RestError {
    invalid(format!("Content-Type not acceptable: {media}"))
}

fn text(bytes: &Bytes) -> Result<&str, RestError> {
    std::str::from_utf8(bytes).map_err(|_| invalid("Empty or invalid json"))
}

/// A value in which no text has the character zero: no database keeps it.
fn json_value(text: &str) -> Result<Value, RestError> {
    let value = serde_json::from_str(text).map_err(|_| invalid("Empty or invalid json"))?;
    if text.contains("\\u0000") && has_zero(&value) {
        return Err(RestError::new(StatusCode::BAD_REQUEST, "22P05", "unsupported Unicode escape sequence")
            .details("\\u0000 cannot be converted to text."));
    }
    Ok(value)
}

/// Whether a text in it has the character zero. The reader has bounded its depth.
fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_zero(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The members of the object `text`, with numbers that have more digits than are kept as text: every type of
/// a database reads them from that.
fn exact(mut named: Map<String, Value>, text: &str) -> Map<String, Value> {
    // Of a name that is there several times the last counts, as it does for the reader.
    let written: BTreeMap<String, &str> = json::members(text).collect();
    for (name, raw) in written {
        let lost = matches!(named.get(&name), Some(Value::Number(number))
            if number.is_f64() && digits(raw) != digits(&number.to_string()));
        if lost {
            named.insert(name, Value::from(raw));
        }
    }
    named
}

/// The digits of a number that matter, wherever its point is.
fn digits(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

fn json_rows(bytes: &Bytes, reading: Reading<'_>) -> Result<Payload, RestError> {
    let text = text(bytes)?;
    match json_value(text)? {
        Value::Array(items) => {
            if items.len() > reading.rows_max {
                return Err(too_many(reading.rows_max));
            }
            let rows = items.into_iter().map(|item| match item {
                Value::Object(row) => Ok(row),
                _ => Err(unequal()),
            });
            let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
            if !reading.columns_told && !uniform(&rows) {
                return Err(unequal());
            }
            Ok(Payload { rows, json: text.trim().to_owned() })
        }
        Value::Object(row) => Ok(Payload { rows: vec![row], json: format!("[{}]", text.trim()) }),
        // What is neither has no rows in it.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Ok(Payload { rows: Vec::new(), json: "[]".to_owned() })
        }
    }
}

fn unequal() -> RestError {
    invalid("All object keys must match")
}

/// Whether all rows have the same keys.
fn uniform(rows: &[Map<String, Value>]) -> bool {
    let Some((first, others)) = rows.split_first() else { return true };
    others.iter().all(|row| row.len() == first.len() && row.keys().all(|key| first.contains_key(key)))
}

/// Rows whose values are text.
fn from_rows(rows: Vec<Map<String, Value>>) -> Payload {
    let written: Vec<String> = rows.iter().map(object_text).collect();
    Payload { rows, json: format!("[{}]", written.join(",")) }
}

fn object_text(row: &Map<String, Value>) -> String {
    let members: Vec<String> =
        row.iter().map(|(name, value)| format!("{}:{value}", json::quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// The fields of a form, in order.
fn fields(bytes: &Bytes) -> Result<Vec<(String, String)>, RestError> {
    let unreadable = || invalid("Empty or invalid form");
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let mut fields = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        if fields.len() == FIELDS_MAX {
            return Err(invalid(format!("Too many fields: at most {FIELDS_MAX} in a form")));
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decoded = |text| decode(text, Plus::Space).filter(|text| !text.contains('\0'));
        fields.push((decoded(name).ok_or_else(unreadable)?, decoded(value).ok_or_else(unreadable)?));
    }
    Ok(fields)
}

/// A form as an object; of a field that is there several times the last counts.
fn form_object(fields: &[(String, String)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(media: &Media) -> Reading<'_> {
        Reading { media, columns_told: false, rows_max: 3 }
    }

    fn rows(media: Media, body: &'static str) -> Result<Payload, (u16, String)> {
        match read(&Bytes::from_static(body.as_bytes()), reading(&media)) {
            Ok(Body::Rows(payload)) => Ok(payload),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err((error.status.as_u16(), error.message)),
        }
    }

    #[test]
    fn json_keeps_its_text() {
        let payload = rows(Media::Json, r#" {"n": 12345678901234567890.123456789} "#).unwrap();
        assert_eq!(payload.json, r#"[{"n": 12345678901234567890.123456789}]"#);
        assert_eq!(payload.raw_rows(), [[("n".to_owned(), "12345678901234567890.123456789")]]);
        let payload = rows(Media::Json, r#"[{"a":1},{"a":2}]"#).unwrap();
        assert_eq!((payload.rows.len(), payload.json.as_str()), (2, r#"[{"a":1},{"a":2}]"#));
    }

    #[test]
    fn what_has_no_rows_in_it_adds_none() {
        for body in ["[]", "1", "null", "\"a\"", "true"] {
            assert_eq!(rows(Media::Json, body).unwrap(), Payload { rows: vec![], json: "[]".to_owned() });
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (media, body, status, message) in [
            (Media::Json, "", 400, "Empty or invalid json"),
            (Media::Json, "{", 400, "Empty or invalid json"),
            (Media::Json, "{} x", 400, "Empty or invalid json"),
            (Media::Json, "[1]", 400, "All object keys must match"),
            (Media::Json, r#"[{"a":1},{"b":1}]"#, 400, "All object keys must match"),
            (Media::Json, r#"[{"a":1},{"a":1,"b":1}]"#, 400, "All object keys must match"),
            (Media::Json, r#"{"a":"\u0000"}"#, 400, "unsupported Unicode escape sequence"),
            (Media::Json, r#"{"a":[{"\u0000":1}]}"#, 400, "unsupported Unicode escape sequence"),
            (Media::Json, "[{},{},{},{}]", 413, "Too many rows: at most 3 in a request"),
            (Media::Csv, "a\n1\n2\n3\n4\n", 413, "Too many rows: at most 3 in a request"),
            (Media::Csv, "a,b\n1\n", 400, "All lines must have same number of fields"),
            (Media::Form, "a=%ff", 400, "Empty or invalid form"),
            (Media::Text, "a", 400, "Content-Type not acceptable: text/plain"),
            (Media::Other("a/b".to_owned()), "a", 400, "Content-Type not acceptable: a/b"),
        ] {
            assert_eq!(rows(media, body), Err((status, message.to_owned())), "{body}");
        }
    }

    #[test]
    fn a_form_has_so_many_fields_and_no_more() {
        let most = Bytes::from("a=1&".repeat(FIELDS_MAX));
        assert!(read(&most, reading(&Media::Form)).is_ok());
        let more = Bytes::from("a=1&".repeat(FIELDS_MAX + 1));
        assert_eq!(read(&more, reading(&Media::Form)).unwrap_err().code, "PGRST102");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = Bytes::from("[".repeat(100_000));
        assert!(read(&deep, reading(&Media::Json)).is_err());
    }

    #[test]
    fn with_columns_told_keys_may_differ() {
        let body = Bytes::from_static(br#"[{"a":1},{"b":1}]"#);
        let told = Reading { columns_told: true, ..reading(&Media::Json) };
        assert!(read(&body, told).is_ok());
    }

    #[test]
    fn text_becomes_rows() {
        let payload = rows(Media::Csv, "id,name\n1,NULL\n2,\"x, \"\"y\"\"\"\n").unwrap();
        assert_eq!(payload.json, r#"[{"id":"1","name":null},{"id":"2","name":"x, \"y\""}]"#);
        let payload = rows(Media::Form, "a=1+2&b=%26&a=3").unwrap();
        assert_eq!(payload.json, r#"[{"a":"3","b":"&"}]"#);
    }

    #[test]
    fn arguments_keep_the_digits_of_their_numbers() {
        let body = Bytes::from_static(
            br#"{"a":12345678901234567890.125,"b":1.50,"c":9007199254740993,"d":1e3,"e":99999999999999999999}"#,
        );
        let Body::Call(call) = read_call(&body, reading(&Media::Json)).unwrap() else { panic!() };
        assert_eq!(
            Value::Object(call.named),
            serde_json::json!({
                "a": "12345678901234567890.125",
                "b": 1.5,
                "c": 9_007_199_254_740_993_i64,
                "d": 1000.0,
                "e": "99999999999999999999",
            })
        );
    }

    #[test]
    fn functions_take_any_body() {
        for (media, body, kind, named) in [
            (Media::Json, "", BodyKind::Json, 0),
            (Media::Json, r#"{"a":1,"b":2}"#, BodyKind::Json, 2),
            (Media::Json, "[1,2]", BodyKind::Json, 0),
            (Media::Form, "v=1&v=2", BodyKind::Form, 1),
            (Media::Text, "plain", BodyKind::Text, 0),
            (Media::Xml, "<a/>", BodyKind::Xml, 0),
            (Media::Binary, "\u{1}", BodyKind::Binary, 0),
        ] {
            let Body::Call(call) = read_call(&Bytes::from(body), reading(&media)).unwrap() else {
                panic!("{body}")
            };
            assert_eq!((call.kind, call.named.len()), (kind, named), "{body}");
        }
    }
}
