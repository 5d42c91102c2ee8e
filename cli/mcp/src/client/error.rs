//! Why a server could not be used.

use std::error::Error;

use rmcp::service::{ClientInitializeError, ServiceError};

use super::oauth::OauthError;
use super::shown;

/// Bytes of a server's own words that are repeated.
const WORDS_BYTES_MAX: usize = 500;

/// Why a server could not be used. Its own words are made visible and cut short; addresses and tokens are left out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There was no beginning.
    #[error("the server did not begin: {why}")]
    Begin {
        /// What it did.
        why: String,
    },
    /// It asks for authorization that there is none of.
    #[error("the server asks for authorization")]
    Unauthorized,
    /// Authorization failed.
    #[error("authorization with the server failed")]
    Authorize {
        /// Where.
        #[source]
        source: OauthError,
    },
    /// It has gone.
    #[error("the server has gone")]
    Gone,
    /// It says no.
    #[error("the server refused to {attempt}: {words} (code {code})")]
    Refused {
        /// What was asked of it.
        attempt: &'static str,
        /// The code of its error.
        code: i32,
        /// Its own words.
        words: String,
    },
    /// It took too long.
    #[error("the server did not {attempt} within {seconds} s")]
    TooSlow {
        /// What was asked of it.
        attempt: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// It lists too much.
    #[error("the server lists more than {tools_max} tools")]
    TooMany {
        /// How many there may be.
        tools_max: usize,
    },
    /// Something else.
    #[error("the server failed to {attempt}: {why}")]
    Failed {
        /// What was asked of it.
        attempt: &'static str,
        /// What went wrong.
        why: String,
    },
}

impl ClientError {
    pub(super) fn of_service(attempt: &'static str, error: ServiceError) -> Self {
        if error.auth_challenge().is_some() {
            return Self::Unauthorized;
        }
        match error {
            ServiceError::McpError(error) => Self::Refused {
                attempt,
                code: error.code.0,
                words: shown::line(&error.message, WORDS_BYTES_MAX),
            },
            ServiceError::TransportClosed => Self::Gone,
            ServiceError::TransportSend(error) => Self::Failed { attempt, why: causes(&error) },
            error => Self::Failed { attempt, why: causes(&error) },
        }
    }

    pub(super) fn of_beginning(error: &ClientInitializeError) -> Self {
        match error {
            ClientInitializeError::ConnectionClosed(_) => Self::Begin { why: "it has gone".to_owned() },
            ClientInitializeError::JsonRpcError(error) => Self::Begin {
                why: format!("{} (code {})", shown::line(&error.message, WORDS_BYTES_MAX), error.code.0),
            },
            ClientInitializeError::LegacyFallbackFailed { fallback, .. } => Self::of_beginning(fallback),
            ClientInitializeError::ExpectedInitResponse(_) | ClientInitializeError::ExpectedInitResult(_) => {
                Self::Begin { why: "what it said is no answer to the beginning".to_owned() }
            }
            error => Self::Begin { why: causes(error) },
        }
    }
}

/// An error with its causes on one line, each once. An address may hold a token: of each no more than the host is
/// told, and the HTTP client's errors are told by kind.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    const CAUSES_MAX: usize = 8;
    let mut words: Vec<String> = Vec::new();
    let mut cause = Some(error);
    for _ in 0..CAUSES_MAX {
        let Some(this) = cause else { break };
        let said = match this.downcast_ref::<reqwest::Error>() {
            Some(error) => of_http(error),
            None => this.to_string(),
        };
        let said = without_paths(&said);
        if !words.iter().any(|word| word.contains(&said)) {
            words.push(said);
        }
        cause = this.source();
    }
    shown::line(&words.join(": "), WORDS_BYTES_MAX)
}

/// The text with every address cut behind its host.
fn without_paths(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        kept.push_str(before);
        let ends = |character: char| character.is_whitespace() || "\"'`<>(),".contains(character);
        let (whole, after) = address.split_at(address.find(ends).unwrap_or(address.len()));
        let authority = whole.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        kept.push_str(host);
        if whole.len() > authority.len() {
            kept.push_str("/…");
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn of_http(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "it cannot be reached"
    } else if error.is_redirect() {
        "it redirects, which is not followed"
    } else if error.is_decode() || error.is_body() {
        "its answer cannot be read"
    } else {
        "the request failed"
    };
    match error.status() {
        Some(status) => format!("{kind}: HTTP {}", status.as_u16()),
        None => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_host_is_told() {
        for (text, expected) in [
            ("no address", "no address"),
            (
                "failed for url (https://a.test/p?token=s3cret) at once",
                "failed for url (https://a.test/…) at once",
            ),
            ("https://ada:s3cret@a.test:8/x and http://b.test", "https://a.test:8/… and http://b.test"),
            ("\"https://a.test?code=s3cret\"", "\"https://a.test/…\""),
        ] {
            assert_eq!(without_paths(text), expected);
        }
    }
}
