//! Listens for HTTP on the loopback, for a bounded number of connections.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::http::Answer;

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 128;

/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long no connection is taken after there was no descriptor left for one.
const FULL_WAIT: Duration = Duration::from_millis(100);

/// Answers requests on a listener until `shutdown` is over; connections that are open then are cut.
///
/// # Errors
///
/// Fails where the listener itself does. What goes wrong on one connection ends that one.
pub async fn listen<F, A>(
    listener: TcpListener,
    answer: F,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let (places, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), JoinSet::new());
    tokio::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let (stream, place) = tokio::select! {
            () = &mut shutdown => return Ok(()),
            // Those that have ended are forgotten.
            Some(_ended) = connections.join_next() => continue,
            next = next => match next {
                Ok(next) => next,
                Err(error) if is_of_one(&error) => continue,
                Err(error) if is_full(&error) => {
                    tokio::time::sleep(FULL_WAIT).await;
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        let answer = answer.clone();
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let answering = answer(request);
                async move { Ok::<_, Infallible>(answering.await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // A client that breaks off has nothing more to hear.
            let _ended = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Whether an error is of one connection rather than of the listener.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Whether the process, or the machine, has as many files open as it may. It passes.
fn is_full(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}
