//! Passwords in addresses: `postgres://user:password@host/name`.

use super::placeholder::{entropy, is_placeholder, is_weak};
use super::{Certainty, Hit};

/// Bytes of a password in an address.
const PASSWORD_BYTES_MAX: usize = 256;

/// The passwords in a line's addresses.
pub(super) fn find(line: &str) -> Vec<Hit> {
    line.match_indices("://").filter_map(|(at, _)| address(line, at)).collect()
}

fn address(line: &str, at: usize) -> Option<Hit> {
    let scheme = line[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '+')).next()?;
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let from = at + 3;
    let rest = &line[from..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>|\\)".contains(c)).unwrap_or(rest.len());
    let authority = &rest[..end];
    // A password may hold what ends an authority, if it was not encoded: the last `@` before the path counts.
    let slash = authority.find('/').unwrap_or(authority.len());
    let (user_info, host) = authority[..slash].rsplit_once('@')?;
    let (user, password) = user_info.split_once(':')?;
    let host = host.split(':').next().unwrap_or(host);
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX || is_reference(user_info) {
        return None;
    }
    let start = from + user.len() + 1;
    let certainty = weigh(user, password, host)?;
    Some(Hit { rule: "password-in-url", span: start..start + password.len(), certainty })
}

fn weigh(user: &str, password: &str, host: &str) -> Option<Certainty> {
    if is_placeholder(password) || is_weak(password) || password.eq_ignore_ascii_case(user) {
        return None;
    }
    let shaped = password.len() >= 8 && password.bytes().any(|byte| !byte.is_ascii_lowercase());
    if is_sample(host) || password.len() < 6 || entropy(password) < 2.0 {
        return None;
    }
    match is_local(host) || !shaped {
        true => Some(Certainty::Doubtful),
        false => Some(Certainty::Likely),
    }
}

/// Whether the address is put together from variables.
fn is_reference(user_info: &str) -> bool {
    user_info.contains(['{', '}'])
        || user_info.contains(":$")
        || user_info.contains("%s")
        || user_info.contains("%(")
}

/// Hosts that nobody has but whoever runs it.
fn is_local(host: &str) -> bool {
    !host.contains('.') || host.starts_with("127.") || host.ends_with(".local") || host.ends_with(".internal")
}

/// Hosts that stand in manuals.
fn is_sample(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    ["example.com", "example.org", "example.net", "host", "hostname", "server"].contains(&host.as_str())
        || [".example.com", ".example.org", ".example.net", ".example", ".test", ".invalid"]
            .iter()
            .any(|end| host.ends_with(end))
}
