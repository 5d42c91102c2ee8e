//! `loki mcp servers list`.

use serde_json::{Value, json};

use super::{place, unkept};
use crate::app::servers::{Looked, Offer, offers, way_digest};
use crate::config::servers::{Server, Way};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Print the servers there are, and what of their tools is offered
///
/// Starts nothing: it tells what is set, and what you have looked at.
#[derive(clap::Args, Debug)]
pub(super) struct ListArgs {}

/// What is to be said of a server.
struct Entry {
    name: String,
    way: String,
    state: &'static str,
    /// Offered tools, all tools, tokens of what is offered.
    tools: Option<(usize, usize, usize)>,
}

pub(super) fn list(ui: &mut Ui, context: &Context, _: &ListArgs) -> Result<Status, CommandError> {
    let config = context.config()?;
    let folder = place(context)?;
    let mut entries = Vec::new();
    for (name, server) in config.servers() {
        let looked = Looked::read(&folder, name).map_err(|error| unkept(&error))?;
        entries.push(entry(name, server, looked.as_ref()));
    }
    if ui.is_json() {
        ui.result_json(&entries.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Status::Success);
    }
    let rows: Vec<[String; 4]> = entries.iter().map(row).collect();
    ui.result_text(&table(&rows))?;
    if entries.is_empty() {
        ui.status(format_args!("No MCP server is named. `loki config path` says where yours belong."))?;
    }
    Ok(Status::Success)
}

fn entry(name: &str, server: &Server, looked: Option<&Looked>) -> Entry {
    let way = match &server.way {
        Way::Program(program) => program.command.clone(),
        Way::Address { url, .. } => host(url),
    };
    let state = match looked {
        _ if !server.enabled => "off",
        None => "not trusted",
        Some(looked) if looked.way != way_digest(&server.way) => "changed since it was trusted",
        Some(_) => "trusted",
    };
    let tools = looked.map(|looked| {
        let offered = offers(server, looked);
        let offered = offered.iter().filter(|(_, offer)| *offer == Offer::Offered);
        let tokens = offered.clone().map(|(seen, _)| seen.tokens).sum();
        (offered.count(), looked.tools.len(), tokens)
    });
    Entry { name: name.to_owned(), way, state, tools }
}

/// An address may hold what is nobody's business.
fn host(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "?".to_owned())
}

fn row(entry: &Entry) -> [String; 4] {
    let tools = entry.tools.map_or_else(String::new, |(offered, all, tokens)| {
        format!("{offered} of {all} tools offered, {tokens} tokens")
    });
    [entry.name.clone(), entry.way.clone(), entry.state.to_owned(), tools]
}

fn as_json(entry: &Entry) -> Value {
    let (offered, all, tokens) = entry.tools.unwrap_or_default();
    json!({
        "name": entry.name, "way": entry.way, "state": entry.state,
        "tools_offered": offered, "tools": all, "tokens": tokens,
    })
}
