//! What strangers send: tokens that nobody signed, statements where values belong, and noise.

mod timing;

use loki_kit::TestEnv;
use loki_kit::http::{Answer, Connection, Request};
use loki_kit::postgres::{Cluster, Database};
use serde_json::{Value, json};

use super::clients::on_postgres;
use super::{ADA, BOB, Serving, keys, project, serve, token};
use crate::env;

/// A server with a todo of Ada's, and somebody who asks it.
struct Asking {
    _env: TestEnv,
    serving: Serving,
    keys: Value,
}

impl Asking {
    /// On each engine that is there.
    fn both() -> Vec<(Asking, Option<Database>)> {
        let env = env();
        project(&env);
        let mut all = vec![(Asking::of(env), None)];
        if let Some(cluster) = Cluster::shared() {
            let (env, database) = on_postgres(cluster);
            all.push((Asking::of(env), Some(database)));
        }
        all
    }

    fn of(env: TestEnv) -> Asking {
        let serving = serve(&env);
        let asking = Asking { keys: keys(&env), serving, _env: env };
        let todo = json!({ "title": "Ada's own" });
        let added = asking.ask(Some(ADA), Request::with_json("POST", "/rest/v1/todos", &todo));
        assert_eq!(added.status, 201, "{}", added.text());
        asking
    }

    fn key(&self, name: &str) -> String {
        self.keys[name].as_str().unwrap().to_owned()
    }

    /// Asks as a user, or as nobody.
    fn ask(&self, who: Option<&str>, request: Request) -> Answer {
        let request = request.header("apikey", self.key("publishable"));
        let request = match who {
            Some(user) => {
                let token = token::signed(&self.key("jwt_secret"), user);
                request.header("authorization", format!("Bearer {token}"))
            }
            None => request,
        };
        self.connection().ask(&request).unwrap()
    }

    fn connection(&self) -> Connection {
        Connection::open(self.serving.port()).unwrap()
    }

    /// Nothing of Ada's was read or touched.
    fn is_untouched(&self) {
        let answer = self.ask(Some(ADA), Request::get("/rest/v1/todos?select=title,user_id"));
        assert_eq!(answer.json(), json!([{ "title": "Ada's own", "user_id": ADA }]));
    }
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[test]
fn a_token_that_nobody_signed_opens_nothing() {
    for (asking, _database) in Asking::both() {
        forged_tokens(&asking);
    }
}

fn forged_tokens(asking: &Asking) {
    let secret = asking.key("jwt_secret");
    let good = json!({ "sub": ADA, "role": "authenticated" });
    let signed = token::of_claims(&secret, &good);
    let (head, rest) = signed.split_once('.').unwrap();
    let body = rest.split_once('.').unwrap().0;
    let jwks = asking.connection().ask(&Request::get("/.well-known/jwks.json")).unwrap();
    let public = jwks.json()["keys"][0].clone();
    assert!(public["kid"].is_string() && public.get("d").is_none(), "{public}");
    let with = |claims: Value| token::of_claims(&secret, &claims);
    let forged = [
        format!("eyJhbGciOiJub25lIn0.{body}."),
        format!("eyJhbGciOiJub25lIn0.{body}.AAAA"),
        format!("{head}.{body}."),
        format!("{head}.{body}.AAAA"),
        token::of_claims(&public.to_string(), &good),
        token::of_claims(public["x"].as_str().unwrap(), &good),
        token::of_claims("another secret, which is long enough for HS256", &good),
        with(json!({ "sub": ADA, "role": "authenticated", "exp": 1 })),
        with(json!({ "sub": ADA, "role": "authenticated", "nbf": 4_102_444_800_u64 })),
        with(json!({ "sub": ADA, "role": "authenticated", "aud": "somebody else" })),
        with(json!({ "sub": [ADA], "role": "authenticated" })),
        with(json!({ "sub": ADA, "role": ["service_role"] })),
        "a.b.c".to_owned(),
        "x".repeat(20_000),
    ];
    for token in forged {
        let request = Request::get("/rest/v1/todos").header("authorization", format!("Bearer {token}"));
        let answer = asking.connection().ask(&request).unwrap();
        let shown: String = token.chars().take(60).collect();
        // What is longer than any token may be refused as a header.
        assert!(matches!(answer.status, 401 | 431), "{shown}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("Ada's own"));
    }
    asking.is_untouched();
}

#[test]
fn what_looks_like_a_statement_is_a_value_or_an_error() {
    for (asking, _database) in Asking::both() {
        injections(&asking);
    }
}

fn injections(asking: &Asking) {
    let payloads = [
        "' or '1'='1",
        "'; drop table todos; --",
        "\" or 1=1 --",
        "1) or (1=1",
        "x' union select value from secrets --",
        "\\'; delete from todos; --",
        "$$; select 1; $$",
        "null); attach database '/tmp/x' as y; --",
        "%27%20or%201=1",
        ":auth_uid",
        "?1",
        "todos\".\"title",
        "_loki_schema",
        "sqlite_schema",
        "pg_catalog.pg_roles",
    ];
    for payload in payloads {
        let text = encoded(payload);
        let paths = [
            format!("/rest/v1/{text}"),
            format!("/rest/v1/todos?select={text}"),
            format!("/rest/v1/todos?select=a:{text}"),
            format!("/rest/v1/todos?select={text}:title"),
            format!("/rest/v1/todos?select=title::{text}"),
            format!("/rest/v1/todos?select=meta->{text}"),
            format!("/rest/v1/todos?select=meta->>{text}"),
            format!("/rest/v1/todos?select=title,{text}(name)"),
            format!("/rest/v1/todos?select=title,lists!{text}(name)"),
            format!("/rest/v1/todos?select=count().{text}()"),
            format!("/rest/v1/todos?title=eq.{text}"),
            format!("/rest/v1/todos?title=in.({text})"),
            format!("/rest/v1/todos?title=like.{text}"),
            format!("/rest/v1/todos?title=match.{text}"),
            format!("/rest/v1/todos?title=fts({text}).x"),
            format!("/rest/v1/todos?title=fts.{text}"),
            format!("/rest/v1/todos?title={text}.x"),
            format!("/rest/v1/todos?{text}=eq.x"),
            format!("/rest/v1/todos?meta->{text}=eq.x"),
            format!("/rest/v1/todos?tags=cs.{{{text}}}"),
            format!("/rest/v1/todos?span=ov.{text}"),
            format!("/rest/v1/todos?or=({text})"),
            format!("/rest/v1/todos?or=(title.eq.{text},id.gt.0)"),
            format!("/rest/v1/todos?order={text}"),
            format!("/rest/v1/todos?order=title.{text}"),
            format!("/rest/v1/todos?limit={text}"),
            format!("/rest/v1/todos?offset={text}"),
            format!("/rest/v1/todos?lists.{text}=eq.x"),
            format!("/rest/v1/rpc/{text}"),
            format!("/rest/v1/rpc/add?a={text}"),
            format!("/rest/v1/rpc/add?{text}=1"),
            format!("/rest/v1/rpc/todos_over?least=0&order={text}"),
        ];
        for path in paths {
            let answer = asking.ask(Some(BOB), Request::get(path.clone()));
            assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("Ada's own"), "{path}: {}", answer.text());
        }
        let bodies = [
            ("POST", "/rest/v1/todos".to_owned(), json!({ "title": payload })),
            ("POST", "/rest/v1/todos".to_owned(), json!({ payload: "x" })),
            ("POST", format!("/rest/v1/todos?columns={text}"), json!([{ "title": "x" }])),
            ("POST", format!("/rest/v1/todos?on_conflict={text}"), json!({ "title": "x" })),
            ("PATCH", format!("/rest/v1/todos?title=eq.{text}"), json!({ "title": payload })),
            ("PATCH", "/rest/v1/todos".to_owned(), json!({ "title": payload })),
            ("DELETE", format!("/rest/v1/todos?title=eq.{text}"), Value::Null),
            ("POST", "/rest/v1/rpc/add".to_owned(), json!({ "a": payload })),
        ];
        for (method, path, body) in bodies {
            let request = Request::with_json(method, path.clone(), &body)
                .header("prefer", "return=representation,resolution=merge-duplicates");
            let answer = asking.ask(Some(BOB), request);
            assert!(answer.status < 500, "{method} {path}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("Ada's own"), "{method} {path}: {}", answer.text());
        }
        for header in ["prefer", "accept", "range", "accept-profile", "x-forwarded-for"] {
            let answer = asking.ask(Some(BOB), Request::get("/rest/v1/todos").header(header, payload));
            assert!(answer.status < 500, "{header}: {} {}", answer.status, answer.text());
        }
    }
    asking.is_untouched();
}

#[test]
fn policies_hold_on_every_way_around_them() {
    for (asking, _database) in Asking::both() {
        ways_around(&asking);
    }
}

fn ways_around(asking: &Asking) {
    let ada = asking.ask(Some(ADA), Request::get("/rest/v1/todos?select=id")).json();
    let id = ada[0]["id"].as_i64().unwrap();
    let mut seen = Vec::new();
    for (path, nothing) in [
        ("/rest/v1/todos?select=count()".to_owned(), json!([{ "count": 0 }])),
        ("/rest/v1/todos?select=id.max(),title.min()".to_owned(), json!([{ "max": null, "min": null }])),
        ("/rest/v1/lists?select=todos(title)".to_owned(), json!([])),
        ("/rest/v1/todos?or=(id.gt.0,title.not.is.null,user_id.is.null)".to_owned(), json!([])),
        (format!("/rest/v1/todos?user_id=eq.{ADA}"), json!([])),
        (format!("/rest/v1/todos?id=eq.{id}"), json!([])),
        ("/rest/v1/open_todos".to_owned(), json!([])),
        ("/rest/v1/rpc/todos_over?least=-9".to_owned(), json!([])),
        ("/rest/v1/todos?select=title,shout&order=shout".to_owned(), json!([])),
    ] {
        let answer = asking.ask(Some(BOB), Request::get(path.clone()).header("prefer", "count=exact"));
        seen.push((path, answer.json(), nothing));
    }
    for (path, found, nothing) in seen {
        assert_eq!(found, nothing, "{path}");
    }
    // Nothing tells whether a row of hers is there: neither a number, nor an error, nor a status.
    for (method, body) in [("PATCH", json!({ "title": "x" })), ("DELETE", Value::Null)] {
        let there = format!("/rest/v1/todos?id=eq.{id}");
        let away = "/rest/v1/todos?id=eq.987654".to_owned();
        let answers = [there, away].map(|path| {
            let request =
                Request::with_json(method, path, &body).header("prefer", "count=exact,return=representation");
            let answer = asking.ask(Some(BOB), request);
            (answer.status, answer.text(), answer.header("content-range").map(str::to_owned))
        });
        assert_eq!(answers[0], answers[1], "{method}");
    }
    // Taking over by key, or by saying whose it is.
    for (path, body) in [
        ("/rest/v1/todos", json!({ "id": id, "title": "mine" })),
        ("/rest/v1/todos", json!({ "title": "in her name", "user_id": ADA })),
    ] {
        let request = Request::with_json("POST", path, &body).header("prefer", "resolution=merge-duplicates");
        let answer = asking.ask(Some(BOB), request);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (403, Some("42501")),
            "{}",
            answer.text()
        );
    }
    asking.is_untouched();
}

/// A query made of the words of the grammar, in no order that means anything.
fn noise(seed: &mut u64) -> String {
    const WORDS: [&str; 48] = [
        "select",
        "=",
        "&",
        "(",
        ")",
        ",",
        ".",
        ":",
        "::",
        "!",
        "...",
        "*",
        "title",
        "todos",
        "lists",
        "id",
        "meta",
        "->",
        "->>",
        "eq",
        "not",
        "in",
        "or",
        "and",
        "like",
        "any",
        "all",
        "{",
        "}",
        "\"",
        "\\",
        "%22",
        "%00",
        "%ff",
        "%",
        "+",
        "order",
        "limit",
        "offset",
        "desc",
        "nullslast",
        "count()",
        "sum()",
        "is",
        "null",
        "fts",
        "\u{e9}",
        "99999999999999999999",
    ];
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    };
    let starts =
        ["select=", "title=", "or=(", "order=", "meta->", "limit=", "lists.", "", "and=(", "columns="];
    let mut text = starts[usize::try_from(next() % 10).unwrap()].to_owned();
    for _ in 0..1 + next() % 24 {
        text.push_str(WORDS[usize::try_from(next() % 48).unwrap()]);
    }
    // What no URL may hold is encoded, as every client does; else the request is refused before it is read.
    text.chars()
        .map(|c| match c {
            ' ' | '"' | '\\' | '{' | '}' | '>' => format!("%{:02X}", c as u32),
            '\u{e9}' => "%C3%A9".to_owned(),
            _ => c.to_string(),
        })
        .collect()
}

#[test]
fn a_thousand_queries_of_noise_are_answered_and_never_by_a_failure() {
    for (asking, _database) in Asking::both() {
        noises(&asking);
    }
}

fn noises(asking: &Asking) {
    let mut connection = asking.connection();
    let mut seed = 0x5DEE_CE66_D153_u64;
    let mut refused = 0;
    for n in 0..1_000 {
        let path = format!("/rest/v1/todos?{}", noise(&mut seed));
        let answer =
            connection.ask(&Request::get(path.clone())).unwrap_or_else(|error| panic!("{n} {path}: {error}"));
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
        if answer.status >= 400 {
            refused += 1;
            let error = answer.json();
            for key in ["code", "message", "details", "hint"] {
                assert!(error.get(key).is_some(), "{path}: {error}");
            }
        }
    }
    // A generator that makes nothing but good queries would test nothing.
    assert!(refused > 700, "{refused}");
}
