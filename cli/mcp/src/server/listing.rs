//! Which operations a client is shown: few, because every one of them is paid for with each turn of its model.

use std::collections::BTreeSet;

use loki_operation::{Access, Allow};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::desk::Offer;

/// The operations that are listed from the beginning, of those that the project has.
pub const LEAN: [&str; 8] = [
    "loki_project_status",
    "loki_start_project",
    "loki_verify",
    "forge_db_introspect",
    "forge_db_query",
    "forge_apply",
    "forge_db_migrate",
    "forge_db_import",
];

/// The tool that finds others.
pub(super) const SEARCH: &str = "tools_search";

/// The tool that calls those that are not listed, and reads on where an answer was too long.
pub(super) const CALL: &str = "tools_call";

/// What is listed from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shown {
    /// The few of [`LEAN`].
    #[default]
    Lean,
    /// Everything that may be used.
    All,
    /// Everything of these groups.
    Groups(Vec<String>),
}

/// The offers that are listed: those that are shown from the beginning or have been switched `on`, as far as they
/// may be used.
pub(super) fn listed(offers: Vec<Offer>, shown: &Shown, on: &BTreeSet<String>, allow: &Allow) -> Vec<Offer> {
    let is_shown = |offer: &Offer| match shown {
        Shown::Lean => LEAN.contains(&offer.name.as_str()),
        Shown::All => true,
        Shown::Groups(groups) => groups.contains(&offer.group),
    };
    let wanted = |offer: &Offer| is_shown(offer) || on.contains(&offer.name);
    offers.into_iter().filter(|offer| may(allow, offer) && wanted(offer)).collect()
}

/// Whether an offer may be used.
pub(super) fn may(allow: &Allow, offer: &Offer) -> bool {
    allow.permits(&offer.group, offer.access)
}

/// An offer as the protocol lists it. Its output schema is left out unless it is asked for: no model is shown it,
/// and it is longer than everything else.
pub(super) fn tool(offer: &Offer, with_output: bool) -> Tool {
    let tool = Tool::new(offer.name.clone(), offer.summary.clone(), schema(&offer.input_schema))
        .with_annotations(hints(offer.access));
    match with_output {
        true => tool.with_raw_output_schema(schema(&offer.output_schema).into()),
        false => tool,
    }
}

/// The two tools that lead to all others.
pub(super) fn own_tools() -> [Tool; 2] {
    let search = json!({
        "type": "object",
        "properties": {"query": {"type": "string", "description": "Words, or a group's name; empty lists the groups."}},
    });
    let call = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "input": {"type": "object"}, "cursor": {"type": "string"}},
    });
    [
        Tool::new(SEARCH, "Finds more tools by words, with their input schemas.", schema(&search))
            .with_annotations(hints(Access::Read)),
        Tool::new(CALL, "Calls any tool by name, or reads on at a cursor.", schema(&call)),
    ]
}

/// A schema as the protocol wants it: an object that says that it describes one.
pub(super) fn schema(schema: &Value) -> Map<String, Value> {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.entry("type").or_insert_with(|| Value::from("object"));
    schema
}

/// What clients decide by whether to ask a person. The protocol takes a tool that says nothing for a destructive
/// one.
fn hints(access: Access) -> ToolAnnotations {
    match access {
        Access::Read => ToolAnnotations::new().read_only(true),
        Access::Write => ToolAnnotations::new().destructive(false),
        Access::Destructive => ToolAnnotations::new().destructive(true),
    }
}

#[cfg(test)]
mod tests;
