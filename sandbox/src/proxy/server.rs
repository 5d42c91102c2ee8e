//! Accepts the command's connections and serves each until it ends, or everything has to.

use std::convert::Infallible;
use std::net;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::budget::{Budget, Meter, Metered};
use super::certificates::{Authority, Trust};
use super::record::{DenyReason, Log, Verdict};
use super::target::Target;
use super::tunnel::{self, Tunnel};
use super::{Egress, ProxyError, forward};

/// Bytes of a request's or a response's head.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Failures to accept in a row, after which there is no hope.
const ACCEPT_FAILURES_MAX: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection needs.
pub(super) struct Shared {
    pub(super) egress: Egress,
    pub(super) budget: Arc<Budget>,
    pub(super) log: Arc<Log>,
    pub(super) trust: Trust,
    pub(super) authority: Option<Authority>,
}

/// A client's connection, as far as the proxy has read it.
pub(super) type Client = Metered<TcpStream>;

/// One stream of requests and what it holds on to.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) scope: Scope,
    /// The connection that the last request went over; the next one to the same host takes it again.
    pub(super) upstream: Mutex<Option<Upstream>>,
    /// What drives connections towards hosts. It ends with the session.
    pub(super) drivers: Mutex<JoinSet<()>>,
    /// A tunnel that has been agreed to, and begins when the answer is out.
    pub(super) tunnel: Mutex<Option<Tunnel>>,
}

/// Where the requests of a session may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Anywhere: the session of a client with the proxy.
    Open,
    /// One host: the session inside a tunnel, which is TLS or not.
    Inside { target: Target, secure: Secure },
}

/// Whether HTTP is inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secure {
    /// In the clear.
    No,
    /// Inside TLS.
    Yes,
}

/// A connection towards a host that can take a request.
pub(super) struct Upstream {
    pub(super) target: Target,
    pub(super) secure: Secure,
    pub(super) sender: SendRequest<Incoming>,
    pub(super) meter: Arc<Meter>,
    pub(super) absolute: bool,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, scope: Scope) -> Arc<Session> {
        let (upstream, drivers, tunnel) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Session { shared, scope, upstream, drivers, tunnel })
    }
}

/// Accepts until it is told to stop, or dropped; nothing outlives it.
pub(super) async fn accept_all(
    shared: Arc<Shared>,
    listener: net::TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ProxyError> {
    let taken = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
    let listener = taken.map_err(|source| ProxyError::Listener { source })?;
    let permits = Arc::new(Semaphore::new(shared.egress.concurrent_connections_max));
    let mut clients = JoinSet::new();
    let mut failures = 0;
    tokio::pin!(shutdown);
    let outcome = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            // One that panicked has taken only its own connection along.
            Some(_) = clients.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    failures = 0;
                    clients.spawn(client(shared.clone(), stream, permit));
                }
                // A client that gave up, or no descriptor to spare just now.
                Err(_) if failures < ACCEPT_FAILURES_MAX => failures += 1,
                Err(source) => break Err(ProxyError::Accept { source }),
            },
        }
    };
    clients.shutdown().await;
    outcome
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    // More clients than may be served at once wait in the listener's queue.
    let permit = permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let accepted = match listener.accept().await {
        Ok((stream, _)) => stream.set_nodelay(true).map(|()| (stream, permit)),
        Err(error) => Err(error),
    };
    if accepted.is_err() {
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
    accepted
}

async fn client(shared: Arc<Shared>, stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let timeouts = shared.egress.timeouts;
    let meter = Meter::new();
    let session = Session::new(shared.clone(), Scope::Open);
    // A silent host is noticed first, so that the client can still be told.
    let quiet_max = timeouts.idle + timeouts.connect;
    // Once the limit is reached, what is open ends, and what comes later gets to hear why.
    let cut_off = async {
        if shared.budget.is_transfer_reached() {
            std::future::pending::<()>().await;
        }
        shared.budget.transfer_reached().await;
    };
    tokio::select! {
        () = converse(&session, Metered::watched(stream, meter.clone())) => {}
        () = meter.idle(quiet_max) => {}
        () = cut_off => {}
    }
}

async fn converse(session: &Arc<Session>, stream: Client) {
    let connection =
        builder(session).serve_connection(TokioIo::new(stream), service(session)).with_upgrades();
    note(session, connection.await);
    let agreed = session.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(agreed) = agreed {
        tunnel::run(&session.shared, agreed).await;
    }
}

/// Serves the requests inside a tunnel.
pub(super) async fn converse_inside<S>(session: &Arc<Session>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    note(session, builder(session).serve_connection(TokioIo::new(stream), service(session)).await);
}

fn builder(session: &Session) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(session.shared.egress.timeouts.head)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(2 * HEAD_BYTES_MAX)
        .preserve_header_case(true)
        .auto_date_header(false);
    builder
}

fn service(
    session: &Arc<Session>,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = super::answer::Answer,
    Error = Infallible,
    Future: Send,
> + use<> {
    let session = session.clone();
    service_fn(move |request| {
        let session = session.clone();
        async move { Ok(forward::answer(&session, request).await) }
    })
}

/// A request that could not even be read is on record as well.
fn note(session: &Session, outcome: Result<(), hyper::Error>) {
    if let Err(error) = outcome
        && error.is_parse()
    {
        session.shared.log.entry("").ends(Verdict::Denied(DenyReason::Malformed), 400);
    }
}
