//! The same tables without any of the data, with rows of two users in them, for whoever tries them out.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::{Database, Limits, PipelineError};
use crate::ddl::sqlite;
use crate::ddl::sqlite::quote_name;
use crate::introspect::introspect;
use crate::people;
use crate::prove::rls::scene::{Scene, set_scene};
use crate::schema::{Table, Type};

impl Database {
    /// Makes a database of this one's schema in `dir`, which has none yet, and sets a scene on it. No row of this
    /// one is looked at.
    pub fn scene(&self, dir: &Path) -> Result<(Database, Scene), PipelineError> {
        let schema = introspect(&self.connect()?)?.schema;
        let stage = Database::open(dir, Limits::default())?;
        let mut conn = stage.connect()?;
        let failed = |source| PipelineError::Sqlite { attempt: "make the tables of the scene", source };
        let transaction = conn.transaction().map_err(failed)?;
        let mut statements = sqlite::open_books();
        statements.push(sqlite::store_schema(&schema));
        // Tables before the indices on them.
        let (tables, others): (Vec<_>, Vec<_>) =
            sqlite::objects(&schema).into_iter().partition(|object| object.kind == "table");
        statements.extend(tables.into_iter().chain(others).map(|object| object.sql));
        for statement in &statements {
            transaction.execute_batch(statement).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        let scene = set_scene(&conn, &schema)?;
        Ok((stage, scene))
    }

    /// Gives the people of a scene that was set on this database other ids, such as those that they got when they
    /// signed up: in every row, and in the scene itself. `ids` are the new ones by the old ones. Where somebody
    /// signed up, what the scene says of the person holds for whoever that is.
    pub fn recast(&self, scene: &mut Scene, ids: &BTreeMap<String, String>) -> Result<(), PipelineError> {
        let mut conn = self.connect()?;
        let schema = introspect(&conn)?.schema;
        let failed =
            |source| PipelineError::Sqlite { attempt: "give the people of the scene other ids", source };
        // A row and what it refers to change one after the other.
        conn.pragma_update(None, "foreign_keys", false).map_err(failed)?;
        let transaction = conn.transaction().map_err(failed)?;
        for (old, new) in ids {
            people_of(&transaction, old, new).map_err(failed)?;
            for table in schema.tables.values() {
                for column in holders(table) {
                    let (table, column) = (quote_name(&table.name), quote_name(column));
                    let sql = format!("update {table} set {column} = ?1 where {column} = ?2");
                    transaction.execute(&sql, params![new, old]).map_err(failed)?;
                }
            }
        }
        transaction.commit().map_err(failed)?;
        for (_, who) in &mut scene.people {
            if let Some(new) = who.subject.as_ref().and_then(|subject| ids.get(subject)) {
                who.claims["sub"] = Value::from(new.clone());
                who.subject = Some(new.clone());
            }
        }
        for cast in &mut scene.tables {
            let Some(table) = schema.tables.get(&cast.table) else { continue };
            let rows = cast.rows.iter_mut().map(|(_, row)| row);
            for row in rows.chain(cast.attempts.iter_mut().map(|attempt| &mut attempt.set)) {
                for column in holders(table) {
                    if let Some(value) = row.get_mut(column)
                        && let Some(new) = value.as_str().and_then(|old| ids.get(old))
                    {
                        *value = Value::from(new.clone());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The columns that may hold somebody's id.
fn holders(table: &Table) -> impl Iterator<Item = &str> {
    let holds = |ty: &Type| matches!(ty, Type::Uuid | Type::Text | Type::Varchar(_));
    table.columns.iter().filter(move |column| holds(&column.ty)).map(|column| column.name.as_str())
}

/// Lets what is said of `old` among the people who sign in be said of `new`.
fn people_of(conn: &Connection, old: &str, new: &str) -> rusqlite::Result<()> {
    let table = quote_name(people::USERS);
    let there: bool =
        conn.query_row(&format!("select exists (select 1 from {table} where id = ?1)"), [new], |row| {
            row.get(0)
        })?;
    if !there {
        conn.execute(&format!("update {table} set id = ?1 where id = ?2"), params![new, old])?;
        return Ok(());
    }
    let columns = people::users().columns.iter().filter(|column| column.name != "id");
    let names: Vec<String> = columns.map(|column| quote_name(&column.name)).collect();
    let select = format!("select {} from {table} where id = ?1", names.join(", "));
    let said: Option<Vec<rusqlite::types::Value>> = conn
        .query_row(&select, [old], |row| (0..names.len()).map(|at| row.get(at)).collect::<Result<_, _>>())
        .map(Some)
        .or_else(|error| if error == rusqlite::Error::QueryReturnedNoRows { Ok(None) } else { Err(error) })?;
    let Some(mut values) = said else { return Ok(()) };
    // Nobody else has their address.
    conn.execute(&format!("delete from {table} where id = ?1"), [old])?;
    let set: Vec<String> =
        names.iter().enumerate().map(|(at, name)| format!("{name} = ?{}", at + 1)).collect();
    let update = format!("update {table} set {} where id = ?{}", set.join(", "), names.len() + 1);
    values.push(rusqlite::types::Value::Text(new.to_owned()));
    conn.execute(&update, rusqlite::params_from_iter(values))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::rls::Owner;
    use crate::schema::Schema;
    use crate::spec;

    const APP: &str = "migration: app
changes:
  - add_table: {name: users, columns: [id uuid pk, email text], rls: own-row}
  - add_table: {name: notes, columns: [id uuid pk, user_id fk->users.id not null, title text], rls: own-row}
";

    /// A stage with the tables of the app, and the scene on it.
    fn stage(dir: &Path) -> (Database, Scene) {
        let migration = spec::parse(APP, &Schema::default()).unwrap();
        let plan = crate::ddl::plan(&Schema::default(), &migration).unwrap();
        let app = Database::open(&dir.join("app"), Limits::default()).unwrap();
        let conn = app.connect().unwrap();
        for statement in
            sqlite::open_books().iter().chain([&sqlite::store_schema(&plan.target)]).chain(&plan.up)
        {
            conn.execute_batch(statement).unwrap();
        }
        drop(conn);
        app.scene(&dir.join("stage")).unwrap()
    }

    fn rows(stage: &Database, sql: &str) -> Vec<String> {
        let conn = stage.connect().unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn the_people_get_the_ids_that_signing_up_gave() {
        let dir = tempfile::tempdir().unwrap();
        let (stage, mut scene) = stage(dir.path());
        let before = scene.clone();
        let alice = scene.people[0].1.subject.clone().unwrap();
        let bob = scene.people[1].1.subject.clone().unwrap();
        // Alice signed up, Bob did not.
        let (real, other) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
        let sql = format!(
            "insert into \"auth.users\" (id, email, encrypted_password, created_at, updated_at) values ('{real}', 'a@b.c', 'hash', '', '')"
        );
        stage.connect().unwrap().execute_batch(&sql).unwrap();
        let ids = BTreeMap::from([(alice.clone(), real.to_owned()), (bob, other.to_owned())]);
        stage.recast(&mut scene, &ids).unwrap();
        assert_eq!(scene.people[0].1.subject.as_deref(), Some(real));
        assert_eq!(scene.people[0].1.claims["sub"], real);
        for sql in ["select id from users", "select user_id from notes", "select id from \"auth.users\""] {
            let mut found = rows(&stage, sql);
            found.sort();
            assert_eq!(found, [real, other], "{sql}");
        }
        let hash = rows(
            &stage,
            "select encrypted_password from \"auth.users\" where encrypted_password is not null",
        );
        assert_eq!(hash, ["hash"], "the one who signed up is still who they are");
        let broken = rows(&stage, "select \"table\" from pragma_foreign_key_check");
        assert_eq!(broken, Vec::<String>::new());
        let notes = |scene: &Scene| scene.tables.iter().find(|table| table.table == "notes").unwrap().clone();
        let of_alice = |scene: &Scene| {
            let notes = notes(scene);
            notes.rows.into_iter().find(|(owner, _)| *owner == Owner::Alice).unwrap().1["user_id"].clone()
        };
        assert_eq!((of_alice(&before), of_alice(&scene)), (Value::from(alice), Value::from(real)));
        let expected = |scene: &Scene| {
            notes(scene).attempts.iter().map(|a| (a.who, a.act, a.row, a.expected)).collect::<Vec<_>>()
        };
        assert_eq!(expected(&before), expected(&scene), "who may do what is the same");
    }
}
