//! What cannot be read, and the words in which it is told.

use crate::parse::{Loose, query};

fn error(text: &str) -> (u16, String, String) {
    let error = query(text, Loose::Mistake).map_err(|error| {
        let details = error.details.as_ref().and_then(|details| details.as_str()).unwrap_or_default();
        (error.status.as_u16(), error.message.clone(), details.to_owned())
    });
    error.expect_err(text)
}

#[test]
fn errors_say_where_and_what_would_do() {
    for (text, message, details) in [
        (
            "a.b=noop.0",
            "filter (noop.0)\" (line 1, column 1)",
            "unexpected \"o\" expecting \"not\" or operator (eq, gt, ...)",
        ),
        (
            "id=val",
            "filter (val)\" (line 1, column 1)",
            "unexpected \"v\" expecting \"not\" or operator (eq, gt, ...)",
        ),
        (
            "id=eq().5",
            "filter (eq().5)\" (line 1, column 4)",
            "unexpected \")\" expecting operator (eq, gt, ...)",
        ),
        (
            "id=is().5",
            "filter (is().5)\" (line 1, column 3)",
            "unexpected \"(\" expecting operator (eq, gt, ...)",
        ),
        (
            "id=in().5",
            "filter (in().5)\" (line 1, column 3)",
            "unexpected \"(\" expecting operator (eq, gt, ...)",
        ),
        (
            "id=fts().5",
            "filter (fts().5)\" (line 1, column 5)",
            "unexpected \")\" expecting operator (eq, gt, ...)",
        ),
        (
            "id=is.foo",
            "filter (is.foo)\" (line 1, column 4)",
            "unexpected \"f\" expecting isVal: (null, not_null, true, false, unknown)",
        ),
        ("id=in.1", "filter (in.1)\" (line 1, column 4)", "unexpected \"1\" expecting \"(\""),
        (
            "or=()",
            "logic tree (())\" (line 1, column 4)",
            "unexpected \")\" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)",
        ),
        (
            "or=(id.in.1,2,id.eq.3)",
            "logic tree ((id.in.1,2,id.eq.3))\" (line 1, column 10)",
            "unexpected \"1\" expecting \"(\"",
        ),
        ("or=)(", "logic tree ()()\" (line 1, column 3)", "unexpected \")\" expecting \"(\""),
        (
            "and=(ord(id.eq.1,id.eq.1),id.eq.2)",
            "logic tree ((ord(id.eq.1,id.eq.1),id.eq.2))\" (line 1, column 7)",
            "unexpected \"d\" expecting \"(\"",
        ),
        (
            "or=(id.eq.1,not.xor(id.eq.2,id.eq.3))",
            "logic tree ((id.eq.1,not.xor(id.eq.2,id.eq.3)))\" (line 1, column 16)",
            "unexpected \"x\" expecting logic operator (and, or)",
        ),
        (
            "order=id.ac",
            "order (id.ac)\" (line 1, column 4)",
            "unexpected \"c\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"",
        ),
        (
            "order=id.descc",
            "order (id.descc)\" (line 1, column 8)",
            "unexpected 'c' expecting delimiter (.), \",\" or end of input",
        ),
        (
            "order=id.nullslasttt",
            "order (id.nullslasttt)\" (line 1, column 13)",
            "unexpected 't' expecting \",\" or end of input",
        ),
        (
            "order=id.asc.smth34",
            "order (id.asc.smth34)\" (line 1, column 8)",
            "unexpected \"s\" expecting \"nullsfirst\" or \"nullslast\"",
        ),
        (
            "order=clients(name,id)",
            "order (clients(name,id))\" (line 1, column 8)",
            "unexpected '(' expecting letter, digit, \"-\", \"->>\", \"->\", delimiter (.), \",\" or end of input",
        ),
        (
            "select=id,clients(name[])",
            "select parameter (id,clients(name[]))\" (line 1, column 16)",
            "unexpected '[' expecting letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input",
        ),
        (
            "select=name::",
            "select parameter (name::)\" (line 1, column 7)",
            "unexpected end of input expecting letter or digit",
        ),
        (
            "select=name!hint",
            "select parameter (name!hint)\" (line 1, column 5)",
            "unexpected '!' expecting letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input",
        ),
        (
            "select=data->>-78xy",
            "select parameter (data->>-78xy)\" (line 1, column 11)",
            "unexpected 'x' expecting digit, \"->\", \"::\", \".\", \",\" or end of input",
        ),
    ] {
        let found = error(text);
        assert_eq!(found, (400, format!("\"failed to parse {message}"), details.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_grammar_is_refused() {
    for text in [
        "select=id)",
        "select=(",
        "select=a(b",
        "select=a(b))",
        "select=a,",
        "select=,a",
        "select=a::b::c",
        "select=a:b:c",
        "select=a.foo()",
        "select=a.sum(",
        "select=...a",
        "select=a->",
        "select=\"a",
        "select=a->99999999999",
        "select=a(b)c",
        "id=eq",
        "id=eq5",
        "id=neq(any).{1}",
        "id=not.",
        "id=in.(1",
        "id=in.(1)x",
        "id=is.nullx",
        "id=like(some).{a}",
        "id=fts(a-b).c",
        ".id=eq.1",
        "a..b=eq.1",
        "=eq.1",
        "id->=eq.1",
        "id->a->>=eq.1",
        "order=",
        "order=a,",
        "order=a.desc.asc",
        "order=a(b",
        "order=.a",
        "or=",
        "or=(",
        "or=(a)",
        "or=(a.eq.1",
        "or=(a.eq.1)x",
        "not.or=(a.eq.1,)",
        "a.or.b.or=(c.eq.1",
        "columns=",
        "columns=a,",
        "columns=a b\",c",
        "on_conflict=a,,b",
        "on_conflict=",
    ] {
        let (status, _, _) = error(text);
        assert_eq!(status, 400, "{text}");
    }
}

#[test]
fn lists_and_bytes_are_refused_as_a_database_refuses_them() {
    for (text, code) in [
        ("id=eq(any).5", "22P02"),
        ("or=(id.like(all).{a)", "22P02"),
        ("id=eq.%00", "22021"),
        ("id=eq.%ff", "22021"),
        ("%ff=eq.1", "22021"),
    ] {
        assert_eq!(query(text, Loose::Mistake).unwrap_err().code, code, "{text}");
    }
}

#[test]
fn a_limit_below_zero_is_no_range() {
    for text in ["limit=-1", "todos.limit=-5"] {
        let (status, message, details) = error(text);
        assert_eq!((status, message.as_str()), (416, "Requested range not satisfiable"));
        assert_eq!(details, "Limit should be greater than or equal to zero.");
    }
}

#[test]
fn everything_has_a_bound() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    for (text, status, says) in [
        (format!("id=eq.{}", "x".repeat(70_000)), 414, ""),
        ("a=eq.1&".repeat(1_001), 400, "more than 1000 parameters"),
        (format!("select={}a", "a,".repeat(2_000)), 400, "more than 2000 items"),
        (format!("or=({}a.eq.1)", "a.eq.1,".repeat(2_000)), 400, "more than 2000 items"),
        (format!("order={}a", "a,".repeat(2_000)), 400, "more than 2000 items"),
        (format!("id=in.({}1)", "1,".repeat(10_000)), 400, "more than 10000 values"),
        (format!("id=eq(any).{{{}1}}", "1,".repeat(10_000)), 400, "more than 10000 elements"),
        (format!("select={}", nested("a(", "b", ")", 34)), 400, "relations embedded more than 32 deep"),
        (format!("or={}", nested("(or", "(a.eq.1)", ")", 34)), 400, "conditions nested more than 32 deep"),
        (format!("select=a{}", "->b".repeat(65)), 400, "more than 64 steps"),
        (format!("{}b=eq.1", "a.".repeat(40)), 400, "more than 32 names"),
    ] {
        let (found, _, details) = error(&text);
        assert_eq!(found, status, "{details}");
        assert!(details.contains(says), "{details}: {says}");
    }
    assert!(query(&format!("select={}", nested("a(", "b", ")", 32)), Loose::Mistake).is_ok());
    assert!(query(&format!("or={}", nested("(or", "(a.eq.1)", ")", 31)), Loose::Mistake).is_ok());
    // What cannot be closed is found out without going back and forth.
    let (status, ..) = error(&format!("select={}", "a(".repeat(30_000)));
    assert_eq!(status, 400);
    let (status, ..) = error(&format!("or={}", "(and".repeat(15_000)));
    assert_eq!(status, 400);
}
