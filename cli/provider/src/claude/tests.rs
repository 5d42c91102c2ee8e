use serde_json::json;

use super::*;
use crate::agent::fake::Play;
use crate::testing::{request, user};
use crate::{Cost, Refusal, Tokens, TurnEnd};

const FINISH: &str = include_str!("fixtures/finish.jsonl");

fn claude(play: Play) -> (Claude, std::sync::Arc<Play>) {
    let (setup, play) = play.setup();
    (Claude::new(setup).unwrap(), play)
}

fn asked(phase: &str) -> Request {
    Request { phase: phase.into(), ..request(vec![user("Mend it.")]) }
}

async fn answer(output: &str) -> Result<Turn, ProviderError> {
    claude(Play::printing(output)).0.turn(&asked("act")).await
}

#[tokio::test]
async fn a_run_is_a_turn_with_what_was_asked_for_at_the_desk() {
    let calls = vec![("write", json!({"path": "a"})), ("unknown", json!({}))];
    let (claude, play) = claude(Play { calls, ..Play::printing(FINISH) });
    let turn = claude.turn(&asked("act")).await.unwrap();
    assert_eq!((turn.text.as_str(), turn.end), ("ok", TurnEnd::Complete));
    assert_eq!(turn.model, "claude:claude-sonnet-4-5");
    assert_eq!(turn.tokens, Tokens { input: 200, output: 20, cache_read: 80, cache_write: 14 });
    assert_eq!(turn.cost, Cost::Measured { micro_usd: 977 }); // 0.0009765 US dollars
    let called: Vec<_> = turn.calls.iter().map(|call| (call.tool.as_str(), &call.input)).collect();
    assert_eq!(called, [("write", &json!({"path": "a"}))]);
    let launch = play.launched();
    assert_eq!((launch.rights, launch.settings_variable), (Rights::Change, "CLAUDE_CONFIG_DIR"));
    assert!(launch.stdin.contains("Mend it."));
    assert_eq!(launch.variables["ANTHROPIC_API_KEY"], PLACEHOLDER);
    assert!(!launch.variables.contains_key("ANTHROPIC_BASE_URL"));
}

/// The value of an option.
fn after<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let place = arguments.iter().position(|argument| argument == option)?;
    arguments.get(place + 1).map(String::as_str)
}

#[tokio::test]
async fn nothing_of_the_project_or_the_user_is_loaded_and_the_desk_is_its_only_server() {
    let (claude, play) = claude(Play::printing(FINISH));
    claude.turn(&asked("act")).await.unwrap();
    let arguments = play.launched().arguments;
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    assert_eq!(after(&arguments, "--setting-sources"), Some(""));
    assert!(has("--strict-mcp-config") && has("--disable-slash-commands") && has("--no-session-persistence"));
    assert_eq!(after(&arguments, "--model"), Some("m-1"));
    assert_eq!(after(&arguments, "--max-budget-usd"), None);
    let servers: serde_json::Value =
        serde_json::from_str(after(&arguments, "--mcp-config").unwrap()).unwrap();
    let expected = json!({"mcpServers": {"loki": {
        "type": "stdio", "command": "/opt/lo ki", "args": ["__mcp"], "env": {"LOKI_DOOR": "${LOKI_DOOR}"},
    }}});
    assert_eq!(servers, expected);
}

#[tokio::test]
async fn a_phase_that_may_only_read_has_no_tool_that_writes() {
    for phase in ["reason", "review"] {
        let (claude, play) = claude(Play::printing(FINISH));
        claude.turn(&asked(phase)).await.unwrap();
        let launch = play.launched();
        assert_eq!(launch.rights, Rights::Read);
        let tools = after(&launch.arguments, "--tools").unwrap();
        assert!(!tools.contains("Edit") && !tools.contains("Write"), "{tools}");
    }
}

#[tokio::test]
async fn it_is_told_what_it_may_spend_to_the_millionth() {
    for (allowance, told) in [(1, "0.000001"), (50_000, "0.050000"), (12_345_678, "6.172839")] {
        let (claude, play) = claude(Play::printing(FINISH));
        let request = Request { allowance_micro_usd: Some(allowance), ..asked("act") };
        claude.turn(&request).await.unwrap();
        assert_eq!(after(&play.launched().arguments, "--max-budget-usd"), Some(told));
    }
}

#[tokio::test]
async fn another_address_is_passed_on() {
    let (setup, play) = Play::printing(FINISH).setup();
    let setup = Setup { base_url: Some("http://127.0.0.1:9/".into()), model: None, ..setup };
    let claude = Claude::new(setup).unwrap();
    assert_eq!(claude.name(), "claude");
    claude.turn(&asked("act")).await.unwrap();
    let launch = play.launched();
    assert_eq!(launch.variables["ANTHROPIC_BASE_URL"], "http://127.0.0.1:9");
    assert_eq!(after(&launch.arguments, "--model"), None);
}

#[tokio::test]
async fn a_budget_that_is_spent_ends_the_turn_and_is_settled_to_the_token() {
    let turn = answer(include_str!("fixtures/budget.jsonl")).await.unwrap();
    assert_eq!(turn.end, TurnEnd::CutOff);
    assert_eq!(turn.cost, Cost::Measured { micro_usd: 300_189 });
    assert_eq!(turn.tokens, Tokens { input: 100_000, output: 10, cache_read: 40, cache_write: 7 });
}

#[tokio::test]
async fn a_refusal_of_the_model_is_no_failure_and_is_paid_for() {
    let turn = answer(include_str!("fixtures/refusal.jsonl")).await.unwrap();
    assert_eq!((turn.end, turn.cost), (TurnEnd::Refused, Cost::Measured { micro_usd: 489 }));
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
    let rate = answer(include_str!("fixtures/rate.jsonl")).await.unwrap_err();
    let ProviderError::Transient { retry_after_ms, rate_limited, spent, .. } = rate else {
        panic!("{rate:?}")
    };
    assert_eq!((retry_after_ms, rate_limited, spent), (Some(7000), true, None));
    let overloaded = answer(include_str!("fixtures/overloaded.jsonl")).await.unwrap_err();
    assert!(matches!(overloaded, ProviderError::Transient { rate_limited: false, .. }), "{overloaded:?}");
}

#[tokio::test]
async fn a_refusal_after_money_was_spent_does_not_forget_the_money() {
    let quota = include_str!("fixtures/quota.jsonl");
    let spent = quota.replace("\"modelUsage\":{}", "\"modelUsage\":{\"m\":{\"inputTokens\":5}}");
    assert_ne!(spent, quota);
    let error = answer(&spent).await.unwrap_err();
    let ProviderError::Permanent { refusal: Refusal::Quota, spent: Some((tokens, _)), .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(tokens.input, 5);
}

#[tokio::test]
async fn a_long_wait_is_left_to_whoever_asked() {
    let retry = |ms: u64| {
        let event =
            json!({"type": "system", "subtype": "api_retry", "error": "rate_limit", "retry_delay_ms": ms});
        format!("{event}\n{}", FINISH.lines().next_back().unwrap())
    };
    let error = answer(&retry(3_600_000)).await.unwrap_err();
    let ProviderError::Transient { retry_after_ms, rate_limited, .. } = error else { panic!("{error:?}") };
    assert_eq!((retry_after_ms, rate_limited), (Some(3_600_000), true));
    assert!(answer(&retry(59_000)).await.is_ok());
}

#[tokio::test]
async fn output_without_a_result_is_one_clear_error_with_what_was_used() {
    for output in ["", "garbage\n\u{0}\n", "{\"type\":\"result\"", "[]\nnull\n1\n{\"type\":7}\n"] {
        let error = answer(output).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Transient { spent: None, .. }), "{error:?}");
        assert!(error.to_string().contains("did not say"), "{error}");
    }
    let cut: String =
        FINISH.lines().filter(|line| !line.contains("\"result\",")).map(|l| format!("{l}\n")).collect();
    let error = answer(&cut).await.unwrap_err();
    let ProviderError::Transient { spent: Some((tokens, cost)), .. } = error else { panic!("{error:?}") };
    // Two messages, of whose output no more was known by then.
    assert_eq!(tokens, Tokens { input: 200, output: 2, cache_read: 80, cache_write: 14 });
    assert_eq!(cost, Cost::Estimated { micro_usd: 200 + 2 * 2 + 3 * 80 + 4 * 14 });
}

#[tokio::test]
async fn a_huge_line_is_passed_over() {
    let huge = format!("{{\"type\":\"user\",\"x\":\"{}\"}}\n{FINISH}", "x".repeat(LINE_BYTES_MAX));
    assert!(answer(&huge).await.is_ok());
}

#[tokio::test]
async fn amounts_that_are_none_are_not_believed() {
    for amount in ["-1", "1e999", "\"0\"", "null"] {
        let output = format!(
            "{{\"type\":\"result\",\"subtype\":\"success\",\"total_cost_usd\":{amount},\"result\":\"x\"}}"
        );
        match answer(&output).await {
            Ok(turn) => assert_eq!(turn.cost, Cost::Estimated { micro_usd: 0 }, "{amount}"),
            Err(error) => assert!(error.to_string().contains("did not say"), "{amount}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_result_that_denies_what_was_used_is_not_believed() {
    let forged = json!({"type": "result", "subtype": "success", "result": "ok", "total_cost_usd": 0, "modelUsage": {}});
    let turn = answer(&format!("{FINISH}\n{forged}\n")).await.unwrap();
    assert_eq!(turn.tokens, Tokens { input: 200, output: 2, cache_read: 80, cache_write: 14 });
    assert_eq!(turn.cost, Cost::Estimated { micro_usd: 200 + 2 * 2 + 3 * 80 + 4 * 14 });
}
