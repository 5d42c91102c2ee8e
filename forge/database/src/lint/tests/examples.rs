//! For each rule, a migration that breaks it and one beside it that does not.

use super::kit::{ALL, Example, adding, bare, changing, column, policy, table};
use crate::change::Change;
use crate::schema::{Check, Command, ForeignKey, OnDelete, Table};

pub(super) fn examples() -> Vec<(&'static str, Example, Example)> {
    [loss(), filled(), seeds(), keys(), indices(), types(), names(), access(), owners(), secrets()].concat()
}

type Examples = Vec<(&'static str, Example, Example)>;

fn notes() -> Table {
    table("notes", &["id uuid = uuid", "body text?"])
}

fn s(text: &str) -> String {
    text.to_owned()
}

/// A change of `notes`, with three rows in it and with none.
fn on_notes(change: Change, after: Table) -> (Example, Example) {
    let empty = changing(vec![notes()], vec![change], vec![after]);
    (empty.clone().rows("notes", 3), empty)
}

fn with(mut table: Table, change: impl FnOnce(&mut Table)) -> Table {
    change(&mut table);
    table
}

fn loss() -> Examples {
    let drop_table = changing(vec![notes()], vec![Change::DropTable { table: s("notes") }], vec![]);
    let drop_column = changing(
        vec![notes()],
        vec![
            Change::RenameColumn { table: s("notes"), column: s("body"), to: s("text") },
            Change::DropColumn { table: s("notes"), column: s("text") },
        ],
        vec![table("notes", &["id uuid = uuid"])],
    );
    let alter = |ty: &str| {
        let altered = column(&format!("body {ty}?"));
        let after = table("notes", &["id uuid = uuid", &format!("body {ty}?")]);
        on_notes(Change::AlterColumn { table: s("notes"), column: altered }, after).0
    };
    let from_varchar = changing(
        vec![table("notes", &["id uuid", "body varchar?"])],
        vec![Change::AlterColumn { table: s("notes"), column: column("body text?") }],
        vec![notes()],
    );
    vec![
        ("MIG001", drop_table.clone().rows("notes", 1), drop_table),
        (
            "MIG002",
            drop_column.clone().rows("notes", 5).nulls("notes", "body", 2),
            drop_column.rows("notes", 5).nulls("notes", "body", 5),
        ),
        ("MIG003", alter("varchar"), from_varchar.rows("notes", 4)),
    ]
}

fn filled() -> Examples {
    let add = |text: &str| {
        let new = column(text);
        let after = with(notes(), |table| table.columns.push(new.clone()));
        let change = Change::AddColumn { table: s("notes"), column: new, foreign_key: None, unique: false };
        on_notes(change, after).0
    };
    let require = changing(
        vec![notes()],
        vec![Change::AlterColumn { table: s("notes"), column: column("body text") }],
        vec![table("notes", &["id uuid = uuid", "body text"])],
    );
    let unique = Change::AddUnique { table: s("notes"), columns: vec![s("body")] };
    let (unique_filled, unique_empty) = on_notes(unique, with(notes(), |t| t.uniques.push(vec![s("body")])));
    let check = Check { name: s("short"), expr: s("length(body) < 9") };
    let add_check = Change::AddCheck { table: s("notes"), check: check.clone() };
    let (check_filled, check_empty) = on_notes(add_check, with(notes(), |t| t.checks.push(check)));
    let key = ForeignKey {
        column: s("body"),
        table: s("notes"),
        references: s("id"),
        on_delete: OnDelete::Restrict,
    };
    let add_key = Change::AddForeignKey { table: s("notes"), foreign_key: key.clone() };
    let (key_filled, key_empty) = on_notes(add_key, with(notes(), |t| t.foreign_keys.push(key)));
    let rename = Change::RenameTable { table: s("notes"), to: s("memos") };
    let renamed = changing(vec![notes()], vec![rename.clone()], vec![notes().named("memos")]);
    let own = changing(vec![], vec![Change::AddTable(notes()), rename], vec![notes().named("memos")]);
    let drop_enum = |after: Table| changing(vec![], vec![Change::DropEnum { name: s("mood") }], vec![after]);
    let add_enum = |values: &[&str]| {
        let values = values.iter().map(|value| s(value)).collect();
        changing(vec![], vec![Change::AddEnum { name: s("mood"), values }], vec![])
    };
    vec![
        ("MIG004", add("kind text"), add("kind text = plain")),
        (
            "MIG005",
            require.clone().rows("notes", 3).nulls("notes", "body", 1),
            require.rows("notes", 3).nulls("notes", "body", 0),
        ),
        ("MIG006", unique_filled, unique_empty),
        ("MIG007", check_filled, check_empty),
        ("MIG008", key_filled, key_empty),
        ("MIG009", renamed, own),
        ("MIG010", drop_enum(table("notes", &["id uuid", "mood mood"])), drop_enum(notes())),
        ("MIG011", add_enum(&["good", "bad", "good"]), add_enum(&["good", "bad"])),
        ("MIG012", changing(vec![notes()], vec![], vec![notes()]), adding(vec![notes()])),
    ]
}

fn seeding(rows: &[&[(&str, Option<&str>)]]) -> Example {
    let value = |(name, value): &(&str, Option<&str>)| (s(name), value.map(s));
    let rows = rows.iter().map(|row| row.iter().map(value).collect()).collect();
    let kinds = table("kinds", &["id integer", "label text", "secret_key text?"]);
    changing(
        vec![],
        vec![Change::AddTable(kinds.clone()), Change::Seed { table: s("kinds"), rows }],
        vec![kinds],
    )
}

fn seeds() -> Examples {
    let good =
        seeding(&[&[("id", Some("1")), ("label", Some("a"))], &[("id", Some("2")), ("label", Some("b"))]]);
    let repeated =
        seeding(&[&[("id", Some("1")), ("label", Some("a"))], &[("id", Some("1")), ("label", Some("b"))]]);
    vec![
        ("MIG013", seeding(&[&[("id", Some("one")), ("label", Some("a"))]]), good.clone()),
        ("MIG013", seeding(&[&[("id", Some("1")), ("label", None)]]), good.clone()),
        ("MIG013", seeding(&[&[("id", Some("1"))]]), good.clone()),
        ("MIG013", seeding(&[&[("id", Some("1")), ("label", Some("a")), ("size", Some("9"))]]), good.clone()),
        ("MIG013", repeated, good.clone()),
        ("MIG014", seeding(&[&[("label", Some("a"))]]), good.clone()),
        ("MIG093", seeding(&[&[("id", Some("1")), ("label", Some("sk_live_51H"))]]), good.clone()),
        ("MIG093", seeding(&[&[("id", Some("1")), ("label", Some("a")), ("secret_key", Some("x"))]]), good),
    ]
}

fn users() -> Table {
    table("users", &["id uuid = uuid", "name text?"]).own("id")
}

fn referring(column: &str, key: &str, references: &str, on_delete: OnDelete) -> Example {
    let posts = table("posts", &["id uuid = uuid", column]).fk(key, "users", references, on_delete);
    adding(vec![users(), posts.index("posts_user_id", &["user_id"])])
}

fn keys() -> Examples {
    let good = || referring("user_id uuid", "user_id", "id", OnDelete::Cascade);
    let orphaned = adding(vec![table("posts", &["id uuid", "user_id uuid"]).fk(
        "user_id",
        "users",
        "id",
        OnDelete::Restrict,
    )]);
    let circle = |second: &str| {
        adding(vec![
            table("a", &["id uuid", "b_id uuid"]).fk("b_id", "b", "id", OnDelete::Restrict),
            table("b", &["id uuid", second]).fk("a_id", "a", "id", OnDelete::Restrict),
        ])
    };
    let chain = |on_delete| {
        adding(vec![
            users(),
            table("posts", &["id uuid", "user_id uuid"]).fk("user_id", "users", "id", OnDelete::Cascade),
            table("comments", &["id uuid", "post_id uuid"]).fk("post_id", "posts", "id", on_delete),
        ])
    };
    vec![
        ("MIG020", adding(vec![bare("notes", &["id uuid"])]), adding(vec![notes()])),
        ("MIG021", adding(vec![with(notes(), |t| t.primary_key = vec![s("key")])]), adding(vec![notes()])),
        ("MIG022", orphaned, good()),
        ("MIG022", referring("user_id uuid", "user_id", "key", OnDelete::Cascade), good()),
        ("MIG022", referring("user_id uuid", "owner_id", "id", OnDelete::Cascade), good()),
        ("MIG023", referring("user_id integer", "user_id", "id", OnDelete::Cascade), good()),
        ("MIG024", referring("user_id text", "user_id", "name", OnDelete::Cascade), good()),
        (
            "MIG025",
            referring("user_id uuid", "user_id", "id", OnDelete::SetNull),
            referring("user_id uuid?", "user_id", "id", OnDelete::SetNull),
        ),
        ("MIG026", circle("a_id uuid"), circle("a_id uuid?")),
        ("MIG031", chain(OnDelete::Cascade), chain(OnDelete::Restrict)),
    ]
}

fn indices() -> Examples {
    let posts = || table("posts", &["id uuid", "user_id uuid", "at timestamptz"]);
    let keyed = || posts().fk("user_id", "users", "id", OnDelete::Restrict);
    let good = || adding(vec![users(), keyed().index("posts_user_id_at", &["user_id", "at"])]);
    let covered = keyed().index("posts_user_id_at", &["user_id", "at"]).index("posts_user_id", &["user_id"]);
    let wide: Vec<String> = (0..101).map(|n| format!("c{n} text")).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    vec![
        ("MIG027", adding(vec![users(), keyed()]), good()),
        ("MIG028", adding(vec![users(), covered]), good()),
        ("MIG028", adding(vec![posts().index("posts_id", &["id"])]), good()),
        ("MIG029", adding(vec![posts().index("posts_size", &["size"])]), good()),
        ("MIG030", adding(vec![table("wide", &wide)]), adding(vec![table("wide", &wide[..100])])),
    ]
}

fn types() -> Examples {
    let of = |text: &str| adding(vec![table("orders_", &["id uuid", text])]);
    let keyed = |text: &str| adding(vec![table("orders_", &[text])]);
    let hued = |values: &[&str]| of("hue hue = red").enums("hue", values);
    vec![
        ("MIG040", of("price double"), of("price money")),
        ("MIG040", of("total_cost double"), of("cost_score double")),
        ("MIG041", of("paid_at text"), of("paid_at timestamptz")),
        ("MIG042", of("hue hue"), of("hue hue").enums("hue", &["red"])),
        ("MIG043", of("size nonsense"), of("size money")),
        ("MIG044", of("size integer = big"), of("size integer = 7")),
        ("MIG044", of("at boolean = now"), of("at timestamptz = now")),
        ("MIG044", of("n integer = identity"), keyed("n integer = identity")),
        ("MIG044", hued(&["blue"]), hued(&["red"])),
        ("MIG045", of("size integer").enums("hue", &[]), of("size integer").enums("hue", &["red"])),
    ]
}

fn names() -> Examples {
    let called = |name: &str| adding(vec![notes().named(name)]);
    let holding = |name: &str| adding(vec![table("notes", &["id uuid", name])]);
    let twice = |name: &str| {
        adding(vec![notes().index("by_body", &["body"]), notes().named("memos").index(name, &["body"])])
    };
    vec![
        ("MIG060", called("order"), called("orders")),
        ("MIG060", holding("group text"), holding("team text")),
        ("MIG061", called("_loki_schema"), called("loki_schema")),
        ("MIG061", called("auth"), called("auth_events")),
        ("MIG061", called("sqlite_x"), called("sqlites")),
        ("MIG061", holding("rowid integer"), holding("row_id integer")),
        ("MIG062", adding(vec![notes(), notes().named("Notes")]), called("notes")),
        ("MIG062", adding(vec![table("notes", &["id uuid", "ID text"])]), called("notes")),
        ("MIG063", called("my-notes"), called("my_notes")),
        ("MIG063", holding("Größe text"), holding("size text")),
        ("MIG064", twice("by_body"), twice("memos_body")),
    ]
}

fn access() -> Examples {
    let ruled = |commands: &[Command], roles: &[&str], using: Option<&str>, check: Option<&str>| {
        adding(vec![notes().policies(vec![policy(commands, roles, using, check)])])
    };
    let mut fenced = ruled(ALL, &["authenticated"], Some("true"), None);
    for table in fenced.target.tables.values_mut() {
        let rls = table.rls.as_mut().expect("the table has policies");
        let mut fence = policy(ALL, &["authenticated"], Some("id = auth.uid()"), None);
        fence.restrictive = true;
        rls.policies.push(fence);
    }
    let open = notes().public();
    let set =
        |rls: &Table| Change::SetRls { table: s("notes"), rls: rls.rls.clone().expect("it has policies") };
    let opening = changing(vec![notes()], vec![set(&open)], vec![open.clone()]);
    let counting = |default: &str| adding(vec![table("notes", &[&format!("id integer{default}")]).public()]);
    // The policy of one table reads the other, whose column is renamed.
    let renamed = |condition: &str| {
        let reads = format!("exists (select 1 from notes where {condition})");
        let reader = |condition: &str| {
            table("shares", &["id uuid"]).policies(vec![policy(
                &[Command::Select],
                &["authenticated"],
                Some(condition),
                None,
            )])
        };
        let rename = Change::RenameColumn { table: s("notes"), column: s("body"), to: s("text") };
        let old = reader("exists (select 1 from notes where body = 'a')");
        changing(
            vec![notes(), old],
            vec![rename],
            vec![table("notes", &["id uuid = uuid", "text text?"]), reader(&reads)],
        )
    };
    let circle = |second: &str| {
        let reading =
            |condition: &str| vec![policy(&[Command::Select], &["authenticated"], Some(condition), None)];
        adding(vec![
            table("a", &["id uuid"]).policies(reading("exists (select 1 from b where b.id = a.id)")),
            table("b", &["id uuid"]).policies(reading(second)),
        ])
    };
    let writes = &[Command::Update, Command::Delete];
    vec![
        ("MIG080", adding(vec![with(notes(), |t| t.rls = None)]), adding(vec![notes()])),
        (
            "MIG081",
            ruled(writes, &["authenticated"], Some("true"), None),
            ruled(writes, &["admin"], Some("true"), None),
        ),
        ("MIG081", ruled(&[Command::Delete], &["anon"], None, None), fenced),
        (
            "MIG081",
            ruled(writes, &["anon"], Some("(1 = 1)"), None),
            ruled(writes, &["anon"], Some("id = 'x'"), None),
        ),
        (
            "MIG082",
            ruled(&[Command::Insert], &["anon"], None, Some("true")),
            ruled(&[Command::Insert], &["authenticated"], None, Some("true")),
        ),
        (
            "MIG081",
            ruled(writes, &["authenticated"], Some("auth.uid() is not null"), None),
            ruled(writes, &["authenticated"], Some("id = auth.uid()"), None),
        ),
        (
            "MIG088",
            ruled(writes, &["admin"], Some("size = 1"), None),
            ruled(writes, &["admin"], Some("body = 'a'"), None),
        ),
        (
            "MIG088",
            ruled(writes, &["admin"], Some("body = "), None),
            ruled(writes, &["admin"], Some("body = 'a'"), None),
        ),
        ("MIG088", renamed("body = 'a'"), renamed("text = 'a'")),
        ("MIG089", circle("exists (select 1 from a where a.id = b.id)"), circle("id = auth.uid()")),
        ("MIG090", opening.clone().rows("notes", 2), opening),
        ("MIG091", counting(" = identity"), counting("")),
        (
            "MIG094",
            ruled(&[Command::Insert], &["anon"], None, Some("true"))
                .function("add", "insert into notes default values"),
            ruled(&[Command::Insert], &["authenticated"], None, Some("true"))
                .function("add", "insert into notes default values"),
        ),
    ]
}

fn owners() -> Examples {
    let owned =
        |text: &str| table("notes", &["id uuid", text]).own("user_id").index("notes_user_id", &["user_id"]);
    let good = || adding(vec![owned("user_id uuid")]);
    let unchecked = |insert: &str, update: &str| {
        let mine = Some("user_id = auth.uid()");
        adding(vec![owned("user_id uuid").policies(vec![
            policy(&[Command::Select], &["authenticated"], mine, None),
            policy(&[Command::Insert], &["authenticated"], None, Some(insert)),
            policy(&[Command::Update], &["authenticated"], mine, Some(update)),
        ])])
    };
    let mine = "auth.uid() = user_id";
    vec![
        ("MIG085", adding(vec![table("notes", &["id uuid", "user_id uuid"]).own("user_id")]), good()),
        ("MIG086", adding(vec![owned("user_id uuid?")]), good()),
        ("MIG087", unchecked("true", mine), unchecked(mine, mine)),
        ("MIG087", unchecked(mine, "true"), unchecked(mine, mine)),
    ]
}

fn secrets() -> Examples {
    let open = |text: &str| adding(vec![table("people", &["id uuid", text]).public()]);
    let kept = |text: &str| adding(vec![table("people", &["id uuid", text]).own("id")]);
    vec![
        ("MIG083", open("password_hash text"), kept("password_hash text")),
        ("MIG083", open("api_key text"), open("public_key text")),
        ("MIG083", open("reset_token text"), open("token_count integer")),
        ("MIG084", open("email text"), kept("email text")),
        ("MIG084", open("phone text"), open("phone_verified boolean")),
        ("MIG092", kept("password text"), kept("password_hash text")),
    ]
}
