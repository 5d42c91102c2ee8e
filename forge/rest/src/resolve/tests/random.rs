use proptest::prelude::*;

use super::kit::ask;
use crate::rest::Settings;

/// What requests are made of: names that are there and some that are not, and the signs between them.
const PARTS: [&str; 40] = [
    "films",
    "directors",
    "roles",
    "actors",
    "studios",
    "scores",
    "people",
    "mentor_id",
    "rivals",
    "full_title",
    "id",
    "title",
    "name",
    "count",
    "details",
    "other",
    "*",
    "(",
    ")",
    ",",
    ":",
    "::text",
    "!inner",
    "!made_by",
    "...",
    ".sum()",
    "count()",
    "->a",
    "->>b",
    "->0",
    "&",
    "=",
    "eq.1",
    "is.null",
    "not.",
    "or=(",
    "order=",
    ".desc",
    "limit=",
    "columns=",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn anything_comes_to_a_task_or_to_the_client_s_mistake(
        verb in "(GET|HEAD|POST|PUT|PATCH|DELETE)",
        path in "(films|people|roles|logs|recent_films|film|rpc/(add|pick|search_films|totals|take_json|x))",
        parts in proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..24),
        body in "(\\{\"(id|a|b|term|line)\":1\\}|\\[\\]|x|)",
        full in any::<bool>(),
    ) {
        let uri = format!("/{path}?select={}", parts.concat().replace('>', "%3E"));
        let headers: &[(&str, &str)] = if full { &[("prefer", "return=representation")] } else { &[] };
        if let Err(error) = ask(&verb, &uri, headers, &body, &Settings::default()) {
            let status = error.status;
            prop_assert!(status.is_client_error() || status.as_u16() == 300, "{} {}", status, error);
        }
    }
}
