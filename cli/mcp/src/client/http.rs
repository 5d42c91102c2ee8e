//! Servers over HTTP: where they are, and what is shown to them.

use std::sync::Arc;
use std::time::Duration;

use loki_provider::{HttpError, Limits};
use reqwest::Url;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use super::MESSAGE_BYTES_MAX;
use super::oauth::Authorization;

/// Milliseconds until a connection stands.
const CONNECT_MS_MAX: u64 = 15_000;
/// Bytes of an error's text that are read.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// Requests under way at a time.
const REQUESTS_MAX: usize = 4;
/// How long a reply or a cancelled call may take to be told.
const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// A token for a server. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token of these characters.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn text(&self) -> String {
        self.0.clone()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A server over HTTP.
#[derive(Clone)]
pub struct Remote {
    pub(super) url: Url,
    pub(super) http: reqwest::Client,
    token: Option<Token>,
    pub(super) authorization: Option<Arc<Authorization>>,
}

/// Why a server cannot be reached as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The address is none.
    #[error("the address is not one: `https://host[:port][/path]`")]
    Address,
    /// It names somebody, or a password.
    #[error("the address holds a name or a password; name a variable that holds the token instead")]
    Named,
    /// Everything would go over the network in plain sight.
    #[error("a server is reached over https only, or on this machine")]
    Plain,
    /// There is no HTTP client.
    #[error("failed to set up the HTTP client")]
    Client(#[source] HttpError),
}

impl Remote {
    /// The server at `url`, which is shown `token`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Fails where the address is none, or is neither encrypted nor of this machine.
    pub fn new(url: &str, token: Option<Token>) -> Result<Self, AddressError> {
        let url = Url::parse(url).map_err(|_| AddressError::Address)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(AddressError::Address);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Named);
        }
        let is_local = is_this_machine(&url);
        if url.scheme() != "https" && !is_local {
            return Err(AddressError::Plain);
        }
        let http = client(is_local, |builder| builder)?;
        Ok(Self { url, http, token, authorization: None })
    }

    /// The same with a way to be authorized, in place of a token.
    #[must_use]
    pub fn with_authorization(self, authorization: Arc<Authorization>) -> Self {
        Self { token: None, authorization: Some(authorization), ..self }
    }

    pub(super) fn config(&self) -> StreamableHttpClientTransportConfig {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
            .max_concurrent_requests(REQUESTS_MAX)
            .control_request_timeout(REPLY_WITHIN)
            .max_sse_event_size(MESSAGE_BYTES_MAX)
            .max_json_response_size(MESSAGE_BYTES_MAX)
            .max_error_response_size(ERROR_BYTES_MAX);
        config.auth_header = self.token.as_ref().map(|token| token.0.clone());
        config
    }
}

/// A client that follows no redirect, so that what is shown to a server is shown to nobody else.
pub(super) fn client(
    is_local: bool,
    change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, AddressError> {
    let limits = Limits { connect_ms_max: CONNECT_MS_MAX, ..Limits::default() };
    let builder = loki_provider::http_client(&limits).map_err(AddressError::Client)?;
    let builder = if is_local { builder.no_proxy() } else { builder };
    change(builder).build().map_err(|error| AddressError::Client(HttpError::Client(error)))
}

/// Whether the address is this very machine, by its form.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_encrypted_or_here_is_reached() {
        for url in ["https://a.test/mcp", "http://127.0.0.1:9/mcp", "http://localhost:9", "http://[::1]:9/"] {
            assert!(Remote::new(url, None).is_ok(), "{url}");
        }
        let code = |url: &str| match Remote::new(url, None).err().unwrap() {
            AddressError::Address => "address",
            AddressError::Named => "named",
            AddressError::Plain => "plain",
            AddressError::Client(_) => "client",
        };
        for (url, expected) in [
            ("", "address"),
            ("a.test", "address"),
            ("ftp://a.test", "address"),
            ("file:///etc/passwd", "address"),
            ("https://ada:pw@a.test/", "named"),
            ("https://token@a.test/", "named"),
            ("http://a.test/", "plain"),
            ("http://localhost.evil.test/", "plain"),
            ("http://10.0.0.1/", "plain"),
        ] {
            assert_eq!(code(url), expected, "{url}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Token::new("s3cret")), "Token(…)");
    }
}
