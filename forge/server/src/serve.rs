//! Connections: accepted within a bound, read within a time, ended when their work is done.

mod connection;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;

use crate::app::App;

/// How often the keys are looked at.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// How long to wait where the system has no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// How long the last answers may take to leave once all work is done.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Why a server ended other than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Work was left when its time was over.
    #[error("gave up {connections} connections with work on them")]
    CutShort {
        /// Connections that were cut.
        connections: usize,
    },
}

/// Serves `app` until `shutdown`, then ends: nothing is accepted any more; on connections that are open new
/// work is refused (503) and probes are answered; work that has begun gets `drain_max`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
    drain_max: Duration,
) -> Result<(), ServeError> {
    let (close, closing) = watch::channel(());
    let room = Arc::new(Semaphore::new(app.settings.connections_max));
    let mut connections = JoinSet::new();
    let mut keys = tokio::time::interval(KEYS_EVERY);
    keys.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = keys.tick() => {
                // A ring that cannot be read now may be again in a second; until then the last one counts.
                app.refresh_keys().unwrap_or_default();
            }
            (permit, stream, peer) = next(&listener, &room) => {
                let (app, tls, closing) = (Arc::clone(&app), tls.clone(), closing.clone());
                connections.spawn(async move {
                    connection::run(app, stream, tls, peer, closing).await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    app.begin_drain();
    end(&app, connections, &close, drain_max).await
}

async fn end(
    app: &App,
    mut connections: JoinSet<()>,
    close: &watch::Sender<()>,
    drain_max: Duration,
) -> Result<(), ServeError> {
    let done = tokio::time::timeout(drain_max, app.drain.finished()).await.is_ok();
    close.send_replace(());
    let flush = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FLUSH_MAX, flush).await.is_ok() {
        return Ok(());
    }
    let left = connections.len();
    connections.shutdown().await;
    if done { Ok(()) } else { Err(ServeError::CutShort { connections: left }) }
}

/// The next connection for which there is room.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (OwnedSemaphorePermit, TcpStream, SocketAddr) {
    loop {
        // Nobody closes the semaphore; were it closed, nothing would be accepted any more.
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (permit, stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await, // No descriptors: some will come free.
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
