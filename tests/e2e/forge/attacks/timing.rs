//! Whether the time of an answer tells that a row is there which may not be seen.

use std::time::Instant;

use loki_kit::http::{Connection, Request};
use serde_json::json;

use super::super::{BOB, token};
use super::Asking;

/// Pairs of requests, one for a row that is there and one for a row that is not, in turn.
const PAIRS: usize = 400;
/// How far the medians may be apart where the samples do differ. A row that is looked at costs a little more than
/// none, most of all in a build that is not optimised; what must not be there is work that depends on what it holds.
const APART_MAX: f64 = 0.30;
/// Standard deviations of the rank sum (Mann and Whitney) up to which the samples count as alike.
const Z_MAX: f64 = 4.0;
/// How often it is looked again: what is told by every look is told by the row, and not by what else the machine
/// did meanwhile.
const LOOKS_MAX: usize = 3;

#[test]
fn the_time_of_an_answer_does_not_tell_that_a_row_is_there() {
    for (asking, _database) in Asking::both() {
        // Ada's one todo has the number 1.
        for (what, request) in [
            ("read", (|id| Request::get(format!("/rest/v1/todos?id=eq.{id}"))) as fn(u32) -> Request),
            ("count", |id| {
                Request::get(format!("/rest/v1/todos?id=eq.{id}&select=id")).header("prefer", "count=exact")
            }),
            ("update", |id| {
                Request::with_json("PATCH", format!("/rest/v1/todos?id=eq.{id}"), &json!({ "title": "x" }))
            }),
            ("delete", |id| Request {
                method: "DELETE",
                ..Request::get(format!("/rest/v1/todos?id=eq.{id}"))
            }),
        ] {
            let bearer = format!("Bearer {}", token::signed(&asking.key("jwt_secret"), BOB));
            let key = asking.key("publishable");
            let mut connection = asking.connection();
            let mut took = |id: u32| {
                let request = request(id).header("apikey", &key).header("authorization", &bearer);
                microseconds(&mut connection, &request)
            };
            let told = (0..LOOKS_MAX).map(|_| look(&mut took)).take_while(Look::tells).collect::<Vec<_>>();
            assert!(told.len() < LOOKS_MAX, "{what}: {told:?}");
        }
        asking.is_untouched();
    }
}

/// What was seen of two kinds of requests in turn.
#[derive(Debug)]
struct Look {
    /// Standard deviations of the rank sum.
    z: f64,
    /// How far the medians are apart, as a share of the smaller one.
    apart: f64,
}

impl Look {
    /// Whether an attacker could tell one kind from the other.
    fn tells(&self) -> bool {
        self.z.abs() > Z_MAX && self.apart > APART_MAX
    }
}

/// Asks for a row that is there and for one that is not, in turn.
fn look(took: &mut impl FnMut(u32) -> f64) -> Look {
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS + 20 {
        // Which one is first does not matter, so each is as often.
        let (one, other) = if pair % 2 == 0 { (1, 999_999) } else { (999_999, 1) };
        let (first, second) = (took(one), took(other));
        if pair < 20 {
            continue; // Statements are prepared.
        }
        let (of_one, of_other) = if one == 1 { (first, second) } else { (second, first) };
        there.push(of_one);
        absent.push(of_other);
    }
    Look { z: rank_sum_z(&there, &absent), apart: apart(&mut there, &mut absent) }
}

#[expect(clippy::disallowed_methods, reason = "what is measured is the time that an attacker sees")]
fn microseconds(connection: &mut Connection, request: &Request) -> f64 {
    let began = Instant::now();
    let answer = connection.ask(request).unwrap();
    let took = began.elapsed();
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text());
    took.as_secs_f64() * 1e6
}

/// How far the medians are apart, as a share of the smaller one.
fn apart(one: &mut [f64], other: &mut [f64]) -> f64 {
    let median = |values: &mut [f64]| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (one, other) = (median(one), median(other));
    (one - other).abs() / one.min(other)
}

/// The rank sum of `one` among both, in standard deviations from what chance gives.
fn rank_sum_z(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let ranks = all.iter().enumerate().filter(|(_, (_, is_one))| *is_one).map(|(at, _)| at as f64 + 1.0);
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mean = n * (n + m + 1.0) / 2.0;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    (ranks.sum::<f64>() - mean) / deviation
}
