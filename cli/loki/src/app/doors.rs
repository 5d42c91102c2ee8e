//! The doors that stand on one listener: MCP over HTTP, and the operations by name.

pub(crate) mod http;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use loki_mcp::desk::Desk;
use loki_mcp::{Answer, Endpoint, Server, Session, Settings};
use tokio::net::TcpListener;

use self::http::{Door, Guard, nothing_here};

/// Where MCP is spoken.
pub(crate) const MCP: &str = "/mcp";

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// The address can be reached from other machines.
    #[error("`{address}` is no address of this machine alone")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The token opens nothing.
    #[error("the token is shorter than {TOKEN_BYTES_MIN} bytes")]
    Token,
    /// The listener does not work.
    #[error("failed to listen")]
    Listen(#[from] io::Error),
}

/// Bytes of a token at least.
const TOKEN_BYTES_MIN: usize = 16;

/// Everything that answers on the listener.
struct Doors {
    guard: Arc<Guard>,
    operations: Door,
    mcp: Endpoint<Session>,
}

/// Serves `desk` on a listener of the loopback, to whoever has the token, until `shutdown` is over: MCP at [`MCP`],
/// operations at `/api/operations`.
///
/// # Errors
///
/// Fails where the address is not this machine's alone, where the token is none, or where the listener fails.
pub(crate) async fn listen(
    listener: TcpListener,
    desk: Arc<dyn Desk>,
    settings: Settings,
    token: String,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ListenError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback { address });
    }
    if token.len() < TOKEN_BYTES_MIN {
        return Err(ListenError::Token);
    }
    let guard = Arc::new(Guard::new(token, address.port()));
    let operations = Door::new(Arc::clone(&desk), settings.allow.clone(), Arc::clone(&guard));
    let server = Server::new(desk, settings);
    let mcp = Endpoint::new(move || server.session(), guard.hosts());
    let doors = Arc::new(Doors { guard, operations, mcp });
    let answer = move |request| {
        let doors = Arc::clone(&doors);
        async move { doors.answer(request).await }
    };
    Ok(loki_mcp::listen(listener, answer, shutdown).await?)
}

impl Doors {
    /// Nothing is told to whoever does not show the token, not even what there is.
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        if let Some(turned_away) = self.guard.turns_away(request.headers()) {
            return turned_away.map(BodyExt::boxed);
        }
        let path = request.uri().path();
        if Door::is_at(path) {
            return self.operations.answer(request).await.map(BodyExt::boxed);
        }
        if path == MCP {
            return self.mcp.answer(request).await;
        }
        nothing_here(path).map(BodyExt::boxed)
    }
}

#[cfg(test)]
mod tests;
