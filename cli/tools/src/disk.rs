//! Tools that wait for nothing but the disk: carried out beside the runtime's own threads.

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Answer, Tool, ToolError};
use loki_ledger::event::Recovery;
use loki_provider::ToolSpec;
use serde_json::Value;

use crate::files::FileError;

/// What a tool on the project's files does. All of them may be repeated after a crash.
pub(crate) trait DiskTool: Send + Sync + 'static {
    fn spec(&self) -> ToolSpec;

    fn reads_only(&self) -> bool;

    /// See [`Tool::prepare`].
    fn prepare(&self, _input: &Value) -> Option<String> {
        None
    }

    /// See [`Tool::call`].
    fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError>;
}

/// Such a tool for the engine.
pub(crate) struct OnDisk<T>(pub(crate) Arc<T>);

impl<T: DiskTool> OnDisk<T> {
    pub(crate) fn tool(tool: T) -> Arc<dyn Tool> {
        Arc::new(OnDisk(Arc::new(tool)))
    }
}

#[async_trait]
impl<T: DiskTool> Tool for OnDisk<T> {
    fn spec(&self) -> ToolSpec {
        self.0.spec()
    }

    fn reads_only(&self) -> bool {
        self.0.reads_only()
    }

    fn is_for_the_workspace(&self) -> bool {
        true
    }

    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }

    async fn prepare(&self, input: &Value) -> Option<String> {
        let (tool, input) = (Arc::clone(&self.0), input.clone());
        // One that failed is as one that says nothing: the call itself will say why.
        tokio::task::spawn_blocking(move || tool.prepare(&input)).await.ok().flatten()
    }

    async fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError> {
        let (tool, input, expects) = (Arc::clone(&self.0), input.clone(), expects.map(str::to_owned));
        let called = tokio::task::spawn_blocking(move || tool.call(&input, expects.as_deref())).await;
        called.unwrap_or_else(|_| {
            Err(ToolError::new("tool_failed", "the tool was cut short", Some("try another way")))
        })
    }
}

impl From<FileError> for ToolError {
    fn from(error: FileError) -> Self {
        ToolError::new(error.code(), error.to_string(), Some(error.hint()))
    }
}
