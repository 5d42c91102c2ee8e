//! Random schemas with random policies.

use forge_database::change::{Change, Migration};
use forge_database::policy;
use forge_database::schema::{
    Check, Column, ColumnDefault, Command, ForeignKey, OnDelete, Policy, RangeOf, Rls, Table, Type,
};

use super::random::Random;

pub(crate) const MOODS: [&str; 3] = ["calm", "busy", "lost"];
const TABLES: [&str; 4] = ["teams", "notes", "items", "log entries"];
const COMMANDS: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

/// A migration that makes a few tables.
pub(crate) fn migration(random: &mut Random) -> Migration {
    let moods = MOODS.map(str::to_owned).to_vec();
    let mut changes = vec![Change::AddEnum { name: "mood".to_owned(), values: moods }];
    let mut made: Vec<Table> = Vec::new();
    for name in &TABLES[..2 + random.below(2)] {
        let table = table(random, name, &made);
        made.push(table.clone());
        changes.push(Change::AddTable(table));
    }
    Migration { name: "random".to_owned(), changes }
}

fn table(random: &mut Random, name: &str, earlier: &[Table]) -> Table {
    let key = random.pick(&[Type::Uuid, Type::Bigint, Type::Text, Type::Integer]).clone();
    let mut columns = vec![column("id", key, false), column("owner", Type::Uuid, random.happens(50))];
    let mut foreign_keys = Vec::new();
    for other in earlier {
        if !random.happens(70) {
            continue;
        }
        let own = format!("{}_id", other.name);
        columns.push(column(&own, other.columns[0].ty.clone(), random.happens(60)));
        let on_delete = *random.pick(&[OnDelete::Restrict, OnDelete::Cascade]);
        foreign_keys.push(ForeignKey {
            column: own,
            table: other.name.clone(),
            references: "id".to_owned(),
            on_delete,
        });
    }
    for (name, ty) in types() {
        if random.happens(45) {
            let mut made = column(name, ty, random.happens(70));
            made.default = default(random, &made);
            columns.push(made);
        }
    }
    let mut table = Table {
        name: name.to_owned(),
        columns,
        primary_key: vec!["id".to_owned()],
        foreign_keys,
        ..Table::default()
    };
    if let Some(title) = table.column("title")
        && random.happens(30)
    {
        table.uniques.push(vec![title.name.clone()]);
    }
    if table.column("count").is_some() && random.happens(40) {
        table.checks.push(Check { name: "count_is_small".to_owned(), expr: "count < 100".to_owned() });
    }
    let mut rls = rls(random, &table, earlier);
    rls.policies.push(editors());
    table.rls = Some(rls);
    table
}

fn types() -> Vec<(&'static str, Type)> {
    vec![
        ("title", Type::Text),
        ("short", Type::Varchar(6)),
        ("count", Type::Integer),
        ("size", Type::Bigint),
        ("ratio", Type::Double),
        ("price", Type::Numeric(8, 2)),
        ("open", Type::Boolean),
        ("tag", Type::Uuid),
        ("at", Type::Timestamptz),
        ("day", Type::Date),
        ("meta", Type::Jsonb),
        ("words", Type::Array(Box::new(Type::Text))),
        ("mood", Type::Enum("mood".to_owned())),
        ("span", Type::Range(RangeOf::Integer)),
    ]
}

fn column(name: &str, ty: Type, nullable: bool) -> Column {
    Column { name: name.to_owned(), ty, nullable, default: None }
}

fn default(random: &mut Random, column: &Column) -> Option<ColumnDefault> {
    let text = match column.ty {
        Type::Integer => "7",
        Type::Text => "untitled",
        Type::Boolean => "false",
        Type::Numeric(..) => "1.5",
        Type::Enum(_) => "calm",
        _ => return None,
    };
    random.happens(40).then(|| ColumnDefault::Literal(text.to_owned()))
}

fn rls(random: &mut Random, table: &Table, earlier: &[Table]) -> Rls {
    if random.happens(40) {
        let label = *random.pick(&["own-row(owner)", "public", "none"]);
        return policy::expand(label, table).expect("a shorthand that fits");
    }
    let mut policies = Vec::new();
    for at in 0..1 + random.below(4) {
        let commands: Vec<Command> = match random.below(3) {
            0 => COMMANDS.to_vec(),
            1 => vec![*random.pick(&COMMANDS)],
            _ => random.some(&COMMANDS, 50).into_iter().copied().collect(),
        };
        if commands.is_empty() {
            continue;
        }
        let roles: Vec<String> = match random.below(4) {
            0 => vec!["anon".to_owned(), "authenticated".to_owned()],
            1 => vec!["anon".to_owned()],
            2 => vec!["editor".to_owned()],
            _ => vec!["authenticated".to_owned()],
        };
        let mut using = Some(condition(random, table, earlier, 0));
        let mut check = random.happens(40).then(|| condition(random, table, earlier, 0));
        if random.happens(5) && check.is_some() {
            using = None;
        }
        if commands == [Command::Insert] {
            check = check.or(using.take());
        }
        policies.push(Policy {
            name: format!("policy {at}"),
            restrictive: at > 0 && random.happens(25),
            commands,
            roles,
            using,
            check,
        });
    }
    Rls { label: "custom".to_owned(), policies }
}

/// A policy that lets nobody do anything, so that the role of the application's own is there.
fn editors() -> Policy {
    Policy {
        name: "editors".to_owned(),
        commands: vec![Command::Select],
        roles: vec!["editor".to_owned()],
        restrictive: false,
        using: Some("false".to_owned()),
        check: None,
    }
}

fn condition(random: &mut Random, table: &Table, earlier: &[Table], depth: usize) -> String {
    if depth < 2 && random.happens(30) {
        let (left, right) =
            (condition(random, table, earlier, depth + 1), condition(random, table, earlier, depth + 1));
        return match random.below(3) {
            0 => format!("({left} and {right})"),
            1 => format!("({left} or {right})"),
            _ => format!("not ({left})"),
        };
    }
    let mut choices = vec![
        "owner = auth.uid()".to_owned(),
        "owner = auth.uid()".to_owned(),
        "owner is null".to_owned(),
        "owner is not null".to_owned(),
        "owner is distinct from auth.uid()".to_owned(),
        "true".to_owned(),
        "auth.role() = 'authenticated'".to_owned(),
        "auth.uid() is not null".to_owned(),
        "coalesce(auth.jwt() ->> 'team', 'none') = 'red'".to_owned(),
    ];
    for column in &table.columns {
        choices.extend(match (column.name.as_str(), &column.ty) {
            ("open", _) => vec!["open".to_owned(), "open is not true".to_owned()],
            ("count", _) => {
                vec!["count > 3".to_owned(), "count between 1 and 8".to_owned(), "count + 1 < 5".to_owned()]
            }
            ("title", _) => vec![
                "title like 'a%'".to_owned(),
                "lower(title) = auth.jwt() ->> 'team'".to_owned(),
                "length(title) > 2".to_owned(),
            ],
            ("mood", _) => vec!["mood in ('calm', 'lost')".to_owned(), "mood = 'busy'".to_owned()],
            ("price", _) => vec!["price >= 1.5".to_owned()],
            ("day", _) => vec!["day < '2026-02-01'".to_owned()],
            ("at", _) => vec!["at < now()".to_owned()],
            _ => Vec::new(),
        });
    }
    for key in &table.foreign_keys {
        let Some(other) = earlier.iter().find(|other| other.name == key.table) else { continue };
        let (own, name) = (&key.column, &other.name);
        choices.push(format!(
            "exists (select 1 from \"{name}\" o where o.id = \"{}\".\"{own}\" and o.owner = auth.uid())",
            table.name
        ));
        choices.push(format!("\"{own}\" in (select o.id from \"{name}\" o where o.owner is not null)"));
    }
    random.pick(&choices).clone()
}
