//! Each change, up and down, with the rows that are there.

use super::*;

fn s(text: &str) -> String {
    text.to_owned()
}

const ALICE: &str = "00000000-0000-4000-8000-00000000000a";

fn filled() -> (Connection, Plan) {
    let mut conn = open();
    let plan = apply(&mut conn, &Schema::default(), blog().changes);
    conn.execute("INSERT INTO users (id, email) VALUES (?1, 'a@example.com')", [ALICE]).unwrap();
    conn.execute(
        "INSERT INTO posts (user_id, title, price) VALUES (?1, 'one', 1.5), (?1, 'two', 2)",
        [ALICE],
    )
    .unwrap();
    (conn, plan)
}

fn titles(conn: &Connection) -> Vec<String> {
    let mut statement = conn.prepare("SELECT title FROM posts ORDER BY title").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn creates_tables_that_hold_what_they_promise() {
    let (conn, _) = filled();
    let (id, status, created): (String, String, String) = conn
        .query_row("SELECT id, status, created_at FROM posts WHERE title = 'one'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(&id[14..15], "4");
    assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
    assert_eq!(status, "draft");
    assert_eq!(created.len(), "2026-01-02T03:04:05.678000+00:00".len());
    for bad in [
        "INSERT INTO posts (user_id, title, price) VALUES (NULL, 'x', -1)",
        "INSERT INTO posts (user_id, title, price) VALUES (NULL, 'x', 1.001)",
        "INSERT INTO posts (user_id, title, price) VALUES (NULL, 'x', 100000000)",
        "INSERT INTO posts (user_id, title) VALUES ('00000000-0000-4000-8000-0000000000ff', 'x')",
        "INSERT INTO posts (user_id, title) VALUES ('nonsense', 'x')",
        "INSERT INTO posts (title, status) VALUES ('x', 'other')",
        "INSERT INTO posts (title, created_at) VALUES ('x', '2026-01-02')",
        "INSERT INTO posts (title, created_at) VALUES ('x', 'nonsense')",
        "INSERT INTO posts (title, created_at) VALUES ('x', '2026-02-31T00:00:00.000000+00:00')",
        "INSERT INTO posts (title) VALUES (NULL)",
        "INSERT INTO posts (id, title) VALUES ('--------------------------------36--', 'x')",
        "INSERT INTO users (email) VALUES ('a@example.com')",
    ] {
        assert!(conn.execute(bad, []).is_err(), "{bad}");
    }
    assert_eq!(titles(&conn), ["one", "two"]);
}

#[test]
fn down_of_everything_leaves_nothing() {
    let (mut conn, plan) = filled();
    run(&mut conn, &plan.target, &plan.down);
    holds(&conn, &Schema::default());
    assert_eq!(plan.losses, []);
    assert_eq!(plan.down_losses.len(), 2);
}

#[test]
fn every_change_has_its_way_back() {
    let posts = || s("posts");
    let cases: Vec<Vec<Change>> = vec![
        vec![Change::DropTable { table: posts() }],
        vec![Change::RenameTable { table: s("users"), to: s("people") }],
        vec![Change::RenameTable { table: posts(), to: s("articles") }],
        vec![Change::AddColumn {
            table: posts(),
            column: column("body", Type::Text),
            foreign_key: None,
            unique: false,
        }],
        vec![Change::AddColumn {
            table: posts(),
            column: column("slug", Type::Text),
            foreign_key: None,
            unique: true,
        }],
        vec![Change::AddColumn {
            table: posts(),
            column: with_default(required("seen_at", Type::Timestamptz), ColumnDefault::Now),
            foreign_key: None,
            unique: false,
        }],
        vec![Change::AddColumn {
            table: posts(),
            column: column("editor_id", Type::Uuid),
            foreign_key: Some(key("editor_id", "users")),
            unique: false,
        }],
        vec![Change::DropColumn { table: posts(), column: s("status") }],
        vec![
            Change::SetRls { table: posts(), rls: Rls { label: s("none"), policies: Vec::new() } },
            Change::DropColumn { table: posts(), column: s("user_id") },
        ],
        vec![Change::RenameColumn { table: posts(), column: s("price"), to: s("cost") }],
        vec![Change::RenameColumn { table: s("users"), column: s("id"), to: s("user_id") }],
        vec![Change::AlterColumn { table: posts(), column: required("title", Type::Varchar(80)) }],
        vec![Change::AlterColumn { table: posts(), column: column("created_at", Type::Text) }],
        vec![Change::AddIndex { table: posts(), index: index("posts_title_idx", &["title"]) }],
        vec![Change::DropIndex { table: posts(), index: s("posts_created_at_idx") }],
        vec![Change::AddCheck {
            table: posts(),
            check: Check { name: s("short"), expr: s("length(title) < 100") },
        }],
        vec![Change::DropCheck { table: posts(), check: s("price_positive") }],
        vec![Change::AddUnique { table: posts(), columns: vec![s("title")] }],
        vec![Change::DropUnique { table: posts(), columns: vec![s("user_id"), s("title")] }],
        vec![Change::DropForeignKey { table: posts(), column: s("user_id") }],
        vec![Change::AddEnumValues { name: s("status"), values: vec![s("archived")] }],
        vec![Change::AddEnum { name: s("kind"), values: vec![s("a")] }],
        vec![Change::SetRls { table: posts(), rls: Rls { label: s("none"), policies: Vec::new() } }],
        // Names that change hands.
        vec![
            Change::RenameTable { table: s("users"), to: s("other") },
            Change::RenameTable { table: posts(), to: s("users") },
            Change::RenameTable { table: s("other"), to: posts() },
        ],
        vec![
            Change::RenameColumn { table: posts(), column: s("title"), to: s("other") },
            Change::RenameColumn { table: posts(), column: s("price"), to: s("title") },
            Change::RenameColumn { table: posts(), column: s("other"), to: s("price") },
        ],
        vec![
            Change::DropColumn { table: posts(), column: s("status") },
            Change::RenameColumn { table: posts(), column: s("title"), to: s("status") },
        ],
        vec![
            Change::DropColumn { table: posts(), column: s("status") },
            Change::AddColumn {
                table: posts(),
                column: column("status", Type::Text),
                foreign_key: None,
                unique: false,
            },
        ],
        vec![Change::DropTable { table: posts() }, Change::AddTable(table("posts", vec![id()]))],
        vec![Change::DropTable { table: posts() }, Change::RenameTable { table: s("users"), to: posts() }],
    ];
    for changes in cases {
        there_and_back(blog(), changes);
    }
}

#[test]
fn rebuilding_a_table_keeps_its_rows_and_those_that_refer_to_it() {
    let (mut conn, base) = filled();
    let long = required("email", Type::Varchar(200));
    let plan = apply(&mut conn, &base.target, vec![Change::AlterColumn { table: s("users"), column: long }]);
    assert!(plan.up.iter().any(|sql| sql.starts_with("DROP TABLE \"users\"")), "the table was not rebuilt");
    assert_eq!(titles(&conn), ["one", "two"]);
    assert!(conn.pragma_query_value(None, "foreign_keys", |row| row.get::<_, bool>(0)).unwrap());
    conn.execute("DELETE FROM users", []).unwrap();
    assert_eq!(titles(&conn), Vec::<String>::new(), "the cascade is gone");
}

#[test]
fn simple_columns_are_added_in_place() {
    let (mut conn, base) = filled();
    let plain = with_default(required("views", Type::Integer), ColumnDefault::Literal(s("0")));
    let change = Change::AddColumn { table: s("posts"), column: plain, foreign_key: None, unique: false };
    let plan = apply(&mut conn, &base.target, vec![change]);
    assert_eq!(plan.review().len(), 1);
    assert!(plan.review()[0].starts_with("ALTER TABLE \"posts\" ADD COLUMN \"views\""));
    assert_eq!(plan.down_losses[0].kind, LossKind::Column);
}

#[test]
fn renames_reach_checks_policies_and_keys() {
    let mut first = blog();
    let Change::AddTable(posts) = &mut first.changes[1] else { panic!() };
    posts.rls.as_mut().unwrap().policies[0].using = Some(s(
        "user_id = auth.uid() or exists (select 1 from users u where u.id = posts.user_id and email = 'price' and price > 0)",
    ));
    let plan = there_and_back(
        first,
        vec![
            Change::RenameColumn { table: s("posts"), column: s("price"), to: s("cost") },
            Change::RenameColumn { table: s("posts"), column: s("user_id"), to: s("owner_id") },
            Change::RenameColumn { table: s("users"), column: s("email"), to: s("mail") },
            Change::RenameTable { table: s("users"), to: s("people") },
            Change::RenameTable { table: s("posts"), to: s("notes") },
        ],
    );
    let notes = &plan.target.tables["notes"];
    assert_eq!(notes.checks[0].expr, "cost >= 0");
    assert_eq!(
        notes.rls.as_ref().unwrap().policies[0].using.as_deref(),
        Some(
            "owner_id = auth.uid() or exists (select 1 from people u where u.id = notes.owner_id and mail = 'price' and cost > 0)"
        )
    );
    assert_eq!(notes.foreign_keys[0].table, "people");
    assert_eq!(plan.losses, []);
}

#[test]
fn renamed_texts_can_still_be_read() {
    let mut first = blog();
    let Change::AddTable(posts) = &mut first.changes[1] else { panic!() };
    posts.rls.as_mut().unwrap().policies[0].using = Some(s(
        "PRICE > 0 /* price */ and title::text <> 'price' and user_id in (select id from users) -- price's",
    ));
    let plan = there_and_back(
        first,
        vec![
            Change::RenameColumn { table: s("posts"), column: s("price"), to: s("order") },
            Change::RenameColumn { table: s("posts"), column: s("title"), to: s("text") },
            Change::RenameTable { table: s("users"), to: s("group") },
        ],
    );
    let posts = &plan.target.tables["posts"];
    assert_eq!(posts.checks[0].expr, "\"order\" >= 0");
    let using = posts.rls.as_ref().unwrap().policies[0].using.clone().unwrap();
    assert_eq!(
        using,
        "\"order\" > 0 /* price */ and text::text <> 'price' and user_id in (select id from \"group\") -- price's"
    );
    let parsed = crate::policy::parse(&using).unwrap();
    crate::policy::resolve(&parsed, posts, &plan.target).unwrap();
}

#[test]
fn losses_are_named() {
    let current = plan(&Schema::default(), &blog()).unwrap().target;
    let loss = |changes| plan(&current, &migration(changes)).unwrap().losses;
    let told = |changes| loss(changes).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(vec![Change::DropTable { table: s("posts") }]), ["every row of `posts`"]);
    assert_eq!(
        told(vec![
            Change::RenameColumn { table: s("posts"), column: s("status"), to: s("state") },
            Change::DropColumn { table: s("posts"), column: s("state") },
        ]),
        ["every value of `posts.status`"]
    );
    assert_eq!(
        told(vec![Change::AlterColumn { table: s("users"), column: required("email", Type::Varchar(80)) }]),
        ["values of `users.email` that are varchar(120) but not varchar(80)"]
    );
    assert!(
        told(vec![Change::AlterColumn { table: s("users"), column: required("email", Type::Text) }])
            .is_empty()
    );
}

#[test]
fn values_are_converted_or_the_migration_fails_whole() {
    let (mut conn, base) = filled();
    let to_number = Change::AlterColumn { table: s("posts"), column: required("title", Type::Integer) };
    let bad = plan(&base.target, &migration(vec![to_number.clone()])).unwrap();
    assert!(matches!(try_run(&mut conn, &bad.up), Err(ExecuteError::Statement { .. })));
    holds(&conn, &base.target);
    conn.execute("UPDATE posts SET title = CASE title WHEN 'one' THEN '1' ELSE '2' END", []).unwrap();
    let plan = apply(&mut conn, &base.target, vec![to_number]);
    run(&mut conn, &plan.target, &plan.down);
    assert_eq!(titles(&conn), ["1", "2"]);
}

#[test]
fn nulls_get_the_default_when_they_are_forbidden() {
    let (mut conn, base) = filled();
    conn.execute("UPDATE posts SET status = NULL", []).unwrap();
    let strict =
        with_default(required("status", Type::Enum(s("status"))), ColumnDefault::Literal(s("draft")));
    apply(&mut conn, &base.target, vec![Change::AlterColumn { table: s("posts"), column: strict }]);
    let drafts: i64 =
        conn.query_row("SELECT count(*) FROM posts WHERE status = 'draft'", [], |r| r.get(0)).unwrap();
    assert_eq!(drafts, 2);
}

#[test]
fn dangling_rows_stop_a_migration() {
    let (mut conn, base) = filled();
    let target = Change::AddColumn {
        table: s("posts"),
        column: with_default(
            required("owner_id", Type::Uuid),
            ColumnDefault::Literal(s("00000000-0000-4000-8000-0000000000ff")),
        ),
        foreign_key: Some(key("owner_id", "users")),
        unique: false,
    };
    let plan = plan(&base.target, &migration(vec![target])).unwrap();
    let error = try_run(&mut conn, &plan.up).unwrap_err();
    assert!(matches!(error, ExecuteError::Dangling { count: 2, .. }), "{error}");
    holds(&conn, &base.target);
}

#[test]
fn numbers_once_given_are_not_given_again() {
    let mut conn = open();
    let counter = with_default(required("id", Type::Bigint), ColumnDefault::Identity);
    let first = table("jobs", vec![counter, column("name", Type::Text)]);
    let base = apply(&mut conn, &Schema::default(), vec![Change::AddTable(first)]);
    conn.execute_batch("INSERT INTO jobs (name) VALUES ('a'), ('b'); DELETE FROM jobs WHERE name = 'b'")
        .unwrap();
    let change = Change::AlterColumn { table: s("jobs"), column: column("name", Type::Varchar(9)) };
    apply(&mut conn, &base.target, vec![change]);
    conn.execute("INSERT INTO jobs (name) VALUES ('c')", []).unwrap();
    let id: i64 = conn.query_row("SELECT id FROM jobs WHERE name = 'c'", [], |row| row.get(0)).unwrap();
    assert_eq!(id, 3);
}

#[test]
fn seeds_can_be_repeated() {
    let (mut conn, base) = filled();
    let row = |email: &str| vec![(s("email"), Some(s(email)))];
    let seed = Change::Seed { table: s("users"), rows: vec![row("it's@example.com"), row("a@example.com")] };
    let plan = apply(&mut conn, &base.target, vec![seed]);
    run(&mut conn, &plan.target, &plan.down);
    run(&mut conn, &plan.target, &plan.up);
    let count: i64 = conn.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn what_cannot_be_is_refused_with_a_hint() {
    let current = plan(&Schema::default(), &blog()).unwrap().target;
    let refused = |change: Change| {
        let error = plan(&current, &migration(vec![change])).unwrap_err();
        assert!(!error.hint().is_empty());
        error.problem
    };
    let posts = || s("posts");
    let add =
        |column: Column| Change::AddColumn { table: s("posts"), column, foreign_key: None, unique: false };
    assert!(matches!(refused(Change::DropTable { table: s("post") }), Problem::Missing { .. }));
    assert!(matches!(refused(Change::DropTable { table: s("users") }), Problem::Used { .. }));
    assert!(matches!(refused(Change::AddTable(table("users", vec![id()]))), Problem::Exists { .. }));
    assert!(matches!(refused(Change::AddTable(table("Bad", vec![id()]))), Problem::Name(_)));
    assert!(matches!(
        refused(Change::AddTable(table("x", Vec::new()))),
        Problem::NoColumns { .. } | Problem::Missing { .. }
    ));
    assert!(matches!(refused(Change::DropColumn { table: posts(), column: s("id") }), Problem::Key { .. }));
    assert!(matches!(
        refused(Change::DropColumn { table: posts(), column: s("price") }),
        Problem::Used { .. }
    ));
    assert!(matches!(refused(Change::DropEnum { name: s("status") }), Problem::Used { .. }));
    assert!(matches!(refused(add(column("x", Type::Vector(0)))), Problem::Type { .. }));
    assert!(matches!(refused(add(column("x", Type::Numeric(30, 20)))), Problem::Type { .. }));
    assert!(matches!(refused(add(column("x", Type::Enum(s("nope"))))), Problem::Missing { .. }));
    assert!(matches!(
        refused(add(with_default(column("x", Type::Integer), ColumnDefault::Literal(s("many"))))),
        Problem::Default { .. }
    ));
    let wrong_type = Change::AddColumn {
        table: posts(),
        column: column("other_id", Type::Text),
        foreign_key: Some(key("other_id", "users")),
        unique: false,
    };
    assert!(matches!(refused(wrong_type), Problem::ForeignType { .. }));
    for bad in [
        "",
        "price >=",
        "price >= 0; drop table posts",
        "nope > 1",
        "(price > 0",
        "price > 0)",
        "load_extension('x')",
        "price in (select 1 from users)",
        "price 0",
        "now() > created_at",
        "title = 'x",
    ] {
        let check = Check { name: s("c"), expr: s(bad) };
        let change = Change::AddCheck { table: posts(), check };
        let problem =
            plan(&current, &migration(vec![change])).map_or_else(|e| e.problem, |_| panic!("{bad}"));
        assert!(matches!(problem, Problem::Check { .. }), "{bad}: {problem}");
    }
    let close = plan(&current, &migration(vec![Change::DropTable { table: s("post") }])).unwrap_err();
    assert_eq!(close.hint(), "did you mean `posts`?");
}

#[test]
fn plans_are_the_same_every_time() {
    let one = plan(&Schema::default(), &blog()).unwrap();
    let two = plan(&Schema::default(), &blog()).unwrap();
    assert_eq!(one.hash(), two.hash());
    assert_eq!(one.up, two.up);
    let mut other = blog();
    let Change::AddTable(posts) = &mut other.changes[1] else { panic!() };
    posts.rls = None;
    let three = plan(&Schema::default(), &other).unwrap();
    assert_ne!(one.hash(), three.hash(), "a policy does not count");
}
