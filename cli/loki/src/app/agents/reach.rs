//! What an agent may reach, and how its key gets there.

use std::net::IpAddr;

use loki_sandbox::policy::{Document, PolicyError};
use serde_json::Value;

use super::Kind;

/// What the policy calls the key.
const SECRET: &str = "LOKI_AGENT_KEY";

/// The host of an agent's API.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// The policy's document that opens it.
    pub(super) document: Document,
}

/// Why an agent's API cannot be reached as it is configured.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    /// The address is none.
    #[error("the base URL is not one: `http(s)://host[:port][/path]`")]
    Address,
    /// The key would go over the network in plain sight.
    #[error("the agent's key is sent over https only, or to this machine")]
    Plain,
    /// There is no key.
    #[error("there is no key for the agent")]
    NoKey,
    /// No policy opens such a host.
    #[error("the agent's API cannot be reached from the sandbox")]
    Policy {
        /// Why.
        #[source]
        source: Box<PolicyError>,
    },
}

/// The parts of an address that matter.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    encrypted: bool,
    host: &'a str,
    port: u16,
}

impl Reach {
    /// The way to `base_url`, or to the maker's own API. `variable` holds the key; a program on this machine may
    /// have none.
    pub(super) fn new(
        kind: Kind,
        base_url: Option<&str>,
        variable: Option<&str>,
    ) -> Result<Reach, ReachError> {
        let address = address(base_url.unwrap_or(kind.api)).ok_or(ReachError::Address)?;
        let local = is_this_machine(address.host);
        match variable {
            None if !local => return Err(ReachError::NoKey),
            Some(_) if !address.encrypted && !local => return Err(ReachError::Plain),
            _ => {}
        }
        let text = written(kind, &address, base_url.is_some(), variable);
        let document = Document::read("the agent's policy", text.as_bytes())
            .map_err(|source| ReachError::Policy { source: Box::new(source) })?;
        Ok(Reach { document })
    }
}

/// The document. Texts are written as JSON writes them, which TOML reads.
fn written(kind: Kind, address: &Address<'_>, configured: bool, variable: Option<&str>) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let (host, port) = (quoted(address.host), address.port);
    let reason = quoted(&format!("the API that {} works with", kind.name));
    let mut text =
        format!("version = 1\n\n[[network]]\nhost = {host}\nports = [{port}]\nreason = {reason}\n");
    if configured {
        // Whoever names an address means it, wherever it is.
        text.push_str("private = true\n");
    }
    if let Some(variable) = variable {
        let (header, before) = kind.key_header;
        let value = quoted(&format!("{before}secret:{SECRET}"));
        let variable = quoted(variable);
        text.push_str(&format!("headers = {{ {header} = {value} }}\n"));
        text.push_str(&format!(
            "\n[[secrets]]\nname = \"{SECRET}\"\nvariable = {variable}\nreason = {reason}\n"
        ));
    }
    text
}

fn address(url: &str) -> Option<Address<'_>> {
    let (encrypted, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    let usual = if encrypted { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, usual),
    };
    let sound = !host.is_empty() && !host.contains('@') && port > 0;
    sound.then_some(Address { encrypted, host, port })
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let address: Option<IpAddr> = bare.parse().ok();
    address.map_or_else(|| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::{CLAUDE, CODEX};
    use super::*;
    use loki_sandbox::policy::Preset;

    fn reach(url: Option<&str>, key: bool) -> Result<Reach, ReachError> {
        Reach::new(CLAUDE, url, key.then_some("ANTHROPIC_API_KEY"))
    }

    #[test]
    fn the_makers_host_is_opened_and_gets_the_key_from_the_proxy() {
        for (kind, host, header, value) in [
            (CLAUDE, "api.anthropic.com", "x-api-key", "secret:LOKI_AGENT_KEY"),
            (CODEX, "api.openai.com", "authorization", "Bearer secret:LOKI_AGENT_KEY"),
        ] {
            let reach = Reach::new(kind, None, Some("MY_KEY")).unwrap();
            let policy = Preset::Build.policy().read_only().with(&reach.document);
            let [rule] = policy.network.as_slice() else { panic!("{:?}", policy.network) };
            assert_eq!((rule.host.as_str(), rule.ports.as_slice(), rule.private), (host, &[443][..], false));
            assert_eq!(rule.headers[header], value);
            assert_eq!(policy.secrets[0].variable, "MY_KEY");
        }
    }

    #[test]
    fn a_key_is_never_sent_in_plain_sight() {
        assert!(matches!(reach(Some("http://proxy.test"), true), Err(ReachError::Plain)));
        for url in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://proxy.test"] {
            assert!(reach(Some(url), true).is_ok(), "{url}");
        }
    }

    #[test]
    fn without_a_key_there_is_only_this_machine() {
        assert!(matches!(reach(None, false), Err(ReachError::NoKey)));
        assert!(matches!(reach(Some("https://proxy.test"), false), Err(ReachError::NoKey)));
        assert!(reach(Some("http://127.0.0.1:9/v1"), false).is_ok());
    }

    #[test]
    fn addresses_are_taken_apart() {
        let of = |encrypted, host, port| Some(Address { encrypted, host, port });
        assert_eq!(address("https://a.test"), of(true, "a.test", 443));
        assert_eq!(address("http://a.test:81/v1?x"), of(false, "a.test", 81));
        assert_eq!(address("https://[::1]:8"), of(true, "[::1]", 8));
        assert_eq!(address("https://[::1]/x"), of(true, "[::1]", 443));
        for url in
            ["", "a.test", "ftp://a", "https://", "https:///x", "https://u@a", "https://a:x", "https://a:0"]
        {
            assert_eq!(address(url), None, "{url}");
        }
    }

    #[test]
    fn a_host_cannot_become_another_rule() {
        for url in ["https://a\"\nhost = \"b", "https://*", "https://*.com", "https://169.254.169.254"] {
            assert!(reach(Some(url), true).is_err(), "{url:?}");
        }
    }
}
