//! The same text on SQLite and on PostgreSQL gives the same JSON.

use loki_kit::postgres::Cluster;
use serde_json::Value;

use super::kit::{World, alice};
use super::{expressions, queries};
use crate::policy::tests::kit::{ALICE, BOB};

/// What differs, and why: SQLite holds a decimal as a double, a time without a zone is one in UTC here,
/// and a row of a union comes in any order.
const DIFFERENT: &[&str] = &["date '2026-03-01' + interval '36 hours'"];

fn tables() -> String {
    let who = |body: &str| format!("{{\"sub\":\"{ALICE}\",\"role\":\"authenticated\"{body}}}");
    let claims = who("");
    format!(
        "set timezone = 'UTC'; create schema auth;
         create function auth.uid() returns uuid language sql as $$ select '{ALICE}'::uuid $$;
         create function auth.role() returns text language sql as $$ select 'authenticated'::text $$;
         create function auth.jwt() returns jsonb language sql as $$ select '{claims}'::jsonb $$;
         set request.jwt.claims = '{claims}'; set request.jwt.claim.sub = '{ALICE}';
         set request.jwt.claim.role = 'authenticated'; set request.method = 'GET'; set request.path = '/rpc/f';
         set request.headers = '{{\"x-app\":\"web\"}}';
         create type state as enum ('draft', 'published');
         create table users (id uuid primary key, name text not null, age int);
         create table posts (id int primary key, user_id uuid not null, title text not null unique,
           state state not null, price numeric(10,2), likes int not null, tags text[], data jsonb,
           at timestamptz not null, day date);
         create table comments (id int primary key, post_id int not null, body text not null, user_id uuid not null);
         create table logs (id int primary key, line text not null, raw bytea);
         create table tree (id int primary key, parent int, name text not null);
         insert into users values ('{ALICE}', 'Alice', 30), ('{BOB}', 'Bob', null);
         insert into posts values
           (1, '{ALICE}', 'alpha', 'published', 1.5, 3, '{{x,y}}', '{{\"a\":{{\"b\":[1,\"two\",true]}},\"n\":null}}', '2026-01-31T10:20:30.500Z', '2026-01-31'),
           (2, '{ALICE}', 'beta', 'draft', null, 0, null, null, '2026-02-01T00:00:00Z', null),
           (3, '{BOB}', 'gamma', 'published', 10.0, 7, '{{}}', '[1,2]', '2026-03-05T23:59:59Z', '2026-03-05'),
           (4, '{BOB}', 'delta', 'draft', 0.25, 1, null, null, '2026-03-06T00:00:00Z', '2026-03-06');
         insert into comments select id, id, 'on ' || title, user_id from posts;
         insert into logs values (1, 'secret', '\\x00ff');
         insert into tree values (1, null, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf');"
    )
}

/// The rows of a query as one JSON text.
fn as_json(query: &str) -> String {
    format!("select coalesce(json_agg(q), '[]'::json)::text as rows from ({query}) q")
}

/// Numbers as doubles, and rows in one order where the query names none.
fn plain(text: &str, ordered: bool) -> Value {
    fn numbers(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
            Value::Array(list) => list.into_iter().map(numbers).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key, numbers(value))).collect(),
            other => other,
        }
    }
    match numbers(serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))) {
        Value::Array(mut rows) if !ordered => {
            rows.sort_by_key(ToString::to_string);
            Value::Array(rows)
        }
        other => other,
    }
}

#[test]
fn postgres_gives_the_same_json() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let world = World::new();
    let expressions =
        expressions::TABLE.iter().map(|(text, _)| (format!("select {text} as x"), *text, alice()));
    let queries =
        queries::TABLE.iter().map(|(text, _)| ((*text).to_owned(), *text, forge_core::Identity::service()));
    let cases: Vec<_> = expressions.chain(queries).filter(|(_, text, _)| !DIFFERENT.contains(text)).collect();
    let script: Vec<String> = cases.iter().map(|(query, ..)| as_json(query).replace('\n', " ")).collect();
    // A line for each query: JSON made by `json_agg` has line breaks between rows.
    let lines: Vec<String> =
        script.iter().map(|query| format!("select replace(rows, E'\\n', '') from ({query}) r;")).collect();
    let given = cluster.run(&database.name, &format!("{}{}", tables(), lines.join("\n")));
    let given: Vec<&str> = given.lines().collect();
    assert_eq!(given.len(), cases.len());
    let mut wrong = Vec::new();
    for ((query, text, who), theirs) in cases.iter().zip(given) {
        let ordered = query.contains("order by");
        match world.ask(who, &as_json(query)) {
            Ok(ours) if plain(&ours, ordered) == plain(theirs, ordered) => {}
            ours => wrong.push(format!("{text}\n  sqlite   {ours:?}\n  postgres {theirs}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bodies of functions that give texts, called by Alice under the policies of the kit.
const BODIES: &[&str] = &[
    "insert into posts (title) values ('n1'), ('n2') returning title || likes || state || id",
    "insert into posts (title, user_id) values ('n1', null) returning title",
    "insert into posts (title) values ('alpha') returning title",
    "insert into posts (title) values ('delta') returning title",
    "insert into posts (title, state) select title || '!', 'published' from posts returning title || state",
    "insert into posts (title, price) values ('p', 2.345) returning price::text",
    "insert into posts (title) values ('beta') on conflict do nothing returning title",
    "insert into posts (title) values ('delta'), ('new') on conflict (title) do nothing returning title",
    "insert into posts (title, likes) values ('beta', 5) on conflict (title) do update set likes = posts.likes + excluded.likes returning title || likes",
    "insert into posts (title, likes) values ('gamma', 5) on conflict (title) do update set likes = 1 returning title",
    "insert into posts (title, likes) values ('delta', 5) on conflict (title) do update set likes = 1 returning title",
    "insert into posts (title) values ('x'), ('x') on conflict (title) do update set likes = 1 returning title",
    "insert into posts (title, likes) values ('beta', 5) on conflict (title) do update set likes = 9 where posts.likes > 100 returning title",
    "insert into posts (title, likes) values ('beta', 5) on conflict (title) do update set title = 'renamed' where excluded.likes = 5 returning title",
    "insert into tree (id, name) values (9, 'x') returning name",
    "insert into comments (post_id, body) values (1, 'c') returning body",
    "insert into comments (post_id, body) values (4, 'c') returning body",
    "insert into comments (post_id, body) values (4, 'c'); select 'done'::text",
    "insert into comments (post_id, body) values (77, 'c'); select 'done'::text",
    "insert into logs (line) values ('l'); select 'done'::text",
    "update posts set likes = likes + 1 returning title || likes",
    "update posts set likes = 50; select title || likes from posts order by id",
    "update posts set user_id = (select id from users where name = 'Bob') where id = 1 returning title",
    "update posts p set likes = q.likes from posts q where q.title = 'gamma' and p.id = 1 returning p.title || p.likes",
    "update posts p set likes = 0 from posts q where q.title = 'delta' returning p.title",
    "update posts set title = 'gamma' where id = 1 returning title",
    "update posts set state = 'published', price = null, day = at::date where state = 'draft' returning title || state || day",
    "update comments set body = body || '!' returning body",
    "update tree set name = 'x' returning name",
    "update users set name = name || '!' returning name",
    "delete from posts where id = 3 returning title",
    "delete from comments returning body",
    "delete from comments; select count(*)::text from comments",
    "delete from comments c using posts p where p.id = c.post_id and p.title = 'beta' returning c.body",
    "delete from logs; select count(*)::text from logs",
    "select title from posts where title > 'b' union select body from comments order by 1",
    "with recursive r as (select id, title from posts where id = 1 union select p.id, p.title from posts p, r where p.id > r.id) select title from r order by id",
    "select (select count(*) from posts) || '/' || (select count(*) from comments) || '/' || (select count(*) from users)",
    "select u.name || count(p.id) from users u left join posts p on p.user_id = u.id group by u.id order by 1",
    "select (1 / (likes - 3))::text from posts where id = 1",
    "select title::int::text from posts where id = 1",
];

/// The kit's policies, keys and defaults, for a role that owns nothing.
const POLICIES: &str = "
    alter table posts alter id add generated by default as identity (start 5), alter user_id set default auth.uid(),
      alter state set default 'draft', alter likes set default 0, alter at set default now();
    alter table comments alter id add generated by default as identity (start 5), alter user_id set default auth.uid(),
      add constraint comments_post_id_fkey foreign key (post_id) references posts on delete cascade;
    alter table logs alter id add generated by default as identity (start 5);
    alter table posts enable row level security; alter table comments enable row level security;
    alter table users enable row level security; alter table logs enable row level security;
    alter table tree enable row level security;
    create policy own on posts using (user_id = auth.uid());
    create policy open on posts for select using (state = 'published');
    create policy read on comments for select using (exists (select 1 from posts where posts.id = comments.post_id));
    create policy add on comments for insert with check (user_id = auth.uid());
    create policy change on comments for update using (user_id = auth.uid());
    create policy remove on comments for delete using (user_id = auth.uid());
    create policy own on users using (id = auth.uid());
    create policy open on tree for select using (true);
    do $$ begin create role routine_caller; exception when duplicate_object then null; end $$;
    grant usage on schema public, auth to routine_caller;
    grant all on all tables in schema public to routine_caller;
    grant usage on all sequences in schema public to routine_caller;
    create function attempt(query text) returns text language plpgsql as $$
      declare given text;
      begin execute query into given; return given;
      exception when others then return sqlstate || ': ' || sqlerrm; end $$;";

#[test]
fn postgres_refuses_and_writes_the_same() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let mut script = tables() + POLICIES;
    for body in BODIES {
        let text = format!("create function f() returns setof text language sql as $body$ {body} $body$;");
        script.push_str(&format!(
            "begin; set local check_function_bodies = on; {text} set local role routine_caller; \
             select coalesce(replace(attempt('select string_agg(q, '';'') from f() q'), E'\\n', ' '), ''); rollback;\n"
        ));
    }
    let given = cluster.run(&database.name, &script);
    let given: Vec<&str> = given.split('\n').collect();
    assert_eq!(given.len(), BODIES.len(), "{given:?}");
    let sorted = |text: &str| {
        let mut rows: Vec<String> = text.split(';').map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let mut wrong = Vec::new();
    for (body, theirs) in BODIES.iter().zip(given) {
        let mut world = World::new();
        let text = format!("create function f() returns setof text language sql as $body$ {body} $body$");
        let function = world.function(&text);
        let ours = match world.call(&alice(), &function, &[]) {
            Ok(rows) => rows,
            // A constraint is the engine's to refuse; who runs the call gives it the code of Postgres.
            Err(error) if error.starts_with("sqlite: ") && theirs.starts_with("23505: ") => theirs.to_owned(),
            Err(error) => error,
        };
        if sorted(&ours) != sorted(theirs) {
            wrong.push(format!("{body}\n  sqlite   {ours}\n  postgres {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
