use serde_json::json;

use super::*;
use crate::agent::fake::Play;
use crate::prices::{Long, Rates};
use crate::testing::{PRICE, request, user};
use crate::{Cost, Tokens, TurnEnd};

const FINISH: &str = include_str!("fixtures/finish.jsonl");

fn codex(play: Play) -> (Codex, std::sync::Arc<Play>) {
    let (setup, play) = play.setup();
    (Codex::new(setup).unwrap(), play)
}

fn asked(phase: &str) -> Request {
    Request { phase: phase.into(), ..request(vec![user("Mend it.")]) }
}

async fn answer(output: &str) -> Result<Turn, ProviderError> {
    codex(Play::printing(output)).0.turn(&asked("act")).await
}

#[tokio::test]
async fn a_run_is_a_turn_with_what_was_asked_for_at_the_desk() {
    let calls = vec![("write", json!({"path": "a"}))];
    let (codex, play) = codex(Play { calls, ..Play::printing(FINISH) });
    let turn = codex.turn(&asked("act")).await.unwrap();
    assert_eq!((turn.text.as_str(), turn.end, turn.model.as_str()), ("ok", TurnEnd::Complete, "codex:m-1"));
    assert_eq!(turn.tokens, Tokens { input: 180, output: 30, cache_read: 120, cache_write: 0 });
    assert_eq!(turn.cost, Cost::Measured { micro_usd: 180 + 2 * 30 + 3 * 120 });
    assert_eq!((turn.calls.len(), turn.calls[0].tool.as_str()), (1, "write"));
    let launch = play.launched();
    assert_eq!((launch.rights, launch.settings_variable), (Rights::Change, "CODEX_HOME"));
    assert!(launch.stdin.contains("Mend it."));
    assert_eq!(launch.variables, [("OPENAI_API_KEY".to_owned(), PLACEHOLDER.to_owned())].into());
}

#[tokio::test]
async fn nothing_of_the_project_or_the_user_is_loaded_and_the_desk_is_its_only_server() {
    let (codex, play) = codex(Play::printing(FINISH));
    codex.turn(&asked("review")).await.unwrap();
    let launch = play.launched();
    assert_eq!(launch.rights, Rights::Read);
    let arguments = launch.arguments;
    let has = |argument: &str| arguments.iter().any(|other| other == argument);
    assert_eq!((arguments[0].as_str(), arguments.last().unwrap().as_str()), ("exec", "-"));
    assert!(has("--ignore-user-config") && has("--ignore-rules") && has("--ephemeral"));
    assert!(has("project_doc_max_bytes=0") && has("skills.include_instructions=false"));
    assert!(
        has("features.multi_agent=false") && has("features.hooks=false") && has("features.plugins=false")
    );
    assert!(has("mcp_servers.loki={command=\"/opt/lo ki\",args=[\"__mcp\"],env_vars=[\"LOKI_DOOR\"],\
         required=true,default_tools_approval_mode=\"approve\"}"));
}

#[test]
fn what_it_costs_must_be_known() {
    let (setup, _) = Play::default().setup();
    let refused = Codex::new(Setup { price: None, model: None, ..setup }).err();
    assert_eq!(refused, Some(AgentError::NoPrice { agent: "codex", model: None }));
}

#[test]
fn an_address_cannot_become_another_setting() {
    for (url, sound) in [
        ("https://api.test/v1", true),
        ("http://127.0.0.1:8080/v1/", true),
        ("ftp://api.test", false),
        ("https://", false),
        ("https:///v1", false),
        ("https://user@api.test", false),
        ("https://api.test/\",x=\"", false),
        ("https://api.test?x", false),
        ("https://api.test\n", false),
    ] {
        let (setup, _) = Play::default().setup();
        assert_eq!(Codex::new(Setup { base_url: Some(url.into()), ..setup }).is_ok(), sound, "{url:?}");
    }
}

#[tokio::test]
async fn the_sum_of_many_requests_is_no_long_input() {
    let dear = Rates { input: 9_000_000, ..PRICE.rates };
    let price = Price { long: Some(Long { over: 10, rates: dear }), ..PRICE };
    let (setup, _) = Play::printing(FINISH).setup();
    let turn = Codex::new(Setup { price: Some(price), ..setup }).unwrap().turn(&asked("act")).await.unwrap();
    assert_eq!(turn.cost, Cost::Measured { micro_usd: 600 });
}

#[tokio::test]
async fn errors_of_the_api_keep_their_meaning() {
    let permanent = [
        (include_str!("fixtures/key.jsonl"), Refusal::Key),
        (include_str!("fixtures/model.jsonl"), Refusal::Model),
        (include_str!("fixtures/quota.jsonl"), Refusal::Quota),
    ];
    for (output, expected) in permanent {
        let error = answer(output).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Permanent { refusal, .. } if refusal == expected),
            "{error:?}"
        );
    }
    for (output, rate) in
        [(include_str!("fixtures/rate.jsonl"), true), (include_str!("fixtures/overloaded.jsonl"), false)]
    {
        let error = answer(output).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Transient { rate_limited, spent: None, .. } if rate_limited == rate),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_says_about_what_was_spent_before_it() {
    let worked = FINISH.replace("turn.completed", "turn.failed").replace("\"usage\"", "\"other\"");
    let error = answer(&worked).await.unwrap_err();
    let ProviderError::Transient { spent: Some((tokens, Cost::Estimated { micro_usd })), .. } = error else {
        panic!("{error:?}")
    };
    assert!(tokens.input > 0 && tokens.output > 0 && tokens.cache_read > 0 && micro_usd > 0);
}

#[tokio::test]
async fn it_is_stopped_once_it_has_about_used_what_was_left() {
    let (codex, _) = codex(Play::printing(FINISH));
    let with = |allowance| Request { allowance_micro_usd: Some(allowance), ..asked("act") };
    let error = codex.turn(&with(1000)).await.unwrap_err();
    assert!(error.to_string().contains("budget"), "{error}");
    assert!(
        matches!(error, ProviderError::Transient { spent: Some((_, Cost::Estimated { micro_usd })), .. } if micro_usd > 1000)
    );
    let (codex, _) = self::codex(Play::printing(FINISH));
    assert!(codex.turn(&with(1_000_000)).await.is_ok());
}

#[tokio::test]
async fn output_without_an_end_is_one_clear_error() {
    for output in ["", "garbage\n\u{0}\n", "{\"type\":\"turn.completed\"", "[]\nnull\n1\n{\"type\":7}\n"] {
        let error = answer(output).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Transient { spent: None, .. }), "{error:?}");
        assert!(error.to_string().contains("did not say"), "{error}");
    }
    let huge = format!("{{\"type\":\"x\",\"x\":\"{}\"}}\n{FINISH}", "x".repeat(LINE_BYTES_MAX));
    assert!(answer(&huge).await.is_ok());
}

#[tokio::test]
async fn tokens_that_contradict_each_other_do_not_wrap_around() {
    let usage = json!({"input_tokens": 1, "cached_input_tokens": u64::MAX, "output_tokens": -5});
    let event = json!({"type": "turn.completed", "usage": usage});
    let turn = answer(&format!("{event}\n")).await.unwrap();
    assert_eq!((turn.tokens.input, turn.tokens.output), (0, 0));
}

#[tokio::test]
async fn a_prompt_that_it_would_not_take_is_not_sent() {
    let (codex, play) = codex(Play::printing(FINISH));
    let system = "\u{e9}".repeat(PROMPT_CHARS_MAX);
    let error = codex.turn(&Request { system, ..asked("act") }).await.unwrap_err();
    assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Request, .. }), "{error:?}");
    assert!(play.launches.lock().unwrap().is_empty());
    let system = "x".repeat(PROMPT_CHARS_MAX - 10_000);
    assert!(codex.turn(&Request { system, ..asked("act") }).await.is_ok());
}
