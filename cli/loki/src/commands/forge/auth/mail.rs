//! `loki forge auth mail`.

use std::sync::Arc;

use forge_auth::mail::mailbox::{Kept, Mailbox, MailboxError};
use loki_store::SystemClock;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable, table};

/// Read the mail that the application has sent to its users
///
/// A project without a mail server (`forge.auth.smtp_host`) keeps what it would send, the newest thousand, in
/// `.loki/forge/mail`. Whoever reads these mails can sign in as those they are to.
#[derive(clap::Args, Debug)]
pub(crate) struct MailArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List mails, the newest first
    List(ListArgs),
    /// Show a mail with its links and its code
    Show(OneArgs),
    /// Print the link that a mail wants to be followed
    Link(OneArgs),
    /// Print the code that is in a mail
    Code(OneArgs),
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// Only those to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

#[derive(clap::Args, Debug)]
struct OneArgs {
    /// The mail's id (default: the newest one)
    id: Option<String>,
    /// The newest one to this address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "id")]
    to: Option<String>,
}

pub(super) fn mail(ui: &mut Ui, context: &Context, args: &MailArgs) -> Result<Status, CommandError> {
    let folder = context.project.forge_dir().join("mail");
    let mailbox = Mailbox::open(&folder, Arc::new(SystemClock)).map_err(|error| failed(&error))?;
    match &args.action {
        None => list(ui, &mailbox, &ListArgs { to: None, limit: 20 })?,
        Some(Action::List(args)) => list(ui, &mailbox, args)?,
        Some(Action::Show(args)) => show(ui, &mailbox, args)?,
        Some(Action::Link(args)) => {
            let (_, mail) = one(&mailbox, args)?;
            part(ui, "link", mail.links.first().map(String::as_str))?;
        }
        Some(Action::Code(args)) => {
            let (_, mail) = one(&mailbox, args)?;
            part(ui, "code", mail.code.as_deref())?;
        }
    }
    Ok(Status::Success)
}

fn list(ui: &mut Ui, mailbox: &Mailbox, args: &ListArgs) -> Result<(), CommandError> {
    let mut found = Vec::new();
    for id in mailbox.list().map_err(|error| failed(&error))? {
        if found.len() == usize::from(args.limit) {
            break;
        }
        let Some(mail) = read(mailbox, &id)? else { continue };
        if args.to.as_ref().is_none_or(|to| mail.to.eq_ignore_ascii_case(to)) {
            found.push((id, mail));
        }
    }
    if ui.is_json() {
        let all = found.iter().map(|(id, mail)| {
            json!({ "id": id, "time": mail.time, "kind": mail.kind, "to": mail.to, "subject": mail.subject })
        });
        return Ok(ui.result_json(&Value::from_iter(all))?);
    }
    if found.is_empty() {
        return Ok(ui.status(format_args!("There is no mail."))?);
    }
    let line = |text: &str| printable(text).replace(['\n', '\t'], " ");
    let rows: Vec<[String; 4]> = found
        .iter()
        .map(|(id, mail)| [id.clone(), line(&mail.to), mail.kind.to_string(), line(&mail.subject)])
        .collect();
    Ok(ui.result_text(&table(&rows))?)
}

fn show(ui: &mut Ui, mailbox: &Mailbox, args: &OneArgs) -> Result<(), CommandError> {
    let (id, mail) = one(mailbox, args)?;
    if ui.is_json() {
        return Ok(ui.result_json(&json!({
            "id": id, "time": mail.time, "kind": mail.kind, "to": mail.to, "subject": mail.subject,
            "text": mail.text, "html": mail.html, "links": mail.links, "code": mail.code,
        }))?);
    }
    let rows = [("id", &id), ("time", &mail.time), ("to", &mail.to), ("subject", &mail.subject)];
    let rows = rows.map(|(name, value)| [name.to_owned(), printable(value).into_owned()]);
    ui.result_text(&format!("{}\n{}", table(&rows), printable(&mail.text)))?;
    Ok(())
}

fn part(ui: &mut Ui, name: &'static str, value: Option<&str>) -> Result<(), CommandError> {
    let missing = || CommandError::new(ErrorKind::NotFound, format_args!("there is no {name} in that mail"));
    let value = value.ok_or_else(missing)?;
    if ui.is_json() {
        ui.result_json(&json!({ name: value }))?;
    } else {
        ui.result(format_args!("{}", printable(value)))?;
    }
    Ok(())
}

/// The mail that is meant, with its id.
fn one(mailbox: &Mailbox, args: &OneArgs) -> Result<(String, Kept), CommandError> {
    if let Some(id) = &args.id {
        return mailbox.read(id).map(|mail| (id.clone(), mail)).map_err(|error| failed(&error));
    }
    for id in mailbox.list().map_err(|error| failed(&error))? {
        let Some(mail) = read(mailbox, &id)? else { continue };
        if args.to.as_ref().is_none_or(|to| mail.to.eq_ignore_ascii_case(to)) {
            return Ok((id, mail));
        }
    }
    Err(CommandError::new(ErrorKind::NotFound, "there is no such mail")
        .hint("`loki forge auth mail` lists those there are."))
}

/// A mail that was listed a moment ago; none where it has given way to a newer one since.
fn read(mailbox: &Mailbox, id: &str) -> Result<Option<Kept>, CommandError> {
    match mailbox.read(id) {
        Ok(mail) => Ok(Some(mail)),
        Err(MailboxError::Unknown { .. }) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &MailboxError) -> CommandError {
    let (kind, hint) = match error {
        MailboxError::File { .. } => (ErrorKind::Io, None),
        MailboxError::Open { path } => {
            (ErrorKind::State, Some(format!("Close it: `chmod 700 {}`.", path.display())))
        }
        MailboxError::Damaged { path } => (ErrorKind::State, Some(format!("Remove `{}`.", path.display()))),
        MailboxError::Unknown { .. } => {
            (ErrorKind::NotFound, Some("`loki forge auth mail` lists them.".to_owned()))
        }
        MailboxError::Name | MailboxError::Stopped => (ErrorKind::Machine, None),
    };
    let shown = CommandError::from_error(kind, error);
    match hint {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
