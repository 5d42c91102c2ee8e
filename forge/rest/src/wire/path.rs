//! The path and the verb: what a request is about, and what it does.

use http::{Method, StatusCode};

use crate::error::RestError;
use crate::parse::percent;
use crate::wire::request::{Action, CallMethod};

/// The most bytes of a name in a path. No database has longer ones.
const NAME_BYTES_MAX: usize = 256;

/// What `method` on `path` asks for. The path begins with `/` and has nothing in front of the relation.
pub(crate) fn action(method: &Method, path: &str) -> Result<Action, RestError> {
    let mut names = path.strip_prefix('/').unwrap_or(path).split('/');
    match (names.next(), names.next(), names.next()) {
        (Some(""), None, None) => root(method),
        (Some(relation), None, None) => on_relation(method, name(relation)?),
        (Some("rpc"), Some(function), None) => on_function(method, name(function)?),
        _ => Err(no_such_path()),
    }
}

/// The error for a path that leads nowhere.
pub(crate) fn no_such_path() -> RestError {
    RestError::new(StatusCode::NOT_FOUND, "PGRST125", "Invalid path specified in request URL")
}

/// The error for a verb that means nothing.
pub(crate) fn no_such_method(method: &Method) -> RestError {
    let message = format!("Unsupported HTTP method: {method}");
    RestError::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST117", message)
}

fn root(method: &Method) -> Result<Action, RestError> {
    match *method {
        Method::GET => Ok(Action::Describe { head: false }),
        Method::HEAD => Ok(Action::Describe { head: true }),
        Method::OPTIONS => Ok(Action::RootOptions),
        _ => Err(no_such_method(method)),
    }
}

fn on_relation(method: &Method, relation: String) -> Result<Action, RestError> {
    match *method {
        Method::GET => Ok(Action::Read { relation, head: false }),
        Method::HEAD => Ok(Action::Read { relation, head: true }),
        Method::POST => Ok(Action::Insert(relation)),
        Method::PUT => Ok(Action::Put(relation)),
        Method::PATCH => Ok(Action::Update(relation)),
        Method::DELETE => Ok(Action::Delete(relation)),
        Method::OPTIONS => Ok(Action::RelationOptions(relation)),
        _ => Err(no_such_method(method)),
    }
}

fn on_function(method: &Method, function: String) -> Result<Action, RestError> {
    match *method {
        Method::GET => Ok(Action::Call { function, method: CallMethod::Get }),
        Method::HEAD => Ok(Action::Call { function, method: CallMethod::Head }),
        Method::POST => Ok(Action::Call { function, method: CallMethod::Post }),
        Method::OPTIONS => Ok(Action::FunctionOptions(function)),
        _ => Err(RestError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "PGRST101",
            format!("Cannot use the {method} method on RPC"),
        )),
    }
}

/// A name of a path: decoded, neither empty nor too long.
fn name(encoded: &str) -> Result<String, RestError> {
    let name = percent::decode(encoded, percent::Plus::Itself).ok_or_else(no_such_path)?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(no_such_path());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, path: &str) -> Result<Action, (u16, String)> {
        action(&method.parse().unwrap(), path).map_err(|error| (error.status.as_u16(), error.code))
    }

    #[test]
    fn paths_and_verbs_lead_to_actions() {
        let relation = || "my todos+1".to_owned();
        for (method, path, expected) in [
            ("GET", "/my%20todos+1", Action::Read { relation: relation(), head: false }),
            ("HEAD", "/my%20todos+1", Action::Read { relation: relation(), head: true }),
            ("POST", "/my%20todos+1", Action::Insert(relation())),
            ("PUT", "/my%20todos+1", Action::Put(relation())),
            ("PATCH", "/my%20todos+1", Action::Update(relation())),
            ("DELETE", "/my%20todos+1", Action::Delete(relation())),
            ("OPTIONS", "/my%20todos+1", Action::RelationOptions(relation())),
            ("GET", "/", Action::Describe { head: false }),
            ("OPTIONS", "", Action::RootOptions),
            ("GET", "/rpc", Action::Read { relation: "rpc".to_owned(), head: false }),
            ("POST", "/rpc/f", Action::Call { function: "f".to_owned(), method: CallMethod::Post }),
            ("HEAD", "/rpc/f", Action::Call { function: "f".to_owned(), method: CallMethod::Head }),
        ] {
            assert_eq!(read(method, path), Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for (method, path, status, code) in [
            ("TRACE", "/todos", 405, "PGRST117"),
            ("POST", "/", 405, "PGRST117"),
            ("PUT", "/rpc/f", 405, "PGRST101"),
            ("DELETE", "/rpc/f", 405, "PGRST101"),
            ("GET", "/a/b", 404, "PGRST125"),
            ("GET", "/todos/", 404, "PGRST125"),
            ("GET", "/rpc/f/g", 404, "PGRST125"),
            ("GET", "/rpc/", 404, "PGRST125"),
            ("GET", "/%ff", 404, "PGRST125"),
            ("GET", "/%00", 404, "PGRST125"),
        ] {
            assert_eq!(read(method, path), Err((status, code.to_owned())), "{method} {path}");
        }
    }

    #[test]
    fn names_have_a_length() {
        assert!(read("GET", &format!("/{}", "x".repeat(NAME_BYTES_MAX))).is_ok());
        let longer = format!("/{}", "x".repeat(NAME_BYTES_MAX + 1));
        assert_eq!(read("GET", &longer), Err((404, "PGRST125".to_owned())));
    }
}
