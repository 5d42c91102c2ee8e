//! The two engines' policies against one another, on random policies, rows and identities.

use forge_core::{Identity, Role};
use loki_kit::postgres::Cluster;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::differential::{At, condition, people, row, things};
use crate::ddl::postgres::{Features, Step, bootstrap, create, quote_name, quote_text};
use crate::policy::parse;
use crate::policy::postgres::{self, CLAIMS, ROLE, SUBJECT};
use crate::policy::tests::kit::{ALICE, BOB, database, policy, schema, sign_up, table};
use crate::rows::{self, Changed, Returning, Row, RowError, Select};
use crate::schema::{Command, Policy, Schema, Table};

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
    sign_up(&conn, ALICE, "a");
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
    sql.push_str(&format!(
        "INSERT INTO auth.users (id, email, encrypted_password, raw_app_meta_data, created_at, updated_at) VALUES \
         ('{ALICE}', 'a', 'secret', '{{\"k\": \"a\"}}', '2024-01-01T00:00:00Z', '2024-01-01T00:00:00Z');\n"
    ));
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

const SIDES: [Option<&str>; 4] = [None, Some("who = auth.uid()"), Some("n > 1"), Some("true")];
const ALL: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

/// Policies with one side or both, for some commands and roles.
fn some_policies() -> impl Strategy<Value = Vec<Policy>> {
    let side = || prop::sample::select(SIDES.to_vec());
    let roles = prop::sample::subsequence(vec!["anon", "authenticated", "editor"], 1..=3);
    let commands = prop::sample::subsequence(ALL.to_vec(), 1..=4);
    let one = (commands, roles, prop::bool::weighted(0.25), side(), side());
    let one = one.prop_map(|(commands, roles, restrictive, using, check)| Policy {
        name: String::new(),
        commands,
        roles: roles.into_iter().map(str::to_owned).collect(),
        restrictive,
        using: using.map(str::to_owned),
        check: check.map(str::to_owned),
    });
    prop::collection::vec(one, 0..4).prop_map(|mut policies| {
        for (at, policy) in policies.iter_mut().enumerate() {
            policy.name = format!("p{at}");
        }
        policies
    })
}

fn written(policies: Vec<Policy>) -> Schema {
    let notes = table("notes", &["id integer = identity", "who uuid?", "n integer?"]).custom(policies);
    schema(vec![notes])
}

/// What each command comes to, one after the other, on a fresh pair of rows: how many rows, or a refusal.
fn done_on_sqlite(schema: &Schema, who: &Identity) -> Vec<String> {
    let rows: Vec<Row> = NOTES.iter().map(|(who, n)| note(who, *n)).collect();
    let told = |outcome: Result<usize, RowError>| match outcome {
        Ok(count) => count.to_string(),
        Err(RowError::Policy { .. }) => "refused".to_owned(),
        Err(other) => panic!("{other}"),
    };
    let fresh = || {
        let conn = database(schema);
        rows::insert(&conn, schema, &Identity::service(), "notes", &rows, Returning::Count).unwrap();
        conn
    };
    let (count, set) = (|changed: Changed| changed.count, note(ALICE, 2));
    let update = |set: &Row| rows::update(&fresh(), schema, who, "notes", set, &[], Returning::Count);
    let set_n = set.clone().into_iter().filter(|(name, _)| name == "n").collect();
    vec![
        told(rows::select(&fresh(), schema, who, "notes", &Select::default()).map(|rows| rows.len())),
        told(rows::insert(&fresh(), schema, who, "notes", &[set], Returning::Count).map(count)),
        told(rows::insert(&fresh(), schema, who, "notes", &[note(BOB, 1)], Returning::Count).map(count)),
        told(update(&set_n).map(count)),
        told(update(&note(BOB, 1)).map(count)),
        told(rows::delete(&fresh(), schema, who, "notes", &[], Returning::Count).map(count)),
    ]
}

const NOTES: [(&str, i64); 2] = [(ALICE, 1), (BOB, 2)];

fn note(who: &str, n: i64) -> Row {
    serde_json::json!({ "who": who, "n": n }).as_object().cloned().unwrap()
}

fn done_on_postgres(schema: &Schema, who: &Identity) -> String {
    let table = &schema.tables["notes"];
    let mut sql = "SAVEPOINT example;\n".to_owned();
    for statement in postgres::policies(schema, table).unwrap() {
        sql.push_str(&format!("{statement};\n"));
    }
    for (who, n) in NOTES {
        sql.push_str(&inserted(table, &note(who, n)));
    }
    sql.push_str(&asking(who));
    for act in [
        "SELECT * FROM notes".to_owned(),
        format!("INSERT INTO notes (who, n) VALUES ('{ALICE}', 2)"),
        format!("INSERT INTO notes (who, n) VALUES ('{BOB}', 1)"),
        "UPDATE notes SET n = 2".to_owned(),
        format!("UPDATE notes SET who = '{BOB}', n = 1"),
        "DELETE FROM notes".to_owned(),
    ] {
        sql.push_str(&format!("SAVEPOINT act; SELECT act({}); ROLLBACK TO act;\n", quote_text(&act)));
    }
    sql.push_str("ROLLBACK TO example;\n");
    sql
}

const ACT: &str = "CREATE FUNCTION act(what text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE \
                   what; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; EXCEPTION WHEN insufficient_privilege THEN RETURN \
                   'refused'; END $$;\n";

/// Reading, adding, changing and removing come to the same on both engines, whichever sides of the policies
/// are missing, whomever they are for, and however they are joined.
#[test]
fn both_engines_let_the_same_be_done() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let mut runner = TestRunner::default();
    let people = [
        Identity::anon(),
        Identity::user(ALICE),
        Identity { role: Role::Custom("editor".to_owned()), ..Identity::user(ALICE) },
    ];
    let mut cases = Vec::new();
    for _ in 0..60 {
        let schema = written(some_policies().new_tree(&mut runner).unwrap().current());
        cases.extend(people.iter().map(|who| (schema.clone(), who.clone())));
    }
    let mut sql = "BEGIN;\n".to_owned();
    sql.push_str(&bootstrap("authenticator").iter().map(|sql| format!("{sql};\n")).collect::<String>());
    let everybody = Policy { roles: vec!["editor".to_owned()], ..policy("all", &ALL, &[], "true") };
    let features = Features { vector: false, version: 15 };
    // With a policy for the app's own role, so that the role comes to be; it goes with the first example.
    sql.push_str(&statement(&create(&written(vec![everybody]), features).unwrap()));
    sql.push_str(&format!("DROP POLICY \"all\" ON notes;\n{ACT}"));
    for (schema, who) in &cases {
        sql.push_str(&done_on_postgres(schema, who));
    }
    sql.push_str("ROLLBACK;\n");
    let out = cluster.run(&database.name, &sql);
    let found: Vec<&str> = out.lines().collect();
    assert_eq!(found.len(), cases.len() * 6);
    for ((schema, who), found) in cases.iter().zip(found.chunks(6)) {
        let policies = &schema.tables["notes"].rls;
        assert_eq!(done_on_sqlite(schema, who), found, "{policies:#?}\n{who:?}");
    }
}
