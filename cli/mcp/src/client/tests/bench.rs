//! A server with odd tools, and the ways to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::{HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::*;

/// A server: it echoes, fails, refuses, and hangs until it is ended.
#[derive(Clone, Default)]
pub(super) struct Odd {
    /// Whether `echo` says something else of itself.
    pub(super) is_changed: Arc<AtomicBool>,
    /// Told when a call hangs.
    pub(super) began: Arc<Notify>,
    /// Ends the server.
    pub(super) end: Arc<Notify>,
}

impl ServerHandler for Odd {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let schema = Arc::new(schema.as_object().cloned().unwrap_or_default());
        let echo =
            if self.is_changed.load(Ordering::SeqCst) { "Says it to everybody" } else { "Says it again" };
        let long = "x".repeat(20_000);
        let tools =
            [("echo", echo), ("fail", "Fails"), ("hang", "Hangs"), ("refuse", "Refuses"), ("long", &long)];
        let tool = |(name, said): (&'static str, &str)| Tool::new(name, said.to_owned(), Arc::clone(&schema));
        Ok(ListToolsResult::with_all_items(tools.map(tool).to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match request.name.as_ref() {
            "echo" => {
                let text = request.arguments.and_then(|input| input["text"].as_str().map(str::to_owned));
                let text = text.unwrap_or_default();
                if text == "tell" {
                    // Nobody listening is no fault of the server's.
                    let _told = context.peer.notify_tool_list_changed().await;
                }
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
            }
            "fail" => Ok(CallToolResult::error(vec![ContentBlock::text("it broke")]).into()),
            "hang" => {
                self.began.notify_one();
                std::future::pending().await
            }
            _ => Err(ErrorData::invalid_params("no\u{202e} way", None)),
        }
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        name: "loki".to_owned(),
        version: "0".to_owned(),
        timeout: Duration::from_secs(20),
        protocol: Protocol::Newest,
        answerer: None,
    }
}

pub(super) async fn over_stream(server: &Odd, settings: &Settings) -> Result<Client, ClientError> {
    Client::over_stream(
        || {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let server = server.clone();
            tokio::spawn(async move {
                let end = Arc::clone(&server.end);
                let serve = async {
                    if let Ok(running) = server.serve(theirs).await {
                        drop(running.waiting().await);
                    }
                };
                tokio::select! {
                    () = serve => {}
                    () = end.notified() => {}
                }
            });
            Ok(tokio::io::split(ours))
        },
        settings,
    )
    .await
}

/// A server over HTTP that asks for `token`, and its address.
pub(super) async fn over_http(token: &str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let service = StreamableHttpService::new(
        || Ok(Odd::default()),
        Arc::<LocalSessionManager>::default(),
        StreamableHttpServerConfig::default(),
    );
    let wanted = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, wanted) = (service.clone(), wanted.clone());
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (service, wanted) = (service.clone(), wanted.clone());
                    async move {
                        if request.headers().get(header::AUTHORIZATION) != Some(&wanted) {
                            let mut turned = Response::new(Full::new(Bytes::new()).boxed());
                            *turned.status_mut() = StatusCode::UNAUTHORIZED;
                            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                            turned.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                            return Ok::<_, std::convert::Infallible>(turned);
                        }
                        Ok(service.handle(request).await)
                    }
                });
                let served = hyper::server::conn::http1::Builder::new();
                drop(served.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
    (url, serving)
}
