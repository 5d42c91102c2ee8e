//! `loki forge auth grants`.

use forge_auth::Actor;
use forge_auth::admin::{Grant, Subject};
use forge_auth::{Auth, AuthError};
use serde_json::{Value, json};

use super::service::with_people;
use super::users::line;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Say what roles and users may do with resources of the application
///
/// What is granted is in access tokens from their next refresh on; policies ask for it by
/// `auth.can('invoices', 'write')`. `control` includes `write`, and `write` includes `read`.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List everything that is granted
    List,
    /// Grant something
    Add(GrantArgs),
    /// Take something back
    Remove(GrantArgs),
}

#[derive(clap::Args, Debug)]
struct GrantArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// The table, bucket or function, or `*` for all
    resource: String,
    /// How much of it
    #[arg(value_parser = ["read", "write", "control", "*"])]
    access: String,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct SubjectArgs {
    /// Everybody with this role of the application
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The user with this id or address
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

pub(super) fn grants(ui: &mut Ui, context: &Context, args: &GrantsArgs) -> Result<Status, CommandError> {
    let by = Actor::operator();
    match &args.action {
        None | Some(Action::List) => {
            let all = with_people(context, async |auth| auth.grants().await)?;
            show(ui, &all)?;
        }
        Some(Action::Add(args)) => {
            let grant = with_people(context, async |auth| {
                let grant = meant(auth, args).await?;
                auth.grant(&by, &grant).await.map(|()| grant)
            })?;
            say(ui, "granted", &grant)?;
        }
        Some(Action::Remove(args)) => {
            let grant = with_people(context, async |auth| {
                let grant = meant(auth, args).await?;
                auth.revoke_grant(&by, &grant).await.map(|()| grant)
            })?;
            say(ui, "revoked", &grant)?;
        }
    }
    Ok(Status::Success)
}

async fn meant(auth: &Auth, args: &GrantArgs) -> Result<Grant, AuthError> {
    let subject = match (&args.subject.role, &args.subject.user) {
        (Some(role), _) => Subject::Role(role.clone()),
        (None, user) => Subject::User(auth.find_user(user.as_deref().unwrap_or_default()).await?.id),
    };
    Ok(Grant { subject, resource: args.resource.clone(), access: args.access.clone() })
}

fn say(ui: &mut Ui, what: &str, grant: &Grant) -> Result<(), CommandError> {
    if ui.is_json() {
        ui.result_json(&json!({ what: described(grant) }))?;
    } else {
        ui.status(format_args!("{}: {what}.", cells(grant).map(|cell| line(&cell)).join(" ")))?;
    }
    Ok(())
}

fn show(ui: &mut Ui, all: &[Grant]) -> Result<(), CommandError> {
    if ui.is_json() {
        return Ok(ui.result_json(&Value::from_iter(all.iter().map(described)))?);
    }
    if all.is_empty() {
        return Ok(ui.status(format_args!("Nothing is granted."))?);
    }
    let rows: Vec<[String; 4]> = all.iter().map(|grant| cells(grant).map(|cell| line(&cell))).collect();
    Ok(ui.result_text(&table(&rows))?)
}

fn cells(grant: &Grant) -> [String; 4] {
    let (kind, subject) = match &grant.subject {
        Subject::Role(name) => ("role", name),
        Subject::User(id) => ("user", id),
    };
    [kind.to_owned(), subject.clone(), grant.resource.clone(), grant.access.clone()]
}

fn described(grant: &Grant) -> Value {
    let [kind, subject, resource, access] = cells(grant);
    json!({ kind: subject, "resource": resource, "access": access })
}
