//! `loki forge`.

mod apply;
mod auth;
mod keys;
mod migrate;
mod serve;
mod token;

use std::sync::Arc;

use forge_auth::keys::{KeyRing, KeysError};
use forge_ops::Forge;
use loki_store::SystemClock;

use crate::config;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// Serve the backend that runs build, and look after its keys and the people who sign in
#[derive(clap::Args, Debug)]
pub(crate) struct ForgeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Serve(serve::ServeArgs),
    Migrate(migrate::MigrateArgs),
    Apply(apply::ApplyArgs),
    Auth(auth::AuthArgs),
    Keys(keys::KeysArgs),
    Token(token::TokenArgs),
}

pub(crate) fn forge(ui: &mut Ui, context: &Context, args: &ForgeArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::Serve(args) => serve::serve(ui, context, args),
        Action::Migrate(args) => migrate::migrate(ui, context, args),
        Action::Apply(args) => apply::apply(ui, context, args),
        Action::Auth(args) => auth::auth(ui, context, args),
        Action::Keys(args) => keys::keys(ui, context, args),
        Action::Token(args) => token::token(ui, context, args),
    }
}

/// The keys of the project's backend, made where there are none yet. A project without a backend has no keys.
fn ring(context: &Context) -> Result<KeyRing, CommandError> {
    let dir = context.project.state_dir().join("forge");
    let elsewhere = !context.config()?.get(&config::keys::FORGE_DATABASE_URL).is_empty();
    if !Forge::exists(&dir) && !elsewhere {
        return Err(CommandError::new(ErrorKind::NotFound, "this project has no backend yet")
            .hint("Build one: `loki start PRD.md`."));
    }
    KeyRing::open(&dir.join("keys"), Arc::new(SystemClock)).map_err(|error| of_keys(&error))
}

fn of_keys(error: &KeysError) -> CommandError {
    let (kind, hint) = match error {
        KeysError::File { .. } => (ErrorKind::Io, None),
        KeysError::Open { path } => (
            ErrorKind::State,
            Some(format!("Close it: `chmod 600 {}`. Then renew the keys.", path.display())),
        ),
        KeysError::Damaged { path, .. } => {
            (ErrorKind::State, Some(format!("Move `{}` away to have new keys made.", path.display())))
        }
        KeysError::Newer { .. } => (ErrorKind::State, Some("Use the newer loki.".to_owned())),
        KeysError::Unknown { .. } => (ErrorKind::NotFound, Some("`loki forge keys` lists them.".to_owned())),
        KeysError::Current { .. } => {
            (ErrorKind::Input, Some("Rotate first: `loki forge keys rotate`.".to_owned()))
        }
        KeysError::Busy(_) => (ErrorKind::Busy, Some("Try again.".to_owned())),
        KeysError::Full => (ErrorKind::Input, Some("Revoke one: `loki forge keys revoke KID`.".to_owned())),
        KeysError::Short | KeysError::Import | KeysError::Taken { .. } => (ErrorKind::Input, None),
        KeysError::Make | KeysError::Sign(_) => (ErrorKind::Machine, None),
    };
    let shown = CommandError::from_error(kind, error);
    match hint {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
