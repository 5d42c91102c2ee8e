//! Schemas in a few words, and databases of them.

use rusqlite::Connection;

use crate::ddl::sqlite::objects;
use crate::policy::expand;
use crate::schema::{Column, ColumnDefault, Command, ForeignKey, OnDelete, Policy, Rls, Schema, Table, Type};

pub(crate) const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
pub(crate) const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

/// A table with columns such as `id uuid = uuid`, `title text?`, `user_id uuid -> users.id`; the first one
/// is the key.
pub(crate) fn table(name: &str, columns: &[&str]) -> Table {
    let mut table = Table { name: name.to_owned(), ..Table::default() };
    for text in columns {
        let (text, to) = match text.split_once(" -> ") {
            Some((text, to)) => (text, Some(to)),
            None => (*text, None),
        };
        let (text, default) = match text.split_once(" = ") {
            Some((text, default)) => (text, Some(default)),
            None => (text, None),
        };
        let (column, ty) = text.split_once(' ').expect("a column has a name and a type");
        let default = default.map(|default| match default {
            "now" => ColumnDefault::Now,
            "uuid" => ColumnDefault::RandomUuid,
            "identity" => ColumnDefault::Identity,
            "me" => ColumnDefault::CurrentUser,
            literal => ColumnDefault::Literal(literal.to_owned()),
        });
        table.columns.push(Column {
            name: column.to_owned(),
            ty: type_of(ty.trim_end_matches('?')),
            nullable: ty.ends_with('?'),
            default,
        });
        if let Some((to, references)) = to.and_then(|to| to.rsplit_once('.')) {
            table.foreign_keys.push(ForeignKey {
                column: column.to_owned(),
                table: to.to_owned(),
                references: references.to_owned(),
                on_delete: OnDelete::Cascade,
            });
        }
    }
    table.primary_key = vec![table.columns[0].name.clone()];
    table
}

fn type_of(text: &str) -> Type {
    match text {
        "text" => Type::Text,
        "varchar" => Type::Varchar(40),
        "smallint" => Type::Smallint,
        "integer" => Type::Integer,
        "bigint" => Type::Bigint,
        "double" => Type::Double,
        "numeric" => Type::Numeric(10, 2),
        "boolean" => Type::Boolean,
        "uuid" => Type::Uuid,
        "timestamptz" => Type::Timestamptz,
        "date" => Type::Date,
        "time" => Type::Time,
        "jsonb" => Type::Jsonb,
        "bytea" => Type::Bytea,
        "vector" => Type::Vector(3),
        "list" => Type::Array(Box::new(Type::Text)),
        name => Type::Enum(name.to_owned()),
    }
}

impl Table {
    pub(crate) fn label(mut self, label: &str) -> Table {
        self.rls = Some(expand(label, &self).expect("the shorthand fits the table"));
        self
    }

    pub(crate) fn custom(mut self, policies: Vec<Policy>) -> Table {
        self.rls = Some(Rls { label: "custom".to_owned(), policies });
        self
    }
}

pub(crate) const ALL: &[Command] = &[Command::Select, Command::Insert, Command::Update, Command::Delete];

/// A permissive policy with one condition for both sides.
pub(crate) fn policy(name: &str, commands: &[Command], roles: &[&str], condition: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        commands: commands.to_vec(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        restrictive: false,
        using: Some(condition.to_owned()),
        check: None,
    }
}

pub(crate) fn schema(tables: Vec<Table>) -> Schema {
    let mut schema = Schema::default();
    for table in tables {
        schema.tables.insert(table.name.clone(), table);
    }
    schema.enums.insert("state".to_owned(), ["draft", "published"].map(str::to_owned).to_vec());
    schema
}

/// Has somebody sign up, past everything that a service does about it.
pub(crate) fn sign_up(conn: &Connection, id: &str, email: &str) {
    let sql = "insert into \"auth.users\" (id, email, encrypted_password, role, raw_app_meta_data, created_at, updated_at) \
               values (?1, ?2, 'secret', 'authenticated', '{\"k\": \"a\"}', '2024-01-01T00:00:00.000000+00:00', \
               '2024-01-01T00:00:00.000000+00:00')";
    conn.execute(sql, [id, email]).expect("nobody has the address yet");
}

/// An empty database of the schema.
pub(crate) fn database(schema: &Schema) -> Connection {
    let conn = Connection::open_in_memory().expect("memory is there");
    conn.execute_batch("pragma foreign_keys = on").expect("keys can be turned on");
    crate::auth::create(&conn).expect("people can sign up");
    for kind in ["table", "index"] {
        for object in objects(schema).iter().filter(|object| object.kind == kind) {
            conn.execute_batch(&object.sql).expect("the schema can be created");
        }
    }
    conn
}
