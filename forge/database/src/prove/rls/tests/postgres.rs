//! The two engines' policies against one another, on random policies, rows and identities.

use forge_core::Identity;
use loki_kit::postgres::Cluster;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::differential::{At, condition, people, row, things};
use crate::ddl::postgres::{Features, Step, bootstrap, create, quote_name, quote_text};
use crate::policy::parse;
use crate::policy::postgres::{self, CLAIMS, ROLE, SUBJECT};
use crate::policy::tests::kit::{ALICE, BOB, database, policy};
use crate::rows::{self, Returning, Row, Select};
use crate::schema::{Command, Schema, Table};

const CASES: usize = 200;

struct Example {
    text: String,
    thing: Row,
    members: Vec<Row>,
    who: Identity,
}

fn examples() -> Vec<Example> {
    let strategy = (condition(At::Row), row(), prop::collection::vec(row(), 0..3), people());
    let mut runner = TestRunner::default();
    let mut out = Vec::new();
    while out.len() < CASES {
        let Ok(tree) = strategy.new_tree(&mut runner) else { continue };
        let (text, thing, members, who) = tree.current();
        // A limit may refuse what the grammar makes.
        if parse(&text).is_ok() {
            out.push(Example { text, thing, members: members.into_iter().map(member).collect(), who });
        }
    }
    out
}

fn member(row: Row) -> Row {
    row.into_iter().filter(|(name, _)| ["org", "who", "t", "n"].contains(&name.as_str())).collect()
}

fn judged(text: &str) -> Schema {
    let mut schema = things();
    let things = schema.tables.get_mut("things").unwrap();
    *things = things.clone().custom(vec![policy("p", &[Command::Select], &["anon", "authenticated"], text)]);
    schema
}

/// Whether SQLite shows the row.
fn on_sqlite(example: &Example) -> bool {
    let schema = judged(&example.text);
    let conn = database(&schema);
    let service = Identity::service();
    let insert = |table: &str, rows: &[Row]| {
        rows::insert(&conn, &schema, &service, table, rows, Returning::Count).unwrap();
    };
    insert("things", std::slice::from_ref(&example.thing));
    insert("members", &example.members);
    let shown = rows::select(&conn, &schema, &example.who, "things", &Select::default());
    !shown.unwrap().is_empty()
}

fn statement(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{};\n", step.sql)).collect()
}

fn inserted(table: &Table, row: &Row) -> String {
    let names: Vec<String> = row.keys().map(|name| quote_name(name)).collect();
    let (names, on) = (names.join(", "), quote_name(&table.name));
    let json = quote_text(&serde_json::Value::Object(row.clone()).to_string());
    format!("INSERT INTO {on} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{on}, {json});\n")
}

/// The transaction's settings for who asks.
fn asking(who: &Identity) -> String {
    let claims = if who.claims.is_null() { String::new() } else { who.claims.to_string() };
    let subject = who.subject.clone().unwrap_or_default();
    let set = |name: &str, value: &str| format!("PERFORM set_config('{name}', {}, true);", quote_text(value));
    format!(
        "DO $do$ BEGIN {}{}{} END $do$;\nSET LOCAL ROLE {};\n",
        set(CLAIMS, &claims),
        set(SUBJECT, &subject),
        set(ROLE, who.role.as_str()),
        quote_name(who.role.as_str())
    )
}

/// One example in a savepoint, which it leaves as it was.
fn on_postgres(example: &Example) -> String {
    let schema = judged(&example.text);
    let table = &schema.tables["things"];
    let mut sql = format!("SAVEPOINT example;\n-- {}\n", example.text.replace('\n', " "));
    for statement in postgres::policies(&schema, table).unwrap() {
        sql.push_str(&format!("{statement};\n"));
    }
    sql.push_str(&inserted(table, &example.thing));
    for member in &example.members {
        sql.push_str(&inserted(&schema.tables["members"], member));
    }
    sql.push_str(&asking(&example.who));
    sql.push_str("SELECT count(*) FROM things;\nROLLBACK TO example;\n");
    sql
}

/// Postgres, with its own policies, shows the rows that SQLite shows.
#[test]
fn both_engines_show_the_same_rows() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let mut examples = examples();
    examples.extend(subjects_that_are_no_uuid());
    // A session far from UTC and from ISO: policies do not depend on it.
    let mut sql = "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'; BEGIN;\n".to_owned();
    sql.push_str(&bootstrap("authenticator").iter().map(|sql| format!("{sql};\n")).collect::<String>());
    let mut schema = things();
    schema.tables.get_mut("things").unwrap().rls = None;
    sql.push_str(&statement(&create(&schema, Features { vector: false, version: 15 }).unwrap()));
    for example in &examples {
        sql.push_str(&on_postgres(example));
    }
    sql.push_str("ROLLBACK;\n");
    let out = cluster.script(&database.name, &sql).unwrap_or_else(|error| {
        let line = error.split(':').nth(2).and_then(|line| line.parse().ok()).unwrap_or(0usize);
        let near: Vec<&str> = sql.lines().skip(line.saturating_sub(12)).take(13).collect();
        panic!("{error}\n{}", near.join("\n"));
    });
    let found: Vec<bool> = out.lines().map(|line| line == "1").collect();
    assert_eq!(found.len(), examples.len());
    let mut shown = 0;
    for (example, found) in examples.iter().zip(found) {
        let Example { text, thing, members, who } = example;
        assert_eq!(found, on_sqlite(example), "{text}\n{thing:?}\n{members:?}\n{who:?}");
        shown += usize::from(found);
    }
    assert!(shown > CASES / 10 && shown < CASES, "{shown} of {CASES} shown: nothing was compared");
}

/// A token's subject that is no uuid is somebody all the same, and owns rows by text columns.
fn subjects_that_are_no_uuid() -> Vec<Example> {
    let texts = [
        "auth.uid() is not null",
        "t = auth.uid()::text",
        "who = auth.uid()",
        "who <> auth.uid()",
        "not (who = auth.uid())",
        "not (who in (org, auth.uid()))",
        "auth.uid() = auth.uid()",
        "auth.uid() in (who, auth.uid())",
        "coalesce(who, auth.uid()) = auth.uid()",
        "who is distinct from auth.uid()",
        "auth.uid() in (select k.who from members k)",
        "auth.uid() not in (select k.who from members k)",
    ];
    let mut out = Vec::new();
    for text in texts {
        for subject in ["somebody", ALICE, BOB, &ALICE.to_uppercase()] {
            for who in [serde_json::json!(ALICE), serde_json::Value::Null] {
                let row = serde_json::json!({"who": who, "org": BOB, "t": "somebody"});
                let row = row.as_object().cloned().unwrap();
                let members = vec![member(row.clone())];
                out.push(Example {
                    text: text.to_owned(),
                    thing: row,
                    members,
                    who: Identity::user(subject),
                });
            }
        }
    }
    out
}
