//! A provider that follows a script: for tests of whatever drives a provider.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::{Message, Provider, ProviderError, Refusal, Request, Turn};

/// Gives the answer to a request.
pub type Script = Box<dyn FnMut(&Request) -> Result<Turn, ProviderError> + Send>;

/// Answers from a script, and refuses what a real provider would refuse: a tool result without its
/// call, a call without its result, two calls of one name, a tool that was not offered.
pub struct Scripted {
    name: String,
    script: Mutex<Script>,
    asked: AtomicUsize,
    deterministic: bool,
}

impl Scripted {
    /// A provider called `name` that answers by `script`.
    pub fn new(name: &str, script: Script) -> Self {
        Self {
            name: name.to_owned(),
            script: Mutex::new(script),
            asked: AtomicUsize::new(0),
            deterministic: false,
        }
    }

    /// The same, as one that always answers alike, at no cost.
    pub fn always_alike(self) -> Self {
        Self { deterministic: true, ..self }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn deterministic(&self) -> bool {
        self.deterministic
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(message) = malformed(request) {
            return Err(ProviderError::permanent(Refusal::Request, message));
        }
        let mut script = self
            .script
            .lock()
            .map_err(|_poisoned| ProviderError::permanent(Refusal::Other, "the script panicked"))?;
        script(request)
    }
}

/// What is wrong with a conversation, if anything is.
fn malformed(request: &Request) -> Option<String> {
    let mut waiting: Vec<&str> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for message in &request.messages {
        match message {
            Message::Tool { id, .. } => match waiting.iter().position(|open| open == id) {
                Some(place) => drop(waiting.remove(place)),
                None => return Some(format!("tool result `{id}` answers no call")),
            },
            Message::User { .. } | Message::Assistant { .. } if !waiting.is_empty() => {
                return Some(format!("call `{}` has no result", waiting[0]));
            }
            Message::Assistant { calls, .. } => {
                for call in calls {
                    if seen.contains(&call.id.as_str()) {
                        return Some(format!("call id `{}` is used twice", call.id));
                    }
                    seen.push(&call.id);
                    waiting.push(&call.id);
                }
            }
            Message::User { .. } => {}
        }
    }
    match (waiting.first(), request.messages.last()) {
        (Some(open), _) => Some(format!("call `{open}` has no result")),
        (None, Some(Message::Assistant { .. })) => Some("the last message is the provider's own".to_owned()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolCall;

    fn request(messages: Vec<Message>) -> Request {
        Request {
            phase: "act".into(),
            iteration: 1,
            system: String::new(),
            messages,
            tools: Vec::new(),
            allowance_micro_usd: None,
        }
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), tool: "read".into(), input: serde_json::json!({}), malformed: None }
    }

    fn user() -> Message {
        Message::User { text: "go".into() }
    }

    fn assistant(ids: &[&str]) -> Message {
        Message::Assistant { text: String::new(), calls: ids.iter().map(|id| call(id)).collect(), raw: None }
    }

    fn result(id: &str) -> Message {
        Message::Tool { id: id.into(), ok: true, output: String::new() }
    }

    #[test]
    fn refuses_conversations_a_real_provider_refuses() {
        let cases = [
            (vec![user()], true),
            (vec![user(), assistant(&["a", "b"]), result("b"), result("a")], true),
            (vec![user(), result("a")], false),
            (vec![user(), assistant(&["a"])], false),
            (vec![user(), assistant(&["a"]), user()], false),
            (vec![user(), assistant(&["a"]), result("a"), assistant(&["a"]), result("a")], false),
            (vec![user(), assistant(&[])], false),
        ];
        for (messages, fine) in cases {
            let found = malformed(&request(messages.clone()));
            assert_eq!(found.is_none(), fine, "{messages:?}: {found:?}");
        }
    }

    #[tokio::test]
    async fn answers_by_its_script_and_counts() {
        let turn = Turn::free("done", vec![]);
        let answer = turn.clone();
        let provider = Scripted::new("script", Box::new(move |_| Ok(answer.clone())));
        assert_eq!(provider.turn(&request(vec![user()])).await.unwrap(), turn);
        assert_eq!(provider.asked(), 1);
    }
}
