//! `loki __reference mcp`: writes `docs/reference/mcp.md` from the operations themselves.

use std::fmt::Write;

use loki_mcp::LEAN;
use loki_operation::{Access, Available, Cost, Info};
use serde_json::Value;

use crate::app::desk::{addresses, groups, infos, prompts_of};

/// The reference of what `loki mcp` offers.
pub(crate) fn text() -> String {
    let mut text = String::from(
        "# MCP reference\n\nGenerated from the program; regenerate with \
         `cargo run -- __reference mcp > docs/reference/mcp.md`. How to use it: [the guide](../guide/mcp.md).\n\n\
         Tools that are listed from the beginning are marked with *. Tools about the backend are there where the \
         project has one.\n\n",
    );
    for group in groups() {
        let (here, missing): (Vec<&Info>, Vec<&Info>) =
            infos().filter(|info| info.group == group).partition(|info| info.is_here());
        push(&mut text, format_args!("## {group}\n\n"));
        here.iter().for_each(|info| push_operation(&mut text, info));
        if !missing.is_empty() {
            push(&mut text, format_args!("Not yet:\n\n"));
            missing.iter().for_each(|info| push_missing(&mut text, info));
            text.push('\n');
        }
    }
    push(&mut text, format_args!("## Resources\n\n"));
    for resource in addresses() {
        push(
            &mut text,
            format_args!("- `{}`: {} (`{}`)\n", resource.uri, resource.description, resource.mime_type),
        );
    }
    push(&mut text, format_args!("\n## Prompts\n\n"));
    for prompt in prompts_of(true) {
        let arguments: Vec<String> = prompt
            .arguments
            .iter()
            .map(|argument| {
                format!("`{}`{}", argument.name, if argument.required { "" } else { " (optional)" })
            })
            .collect();
        let takes = if arguments.is_empty() { "nothing".to_owned() } else { arguments.join(", ") };
        push(&mut text, format_args!("- `{}`: {}. Takes {takes}.\n", prompt.name, prompt.description));
    }
    format!("{}\n", text.trim_end())
}

fn push_operation(text: &mut String, info: &Info) {
    let mark = if LEAN.contains(&info.name) { " *" } else { "" };
    push(text, format_args!("### `{}`{mark}\n\n{}\n\n", info.name, info.summary));
    let access = match info.access {
        Access::Read => "reads",
        Access::Write => "writes: `--allow write`",
        Access::Destructive => "may lose something: `--allow write,destructive`, and a person decides",
    };
    let cost = match info.cost {
        Cost::Free => "free",
        Cost::Instant => "milliseconds",
        Cost::Proof => "seconds: something is proven",
        Cost::Run => "starts work that may spend money",
    };
    let again = if info.idempotent { "asked twice is asked once" } else { "asked twice, it happens twice" };
    push(text, format_args!("{access}; {cost}; {again}.\n\n"));
    let schema = (info.input_schema)();
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, property) in &properties {
        let optional = if required.contains(&Value::from(name.as_str())) { "" } else { ", optional" };
        let about = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let colon = if about.is_empty() { "" } else { ": " };
        push(text, format_args!("- `{name}` ({}{optional}){colon}{about}\n", kind(property)));
    }
    if !properties.is_empty() {
        text.push('\n');
    }
}

fn push_missing(text: &mut String, info: &Info) {
    if let Available::NotYet { service, instead } = info.available {
        push(text, format_args!("- `{}`: {} It needs {service}. {instead}\n", info.name, info.summary));
    }
}

/// What a property is, in a word.
fn kind(property: &Value) -> String {
    if let Some(words) = property.get("enum").and_then(Value::as_array) {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ");
    }
    match property.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Some(_) | None => "anything".to_owned(),
    }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(piece).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_reference_is_current() {
        let checked_in = include_str!("../../../../../docs/reference/mcp.md");
        assert!(
            checked_in == text(),
            "docs/reference/mcp.md is stale: cargo run -- __reference mcp > docs/reference/mcp.md"
        );
    }
}
