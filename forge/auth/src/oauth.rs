//! Sign-in with the accounts that people have elsewhere: OAuth 2.0 (RFC 6749) with PKCE (RFC 7636), OpenID
//! Connect, and the flow for devices without a browser (RFC 8628).
//!
//! [`Oauth`] speaks to providers; what must be remembered between two of its calls is given back as a value
//! ([`flow::Pending`], [`device::Device`]), which the caller keeps sealed. Nothing here touches the database.

pub mod device;
pub mod discovery;
pub mod flow;
pub mod id_token;
pub mod outbound;
pub mod profile;
pub mod provider;

mod apple;
mod jws;
mod request;

use std::sync::Arc;

use loki_store::Clock;

use discovery::Documents;
use id_token::IdTokenError;
use outbound::{Outbound, OutboundError};
use profile::Profile;

/// Speaks to providers.
pub struct Oauth {
    outbound: Arc<dyn Outbound>,
    clock: Arc<dyn Clock>,
    documents: Documents,
}

/// What somebody brought from a provider. `Debug` does not show the tokens.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is.
    pub profile: Profile,
    /// What opens the provider's own interfaces in their name.
    pub tokens: Tokens,
}

/// Tokens of a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What opens its interfaces.
    pub access: String,
    /// What gets another one, where the provider gave it.
    pub refresh: Option<String>,
}

/// Why there is no sign-in.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// The provider was not reached.
    #[error("failed to {attempt}")]
    Unreachable {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        source: OutboundError,
    },
    /// It failed a moment ago, and is left alone for a while.
    #[error("failed to {attempt} a moment ago")]
    Resting {
        /// What was attempted.
        attempt: &'static str,
    },
    /// It answers with an error that has no name.
    #[error("failed to {attempt}: the provider answers with status {status}")]
    Status {
        /// What was attempted.
        attempt: &'static str,
        /// The status.
        status: u16,
    },
    /// Its answer is not what it must be.
    #[error("failed to {attempt}: {why}")]
    Answer {
        /// What was attempted.
        attempt: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// It refuses, or the person did.
    #[error("the provider refuses: {error}")]
    Refused {
        /// The name of the error (RFC 6749, 4.1.2.1 and 5.2).
        error: String,
        /// What the provider says about it.
        description: Option<String>,
    },
    /// The answer belongs to no request that was made.
    #[error("the answer belongs to another request")]
    State,
    /// The answer comes from another issuer than was asked (RFC 9207).
    #[error("the answer comes from another issuer than was asked")]
    MixedUp,
    /// The ID token does not hold.
    #[error("the ID token of the provider does not hold")]
    IdToken(#[from] IdTokenError),
    /// The provider cannot do this.
    #[error("the provider has no {what}")]
    Unsupported {
        /// What it has not.
        what: &'static str,
    },
    /// The key that the operator gave for the provider cannot be used.
    #[error("the key for the provider cannot be used")]
    Key,
    /// There is no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

impl Oauth {
    /// Speaks through `outbound`, by the time of `clock`.
    pub fn new(outbound: Arc<dyn Outbound>, clock: Arc<dyn Clock>) -> Oauth {
        Oauth { outbound, clock, documents: Documents::default() }
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("refresh", &self.refresh.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
