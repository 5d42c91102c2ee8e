//! An MCP server: the protocol on a stream or over HTTP, before a desk that decides.

mod approval;
mod call;
pub mod desk;
mod fixed;
mod http;
mod listen;
mod listing;
mod pages;
pub mod schema;
mod search;
mod session;
mod stream;
mod text;

use rmcp::ServerHandler;
use rmcp::service::{ServerInitializeError, serve_server};
use tokio::io::{AsyncRead, AsyncWrite};

pub use fixed::{Handler, serve};
pub use http::{Answer, Endpoint};
pub use listen::listen;
pub use listing::{LEAN, Shown};
pub use session::{Server, Session, Settings};

use stream::Lines;

/// Why there is nobody to serve any more, other than that they have gone.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// The client does not speak the protocol.
    #[error("the client did not begin as the protocol says")]
    Begin {
        /// What it did.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task of ours has panicked or was cancelled.
    #[error("serving the client failed")]
    Serve {
        /// What went wrong.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// Serves the client on a stream until it goes. Dropping the future ends it.
///
/// # Errors
///
/// Fails where the client cannot begin, or a task of ours breaks. A client that leaves is no error.
pub async fn serve_on<H: ServerHandler>(
    handler: H,
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), McpError> {
    let running = match serve_server(handler, Lines::new(reader, writer)).await {
        Ok(running) => running,
        // It left before it began.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(McpError::Begin { source: Box::new(error) }),
    };
    running.waiting().await.map(|_reason| ()).map_err(|source| McpError::Serve { source })
}

#[cfg(test)]
mod tests;
