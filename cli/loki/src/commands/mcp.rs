//! `loki mcp`.

mod budget;
mod http;
pub(crate) mod reference;
mod servers;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Subcommand;
use loki_mcp::{Server, Settings, Shown};

use crate::app::desk::{ProjectDesk, groups};
use crate::config::keys;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Offer loki and the project's backend to agents, over MCP
///
/// Speaks the Model Context Protocol on standard input and output, for an agent that starts it, or over HTTP on
/// this machine. Lists few tools, and finds the rest when they are asked for. Reading is always allowed;
/// what changes something is not, unless `--allow` says so, and what may lose data waits for a person all the same.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<McpCommand>,
}

#[derive(clap::Args, Debug)]
struct ServeArgs {
    /// Serve over HTTP on this machine, at this port or a free one, in place of standard input and output
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    http: Option<SocketAddr>,
    #[command(flatten)]
    listing: ListingArgs,
    /// List output schemas, and send structured answers whole: for programs rather than models
    #[arg(long)]
    output_schemas: bool,
}

/// What is listed, and what may be used.
#[derive(clap::Args, Debug)]
struct ListingArgs {
    /// What is listed from the beginning: `lean`, `all`, or groups such as `database,auth`
    #[arg(long, value_name = "WHAT", default_value = "lean")]
    tools: String,
    /// What clients may change: `none`, `write`, or `write,destructive` (default: the setting `mcp.allow`)
    #[arg(long, value_name = "WHAT")]
    allow: Option<String>,
}

#[derive(Subcommand, Debug)]
enum McpCommand {
    Budget(budget::BudgetArgs),
    Servers(servers::ServersArgs),
}

pub(crate) fn mcp(ui: &mut Ui, context: &Context, args: &McpArgs) -> Result<Status, CommandError> {
    match &args.command {
        Some(McpCommand::Budget(args)) => budget::budget(ui, context, args),
        Some(McpCommand::Servers(args)) => servers::servers(ui, context, args),
        None => serve(ui, context, &args.serve),
    }
}

fn serve(ui: &mut Ui, context: &Context, args: &ServeArgs) -> Result<Status, CommandError> {
    let settings = args.listing.settings(context, args.output_schemas)?;
    let desk = Arc::new(ProjectDesk::new(context));
    if let Some(address) = args.http {
        return http::serve(ui, context, desk, settings, address);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let session = Server::new(desk, settings).session();
    let served = runtime.block_on(loki_mcp::serve_on(session, tokio::io::stdin(), tokio::io::stdout()));
    // A read of standard input that never ends must not keep the program alive.
    runtime.shutdown_background();
    match served {
        Ok(()) => Ok(Status::Success),
        Err(error) => Err(CommandError::from_error(ErrorKind::Io, &error)),
    }
}

impl ListingArgs {
    fn settings(&self, context: &Context, with_output_schemas: bool) -> Result<Settings, CommandError> {
        let allow = match &self.allow {
            Some(words) => keys::mcp::allowed(words),
            None => keys::mcp::allowed(&context.config()?.get(&keys::mcp::ALLOW)),
        };
        let wrong = |what: String| CommandError::new(ErrorKind::Usage, what);
        let allow = allow.map_err(|why| wrong(format!("cannot allow what is asked for: {why}")))?;
        let shown = shown(&self.tools).map_err(wrong)?;
        Ok(Settings { shown, allow, with_output_schemas })
    }
}

fn shown(text: &str) -> Result<Shown, String> {
    let known = groups();
    let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["lean"] => Ok(Shown::Lean),
        ["all"] => Ok(Shown::All),
        [] => Err(format!("expected lean, all, or groups: {}", known.join(", "))),
        words => match words.iter().find(|word| !known.contains(word)) {
            Some(word) => Err(format!(
                "there is no group `{word}`: expected lean, all, or some of {}",
                known.join(", ")
            )),
            None => Ok(Shown::Groups(words.iter().map(|word| (*word).to_owned()).collect())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_those_that_there_are() {
        assert_eq!(shown("lean"), Ok(Shown::Lean));
        assert_eq!(shown("all"), Ok(Shown::All));
        let groups = vec!["database".to_owned(), "run".to_owned()];
        assert_eq!(shown("database, run"), Ok(Shown::Groups(groups)));
        for text in ["", "lean,all", "databases", "database;run"] {
            assert!(shown(text).unwrap_err().contains("database"), "{text}");
        }
    }
}
