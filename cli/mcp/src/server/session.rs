//! One client: what the protocol asks, as calls of the desk.
//!
//! A session is what one connection or one HTTP session talks to; what they have in common is [`Server`].

#![expect(deprecated, reason = "clients of versions before 2026-07-28 still have logging of this kind")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use loki_operation::Allow;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, Prompt, PromptArgument, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate, Role, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscriptionFilter,
    Tool,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use serde_json::{Map, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::approval::Issued;
use super::desk::{Desk, Message, PromptInfo, ResourceInfo, Speaker};
use super::listing::{Shown, listed, own_tools, tool};
use super::pages::{Pages, fenced};

/// Calls that are carried out at the same time, whoever makes them.
const CALLS_MAX: usize = 32;

/// What a model is told of the server as a whole.
const INSTRUCTIONS: &str = "Builds and proves applications with their backend. `tools_search` finds tools that are \
                            not listed. An error says under next_actions what to do.";

/// How a server offers what its desk has.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What is listed from the beginning.
    pub shown: Shown,
    /// What clients may do.
    pub allow: Allow,
    /// Whether output schemas are listed, and structured answers sent whole: for programs rather than models.
    pub with_output_schemas: bool,
}

/// A server before a desk. Sessions are made from it.
#[derive(Clone)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
}

/// What the sessions of a server have in common. They are all of one user.
pub(super) struct Shared {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) settings: Settings,
    pub(super) on: watch::Sender<BTreeSet<String>>,
    pub(super) pages: Pages,
    pub(super) issued: Issued,
    pub(super) calls: Semaphore,
}

/// What one client talks to.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    level: AtomicU8,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// A server before `desk`.
    pub fn new(desk: Arc<dyn Desk>, settings: Settings) -> Self {
        let shared = Shared {
            desk,
            settings,
            on: watch::Sender::new(BTreeSet::new()),
            pages: Pages::new(),
            issued: Issued::new(),
            calls: Semaphore::new(CALLS_MAX),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A session of it.
    pub fn session(&self) -> Session {
        let level = AtomicU8::new(rank(LoggingLevel::Warning));
        Session { shared: Arc::clone(&self.shared), level, watcher: Mutex::new(None) }
    }

    /// The tools as they are listed now, each as the JSON that clients are sent.
    pub fn listing(&self) -> Vec<(String, String)> {
        let told = |tool: Tool| (tool.name.to_string(), serde_json::to_string(&tool).unwrap_or_default());
        self.shared.tools().into_iter().map(told).collect()
    }
}

impl Shared {
    fn tools(&self) -> Vec<Tool> {
        let Settings { shown, allow, with_output_schemas } = &self.settings;
        let offers = listed(self.desk.offers(), shown, &self.on.borrow(), allow);
        let tools = offers.iter().map(|offer| tool(offer, *with_output_schemas));
        tools.chain(own_tools()).collect()
    }
}

impl Session {
    /// Tells the client something worth logging, where it wants to hear of it.
    pub async fn log(&self, context: &RequestContext<RoleServer>, level: LoggingLevel, text: String) {
        let is_wanted = match (context.meta.log_level(), context.meta.protocol_version()) {
            (Some(wanted), _) => rank(level) >= rank(wanted),
            // Whoever negotiates with each call asks for the log with each call.
            (None, Some(_)) => false,
            (None, None) => rank(level) >= self.level.load(Ordering::Relaxed),
        };
        if is_wanted {
            let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("loki");
            // A client that is gone needs no log.
            let _told = context.peer.notify_logging_message(message).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.take() {
            watcher.abort();
        }
    }
}

impl ServerHandler for Session {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_prompts()
            .enable_resources()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("loki", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let (mut desk, mut on) = (self.shared.desk.changes(), self.shared.on.subscribe());
        let watcher = tokio::spawn(async move {
            while changed(&mut desk, &mut on).await {
                if context.peer.notify_tool_list_changed().await.is_err() {
                    return;
                }
            }
        });
        let mut mine = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = mine.replace(watcher) {
            before.abort();
        }
    }

    fn accepted_subscription_filter(&self, _requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let (mut desk, mut on) = (self.shared.desk.changes(), self.shared.on.subscribe());
        let is_told = context.accepted().tools_list_changed == Some(true);
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                more = changed(&mut desk, &mut on) => {
                    if !more || (is_told && context.sink().notify_tool_list_changed().await.is_err()) {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.shared.tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = own_tools().into_iter().find(|tool| tool.name == name);
        own.or_else(|| {
            self.shared.desk.offers().iter().find(|offer| offer.name == name).map(|offer| tool(offer, false))
        })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.called(request, context).await
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources = self.shared.desk.resources().await;
        Ok(ListResourcesResult::with_all_items(resources.into_iter().map(resource).collect()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = self.shared.desk.templates().into_iter().map(template).collect();
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.shared.desk.read(&request.uri).await.map_err(|refusal| {
            let mut data = refusal.to_json();
            data["uri"] = json!(request.uri);
            ErrorData::invalid_params(refusal.message, Some(data))
        })?;
        // JSON needs no fence: what strangers wrote stands in its strings.
        let text = fenced(&read.text, read.untrusted && read.mime_type.starts_with("text/"));
        let contents = ResourceContents::text(text, read.uri).with_mime_type(read.mime_type);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(self.shared.desk.prompts().iter().map(prompt).collect()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments: Map<_, _> = request.arguments.unwrap_or_default();
        let messages = self.shared.desk.prompt(&request.name, &arguments).await.map_err(|refusal| {
            let data = refusal.to_json();
            ErrorData::invalid_params(refusal.message, Some(data))
        })?;
        Ok(GetPromptResult::new(messages.into_iter().map(message).collect()).into())
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // Since 2026-07-28 the level comes with each call.
        if context.meta.protocol_version().is_some() {
            return Err(ErrorData::method_not_found::<rmcp::model::SetLevelRequestMethod>());
        }
        self.level.store(rank(request.level), Ordering::Relaxed);
        Ok(())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method.as_str();
        let is_old = context.meta.protocol_version().is_none() && KNOWN_BEFORE_2026.contains(&method);
        // A method that is known comes here where its parameters were not understood.
        if is_old || KNOWN.contains(&method) {
            return Err(ErrorData::invalid_params("the parameters are not what the method takes", None));
        }
        let shown = &request.method[..request.method.floor_char_boundary(80)];
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("there is no method `{shown}`"), None))
    }
}

/// Methods that this server answers and that take parameters.
const KNOWN: [&str; 6] =
    ["tools/call", "tools/list", "resources/read", "resources/list", "prompts/get", "prompts/list"];

/// The same, of versions before 2026-07-28.
const KNOWN_BEFORE_2026: [&str; 2] = ["initialize", "logging/setLevel"];

/// Waits until what is listed may have changed; false where nothing will change any more.
async fn changed(desk: &mut watch::Receiver<u64>, on: &mut watch::Receiver<BTreeSet<String>>) -> bool {
    tokio::select! {
        changed = desk.changed() => changed.is_ok(),
        changed = on.changed() => changed.is_ok(),
    }
}

fn resource(info: ResourceInfo) -> Resource {
    Resource::new(info.uri, info.name).with_description(info.description).with_mime_type(info.mime_type)
}

fn template(info: ResourceInfo) -> ResourceTemplate {
    ResourceTemplate::new(info.uri, info.name)
        .with_description(info.description)
        .with_mime_type(info.mime_type)
}

fn prompt(info: &PromptInfo) -> Prompt {
    let arguments = info.arguments.iter().map(|argument| {
        PromptArgument::new(argument.name)
            .with_description(argument.description)
            .with_required(argument.required)
    });
    Prompt::new(info.name, Some(info.description), Some(arguments.collect()))
}

fn message(message: Message) -> PromptMessage {
    let role = match message.from {
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    PromptMessage::new_text(role, message.text)
}

fn rank(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
