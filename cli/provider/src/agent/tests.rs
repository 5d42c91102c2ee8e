use serde_json::json;

use super::*;
use crate::testing::{request, tool, user};

fn setup(model: Option<&str>) -> Setup {
    let (setup, _) = fake::Play::default().setup();
    Setup { model: model.map(str::to_owned), ..setup }
}

#[test]
fn a_model_that_could_pass_for_an_option_or_a_setting_is_refused() {
    assert_eq!(setup(None).check("x"), Ok(()));
    assert_eq!(setup(Some("claude-opus-4-5[1m]")).check("x"), Ok(()));
    for model in ["", "-c", "a b", "a\nb", "a\"b", "\u{e9}", &"m".repeat(201)] {
        assert_eq!(setup(Some(model)).check("x"), Err(AgentError::Model { agent: "x" }), "{model:?}");
    }
}

#[test]
fn only_the_phase_that_acts_may_change_anything() {
    assert_eq!(Rights::of("act"), Rights::Change);
    for phase in ["reason", "reflect", "verify", "review", "", "Act"] {
        assert_eq!(Rights::of(phase), Rights::Read, "{phase}");
    }
}

#[test]
fn a_turn_may_use_half_of_what_is_left_and_little_whole() {
    let asked = |allowance| Request { allowance_micro_usd: allowance, ..request(vec![user("a")]) };
    assert_eq!(Setup::quote(&asked(None)).cost, Cost::Unknown);
    for (left, share) in [(7, 7), (500_000, 500_000), (600_000, 500_000), (5_000_000, 2_500_000)] {
        assert_eq!(Setup::quote(&asked(Some(left))).cost, Cost::Estimated { micro_usd: share });
    }
    assert!(Setup::quote(&asked(None)).tokens.input > 0);
}

#[test]
fn nothing_is_begun_with_nothing_left() {
    let asked = Request { allowance_micro_usd: Some(0), ..request(vec![user("a")]) };
    let error = setup(None).desk(&asked).unwrap_err();
    assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Quota, .. }));
}

#[test]
fn calls_have_ids_of_their_own_and_a_refusal_has_none() {
    let desk = || {
        let desk = Desk::new(vec![tool("read")], None);
        desk.call("read", json!({"path": "a"}));
        desk.call("read", json!({"path": "b"}));
        desk
    };
    let asked = request(vec![user("a")]);
    let made = turn(&asked, "claude:m", Told::default(), &desk());
    assert_eq!(made.calls.len(), 2);
    assert_ne!(made.calls[0].id, made.calls[1].id);
    assert_eq!((made.calls[1].input["path"].as_str(), made.end), (Some("b"), TurnEnd::Complete));
    let refused = turn(&asked, "x", Told { end: TurnEnd::Refused, ..Told::default() }, &desk());
    assert_eq!((refused.calls.len(), refused.end), (0, TurnEnd::Refused));
    let silent = turn(&asked, "x", Told::default(), &Desk::new(vec![], None));
    assert_eq!(silent.end, TurnEnd::Empty);
}

#[test]
fn a_run_without_a_result_is_one_clear_error_that_says_what_was_spent() {
    let last_words = format!("{}\u{1b}[31mit broke\nhere", "\u{e9}".repeat(1000));
    let ran = Ran { end: RunEnd::Exited(3), last_words };
    let spent = Some((Tokens { input: 5, ..Tokens::default() }, Cost::Estimated { micro_usd: 5 }));
    let error = no_result(&ran, Cut { began: true, skipped: 2, spent });
    let message = error.to_string();
    assert!(message.contains("ended with code 3") && message.contains("2 lines"), "{message}");
    assert!(message.ends_with("it broke here") && message.len() < 600, "{message}");
    assert!(matches!(error, ProviderError::Transient { spent: told, .. } if told == spent));
}

#[test]
fn a_program_that_gives_up_before_it_says_anything_is_not_tried_again() {
    let ran = |end| Ran { end, last_words: "error: unknown option".into() };
    let permanent = |end, began| {
        let error = no_result(&ran(end), Cut { began, ..Cut::default() });
        matches!(error, ProviderError::Permanent { refusal: Refusal::Other, .. })
    };
    assert!(permanent(RunEnd::Exited(1), false));
    assert!(!permanent(RunEnd::Exited(1), true));
    assert!(!permanent(RunEnd::Exited(0), false));
    assert!(!permanent(RunEnd::Ended("was ended by signal 9".into()), false));
}

#[test]
fn a_launch_that_is_refused_is_not_tried_again() {
    let source = || Box::new(std::io::Error::other("no way"));
    let failed = not_launched(&LaunchError::Failed { source: source() });
    assert!(matches!(failed, ProviderError::Transient { .. }));
    let refused = not_launched(&LaunchError::Refused { source: source() });
    assert_eq!(refused.to_string(), "the provider refuses (other): the agent cannot be run here: no way");
}
