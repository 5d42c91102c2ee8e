//! The people who sign in: operations on them go to the service that serves them, which is handed in.

use std::sync::{Arc, Mutex, PoisonError};

use forge_auth::admin::NewUser;
use forge_auth::model::User;
use forge_auth::{Actor, Auth, AuthError, Code};
use forge_core::sql::time_text;
use futures::executor::block_on;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// Users on a page where nobody says how many.
const PER_PAGE: u32 = 50;
const PER_PAGE_MAX: u32 = 200;
/// Bytes of an identifier or an address.
const WHOM_BYTES_MAX: usize = 254;

/// Opens the service.
type Open = Box<dyn Fn() -> Result<Arc<Auth>, String> + Send + Sync>;

/// The service that knows the people, opened when it is first asked.
pub struct People {
    open: Open,
    opened: Mutex<Option<Arc<Auth>>>,
}

/// Why nothing was done about people.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// There is no way to them.
    #[error("the people who sign in cannot be reached: {why}")]
    Unreachable {
        /// Why.
        why: String,
    },
    /// The service says no.
    #[error("{0}")]
    Refused(AuthError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    email: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    email_confirm: bool,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    page: Option<u32>,
    #[serde(default)]
    per_page: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

impl People {
    /// The people of the service that `open` gives. It says in a sentence why it cannot.
    pub fn new(open: impl Fn() -> Result<Arc<Auth>, String> + Send + Sync + 'static) -> People {
        People { open: Box::new(open), opened: Mutex::new(None) }
    }

    fn service(&self) -> Result<Arc<Auth>, PeopleError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(auth) = &*opened {
            return Ok(Arc::clone(auth));
        }
        let auth = (self.open)().map_err(|why| PeopleError::Unreachable { why })?;
        Ok(Arc::clone(opened.insert(auth)))
    }
}

/// Makes a user. Who is there already stays as they are, so that it can be asked again.
pub(crate) fn create_user(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Create { email, password, email_confirm, data } = read(operation, input)?;
    let auth = service(forge)?;
    let new = NewUser {
        email: Some(email.clone()),
        password,
        email_confirmed: email_confirm,
        user_metadata: data,
        ..NewUser::default()
    };
    let made = match block_on(auth.create_user(&actor(), new)) {
        Ok(user) => Ok((user, "created")),
        Err(error) if error.code == Code::EmailExists => {
            block_on(auth.find_user(&email)).map(|user| (user, "there already"))
        }
        Err(error) => Err(error),
    };
    let (user, what) = made.map_err(PeopleError::Refused)?;
    Ok(Outcome::Done { summary: format!("user {}: {what}", user.id), data: described(&user) })
}

/// Lists users, the newest first. What they say of themselves is left out: it is not for whoever asks here.
pub(crate) fn list_users(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let List { page, per_page } = read(operation, input)?;
    let auth = service(forge)?;
    let (page, per_page) = (page.unwrap_or(1).max(1), per_page.unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX));
    let (users, total) = block_on(auth.users(page, per_page)).map_err(PeopleError::Refused)?;
    let users: Vec<Value> = users.iter().map(described).collect();
    Ok(Outcome::Done {
        summary: format!("{} of {total} users", users.len()),
        data: json!({ "users": users, "page": page, "per_page": per_page, "total": total }),
    })
}

/// Ends one session, or all of a user's. Where there is none any more, that is as good.
pub(crate) fn revoke_sessions(
    forge: &Forge,
    operation: &'static str,
    input: &Value,
) -> Result<Outcome, OpError> {
    let Revoke { session, user } = read(operation, input)?;
    let long = [&session, &user].into_iter().flatten().any(|whom| whom.len() > WHOM_BYTES_MAX);
    let auth = service(forge)?;
    let (revoked, subject) = match (session, user) {
        (Some(session), None) if !long => {
            (block_on(auth.revoke_session(&actor(), &session)), json!({ "session": session }))
        }
        (None, Some(user)) if !long => {
            (block_on(auth.revoke_sessions(&actor(), &user)), json!({ "user": user }))
        }
        _ => {
            let why = "it takes either `session` or `user`".to_owned();
            return Err(OpError::Input { operation, why });
        }
    };
    let what = match revoked {
        Ok(()) => "ended",
        Err(error) if error.code == Code::SessionNotFound => "not there",
        Err(error) => return Err(PeopleError::Refused(error).into()),
    };
    Ok(Outcome::Done { summary: format!("sessions: {what}"), data: json!({ "change": what, "of": subject }) })
}

fn service(forge: &Forge) -> Result<Arc<Auth>, PeopleError> {
    let nobody = || PeopleError::Unreachable { why: "there is no sign-in service here".to_owned() };
    forge.people.as_ref().ok_or_else(nobody)?.service()
}

fn actor() -> Actor {
    Actor { name: "forge".to_owned(), from: String::new() }
}

fn described(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "role": user.role,
        "confirmed": user.email_confirmed_at.is_some(),
        "anonymous": user.is_anonymous,
        "banned_until": user.banned_until.map(time_text),
        "last_sign_in_at": user.last_sign_in_at.map(time_text),
        "created_at": time_text(user.created_at),
    })
}
