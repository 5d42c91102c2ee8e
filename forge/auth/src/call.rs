//! A request to the service, taken apart, and what it is answered with.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use forge_core::Identity;
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value};

use crate::error::{AuthError, Code};

pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("x-supabase-api-version");
/// The version of the interface whose errors have names for codes.
pub(crate) const DATED: &str = "2024-01-01";
/// Bytes of a text in a body.
const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of an object that a user may keep with themselves.
const OBJECT_BYTES_MAX: usize = 64 * 1024;
const USER_AGENT_CHARS_MAX: usize = 256;

/// A request.
pub(crate) struct Call {
    /// Who asks, by token or key.
    pub(crate) who: Identity,
    /// From where.
    pub(crate) ip: IpAddr,
    pub(crate) method: Method,
    /// The parts of the path.
    pub(crate) path: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    /// The body: an object, also where it was a form; null where there was none.
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

impl Call {
    /// Takes a request apart.
    pub(crate) fn of(who: &Identity, request: Request<Bytes>) -> Result<Call, AuthError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let is_form = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
        });
        let body = if body.is_empty() {
            Value::Null
        } else if is_form {
            pairs(&body).into_iter().map(|(name, value)| (name, Value::String(value))).collect()
        } else {
            serde_json::from_slice(&body).map_err(|_| AuthError::new(Code::BadJson))?
        };
        if !body.is_null() && !body.is_object() {
            return Err(AuthError::new(Code::BadJson));
        }
        let ip = parts.extensions.get::<IpAddr>().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Call { who: who.clone(), ip, method: parts.method, path, query, body, headers: parts.headers })
    }

    /// Whether errors are wanted in the newer form.
    pub(crate) fn is_dated(headers: &HeaderMap) -> bool {
        headers
            .get(API_VERSION)
            .and_then(|version| version.to_str().ok())
            .is_some_and(|version| version >= DATED)
    }

    /// A text of the body; none where it is absent, null or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, AuthError> {
        text_of(&self.body, name)
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, AuthError> {
        self.text(name)?.ok_or_else(|| AuthError::invalid(format!("`{name}` is required")))
    }

    /// Yes or no in the body; none where it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, AuthError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(AuthError::invalid(format!("`{name}` is true or false"))),
        }
    }

    /// An object of the body; none where it is absent.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, AuthError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => {
                if self.body[name].to_string().len() > OBJECT_BYTES_MAX {
                    return Err(AuthError::invalid(format!(
                        "`{name}` is longer than {OBJECT_BYTES_MAX} bytes"
                    )));
                }
                if has_null_character(&self.body[name]) {
                    return Err(AuthError::invalid(format!("`{name}` has a null character in it")));
                }
                Ok(Some(object.clone()))
            }
            Some(_) => Err(AuthError::invalid(format!("`{name}` is an object"))),
        }
    }

    /// A parameter of the address, or of the body where the address has none.
    pub(crate) fn parameter(&self, name: &str) -> Result<Option<String>, AuthError> {
        match self.query.get(name).filter(|value| !value.is_empty()) {
            Some(value) => clean(name, value).map(Some),
            None => self.text(name),
        }
    }

    /// Where the client wants people to be sent: a parameter, or a header of old clients.
    pub(crate) fn wanted_redirect(&self) -> Option<String> {
        let header =
            || self.headers.get("redirect_to").and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.query.get("redirect_to").cloned().filter(|wanted| !wanted.is_empty()).or_else(header)
    }

    /// What the caller's program calls itself.
    pub(crate) fn user_agent(&self) -> Option<String> {
        let agent = self.headers.get(USER_AGENT)?.to_str().ok()?;
        Some(agent.chars().take(USER_AGENT_CHARS_MAX).collect())
    }
}

/// A text of an object; none where it is absent, null or empty.
pub(crate) fn text_of(object: &Value, name: &str) -> Result<Option<String>, AuthError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => clean(name, text).map(Some),
        Some(_) => Err(AuthError::invalid(format!("`{name}` is a text"))),
    }
}

fn clean(name: &str, text: &str) -> Result<String, AuthError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(AuthError::invalid(format!("`{name}` is longer than {TEXT_BYTES_MAX} bytes")));
    }
    // Postgres keeps no text with it.
    if text.contains('\0') {
        return Err(AuthError::invalid(format!("`{name}` has a null character in it")));
    }
    Ok(text.to_owned())
}

fn has_null_character(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_null_character),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains('\0') || has_null_character(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

impl Reply {
    /// An answer with a body.
    pub(crate) fn json(body: Value) -> Reply {
        Reply { status: StatusCode::OK, body: Some(body), headers: Vec::new() }
    }

    /// An answer without one.
    pub(crate) fn empty() -> Reply {
        Reply { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() }
    }

    /// Sends people elsewhere.
    pub(crate) fn redirect(to: String) -> Reply {
        Reply { status: StatusCode::SEE_OTHER, body: None, headers: vec![(LOCATION, to)] }
    }

    /// The same with a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as it is sent. What it holds is not for caches.
    pub(crate) fn response(self) -> Response<Bytes> {
        let body = self.body.map(|body| Bytes::from(body.to_string()));
        let has_body = body.is_some();
        let mut response = Response::new(body.unwrap_or_default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        }
        headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            // What cannot stand in a header does not get into one.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}
