//! Variables: which names are sound, which look like secrets, and what a command gets of those that are there.

use std::collections::BTreeMap;

use super::error::Flaw;
use super::{Places, Policy, VariableRule};

const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// What a command gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables {
    /// Names and values.
    pub given: BTreeMap<String, String>,
    /// Variables that a rule names and that are held back all the same.
    pub withheld: Vec<Withheld>,
}

/// A variable that is held back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The variable.
    pub name: String,
    /// Why, in words.
    pub reason: &'static str,
}

impl Policy {
    /// The variables that a command gets out of `present`, those that loki was started with.
    ///
    /// A prefix (`LC_*`) never passes on what looks like a secret: that must be named in full. Values with a
    /// name and a password in an address are held back, whoever names them.
    pub fn variables<'a>(
        &self,
        places: &Places,
        present: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Variables {
        let mut result = Variables::default();
        let present: BTreeMap<&str, &str> = present.into_iter().filter(|(name, _)| is_name(name)).collect();
        for rule in &self.environment {
            match (rule.name.strip_suffix('*'), &rule.value) {
                (Some(prefix), _) => {
                    for (name, value) in present.iter().filter(|(name, _)| name.starts_with(prefix)) {
                        if looks_secret(name) {
                            self.withhold(
                                &mut result,
                                name,
                                "its name looks like a secret's and no rule names it in full",
                            );
                        } else {
                            self.give(&mut result, name, value);
                        }
                    }
                }
                (None, Some(value)) => {
                    if let Some(value) = places.filled_in(value) {
                        self.give(&mut result, &rule.name, &value);
                    }
                }
                (None, None) => {
                    if let Some(value) = present.get(rule.name.as_str()) {
                        self.give(&mut result, &rule.name, value);
                    }
                }
            }
        }
        result.withheld.retain(|held| !result.given.contains_key(&held.name));
        result
    }

    fn give(&self, to: &mut Variables, name: &str, value: &str) {
        if is_reserved(name) || to.given.contains_key(name) {
            return;
        }
        if self.secrets.iter().any(|secret| secret.variable == name) {
            self.withhold(to, name, "it is a secret that only the proxy uses");
        } else if value.contains('\0') || value.len() > VALUE_BYTES_MAX {
            self.withhold(to, name, "its value is too long or no text");
        } else if holds_credentials(value) {
            self.withhold(to, name, "its value holds a password");
        } else {
            to.given.insert(name.to_owned(), value.to_owned());
        }
    }

    fn withhold(&self, to: &mut Variables, name: &str, reason: &'static str) {
        if !to.withheld.iter().any(|held| held.name == name) {
            to.withheld.push(Withheld { name: name.to_owned(), reason });
        }
    }
}

/// True where a variable of this name most likely holds a secret.
pub fn looks_secret(name: &str) -> bool {
    const PARTS: [&str; 14] = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "APIKEY",
        "API_KEY",
        "PRIVATE_KEY",
        "ACCESS_KEY",
        "AUTH",
        "COOKIE",
        "SESSION",
        "JWT",
    ];
    let name = name.to_ascii_uppercase();
    PARTS.iter().any(|part| name.replace("AUTHOR", "").contains(part))
        || name.ends_with("_KEY")
        || name.ends_with("_PAT")
}

/// True where `value` holds an address with a name or a password before its host (`https://me:secret@example.com`).
pub fn holds_credentials(value: &str) -> bool {
    value.match_indices("://").any(|(at, slashes)| {
        let rest = &value[at + slashes.len()..];
        let authority = rest.split(['/', '?', '#', ' ', ',', '|', '"', '\'']).next().unwrap_or_default();
        authority.contains('@')
    })
}

/// True where the sandbox sets the variable itself, so that no file may.
pub(super) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 10] = [
        "HOME",
        "TMPDIR",
        "TMP",
        "TEMP",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "FTP_PROXY",
        "PWD",
    ];
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) || name.starts_with("LOKI_")
}

pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= NAME_BYTES_MAX
}

/// Refuses a name that no rule may have.
pub(super) fn sound_name(name: &str) -> Result<(), Flaw> {
    let shown = name.escape_debug();
    if name == "*" {
        return Err(Flaw::new("no policy passes on every variable").hint("Name those that are needed."));
    }
    let bare = name.strip_suffix('*').unwrap_or(name);
    if !is_name(bare) {
        return Err(Flaw::new(format!("`{shown}` is not the name of a variable"))
            .hint("Letters, digits and `_`, no digit in front; a `*` may stand at the end."));
    }
    if is_reserved(bare) {
        return Err(Flaw::new(format!("`{bare}` is set by the sandbox itself")));
    }
    Ok(())
}

/// Refuses a value that no rule may give.
pub(super) fn sound_value(value: &str) -> Result<(), Flaw> {
    if value.contains('\0') || value.len() > VALUE_BYTES_MAX {
        return Err(Flaw::new(format!("a value has at most {VALUE_BYTES_MAX} bytes and no NUL")));
    }
    if holds_credentials(value) {
        return Err(Flaw::new("the value holds a password").hint("Declare it below `[[secrets]]`."));
    }
    Ok(())
}

impl VariableRule {
    /// True where the rule is about the variable `name`.
    pub fn is_about(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix) && !looks_secret(name),
            None => self.name == name,
        }
    }
}
