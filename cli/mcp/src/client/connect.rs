//! How a conversation with a server begins, and how it is followed.

use std::io;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::{ProtocolVersion, ServerNotification, SubscriptionFilter};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, Peer, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::handler::Handler;
use super::http::Remote;
use super::oauth::Authorization;
use super::{Client, ClientError, MESSAGE_BYTES_MAX, Protocol, Settings};

/// How often authorization is asked for while a conversation begins.
const AUTHORIZATIONS_MAX: usize = 2;

impl Client {
    /// Begins with a server at the other end of a stream, one message a line. `again` makes the stream anew, for a
    /// server that took the newest way of beginning badly.
    ///
    /// # Errors
    ///
    /// Fails where the stream cannot be made, or the server does not speak the protocol.
    pub async fn over_stream<R, W>(
        mut make: impl FnMut() -> io::Result<(R, W)>,
        settings: &Settings,
    ) -> Result<Self, ClientError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        for lifecycle in ways(settings.protocol) {
            let (reader, writer) = make().map_err(|error| ClientError::Begin { why: error.to_string() })?;
            let (sender, changes) = watch::channel(0);
            let handler = Handler::new(settings, sender.clone());
            let transport = AsyncRwTransport::<RoleClient, _, _>::new_client(reader, writer)
                .with_max_line_length(MESSAGE_BYTES_MAX);
            let begun = within(settings, handler.serve_with_lifecycle(transport, lifecycle)).await?;
            match begun {
                Ok(running) => return Ok(Self::of(running, settings, (sender, changes), None)),
                Err(error) if is_misunderstood(&error) => {}
                Err(error) => return Err(ClientError::of_beginning(&error)),
            }
        }
        Err(ClientError::Begin { why: "what it said is no answer to the beginning".to_owned() })
    }

    /// Begins with a server over HTTP. Where it asks for authorization and there is somebody to give it, they are asked.
    ///
    /// # Errors
    ///
    /// Fails where the server cannot be reached, does not speak the protocol, or wants what nobody gives.
    pub async fn over_http(remote: &Remote, settings: &Settings) -> Result<Self, ClientError> {
        let authorization = remote.authorization.as_ref();
        if let Some(authorization) = authorization {
            authorization.remember().await.map_err(|source| ClientError::Authorize { source })?;
        }
        let mut left = AUTHORIZATIONS_MAX;
        let mut ways = ways(settings.protocol).into_iter();
        let mut way = ways.next();
        while let Some(lifecycle) = way.clone() {
            let (sender, changes) = watch::channel(0);
            let handler = Handler::new(settings, sender.clone());
            let begun = match authorization {
                Some(authorization) => {
                    let client = authorization.client().await;
                    let transport = StreamableHttpClientTransport::with_client(client, remote.config());
                    within(settings, handler.serve_with_lifecycle(transport, lifecycle)).await?
                }
                None => {
                    let transport =
                        StreamableHttpClientTransport::with_client(remote.http.clone(), remote.config());
                    within(settings, handler.serve_with_lifecycle(transport, lifecycle)).await?
                }
            };
            let error = match begun {
                Ok(running) => {
                    return Ok(Self::of(running, settings, (sender, changes), authorization.map(Arc::clone)));
                }
                Err(error) => error,
            };
            match (error.auth_challenge(), authorization) {
                (Some(challenge), Some(authorization)) if left > 0 && authorization.can_ask() => {
                    left -= 1;
                    let given = authorization.satisfy(challenge).await;
                    given.map_err(|source| ClientError::Authorize { source })?;
                }
                (Some(_), _) => return Err(ClientError::Unauthorized),
                (None, _) if is_misunderstood(&error) => way = ways.next(),
                (None, _) => return Err(ClientError::of_beginning(&error)),
            }
        }
        Err(ClientError::Begin { why: "what it said is no answer to the beginning".to_owned() })
    }

    fn of(
        running: RunningService<RoleClient, Handler>,
        settings: &Settings,
        (sender, changes): (watch::Sender<u64>, watch::Receiver<u64>),
        authorization: Option<Arc<Authorization>>,
    ) -> Self {
        let follower = follower(running.peer(), sender);
        Self { running, timeout: settings.timeout, changes, follower, authorization }
    }
}

/// The ways of beginning, in the order they are tried.
fn ways(protocol: Protocol) -> Vec<ClientLifecycleMode> {
    let newest = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    };
    match protocol {
        Protocol::Newest => vec![newest, ClientLifecycleMode::Initialize],
        Protocol::Handshake => vec![ClientLifecycleMode::Initialize],
    }
}

async fn within<T>(settings: &Settings, begin: impl Future<Output = T>) -> Result<T, ClientError> {
    let seconds = settings.timeout.as_secs();
    let begun = tokio::time::timeout(settings.timeout, begin).await;
    begun.map_err(|_| ClientError::TooSlow { attempt: "begin", seconds })
}

/// Whether a server has answered what it was not asked: an old one may, to a question that it does not know.
fn is_misunderstood(error: &ClientInitializeError) -> bool {
    matches!(
        error,
        ClientInitializeError::ExpectedInitResponse(_) | ClientInitializeError::ExpectedInitResult(_)
    )
}

/// Asks a server of the newest kind to tell when its list changes; older ones tell unasked.
fn follower(peer: &Peer<RoleClient>, changes: watch::Sender<u64>) -> Option<JoinHandle<()>> {
    let info = peer.peer_info()?;
    let tells = info.capabilities.tools.as_ref().and_then(|tools| tools.list_changed) == Some(true);
    if !tells || info.protocol_version.has_initialize() {
        return None;
    }
    let peer = peer.clone();
    Some(tokio::spawn(async move {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        // A server that does not keep its word is seen through when its list is read again.
        let Ok(mut subscription) = peer.listen(filter).await else { return };
        while let Ok(Some(told)) = subscription.next().await {
            if matches!(told, ServerNotification::ToolListChangedNotification(_)) {
                changes.send_modify(|count| *count += 1);
            }
        }
    }))
}
