//! From settings to models.

use super::*;

#[test]
fn a_model_may_name_its_provider_and_may_hold_colons_of_its_own() {
    let named = |text| {
        let Named { provider, model } = read(text, "ollama");
        (provider, model)
    };
    assert_eq!(named("qwen3:32b"), ("ollama".to_owned(), "qwen3:32b".to_owned()));
    assert_eq!(named("anthropic:claude-opus-4-1"), ("anthropic".to_owned(), "claude-opus-4-1".to_owned()));
    assert_eq!(named("ollama:qwen3:32b"), ("ollama".to_owned(), "qwen3:32b".to_owned()));
    assert_eq!(named("claude:"), ("claude".to_owned(), String::new()));
}

#[test]
fn a_slip_in_a_providers_name_is_refused_with_the_nearest() {
    assert_eq!(known("antropic").unwrap_err().hints, ["Did you mean `anthropic`?"]);
    assert!(known("openai").is_ok() && known("claude").is_ok());
}

#[test]
fn every_usual_model_of_a_vendor_has_a_price() {
    for vendor in VENDORS {
        for tier in ["planning", "development", "fast"] {
            if let Some(model) = defaults::model(vendor.name, tier) {
                assert!(prices::price(vendor.priced_as, model).is_some(), "{} {model}", vendor.name);
            }
        }
    }
}
