//! Sign-in as a service: the mail that leaves, the providers that are reached, the roles' grants.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forge_auth::admin::{Grant, Subject};
use forge_auth::keys::KeyRing;
use forge_auth::mail::Mailer;
use forge_auth::mail::mailbox::{Mailbox, MailboxError};
use forge_auth::mail::outbox::{Courier, Limits, OnLost, outbox};
use forge_auth::mail::smtp::{Smtp, SmtpError};
use forge_auth::oauth::outbound::{Web, WebError};
use forge_auth::token::TokenError;
use forge_auth::{Actor, Auth, AuthError, Parts, SetupError};
use forge_core::Identity;
use forge_core::sql::Sql;
use forge_server::Service;
use http::HeaderMap;
use loki_store::Clock;
use tokio::task::JoinHandle;

use super::auth_settings::{AuthSettings, RoleGrant};

/// Why nobody can sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    /// The mailbox.
    #[error("the mailbox cannot be used")]
    Mailbox(#[from] MailboxError),
    /// The mail server.
    #[error("the mail server of `forge.auth.smtp_host` cannot be used")]
    Smtp(#[from] SmtpError),
    /// What reaches providers.
    #[error("failed to prepare requests to providers")]
    Web(#[from] WebError),
    /// The settings.
    #[error("sign-in cannot be set up so")]
    Setup(#[from] SetupError),
    /// The database.
    #[error("the tables of sign-in cannot be used")]
    Database(#[source] AuthError),
}

/// Where sign-in finds what it needs.
pub(crate) struct Place<'a> {
    /// The application's database.
    pub(crate) sql: Arc<dyn Sql>,
    /// The project's keys.
    pub(crate) ring: Arc<KeyRing>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The folder for mail where no server is set.
    pub(crate) mailbox: &'a Path,
    /// Told of mail that could not be sent.
    pub(crate) lost: OnLost,
}

/// For places where nobody is there to be told: whoever waits for the mail asks for it again.
pub(crate) fn untold() -> OnLost {
    Arc::new(|_, _| {})
}

/// The service, and the mail that it sends.
pub(crate) fn open(
    place: Place<'_>,
    settings: AuthSettings,
) -> Result<(Arc<Auth>, Courier, Vec<RoleGrant>), PeopleError> {
    let mailer: Arc<dyn Mailer> = match settings.smtp {
        Some(smtp) => Arc::new(Smtp::new(smtp, Arc::clone(&place.clock))?),
        None => Arc::new(Mailbox::open(place.mailbox, Arc::clone(&place.clock))?),
    };
    let (outbox, courier) = outbox(mailer, Limits::default(), place.lost);
    let auth = Auth::new(Parts {
        sql: place.sql,
        settings: settings.settings,
        ring: place.ring,
        clock: place.clock,
        mailer: Arc::new(outbox),
        outbound: Arc::new(Web::new()?),
    })?;
    Ok((Arc::new(auth), courier, settings.grants))
}

/// Grants what the document grants and is not granted yet.
pub(crate) async fn grant(auth: &Auth, wanted: &[RoleGrant]) -> Result<(), PeopleError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let there = auth.grants().await.map_err(PeopleError::Database)?;
    for grant in wanted {
        let grant = Grant {
            subject: Subject::Role(grant.role.clone()),
            resource: grant.resource.clone(),
            access: grant.access.clone(),
        };
        if !there.contains(&grant) {
            auth.grant(&Actor::operator(), &grant).await.map_err(PeopleError::Database)?;
        }
    }
    Ok(())
}

/// Mail on its way. It goes on until nobody holds the service any more.
pub(crate) struct Post(JoinHandle<usize>);

impl Post {
    /// Begins to send what `courier` is given.
    pub(crate) fn begin(courier: Courier, drain_max: Duration) -> Post {
        Post(tokio::spawn(courier.run(std::future::pending(), drain_max)))
    }

    /// Waits for what is left to be sent, for so long.
    pub(crate) async fn end(self, within: Duration) {
        // What is not sent by then is asked for again by whoever waits for it.
        drop(tokio::time::timeout(within, self.0).await);
    }
}

/// Sign-in as it is mounted.
pub(super) struct People(pub(super) Arc<Auth>);

#[async_trait]
impl Service for People {
    async fn answer(&self, who: &Identity, request: http::Request<Bytes>) -> http::Response<Bytes> {
        self.0.answer(who, request).await
    }

    fn stranger(&self, error: &TokenError, headers: &HeaderMap) -> Option<http::Response<Bytes>> {
        Some(self.0.stranger(error, headers))
    }

    async fn ready(&self) -> Result<(), String> {
        self.0.ready().await.map_err(|_| "the tables of sign-in cannot be read".to_owned())
    }
}
