//! The same on Postgres, with what runs natively there.

use loki_kit::postgres::{Cluster, Database};

use super::{ALICE, BOB, NOTES, VIEW};
use crate::change::Migration;
use crate::ddl::postgres::{Features, Step, bootstrap, plan};
use crate::policy::postgres::{CLAIMS, SUBJECT};
use crate::schema::Schema;
use crate::spec;

/// Views and functions about the one who asks.
const ROUTINES: &str = "
  - add_view: {name: me, query: \"select u.email, users.phone from auth.users u join \\\"auth\\\".users on u.id = users.id\"}
  - add_function:
      sql: |
        create function my_address(prefix text) returns text language sql stable as $$ -- auth.users
          select prefix || 'auth.users ' || email from auth . users where users.role = 'authenticated'
        $$
  - add_function:
      sql: |
        create function may(resource text) returns boolean language sql stable as $$ select auth.can(resource, 'write') $$
";

fn steps(text: &str) -> (Vec<Step>, Vec<Step>, Migration) {
    let migration = spec::parse(text, &Schema::default()).unwrap_or_else(|error| panic!("{error}"));
    let plan = plan(&Schema::default(), &migration, Features { vector: false, version: 15 });
    let plan = plan.unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    (plan.up, plan.down, migration)
}

fn script(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{};\n", step.sql.replace("INDEX CONCURRENTLY", "INDEX"))).collect()
}

/// A database with the notes and the routines, in which Alice and Bob have signed up.
fn peopled() -> Option<(&'static Cluster, Database)> {
    let cluster = Cluster::shared()?;
    let database = cluster.database();
    let prepared: String = bootstrap("authenticator").iter().map(|sql| format!("{sql};\n")).collect();
    cluster.run(&database.name, &format!("BEGIN;\n{prepared}COMMIT;\n"));
    let (up, down, _) = steps(&format!("{NOTES}{ROUTINES}"));
    cluster.run(&database.name, &format!("BEGIN;\n{}{}{}COMMIT;\n", script(&up), script(&down), script(&up)));
    let person = |id: &str, name: &str| {
        format!(
            "INSERT INTO auth.users (id, email, encrypted_password, created_at, updated_at) VALUES ('{id}', \
             '{name}@example.com', 'secret', now(), now());\n"
        )
    };
    let note = |owner: &str, title: &str, to: &str| {
        format!(
            "INSERT INTO notes (user_id, title, sent_to, reviewer_id) VALUES ('{owner}', '{title}', '{to}', '{BOB}');\n"
        )
    };
    cluster.run(
        &database.name,
        &[
            person(ALICE, "alice"),
            person(BOB, "bob"),
            note(ALICE, "hers", ""),
            note(BOB, "his", ""),
            note(BOB, "to her", "alice@example.com"),
            note(BOB, "to nobody", "carol@example.com"),
        ]
        .concat(),
    );
    Some((cluster, database))
}

/// What a query gives to somebody, or the code of its error.
fn asked(cluster: &Cluster, database: &Database, role: &str, id: &str, claims: &str, query: &str) -> String {
    let sql = format!(
        "BEGIN;\nDO $do$ BEGIN PERFORM set_config('{SUBJECT}', '{id}', true); PERFORM set_config('{CLAIMS}', '{claims}', \
         true); END $do$;\nSET LOCAL ROLE {role};\n{query};\nROLLBACK;\n"
    );
    match cluster.script(&database.name, &sql) {
        Ok(out) => out.lines().collect::<Vec<_>>().join(","),
        Err(error) => error
            .lines()
            .next()
            .unwrap_or_default()
            .split("ERROR:")
            .last()
            .unwrap_or_default()
            .trim()
            .to_owned(),
    }
}

#[test]
fn everybody_finds_their_own_row() {
    let Some((cluster, database)) = peopled() else { return };
    let ask = |role: &str, id: &str, query: &str| asked(cluster, &database, role, id, "{}", query);
    let titles = "SELECT title FROM notes ORDER BY title";
    assert_eq!(ask("authenticated", ALICE, titles), "hers,to her");
    assert_eq!(ask("authenticated", BOB, titles), "his,to her,to nobody");
    assert_eq!(ask("anon", "", titles), "");
    for (query, hers, his) in [
        ("SELECT email FROM me", "alice@example.com", "bob@example.com"),
        ("SELECT my_address('at ')", "at auth.users alice@example.com", "at auth.users bob@example.com"),
        ("SELECT count(*) FROM loki.users", "1", "1"),
    ] {
        assert_eq!(ask("authenticated", ALICE, query), hers, "{query}");
        assert_eq!(ask("authenticated", BOB, query), his, "{query}");
        let nothing = ask("anon", "", query);
        assert!(nothing.is_empty() || nothing == "0", "{query}: {nothing}");
        let nothing = ask("service_role", "", query);
        assert!(nothing.is_empty() || nothing == "0", "{query}: {nothing}");
    }
}

#[test]
fn nobody_reads_people_as_they_are() {
    let Some((cluster, database)) = peopled() else { return };
    for role in ["anon", "authenticated", "service_role"] {
        for query in [
            "SELECT id FROM auth.users",
            "SELECT encrypted_password FROM auth.users",
            "SELECT count(*) FROM auth.sessions",
            "UPDATE auth.users SET role = 'service_role'",
            "DELETE FROM auth.users",
        ] {
            let told = asked(cluster, &database, role, ALICE, "{}", query);
            assert!(told.starts_with("permission denied for table"), "{role}: {query}: {told}");
        }
        for query in [
            format!("UPDATE {VIEW} SET role = 'service_role'"),
            format!("DELETE FROM {VIEW}"),
            format!("INSERT INTO {VIEW} (id) VALUES (gen_random_uuid())"),
        ] {
            let told = asked(cluster, &database, role, ALICE, "{}", &query);
            assert!(told.starts_with("permission denied for view"), "{role}: {query}: {told}");
        }
    }
}

#[test]
fn grants_are_read_from_the_claims() {
    let Some((cluster, database)) = peopled() else { return };
    for (grants, expected) in [
        (r#"["notes:write"]"#, "t"),
        (r#"["notes:control"]"#, "t"),
        (r#"["x:read", "*:*"]"#, "t"),
        (r#"["notes:read", "note:write", "otes:*", "NOTES:*", "*", "notes:*:read"]"#, "f"),
        (r#""notes:write""#, "f"),
        (r#"{"a": "notes:write"}"#, "f"),
        (r#"[["notes:write"]]"#, "f"),
        ("null", "f"),
    ] {
        let claims = format!(r#"{{"grants": {grants}}}"#);
        let told = asked(cluster, &database, "authenticated", ALICE, &claims, "SELECT may('notes')");
        assert_eq!(told, expected, "{grants}");
    }
    let delete = "WITH gone AS (DELETE FROM notes RETURNING 1) SELECT count(*) FROM gone";
    let count = |claims: &str| asked(cluster, &database, "authenticated", ALICE, claims, delete);
    assert_eq!(count(r#"{"grants": ["notes:write"]}"#), "1");
    // A returned row must be one that she may read, but for the sweep it is enough that it may go.
    let sweep = "DO $do$ BEGIN DELETE FROM notes; END $do$; RESET ROLE; SELECT count(*) FROM notes";
    assert_eq!(
        asked(cluster, &database, "authenticated", ALICE, r#"{"grants": ["notes:control"]}"#, sweep),
        "0"
    );
}

#[test]
fn keys_hold_and_follow() {
    let Some((cluster, database)) = peopled() else { return };
    let lost = "INSERT INTO notes (user_id, title) VALUES (gen_random_uuid(), 'x')";
    assert!(cluster.script(&database.name, lost).unwrap_err().contains("notes_user_id_fkey"));
    cluster.run(&database.name, &format!("DELETE FROM auth.users WHERE id = '{BOB}'"));
    assert_eq!(cluster.run(&database.name, "SELECT title, reviewer_id FROM notes").trim(), "hers|");
}
