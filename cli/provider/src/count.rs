//! How many tokens a text has, about: an estimate that errs upwards.
//!
//! Every model counts differently, and only its vendor counts exactly, so money and context are reserved
//! by a rule that costs next to nothing and needs no vocabulary. Small letters are a third of a token
//! each, capitals and digits a whole one, marks (`": {`) a half; a run of any of these is rounded up.
//! White space is one for a run and one more for every eighth character of it, but a single space belongs
//! to the word that follows. A character beyond ASCII has one token less than it has bytes.
//!
//! Against the vocabularies of five families of models that is 1.0 to 2.0 times the true count for
//! English, code and JSON (the lesser figure with small vocabularies, the greater with large ones), which
//! leaves room for models that cut words smaller; about 2 for bare numbers; up to 3 for other languages;
//! 1.0 to 1.2 for base64.

use crate::{Message, Request, ToolCall, ToolSpec};

/// Tokens around a message: its role, its beginning and its end.
const MESSAGE: u64 = 8;
/// Tokens around a call, the answer to one, or a tool.
const ENVELOPE: u64 = 16;
/// Tokens of the instructions that vendors add of their own where there are tools.
const TOOLS: u64 = 700;

/// About how many tokens `text` has, erring upwards.
pub fn tokens(text: &str) -> u64 {
    let runs = text.as_bytes().chunk_by(|one, next| Kind::of(*one) == Kind::of(*next));
    runs.map(run).fold(0, |sum, count| sum.saturating_add(whole(count)))
}

/// About how many tokens of input `request` has, erring upwards: system, messages and tools, with what
/// vendors put around them. An answer that can be sent back as it came counts as that or as its words and
/// calls, whichever is more.
pub fn request(request: &Request) -> u64 {
    let messages = request.messages.iter().map(message);
    let tools = request.tools.iter().map(tool);
    let added = if request.tools.is_empty() { 0 } else { TOOLS };
    messages.chain(tools).fold(MESSAGE + added + tokens(&request.system), u64::saturating_add)
}

fn message(message: &Message) -> u64 {
    let content = match message {
        Message::User { text } => tokens(text),
        Message::Assistant { text, calls, raw } => {
            let own = tokens(text) + calls.iter().map(call).sum::<u64>();
            own.max(raw.as_ref().map_or(0, |raw| tokens(&raw.content.to_string())))
        }
        Message::Tool { id, output, .. } => ENVELOPE + tokens(id) + tokens(output),
    };
    MESSAGE + content
}

fn call(call: &ToolCall) -> u64 {
    let input = call.malformed.as_deref().map_or_else(|| tokens(&call.input.to_string()), tokens);
    ENVELOPE + tokens(&call.id) + tokens(&call.tool) + input
}

fn tool(tool: &ToolSpec) -> u64 {
    ENVELOPE + tokens(&tool.name) + tokens(&tool.description) + tokens(&tool.input_schema.to_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Space,
    /// Capitals and digits.
    Whole,
    Mark,
    /// Beyond ASCII.
    Beyond,
}

impl Kind {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Small,
            b' ' | b'\t' | b'\n' | b'\r' => Self::Space,
            b'A'..=b'Z' | b'0'..=b'9' => Self::Whole,
            0x80.. => Self::Beyond,
            _ => Self::Mark,
        }
    }
}

/// The tokens of a run of bytes of one kind.
fn run(bytes: &[u8]) -> usize {
    match bytes.first().map(|first| Kind::of(*first)) {
        None => 0,
        Some(Kind::Small) => bytes.len().div_ceil(3),
        Some(Kind::Space) if bytes == b" " => 0,
        Some(Kind::Space) => 1 + bytes.len() / 8,
        Some(Kind::Whole) => bytes.len(),
        Some(Kind::Mark) => bytes.len().div_ceil(2),
        Some(Kind::Beyond) => bytes.iter().filter(|byte| **byte & 0b1100_0000 == 0b1000_0000).count(),
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raw;

    /// A text, and the fewest and the most tokens it has in the vocabularies o200k, cl100k, Claude 2,
    /// Llama 3 and Mistral 7B, counted once with their own libraries.
    struct Sample {
        what: &'static str,
        least: u64,
        most: u64,
        text: &'static str,
    }

    const SAMPLES: [Sample; 8] = [
        Sample {
            what: "english",
            least: 73,
            most: 74,
            text: r##"The plan is short: read the failing test, find out which assumption it breaks, and change as little as possible. If the second attempt fails in the same way, stop and say what was learned, because a third one would only repeat it. Nothing is done until the tests say so, and a test that was loosened to pass counts as a finding."##,
        },
        Sample {
            what: "rust",
            least: 104,
            most: 133,
            text: r##"pub fn settle(&mut self, reserved: u64, spent: u64) -> Result<(), BudgetError> {
    let Some(open) = self.open.checked_sub(reserved) else {
        return Err(BudgetError::NotReserved { reserved });
    };
    self.open = open;
    self.spent = self.spent.saturating_add(spent); // Never forgets money.
    if self.spent > self.limit { Err(BudgetError::Over) } else { Ok(()) }
}"##,
        },
        Sample {
            what: "python",
            least: 83,
            most: 101,
            text: r##"def parse_rows(lines, *, strict=False):
    """Yield (key, value) pairs, skipping blank lines."""
    for number, line in enumerate(lines, start=1):
        key, sep, value = line.partition("=")
        if not sep and strict:
            raise ValueError(f"line {number}: no '=' in {line!r}")
        yield key.strip(), int(value or 0)"##,
        },
        Sample {
            what: "json",
            least: 83,
            most: 107,
            text: r##"{"id":"run-1842","phase":"act","calls":[{"tool":"edit","input":{"path":"src/app/router.ts","old":"return null;","new":"return next();","count":1}},{"tool":"run","input":{"argv":["npm","test","--","--watch=false"],"seconds_max":120}}],"tokens":{"input":18342,"output":977},"done":false}"##,
        },
        Sample {
            what: "log",
            least: 83,
            most: 112,
            text: r##"2026-03-14T09:26:53.589Z ERROR http: GET /api/items?limit=50 -> 500 (12.7 ms)
  thread 'worker-3' panicked at src/store.rs:214:9: index 17 is out of bounds for a slice of 16
test store::tests::reads_the_last_page ... FAILED (0.03s)"##,
        },
        Sample {
            what: "german",
            least: 23,
            most: 43,
            text: r##"Der Haushalt wird vor jedem Aufruf geprüft und danach abgerechnet; was übrig bleibt, gehört dem nächsten Schritt."##,
        },
        Sample {
            what: "chinese",
            least: 23,
            most: 32,
            text: r##"每次调用之前都要检查预算，调用之后再结算；剩下的留给下一步。"##,
        },
        Sample {
            what: "base64",
            least: 119,
            most: 141,
            text: r##"H0D8ktokFpR1CXnubPWC8tXX0o4YM13gWrxU0FYOD1MChgxlK/CNVgJSql50IQVG82n7u86MEs/HlXsmUv6adQ==Umd2iCLuYk1I/OFexcp5y9YCy39MIVelFlVpkfIu+Me173sY0f9BxZNw77CFhlHUSpNsEbexRMSP4E3zxqPo2g=="##,
        },
    ];

    #[test]
    fn no_vocabulary_has_more_and_english_code_and_json_are_at_most_doubled() {
        for Sample { what, least, most, text } in SAMPLES {
            let count = tokens(text);
            assert!(count >= most, "{what}: {count} is less than {most}");
            let bound = if matches!(what, "german" | "chinese") { 3 * least } else { 2 * least };
            assert!(count <= bound, "{what}: {count} is more than {bound}");
        }
    }

    #[test]
    fn counts_runs() {
        let cases = [
            ("", 0),
            (" ", 0),
            ("a", 1),
            ("abc", 1),
            ("abcd", 2),
            ("two words", 3),
            ("ABC", 3),
            ("123", 3),
            ("{}", 1),
            ("\":{", 2),
            ("\n", 1),
            ("\n      ", 1),
            ("\n       ", 2),
            ("é", 1),
            ("世", 2),
            ("🦀", 3),
        ];
        for (text, count) in cases {
            assert_eq!(tokens(text), count, "{text:?}");
        }
    }

    fn asked(messages: Vec<Message>, tools: Vec<ToolSpec>) -> u64 {
        request(&Request {
            phase: "act".into(),
            iteration: 1,
            system: "abc".into(),
            messages,
            tools,
            allowance_micro_usd: None,
        })
    }

    fn assistant(malformed: Option<&str>, raw: Option<&str>) -> Message {
        let malformed = malformed.map(str::to_owned);
        let call =
            ToolCall { id: "abc".into(), tool: "def".into(), input: serde_json::json!("ghi"), malformed };
        let raw = raw.map(|text| Raw { from: "a:b".into(), content: text.into() });
        Message::Assistant { text: "abc".into(), calls: vec![call], raw }
    }

    #[test]
    fn everything_that_is_sent_counts() {
        let system = asked(vec![], vec![]);
        assert_eq!(system, MESSAGE + 1);
        let user = Message::User { text: "abcdef".into() };
        assert_eq!(asked(vec![user], vec![]), system + MESSAGE + 2);
        let answer = Message::Tool { id: "abc".into(), ok: true, output: "abcdef".into() };
        assert_eq!(asked(vec![answer], vec![]), system + MESSAGE + ENVELOPE + 3);
        let plain = MESSAGE + 1 + ENVELOPE + 2 + 3; // the input is `"ghi"`, with its quotes
        assert_eq!(asked(vec![assistant(None, None)], vec![]), system + plain);
        assert_eq!(asked(vec![assistant(Some("99999"), None)], vec![]), system + plain + 2);
        assert_eq!(asked(vec![assistant(None, Some("x"))], vec![]), system + plain);
        assert_eq!(asked(vec![assistant(None, Some(&"9".repeat(500)))], vec![]), system + MESSAGE + 502);
        let schema = serde_json::json!({"type": "object"});
        let tool = ToolSpec { name: "abc".into(), description: "def".into(), input_schema: schema };
        assert_eq!(asked(vec![], vec![tool]), system + TOOLS + ENVELOPE + 2 + 8);
    }
}
