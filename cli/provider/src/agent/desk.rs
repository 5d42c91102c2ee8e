//! The desk: where an agent asks for what only loki can do, and what it has asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::ToolSpec;

/// Calls that one turn may ask for.
const CALLS_MAX: usize = 64;
/// Bytes that their inputs may have together.
const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

const QUEUED: &str = "queued: loki carries it out when your turn ends, and tells you what came of it in \
                      the next turn";

/// Answers a call at once, if it only reads and can be answered; `None`: it is to be queued.
pub type Answer = Arc<dyn Fn(&str, &Value) -> Option<String> + Send + Sync>;

/// What an agent is told about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether the call was taken.
    pub ok: bool,
    /// The answer.
    pub text: String,
}

/// The tools that loki offers an agent, and the calls that wait for the end of its turn.
pub struct Desk {
    tools: Vec<ToolSpec>,
    answer: Option<Answer>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    calls: Vec<(String, Value)>,
    bytes: usize,
}

impl Desk {
    /// A desk with these tools.
    pub fn new(tools: Vec<ToolSpec>, answer: Option<Answer>) -> Self {
        Self { tools, answer, queue: Mutex::default() }
    }

    /// The tools on offer.
    pub fn tools(&self) -> &[ToolSpec] {
        &self.tools
    }

    /// Answers a call, or queues it. Whatever is asked for is checked again by whoever carries it out.
    pub fn call(&self, tool: &str, input: Value) -> Said {
        let refuse = |text: &str| Said { ok: false, text: text.to_owned() };
        if !self.tools.iter().any(|offered| offered.name == tool) {
            return refuse("loki has no such tool now");
        }
        let input = match input {
            Value::Null => Value::Object(Map::new()),
            input @ Value::Object(_) => input,
            _ => return refuse("the input must be an object"),
        };
        if let Some(text) = self.answer.as_ref().and_then(|answer| answer(tool, &input)) {
            return Said { ok: true, text };
        }
        let bytes = input.to_string().len();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.calls.len() >= CALLS_MAX || queue.bytes + bytes > INPUT_BYTES_MAX {
            return refuse("not queued: there are too many calls in this turn; end it");
        }
        queue.bytes += bytes;
        queue.calls.push((tool.to_owned(), input));
        Said { ok: true, text: QUEUED.to_owned() }
    }

    /// The calls that were queued, in order: tool and input.
    pub fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner)).calls
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("tools", &self.tools.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::tool;

    #[test]
    fn calls_wait_in_order_until_they_are_taken() {
        let desk = Desk::new(vec![tool("one"), tool("two")], None);
        assert_eq!(desk.call("two", json!({"a": 1})), Said { ok: true, text: QUEUED.into() });
        assert!(desk.call("one", Value::Null).ok);
        let expected = vec![("two".to_owned(), json!({"a": 1})), ("one".to_owned(), json!({}))];
        assert_eq!(desk.take(), expected);
        assert_eq!(desk.take(), vec![]);
    }

    #[test]
    fn what_is_not_offered_is_not_queued() {
        let desk = Desk::new(vec![tool("one")], None);
        assert!(!desk.call("rm", json!({})).ok);
        assert!(!desk.call("one", json!([1])).ok);
        assert_eq!(desk.take(), vec![]);
    }

    #[test]
    fn what_can_be_answered_at_once_is_not_queued() {
        let answer: Answer = Arc::new(|tool, _| (tool == "look").then(|| "seen".to_owned()));
        let desk = Desk::new(vec![tool("look"), tool("act")], Some(answer));
        assert_eq!(desk.call("look", json!({})), Said { ok: true, text: "seen".into() });
        assert!(desk.call("act", json!({})).ok);
        assert_eq!(desk.take(), vec![("act".to_owned(), json!({}))]);
    }

    #[test]
    fn calls_are_bounded_in_number_and_in_bytes() {
        let desk = Desk::new(vec![tool("one")], None);
        let taken = (0..100).filter(|_| desk.call("one", json!({})).ok).count();
        assert_eq!((taken, desk.take().len()), (CALLS_MAX, CALLS_MAX));
        let large = json!({"text": "x".repeat(INPUT_BYTES_MAX / 2)});
        assert!(desk.call("one", large.clone()).ok);
        assert!(!desk.call("one", large).ok);
        assert_eq!(desk.take().len(), 1);
    }
}
