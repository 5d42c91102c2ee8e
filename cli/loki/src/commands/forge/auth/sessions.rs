//! `loki forge auth sessions`.

use forge_auth::Actor;
use forge_auth::admin::Session;
use forge_core::sql::time_text;
use serde_json::{Value, json};

use super::service::with_people;
use super::users::{line, short};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, table};

/// List and end the sessions of users
#[derive(clap::Args, Debug)]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List the sessions of a user, the newest first
    List {
        /// The user's id or address
        user: String,
    },
    /// End a session, or all sessions of a user
    ///
    /// Nobody can refresh an access token by it any more; one that is out holds until it expires.
    Revoke(RevokeArgs),
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct RevokeArgs {
    /// The session's id
    session: Option<String>,
    /// All sessions of the user with this id or address
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

pub(super) fn sessions(ui: &mut Ui, context: &Context, args: &SessionsArgs) -> Result<Status, CommandError> {
    match &args.action {
        Action::List { user } => {
            let sessions = with_people(context, async |auth| auth.sessions(user).await)?;
            show(ui, &sessions)?;
        }
        Action::Revoke(RevokeArgs { session, user }) => {
            let by = Actor::operator();
            with_people(context, async |auth| match (session, user) {
                (Some(session), _) => auth.revoke_session(&by, session).await,
                (None, Some(user)) => auth.revoke_sessions(&by, user).await,
                (None, None) => Ok(()), // The parser wants one of them.
            })?;
            if ui.is_json() {
                ui.result_json(&json!({ "revoked": { "session": session, "user": user } }))?;
            } else {
                ui.status(format_args!("Ended."))?;
            }
        }
    }
    Ok(Status::Success)
}

fn show(ui: &mut Ui, sessions: &[Session]) -> Result<(), CommandError> {
    if ui.is_json() {
        let all = sessions.iter().map(|session| {
            json!({
                "id": session.id,
                "user_id": session.user_id,
                "aal": session.aal.name(),
                "amr": session.amr,
                "created_at": time_text(session.created_at),
                "refreshed_at": session.refreshed_at.map(time_text),
                "not_after": session.not_after.map(time_text),
                "user_agent": session.user_agent,
                "ip": session.ip,
            })
        });
        return Ok(ui.result_json(&Value::from_iter(all))?);
    }
    if sessions.is_empty() {
        return Ok(ui.status(format_args!("There is no session."))?);
    }
    let rows: Vec<[String; 5]> = sessions
        .iter()
        .map(|session| {
            let used = session.refreshed_at.unwrap_or(session.created_at);
            let from = line(session.ip.as_deref().unwrap_or("-"));
            let with: String = line(session.user_agent.as_deref().unwrap_or("-")).chars().take(60).collect();
            [session.id.clone(), session.aal.name().to_owned(), short(used), from, with]
        })
        .collect();
    Ok(ui.result_text(&table(&rows))?)
}
