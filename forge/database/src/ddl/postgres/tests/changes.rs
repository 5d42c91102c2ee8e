//! One change at a time, and what rows become.

use super::*;
use crate::ddl::{
    PlanError, Problem,
    tests::{id, index, key, with_default},
};
use crate::schema::{
    Argument, ArgumentType, ColumnDefault, Function, Policy, Returns, Rls, View, Volatility,
};

fn planned(before: &Schema, changes: Vec<Change>) -> Plan {
    plan(before, &migration(changes), PLAIN).unwrap_or_else(|error| panic!("{error}; {}", error.hint()))
}

fn first() -> Plan {
    plan(&Schema::default(), &blog(), PLAIN).unwrap()
}

#[test]
fn every_change_goes_there_and_back() {
    let Some((cluster, database)) = database() else { return };
    let before = first();
    let posts = || "posts".to_owned();
    let changes = vec![
        vec![Change::RenameTable { table: posts(), to: "articles".to_owned() }],
        vec![Change::RenameColumn {
            table: posts(),
            column: "user_id".to_owned(),
            to: "author_id".to_owned(),
        }],
        vec![Change::DropColumn { table: posts(), column: "status".to_owned() }],
        vec![
            Change::DropColumn { table: posts(), column: "title".to_owned() },
            Change::AddColumn {
                table: posts(),
                column: column("title", Type::Integer),
                foreign_key: None,
                unique: true,
            },
        ],
        vec![Change::AlterColumn { table: posts(), column: column("title", Type::Varchar(20)) }],
        vec![Change::AlterColumn { table: posts(), column: column("status", Type::Text) }],
        vec![Change::AddEnumValues { name: "status".to_owned(), values: vec!["late".to_owned()] }],
        vec![
            Change::AddEnumValues { name: "status".to_owned(), values: vec!["late".to_owned()] },
            Change::AlterColumn {
                table: posts(),
                column: with_default(
                    column("status", Type::Enum("status".to_owned())),
                    ColumnDefault::Literal("late".to_owned()),
                ),
            },
        ],
        vec![Change::AddIndex { table: posts(), index: index("posts_title_idx", &["title", "price"]) }],
        vec![Change::DropTable { table: posts() }, Change::DropEnum { name: "status".to_owned() }],
        vec![Change::AddColumn {
            table: "users".to_owned(),
            column: column("boss", Type::Uuid),
            foreign_key: Some(key("boss", "users")),
            unique: false,
        }],
        vec![Change::SetRls { table: posts(), rls: every_kind() }],
    ];
    for changes in changes {
        there_and_back(cluster, &database.name, &before, &planned(&before.target, changes));
    }
}

fn every_kind() -> Rls {
    let policy = |name: &str, commands: &[Command], roles: &[&str], restrictive| Policy {
        name: name.to_owned(),
        commands: commands.to_vec(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        restrictive,
        using: Some("user_id = auth.uid()".to_owned()),
        check: None,
    };
    let all = [Command::Select, Command::Insert, Command::Update, Command::Delete];
    Rls {
        label: "custom".to_owned(),
        policies: vec![
            policy("all", &all, &["authenticated", "editor"], false),
            policy("two", &all[1..3], &["anon"], true),
        ],
    }
}

#[test]
fn functions_and_views_follow_their_tables() {
    let Some((cluster, database)) = database() else { return };
    let mut schema = first().target;
    schema.views.insert(
        "titles".to_owned(),
        View { name: "titles".to_owned(), query: "select id, title from posts".to_owned() },
    );
    let argument = |name: &str, ty| Argument { name: name.to_owned(), ty, default: None, variadic: false };
    let function = |arguments, returns, body: &str| Function {
        name: "f".to_owned(),
        arguments,
        returns,
        body: body.to_owned(),
        volatility: Volatility::Stable,
    };
    schema.functions.insert(
        "f".to_owned(),
        vec![
            function(
                vec![argument("p", ArgumentType::Row("titles".to_owned()))],
                Returns::Value(Type::Text),
                "select upper($1.title)",
            ),
            function(vec![], Returns::Rows("posts".to_owned()), "select * from posts"),
        ],
    );
    let base = create(&schema, PLAIN).unwrap();
    let lineage = crate::ddl::Lineage::identity(&schema);
    let mut after = schema.clone();
    let title =
        after.tables.get_mut("posts").unwrap().columns.iter_mut().find(|c| c.name == "title").unwrap();
    title.ty = Type::Varchar(99);
    let how = super::super::steps::How { enums_extend: true, indices_after: false };
    let up = steps(&schema, &after, &lineage, how).unwrap();
    let down = steps(&after, &schema, &lineage, how).unwrap();
    let found = catalogs(cluster, &database.name, &[script(&base), script(&up), script(&down)]).unwrap();
    assert!(found[0].contains("view titles") && found[0].contains("FUNCTION public.f"), "{}", found[0]);
    assert_ne!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

/// What must not be guessed fails the migration; what converts is kept.
#[test]
fn values_convert_or_the_migration_fails() {
    let Some((cluster, database)) = database() else { return };
    let changed = |from: Type, text: &str, to: Type| {
        let base = planned(
            &Schema::default(),
            vec![
                Change::AddTable(table("t", vec![required("id", Type::Integer), column("v", from)])),
                Change::Seed {
                    table: "t".to_owned(),
                    rows: vec![vec![
                        ("id".to_owned(), Some("1".to_owned())),
                        ("v".to_owned(), Some(text.to_owned())),
                    ]],
                },
            ],
        );
        let alter = Change::AlterColumn { table: "t".to_owned(), column: column("v", to) };
        let next = planned(&base.target, vec![alter]);
        let sql = format!("BEGIN;{}{}SELECT v FROM t;ROLLBACK;", script(&base.up), script(&next.up));
        let out = cluster.script(&database.name, &sql);
        out.map(|out| out.lines().last().unwrap_or_default().to_owned()).map_err(|_| ())
    };
    let yes = |text: &str| Ok(text.to_owned());
    assert_eq!(changed(Type::Text, "abcd", Type::Varchar(3)), Err(()), "cutting is a guess");
    assert_eq!(changed(Type::Text, "abc", Type::Varchar(3)), yes("abc"));
    assert_eq!(changed(Type::Integer, "5", Type::Boolean), Err(()));
    assert_eq!(changed(Type::Integer, "1", Type::Boolean), yes("t"));
    assert_eq!(changed(Type::Double, "2.5", Type::Integer), yes("3"));
    assert_eq!(changed(Type::Text, "NOPE", Type::Uuid), Err(()));
    assert_eq!(
        changed(Type::Timestamptz, "2026-01-02T23:30:00-02:00", Type::Date),
        yes("2026-01-03"),
        "in UTC"
    );
    assert_eq!(
        changed(Type::Array(Box::new(Type::Text)), r#"["a,\"b","c"]"#, Type::Jsonb),
        yes(r#"["a,\"b", "c"]"#)
    );
    assert_eq!(changed(Type::Boolean, "yes", Type::Text), yes("true"));
}

/// Numbers given by seeds are not given again.
#[test]
fn identities_go_on_behind_the_seeds() {
    let Some((cluster, database)) = database() else { return };
    let id = with_default(required("id", Type::Bigint), ColumnDefault::Identity);
    let plan = planned(
        &Schema::default(),
        vec![
            Change::AddTable(table("t", vec![id, column("v", Type::Text)])),
            Change::Seed { table: "t".to_owned(), rows: vec![vec![("id".to_owned(), Some("7".to_owned()))]] },
        ],
    );
    let sql = format!("BEGIN;{}INSERT INTO t (v) VALUES ('x') RETURNING id;ROLLBACK;", script(&plan.up));
    let out = cluster.run(&database.name, &sql);
    assert_eq!(out.lines().last(), Some("8"), "{out}");
}

#[test]
fn what_the_server_lacks_is_refused() {
    let vector = vec![Change::AddTable(table("t", vec![id(), column("v", Type::Vector(3))]))];
    let refused = plan(&Schema::default(), &migration(vector.clone()), PLAIN);
    assert!(matches!(refused, Err(PlanError { problem: Problem::Server { .. }, .. })), "{refused:?}");
    let able = Features { vector: true, version: 15 };
    assert!(plan(&Schema::default(), &migration(vector), able).is_ok());
    let rls = Rls {
        label: "custom".to_owned(),
        policies: vec![Policy {
            roles: vec!["pg_write_all_data".to_owned()],
            ..every_kind().policies.remove(0)
        }],
    };
    let refused =
        plan(&first().target, &migration(vec![Change::SetRls { table: "posts".to_owned(), rls }]), PLAIN);
    assert!(matches!(refused, Err(PlanError { problem: Problem::Server { .. }, .. })), "{refused:?}");
}

/// A role that could do more than its name says is no role of the app's.
#[test]
fn a_powerful_role_is_not_taken() {
    let Some((cluster, database)) = database() else { return };
    cluster.run(&database.name, "CREATE ROLE mighty NOLOGIN CREATEROLE;");
    let mut rls = every_kind();
    rls.policies[0].roles = vec!["mighty".to_owned()];
    let base = first();
    let next = planned(&base.target, vec![Change::SetRls { table: "posts".to_owned(), rls }]);
    let refused = catalogs(cluster, &database.name, &[script(&base.up), script(&next.up)]);
    assert!(refused.as_ref().is_err_and(|error| error.contains("can do more")), "{refused:?}");
}

#[test]
fn indices_on_tables_that_stand_come_after_the_transaction() {
    let base = first();
    let index = index("posts_title_idx", &["title"]);
    let next = planned(&base.target, vec![Change::AddIndex { table: "posts".to_owned(), index }]);
    let (within, after): (Vec<_>, Vec<_>) = next.up.iter().partition(|step| step.in_transaction);
    assert!(after.len() == 1 && after[0].sql.starts_with("CREATE INDEX CONCURRENTLY"), "{after:?}");
    assert!(within.iter().any(|step| step.sql.starts_with("INSERT INTO loki._loki_schema")));
    assert!(base.up.iter().all(|step| step.in_transaction), "a new table has no rows to wait for");
    assert_ne!(next.hash(), base.hash());
}

/// Column grants reach the columns that they name, and roles of the app's own what `authenticated` reaches.
#[test]
fn grants_close_columns() {
    let Some((cluster, database)) = database() else { return };
    let mut base = first().target;
    let posts = base.tables.get_mut("posts").unwrap();
    let grant = |command, columns: &[&str]| ColumnGrant {
        role: "authenticated".to_owned(),
        command,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    };
    posts.grants = vec![grant(Command::Select, &["id", "title"]), grant(Command::Insert, &[])];
    posts.rls = Some(every_kind());
    let up = script(&create(&base, PLAIN).unwrap());
    let tried = |role: &str, sql: &str| {
        let sql = format!("BEGIN;{up}SET LOCAL ROLE {role};{sql};ROLLBACK;");
        cluster.script(&database.name, &sql).map(|_| ()).map_err(|error| error.contains("permission denied"))
    };
    for role in ["authenticated", "editor"] {
        assert_eq!(tried(role, "SELECT id, title FROM posts"), Ok(()));
        assert_eq!(tried(role, "SELECT price FROM posts"), Err(true));
        assert_eq!(tried(role, "INSERT INTO posts (title) VALUES ('x')"), Err(true));
        assert_eq!(tried(role, "UPDATE posts SET title = 'x'"), Ok(()));
    }
    assert_eq!(tried("anon", "SELECT price FROM posts"), Ok(()));
}
