//! `loki forge auth users`.

use std::io::Read as _;

use forge_auth::Actor;
use forge_auth::admin::{NewUser, UserChange};
use forge_auth::model::User;
use jiff::{SignedDuration, Timestamp};
use loki_store::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};

use super::service::with_people;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable, table};

/// Bytes of a password that is read from standard input.
const PASSWORD_BYTES_MAX: u64 = 1_024;
/// Hours of a ban without an end: a hundred years.
const HOURS_MAX: u32 = 876_000;

/// List and change the users of the application
#[derive(clap::Args, Debug)]
pub(crate) struct UsersArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List users, the newest first
    List(ListArgs),
    /// Show a user with how they sign in and their second factors
    Show {
        /// The user's id or address
        user: String,
    },
    Add(AddArgs),
    /// Give a user exactly these roles of the application; none takes all away
    Roles {
        /// The user's id or address
        user: String,
        /// The roles
        roles: Vec<String>,
    },
    /// End a user's sessions and let them sign in no more
    Ban {
        /// The user's id or address
        user: String,
        /// Hours after which they may again (default: never)
        #[arg(long, value_name = "NUMBER", default_value_t = HOURS_MAX, value_parser = clap::value_parser!(u32).range(1..=HOURS_MAX as i64))]
        hours: u32,
    },
    /// Let a user sign in again
    Unban {
        /// The user's id or address
        user: String,
    },
    /// Remove a user, with everything that is theirs in the tables that refer to them so
    Delete {
        /// The user's id or address
        user: String,
        /// Leave an empty user in place, so that what refers to them stays
        #[arg(long)]
        soft: bool,
    },
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// Which page
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// Users on a page
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_page: u32,
}

/// Make a user
///
/// Without a password they sign in by links and codes that are sent to their address.
#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The address
    email: String,
    /// Read the password from standard input
    #[arg(long)]
    password: bool,
    /// Let the address count only once they have confirmed it
    #[arg(long)]
    unconfirmed: bool,
    /// A role of the application; may be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// What they say of themselves, as a JSON object
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
}

pub(super) fn users(ui: &mut Ui, context: &Context, args: &UsersArgs) -> Result<Status, CommandError> {
    let by = Actor::operator();
    match &args.action {
        None => list(ui, context, &ListArgs { page: 1, per_page: 50 })?,
        Some(Action::List(args)) => list(ui, context, args)?,
        Some(Action::Show { user }) => {
            show(ui, &with_people(context, async |auth| auth.find_user(user).await)?)?;
        }
        Some(Action::Add(args)) => {
            let new = new_user(args)?;
            show(ui, &with_people(context, async |auth| auth.create_user(&by, new).await)?)?;
        }
        Some(Action::Roles { user, roles }) => {
            change(
                ui,
                context,
                user,
                UserChange { app_metadata: Some(of_roles(roles)), ..UserChange::default() },
            )?;
        }
        Some(Action::Ban { user, hours }) => {
            let until = SystemClock.now().checked_add(SignedDuration::from_hours(i64::from(*hours)));
            let until = Some(until.unwrap_or(Timestamp::MAX));
            change(ui, context, user, UserChange { banned_until: Some(until), ..UserChange::default() })?;
        }
        Some(Action::Unban { user }) => {
            change(ui, context, user, UserChange { banned_until: Some(None), ..UserChange::default() })?;
        }
        Some(Action::Delete { user, soft }) => {
            let id = with_people(context, async |auth| {
                let id = auth.find_user(user).await?.id;
                auth.delete_user(&by, &id, *soft).await.map(|()| id)
            })?;
            if ui.is_json() {
                ui.result_json(&json!({ "deleted": id, "soft": soft }))?;
            } else {
                ui.status(format_args!("Removed {id}."))?;
            }
        }
    }
    Ok(Status::Success)
}

fn list(ui: &mut Ui, context: &Context, args: &ListArgs) -> Result<(), CommandError> {
    let (users, total) = with_people(context, async |auth| auth.users(args.page, args.per_page).await)?;
    if ui.is_json() {
        let all: Vec<Value> = users.iter().map(User::wire).collect();
        let (page, per_page) = (args.page, args.per_page);
        let shown = json!({ "users": all, "total": total, "page": page, "per_page": per_page });
        return Ok(ui.result_json(&shown)?);
    }
    let now = SystemClock.now();
    let rows: Vec<[String; 5]> = users
        .iter()
        .map(|user| {
            [user.id.clone(), name(user), state(user, now), line(&user.roles().join(" ")), came(user)]
        })
        .collect();
    ui.result_text(&table(&rows))?;
    Ok(ui.status(format_args!("{} of {total} users.", users.len()))?)
}

fn show(ui: &mut Ui, user: &User) -> Result<(), CommandError> {
    if ui.is_json() {
        return Ok(ui.result_json(&user.wire())?);
    }
    let signs: Vec<&str> = user.identities.iter().map(|identity| identity.provider.as_str()).collect();
    let verified = user.factors.iter().filter(|factor| factor.verified);
    let factors: Vec<&str> = verified.map(|factor| factor.kind.name()).collect();
    let seen = user.last_sign_in_at.map_or_else(|| "never".to_owned(), short);
    let rows = [
        ("id", user.id.clone()),
        ("name", name(user)),
        ("state", state(user, SystemClock.now())),
        ("role", line(&user.role)),
        ("roles", line(&user.roles().join(" "))),
        ("signs in by", line(&signs.join(" "))),
        ("password", if user.password.is_some() { "yes" } else { "no" }.to_owned()),
        ("second factors", line(&factors.join(" "))),
        ("came", came(user)),
        ("signed in", seen),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    Ok(ui.result_text(&table(&rows))?)
}

fn change(ui: &mut Ui, context: &Context, user: &str, change: UserChange) -> Result<(), CommandError> {
    let by = Actor::operator();
    let changed = with_people(context, async |auth| {
        let id = auth.find_user(user).await?.id;
        auth.update_user(&by, &id, change).await
    })?;
    show(ui, &changed)
}

fn new_user(args: &AddArgs) -> Result<NewUser, CommandError> {
    let data = match &args.data {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            CommandError::new(ErrorKind::Usage, "`--data` is no JSON object").caused_by(&error)
        })?,
    };
    Ok(NewUser {
        email: Some(args.email.clone()),
        password: if args.password { Some(password()?) } else { None },
        email_confirmed: !args.unconfirmed,
        user_metadata: data,
        app_metadata: if args.roles.is_empty() { Map::new() } else { of_roles(&args.roles) },
        ..NewUser::default()
    })
}

/// The password on standard input: it is no argument, which other processes can read.
fn password() -> Result<String, CommandError> {
    let mut text = String::new();
    std::io::stdin().lock().take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(|error| {
        CommandError::new(ErrorKind::Io, "failed to read a password from standard input").caused_by(&error)
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn of_roles(roles: &[String]) -> Map<String, Value> {
    Map::from_iter([("roles".to_owned(), json!(roles))])
}

/// By what people know a user.
fn name(user: &User) -> String {
    let known = user.email.as_deref().or(user.phone.as_deref());
    line(known.unwrap_or(if user.is_anonymous { "(anonymous)" } else { "(no address)" }))
}

fn state(user: &User, now: Timestamp) -> String {
    match (user.deleted_at, user.banned_until.filter(|until| *until > now), user.is_confirmed()) {
        (Some(_), _, _) => "removed".to_owned(),
        (None, Some(until), _) => format!("banned until {}", short(until)),
        (None, None, false) if !user.is_anonymous => "unconfirmed".to_owned(),
        (None, None, _) => "active".to_owned(),
    }
}

fn came(user: &User) -> String {
    short(user.created_at)
}

/// A time to the second.
pub(super) fn short(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// A cell of a table: one line that cannot act on the terminal.
pub(super) fn line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_harmless_line() {
        assert_eq!(line("a\nb\u{1b}[2Jc"), "a b\u{fffd}[2Jc");
        assert_eq!(short("2026-12-01T04:05:06.789Z".parse().unwrap()), "2026-12-01T04:05:06Z");
    }
}
