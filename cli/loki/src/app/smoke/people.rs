//! Two people who sign up at the server, as anybody does: by an address, a password, and the code that is mailed
//! there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forge_auth::mail::Kind;
use forge_auth::mail::mailbox::{Mailbox, MailboxError};
use hyper::StatusCode;
use loki_store::Clock;
use serde_json::{Value, json};

use super::ask::{Answer, AskError, Connection};
use super::attempts::Request;

/// Those who sign up.
const PEOPLE: [&str; 2] = ["alice", "bob"];
/// How often, and with what between, the mailbox is looked into: a server that is there mails at once.
const LOOKS_MAX: u32 = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Characters of an answer that are repeated.
const ANSWER_CHARS_MAX: usize = 200;

/// Somebody who signed up.
pub(super) struct Person {
    /// Who it is to the server.
    pub(super) id: String,
    /// The access token.
    pub(super) token: String,
}

/// Why nobody signed up.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum SignUpError {
    /// The server did not answer.
    #[error("failed to ask the server")]
    Ask(#[from] AskError),
    /// The mailbox cannot be read.
    #[error("failed to read the mailbox")]
    Mailbox(#[from] MailboxError),
    /// The server does not do what it must.
    #[error("{0}")]
    Broken(String),
}

/// Signs both up. `mailbox` is the folder in which the server leaves its mail.
pub(super) async fn sign_up(
    connection: &mut Connection,
    publishable: &str,
    mailbox: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Person>, SignUpError> {
    let mailbox = Mailbox::open(mailbox, Arc::clone(clock))?;
    let mut people = Vec::with_capacity(PEOPLE.len());
    for name in PEOPLE {
        let email = format!("{name}@smoke.example");
        let body = json!({ "email": email, "password": format!("correct horse battery {name}") });
        let answer = connection.ask(posted(publishable, "signup", body)).await?;
        // Before the address is confirmed nobody is let in.
        if answer.status != StatusCode::OK || !answer.body["access_token"].is_null() {
            return Err(broken(name, "signs up", &answer));
        }
        let code = code(&mailbox, &email).await?;
        let body = json!({ "type": "signup", "email": email, "token": code });
        let answer = connection.ask(posted(publishable, "verify", body)).await?;
        let (id, token) = (answer.body["user"]["id"].as_str(), answer.body["access_token"].as_str());
        let (Some(id), Some(token)) = (id, token) else {
            return Err(broken(name, "confirms the address", &answer));
        };
        let person = Person { id: id.to_owned(), token: token.to_owned() };
        let answer = connection.ask(asked(publishable, &person)).await?;
        if answer.status != StatusCode::OK || answer.body["id"] != person.id.as_str() {
            return Err(broken(name, "asks who they are", &answer));
        }
        people.push(person);
    }
    match people.iter().map(|person| &person.id).collect::<Vec<_>>()[..] {
        [one, other] if one == other => Err(SignUpError::Broken("both who sign up are one user".to_owned())),
        _ => Ok(people),
    }
}

/// The code of the mail to `email`, once it is there.
async fn code(mailbox: &Mailbox, email: &str) -> Result<String, SignUpError> {
    for _ in 0..LOOKS_MAX {
        for id in mailbox.list()? {
            let mail = mailbox.read(&id)?;
            if mail.to == email && mail.kind == Kind::Confirmation {
                return mail.code.ok_or_else(|| SignUpError::Broken("the mail has no code".to_owned()));
            }
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(SignUpError::Broken(format!("no mail came to {email}")))
}

fn posted(publishable: &str, path: &str, body: Value) -> Request {
    Request {
        method: "POST",
        path: format!("/auth/v1/{path}"),
        apikey: publishable.to_owned(),
        token: None,
        prefer: None,
        body: Some(body),
    }
}

fn asked(publishable: &str, person: &Person) -> Request {
    Request {
        method: "GET",
        path: "/auth/v1/user".to_owned(),
        apikey: publishable.to_owned(),
        token: Some(person.token.clone()),
        prefer: None,
        body: None,
    }
}

fn broken(name: &str, does: &str, answer: &Answer) -> SignUpError {
    // An answer with a token in it is not repeated.
    let said = answer.body["msg"].as_str().or(answer.body["message"].as_str()).unwrap_or("it has no message");
    let said: String = said.chars().take(ANSWER_CHARS_MAX).collect();
    SignUpError::Broken(format!("{name} {does}, and the server answers {}: {said}", answer.status))
}
