//! A server with tools that are given once and answer with text: the desk of an agent that loki drives.

use std::sync::Arc;

use async_trait::async_trait;
use loki_provider::ToolSpec;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::listing::schema;
use super::{McpError, serve_on};

/// Answers calls.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The answer to a call, or why there is none. The caller sees either.
    async fn call(&self, tool: &str, input: Value) -> Result<String, String>;
}

/// Offers `tools` to the client on a stream, and serves it until it goes. Dropping the future ends it.
///
/// # Errors
///
/// Fails where the client cannot begin, or a task of ours breaks. A client that leaves is no error.
pub async fn serve<H: Handler>(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
    tools: &[ToolSpec],
    handler: Arc<H>,
) -> Result<(), McpError> {
    serve_on(Fixed { tools: tools.iter().map(tool).collect(), handler }, reader, writer).await
}

struct Fixed<H> {
    tools: Vec<Tool>,
    handler: Arc<H>,
}

impl<H: Handler> ServerHandler for Fixed<H> {
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
    Tool::new(spec.name.clone(), spec.description.clone(), schema(&spec.input_schema))
}

#[cfg(test)]
mod tests;
