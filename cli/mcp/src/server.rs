//! An MCP server with tools that are only known at run time.

use std::sync::Arc;

use async_trait::async_trait;
use loki_provider::ToolSpec;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServerInitializeError, serve_server};
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes of one message that are read; a longer one is passed over.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Answers calls.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The answer to a call, or why there is none. The caller sees either.
    async fn call(&self, tool: &str, input: Value) -> Result<String, String>;
}

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

/// Offers `tools` to the client on a stream, and serves it until it goes. Dropping the future ends it.
pub async fn serve<H: Handler>(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
    tools: &[ToolSpec],
    handler: Arc<H>,
) -> Result<(), McpError> {
    let server = Server { tools: tools.iter().map(tool).collect(), handler };
    let transport = AsyncRwTransport::new(reader, writer).with_max_line_length(MESSAGE_BYTES_MAX);
    let running = match serve_server(server, transport).await {
        Ok(running) => running,
        // It left before it began.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(McpError::Begin { source: Box::new(error) }),
    };
    running.waiting().await.map(|_reason| ()).map_err(|source| McpError::Serve { source })
}

struct Server<H> {
    tools: Vec<Tool>,
    handler: Arc<H>,
}

impl<H: Handler> ServerHandler for Server<H> {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("loki", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, rmcp::ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        let input = Value::Object(request.arguments.unwrap_or_default());
        let answer = match self.handler.call(&request.name, input).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(answer.into())
    }
}

fn tool(spec: &ToolSpec) -> Tool {
    let mut schema: Map<String, Value> = spec.input_schema.as_object().cloned().unwrap_or_default();
    schema.entry("type").or_insert_with(|| Value::from("object"));
    Tool::new(spec.name.clone(), spec.description.clone(), schema)
}

#[cfg(test)]
mod tests;
