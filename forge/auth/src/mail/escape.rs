//! How a value is written into a mail so that it stays a value.

/// How a value is written so that it stays a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// As it is, in plain text.
    Plain,
    /// With the characters escaped that mean something in HTML.
    Html,
    /// As the beginning of an address: only one that can be followed without harm.
    Link,
    /// As a part of an address behind its question mark: percent-encoded.
    Query,
}

impl Escape {
    /// The value, escaped. `ours`: an operator has allowed it, no user has said it.
    pub(super) fn apply(self, value: &str, ours: bool) -> String {
        match self {
            Escape::Plain => value.to_owned(),
            Escape::Html => html(value),
            Escape::Link if leads_somewhere(value, ours) => html(value),
            Escape::Link => "#".to_owned(),
            Escape::Query => query(value),
        }
    }
}

/// Whether an address may be followed: a web page; and of the addresses that an operator allows also those that
/// open an application, but none that runs a script.
fn leads_somewhere(value: &str, ours: bool) -> bool {
    let Some((scheme, _)) = value.split_once("://") else { return value.is_empty() };
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    match scheme.as_str() {
        "https" | "http" => true,
        "javascript" | "vbscript" | "data" | "file" | "blob" => false,
        _ => ours && is_scheme,
    }
}

fn html(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '`' => escaped.push_str("&#96;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn query(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_addresses_only_some_are_links() {
        for (value, ours, leads) in [
            ("https://a.example", false, true),
            ("HTTP://a.example", false, true),
            ("", false, true),
            ("myapp://open", true, true),
            ("myapp://open", false, false),
            ("javascript:alert(1)", true, false),
            ("javascript://x", true, false),
            ("JavaScript://x", true, false),
            ("data:text/html,x", true, false),
            (" javascript:alert(1)//://", true, false),
            ("/in", true, false),
        ] {
            assert_eq!(leads_somewhere(value, ours), leads, "{value}");
        }
    }
}
