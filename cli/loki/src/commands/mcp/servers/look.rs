//! `loki mcp servers test` and `loki mcp servers trust`.

use loki_mcp::client::{Definition, shown};
use serde_json::{Value, json};

use super::{named, place, reach, runtime, unbegun, unkept};
use crate::app::servers::{Looked, Offer, Seen, offers};
use crate::config::servers::Server;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Bytes of a description that are shown.
const DESCRIPTION_BYTES_MAX: usize = 2_000;

/// Begin with a server and print its tools, as far as they changed since they were looked at
///
/// Changes nothing. What a server says is printed so that nothing in it is hidden.
#[derive(clap::Args, Debug)]
pub(super) struct TestArgs {
    /// The server's name in the settings
    name: String,
}

/// Print the tools of a server, and have them offered to models as they are now
///
/// What you see is what a model will be told. A tool that the server defines otherwise later is not called until
/// you have looked at it again.
#[derive(clap::Args, Debug)]
pub(super) struct TrustArgs {
    /// The server's name in the settings
    name: String,
}

pub(super) fn test(ui: &mut Ui, context: &Context, args: &TestArgs) -> Result<Status, CommandError> {
    look(ui, context, &args.name).map(|_| Status::Success)
}

pub(super) fn trust(ui: &mut Ui, context: &Context, args: &TrustArgs) -> Result<Status, CommandError> {
    let looked = look(ui, context, &args.name)?;
    looked.keep(&place(context)?, &args.name).map_err(|error| unkept(&error))?;
    ui.status(format_args!("Trusted `{}` with {} tools as they are now.", args.name, looked.tools.len()))?;
    Ok(Status::Success)
}

/// Begins with a server and prints what it lists.
fn look(ui: &mut Ui, context: &Context, name: &str) -> Result<Looked, CommandError> {
    let server = named(context, name)?;
    let before = Looked::read(&place(context)?, name).unwrap_or_default();
    let reach = reach(context, name, &server);
    let listing = runtime()?.block_on(async {
        let begun = reach.begin().await.map_err(|error| unbegun(name, &error))?;
        let listing = begun.client.tools().await;
        begun.client.close().await;
        listing.map_err(|error| CommandError::from_error(ErrorKind::Io, &error))
    })?;
    let looked = Looked::now(name, &server.way, listing.tools.into_values());
    print(ui, &server, &looked, before.as_ref())?;
    for (tool, why) in &listing.unusable {
        ui.warning(format_args!("`{tool}` cannot be offered: {why}"))?;
    }
    Ok(looked)
}

fn print(ui: &mut Ui, server: &Server, looked: &Looked, before: Option<&Looked>) -> Result<(), CommandError> {
    let offers = offers(server, looked);
    if ui.is_json() {
        let tools: Vec<Value> = offers.iter().map(|(seen, offer)| as_json(seen, *offer, before)).collect();
        return Ok(ui.result_json(&tools)?);
    }
    for (seen, offer) in &offers {
        let Definition { name, description, .. } = &seen.definition;
        let name = shown::line(name, 128);
        ui.result(format_args!("{name}  {}, {}, {} tokens", state(seen, before), said(*offer), seen.tokens))?;
        let (words, _) = shown::cut(&shown::visible(description), DESCRIPTION_BYTES_MAX);
        for line in words.lines() {
            ui.result(format_args!("    {line}"))?;
        }
    }
    let gone = before.into_iter().flat_map(|before| &before.tools);
    for seen in gone.filter(|seen| looked.tool(&seen.definition.name).is_none()) {
        ui.result(format_args!("{}  gone", shown::line(&seen.definition.name, 128)))?;
    }
    Ok(())
}

/// What has become of a tool since it was looked at.
fn state(seen: &Seen, before: Option<&Looked>) -> &'static str {
    match before.and_then(|before| before.tool(&seen.definition.name)) {
        None => "new",
        Some(there) if there.definition.digest == seen.definition.digest => "as it was",
        Some(_) => "CHANGED",
    }
}

fn said(offer: Offer) -> &'static str {
    match offer {
        Offer::Offered => "offered",
        Offer::NotAllowed => "not allowed",
        Offer::TooMuch => "over the tokens of definitions",
    }
}

fn as_json(seen: &Seen, offer: Offer, before: Option<&Looked>) -> Value {
    json!({
        "name": shown::line(&seen.definition.name, 128),
        "description": shown::visible(&seen.definition.description),
        "state": state(seen, before),
        "offered": offer == Offer::Offered,
        "why": said(offer),
        "tokens": seen.tokens,
        "digest": seen.definition.digest,
    })
}
