//! GeoJSON: rows as features. The first geometry among a row's values is where it is.

use super::body;
use crate::plan::Shape;
use crate::wire::json;

/// The types of geometries.
const GEOMETRIES: [&str; 7] =
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"];

/// The rows as a collection of features.
pub(super) fn render(shape: Shape, rows: &str) -> String {
    let features: Vec<String> = body::rows(shape, rows).into_iter().map(feature).collect();
    format!("{{\"type\":\"FeatureCollection\",\"features\":[{}]}}", features.join(","))
}

fn feature(row: &str) -> String {
    let mut geometry = None;
    let mut properties = Vec::new();
    for (name, value) in json::members(row) {
        if geometry.is_none() && is_geometry(value) {
            geometry = Some(value);
        } else {
            properties.push(format!("{}:{value}", json::quoted(&name)));
        }
    }
    format!(
        "{{\"type\":\"Feature\",\"geometry\":{},\"properties\":{{{}}}}}",
        geometry.unwrap_or("null"),
        properties.join(",")
    )
}

fn is_geometry(value: &str) -> bool {
    let mut typed = false;
    let mut placed = false;
    for (name, value) in json::members(value) {
        match name.as_str() {
            "type" => typed = GEOMETRIES.contains(&json::unquoted(value).as_str()),
            "coordinates" | "geometries" => placed = true,
            _ => {}
        }
    }
    typed && placed
}
