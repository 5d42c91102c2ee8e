//! An answer as its dialect read it, and the turn that comes of it.

use serde_json::Value;

use crate::http::{Fault, Limits};
use crate::ids::Fresh;
use crate::{Request, Tokens, ToolCall, TurnEnd};

/// A call as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The vendor's id; empty where there is none.
    pub(crate) id: String,
    /// The tool.
    pub(crate) tool: String,
    /// The input, as text.
    pub(crate) arguments: String,
}

/// What a server said about what was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) tokens: Option<Tokens>,
    /// Money in millionths of a US dollar, where the vendor reports it.
    pub(crate) micro_usd: Option<u64>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) end: TurnEnd,
    pub(crate) usage: Usage,
}

impl Draft {
    /// Adds a piece of the input.
    pub(crate) fn push(&mut self, piece: &str, limits: &Limits) -> Result<(), Fault> {
        if self.arguments.len() + piece.len() > limits.arguments_bytes_max {
            return Err(Fault::TooMuch("bytes in the input of a call"));
        }
        self.arguments.push_str(piece);
        Ok(())
    }
}

/// Refuses a further call where there are enough.
pub(crate) fn room_for_a_call(calls: usize, limits: &Limits) -> Result<(), Fault> {
    if calls < limits.calls_max { Ok(()) } else { Err(Fault::TooMuch("calls")) }
}

impl Answer {
    /// How the turn ended, given what there is of it.
    pub(crate) fn end(&self) -> TurnEnd {
        let nothing = self.text.trim().is_empty() && self.drafts.is_empty();
        match self.end {
            TurnEnd::Complete if nothing => TurnEnd::Empty,
            end => end,
        }
    }

    /// The calls, each with an id of its own. A refusal calls for nothing, whatever came before it.
    pub(crate) fn calls(&self, request: &Request) -> Vec<ToolCall> {
        if self.end == TurnEnd::Refused {
            return Vec::new();
        }
        let mut fresh = Fresh::new(request);
        let last = self.drafts.len().saturating_sub(1);
        let call = |(index, draft): (usize, &Draft)| {
            let cut_off = self.end == TurnEnd::CutOff && index == last;
            let (input, malformed) = input(&draft.arguments, cut_off);
            ToolCall { id: fresh.id(&draft.id, index), tool: draft.tool.clone(), input, malformed }
        };
        self.drafts.iter().enumerate().map(call).collect()
    }
}

/// The input that a text is, or the text where it is none. Nothing at all is an empty input, except where
/// the answer was cut off there.
fn input(text: &str, cut_off: bool) -> (Value, Option<String>) {
    let nothing = matches!(text.trim(), "" | "null");
    match serde_json::from_str(text) {
        Ok(input @ Value::Object(_)) => (input, None),
        _ if nothing && !cut_off => (Value::Object(serde_json::Map::new()), None),
        _ => (Value::Null, Some(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::request;

    fn answer(arguments: &[&str], end: TurnEnd) -> Answer {
        let draft = |text: &&str| Draft { id: "a".into(), tool: "t".into(), arguments: (*text).to_owned() };
        Answer { drafts: arguments.iter().map(draft).collect(), end, ..Answer::default() }
    }

    #[test]
    fn inputs_are_objects_and_all_else_is_malformed() {
        let deep = "[".repeat(100_000);
        let texts = ["{\"a\":1}", "", " null ", "{\"a\":", "[1]", "\"x\"", deep.as_str()];
        let calls = answer(&texts, TurnEnd::Complete).calls(&request(vec![]));
        let inputs: Vec<_> = calls.iter().map(|call| &call.input).collect();
        let null = &Value::Null;
        assert_eq!(inputs, [&json!({"a": 1}), &json!({}), &json!({}), null, null, null, null]);
        let malformed: Vec<_> = calls.iter().map(|call| call.malformed.as_deref()).collect();
        let expected = [None, None, None, Some("{\"a\":"), Some("[1]"), Some("\"x\""), Some(deep.as_str())];
        assert_eq!(malformed, expected);
        assert!(calls.iter().enumerate().all(|(n, call)| calls[..n].iter().all(|other| other.id != call.id)));
    }

    #[test]
    fn a_call_that_was_cut_off_before_its_input_is_not_carried_out() {
        let calls = answer(&["", ""], TurnEnd::CutOff).calls(&request(vec![]));
        assert_eq!(calls[0].malformed, None);
        assert_eq!(calls[1].malformed.as_deref(), Some(""));
    }

    #[test]
    fn a_refusal_calls_for_nothing() {
        assert_eq!(answer(&["{}"], TurnEnd::Refused).calls(&request(vec![])), []);
    }

    #[test]
    fn an_answer_of_no_words_and_no_calls_is_empty() {
        let silent = Answer { text: " \n".into(), ..Answer::default() };
        assert_eq!(silent.end(), TurnEnd::Empty);
        assert_eq!(answer(&[""], TurnEnd::Complete).end(), TurnEnd::Complete);
        assert_eq!(Answer { end: TurnEnd::CutOff, ..silent }.end(), TurnEnd::CutOff);
    }
}
