//! The HTTP providers against fakes of the three APIs that are as strict as the real ones: whatever
//! comes over the wire, the right turn or the right error comes out, and the tokens are those that were
//! reported.

use std::sync::{Arc, OnceLock};

use loki_kit::fakes::{Fake, KEY, Reply, Script, Setup, Usage};
use loki_provider::vendors::vendor;
use loki_provider::{
    Cost, Endpoint, Http, Limits, Message, Provider, ProviderError, Refusal, Request, Secret, Thinking,
    Tokens, ToolCall, ToolSpec, Turn, TurnEnd, connect,
};
use serde_json::{Value, json};

const USAGE: Usage = Usage { input: 1234, output: 57, cache_read: 890, cache_write: 21 };
const WORDS: &str = "Größe \u{1f50d}: data: {\"a\": 1}\n\nand the rest.";

/// A dialect: the vendor that speaks it, its fake, and what is added to the fake's address.
#[derive(Clone, Copy)]
struct Dialect {
    vendor: &'static str,
    setup: fn() -> Setup,
    base: &'static str,
    thinking: Thinking,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { vendor: "anthropic", setup: Setup::anthropic, base: "", thinking: Thinking::Budget(1024) },
    Dialect { vendor: "anthropic", setup: Setup::anthropic, base: "", thinking: Thinking::Adaptive },
    Dialect { vendor: "openai-chat", setup: Setup::chat, base: "/v1", thinking: Thinking::Unasked },
    Dialect { vendor: "openai", setup: Setup::responses, base: "/v1", thinking: Thinking::Unasked },
];

impl Dialect {
    fn is(self, vendor: &str) -> bool {
        self.vendor == vendor
    }

    fn fake(self, replies: impl IntoIterator<Item = Reply>) -> Fake {
        (self.setup)().start(Script::list(replies))
    }

    fn provider(self, fake: &Fake, key: &str) -> Arc<dyn Provider> {
        // One for all, for to read the system's certificates takes its time.
        static HTTP: OnceLock<Arc<Http>> = OnceLock::new();
        let new = || Http::new(Limits::default(), Arc::new(|| 1_761_031_680_000)).expect("a client");
        let http = HTTP.get_or_init(|| Arc::new(new()));
        let endpoint = Endpoint {
            vendor: vendor(self.vendor).expect("a vendor"),
            base_url: Some(format!("{}{}", fake.url(), self.base)),
            key: Some(Secret::new(key)),
            model: "model-1".to_owned(),
            output_tokens_max: 4096,
            thinking: self.thinking,
            price: None,
        };
        connect(endpoint, Arc::clone(http)).expect("a provider")
    }

    /// What comes of one reply to one question.
    async fn once(self, reply: Reply) -> (Result<Turn, ProviderError>, Fake) {
        let fake = self.fake([reply]);
        let turn = self.provider(&fake, KEY).turn(&question()).await;
        assert_eq!(fake.complaints(), Vec::<String>::new(), "{}", self.vendor);
        (turn, fake)
    }
}

fn question() -> Request {
    request(vec![Message::User { text: "Repair it.".to_owned() }])
}

fn request(messages: Vec<Message>) -> Request {
    Request {
        phase: "act".to_owned(),
        iteration: 1,
        system: "You repair what is broken.".to_owned(),
        messages,
        tools: vec![tool("read_file"), tool("edit_file")],
        allowance_micro_usd: None,
    }
}

fn tool(name: &str) -> ToolSpec {
    let input_schema =
        json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    ToolSpec { name: name.to_owned(), description: "It does.".to_owned(), input_schema }
}

fn read(path: &str) -> (&'static str, Value) {
    ("read_file", json!({"path": path}))
}

fn of_model(turn: &Turn) -> Message {
    Message::Assistant { text: turn.text.clone(), calls: turn.calls.clone(), raw: turn.raw.clone() }
}

fn answer(call: &ToolCall, ok: bool) -> Message {
    Message::Tool { id: call.id.clone(), ok, output: format!("the file {}", call.input) }
}

fn tokens(usage: Usage) -> Tokens {
    let Usage { input, output, cache_read, cache_write } = usage;
    Tokens { input, output, cache_read, cache_write }
}

/// A turn without what is different each time: the ids of its calls.
fn said(turn: &Turn) -> Turn {
    let calls = turn.calls.iter().map(|call| ToolCall { id: String::new(), ..call.clone() });
    Turn { calls: calls.collect(), raw: None, tokens: Tokens::default(), cost: Cost::Unknown, ..turn.clone() }
}

#[tokio::test]
async fn a_conversation_with_thinking_and_several_calls_is_in_order_for_the_strict_server() {
    for dialect in DIALECTS {
        let fake = dialect.fake([
            Reply::call([read("a"), read("b")])
                .with_text("I look.")
                .with_thinking("Two files.")
                .with_usage(USAGE),
            Reply::call([("edit_file", json!({"path": "a"}))]).with_thinking("Now I know.").with_usage(USAGE),
            Reply::malformed_arguments("edit_file", "{\"path\": \"a").with_usage(USAGE),
            Reply::call([("read_file", json!({}))]).with_usage(USAGE),
            Reply::say("Done.").with_usage(USAGE),
        ]);
        let provider = dialect.provider(&fake, KEY);
        let mut messages = vec![Message::User { text: "Repair it.".to_owned() }];
        let mut account = Usage::default();
        let mut turns = Vec::new();
        loop {
            let turn = provider.turn(&request(messages.clone())).await.expect("a turn");
            assert_eq!(turn.tokens, tokens(USAGE), "{}", dialect.vendor);
            account = account.plus(USAGE);
            messages.push(of_model(&turn));
            // Answers come in the order in which the calls ended, not in that of the calls.
            messages.extend(turn.calls.iter().rev().map(|call| answer(call, call.malformed.is_none())));
            turns.push(turn);
            if turns.last().is_some_and(|turn| turn.calls.is_empty()) {
                break;
            }
        }
        assert_eq!(fake.complaints(), Vec::<String>::new(), "{}", dialect.vendor);
        assert_eq!(turns[0].text, "I look.");
        let inputs: Vec<&Value> = turns.iter().flat_map(|turn| &turn.calls).map(|call| &call.input).collect();
        assert_eq!(inputs[..3], [&json!({"path": "a"}), &json!({"path": "b"}), &json!({"path": "a"})]);
        assert_eq!(turns[2].calls[0].malformed.as_deref(), Some("{\"path\": \"a"));
        assert_eq!(*inputs[4], json!({}));
        assert_eq!((turns[4].text.as_str(), turns[4].end), ("Done.", TurnEnd::Complete));
        let reported = fake.reported();
        assert_eq!((reported.whole, reported.answers, reported.breaks), (account, 5, 0));
    }
}

#[tokio::test]
async fn pieces_of_any_length_make_the_same_turn() {
    for dialect in DIALECTS {
        let reply =
            || Reply::call([read("Ä/\u{1f50d}")]).with_text(WORDS).with_thinking("Größe.").with_usage(USAGE);
        let whole = dialect.once(reply()).await.0.expect("a turn");
        assert_eq!(whole.text, WORDS);
        for bytes in [1, 2, 3, 5, 7, 16, 61, 512, 4096] {
            let turn = dialect.once(reply().split_every(bytes)).await.0.expect("a turn");
            assert_eq!(said(&turn), said(&whole), "{} in pieces of {bytes}", dialect.vendor);
            assert_eq!(turn.tokens, whole.tokens);
        }
        let slow = dialect.once(reply().trickle(1).delay(5)).await.0.expect("a turn");
        assert_eq!(said(&slow), said(&whole));
    }
}

#[tokio::test]
async fn each_end_of_a_turn_is_told_apart() {
    for dialect in DIALECTS {
        let cases = [
            (Reply::say("Done."), TurnEnd::Complete),
            (Reply::refuse(), TurnEnd::Refused),
            (Reply::empty(), TurnEnd::Empty),
            (Reply::cut_off("Half a"), TurnEnd::CutOff),
            (Reply::cut_off_call("edit_file", "{\"path\": \"a\", \"ol"), TurnEnd::CutOff),
        ];
        for (index, (reply, end)) in cases.into_iter().enumerate() {
            let (turn, fake) = dialect.once(reply.with_usage(USAGE)).await;
            let turn = turn.expect("a turn");
            assert_eq!(turn.end, end, "{} case {index}", dialect.vendor);
            assert_eq!(turn.tokens, tokens(fake.reported().whole), "paid for all the same");
            // A call that was cut off is none to be carried out.
            assert!(turn.calls.iter().all(|call| call.malformed.is_some()));
            assert_eq!(turn.calls.len(), usize::from(index == 4));
        }
    }
}

/// An error in a few words.
fn kind(error: &ProviderError) -> String {
    match error {
        ProviderError::Transient { retry_after_ms, rate_limited, spent, .. } => {
            let paid = if spent.is_some() { ", paid" } else { "" };
            let limited = if *rate_limited { "rate limited" } else { "later" };
            format!("{limited} {}{paid}", retry_after_ms.map_or("-".to_owned(), |ms| ms.to_string()))
        }
        ProviderError::Permanent { refusal, .. } => format!("never: {}", refusal.as_str()),
    }
}

#[tokio::test]
async fn each_trouble_of_a_server_is_the_right_error() {
    for dialect in DIALECTS {
        let cases = [
            (Reply::rate_limited(1), "rate limited 1000"),
            (Reply::rate_limited(0), "rate limited 0"),
            (Reply::rate_limited_with(&[("retry-after-ms", "250")]), "rate limited 250"),
            (Reply::rate_limited_with(&[]), "rate limited -"),
            (Reply::overloaded(), "later -"),
            (Reply::internal_error(), "later -"),
            (Reply::wrong_key(), "never: key"),
            (Reply::no_such_model(), "never: model"),
            (Reply::quota_spent(), "never: quota"),
            (Reply::too_long(), "never: request"),
            (Reply::http(502, &[], "<html>Bad gateway</html>"), "later -"),
            (Reply::http(529, &[("retry-after", "2")], ""), "later 2000"),
            (Reply::http(302, &[("location", "http://127.0.0.1:1/")], ""), "never: other"),
            (Reply::http(200, &[], "<html>Log in</html>"), "never: other"),
            (Reply::overloaded().drop_mid_stream(0), "later -"),
        ];
        for (index, (reply, expected)) in cases.into_iter().enumerate() {
            let (turn, fake) = dialect.once(reply).await;
            let error = turn.expect_err("no turn");
            assert_eq!(kind(&error), expected, "{} case {index}: {error}", dialect.vendor);
            assert_eq!(fake.requests().len(), 1, "asking again is not the provider's business");
            assert!(!format!("{error} {error:?}").contains(KEY));
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_anywhere_is_no_turn_and_what_it_told_is_paid() {
    for dialect in DIALECTS {
        let reply = || Reply::call([read("a")]).with_text(WORDS).with_usage(USAGE);
        let whole = dialect.once(reply()).await.0.expect("a turn");
        let mut broken = 0;
        for after in 0_usize..100 {
            let before = broken;
            for (way, reply) in [
                ("dropped", reply().drop_mid_stream(after)),
                ("ended", reply().end_early(after)),
                ("failed", reply().error_event("overloaded_error", after)),
            ] {
                let (turn, fake) = dialect.once(reply).await;
                let told = fake.reported().broken;
                match turn {
                    // Only where the answer itself was whole by then.
                    Ok(turn) => {
                        assert_eq!(said(&turn), said(&whole), "{} {way} after {after}", dialect.vendor)
                    }
                    Err(error) => {
                        broken += 1;
                        check_broken(&error, told, dialect, &format!("{way} after {after}"));
                    }
                }
            }
            // From here on only the error in the stream is left, which is an error to its last event.
            if broken <= before + 1 {
                break;
            }
        }
        assert!(broken > 20, "{}: {broken}", dialect.vendor);
    }
}

fn check_broken(error: &ProviderError, told: Usage, dialect: Dialect, place: &str) {
    let ProviderError::Transient { rate_limited: false, spent, .. } = error else {
        panic!("{} {place}: {error:?}", dialect.vendor);
    };
    if told != Usage::default() {
        let (spent, _) = spent.expect("what was told");
        assert_eq!(spent, tokens(told), "{} {place}", dialect.vendor);
    }
}

#[tokio::test]
async fn the_account_is_that_of_the_server_to_the_token() {
    for dialect in DIALECTS {
        let usage = |n: u64| Usage::new(1000 + n, 50 + 3 * n, 200 * n, 7 * n);
        let reply = |n: u64| match n % 5 {
            0 => Reply::say(WORDS).drop_mid_stream(4),
            1 => Reply::rate_limited(0),
            2 => Reply::refuse().split_every(5),
            3 => Reply::empty(),
            _ => Reply::say(WORDS).with_thinking("Hm."),
        };
        let fake = dialect.fake((0..20).map(|n| reply(n).with_usage(usage(n))));
        let provider = dialect.provider(&fake, KEY);
        let (mut whole, mut broken) = (Usage::default(), Usage::default());
        let sum =
            |sum: Usage, t: Tokens| sum.plus(Usage::new(t.input, t.output, t.cache_read, t.cache_write));
        for _ in 0..20 {
            match provider.turn(&question()).await {
                Ok(turn) => whole = sum(whole, turn.tokens),
                Err(ProviderError::Transient { spent: Some((tokens, _)), .. }) => {
                    broken = sum(broken, tokens)
                }
                Err(_) => {}
            }
        }
        let reported = fake.reported();
        assert_eq!((whole, reported.answers, reported.breaks), (reported.whole, 12, 4), "{}", dialect.vendor);
        // The others say nothing of tokens before the end, so there it is an estimate.
        if dialect.is("anthropic") {
            assert_eq!(broken, reported.broken);
        }
        assert_eq!(fake.complaints(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_wrong_key_ends_at_once_and_is_never_shown() {
    for dialect in DIALECTS {
        let fake = dialect.fake([]);
        let secret = "sk-wrong-0123456789abcdef";
        let error = dialect.provider(&fake, secret).turn(&question()).await.expect_err("no turn");
        assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Key, .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(secret));
        assert_eq!(fake.complaints().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_there_later() {
    for dialect in DIALECTS {
        let fake = dialect.fake([]);
        let provider = dialect.provider(&fake, KEY);
        drop(fake);
        let error = provider.turn(&question()).await.expect_err("no turn");
        assert_eq!(kind(&error), "later -", "{error}");
    }
}
