//! `auth.flow_state`: sign-ins that have begun and end elsewhere or later.
//!
//! A flow with a `state` waits for a provider; one with a `code` waits for the client that began it (RFC 7636).

use forge_core::sql::{Row, Statement, optional_text, text, time};
use loki_store::Timestamp;

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) id: String,
    /// Who signed in, once that is known.
    pub(crate) user_id: Option<String>,
    /// The user who wants to link a provider.
    pub(crate) link_user_id: Option<String>,
    /// The digest of the state that the provider gives back.
    pub(crate) state_hash: Option<String>,
    /// The digest of the code that the client exchanges.
    pub(crate) auth_code_hash: Option<String>,
    /// The client's challenge and its method.
    pub(crate) challenge: Option<(String, String)>,
    /// The provider, or `email`.
    pub(crate) provider: String,
    /// What the session will say of how they signed in.
    pub(crate) authentication_method: String,
    /// What must stay secret (verifier, nonce, the provider's tokens), sealed.
    pub(crate) secrets: Option<String>,
    pub(crate) redirect_to: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

const ALL: &str = "select id, user_id, link_user_id, state_hash, auth_code_hash, code_challenge, \
                   code_challenge_method, provider, authentication_method, secrets, redirect_to, created_at, expires_at \
                   from {auth.flow_state}";

/// The flow that a code ends.
pub(crate) fn by_code(hash: &str) -> Statement {
    Statement::new(format!("{ALL} where auth_code_hash = $1"), [hash.into()])
}

/// The flow that a provider's answer belongs to.
pub(crate) fn by_state(hash: &str) -> Statement {
    Statement::new(format!("{ALL} where state_hash = $1"), [hash.into()])
}

/// Adds a flow, and removes those that are over.
pub(crate) fn insert(flow: &Flow, now: Timestamp) -> [Statement; 2] {
    let (challenge, method) = flow.challenge.clone().unzip();
    [
        Statement::new("delete from {auth.flow_state} where expires_at < $1", [now.into()]),
        Statement::new(
            "insert into {auth.flow_state} (id, user_id, link_user_id, state_hash, auth_code_hash, code_challenge, \
             code_challenge_method, provider, authentication_method, secrets, redirect_to, created_at, expires_at) values \
             ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                flow.id.as_str().into(),
                flow.user_id.clone().into(),
                flow.link_user_id.clone().into(),
                flow.state_hash.clone().into(),
                flow.auth_code_hash.clone().into(),
                challenge.into(),
                method.into(),
                flow.provider.as_str().into(),
                flow.authentication_method.as_str().into(),
                flow.secrets.clone().into(),
                flow.redirect_to.clone().into(),
                flow.created_at.into(),
                flow.expires_at.into(),
            ],
        )
        .touching(1),
    ]
}

/// Uses a flow up; a second time it is unmet.
pub(crate) fn spend(id: &str) -> Statement {
    Statement::new("delete from {auth.flow_state} where id = $1", [id.into()]).touching(1)
}

/// A flow from a row.
pub(crate) fn of_row(row: &Row) -> Option<Flow> {
    Some(Flow {
        id: optional_text(row, "id")?,
        user_id: optional_text(row, "user_id"),
        link_user_id: optional_text(row, "link_user_id"),
        state_hash: optional_text(row, "state_hash"),
        auth_code_hash: optional_text(row, "auth_code_hash"),
        challenge: optional_text(row, "code_challenge").zip(optional_text(row, "code_challenge_method")),
        provider: text(row, "provider"),
        authentication_method: text(row, "authentication_method"),
        secrets: optional_text(row, "secrets"),
        redirect_to: optional_text(row, "redirect_to"),
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
