//! A small application with rows of two users, and ways to ask it something.

use std::collections::BTreeMap;

use forge_core::Identity;
use rusqlite::Connection;
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::{Value, json};

use crate::policy::sqlite::Param as Who;
use crate::policy::tests::kit::{ALICE, ALL, BOB, database, policy, schema, table};
use crate::routine::create::{Created, create};
use crate::routine::run::{RunError, run};
use crate::routine::{self, CompiledCall, Param, Request, RoutineError, functions};
use crate::rows::from_sql;
use crate::schema::{Command, Function, Schema, Type, View};

pub(super) struct World {
    pub(super) schema: Schema,
    pub(super) conn: Connection,
}

pub(super) fn alice() -> Identity {
    Identity::user(ALICE)
}

pub(super) fn bob() -> Identity {
    Identity::user(BOB)
}

fn tables() -> Schema {
    let mut posts = table(
        "posts",
        &[
            "id integer = identity",
            "user_id uuid = me -> users.id",
            "title text",
            "state state = draft",
            "price numeric?",
            "likes integer = 0",
            "tags list?",
            "data jsonb?",
            "at timestamptz = now",
            "day date?",
        ],
    );
    posts.uniques.push(vec!["title".to_owned()]);
    let posts = posts.custom(vec![
        policy("own", ALL, &["authenticated"], "user_id = auth.uid()"),
        policy("open", &[Command::Select], &["anon", "authenticated"], "state = 'published'"),
    ]);
    schema(vec![
        table("users", &["id uuid", "name text", "age integer?"]).label("own-row"),
        posts,
        table(
            "comments",
            &["id integer = identity", "post_id integer -> posts.id", "body text", "user_id uuid = me"],
        )
        .custom(vec![
            policy(
                "read",
                &[Command::Select],
                &["anon", "authenticated"],
                "exists (select 1 from posts where posts.id = comments.post_id)",
            ),
            policy(
                "own",
                &[Command::Insert, Command::Update, Command::Delete],
                &["authenticated"],
                "user_id = auth.uid()",
            ),
        ]),
        table("logs", &["id integer = identity", "line text", "raw bytea?"]).label("none"),
        table("tree", &["id integer", "parent integer?", "name text"]).label("public"),
    ])
}

impl World {
    /// Alice has a published post and a draft, Bob has a published post and a draft; every post has a
    /// comment.
    pub(super) fn new() -> World {
        let schema = tables();
        let conn = database(&schema);
        functions::register(&conn).expect("functions can be registered");
        let rows = format!(
            "insert into users values ('{ALICE}', 'Alice', 30), ('{BOB}', 'Bob', null);
             insert into posts (id, user_id, title, state, price, likes, tags, data, at, day) values
               (1, '{ALICE}', 'alpha', 'published', 1.5, 3, '[\"x\",\"y\"]', '{{\"a\":{{\"b\":[1,\"two\",true]}},\"n\":null}}', '2026-01-31T10:20:30.500000+00:00', '2026-01-31'),
               (2, '{ALICE}', 'beta', 'draft', null, 0, null, null, '2026-02-01T00:00:00.000000+00:00', null),
               (3, '{BOB}', 'gamma', 'published', 10.0, 7, '[]', '[1,2]', '2026-03-05T23:59:59.000000+00:00', '2026-03-05'),
               (4, '{BOB}', 'delta', 'draft', 0.25, 1, null, null, '2026-03-06T00:00:00.000000+00:00', '2026-03-06');
             insert into comments (id, post_id, body, user_id) select id, id, 'on ' || title, user_id from posts;
             insert into logs (id, line, raw) values (1, 'secret', x'00ff');
             insert into tree values (1, null, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf');"
        );
        conn.execute_batch(&rows).expect("the rows fit");
        World { schema, conn }
    }

    pub(super) fn view(&mut self, name: &str, query: &str) {
        self.schema.views.insert(name.to_owned(), View { name: name.to_owned(), query: query.to_owned() });
    }

    pub(super) fn function(&mut self, text: &str) -> Function {
        let created = create(text, &self.schema).unwrap_or_else(|error| panic!("{error}: {text}"));
        let Created::Function(function) = created else { panic!("no function: {text}") };
        routine::check_function(&self.schema, &function).unwrap_or_else(|error| panic!("{error}: {text}"));
        self.schema.functions.entry(function.name.clone()).or_default().push(function.clone());
        function
    }

    /// The rows of a query: cells with `|` between them, rows with `;`.
    pub(super) fn ask(&self, who: &Identity, query: &str) -> Result<String, String> {
        let mut schema = self.schema.clone();
        schema.views.insert("asked".to_owned(), View { name: "asked".to_owned(), query: query.to_owned() });
        let view = routine::view(&schema, &who.role, "asked").map_err(|error| shown(&error))?;
        let call = CompiledCall {
            steps: Vec::new(),
            result: Some(view.sql.clone()),
            columns: view.columns.clone(),
            shape: routine::ResultShape::Rows,
            params: view.params,
            inline: Some(view.sql),
            writes: false,
        };
        self.rows(who, &call, &BTreeMap::new())
    }

    /// The rows of a call.
    pub(super) fn call(
        &self,
        who: &Identity,
        function: &Function,
        arguments: &[(&str, Sql)],
    ) -> Result<String, String> {
        let given: Vec<&str> = arguments.iter().map(|(name, _)| *name).collect();
        let call =
            routine::call_with(&self.schema, &who.role, function, &given).map_err(|error| shown(&error))?;
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.conn.execute_batch("savepoint call").expect("a savepoint");
        let given = self.rows(who, &call, &arguments);
        let end = if given.is_ok() { "release call" } else { "rollback to call; release call" };
        self.conn.execute_batch(end).expect("the savepoint ends");
        given
    }

    pub(super) fn rows(
        &self,
        who: &Identity,
        call: &CompiledCall,
        arguments: &BTreeMap<String, Sql>,
    ) -> Result<String, String> {
        let bind = |param: &Param| bound(who, param, arguments);
        let rows = run(&self.conn, call, &bind).map_err(|error| match &error {
            RunError::Refused { code, message } => format!("{code}: {message}"),
            RunError::Sqlite { source } => format!("sqlite: {source}\n{call:#?}"),
            RunError::Rows => error.to_string(),
        })?;
        let cell = |(value, (_, ty)): (&Sql, &(String, Type))| match from_sql(ty, ValueRef::from(value)) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let line = |row: &Vec<Sql>| row.iter().zip(&call.columns).map(cell).collect::<Vec<_>>().join("|");
        Ok(rows.iter().map(line).collect::<Vec<_>>().join(";"))
    }

    pub(super) fn count(&self, sql: &str) -> i64 {
        self.conn.query_row(sql, [], |row| row.get(0)).expect("a count")
    }
}

fn bound(who: &Identity, param: &Param, arguments: &BTreeMap<String, Sql>) -> Sql {
    match param {
        Param::Who(Who::Uid) => who.subject.clone().map_or(Sql::Null, Sql::Text),
        Param::Who(Who::Role) => Sql::Text(who.role.as_str().to_owned()),
        Param::Who(Who::Jwt) if who.claims.is_null() => Sql::Null,
        Param::Who(Who::Jwt) => Sql::Text(who.claims.to_string()),
        Param::Request(Request::Method) => Sql::Text("GET".to_owned()),
        Param::Request(Request::Path) => Sql::Text("/rpc/f".to_owned()),
        Param::Request(Request::Headers) => Sql::Text(json!({"x-app": "web"}).to_string()),
        Param::Request(Request::Cookies) => Sql::Null,
        Param::Argument(name) => arguments.get(name).cloned().unwrap_or(Sql::Null),
        Param::Stage(_) => panic!("stages are the runner's"),
    }
}

pub(super) fn shown(error: &RoutineError) -> String {
    format!("{}: {}", error.code, error.message)
}
