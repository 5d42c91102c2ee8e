mod differential;
mod postgres;
mod product;

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};

use rusqlite::Connection;

use super::*;
use crate::policy::tests::kit::{ALL, database, policy, schema, table};
use crate::policy::{expand, with_grants};
use crate::schema::{Check, Command, Policy};

const WRITES: &[Command] = &[Command::Insert, Command::Update, Command::Delete];

fn prove(schema: &Schema) -> RlsProof {
    let tables: BTreeSet<String> = schema.tables.keys().cloned().collect();
    prove_rls(&mut database(schema), schema, &tables).unwrap()
}

/// Proves `promised` against a database that enforces something else.
fn prove_broken(promised: &Schema, table: &str, mut harm: impl FnMut(&mut Vec<Policy>)) -> Vec<String> {
    let mut enforced = promised.clone();
    harm(&mut enforced.tables.get_mut(table).unwrap().rls.as_mut().unwrap().policies);
    let changed = BTreeSet::from([table.to_owned()]);
    let proof = prove_against(&mut database(promised), promised, &enforced, &changed).unwrap();
    assert_eq!(proof.inconclusive(), [""; 0]);
    assert!(!proof.passed());
    proof.violations()
}

fn passes(schema: &Schema) -> RlsProof {
    let proof = prove(schema);
    assert_eq!(proof.violations(), [""; 0]);
    assert_eq!(proof.inconclusive(), [""; 0]);
    assert!(proof.passed());
    for table in &proof.tables {
        assert_eq!(table.unasserted, [""; 0]);
    }
    proof
}

fn blog() -> Schema {
    schema(vec![
        table("users", &["id uuid", "email text", "name text?"]).label("own-row"),
        table(
            "posts",
            &["id uuid = uuid", "author_id uuid -> users.id", "title text", "is_public boolean = false"],
        )
        .label("own-or-public(is_public)"),
        table(
            "comments",
            &[
                "id integer = identity",
                "post_id uuid -> posts.id",
                "user_id uuid? -> users.id",
                "body text",
                "at timestamptz = now",
            ],
        )
        .label("own-or-public"),
        table("news", &["id uuid = uuid", "title varchar", "data jsonb?", "v vector?", "raw bytea?"])
            .label("public"),
        table("logs", &["id uuid = uuid", "state state", "price numeric", "day date", "tags list"])
            .label("none"),
    ])
}

fn cell<'p>(proof: &'p RlsProof, table: &str, who: &str, act: Act, row: Owner, situation: &str) -> &'p Cell {
    let table = proof.tables.iter().find(|proof| proof.table == table).unwrap();
    let found = table
        .cells
        .iter()
        .find(|cell| cell.who == who && cell.act == act && cell.row == row && cell.situation == situation);
    found.unwrap_or_else(|| panic!("{who} {act:?} {row:?} {situation} in {:#?}", table.cells))
}

#[test]
fn shorthands_keep_what_they_promise() {
    let proof = passes(&blog());
    assert!(proof.tables.iter().all(|table| table.basis == Basis::Label));
    let allowed = |table: &str, who: &str, act, row, situation: &str| {
        cell(&proof, table, who, act, row, situation).allowed
    };
    use Owner::{Alice, Bob, Nobody};
    for act in [Act::Select, Act::Insert, Act::Update, Act::Delete] {
        assert!(allowed("posts", "alice", act, Alice, "plain"), "{act:?}");
        assert!(!allowed("posts", "alice", act, Bob, "plain"), "{act:?}");
        assert!(!allowed("posts", "anon", act, Bob, "plain"), "{act:?}");
        assert!(!allowed("comments", "bob", act, Nobody, "plain") || act == Act::Select, "{act:?}");
        assert_eq!(allowed("news", "bob", act, Alice, "plain"), act == Act::Select, "{act:?}");
        assert!(!allowed("logs", "alice", act, Alice, "plain"), "{act:?}");
    }
    assert!(allowed("posts", "anon", Act::Select, Alice, "posts.is_public = true"));
    assert!(!allowed("posts", "bob", Act::Update, Alice, "posts.is_public = true"));
    assert!(!allowed("posts", "alice", Act::GiveAway, Alice, "plain"));
    assert!(!allowed("posts", "alice", Act::Take, Bob, "posts.is_public = true"));
    assert!(!allowed("comments", "alice", Act::Take, Nobody, "plain"));
}

#[test]
fn a_proof_leaves_the_copy_as_it_was() {
    let schema = blog();
    let mut conn = database(&schema);
    conn.execute("insert into users values (?1, 'a@example.com', null)", [Owner::Alice.id()]).unwrap();
    let dump = |conn: &Connection| -> (i64, i64, bool) {
        let count = |sql: &str| conn.query_row(sql, [], |row| row.get(0)).unwrap();
        (count("select count(*) from users"), count("select count(*) from posts"), conn.is_autocommit())
    };
    let before = dump(&conn);
    let proof = prove_rls(&mut conn, &schema, &BTreeSet::from(["posts".to_owned()])).unwrap();
    assert!(proof.passed());
    assert_eq!(proof.tables.len(), 1);
    assert_eq!(dump(&conn), before);
    let keys: bool = conn.query_row("pragma foreign_keys", [], |row| row.get(0)).unwrap();
    assert!(keys);
    conn.execute_batch("begin").unwrap();
    let error = prove_rls(&mut conn, &schema, &BTreeSet::new()).unwrap_err();
    assert!(matches!(error, RlsError::InTransaction));
}

/// What a broken compiler would enforce, and what the proof must say then.
#[test]
fn every_harm_to_the_policies_shows() {
    type Harm = fn(&mut Vec<Policy>);
    let harms: &[(&str, Harm, &str)] = &[
        (
            "the check is dropped",
            |policies| policies.iter_mut().filter(|p| p.check.is_some()).for_each(|p| p.check = text("true")),
            "`comments`: bob could add a row in the name of alice and must not (with plain)",
        ),
        (
            "an update is not checked",
            |policies| {
                let own = policies.iter().position(|p| p.commands.contains(&Command::Update)).unwrap();
                policies[own].commands.retain(|command| *command != Command::Update);
                let unchecked = Policy {
                    commands: vec![Command::Update],
                    check: text("true"),
                    name: "unchecked".to_owned(),
                    ..policies[own].clone()
                };
                policies.push(unchecked);
            },
            "`comments`: alice could give away a row belonging to alice and must not (with plain)",
        ),
        (
            "an update reaches every row",
            |policies| policies.push(policy("all", &[Command::Update], &["authenticated"], "true")),
            "`comments`: bob could change a row belonging to alice and must not (with plain)",
        ),
        (
            "a deletion reaches every row",
            |policies| policies.push(policy("all", &[Command::Delete], &["anon"], "true")),
            "`comments`: anon could delete a row belonging to bob and must not (with plain)",
        ),
        (
            "a row of nobody's is everybody's",
            |policies| {
                policies.push(policy("null", &[Command::Delete], &["authenticated"], "user_id is null"))
            },
            "`comments`: bob could delete a row belonging to nobody and must not (with plain)",
        ),
        (
            "nobody reads",
            |policies| policies.retain(|policy| !policy.commands.contains(&Command::Select)),
            "`comments`: anon could not read a row belonging to alice and must be able to (with plain)",
        ),
        (
            "the owner does not write",
            |policies| policies.retain(|policy| policy.commands.contains(&Command::Select)),
            "`comments`: alice could not add a row in the name of alice and must be able to (with plain)",
        ),
        (
            "a restriction is added",
            |policies| {
                policies.push(Policy {
                    restrictive: true,
                    ..policy("no", WRITES, &["authenticated"], "body = 'x'")
                });
            },
            "`comments`: bob could not delete a row belonging to bob and must be able to (with plain)",
        ),
    ];
    for (harm, act, said) in harms {
        let violations = prove_broken(&blog(), "comments", act);
        assert!(violations.iter().any(|violation| violation == said), "{harm}: {violations:#?}");
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_label_that_its_policies_do_not_keep_is_found() {
    let mut lie = blog();
    let posts = lie.tables.get_mut("posts").unwrap();
    posts.rls.as_mut().unwrap().policies[0].using = text("true");
    let said = "`posts`: anon could read a row belonging to alice and must not (with plain)";
    assert!(prove(&lie).violations().iter().any(|violation| violation == said));
}

/// Teams: who is a member of the organisation sees its projects, an admin of it changes them.
fn teams() -> Schema {
    let inside =
        "exists (select 1 from members m where m.org_id = projects.org_id and m.user_id = auth.uid())";
    let admin =
        "org_id in (select org_id from members where user_id = auth.uid() and role in ('admin', 'owner'))";
    let mut locked = policy("locked", WRITES, &["authenticated"], "not locked");
    locked.restrictive = true;
    schema(vec![
        table("orgs", &["id uuid", "name text"]).label("public"),
        table("members", &["id uuid", "org_id uuid -> orgs.id", "user_id uuid", "role text"])
            .label("own-row"),
        table("projects", &["id uuid", "org_id uuid -> orgs.id", "title text", "locked boolean = false"])
            .custom(vec![
                policy("see", &[Command::Select], &["authenticated"], inside),
                policy("change", WRITES, &["authenticated"], admin),
                locked,
            ]),
    ])
}

#[test]
fn policies_of_ones_own_are_worked_out_by_hand() {
    let proof = passes(&teams());
    let projects = proof.tables.iter().find(|table| table.table == "projects").unwrap();
    assert_eq!(projects.basis, Basis::Policies);
    let allowed =
        |who: &str, act, row, situation: &str| cell(&proof, "projects", who, act, row, situation).allowed;
    let admin = "members.role = \"admin\"";
    assert!(allowed("alice", Act::Select, Owner::Alice, "plain"));
    assert!(!allowed("alice", Act::Select, Owner::Bob, "plain"));
    assert!(!allowed("alice", Act::Update, Owner::Alice, "plain"));
    assert!(allowed("alice", Act::Update, Owner::Alice, admin));
    assert!(!allowed("alice", Act::Update, Owner::Bob, admin));
    assert!(!allowed("alice", Act::Update, Owner::Alice, "all"), "an admin does not change a locked project");
}

#[test]
fn harm_to_policies_of_ones_own_shows() {
    let restrictive = prove_broken(&teams(), "projects", |policies| policies[2].restrictive = false);
    let said = "`projects`: bob could not add";
    assert!(!restrictive.iter().any(|violation| violation.starts_with(said)));
    let said = "`projects`: anon could";
    assert!(!restrictive.iter().any(|violation| violation.starts_with(said)));
    let said = "`projects`: bob could add a row in the name of alice and must not (with plain)";
    assert!(restrictive.iter().any(|violation| violation == said), "{restrictive:#?}");
    let lost = prove_broken(&teams(), "projects", |policies| {
        let open = policies[0].using.take().unwrap().replace("m.org_id = projects.org_id and ", "");
        policies[0].using = Some(open);
    });
    let said = "`projects`: bob could read a row belonging to alice and must not (with plain)";
    assert!(lost.iter().any(|violation| violation == said), "{lost:#?}");
}

/// What a subquery sees is bound by the policies of the table it reads.
#[test]
fn a_comment_is_seen_with_its_post() {
    let schema = schema(vec![
        table("posts", &["id uuid", "user_id uuid", "is_public boolean = false"])
            .label("own-or-public(is_public)"),
        table("comments", &["id uuid", "post_id uuid -> posts.id", "body text"]).custom(vec![policy(
            "with post",
            &[Command::Select],
            &["anon", "authenticated"],
            "post_id in (select id from posts)",
        )]),
    ]);
    let proof = passes(&schema);
    let seen =
        |situation: &str| cell(&proof, "comments", "bob", Act::Select, Owner::Alice, situation).allowed;
    assert!(!seen("plain"));
    assert!(seen("posts.is_public = true"));
    let mut enforced = schema.clone();
    enforced.tables.get_mut("posts").unwrap().rls.as_mut().unwrap().policies[0].using = text("true");
    let changed = BTreeSet::from(["comments".to_owned()]);
    let proof = prove_against(&mut database(&schema), &schema, &enforced, &changed).unwrap();
    let said = "`comments`: anon could read a row belonging to alice and must not (with plain)";
    assert!(proof.violations().iter().any(|violation| violation == said), "{:?}", proof.violations());
}

#[test]
fn claims_and_roles_are_tried() {
    let tenant = "tenant = auth.jwt() ->> 'tenant' and auth.jwt() -> 'app' ->> 'plan' = 'pro'";
    let mut notes = table("notes", &["id uuid", "user_id uuid", "body text"]).label("own-row");
    notes.rls = Some(with_grants(
        notes.rls.take().unwrap(),
        &[("editor".to_owned(), vec![Command::Select, Command::Update])],
    ));
    let schema = schema(vec![
        notes,
        table("files", &["id uuid", "tenant text"]).custom(vec![policy(
            "t",
            ALL,
            &["authenticated"],
            tenant,
        )]),
    ]);
    let proof = passes(&schema);
    let allowed = |table: &str, who: &str, act, row| cell(&proof, table, who, act, row, "plain").allowed;
    assert!(allowed("files", "alice", Act::Update, Owner::Alice));
    assert!(!allowed("files", "alice", Act::Update, Owner::Bob));
    assert!(!allowed("files", "bob", Act::Select, Owner::Bob), "only Alice has the claim");
    assert!(allowed("notes", "editor", Act::Update, Owner::Bob));
    assert!(!allowed("notes", "editor", Act::Delete, Owner::Bob));
    assert!(!allowed("notes", "alice", Act::Update, Owner::Bob));
}

#[test]
fn rows_are_found_for_checks_keys_and_circles() {
    let check = |name: &str, expr: &str| Check { name: name.to_owned(), expr: expr.to_owned() };
    let mut reviews = table(
        "reviews",
        &[
            "id bigint = identity",
            "user_id uuid -> users.id",
            "stars smallint",
            "word text",
            "from_day date",
            "to_day date",
            "price numeric",
        ],
    )
    .label("own-row");
    reviews.checks = vec![
        check("stars", "stars between 1 and 5"),
        check("word", "length(word) >= 12 and word like 'r%'"),
        check("days", "from_day < to_day"),
        check("price", "price > 10 and price < 12"),
    ];
    reviews.uniques = vec![vec!["user_id".to_owned(), "stars".to_owned()]];
    let mut words = table("words", &["id uuid", "user_id uuid", "kind text"]).label("own-row");
    words.checks = vec![check("kind", "kind in ('noun', 'verb')")];
    let mut likes =
        table("likes", &["user_id uuid -> users.id", "post_id uuid -> posts.id"]).label("own-row");
    likes.primary_key = vec!["user_id".to_owned(), "post_id".to_owned()];
    let schema = schema(vec![
        table("users", &["id uuid", "best_post uuid? -> posts.id"]).label("own-row"),
        table("posts", &["id uuid", "user_id uuid -> users.id", "parent uuid? -> posts.id"])
            .label("own-or-public"),
        table("profiles", &["id uuid -> users.id", "bio text"]).label("own-or-public"),
        likes,
        words,
    ]);
    passes(&schema);
    // `word like 'r%'` and its length together are beyond the search, which then says so.
    let mut hard = schema.clone();
    hard.tables.insert("reviews".to_owned(), reviews.clone());
    let proof = prove(&hard);
    assert!(!proof.passed());
    assert!(
        proof.inconclusive()[0].starts_with("`reviews`: with plain: no row of `reviews` was found"),
        "{:?}",
        proof.inconclusive()
    );
    reviews.checks[1].expr = "length(word) >= 12".to_owned();
    hard.tables.insert("reviews".to_owned(), reviews);
    passes(&hard);
}

#[test]
fn what_cannot_be_tried_is_no_pass() {
    let mut keyless = table("keyless", &["user_id uuid"]).label("own-row");
    keyless.primary_key.clear();
    let reads = "exists (select 1 from circle)";
    let circle = table("circle", &["id uuid"]).custom(vec![policy("p", ALL, &["anon"], reads)]);
    let proof = prove(&schema(vec![keyless, circle]));
    assert!(!proof.passed());
    assert_eq!(
        proof.inconclusive(),
        [
            "`circle`: with plain: the policies of `circle` cannot be evaluated: the policies of circle -> circle \
             read one another in a circle",
            "`keyless`: it has no primary key to tell its rows apart",
        ]
    );
}

#[test]
fn situations_that_are_too_many_are_named() {
    let kinds: Vec<String> = (0..20).map(|n| format!("'kind{n:02}'")).collect();
    let open = format!("kind in ({})", kinds.join(", "));
    let things = table("things", &["id uuid", "kind text"]).custom(vec![policy("p", ALL, &["anon"], &open)]);
    let proof = prove(&schema(vec![things]));
    assert!(proof.passed());
    let said = &proof.tables[0].unasserted;
    assert_eq!(said.len(), 11);
    assert_eq!(said[10], "not tried with things.kind = \"kind19\": too many situations");
}

#[test]
fn a_table_that_policies_read_brings_its_readers_along() {
    let schema = teams();
    let proof = prove_rls(&mut database(&schema), &schema, &BTreeSet::from(["members".to_owned()])).unwrap();
    let tables: Vec<&str> = proof.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(tables, ["members", "projects"]);
}

/// Whatever a table looks like, its shorthand keeps its promise, and rows to show it are nearly always found.
#[test]
fn random_tables_keep_their_shorthands() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut numbers = |most: usize| {
        let any = proptest::collection::vec(proptest::prelude::any::<u16>(), most);
        any.new_tree(&mut runner).unwrap().current()
    };
    let (mut tables, mut passed) = (0, 0);
    for _ in 0..60 {
        let mut choices = crate::arbitrary::Choices::new(numbers(200));
        let migration = crate::arbitrary::migration(&mut choices, &Schema::default(), 8);
        let Ok(plan) = crate::ddl::plan(&Schema::default(), &migration) else { continue };
        let mut schema = plan.target;
        for (table, label) in schema.tables.values_mut().zip(numbers(8)) {
            let label = ["own-row", "own-or-public", "public", "none"][usize::from(label % 4)];
            table.rls = expand(label, table).or_else(|_no_owner| expand("public", table)).ok();
        }
        let proof = prove(&schema);
        assert_eq!(proof.violations(), [""; 0], "{schema:#?}");
        tables += proof.tables.len();
        passed += proof.tables.iter().filter(|table| table.passed()).count();
    }
    assert!(passed * 10 >= tables * 9, "only {passed} of {tables} tables could be tried");
}
