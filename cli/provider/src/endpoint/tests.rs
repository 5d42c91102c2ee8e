//! Tests of what makes a model that can be asked, and of what asking it costs.

use super::*;
use crate::TurnEnd;
use crate::answer::Draft;
use crate::http::Limits;
use crate::testing::{endpoint, now_ms, request, user};
use crate::vendors::VENDORS;

fn http() -> Arc<Http> {
    Arc::new(Http::new(Limits::default(), now_ms()).unwrap())
}

fn refused(endpoint: Endpoint) -> Option<EndpointError> {
    connect(endpoint, http()).err()
}

fn at(vendor: &str, url: &str) -> Endpoint {
    Endpoint { base_url: Some(url.to_owned()), ..endpoint(vendor, "m") }
}

fn target(endpoint: Endpoint) -> Target {
    Target::new(endpoint, Dialect::Chat, "/chat/completions", http()).unwrap()
}

#[test]
fn every_vendor_can_be_asked_and_has_a_name() {
    for vendor in VENDORS {
        let base_url = vendor.base_url.is_none().then(|| "https://models.example/v1".to_owned());
        let endpoint = Endpoint { base_url, ..endpoint(vendor.name, "some/model:7b") };
        let provider = connect(endpoint, http()).unwrap();
        assert_eq!(provider.name(), format!("{}:some/model:7b", vendor.name));
    }
    let compatible = refused(endpoint("compatible", "m"));
    assert_eq!(compatible, Some(EndpointError::BaseUrl { vendor: "compatible" }));
    let other = Chat::new(endpoint("anthropic", "m"), http()).err();
    assert_eq!(other, Some(EndpointError::Dialect { vendor: "anthropic" }));
}

#[test]
fn a_base_url_is_an_address_and_nothing_more() {
    for url in [
        "api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "https://user@api.example",
        "https://:pass@api.example",
        "https://api.example?key=x",
        "https://api.example#x",
        "",
    ] {
        assert_eq!(refused(at("groq", url)), Some(EndpointError::BaseUrl { vendor: "groq" }), "{url}");
    }
    let found = |url: &str| target(at("groq", url)).url.to_string();
    assert_eq!(found("https://api.example"), "https://api.example/chat/completions");
    assert_eq!(found("https://api.example/v1/"), "https://api.example/v1/chat/completions");
}

#[test]
fn a_key_does_not_go_over_the_network_in_plain_sight() {
    let plain = Some(EndpointError::Plain { vendor: "groq" });
    for (url, error) in [
        ("http://api.example", plain.clone()),
        ("http://localhost.example", plain.clone()),
        ("http://10.0.0.1", plain),
        ("http://localhost:1", None),
        ("http://127.0.0.1:1", None),
        ("http://[::1]:1", None),
    ] {
        assert_eq!(refused(at("groq", url)), error, "{url}");
    }
    assert_eq!(refused(at("vllm", "http://10.0.0.1:8000/v1")), None);
}

#[test]
fn keys_and_names_are_checked() {
    let with = |key: Option<&str>| Endpoint { key: key.map(Secret::new), ..endpoint("groq", "m") };
    let none = EndpointError::NoKey { vendor: "groq", variable: "GROQ_API_KEY" };
    assert_eq!(refused(with(None)), Some(none.clone()));
    assert_eq!(refused(with(Some(" \n"))), Some(none));
    for key in ["two words", "line\r\nx-injected: 1", "schlüssel"] {
        assert_eq!(refused(with(Some(key))), Some(EndpointError::Key { vendor: "groq" }), "{key}");
    }
    for model in ["", "two words", "m\n", &"x".repeat(201)] {
        assert_eq!(
            refused(endpoint("groq", model)),
            Some(EndpointError::Model { vendor: "groq" }),
            "{model}"
        );
    }
    let shown = format!("{:?}", endpoint("groq", "m"));
    assert!(!shown.contains(crate::testing::KEY), "{shown}");
}

#[test]
fn thinking_fits_into_the_answer() {
    let with =
        |thinking, output_tokens_max| Endpoint { thinking, output_tokens_max, ..endpoint("anthropic", "m") };
    for (thinking, most, fits) in [
        (Thinking::Unasked, 1, true),
        (Thinking::Unasked, 0, false),
        (Thinking::Adaptive, 0, false),
        (Thinking::Budget(1024), 1025, true),
        (Thinking::Budget(1024), 1024, false),
        (Thinking::Budget(1023), 4096, false),
    ] {
        assert_eq!(refused(with(thinking, most)).is_none(), fits, "{thinking:?} of {most}");
    }
}

#[test]
fn a_quote_is_the_most_that_a_request_costs() {
    let request = request(vec![user("Fix it.")]);
    let input = count::request(&request);
    let quote = target(endpoint("groq", "m")).quote(&request);
    assert_eq!(quote.tokens, Tokens { input, output: 4096, ..Tokens::default() });
    // Four micro-dollars for a token written to a cache, two for one of the answer.
    assert_eq!(quote.cost, Cost::Estimated { micro_usd: 4 * input + 2 * 4096 });
    let unknown = target(Endpoint { price: None, ..endpoint("groq", "m") });
    assert_eq!(unknown.quote(&request).cost, Cost::Unknown);
}

fn settled(endpoint: Endpoint, usage: Usage) -> (Tokens, Cost) {
    let drafts = vec![Draft { tool: "read".into(), arguments: "{}".into(), ..Draft::default() }];
    let answer = Answer { text: "Done.".into(), drafts, end: TurnEnd::Complete, usage };
    target(endpoint).settle(&request(vec![user("Fix it.")]), &answer)
}

#[test]
fn what_is_reported_is_measured_and_what_is_counted_here_is_estimated() {
    let tokens = Tokens { input: 1, output: 1, cache_read: 1, cache_write: 1 };
    let reported = Usage { tokens: Some(tokens), micro_usd: None };
    let unpriced = |name: &str| Endpoint { price: None, ..endpoint(name, "m") };
    assert_eq!(settled(endpoint("groq", "m"), reported), (tokens, Cost::Measured { micro_usd: 10 }));
    assert_eq!(settled(unpriced("groq"), reported), (tokens, Cost::Unknown));
    assert_eq!(settled(unpriced("vllm"), reported), (tokens, Cost::Measured { micro_usd: 0 }));
    let paid = Usage { micro_usd: Some(7), ..reported };
    assert_eq!(settled(unpriced("openrouter"), paid), (tokens, Cost::Measured { micro_usd: 7 }));

    let silent = Usage::default();
    let (counted, cost) = settled(endpoint("groq", "m"), silent);
    let output = count::tokens("Done.") + count::tokens("read") + count::tokens("{}");
    assert_eq!(
        counted,
        Tokens { input: count::request(&request(vec![user("Fix it.")])), output, ..Tokens::default() }
    );
    assert_eq!(cost, Cost::Estimated { micro_usd: counted.input + 2 * counted.output });
    assert_eq!(settled(unpriced("groq"), silent).1, Cost::Unknown);
    assert_eq!(settled(unpriced("vllm"), silent).1, Cost::Measured { micro_usd: 0 });
}
