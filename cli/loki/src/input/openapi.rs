//! The operations of an `OpenAPI` 3 or Swagger 2 description, one line for each.
//!
//! Nothing is fetched: what a reference names in another document is told by its name.

mod schema;

use serde_json::{Map, Value};

use super::checklist::{self, cut};
use super::tidy::one_line;
use super::{CHECKLIST_ITEM_BYTES_MAX as ITEM_BYTES_MAX, CHECKLIST_ITEMS_MAX as ITEMS_MAX};
use schema::named;

/// Methods in the order they are told in.
const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
/// Parameters, answers and requirements of one operation that are told.
const PARTS_MAX: usize = 12;
/// References that are followed one after the other.
const HOPS_MAX: usize = 8;
/// Bytes of a path or a name.
const NAME_BYTES_MAX: usize = 120;

/// True for a description of an interface: it names its version, and has something to describe.
pub(super) fn is(root: &Value) -> bool {
    let version = |key: &str| match root.get(key) {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Number(version)) => version.to_string(),
        _ => String::new(),
    };
    let known = version("openapi").starts_with("3") || version("swagger").starts_with("2");
    known && ["paths", "webhooks", "components", "definitions"].iter().any(|key| root.get(key).is_some())
}

/// One item for each operation.
pub(super) fn checklist(root: &Value) -> Vec<String> {
    let mut items = Vec::new();
    let mut count = 0;
    for (section, lead) in [("paths", ""), ("webhooks", "webhook ")] {
        for (path, item) in root.get(section).and_then(Value::as_object).into_iter().flatten() {
            let Some(item) = resolve(root, item).and_then(Value::as_object) else { continue };
            for (method, operation) in operations(item) {
                count += 1;
                if items.len() < ITEMS_MAX {
                    let operation = Operation { root, item, operation };
                    items.push(format!(
                        "{lead}`{} {}`{}",
                        method.to_uppercase(),
                        shown(path),
                        operation.told()
                    ));
                }
            }
        }
    }
    checklist::bounded(items, count, "operations")
}

fn operations(item: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &Map<String, Value>)> {
    METHODS.into_iter().filter_map(|method| Some((method, item.get(method)?.as_object()?)))
}

/// What a reference leads to, or the value itself where it is none. `None` where it leads nowhere: in a
/// circle, to what is not there, or out of the document.
fn resolve<'a>(root: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let mut value = value;
    for _ in 0..HOPS_MAX {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
        value = root.pointer(&reference.strip_prefix('#')?.replace("%7B", "{").replace("%7D", "}"))?;
    }
    None
}

/// A name or path without what would break its line or its marks.
fn shown(name: &str) -> String {
    cut(one_line(name).replace('`', "'"), NAME_BYTES_MAX)
}

struct Operation<'a> {
    root: &'a Value,
    /// The path it belongs to.
    item: &'a Map<String, Value>,
    operation: &'a Map<String, Value>,
}

/// A parameter, wherever it was written.
struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    value: &'a Value,
}

impl<'a> Operation<'a> {
    /// What stands behind its method and path.
    fn told(&self) -> String {
        let parameters = self.parameters();
        let mut told = String::new();
        if let Some(body) = self.body(&parameters) {
            told.push_str(&format!(" takes {body} and"));
        }
        told.push_str(&format!(" answers {}", self.answers()));
        let shown: Vec<String> = parameters.iter().filter_map(parameter).take(PARTS_MAX).collect();
        if !shown.is_empty() {
            told.push_str(&format!("; parameters: {}", shown.join(", ")));
        }
        if let Some(security) = self.security() {
            told.push_str(&format!("; security: {security}"));
        }
        let summary = ["summary", "operationId"].iter().find_map(|key| self.operation.get(*key)?.as_str());
        if let Some(summary) = summary.map(one_line).filter(|summary| !summary.is_empty()) {
            told.push_str(&format!("; {summary}"));
        }
        if self.operation.get("deprecated").and_then(Value::as_bool) == Some(true) {
            told.push_str(" (deprecated)");
        }
        cut(told, ITEM_BYTES_MAX)
    }

    /// The parameters of the path and of the operation; one of the operation replaces its namesake.
    fn parameters(&self) -> Vec<Parameter<'a>> {
        let mut all: Vec<Parameter<'a>> = Vec::new();
        for list in [self.operation, self.item] {
            let list = list.get("parameters").and_then(Value::as_array);
            // Enough to tell the first of each sort; a longer list is not an interface for people.
            for value in list.into_iter().flatten().take(4 * PARTS_MAX) {
                let Some(value) = resolve(self.root, value) else { continue };
                let text = |key: &str| value.get(key).and_then(Value::as_str);
                let (Some(name), Some(place)) = (text("name"), text("in")) else { continue };
                if !all.iter().any(|known| (known.name, known.place) == (name, place)) {
                    all.push(Parameter { name, place, value });
                }
            }
        }
        all
    }

    fn body(&self, parameters: &[Parameter<'_>]) -> Option<String> {
        if let Some(body) = self.operation.get("requestBody") {
            let Some(body) = resolve(self.root, body) else { return Some(named(body)) };
            let optional = body.get("required").and_then(Value::as_bool) != Some(true);
            let schema = content(body).unwrap_or_else(|| "a body".to_owned());
            return Some(if optional { format!("{schema} (optional)") } else { schema });
        }
        if let Some(body) = parameters.iter().find(|parameter| parameter.place == "body") {
            return Some(body.value.get("schema").map_or_else(|| "a body".to_owned(), named));
        }
        let form: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter.place == "formData")
            .map(|parameter| format!("`{}`", shown(parameter.name)))
            .take(PARTS_MAX)
            .collect();
        (!form.is_empty()).then(|| format!("a form with {}", form.join(", ")))
    }

    /// `200 with a list of Item, 404 with Error`.
    fn answers(&self) -> String {
        let answers = self.operation.get("responses").and_then(Value::as_object);
        let mut told: Vec<String> = Vec::new();
        for (status, answer) in answers.into_iter().flatten().take(PARTS_MAX) {
            let status = if status == "default" { "anything else".to_owned() } else { shown(status) };
            let schema = match resolve(self.root, answer) {
                Some(answer) => content(answer).or_else(|| answer.get("schema").map(named)),
                None => Some(named(answer)),
            };
            told.push(match schema {
                Some(schema) => format!("{status} with {schema}"),
                None => status,
            });
        }
        if told.is_empty() { "as its description says".to_owned() } else { told.join(", ") }
    }

    /// Which schemes let a caller in; `None` where the document says nothing about it.
    fn security(&self) -> Option<String> {
        let list = self.operation.get("security").or_else(|| self.root.get("security"))?.as_array()?;
        let ways: Vec<String> = list.iter().take(PARTS_MAX).filter_map(Value::as_object).map(way).collect();
        Some(if ways.is_empty() { "none".to_owned() } else { ways.join(" or ") })
    }
}

/// `oauth (items:read) and apiKey`; nothing is asked for by an empty one.
fn way(schemes: &Map<String, Value>) -> String {
    let told = schemes.iter().take(PARTS_MAX).map(|(scheme, scopes)| {
        let scopes = scopes.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str);
        let scopes: Vec<String> = scopes.take(PARTS_MAX).map(shown).collect();
        let scheme = shown(scheme);
        if scopes.is_empty() { scheme } else { format!("{scheme} ({})", scopes.join(", ")) }
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "none".to_owned() } else { told.join(" and ") }
}

/// `query `limit` (integer)`; none for what is told as the body.
fn parameter(parameter: &Parameter<'_>) -> Option<String> {
    if matches!(parameter.place, "body" | "formData") {
        return None;
    }
    let kind = match parameter.value.get("schema") {
        Some(schema) => named(schema),
        None => named(parameter.value),
    };
    let required = parameter.value.get("required").and_then(Value::as_bool) == Some(true);
    let required = if required { ", required" } else { "" };
    Some(format!("{} `{}` ({kind}{required})", shown(parameter.place), shown(parameter.name)))
}

/// The schema of a body: as JSON, where there are several forms of it.
fn content(body: &Value) -> Option<String> {
    let forms = body.get("content")?.as_object()?;
    let json = forms.iter().find(|(form, _)| form.contains("json"));
    let (form, body) = json.or_else(|| forms.iter().next())?;
    Some(body.get("schema").map_or_else(|| shown(form), named))
}

#[cfg(test)]
mod tests;
