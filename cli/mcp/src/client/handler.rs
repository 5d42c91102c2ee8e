//! What a server may ask of its client: hardly anything.
//!
//! It gets no model to use and no folders to know of. A question for a person is passed on where there is one to
//! answer it, and declined otherwise.

use std::sync::Arc;

use async_trait::async_trait;
use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, ErrorData, FormElicitationCapability, Implementation, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{Settings, shown};

/// Bytes of a question that are passed on.
const QUESTION_BYTES_MAX: usize = 2_000;

/// A question that a server has while it works on a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its words, visible and bounded.
    pub message: String,
    /// The fields that it wants: a JSON Schema for an object of plain values.
    pub schema: Value,
}

/// Answers questions of servers.
#[async_trait]
pub trait Answerer: Send + Sync {
    /// The fields that are known; those with a default may be left out. `None`: the question is declined.
    async fn answer(&self, question: &Question) -> Option<Map<String, Value>>;
}

pub(super) struct Handler {
    info: ClientConfig,
    answerer: Option<Arc<dyn Answerer>>,
    changes: watch::Sender<u64>,
}

impl Handler {
    pub(super) fn new(settings: &Settings, changes: watch::Sender<u64>) -> Self {
        let mut capabilities = ClientCapabilities::default();
        if settings.answerer.is_some() {
            let form = FormElicitationCapability::new();
            capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
        }
        let who = Implementation::new(settings.name.clone(), settings.version.clone());
        // Newer versions begin without the handshake that this is said in.
        let info = ClientConfig::new(capabilities, who).with_protocol_version(ProtocolVersion::V_2025_11_25);
        Self { info, answerer: settings.answerer.clone(), changes }
    }
}

impl ClientHandler for Handler {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let declined = ElicitResult::new(ElicitationAction::Decline);
        let (ElicitRequestParams::FormElicitationParams { message, requested_schema, .. }, Some(answerer)) =
            (request, &self.answerer)
        else {
            return Ok(declined);
        };
        let Ok(schema) = serde_json::to_value(&requested_schema) else { return Ok(declined) };
        let question = Question { message: shown::line(&message, QUESTION_BYTES_MAX), schema };
        Ok(match answerer.answer(&question).await {
            Some(given) => {
                let whole = with_defaults(given, &question.schema);
                ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(whole))
            }
            None => declined,
        })
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }
}

/// The fields that were given, and the defaults of those that were not.
fn with_defaults(mut given: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let fields = schema["properties"].as_object().into_iter().flatten();
    for (name, field) in fields {
        if let (Some(default), false) = (field.get("default"), given.contains_key(name)) {
            given.insert(name.clone(), default.clone());
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_fill_what_was_left_out_and_nothing_else() {
        let schema = json!({"properties": {"a": {"default": 1}, "b": {"default": 2}, "c": {}}});
        let given = json!({"a": 7}).as_object().cloned().unwrap();
        assert_eq!(Value::Object(with_defaults(given, &schema)), json!({"a": 7, "b": 2}));
    }
}
