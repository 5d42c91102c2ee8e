//! `loki forge auth`.

mod grants;
mod mail;
mod providers;
mod service;
mod sessions;
mod users;

use super::keys;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

/// Look after the people who sign in to the application, and after how they do
///
/// Works on the project's database itself, whether or not the backend is served at the time. Every change leaves
/// an entry in the audit.
#[derive(clap::Args, Debug)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    Users(users::UsersArgs),
    Sessions(sessions::SessionsArgs),
    Grants(grants::GrantsArgs),
    Providers(providers::ProvidersArgs),
    Mail(mail::MailArgs),
    Keys(keys::KeysArgs),
}

pub(super) fn auth(ui: &mut Ui, context: &Context, args: &AuthArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::Users(args) => users::users(ui, context, args),
        Action::Sessions(args) => sessions::sessions(ui, context, args),
        Action::Grants(args) => grants::grants(ui, context, args),
        Action::Providers(args) => providers::providers(ui, context, args),
        Action::Mail(args) => mail::mail(ui, context, args),
        Action::Keys(args) => keys::keys(ui, context, args),
    }
}

#[cfg(test)]
mod tests;
