//! Random schemas and changes, for tests: made of a list of numbers, so that what fails shrinks.

use crate::{
    change::{Change, Migration},
    ddl,
    schema::{
        Check, Column, ColumnDefault, ColumnGrant, Command, ForeignKey, Index, IndexColumn, OnDelete, Policy,
        RangeOf, Rls, Schema, Table, Type, View,
    },
};

const TABLES: [&str; 6] = ["users", "posts", "order", "tags", "post_tags", "a"];
const COLUMNS: [&str; 10] =
    ["id", "user_id", "title", "price", "note", "group", "x1", "created_at", "data", "b"];
const ENUMS: [&str; 3] = ["mood", "pk", "state"];
const VIEWS: [&str; 2] = ["shown", "tags"];
const VALUES: [&str; 4] = ["draft", "it's", "two words", "ü"];

/// Numbers to decide by; zeros once they are used up.
pub(crate) struct Choices {
    numbers: std::vec::IntoIter<u16>,
}

impl Choices {
    pub(crate) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers: numbers.into_iter() }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or(0)) % bound
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == odds - 1
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn subset(&mut self, from: &[String]) -> Vec<String> {
        let mut rest = from.to_vec();
        let mut out = Vec::new();
        for _ in 0..=self.below(3) {
            if !rest.is_empty() {
                let at = self.below(rest.len());
                out.push(rest.remove(at));
            }
        }
        out
    }
}

/// A migration that `current` takes, of up to `most` changes.
pub(crate) fn migration(choices: &mut Choices, current: &Schema, most: usize) -> Migration {
    let mut migration = Migration { name: "random".to_owned(), changes: Vec::new() };
    let mut schema = current.clone();
    for _ in 0..most {
        let change = change(choices, &schema);
        migration.changes.push(change);
        match ddl::plan(current, &migration) {
            Ok(plan) => schema = plan.target,
            Err(_) => drop(migration.changes.pop()),
        }
    }
    migration
}

fn change(choices: &mut Choices, schema: &Schema) -> Change {
    let names: Vec<String> = schema.tables.keys().cloned().collect();
    let Some(table) = names.get(choices.below(names.len().max(1))).and_then(|name| schema.table(name)) else {
        return if choices.one_in(3) { add_enum(choices) } else { Change::AddTable(table(choices, schema)) };
    };
    let name = table.name.clone();
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let one = choices.pick(&columns).clone();
    match choices.below(24) {
        0..=2 => Change::AddTable(self::table(choices, schema)),
        3 => Change::DropTable { table: name },
        4 => Change::RenameTable { table: name, to: (*choices.pick(&TABLES)).to_owned() },
        5 | 6 => {
            let column = column(choices, schema);
            let foreign_key = foreign_key(choices, schema, &column);
            Change::AddColumn { table: name, column, foreign_key, unique: choices.one_in(4) }
        }
        7 => Change::DropColumn { table: name, column: one },
        8 => Change::RenameColumn { table: name, column: one, to: (*choices.pick(&COLUMNS)).to_owned() },
        9 => Change::AlterColumn { table: name, column: Column { name: one, ..column(choices, schema) } },
        10 => Change::AddIndex { index: index(choices, &name, &columns), table: name },
        11 => Change::DropIndex {
            index: table.indices.first().map_or(one, |index| index.name.clone()),
            table: name,
        },
        12 => Change::AddCheck { check: check(choices, &table.columns), table: name },
        13 => Change::DropCheck {
            check: table.checks.first().map_or(one, |check| check.name.clone()),
            table: name,
        },
        14 => Change::AddUnique { table: name, columns: choices.subset(&columns) },
        15 => {
            let group = table.uniques.first().cloned().unwrap_or_default();
            Change::DropUnique { table: name, columns: group }
        }
        16 => {
            let column = choices.pick(&table.columns).clone();
            match foreign_key(choices, schema, &column) {
                Some(foreign_key) => Change::AddForeignKey { table: name, foreign_key },
                None => Change::DropForeignKey { table: name, column: one },
            }
        }
        17 => add_enum(choices),
        18 => {
            let values = vec![(*choices.pick(&VALUES)).to_owned()];
            Change::AddEnumValues { name: (*choices.pick(&ENUMS)).to_owned(), values }
        }
        19 => Change::DropEnum { name: (*choices.pick(&ENUMS)).to_owned() },
        20 => view(choices, &name, &one),
        21 => Change::DropView { name: (*choices.pick(&VIEWS)).to_owned() },
        22 => Change::SetGrants { grants: grants(choices, &columns), table: name },
        _ => Change::SetRls { rls: rls(choices, &columns), table: name },
    }
}

fn view(choices: &mut Choices, table: &str, column: &str) -> Change {
    let query = format!("select \"{column}\" as \"column\", count(*) as n from \"{table}\" group by 1");
    Change::AddView(View { name: (*choices.pick(&VIEWS)).to_owned(), query })
}

fn add_enum(choices: &mut Choices) -> Change {
    let count = 1 + choices.below(VALUES.len());
    let values = VALUES[..count].iter().map(|value| (*value).to_owned()).collect();
    Change::AddEnum { name: (*choices.pick(&ENUMS)).to_owned(), values }
}

fn table(choices: &mut Choices, schema: &Schema) -> Table {
    let mut table = Table { name: (*choices.pick(&TABLES)).to_owned(), ..Table::default() };
    let id = match choices.below(4) {
        0 => (Type::Uuid, Some(ColumnDefault::RandomUuid)),
        1 => (Type::Bigint, Some(ColumnDefault::Identity)),
        2 => (Type::Integer, None),
        _ => (Type::Text, None),
    };
    table.columns.push(Column { name: "id".to_owned(), ty: id.0, nullable: false, default: id.1 });
    for _ in 0..choices.below(7) {
        let column = column(choices, schema);
        if table.column(&column.name).is_none() {
            table.foreign_keys.extend(foreign_key(choices, schema, &column));
            table.columns.push(column);
        }
    }
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    table.primary_key = vec!["id".to_owned()];
    if choices.one_in(4) {
        table.columns[0].default = None;
        table.primary_key = choices.subset(&columns);
        for column in table.columns.iter_mut().filter(|column| table.primary_key.contains(&column.name)) {
            column.nullable = false;
        }
    }
    if choices.one_in(3) {
        table.uniques.push(choices.subset(&columns));
    }
    if choices.one_in(3) {
        table.checks.push(check(choices, &table.columns));
    }
    for _ in 0..choices.below(3) {
        table.indices.push(index(choices, &table.name, &columns));
    }
    if choices.one_in(2) {
        table.rls = Some(rls(choices, &columns));
    }
    if choices.one_in(4) {
        table.grants = grants(choices, &columns);
    }
    table
}

fn column(choices: &mut Choices, schema: &Schema) -> Column {
    let ty = ty(choices, schema);
    let default = if choices.one_in(3) { default(choices, &ty, schema) } else { None };
    Column { name: (*choices.pick(&COLUMNS)).to_owned(), ty, nullable: !choices.one_in(3), default }
}

fn ty(choices: &mut Choices, schema: &Schema) -> Type {
    let enums: Vec<String> = schema.enums.keys().cloned().collect();
    match choices.below(20) {
        0 => Type::Text,
        1 => Type::Varchar(1 + choices.below(200) as u32),
        2 => Type::Smallint,
        3 => Type::Integer,
        4 => Type::Bigint,
        5 => Type::Double,
        6 => Type::Numeric(1 + choices.below(30) as u32, choices.below(15) as u32),
        7 => Type::Boolean,
        8 => Type::Timestamptz,
        9 => Type::Date,
        10 => Type::Time,
        11 => Type::Jsonb,
        12 => Type::Bytea,
        13 => Type::Vector(1 + choices.below(20) as u32),
        14 => Type::Array(Box::new(Type::Text)),
        15 if !enums.is_empty() => Type::Enum(choices.pick(&enums).clone()),
        16 if !enums.is_empty() => Type::Array(Box::new(Type::Enum(choices.pick(&enums).clone()))),
        17 => Type::Tsvector,
        18 => Type::Range(*choices.pick(&[
            RangeOf::Integer,
            RangeOf::Bigint,
            RangeOf::Numeric,
            RangeOf::Date,
            RangeOf::Timestamptz,
        ])),
        _ => Type::Uuid,
    }
}

fn grants(choices: &mut Choices, columns: &[String]) -> Vec<ColumnGrant> {
    let roles = ["anon", "authenticated"].map(str::to_owned);
    let commands = [Command::Select, Command::Insert, Command::Update];
    let grant = |choices: &mut Choices, role: String, command| ColumnGrant {
        role,
        command,
        columns: if choices.one_in(4) { Vec::new() } else { choices.subset(columns) },
    };
    let role = choices.pick(&roles).clone();
    let mut out = vec![grant(choices, role.clone(), commands[0])];
    if choices.one_in(2) {
        let command = commands[1 + choices.below(2)];
        out.push(grant(choices, role, command));
    }
    out
}

fn default(choices: &mut Choices, ty: &Type, schema: &Schema) -> Option<ColumnDefault> {
    match ty {
        Type::Timestamptz | Type::Date | Type::Time if choices.one_in(2) => Some(ColumnDefault::Now),
        Type::Uuid if choices.one_in(2) => Some(ColumnDefault::RandomUuid),
        Type::Uuid => Some(ColumnDefault::CurrentUser),
        _ => sample(ty, schema).map(ColumnDefault::Literal),
    }
}

/// A value of the type, in text form.
pub(crate) fn sample(ty: &Type, schema: &Schema) -> Option<String> {
    let text = match ty {
        Type::Text => "it's: a #\n\"text\"",
        Type::Varchar(_) => "x",
        Type::Smallint | Type::Integer | Type::Bigint | Type::Numeric(..) => "0",
        Type::Double => "-1.5e3",
        Type::Boolean => "true",
        Type::Uuid => "00000000-0000-4000-8000-00000000000a",
        Type::Timestamptz => "2026-01-02T03:04:05Z",
        Type::Date => "2026-01-02",
        Type::Time => "03:04:05",
        Type::Jsonb => "{\"a\":[1,\"b\"]}",
        Type::Bytea => "\\x00ff",
        Type::Vector(dimensions) => {
            return Some(format!("[{}]", vec!["0.5"; *dimensions as usize].join(",")));
        }
        Type::Enum(name) => return schema.enums.get(name)?.first().cloned(),
        Type::Array(_) => "[]",
        Type::Range(_) => "empty",
        Type::Tsvector => "'a':1",
    };
    Some(text.to_owned())
}

fn foreign_key(choices: &mut Choices, schema: &Schema, column: &Column) -> Option<ForeignKey> {
    let fits: Vec<&Table> = schema
        .tables
        .values()
        .filter(|table| {
            table.primary_key == ["id"] && table.column("id").is_some_and(|id| id.ty == column.ty)
        })
        .collect();
    if fits.is_empty() || choices.one_in(3) {
        return None;
    }
    let on_delete = *choices.pick(&[OnDelete::Restrict, OnDelete::Cascade, OnDelete::SetNull]);
    let table = choices.pick(&fits).name.clone();
    Some(ForeignKey { column: column.name.clone(), table, references: "id".to_owned(), on_delete })
}

fn check(choices: &mut Choices, columns: &[Column]) -> Check {
    let Column { name: column, ty, .. } = choices.pick(columns);
    let expr = match ty {
        Type::Text | Type::Varchar(_) => match choices.below(3) {
            0 => format!("length(\"{column}\") < 1000"),
            1 => format!("\"{column}\"  is not null OR not (\"{column}\" in ('a','b''c'))"),
            _ => format!("coalesce(\"{column}\", '') <> 'bad' and \"{column}\" not like 'x%'"),
        },
        Type::Smallint | Type::Integer | Type::Bigint | Type::Double | Type::Numeric(..) => {
            format!("\"{column}\" >= -2 * 1000")
        }
        Type::Boolean => format!("\"{column}\" or \"{column}\" is null"),
        _ => format!("\"{column}\" is not null"),
    };
    Check { name: format!("check_{}", choices.below(3)), expr }
}

fn index(choices: &mut Choices, table: &str, columns: &[String]) -> Index {
    let columns: Vec<IndexColumn> = choices
        .subset(columns)
        .into_iter()
        .map(|name| IndexColumn { name, descending: choices.one_in(3) })
        .collect();
    let name = if choices.one_in(2) {
        format!("index_{}", choices.below(3))
    } else {
        Index::default_name(table, &columns)
    };
    Index { name, columns, unique: choices.one_in(4) }
}

fn rls(choices: &mut Choices, columns: &[String]) -> Rls {
    if choices.one_in(3) {
        return Rls { label: "none".to_owned(), policies: Vec::new() };
    }
    let column = choices.pick(columns);
    let policy = Policy {
        name: "mine".to_owned(),
        commands: vec![*choices.pick(&[Command::Select, Command::Delete])],
        roles: vec!["authenticated".to_owned()],
        restrictive: choices.one_in(3),
        using: Some(format!("\"{column}\" is not null and auth.uid() is not null")),
        check: None,
    };
    Rls { label: (*choices.pick(&["custom", "odd label"])).to_owned(), policies: vec![policy] }
}
