//! The server killed while people sign up, refresh and change passwords: no half user, no lost session, no token
//! that is good twice.

use std::sync::atomic::{AtomicUsize, Ordering};

use loki_kit::http::Connection;
use loki_kit::rusqlite;
use serde_json::{Value, json};

use super::super::{project, serve};
use super::{ask, unconfirmed};

/// Rounds by default; `LOKI_KILL_ROUNDS` names another number, 20 before a release.
const ROUNDS: usize = 3;
const PEOPLE: usize = 4;
/// Acknowledged requests of a round before the kill, and how many more each round.
const ACKNOWLEDGED: usize = 30;
const MORE: usize = 7;
/// Refreshes before a password is changed.
const REFRESHES: usize = 5;

#[expect(clippy::disallowed_methods, reason = "how long it is tried is for whoever runs it to say")]
fn rounds() -> usize {
    std::env::var("LOKI_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// What somebody knows of their account when the server is gone.
struct Known {
    email: String,
    /// Whether the sign-up was acknowledged.
    is_there: bool,
    /// The password that was acknowledged last, and one that may have come after.
    password: String,
    attempted: Option<String>,
    /// The refresh tokens that were acknowledged last, newest first.
    tokens: Vec<String>,
    access: Option<String>,
}

#[test]
fn nobody_is_half_there_after_a_kill() {
    let env = unconfirmed();
    project(&env);
    for round in 0..rounds() {
        let mut serving = serve(&env);
        let port = serving.port();
        let count = AtomicUsize::new(0);
        let wanted = ACKNOWLEDGED + round * MORE;
        let people = std::thread::scope(|scope| {
            let live = |person: usize| {
                let count = &count;
                scope.spawn(move || live(port, &format!("r{round}p{person}"), count))
            };
            let people: Vec<_> = (0..PEOPLE).map(live).collect();
            while count.load(Ordering::Relaxed) < wanted {
                std::thread::yield_now();
            }
            serving.child.kill().unwrap();
            people.into_iter().flat_map(|person| person.join().unwrap()).collect::<Vec<_>>()
        });
        serving.child.wait().unwrap();
        let again = serve(&env);
        let mut connection = Connection::open(again.port()).unwrap();
        for known in &people {
            is_whole(&mut connection, known);
        }
        let conn = rusqlite::Connection::open(env.path(".loki/forge/db.sqlite")).unwrap();
        let whole: String = conn.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "round {round}");
        let halves: i64 = conn
            .query_row(
                "select count(*) from \"auth.users\" u where not exists (select 1 from \"auth.identities\" i where i.user_id = u.id)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(halves, 0, "round {round}: users without an identity");
    }
}

/// Signs up, refreshes and changes the password, over and over, until the server is gone.
fn live(port: u16, name: &str, count: &AtomicUsize) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    let Ok(mut connection) = Connection::open(port) else { return all };
    for n in 0.. {
        let mut known = Known {
            email: format!("{name}n{n}@example.org"),
            is_there: false,
            password: "password 0".to_owned(),
            attempted: None,
            tokens: Vec::new(),
            access: None,
        };
        let going_on = account(&mut connection, &mut known, count);
        all.push(known);
        if !going_on {
            break;
        }
    }
    all
}

/// The life of one account; false once the server is gone.
fn account(connection: &mut Connection, known: &mut Known, count: &AtomicUsize) -> bool {
    let body = json!({ "email": known.email, "password": known.password });
    let Ok(signed) = ask(connection, "POST", "/signup", None, &body) else { return false };
    assert_eq!(signed.status, 200, "{}", signed.text());
    known.is_there = true;
    took(known, &signed.json());
    count.fetch_add(1, Ordering::Relaxed);
    for n in 0..REFRESHES * 2 {
        let body = json!({ "refresh_token": known.tokens[0] });
        let refreshed = ask(connection, "POST", "/token?grant_type=refresh_token", None, &body);
        let Ok(refreshed) = refreshed else { return false };
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
        took(known, &refreshed.json());
        count.fetch_add(1, Ordering::Relaxed);
        if n % REFRESHES == 0 {
            let wanted = format!("password {}", n + 1);
            known.attempted = Some(wanted.clone());
            let access = known.access.clone();
            let changed = ask(connection, "PUT", "/user", access.as_deref(), &json!({ "password": wanted }));
            let Ok(changed) = changed else { return false };
            assert_eq!(changed.status, 200, "{}", changed.text());
            known.password = wanted;
            known.attempted = None;
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    true
}

fn took(known: &mut Known, session: &Value) {
    let text = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
    known.tokens.insert(0, text("refresh_token"));
    known.access = Some(text("access_token"));
}

fn is_whole(connection: &mut Connection, known: &Known) {
    let email = &known.email;
    let mut fits = |password: &str| {
        let body = json!({ "email": email, "password": password });
        ask(connection, "POST", "/token?grant_type=password", None, &body).unwrap().status == 200
    };
    let (old, new) = (fits(&known.password), known.attempted.as_deref().map(&mut fits));
    match (known.is_there, new) {
        (true, None) => assert!(old, "{email}: the password that was acknowledged does not fit"),
        (true, Some(new)) => assert!(old != new, "{email}: of two passwords one must fit: {old} {new}"),
        (false, _) => {
            // Not acknowledged: they are there as a whole, or can sign up.
            let body = json!({ "email": email, "password": known.password });
            let again = ask(connection, "POST", "/signup", None, &body).unwrap();
            assert_eq!(again.status, if old { 422 } else { 200 }, "{email}: {}", again.text());
        }
    }
    let refresh = |connection: &mut Connection, token: &str| {
        let body = json!({ "refresh_token": token });
        ask(connection, "POST", "/token?grant_type=refresh_token", None, &body).unwrap()
    };
    let Some(last) = known.tokens.first() else { return };
    let next = refresh(connection, last);
    assert_eq!(next.status, 200, "{email}: the session is lost: {}", next.text());
    // The one before leads to the same session or nowhere, never to another one.
    if let Some(before) = known.tokens.get(1) {
        let other = refresh(connection, before);
        if other.status == 200 {
            assert_eq!(other.json()["refresh_token"], next.json()["refresh_token"], "{email}");
        }
    }
}
