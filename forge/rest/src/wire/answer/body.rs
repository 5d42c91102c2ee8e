//! Bodies: the JSON that an engine gives, in the type that is asked for.

use bytes::Bytes;

use super::{csv, geojson};
use crate::model::Returns;
use crate::plan::{Node, Plan, Returning, Shape};
use crate::wire::accept::{Media, NullMembers};
use crate::wire::json;

/// Whether there is one value, or one column of values, which can be sent without anything around it.
pub(super) fn is_bare(plan: &Plan) -> bool {
    if let Plan::Call(call) = plan
        && matches!(call.function.returns, Returns::Value(_) | Returns::Values(_))
    {
        return true;
    }
    node(plan).is_some_and(|node| node.outputs.len() == 1 && node.embeds.is_empty())
}

/// The node whose rows come back.
pub(super) fn node(plan: &Plan) -> Option<&Node> {
    let returning = match plan {
        Plan::Read(read) => return Some(&read.root),
        Plan::Call(call) => return Some(&call.root),
        Plan::Insert(insert) => &insert.returning,
        Plan::Update(update) => &update.returning,
        Plan::Delete(delete) => &delete.returning,
    };
    match returning {
        Returning::Rows(node) => Some(node),
        Returning::Nothing | Returning::Key(_) => None,
    }
}

/// The body of the answer: `body` is what the engine gave.
pub(super) fn render(media: &Media, plan: &Plan, shape: Shape, body: String) -> Bytes {
    match media {
        Media::Object(NullMembers::Kept) => Bytes::from(single(shape, &body).to_owned()),
        Media::Object(NullMembers::Stripped) => Bytes::from(json::strip_nulls(single(shape, &body))),
        Media::Stripped => Bytes::from(json::strip_nulls(&body)),
        Media::Csv => Bytes::from(csv::render(shape, node(plan), plan, &body)),
        Media::GeoJson => Bytes::from(geojson::render(shape, &body)),
        Media::Text | Media::Xml | Media::Binary => bare(media, shape, &body),
        Media::Json | Media::OpenApi | Media::Form | Media::Any | Media::Plan { .. } | Media::Other(_) => {
            Bytes::from(body)
        }
    }
}

/// The only row of a list. The engine has made sure that there is one.
fn single(shape: Shape, body: &str) -> &str {
    match shape {
        Shape::Rows | Shape::Values => json::items(body).next().unwrap_or("null"),
        Shape::Row | Shape::Value | Shape::Nothing => body,
    }
}

/// The rows of a body, whatever its shape.
pub(super) fn rows(shape: Shape, body: &str) -> Vec<&str> {
    match shape {
        Shape::Rows | Shape::Values => json::items(body).collect(),
        Shape::Row | Shape::Value => vec![body.trim()],
        Shape::Nothing => Vec::new(),
    }
}

/// The values as they are, one behind the other.
fn bare(media: &Media, shape: Shape, body: &str) -> Bytes {
    let mut bytes = Vec::new();
    for row in rows(shape, body) {
        let value = match shape {
            Shape::Rows | Shape::Row => json::members(row).next().map_or("null", |(_, value)| value),
            Shape::Value | Shape::Values | Shape::Nothing => row,
        };
        if value == "null" {
            continue;
        }
        let text = json::unquoted(value);
        match text.strip_prefix("\\x").filter(|_| *media == Media::Binary).and_then(from_hex) {
            Some(decoded) => bytes.extend(decoded),
            None => bytes.extend(text.into_bytes()),
        }
    }
    Bytes::from(bytes)
}

/// Bytes written as pairs of hexadecimal digits.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}
