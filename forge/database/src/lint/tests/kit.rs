//! Schemas in a few words.

use super::super::{Stats, TableStats};
use crate::change::{Change, Migration};
use crate::schema::{
    Column, ColumnDefault, Command, ForeignKey, Function, Index, IndexColumn, OnDelete, Policy, Returns, Rls,
    Schema, Table, Type, Volatility,
};

/// One migration with everything the linter is told.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) current: Schema,
    pub(crate) migration: Migration,
    pub(crate) target: Schema,
    pub(crate) stats: Stats,
}

/// A migration that adds tables to nothing.
pub(crate) fn adding(tables: Vec<Table>) -> Example {
    let changes = tables.iter().cloned().map(Change::AddTable).collect();
    changing(vec![], changes, tables)
}

/// A migration between two sets of tables.
pub(crate) fn changing(before: Vec<Table>, changes: Vec<Change>, after: Vec<Table>) -> Example {
    Example {
        current: schema(before),
        migration: Migration { name: "example".to_owned(), changes },
        target: schema(after),
        stats: Stats::default(),
    }
}

impl Example {
    pub(crate) fn rows(mut self, table: &str, rows: u64) -> Self {
        self.stats.tables.entry(table.to_owned()).or_default().rows = rows;
        self
    }

    pub(crate) fn nulls(mut self, table: &str, column: &str, nulls: u64) -> Self {
        let stats: &mut TableStats = self.stats.tables.entry(table.to_owned()).or_default();
        stats.nulls.insert(column.to_owned(), nulls);
        self
    }

    pub(crate) fn enums(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.target.enums.insert(name.to_owned(), values);
        self
    }
}

impl Example {
    /// The target has a function that gives nothing.
    pub(crate) fn function(mut self, name: &str, body: &str) -> Self {
        let function = Function {
            name: name.to_owned(),
            arguments: Vec::new(),
            returns: Returns::Void,
            body: body.to_owned(),
            volatility: Volatility::Volatile,
        };
        self.migration.changes.push(Change::AddFunction(function.clone()));
        self.target.functions.insert(name.to_owned(), vec![function]);
        self
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    let named = tables.into_iter().map(|table| (table.name.clone(), table));
    Schema { tables: named.collect(), ..Schema::default() }
}

/// A table with columns such as `id uuid`, `title text?`, `at timestamptz = now`; the first one is the
/// key. Its policy is `none`.
pub(crate) fn table(name: &str, columns: &[&str]) -> Table {
    let mut table = bare(name, columns);
    table.primary_key = vec![table.columns[0].name.clone()];
    table.rls = Some(Rls { label: "none".to_owned(), policies: vec![] });
    table
}

/// The same, without key and policy.
pub(crate) fn bare(name: &str, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|text| column(text)).collect();
    Table { name: name.to_owned(), columns, ..Table::default() }
}

pub(crate) fn column(text: &str) -> Column {
    let (text, default) = match text.split_once(" = ") {
        Some((text, default)) => (text, Some(default)),
        None => (text, None),
    };
    let (name, ty) = text.split_once(' ').expect("a column has a name and a type");
    let default = default.map(|default| match default {
        "now" => ColumnDefault::Now,
        "uuid" => ColumnDefault::RandomUuid,
        "identity" => ColumnDefault::Identity,
        "me" => ColumnDefault::CurrentUser,
        literal => ColumnDefault::Literal(literal.to_owned()),
    });
    Column {
        name: name.to_owned(),
        ty: ty_of(ty.trim_end_matches('?')),
        nullable: ty.ends_with('?'),
        default,
    }
}

fn ty_of(text: &str) -> Type {
    match text {
        "text" => Type::Text,
        "uuid" => Type::Uuid,
        "integer" => Type::Integer,
        "bigint" => Type::Bigint,
        "double" => Type::Double,
        "money" => Type::Numeric(12, 2),
        "nonsense" => Type::Numeric(2, 4),
        "boolean" => Type::Boolean,
        "timestamptz" => Type::Timestamptz,
        "varchar" => Type::Varchar(20),
        name => Type::Enum(name.to_owned()),
    }
}

impl Table {
    pub(crate) fn fk(mut self, column: &str, table: &str, references: &str, on_delete: OnDelete) -> Self {
        self.foreign_keys.push(ForeignKey {
            column: column.to_owned(),
            table: table.to_owned(),
            references: references.to_owned(),
            on_delete,
        });
        self
    }

    pub(crate) fn index(mut self, name: &str, columns: &[&str]) -> Self {
        self.indices.push(index(name, columns));
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn policies(mut self, policies: Vec<Policy>) -> Self {
        self.rls = Some(Rls { label: "custom".to_owned(), policies });
        self
    }

    /// Everybody reads, the owner writes.
    pub(crate) fn public(self) -> Self {
        self.policies(vec![policy(&[Command::Select], &["anon", "authenticated"], Some("true"), None)])
    }

    /// The owner does everything.
    pub(crate) fn own(self, owner: &str) -> Self {
        let mine = format!("{owner} = auth.uid()");
        self.policies(vec![policy(ALL, &["authenticated"], Some(&mine), Some(&mine))])
    }
}

pub(crate) const ALL: &[Command] = &[Command::Select, Command::Insert, Command::Update, Command::Delete];

pub(crate) fn index(name: &str, columns: &[&str]) -> Index {
    let column = |name: &&str| IndexColumn { name: (*name).to_owned(), descending: false };
    Index { name: name.to_owned(), columns: columns.iter().map(column).collect(), unique: false }
}

pub(crate) fn policy(
    commands: &[Command],
    roles: &[&str],
    using: Option<&str>,
    check: Option<&str>,
) -> Policy {
    Policy {
        name: format!("{commands:?}"),
        commands: commands.to_vec(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        restrictive: false,
        using: using.map(str::to_owned),
        check: check.map(str::to_owned),
    }
}

/// Users and posts as they should be.
pub(crate) fn ordinary() -> Example {
    let users = table("users", &["id uuid = uuid", "email text", "created_at timestamptz = now"]).own("id");
    let posts =
        table("posts", &["id uuid = uuid", "user_id uuid", "title text", "created_at timestamptz = now"])
            .fk("user_id", "users", "id", OnDelete::Cascade)
            .index("posts_user_id", &["user_id"])
            .own("user_id");
    adding(vec![users, posts])
}
