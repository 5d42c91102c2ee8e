//! `loki mcp servers`.

mod list;
mod login;
mod look;

use std::sync::{Arc, OnceLock};

use clap::Subcommand;

use crate::app::servers::{BeginError, LookedError, Reach, folder};
use crate::config::servers::Server;
use crate::confinement::{self, PolicyArgs, StrengthArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::nearest::nearest;
use crate::ui::Ui;

/// See, try and trust the MCP servers whose tools a run may use
///
/// Servers are named in your own configuration file, as `[mcp.servers.NAME]` with a `command` or a `url`. Their
/// tools are offered to a model once you have looked at them (`trust`), those that `allow` lists, and as they were
/// when you looked: a tool that has become another one is not called.
#[derive(clap::Args, Debug)]
pub(super) struct ServersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    List(list::ListArgs),
    Test(look::TestArgs),
    Trust(look::TrustArgs),
    Login(login::LoginArgs),
}

pub(super) fn servers(ui: &mut Ui, context: &Context, args: &ServersArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::List(args) => list::list(ui, context, args),
        Action::Test(args) => look::test(ui, context, args),
        Action::Trust(args) => look::trust(ui, context, args),
        Action::Login(args) => login::login(ui, context, args),
    }
}

/// The server that the settings call `name`.
fn named(context: &Context, name: &str) -> Result<Server, CommandError> {
    let config = context.config()?;
    let servers = config.servers();
    servers.get(name).cloned().ok_or_else(|| {
        let error = CommandError::new(ErrorKind::NotFound, format_args!("there is no MCP server `{name}`"));
        match nearest(name, servers.keys().map(String::as_str)) {
            Some(meant) => error.hint(format_args!("Did you mean `{meant}`?")),
            None => error.hint("Name one in your own file: `loki config path` says where it is."),
        }
    })
}

/// The way to it, from the project's sandbox.
fn reach(context: &Context, name: &str, server: &Server) -> Reach {
    let (there, made) = (context.clone(), OnceLock::new());
    let maker = move || {
        let make = || {
            let policy = confinement::policy(&there, &PolicyArgs::default())?;
            confinement::workshop(&there, policy, &StrengthArgs::default())
        };
        made.get_or_init(|| make().map(Arc::new).map_err(|error: CommandError| error.message)).clone()
    };
    Reach::new(context, name, server, Arc::new(maker))
}

/// Where what was looked at is kept.
fn place(context: &Context) -> Result<std::path::PathBuf, CommandError> {
    folder(context).ok_or_else(|| {
        CommandError::new(ErrorKind::Config, "no folder for the user's own configuration is known")
            .hint("Set HOME or XDG_CONFIG_HOME.")
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source))
}

fn unbegun(name: &str, error: &BeginError) -> CommandError {
    let kind = match error {
        BeginError::Variable { .. } | BeginError::Address(_) | BeginError::Hosts(_) | BeginError::Within => {
            ErrorKind::Config
        }
        BeginError::Program(_) => ErrorKind::NotFound,
        BeginError::Sandbox(_) => ErrorKind::Machine,
        BeginError::Client { .. } => ErrorKind::Io,
    };
    let shown =
        CommandError::new(kind, format_args!("the MCP server `{name}` cannot be used")).caused_by(error);
    match error {
        BeginError::Variable { variable } => shown.hint(format_args!("Set {variable}.")),
        BeginError::Sandbox(_) => shown.hint("`loki sandbox diagnose` says what is missing."),
        BeginError::Client { source: loki_mcp::client::ClientError::Unauthorized, .. } => {
            shown.hint(format_args!("Sign in to it: `loki mcp servers login {name}`."))
        }
        _ => shown.hint(format_args!(
            "It runs in the project's sandbox: `read`, `hosts` and `writes` of `mcp.servers.{name}` say what it may."
        )),
    }
}

fn unkept(error: &LookedError) -> CommandError {
    CommandError::from_error(ErrorKind::Io, error).hint("`loki mcp servers trust NAME` writes it anew.")
}
