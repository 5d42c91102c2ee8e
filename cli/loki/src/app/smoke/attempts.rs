//! Everything that two users and a visitor try on a server, against what must come of it.

use forge_database::prove::rls::Act;
use forge_database::prove::rls::scene::{Attempt, Scene, SceneTable};
use forge_database::rows::Row;
use hyper::StatusCode;
use serde_json::Value;

use super::ask::{Answer, AskError, Connection};

/// How those who try show who they are.
pub(super) struct Tokens {
    /// The key that everybody has.
    pub(super) publishable: String,
    /// The token of each of the scene's people; none for a visitor.
    pub(super) people: Vec<Option<String>>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How many tables.
    pub(crate) tables: usize,
    /// How many attempts.
    pub(crate) attempts: usize,
    /// What ended otherwise than it had to, one sentence each.
    pub(crate) broken: Vec<String>,
    /// What could not be tried, one sentence each.
    pub(crate) untried: Vec<String>,
}

/// Tries everything of the scene. Nothing is changed: every write is asked to be undone.
pub(super) async fn try_out(
    connection: &mut Connection,
    tokens: &Tokens,
    scene: &Scene,
) -> Result<Findings, AskError> {
    let mut findings = Findings { tables: scene.tables.len(), ..Findings::default() };
    for table in &scene.tables {
        let untried = table.inconclusive.iter().map(|why| format!("`{}`: {why}", table.table));
        findings.untried.extend(untried);
        for attempt in &table.attempts {
            let Some((_, row)) = table.rows.get(attempt.row) else { continue };
            let answer = connection.ask(request(tokens, table, attempt, row)).await?;
            findings.attempts += 1;
            note(&mut findings, scene, table, attempt, &answer);
        }
        if !table.inconclusive.is_empty() {
            continue;
        }
        for (who, (name, _)) in scene.people.iter().enumerate() {
            let answer = connection.ask(everything(tokens, table, who)).await?;
            findings.attempts += 1;
            let sees =
                |attempt: &&Attempt| attempt.who == who && attempt.act == Act::Select && attempt.expected;
            let expected = table.attempts.iter().filter(sees).count();
            let found = answer.body.as_array().map(Vec::len);
            if found != Some(expected) {
                let found = found.map_or_else(|| answer.status.to_string(), |count| count.to_string());
                let table = &table.table;
                findings
                    .broken
                    .push(format!("`{table}`: {name} reads {found} rows without a filter, not {expected}"));
            }
        }
    }
    Ok(findings)
}

fn note(findings: &mut Findings, scene: &Scene, table: &SceneTable, attempt: &Attempt, answer: &Answer) {
    let name = scene.people.get(attempt.who).map_or("somebody", |(name, _)| name.as_str());
    let act = format!("{:?}", attempt.act).to_lowercase();
    match outcome(attempt.act, answer) {
        Some(allowed) if allowed == attempt.expected => {}
        Some(allowed) => {
            let could = if allowed { "could and must not" } else { "could not and must be able to" };
            findings.broken.push(format!("`{}`: {name}: {act}: {could} ({})", table.table, answer.status));
        }
        None => {
            let body = answer.body.to_string();
            let body: String = body.chars().take(200).collect();
            findings.untried.push(format!("`{}`: {name}: {act}: {} {body}", table.table, answer.status));
        }
    }
}

/// Whether it was let happen; none where the answer says neither.
fn outcome(act: Act, answer: &Answer) -> Option<bool> {
    let code = answer.body["code"].as_str().unwrap_or_default();
    if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && code == "42501" {
        return Some(false);
    }
    // A constraint is asked only after the policies let it pass.
    if code.starts_with("23") {
        return Some(true);
    }
    if !answer.status.is_success() {
        return None;
    }
    match act {
        Act::Select => answer.body.as_array().map(|rows| !rows.is_empty()),
        Act::Insert => Some(true),
        Act::Update | Act::Delete | Act::Sweep | Act::GiveAway | Act::Take => {
            answer.total.map(|count| count > 0)
        }
    }
}

fn request(tokens: &Tokens, table: &SceneTable, attempt: &Attempt, row: &Row) -> Request {
    let (method, filtered, body) = match attempt.act {
        Act::Select => ("GET", true, None),
        Act::Insert => ("POST", false, Some(Value::Object(attempt.set.clone()))),
        Act::Update | Act::GiveAway | Act::Take => ("PATCH", true, Some(Value::Object(attempt.set.clone()))),
        Act::Delete | Act::Sweep => ("DELETE", true, None),
    };
    let key =
        table.key.iter().map(|column| format!("{}=eq.{}", encoded(column), encoded(&text(&row[column]))));
    let query = if filtered { key.collect::<Vec<_>>().join("&") } else { String::new() };
    let prefer = (method != "GET").then_some("tx=rollback,return=minimal,count=exact");
    Request { prefer, body, ..asked(tokens, attempt.who, method, format!("{}?{query}", path(table))) }
}

fn everything(tokens: &Tokens, table: &SceneTable, who: usize) -> Request {
    asked(tokens, who, "GET", path(table))
}

fn path(table: &SceneTable) -> String {
    format!("/rest/v1/{}", encoded(&table.table))
}

fn asked(tokens: &Tokens, who: usize, method: &'static str, path: String) -> Request {
    let token = tokens.people.get(who).cloned().flatten();
    Request { method, path, apikey: tokens.publishable.clone(), token, prefer: None, body: None }
}

/// A request to be made.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) apikey: String,
    pub(super) token: Option<String>,
    pub(super) prefer: Option<&'static str>,
    pub(super) body: Option<Value>,
}

/// A value as a filter has it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encoded, but for what needs no care anywhere in a URL (RFC 3986, unreserved).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: Value, total: Option<u64>) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), body, total }
    }

    #[test]
    fn what_an_answer_says_of_the_policies() {
        let refused = json!({ "code": "42501" });
        for (act, given, allowed) in [
            (Act::Select, answer(200, json!([{}]), None), Some(true)),
            (Act::Select, answer(200, json!([]), None), Some(false)),
            (Act::Insert, answer(201, Value::Null, None), Some(true)),
            (Act::Insert, answer(409, json!({ "code": "23505" }), None), Some(true)),
            (Act::Insert, answer(403, refused.clone(), None), Some(false)),
            (Act::Insert, answer(401, refused, None), Some(false)),
            (Act::Insert, answer(401, json!({ "code": "PGRST301" }), None), None),
            (Act::Update, answer(204, Value::Null, Some(1)), Some(true)),
            (Act::Delete, answer(204, Value::Null, Some(0)), Some(false)),
            (Act::Delete, answer(204, Value::Null, None), None),
            (Act::Delete, answer(500, json!({ "code": "XX000" }), None), None),
        ] {
            assert_eq!(outcome(act, &given), allowed, "{act:?} {given:?}");
        }
    }

    #[test]
    fn values_are_encoded_for_a_url() {
        assert_eq!(encoded("a,b(\"c\")&d=é"), "a%2Cb%28%22c%22%29%26d%3D%C3%A9");
    }
}
