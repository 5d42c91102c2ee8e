use bytes::Bytes;

use super::kit::{call, names, told};
use crate::plan::{Arguments, Call};

fn post(name: &str, body: &str) -> Result<Call, crate::RestError> {
    call("POST", &format!("/rpc/{name}"), &[], body)
}

#[test]
fn the_names_of_the_arguments_choose() {
    assert_eq!(post("add", r#"{"a":1,"b":2}"#).unwrap().function.arguments.len(), 2);
    assert_eq!(post("add", r#"{"a":1,"b":2,"c":3}"#).unwrap().function.arguments.len(), 3);
    let by_get = call("GET", "/rpc/add?a=1&b=2", &[], "").unwrap();
    let text = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    assert_eq!(by_get.arguments, Arguments::Text(vec![text("a", "1"), text("b", "2")]));
    assert!(by_get.read_only);
    assert!(!post("add", r#"{"a":1,"b":2}"#).unwrap().read_only);
    assert!(call("HEAD", "/rpc/add?a=1&b=2", &[], "").unwrap().head);
}

#[test]
fn arguments_with_defaults_may_be_left_out() {
    assert!(post("search_films", r#"{"term":"x"}"#).is_ok());
    assert!(post("search_films", r#"{"term":"x","most":1}"#).is_ok());
    assert!(post("search_films", r#"{"most":1}"#).is_err());
    assert!(post("search_films", r#"{"term":"x","other":1}"#).is_err());
}

#[test]
fn columns_say_which_members_are_arguments() {
    let call = call("POST", "/rpc/add?columns=a,b", &[], r#"{"a":1,"b":2,"c":3}"#).unwrap();
    let Arguments::Json(given) = call.arguments else { panic!() };
    assert_eq!(given.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_variadic_argument_has_several_values_and_others_the_last() {
    let joined = call("GET", "/rpc/joined?words=a&words=b", &[], "").unwrap();
    assert_eq!(
        joined.arguments,
        Arguments::Text(vec![("words".to_owned(), vec!["a".to_owned(), "b".to_owned()])])
    );
    let added = call("GET", "/rpc/add?a=1&a=5&b=2", &[], "").unwrap();
    let Arguments::Text(given) = added.arguments else { panic!() };
    assert_eq!(given[0].1, ["5"]);
}

#[test]
fn a_body_is_the_only_nameless_argument_of_its_type() {
    for (name, media, body) in [
        ("take_json", "application/json", "[1,2]"),
        ("take_text", "text/plain", "hello"),
        ("take_bytes", "application/octet-stream", "\u{1}\u{2}"),
    ] {
        let called = call("POST", &format!("/rpc/{name}"), &[("content-type", media)], body).unwrap();
        assert_eq!(called.arguments, Arguments::Body(Bytes::from(body.to_owned())), "{name}");
    }
    let wrong = call("POST", "/rpc/take_text", &[("content-type", "application/octet-stream")], "x");
    assert_eq!(told(&wrong.unwrap_err()).1, "PGRST202");
    // Nothing but a body that names no arguments calls a function that has none.
    assert_eq!(
        told(&call("POST", "/rpc/totals", &[("content-type", "text/plain")], "x").unwrap_err()).1,
        "PGRST202"
    );
    assert!(post("totals", "").is_ok());
    assert!(call("GET", "/rpc/take_json", &[], "").is_err());
}

#[test]
fn rows_of_a_function_are_read_like_a_relation() {
    let films = call(
        "GET",
        "/rpc/search_films?term=x&select=id,d:directors(name)&title=eq.y&order=id&limit=3",
        &[],
        "",
    )
    .unwrap();
    assert_eq!(names(&films.root), ["id"]);
    assert_eq!(
        (films.root.embeds[0].name.as_str(), films.root.order.len(), films.root.limit),
        ("d", 1, Some(3))
    );
    assert!(films.root.filter.is_some());
    let totals = call("GET", "/rpc/totals?select=studio&films=gt.3", &[], "").unwrap();
    assert_eq!(names(&totals.root), ["studio"]);
    let error = call("GET", "/rpc/totals?select=other", &[], "").unwrap_err();
    assert_eq!(told(&error).2, "column totals.other does not exist");
    let error = call("GET", "/rpc/totals?select=directors(*)", &[], "").unwrap_err();
    assert_eq!(
        told(&error).2,
        "Could not find a relationship between 'totals' and 'directors' in the schema cache"
    );
}

#[test]
fn a_function_that_is_not_there_is_told() {
    let cache = "in the schema cache";
    for (verb, uri, media, body, message, details, hint) in [
        (
            "GET",
            "/rpc/total",
            "",
            "",
            "public.total without parameters",
            "public.total without parameters",
            Some("public.totals"),
        ),
        (
            "GET",
            "/rpc/unheard_of",
            "",
            "",
            "public.unheard_of without parameters",
            "public.unheard_of without parameters",
            None,
        ),
        (
            "GET",
            "/rpc/add?a=1",
            "",
            "",
            "public.add(a)",
            "public.add with parameter a",
            Some("public.add(a, b)"),
        ),
        (
            "GET",
            "/rpc/search_films?phrase=1&most=2",
            "",
            "",
            "public.search_films(most, phrase)",
            "public.search_films with parameters most, phrase",
            Some("public.search_films(most, term)"),
        ),
        (
            "POST",
            "/rpc/add",
            "application/json",
            r#"{"b":1}"#,
            "public.add(b)",
            "public.add with parameter b or with a single unnamed json/jsonb parameter",
            Some("public.add(a, b)"),
        ),
        (
            "POST",
            "/rpc/add",
            "application/json",
            "{}",
            "public.add without parameters",
            "public.add without parameters or with a single unnamed json/jsonb parameter",
            None,
        ),
        (
            "POST",
            "/rpc/add",
            "text/plain",
            "x",
            "public.add",
            "public.add with a single unnamed text parameter",
            None,
        ),
        (
            "POST",
            "/rpc/add",
            "text/xml",
            "x",
            "public.add",
            "public.add with a single unnamed xml parameter",
            None,
        ),
        (
            "POST",
            "/rpc/add",
            "application/octet-stream",
            "x",
            "public.add",
            "public.add with a single unnamed bytea parameter",
            None,
        ),
    ] {
        let headers: &[(&str, &str)] = if media.is_empty() { &[] } else { &[("content-type", media)] };
        let error = call(verb, uri, headers, body).unwrap_err();
        let message = format!("Could not find the function {message} {cache}");
        let details = format!("Searched for the function {details}, but no matches were found {cache}.");
        let hint = hint.map(|meant| format!("Perhaps you meant to call the function {meant}"));
        assert_eq!(
            told(&error),
            (404, "PGRST202", message.as_str(), Some(details.as_str()), hint.as_deref()),
            "{uri} {media} {body}"
        );
    }
}

#[test]
fn overloads_that_both_fit_are_told() {
    let error = post("pick", r#"{"a":1}"#).unwrap_err();
    let message = "Could not choose the best candidate function between: public.pick(a => integer), public.pick(a => integer, b => integer)";
    let hint = "Try renaming the parameters or the function itself in the database so function overloading can be resolved";
    assert_eq!(told(&error), (300, "PGRST203", message, None, Some(hint)));
    assert!(post("pick", r#"{"a":1,"b":2}"#).is_ok());
    let error = post("take_either", "[]").unwrap_err();
    assert_eq!(
        told(&error).2,
        "Could not choose the best candidate function between: public.take_either( => json), public.take_either( => jsonb)"
    );
}
