//! Secrets in headers: put in on the way out, taken out of what comes back.

use std::collections::BTreeMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::answer::Refusal;
use super::record::Failure;
use crate::policy::HostRule;

const MARK: &str = "secret:";
const REDACTED: &[u8] = b"[redacted]";

/// Where secrets come from. Asked at the moment a request needs one, so that nothing is kept.
pub trait Secrets: Send + Sync {
    /// The secret of this name.
    fn get(&self, name: &str) -> Option<String>;
}

/// Secrets that are known beforehand; the fake as well.
impl Secrets for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// The headers of a rule with secrets in place. There is no `Debug`, so that they cannot be printed.
pub(super) struct Filled {
    headers: Vec<(HeaderName, HeaderValue)>,
    used: Used,
}

/// Secrets that a request carries, to be recognised in its response.
#[derive(Default)]
pub(super) struct Used(Vec<Vec<u8>>);

/// Puts secrets into the headers of a rule.
pub(super) fn fill(rule: &HostRule, secrets: &dyn Secrets) -> Result<Filled, Refusal> {
    let mut filled = Filled { headers: Vec::new(), used: Used::default() };
    for (name, template) in &rule.headers {
        let value = expand(template, secrets, &mut filled.used)?;
        let unusable = || {
            let text = format!("header {name} of the rule for {} cannot hold its value", rule.host);
            Refusal::failed(Failure::SecretUnusable, text)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unusable())?;
        value.set_sensitive(true);
        filled.headers.push((header, value));
    }
    Ok(filled)
}

impl Filled {
    /// Sets the headers, in place of whatever the command has sent under their names.
    pub(super) fn apply(self, headers: &mut HeaderMap) -> Used {
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        self.used
    }
}

impl Used {
    /// Takes the secrets out of a response's headers, or of its trailers.
    pub(super) fn redact(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            for secret in &self.0 {
                if let Some(clean) = without(value.as_bytes(), secret) {
                    *value =
                        HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("[redacted]"));
                }
            }
        }
    }
}

fn expand(template: &str, secrets: &dyn Secrets, used: &mut Used) -> Result<String, Refusal> {
    let mut value = String::new();
    let mut rest = template;
    while let Some(start) = rest.find(MARK) {
        let after = &rest[start + MARK.len()..];
        let name_ends = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
        let (name, remainder) = after.split_at(name_ends);
        // An empty secret would be found everywhere in a response, and is of no use to the host.
        let Some(secret) = secrets.get(name).filter(|secret| !secret.is_empty()) else {
            let text = format!("secret {name:?} is not there, so nothing was sent");
            return Err(Refusal::failed(Failure::SecretMissing, text));
        };
        value.push_str(&rest[..start]);
        value.push_str(&secret);
        used.0.push(secret.into_bytes());
        rest = remainder;
    }
    value.push_str(rest);
    Ok(value)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The bytes with every occurrence of the secret replaced; none where there is nothing to replace.
fn without(bytes: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let found = |from: usize| bytes[from..].windows(secret.len()).position(|window| window == secret);
    let (mut clean, mut from) = (Vec::new(), 0);
    while let Some(at) = found(from) {
        clean.extend_from_slice(&bytes[from..from + at]);
        clean.extend_from_slice(REDACTED);
        from += at + secret.len();
    }
    (from > 0).then(|| {
        clean.extend_from_slice(&bytes[from..]);
        clean
    })
}
