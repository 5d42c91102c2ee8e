//! Keys to people, and what may be read of them, from a migration's text to what everybody gets.

mod postgres;

use std::collections::BTreeSet;

use forge_core::Identity;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::ddl::{Plan, plan};
use crate::execute::execute;
use crate::introspect::introspect;
use crate::lint::{Finding, Stats, lint};
use crate::policy::tests::kit::{ALICE, BOB, sign_up};
use crate::prove::rls::{Act, Basis, Owner, prove_rls};
use crate::rows::{self, Returning, Row, RowError, Select, guard};
use crate::schema::OnDelete;
use crate::spec;

/// Notes that go with their author, are sent to an address, and whose reviewer may leave.
pub(super) const NOTES: &str = "migration: notes
changes:
  - add_table:
      name: notes
      columns:
        - id pk
        - user_id uuid not null -> auth.users.id on delete cascade
        - reviewer_id fk->auth.users on delete set null
        - sent_to text
        - title text not null
      indices: [user_id, reviewer_id]
      rls:
        - {name: own, for: all, to: [authenticated], using: user_id = auth.uid()}
        - {name: sent, for: select, to: [authenticated], using: \"exists (select 1 from auth.users u where u.email = sent_to)\"}
        - {name: may, for: delete, to: [authenticated], using: \"auth.can('notes', 'control')\"}
";

pub(super) fn planned(text: &str, before: &Schema) -> Plan {
    let migration = spec::parse(text, before).unwrap_or_else(|error| panic!("{error}"));
    plan(before, &migration).unwrap_or_else(|error| panic!("{error}; {}", error.hint()))
}

fn run(conn: &mut Connection, statements: &[String]) {
    let done = execute(conn, statements, |_| Ok(()), |_| Ok::<_, crate::execute::ExecuteError>(()));
    done.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
}

/// A database with the notes, in which Alice and Bob have signed up.
fn peopled() -> (Connection, Schema) {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    crate::auth::create(&conn).unwrap();
    let plan = planned(NOTES, &Schema::default());
    run(&mut conn, &plan.up);
    sign_up(&conn, ALICE, "alice@example.com");
    sign_up(&conn, BOB, "bob@example.com");
    (conn, plan.target)
}

fn row(value: Value) -> Row {
    value.as_object().cloned().unwrap()
}

fn add(conn: &Connection, schema: &Schema, who: &Identity, value: Value) -> Result<usize, RowError> {
    rows::insert(conn, schema, who, "notes", &[row(value)], Returning::Count).map(|changed| changed.count)
}

fn titles(conn: &Connection, schema: &Schema, who: &Identity) -> Vec<String> {
    let rows = rows::select(conn, schema, who, "notes", &Select::default()).unwrap();
    let mut titles: Vec<String> = rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

fn keys(schema: &Schema) -> Vec<(&str, &str, &str, OnDelete)> {
    let keys = &schema.tables["notes"].foreign_keys;
    keys.iter()
        .map(|key| (key.column.as_str(), key.table.as_str(), key.references.as_str(), key.on_delete))
        .collect()
}

#[test]
fn a_column_may_refer_to_a_person() {
    let plan = planned(NOTES, &Schema::default());
    let expected =
        [("user_id", USERS, "id", OnDelete::Cascade), ("reviewer_id", USERS, "id", OnDelete::SetNull)];
    assert_eq!(keys(&plan.target), expected);
    assert_eq!(plan.target.tables["notes"].column("reviewer_id").unwrap().ty, Type::Uuid, "as the id");

    let added = "migration: more
changes:
  - add_column: {table: notes, column: {name: editor_id, references: auth.users.id, on_delete: restrict}}
  - add_column: {table: notes, column: checker_id references auth.users(id)}
  - add_column: {table: notes, column: helper_id uuid}
  - add_foreign_key: {table: notes, column: helper_id, references: auth.users, on_delete: set null}
  - drop_foreign_key: {table: notes, column: reviewer_id}
";
    let more = planned(added, &plan.target);
    assert_eq!(
        keys(&more.target)[1..],
        [
            ("editor_id", USERS, "id", OnDelete::Restrict),
            ("checker_id", USERS, "id", OnDelete::Restrict),
            ("helper_id", USERS, "id", OnDelete::SetNull),
        ]
    );
    // What is written down is read again as the same.
    for (text, before) in [(NOTES, &Schema::default()), (added, &plan.target)] {
        let migration = spec::parse(text, before).unwrap();
        assert_eq!(spec::parse(&spec::to_yaml(&migration), before).unwrap(), migration);
    }
}

#[test]
fn a_key_to_anything_else_of_theirs_is_refused() {
    for (column, told) in [
        ("a text -> auth.users.id", "uuid"),
        ("a text -> auth.users.email", "auth.users.email"),
        ("a uuid -> auth.users.encrypted_password", "no column `auth.users.encrypted_password`"),
        ("a uuid -> auth.sessions.id", "no table `auth`"),
    ] {
        let text = format!(
            "migration: m\nchanges:\n  - add_table: {{name: t, columns: [id pk, {column}], rls: none}}\n"
        );
        let migration = spec::parse(&text, &Schema::default()).unwrap();
        let error = plan(&Schema::default(), &migration).unwrap_err().to_string();
        assert!(error.contains(told), "{column}: {error}");
    }
    for text in ["add_table: {name: auth.users, columns: [id pk], rls: none}", "drop_table: auth.users"] {
        let refused = spec::parse_named(text, "m", &Schema::default()).ok();
        assert!(refused.is_none_or(|migration| plan(&Schema::default(), &migration).is_err()), "{text}");
    }
}

#[test]
fn migrations_go_there_and_back_and_leave_people_alone() {
    let (mut conn, schema) = peopled();
    add(
        &conn,
        &schema,
        &Identity::user(ALICE),
        json!({"user_id": ALICE, "title": "one", "reviewer_id": BOB}),
    )
    .unwrap();
    // A column in the middle makes SQLite build the table anew.
    let change = "migration: again
changes:
  - alter_column: {table: notes, column: sent_to varchar(200)}
  - drop_foreign_key: {table: notes, column: reviewer_id}
  - rename_table: {table: notes, to: pages}
";
    let again = planned(change, &schema);
    for (statements, target) in
        [(&again.up, &again.target), (&again.down, &schema), (&again.up, &again.target)]
    {
        run(&mut conn, statements);
        let found = introspect(&conn).unwrap();
        assert_eq!((found.drift, found.unmanaged), (vec![], Vec::<String>::new()));
        assert_eq!(&found.schema, target);
    }
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("select count(*) from \"auth.users\""), 2);
    assert_eq!(count("select count(*) from pages"), 1);
}

#[test]
fn what_refers_to_a_person_follows_them() {
    let (conn, schema) = peopled();
    let alice = Identity::user(ALICE);
    add(&conn, &schema, &alice, json!({"user_id": ALICE, "title": "kept", "reviewer_id": BOB})).unwrap();
    let nobody =
        json!({"user_id": ALICE, "title": "lost", "reviewer_id": "c0000000-0000-4000-8000-000000000003"});
    match add(&conn, &schema, &alice, nobody).unwrap_err() {
        RowError::Constraint { message, .. } => assert!(message.contains("reviewer_id"), "{message}"),
        other => panic!("{other:?}"),
    }
    let reviewer = |conn: &Connection| -> Option<String> {
        conn.query_row("select reviewer_id from notes", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(reviewer(&conn).as_deref(), Some(BOB));
    conn.execute("delete from \"auth.users\" where id = ?1", [BOB]).unwrap();
    assert_eq!(reviewer(&conn), None);
    conn.execute("delete from \"auth.users\" where id = ?1", [ALICE]).unwrap();
    assert_eq!(titles(&conn, &schema, &Identity::service()), [""; 0]);
}

#[test]
fn a_policy_sees_the_one_who_asks_and_nobody_else() {
    let (mut conn, schema) = peopled();
    let service = Identity::service();
    for (title, owner, to) in [
        ("hers", ALICE, None),
        ("his", BOB, None),
        ("his, to her", BOB, Some("alice@example.com")),
        ("his, to himself", BOB, Some("bob@example.com")),
        ("his, to nobody", BOB, Some("carol@example.com")),
    ] {
        add(&conn, &schema, &service, json!({"user_id": owner, "title": title, "sent_to": to})).unwrap();
    }
    guard::confine(&mut conn).unwrap();
    assert_eq!(titles(&conn, &schema, &Identity::user(ALICE)), ["hers", "his, to her"]);
    assert_eq!(titles(&conn, &schema, &Identity::user(BOB)).len(), 4);
    assert_eq!(titles(&conn, &schema, &Identity::anon()), [""; 0]);
    let stranger = Identity::user("c0000000-0000-4000-8000-000000000003");
    assert_eq!(titles(&conn, &schema, &stranger), [""; 0], "whoever has no row there");

    let granted = |grants: Value| {
        let mut who = Identity::user(ALICE);
        who.claims = json!({ "sub": ALICE, "grants": grants });
        let deleted = rows::delete(&conn, &schema, &who, "notes", &[], Returning::Count);
        deleted.map(|changed| changed.count).unwrap()
    };
    conn.execute_batch("savepoint s").unwrap();
    assert_eq!(granted(json!(["notes:write", "pages:*"])), 1, "only her own");
    conn.execute_batch("rollback to s").unwrap();
    assert_eq!(granted(json!(["notes:control"])), 5);
}

/// The second lock, should the first one fail: no statement of a connection that serves somebody.
#[test]
fn no_statement_reads_people_but_through_their_own_row() {
    let (mut conn, _) = peopled();
    guard::confine(&mut conn).unwrap();
    for refused in [
        "select * from \"auth.users\"",
        "select email from \"auth.users\"",
        "select count(*) from \"auth.users\"",
        "select 1 from \"AUTH.USERS\" where email = 'a'",
        "with x as (select email from \"auth.users\") select * from x",
        "with \"auth.me\" as (select encrypted_password from \"auth.users\") select * from \"auth.me\"",
        "select refresh_counter from \"auth.sessions\"",
        "select * from \"auth.me\"",
        "update \"auth.users\" set role = 'service_role'",
        "delete from \"auth.users\"",
        "insert into \"auth.grants\" values ('1', 'user', '1', '*', '*', '')",
        "insert into \"auth.users\" (id, created_at, updated_at) values ('1', '', '')",
    ] {
        assert!(conn.prepare(refused).is_err(), "{refused}");
    }
    let own =
        format!("select email, raw_app_meta_data ->> 'k' from {} as u where u.role = ?2", own_row("?1"));
    let seen: (String, String) =
        conn.query_row(&own, [BOB, "authenticated"], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(seen, ("bob@example.com".to_owned(), "a".to_owned()));
    guard::release(&mut conn).unwrap();
    let mut told = conn.prepare(&format!("explain query plan {own}")).unwrap();
    let steps = told.query_map([BOB, "authenticated"], |row| row.get::<_, String>(3)).unwrap();
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    assert!(steps.len() == 1 && steps[0].starts_with("SEARCH auth.users USING INDEX"), "{steps:?}");
}

#[test]
fn two_people_prove_what_policies_say_of_people() {
    let (mut conn, schema) = peopled();
    let changed = BTreeSet::from(["notes".to_owned()]);
    let proof = prove_rls(&mut conn, &schema, &changed).unwrap();
    assert_eq!(proof.violations(), [""; 0]);
    assert_eq!(proof.inconclusive(), [""; 0]);
    let notes = &proof.tables[0];
    assert_eq!(notes.basis, Basis::Policies);
    let cell = |who: &str, act: Act, row: Owner| {
        let found = notes.cells.iter().find(|cell| cell.who == who && cell.act == act && cell.row == row);
        found.unwrap_or_else(|| panic!("{who} {act:?}")).allowed
    };
    assert!(cell("alice", Act::Select, Owner::Alice) && !cell("alice", Act::Select, Owner::Bob));
    assert!(cell("alice", Act::Sweep, Owner::Bob), "she is granted control");
    assert!(!cell("bob", Act::Sweep, Owner::Alice), "he is not");
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("select count(*) from \"auth.users\" where email like '%@example.com'"), 2, "as before");

    // A note that is sent to one is seen by the other, because their address is.
    let mut open = schema.clone();
    let rls = open.tables.get_mut("notes").unwrap().rls.as_mut().unwrap();
    rls.policies.retain(|policy| policy.name != "own");
    let proof = prove_rls(&mut conn, &open, &changed).unwrap();
    assert_eq!((proof.violations(), proof.inconclusive()), (vec![], vec![]));
    let sent = proof.tables[0]
        .cells
        .iter()
        .find(|cell| cell.act == Act::Select && cell.who == "bob" && cell.allowed);
    assert_eq!(sent.map(|cell| cell.row), Some(Owner::Bob), "the address in his row is his");
}

#[test]
fn the_linter_knows_people() {
    let found = |text: &str| -> Vec<Finding> {
        let migration = spec::parse(text, &Schema::default()).unwrap();
        let plan = plan(&Schema::default(), &migration).unwrap();
        lint(&Schema::default(), &migration, &plan.target, &Stats::default())
    };
    assert_eq!(
        found(NOTES).iter().filter(|finding| finding.severity.blocks()).count(),
        0,
        "{:#?}",
        found(NOTES)
    );
    let bare = found(&NOTES.replace("      indices: [user_id, reviewer_id]\n", ""));
    let unindexed = bare.iter().filter(|one| one.message.contains("no index"));
    let wanted: BTreeSet<&str> = unindexed.map(|one| one.subject.as_str()).collect();
    assert_eq!(wanted, BTreeSet::from(["notes.reviewer_id", "notes.user_id"]));
    let strict = found(
        &NOTES
            .replace("reviewer_id fk->auth.users on", "reviewer_id uuid not null fk->auth.users on")
            .replace("set null", "cascade"),
    );
    assert!(strict.iter().all(|one| !one.message.contains("auth.users")), "{strict:#?}");
}

#[test]
fn names_that_look_like_theirs_are_followed_when_they_change() {
    let text = "migration: names
changes:
  - add_table: {name: users, columns: [id pk, email text], rls: none}
  - add_table:
      name: posts
      columns: [id pk, user_id uuid -> users.id, mail text]
      indices: [user_id]
      rls:
        - {name: a, for: select, to: [authenticated], using: \"exists (select 1 from auth.users where users.email = mail)\"}
        - {name: b, for: select, to: [authenticated], using: \"exists (select 1 from public.users where users.email = mail)\"}
";
    let before = planned(text, &Schema::default()).target;
    let renamed = planned(
        "migration: r\nchanges:\n  - rename_table: {table: users, to: accounts}\n  - rename_column: {table: accounts, column: email, to: address}\n",
        &before,
    );
    let policies = &renamed.target.tables["posts"].rls.as_ref().unwrap().policies;
    let text = |at: usize| policies[at].using.as_deref().unwrap();
    assert_eq!(text(0), "exists (select 1 from auth.users where users.email = mail)");
    assert_eq!(text(1), "exists (select 1 from public.accounts where accounts.address = mail)");
}
