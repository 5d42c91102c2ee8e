//! Which changes bring the tables to what a document says. Pure.

use std::collections::BTreeSet;

use forge_database::change::Change;
use forge_database::schema::{Schema, Table};
use forge_database::spec;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::{Action, Step};
use crate::shorthand::told;

/// The changes in the order in which they can be made, and what each is to people.
pub(super) fn changes(document: &Document, schema: &Schema) -> Result<(Vec<Change>, Vec<Step>), String> {
    let mut all = Vec::new();
    let (wanted, enums) = wanted(document, schema)?;
    for (name, values) in enums {
        match schema.enums.get(&name) {
            None => all.push((
                Action::Add,
                "enum",
                name.clone(),
                values.join(", "),
                Change::AddEnum { name, values },
            )),
            Some(known) => {
                let new: Vec<String> = values.into_iter().filter(|value| !known.contains(value)).collect();
                if !new.is_empty() {
                    let what = format!("values {}", new.join(", "));
                    let change = Change::AddEnumValues { name: name.clone(), values: new };
                    all.push((Action::Change, "enum", name, what, change));
                }
            }
        }
    }
    for want in in_order(&wanted) {
        match schema.table(&want.name) {
            None => {
                let columns: Vec<&str> = want.columns.iter().map(|column| column.name.as_str()).collect();
                let what = format!("columns {}", columns.join(", "));
                all.push((Action::Add, "table", want.name.clone(), what, Change::AddTable(want.clone())));
            }
            Some(have) => {
                for (what, change) in differences(have, want)? {
                    all.push((Action::Change, "table", want.name.clone(), what, change));
                }
            }
        }
    }
    for (table, change) in policies(document, schema)? {
        let what = "who reaches which rows".to_owned();
        all.push((Action::Change, "table", table, what, change));
    }
    for (table, columns) in &document.drop.columns {
        let Some(have) = schema.table(table) else { continue };
        for column in columns.iter().filter(|column| have.column(column).is_some()) {
            let change = Change::DropColumn { table: table.clone(), column: column.clone() };
            let name = format!("{table}.{column}");
            all.push((Action::Remove, "column", name, "with its values".to_owned(), change));
        }
    }
    for table in document.drop.tables.iter().filter(|table| schema.tables.contains_key(*table)) {
        let change = Change::DropTable { table: table.clone() };
        all.push((Action::Remove, "table", table.clone(), "with its rows".to_owned(), change));
    }
    let step = |(action, kind, name, what, change)| (change, Step { action, kind, name, what });
    Ok(all.into_iter().map(step).unzip())
}

/// An enum and its values.
type Enum = (String, Vec<String>);

/// The tables and enums that the document describes, read as a migration of a schema without them.
fn wanted(document: &Document, schema: &Schema) -> Result<(Vec<Table>, Vec<Enum>), String> {
    let mut base = schema.clone();
    base.tables.retain(|name, _| !document.tables.contains_key(name));
    base.enums.retain(|name, _| !document.enums.contains_key(name));
    let enums =
        document.enums.iter().map(|(name, values)| json!({ "add_enum": { "name": name, "values": values } }));
    let enums: Vec<Value> = enums.collect();
    let mut described = Vec::new();
    for (name, body) in &document.tables {
        let Value::Object(body) = body else { return Err(format!("`tables.{name}` is no mapping")) };
        if body.contains_key("name") {
            return Err(format!("`tables.{name}.name` is no key: the table is called `{name}`"));
        }
        let mut body: Map<String, Value> = body.clone();
        body.insert("name".to_owned(), json!(name));
        described.push((name, json!({ "add_table": body })));
    }
    let parse = |changes: Vec<&Value>| {
        let text = json!({ "migration": "apply", "changes": changes }).to_string();
        spec::parse(&text, &base)
    };
    if described.is_empty() && enums.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let read = parse(enums.iter().chain(described.iter().map(|(_, change)| change)).collect());
    let migration = read.map_err(|error| {
        // Read alone, the table at fault says what is wrong with it; else they are at odds with each other.
        let at_fault = described.iter().find_map(|(name, change)| {
            let alone = parse(enums.iter().chain([change]).collect()).err()?;
            (alone.problem == error.problem).then_some(*name)
        });
        match at_fault {
            Some(name) => format!("`tables.{name}`: {}", told(&error)),
            None => told(&error),
        }
    })?;
    let (mut tables, mut enums) = (Vec::new(), Vec::new());
    for change in migration.changes {
        match change {
            Change::AddTable(table) => tables.push(table),
            Change::AddEnum { name, values } => enums.push((name, values)),
            _ => return Err("a document describes tables and enums".to_owned()),
        }
    }
    Ok((tables, enums))
}

/// Those that are referred to before those that refer to them, as far as that is possible.
fn in_order(tables: &[Table]) -> Vec<&Table> {
    let mut left: Vec<&Table> = tables.iter().collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let names: BTreeSet<&str> = left.iter().map(|table| table.name.as_str()).collect();
        let free = |table: &&Table| {
            let mut targets = table.foreign_keys.iter().map(|key| key.table.as_str());
            !targets.any(|target| target != table.name && names.contains(target))
        };
        let at = left.iter().position(free).unwrap_or(0);
        ordered.push(left.remove(at));
    }
    ordered
}

/// What a table lacks of what it is to be. What it has beside that stays.
fn differences(have: &Table, want: &Table) -> Result<Vec<(String, Change)>, String> {
    let table = &want.name;
    if have.primary_key != want.primary_key {
        return Err(format!(
            "`tables.{table}`: the key is ({}) and cannot become ({})",
            have.primary_key.join(", "),
            want.primary_key.join(", ")
        ));
    }
    let mut all = Vec::new();
    let mut add = |what: String, change: Change| all.push((what, change));
    for column in &want.columns {
        match have.column(&column.name) {
            None => {
                let unique = want.uniques.contains(&vec![column.name.clone()]);
                let foreign_key = want.foreign_key(&column.name).cloned();
                let (table, column) = (table.clone(), column.clone());
                let what = format!("new column {} {}", column.name, column.ty);
                add(what, Change::AddColumn { table, column, foreign_key, unique });
            }
            Some(known) if known != column && want.primary_key.contains(&column.name) => {
                return Err(format!(
                    "`tables.{table}`: `{}` is the key, and stays {}",
                    column.name, known.ty
                ));
            }
            Some(known) if known != column => {
                let what = format!("column {} becomes {}", column.name, column.ty);
                add(what, Change::AlterColumn { table: table.clone(), column: column.clone() });
            }
            Some(_) => {}
        }
    }
    for key in want.foreign_keys.iter().filter(|key| have.column(&key.column).is_some()) {
        let known = have.foreign_key(&key.column);
        if known == Some(key) {
            continue;
        }
        if known.is_some() {
            let (table, column) = (table.clone(), key.column.clone());
            add(
                format!("{column} no longer refers to what it did"),
                Change::DropForeignKey { table, column },
            );
        }
        let what = format!("{} refers to {}.{}", key.column, key.table, key.references);
        add(what, Change::AddForeignKey { table: table.clone(), foreign_key: key.clone() });
    }
    for columns in &want.uniques {
        let with_its_column = columns.len() == 1 && have.column(&columns[0]).is_none();
        if !with_its_column && !have.uniques.contains(columns) {
            let (table, columns) = (table.clone(), columns.clone());
            add(format!("unique: {}", columns.join(", ")), Change::AddUnique { table, columns });
        }
    }
    for check in &want.checks {
        let known = have.checks.iter().find(|known| known.name == check.name);
        if known == Some(check) {
            continue;
        }
        if known.is_some() {
            let change = Change::DropCheck { table: table.clone(), check: check.name.clone() };
            add(format!("check {} as it was goes", check.name), change);
        }
        let what = format!("always {}", check.expr);
        add(what, Change::AddCheck { table: table.clone(), check: check.clone() });
    }
    for index in &want.indices {
        let same = |known: &forge_database::schema::Index| {
            known.columns == index.columns && known.unique == index.unique
        };
        if !have.indices.iter().any(same) {
            let columns: Vec<&str> = index.columns.iter().map(|column| column.name.as_str()).collect();
            let what = format!("index on {}", columns.join(", "));
            add(what, Change::AddIndex { table: table.clone(), index: index.clone() });
        }
    }
    if let Some(rls) = want.rls.as_ref().filter(|rls| have.rls.as_ref() != Some(rls)) {
        let before = have.rls.as_ref().map_or("nothing", |rls| rls.label.as_str());
        let what = format!("who reaches which rows: {before} becomes {}", rls.label);
        add(what, Change::SetRls { table: table.clone(), rls: rls.clone() });
    }
    if !want.grants.is_empty() && want.grants != have.grants {
        let change = Change::SetGrants { table: table.clone(), grants: want.grants.clone() };
        add("which columns roles reach".to_owned(), change);
    }
    Ok(all)
}

fn policies(document: &Document, schema: &Schema) -> Result<Vec<(String, Change)>, String> {
    let mut all = Vec::new();
    for (table, rls) in &document.policies {
        let change = json!({ "set_rls": { "table": table, "rls": rls } });
        let text = json!({ "migration": "apply", "changes": [change] }).to_string();
        let read =
            spec::parse(&text, schema).map_err(|error| format!("`policies.{table}`: {}", told(&error)))?;
        for change in read.changes {
            let Change::SetRls { rls, .. } = &change else { continue };
            let have = schema.table(table);
            if have.is_none() {
                return Err(format!("`policies.{table}`: there is no such table"));
            }
            if have.and_then(|have| have.rls.as_ref()) != Some(rls) {
                all.push((table.clone(), change));
            }
        }
    }
    Ok(all)
}
