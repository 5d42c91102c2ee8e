//! Rows of two users in every table, and what each of them and a visitor must be able to do with them: for
//! whoever tries it through another door than the functions here, such as a server.

use std::collections::BTreeMap;

use forge_core::Identity;
use rusqlite::Connection;
use serde_json::json;

use super::eval::Tables;
use super::fixture::{Fixture, Owner, Variant};
use super::oracle::{Case, Oracle};
use super::{Act, RlsError, emptied, facts, sqlite};
use crate::people;
use crate::rows::{self, Row, Select};
use crate::schema::{Schema, Table};

/// What is there, and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Who tries: by name.
    pub people: Vec<(String, Identity)>,
    /// The tables.
    pub tables: Vec<SceneTable>,
}

/// One table of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneTable {
    /// Its name.
    pub table: String,
    /// The label of its policies.
    pub label: Option<String>,
    /// The columns of its key.
    pub key: Vec<String>,
    /// Its rows, with whose they are. They are there.
    pub rows: Vec<(Owner, Row)>,
    /// What must come of each attempt.
    pub attempts: Vec<Attempt>,
    /// What could not be prepared, and why.
    pub inconclusive: Vec<String>,
}

/// Something to be tried, which is to be undone afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Who: an index into [`Scene::people`].
    pub who: usize,
    /// What.
    pub act: Act,
    /// On which row: an index into [`SceneTable::rows`].
    pub row: usize,
    /// The values that a change sets, or the row to be added: it differs from the one that is there only where
    /// the database gives values out.
    pub set: Row,
    /// Whether it must succeed.
    pub expected: bool,
}

/// Empties the database on `conn`, a copy that is thrown away, and sets the scene on it.
pub fn set_scene(conn: &Connection, schema: &Schema) -> Result<Scene, RlsError> {
    let keys: bool =
        conn.query_row("pragma foreign_keys", [], |row| row.get(0)).map_err(sqlite("look at"))?;
    conn.execute_batch("pragma foreign_keys = off").map_err(sqlite("prepare"))?;
    crate::auth::create(conn).map_err(sqlite("add people to"))?;
    let now = emptied(conn, schema)?;
    let facts = facts::facts(schema);
    let fixture = Fixture::new(schema, &facts);
    let plain = Variant { name: "plain".to_owned(), ..Variant::default() };
    fixture.add_people(conn, &plain).map_err(RlsError::People)?;
    let mut tables = Vec::with_capacity(schema.tables.len());
    for table in schema.tables.values() {
        tables.push(filled(conn, &fixture, &plain, table));
    }
    let restore = if keys { "pragma foreign_keys = on" } else { "pragma foreign_keys = off" };
    conn.execute_batch(restore).map_err(sqlite("restore"))?;
    let who = vec![
        ("alice".to_owned(), fixture.identity(Owner::Alice, &plain)),
        ("bob".to_owned(), fixture.identity(Owner::Bob, &plain)),
        ("anon".to_owned(), Identity::anon()),
    ];
    let mut world: Tables = tables
        .iter()
        .map(|table| (table.table.clone(), table.rows.iter().map(|(_, row)| row.clone()).collect()))
        .collect();
    let persons = [Owner::Alice, Owner::Bob].map(|owner| fixture.person(owner, &plain)).to_vec();
    world.insert(people::USERS.to_owned(), persons);
    for scene in &mut tables {
        if let Some(table) = schema.table(&scene.table) {
            expect(schema, &fixture, table, &who, &world, now, scene);
        }
    }
    Ok(Scene { people: who, tables })
}

/// Adds a row of each user to the table, as it is read back.
fn filled(conn: &Connection, fixture: &Fixture<'_>, plain: &Variant, table: &Table) -> SceneTable {
    let mut scene = SceneTable {
        table: table.name.clone(),
        label: table.rls.as_ref().map(|rls| rls.label.clone()),
        key: table.primary_key.clone(),
        rows: Vec::new(),
        attempts: Vec::new(),
        inconclusive: Vec::new(),
    };
    if table.primary_key.is_empty() {
        scene.inconclusive.push("it has no primary key to tell its rows apart".to_owned());
        return scene;
    }
    for owner in [Owner::Alice, Owner::Bob] {
        if let Err(why) = add(conn, fixture, plain, table, owner, &mut scene.rows) {
            scene.inconclusive.push(why);
        }
    }
    scene
}

fn add(
    conn: &Connection,
    fixture: &Fixture<'_>,
    plain: &Variant,
    table: &Table,
    owner: Owner,
    made: &mut Vec<(Owner, Row)>,
) -> Result<(), String> {
    let Some(known) = fixture.schema.table(&table.name) else { return Ok(()) };
    let row = fixture.row(conn, known, owner, plain)?;
    fixture.add(conn, table, &row)?;
    let all = rows::select(conn, fixture.schema, &Identity::service(), &table.name, &Select::default())
        .map_err(|error| error.to_string())?;
    let new = all.into_iter().find(|row| !made.iter().any(|(_, known)| known == row));
    made.push((owner, new.ok_or("the row that was added is not there")?));
    Ok(())
}

/// Works out what must come of everything that is tried on a table.
fn expect(
    schema: &Schema,
    fixture: &Fixture<'_>,
    table: &Table,
    people: &[(String, Identity)],
    world: &Tables,
    now: jiff::Timestamp,
    scene: &mut SceneTable,
) {
    let oracle = Oracle::new(schema, table);
    let owned: Vec<String> = fixture.owned(table).iter().map(|column| column.name.clone()).collect();
    for (row_at, (owner, row)) in scene.rows.iter().enumerate() {
        for (who_at, (name, who)) in people.iter().enumerate() {
            for (act, set) in acts(table, &owned, *owner, name, row) {
                let mut new = row.clone();
                new.extend(set.clone());
                // A row that is added is not there yet.
                let without: BTreeMap<String, Vec<Row>>;
                let tables = if act == Act::Insert {
                    let rest = |rows: &Vec<Row>| rows.iter().filter(|known| *known != row).cloned().collect();
                    without = world.iter().map(|(name, rows)| (name.clone(), rest(rows))).collect();
                    &without
                } else {
                    world
                };
                let case = Case { who, act, row, new: &new, tables, now };
                match oracle.expects(&case) {
                    Ok(expected) => {
                        scene.attempts.push(Attempt { who: who_at, act, row: row_at, set, expected })
                    }
                    Err(why) => scene.inconclusive.push(why.to_string()),
                }
            }
        }
    }
    scene.inconclusive.sort();
    scene.inconclusive.dedup();
}

/// What `name` tries on a row of `owner`'s, and the values that go with it.
fn acts(table: &Table, owned: &[String], owner: Owner, name: &str, row: &Row) -> Vec<(Act, Row)> {
    let plain = |column: &&crate::schema::Column| {
        !table.primary_key.contains(&column.name) && !owned.contains(&column.name)
    };
    let harmless = table.columns.iter().find(plain).unwrap_or(&table.columns[0]);
    let same = Row::from_iter([(harmless.name.clone(), row[&harmless.name].clone())]);
    let mut acts = vec![
        (Act::Select, Row::new()),
        (Act::Insert, row.clone()),
        (Act::Update, same),
        (Act::Delete, Row::new()),
    ];
    let to = match (name, owner) {
        ("alice", Owner::Alice) => Some((Act::GiveAway, Owner::Bob)),
        ("bob", Owner::Bob) => Some((Act::GiveAway, Owner::Alice)),
        ("alice", _) => Some((Act::Take, Owner::Alice)),
        ("bob", _) => Some((Act::Take, Owner::Bob)),
        _ => None,
    };
    if let Some((act, to)) = to.filter(|_| !owned.is_empty()) {
        acts.push((act, owned.iter().map(|column| (column.clone(), json!(to.id()))).collect()));
    }
    acts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    const APP: &str = "migration: app
changes:
  - add_table: {name: notes, columns: [id uuid pk, user_id uuid not null, title text not null], rls: own-row}
  - add_table: {name: lines, columns: [id uuid pk, note_id fk->notes.id, user_id uuid not null], rls: own-row}
  - add_table: {name: countries, columns: [code text pk], rls: public}
  - add_table: {name: secrets, columns: [id uuid pk, value text not null], rls: none}
";

    fn scene() -> (Connection, Scene) {
        let migration = spec::parse(APP, &Schema::default()).unwrap();
        let plan = crate::ddl::plan(&Schema::default(), &migration).unwrap();
        let conn = Connection::open_in_memory().unwrap();
        for statement in &plan.up {
            conn.execute_batch(statement).unwrap();
        }
        let scene = set_scene(&conn, &plan.target).unwrap();
        (conn, scene)
    }

    #[test]
    fn every_table_has_a_row_of_each_and_everybody_tries_everything() {
        let (conn, scene) = scene();
        for table in &scene.tables {
            assert_eq!(table.inconclusive, Vec::<String>::new(), "{}", table.table);
            let count: i64 = conn
                .query_row(&format!("select count(*) from {}", table.table), [], |row| row.get(0))
                .unwrap();
            assert_eq!((count, table.rows.len()), (2, 2), "{}", table.table);
            assert!(table.attempts.len() >= 24, "{}", table.table);
        }
        let broken: i64 =
            conn.query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!(broken, 0, "the rows belong together");
    }

    #[test]
    fn what_must_come_of_it_is_what_the_labels_promise() {
        let (_, scene) = scene();
        let expected = |table: &str, who: &str, act: Act, owner: Owner| {
            let table = scene.tables.iter().find(|scene| scene.table == table).unwrap();
            let found = table.attempts.iter().find(|attempt| {
                let (name, whose) = (&scene.people[attempt.who].0, table.rows[attempt.row].0);
                name == who && attempt.act == act && whose == owner
            });
            found.unwrap().expected
        };
        for (who, owner, own) in [
            ("alice", Owner::Alice, true),
            ("alice", Owner::Bob, false),
            ("bob", Owner::Bob, true),
            ("anon", Owner::Alice, false),
        ] {
            for act in [Act::Select, Act::Insert, Act::Update, Act::Delete] {
                assert_eq!(expected("notes", who, act, owner), own, "{who} {act:?}");
                assert!(!expected("secrets", who, act, owner), "{who} {act:?}");
                assert_eq!(expected("countries", who, act, owner), act == Act::Select, "{who} {act:?}");
            }
        }
        assert!(!expected("notes", "alice", Act::GiveAway, Owner::Alice));
        assert!(!expected("notes", "bob", Act::Take, Owner::Alice));
    }
}
