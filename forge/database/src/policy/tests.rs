pub(crate) mod kit;

use forge_core::Role;

use super::sqlite::{Param, constraint, predicate};
use super::*;
use crate::schema::{Command, Schema};
use kit::{ALL, policy, schema, table};

fn posts() -> Schema {
    schema(vec![
        table(
            "posts",
            &[
                "id uuid = uuid",
                "user_id uuid",
                "title text",
                "status state",
                "is_public boolean",
                "price numeric",
                "views integer",
                "at timestamptz",
                "extra jsonb",
                "select text",
            ],
        ),
        table("members", &["id uuid", "org_id uuid", "user_id uuid", "role text"]),
    ])
}

fn resolved(text: &str) -> Result<Resolved, PolicyError> {
    let schema = posts();
    resolve(&parse(text)?, &schema.tables["posts"], &schema)
}

#[test]
fn texts_of_the_language_resolve() {
    for text in [
        "true",
        "user_id = auth.uid()",
        "(select auth.uid()) = posts.user_id",
        "AUTH.UID() = \"user_id\" AND NOT is_public",
        "status = 'draft' or status in ('draft', 'published')",
        "auth.jwt() ->> 'role' = 'admin'",
        "auth.jwt() -> 'app' -> 0 ->> 'role' is not null",
        "(auth.jwt() ->> 'sub')::uuid = user_id",
        "auth.role() = 'authenticated' -- a comment",
        "title like 'a%' and title not ilike '_b' /* so */",
        "views between 1 and 10 and views not between 3 and 4",
        "price * 2 + 1 > views / 3 - -1",
        "at < now() and at > '2024-01-31'",
        "is_public is not true and user_id is distinct from auth.uid()",
        "coalesce(title, 'x') = lower(upper(title)) and length(title) > 3",
        "extra -> 'a' ->> 'b' = 'c'",
        "\"select\" = 'x'",
        "exists (select 1 from members m where m.org_id = posts.id and m.user_id = auth.uid())",
        "id in (select m.org_id from public.members as m join members on members.id = m.id)",
        "status::text = 'whatever'",
        "user_id = 'A11CE000-0000-4000-8000-000000000001'",
        "null",
    ] {
        resolved(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn errors_say_where_and_what_instead() {
    let table: &[(&str, Flaw, &str)] = &[
        ("", Flaw::Syntax, "expected a column, a value or a function, found the end (line 1, column 1)"),
        (
            "user_id =\n  = 1",
            Flaw::Syntax,
            "expected a column, a value or a function, found `=` (line 2, column 3)",
        ),
        ("title = 'ä\n' and x.y.z", Flaw::Unsupported, "the name has too many parts (line 2, column 10)"),
        ("title = 'open", Flaw::Syntax, "the quotation is not closed (line 1, column 9)"),
        ("true /* open", Flaw::Syntax, "the comment is not closed (line 1, column 6)"),
        ("true /*/", Flaw::Syntax, "the comment is not closed (line 1, column 6)"),
        ("true; drop table posts", Flaw::Unsupported, "a policy is one expression (line 1, column 5)"),
        ("true true", Flaw::Syntax, "expected the end, found `true` (line 1, column 6)"),
        ("1 = 1 = 1", Flaw::Syntax, "comparisons do not follow one another (line 1, column 3)"),
        (
            "pg_sleep(10)",
            Flaw::Unsupported,
            "the function `pg_sleep` is not part of policies (line 1, column 1)",
        ),
        ("auth.phone() = 'x'", Flaw::Unsupported, "there is no function `auth.phone` (line 1, column 1)"),
        (
            "auth.can('posts', 'rule')",
            Flaw::Syntax,
            "expected `'read'`, `'write'`, `'control'` or `'*'`, found the text 'rule' (line 1, column 19)",
        ),
        ("auth.can(views, 'read')", Flaw::Type, "a text is needed, this is integer (line 1, column 10)"),
        (
            "case when true then true end",
            Flaw::Unsupported,
            "`case` is not part of policies (line 1, column 1)",
        ),
        (
            "(select user_id from members) = id",
            Flaw::Unsupported,
            "a subquery stands only after `exists` or `in` (line 1, column 2)",
        ),
        (
            "exists (select 1 from members limit 1)",
            Flaw::Unsupported,
            "`limit` is not part of a policy's subquery (line 1, column 31)",
        ),
        (
            "exists (select 1 from auth.sessions)",
            Flaw::UnknownTable,
            "there is no table `auth.sessions` (line 1, column 23)",
        ),
        (
            "exists (select 1 from auth.users where encrypted_password is null)",
            Flaw::UnknownColumn,
            "there is no column `encrypted_password` (line 1, column 40)",
        ),
        ("12x = 1", Flaw::Syntax, "the number goes over into letters (line 1, column 1)"),
        ("99999999999999999999 = 1", Flaw::Unsupported, "the number is too long (line 1, column 1)"),
        (
            "auth.jwt() ->> 'a\"b' = 'x'",
            Flaw::Syntax,
            "expected a member's name such as `'role'`, without quotation marks in it, found the text 'a\"b' (line 1, column 16)",
        ),
        ("owner = auth.uid()", Flaw::UnknownColumn, "there is no column `owner` (line 1, column 1)"),
        (
            "members.user_id = auth.uid()",
            Flaw::UnknownTable,
            "there is no table `members` in reach (line 1, column 1)",
        ),
        (
            "exists (select 1 from nowhere)",
            Flaw::UnknownTable,
            "there is no table `nowhere` (line 1, column 23)",
        ),
        (
            "exists (select 1 from members a join members b on a.id = b.id where org_id = id)",
            Flaw::UnknownColumn,
            "two tables have a column `org_id` (line 1, column 69)",
        ),
        (
            "exists (select 1 from members join members on true)",
            Flaw::UnknownTable,
            "two tables go by the name `members` (line 1, column 36)",
        ),
        ("views = auth.uid()", Flaw::Type, "integer and uuid do not compare (line 1, column 9)"),
        ("user_id = auth.jwt() ->> 'sub'", Flaw::Type, "uuid and text do not compare (line 1, column 11)"),
        ("user_id = 'me'", Flaw::Type, "'me' is not a value of uuid (line 1, column 11)"),
        ("status = 'gone'", Flaw::Type, "'gone' is not a value of state (line 1, column 10)"),
        ("status > 'draft'", Flaw::Type, "values of an enum have no order here (line 1, column 1)"),
        ("at > 'noon'", Flaw::Type, "'noon' is not a value of timestamptz (line 1, column 6)"),
        ("title", Flaw::Type, "a condition is needed, this is text (line 1, column 1)"),
        ("title and true", Flaw::Type, "a condition is needed, this is text (line 1, column 1)"),
        ("extra = extra", Flaw::Type, "jsonb compares only with null, by `is null` (line 1, column 1)"),
        (
            "title like title",
            Flaw::Unsupported,
            "the pattern of `like` must be a text in quotes (line 1, column 12)",
        ),
        ("title like '%a%b%c%d%e%f%g%h%'", Flaw::Limit, "the pattern has too many `%` (line 1, column 12)"),
        ("at::text = 'x'", Flaw::Type, "timestamptz does not convert to text in policies (line 1, column 1)"),
        ("title + 1 = 2", Flaw::Type, "a number is needed, this is text (line 1, column 1)"),
        (
            "extra ->> 'a' ->> 'b' = 'c'",
            Flaw::Type,
            "`->` and `->>` need JSON, this is text (line 1, column 1)",
        ),
        (
            "id in (select * from members)",
            Flaw::Type,
            "`in` needs the column that is compared (line 1, column 8)",
        ),
    ];
    for (text, flaw, message) in table {
        let error = resolved(text).expect_err(text);
        assert_eq!((error.flaw, error.to_string().as_str()), (*flaw, *message), "{text}");
    }
    let hint = resolved("user_id = auth.jwt() ->> 'sub'").unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("convert the text with `::uuid`, or the other with `::text`"));
}

#[test]
fn texts_have_limits() {
    let long = format!("title = '{}'", "x".repeat(TEXT_BYTES_MAX));
    assert_eq!(parse(&long).unwrap_err().flaw, Flaw::Limit);
    let deep = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEPTH_MAX - 1)).is_ok());
    assert_eq!(parse(&deep(DEPTH_MAX)).unwrap_err().flaw, Flaw::Limit);
    assert_eq!(parse(&"not ".repeat(1000)).unwrap_err().flaw, Flaw::Limit);
    let wide = |parts: usize| format!("views in ({})", vec!["1"; parts].join(","));
    assert!(parse(&wide(NODES_MAX - 2)).is_ok());
    assert_eq!(parse(&wide(NODES_MAX - 1)).unwrap_err().flaw, Flaw::Limit);
    let long = |parts: usize| vec!["true"; parts].join(" or ");
    assert!(parse(&long(HEIGHT_MAX)).is_ok());
    assert_eq!(parse(&long(HEIGHT_MAX + 1)).unwrap_err().flaw, Flaw::Limit);
}

/// The longest texts that pass must not exhaust the stack of whoever compiles them.
#[test]
fn the_largest_policies_compile_and_run() {
    let mut schema = posts();
    let chain = |part: &str, by: &str, times: usize| vec![part; times].join(by);
    for text in [
        chain("views = 1", " or ", HEIGHT_MAX - 1),
        format!("{} = 1", chain("views", " + ", HEIGHT_MAX - 1)),
        format!("title = extra {} ->> 'a'", "->'a' ".repeat(HEIGHT_MAX - 4)),
        format!("title = title{}", "::text".repeat(HEIGHT_MAX - 2)),
        format!("{}is_public", "not ".repeat(DEPTH_MAX - 1)),
        format!("views in ({})", chain("1", ",", 450)),
    ] {
        let posts = schema.tables.get_mut("posts").unwrap();
        *posts = posts.clone().custom(vec![policy("p", ALL, &["anon"], &text)]);
        let predicate = predicate(&schema, "posts", Command::Select, Side::Using, &Role::Anon);
        let sql = predicate.unwrap_or_else(|error| panic!("{text}: {error}")).sql;
        let conn = kit::database(&schema);
        conn.prepare(&format!("select 1 from posts as _row where {sql}"))
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(
        noise in "\\PC{0,60}",
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
    ) {
        for text in [noise, words.concat(), words.join(" ")] {
            if let Err(error) = resolved(&text) {
                let at = error.at.map_or(0, |at| at.offset);
                proptest::prop_assert!(text.is_char_boundary(at), "{text}: {error:?}");
            }
        }
    }
}

const WORDS: &[&str] = &[
    "(",
    ")",
    "select",
    "exists",
    "from",
    "members",
    "where",
    "posts",
    ".",
    "title",
    "'a",
    "'",
    "\"",
    "--",
    "/*",
    "*/",
    "=",
    "not",
    "in",
    "is",
    "null",
    "and",
    "like",
    "between",
    "1",
    "2.",
    ".5",
    "::",
    "uuid",
    "auth",
    "uid",
    "->>",
    "->",
    ",",
    "ä",
    "join",
    "on",
    "coalesce",
    "now()",
    "auth.uid()",
    "user_id",
    "true",
    "\n",
    ";",
    "-",
    "+",
];

#[test]
fn operators_bind_as_in_postgres() {
    let same = |a: &str, b: &str| {
        let schema = posts();
        let root = |text| resolve(&parse(text).unwrap(), &schema.tables["posts"], &schema).unwrap().root;
        assert_eq!(root(a), root(b), "{a} is not {b}");
    };
    same("true or true and false", "true or (true and false)");
    same("not is_public or true", "(not is_public) or true");
    same("not views = 1", "not (views = 1)");
    same("views = 1 is null", "(views = 1) is null");
    same("views + 2 * 3 = 7", "(views + (2 * 3)) = 7");
    same("1 - 2 - 3 = views", "((1 - 2) - 3) = views");
    same("- views::bigint = 1", "-(views::bigint) = 1");
    same("views between 1 and 2 and true", "(views between 1 and 2) and true");
    same("title = extra ->> 'a'", "title = (extra ->> 'a')");
}

#[test]
fn shorthands_say_which_column_would_do() {
    let notes = table("notes", &["id uuid", "seller_id uuid -> users.id", "body text"]);
    let error = expand("own-row", &notes).unwrap_err();
    assert_eq!(error.flaw, Flaw::Shorthand);
    assert_eq!(error.to_string(), "`notes` has no column that holds the owner of a row");
    assert_eq!(
        error.hint.as_deref(),
        Some("would do: seller_id; write `own-row(seller_id)`, or add `user_id`")
    );
    let rls = expand("own-row(seller_id)", &notes).unwrap();
    assert_eq!(rls.policies.len(), 1);
    assert_eq!(rls.policies[0].using.as_deref(), Some("seller_id = auth.uid()"));
    assert_eq!(rls.policies[0].check, rls.policies[0].using);

    let counted = table("posts", &["id integer", "user_id integer"]);
    assert_eq!(expand("own-row", &counted).unwrap_err().flaw, Flaw::Shorthand);
    for wrong in ["own", "own-row()", "public(x)", "own-row(", "", "custom"] {
        assert_eq!(expand(wrong, &notes).unwrap_err().flaw, Flaw::Shorthand, "{wrong}");
    }
}

#[test]
fn shorthands_find_the_owner_and_the_flag() {
    let condition = |label: &str, columns: &[&str], name: &str| {
        let table = table(name, columns);
        let rls = expand(label, &table).unwrap();
        let schema = schema(vec![table.clone()]);
        for policy in &rls.policies {
            for text in [&policy.using, &policy.check].into_iter().flatten() {
                resolve(&parse(text).unwrap(), &table, &schema).unwrap();
            }
        }
        rls.policies[0].using.clone().unwrap()
    };
    assert_eq!(condition("own-row", &["id uuid", "author_id text"], "posts"), "author_id = auth.uid()::text");
    assert_eq!(condition("own-row", &["id uuid", "created_by uuid"], "users"), "id = auth.uid()");
    assert_eq!(condition("own-row", &["id uuid", "user_id uuid"], "profiles"), "user_id = auth.uid()");
    let columns =
        ["id uuid", "user_id uuid", "is_public boolean", "status text", "state state", "end boolean"];
    let open = |flag: &str| condition(&format!("own-or-public({flag})"), &columns, "posts");
    assert_eq!(open("is_public"), "is_public = true");
    assert_eq!(open("status"), "status in ('published', 'public')");
    assert_eq!(open("state"), "state::text in ('published', 'public')");
    assert_eq!(open("end"), "\"end\" = true");
}

#[test]
fn grants_are_added_and_read_back_from_the_label() {
    let notes = table("notes", &["id uuid", "user_id uuid"]);
    let grants = vec![("admin".to_owned(), vec![Command::Select, Command::Delete])];
    let rls = with_grants(expand("own-row", &notes).unwrap(), &grants);
    assert_eq!(rls.label, "own-row + admin: select, delete");
    assert_eq!(shorthand::parts(&rls.label), Some((shorthand::Shorthand::OwnRow(None), grants)));
    assert_eq!(rls.policies[1].roles, ["admin"]);
    assert_eq!(shorthand::parts("custom"), None);
}

#[test]
fn circles_of_policies_are_found_and_refused() {
    let reads = |table: &str| format!("exists (select 1 from {table} where user_id = auth.uid())");
    let with = |name: &str, commands: &[Command], to: &str| {
        table(name, &["id uuid", "user_id uuid"]).custom(vec![policy(
            "p",
            commands,
            &["authenticated"],
            &reads(to),
        )])
    };
    let select = &[Command::Select];
    let circle = schema(vec![with("a", select, "b"), with("b", select, "c"), with("c", select, "a")]);
    let found = cycles(&circle);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tables, ["a", "b", "c"]);
    assert_eq!(found[0].policies, ["p", "p", "p"]);
    let error = predicate(&circle, "b", Command::Select, Side::Using, &Role::Authenticated).unwrap_err();
    assert_eq!(error.flaw, Flaw::Cycle);

    let itself = schema(vec![with("a", select, "a")]);
    assert_eq!(cycles(&itself)[0].tables, ["a"]);
    assert_eq!(
        predicate(&itself, "a", Command::Select, Side::Using, &Role::Authenticated).unwrap_err().flaw,
        Flaw::Cycle
    );
    // Writing may look at the table's own rows, as long as reading does not.
    let writes = schema(vec![with("a", &[Command::Insert], "a"), with("b", select, "a")]);
    assert_eq!(cycles(&writes), []);
    predicate(&writes, "a", Command::Insert, Side::Check, &Role::Authenticated).unwrap();
    // Two roles that never meet make no circle.
    let mut apart = schema(vec![with("a", select, "b"), with("b", select, "a")]);
    apart.tables.get_mut("b").unwrap().rls.as_mut().unwrap().policies[0].roles = vec!["anon".to_owned()];
    assert_eq!(cycles(&apart), []);
}

#[test]
fn a_policy_names_the_tables_it_reads() {
    let nested =
        "id in (select org_id from members where exists (select 1 from roles r join users u on u.id = r.id))";
    let read = tables_read(&policy("p", ALL, &["anon"], nested));
    assert_eq!(read.into_iter().collect::<Vec<_>>(), ["members", "roles", "users"]);
}

#[test]
fn a_predicate_joins_policies_and_names_its_parameters() {
    let mut schema = posts();
    let posts = schema.tables.get_mut("posts").unwrap();
    let mut held = policy("held", ALL, &["authenticated"], "\"select\" <> 'it''s'");
    held.restrictive = true;
    *posts = posts.clone().custom(vec![
        policy("own", ALL, &["authenticated"], "user_id = auth.uid()"),
        policy("admin", &[Command::Select], &["admin"], "true"),
        policy("open", &[Command::Select], &["anon", "authenticated"], "is_public"),
        held,
    ]);
    let sql = |command, role: &Role| predicate(&schema, "posts", command, Side::Using, role).unwrap();
    let own = r#"("_row"."user_id" = :auth_uid)"#;
    let held = r#"("_row"."select" <> 'it''s')"#;
    let seen = sql(Command::Select, &Role::Authenticated);
    assert_eq!(seen.sql, format!(r#"({own} or "_row"."is_public") and {held}"#));
    assert_eq!(seen.params, [Param::Uid]);
    assert_eq!(sql(Command::Select, &Role::Anon).sql, r#"("_row"."is_public")"#);
    assert_eq!(sql(Command::Delete, &Role::Anon).sql, "0");
    assert_eq!(sql(Command::Delete, &Role::Service).sql, "1");
    let admin = sql(Command::Select, &Role::Custom("admin".to_owned()));
    assert_eq!(admin.sql, format!(r#"({own} or 1 or "_row"."is_public") and {held}"#));
    // A restrictive policy alone lets nobody in.
    let only = policy("held", ALL, &["anon"], "true");
    let posts = schema.tables.get_mut("posts").unwrap();
    *posts = posts.clone().custom(vec![crate::schema::Policy { restrictive: true, ..only }]);
    assert_eq!(predicate(&schema, "posts", Command::Select, Side::Using, &Role::Anon).unwrap().sql, "0");
}

#[test]
fn a_subquery_is_bound_by_the_policies_of_what_it_reads() {
    let mut schema = posts();
    let own = policy("own", &[Command::Select], &["authenticated"], "user_id = auth.uid()");
    let members = schema.tables.get_mut("members").unwrap();
    *members = members.clone().custom(vec![own]);
    let posts = schema.tables.get_mut("posts").unwrap();
    let reads = "exists (select 1 from members where org_id = posts.id)";
    *posts = posts.clone().custom(vec![policy("p", ALL, &["authenticated", "anon"], reads)]);
    let sql = |role| predicate(&schema, "posts", Command::Select, Side::Using, role).unwrap().sql;
    assert_eq!(
        sql(&Role::Authenticated),
        "(exists (select 1 from \"members\" as \"_s1\" where (((\"_s1\".\"user_id\" = :auth_uid))) \
         and (\"_s1\".\"org_id\" = \"_row\".\"id\")))"
    );
    assert!(sql(&Role::Anon).contains("where (0)"));
}

#[test]
fn a_constraint_knows_only_its_row() {
    let sql = |text: &str| constraint(&resolved(text).unwrap());
    assert_eq!(
        sql("length(title) > 3 or title is null").unwrap(),
        r#"((length("title") > (3)) or ("title" is null))"#
    );
    for beyond in
        ["user_id = auth.uid()", "at < now()", "exists (select 1 from members)", "views::text = '1'"]
    {
        assert_eq!(sql(beyond).unwrap_err().flaw, Flaw::Unsupported, "{beyond}");
    }
}
