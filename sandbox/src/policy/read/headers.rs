//! Headers that the proxy sets: names, values, and the secrets that values speak of.

use super::super::PolicyError;
use super::super::error::{Flaw, nearest};
use super::super::variables::is_name;
use super::Document;

/// The most headers a host may have.
pub(super) const HEADERS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4096;
const SECRET: &str = "secret:";

/// Headers that carry a message rather than belong to it: who sets them decides where it ends or goes.
const FRAMING: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "expect",
];

/// The name in lower case; a flaw where no rule may have it.
pub(super) fn sound_name(name: &str) -> Result<String, Flaw> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
        return Err(Flaw::new(format!("`{}` is not the name of a header", name.escape_debug())));
    }
    let lower = name.to_ascii_lowercase();
    if FRAMING.contains(&lower.as_str()) {
        return Err(Flaw::new(format!(
            "the header `{lower}` belongs to the connection and is set by the proxy"
        )));
    }
    Ok(lower)
}

/// Refuses a value that no rule may have. Secrets go only to hosts that are named in full, `exact`.
pub(super) fn sound_value(value: &str, exact: bool) -> Result<(), Flaw> {
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        return Err(Flaw::new(format!("a header's value has between 1 and {VALUE_BYTES_MAX} bytes")));
    }
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Flaw::new("a header's value holds only visible ASCII and blanks"));
    }
    if value.contains(SECRET) && !exact {
        return Err(Flaw::new("a secret goes only to hosts that are named in full")
            .hint("Name each host in a rule of its own."));
    }
    if secrets_of(value).any(|name| !is_name(name)) {
        return Err(Flaw::new("`secret:` is not followed by a name").hint("`Bearer secret:EXAMPLE`"));
    }
    Ok(())
}

/// Refuses values that speak of secrets the document does not declare.
pub(super) fn declared(document: &Document) -> Result<(), PolicyError> {
    let known: Vec<String> = document.secrets.iter().map(|secret| secret.value.name.clone()).collect();
    for rule in &document.network {
        for value in rule.value.headers.values() {
            if let Some(name) = secrets_of(value).find(|name| !known.iter().any(|known| known == name)) {
                let hint = match nearest(name, &known) {
                    Some(nearest) => format!("Did you mean `secret:{nearest}`?"),
                    None => "Declare it below `[[secrets]]`.".to_owned(),
                };
                let flaw = Flaw::new(format!("the secret `{name}` is not declared")).hint(hint);
                return Err(flaw.at(rule.at.clone()));
            }
        }
    }
    Ok(())
}

/// The names behind every `secret:`.
fn secrets_of(value: &str) -> impl Iterator<Item = &str> {
    value.match_indices(SECRET).map(|(at, found)| {
        let rest = &value[at + found.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}
