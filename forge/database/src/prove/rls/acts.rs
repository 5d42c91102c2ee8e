//! One situation of one table: rows are made, everybody tries everything, and the outcomes are noted.

use forge_core::{Identity, Role};
use rusqlite::Connection;
use serde_json::json;

use super::eval::Tables;
use super::fixture::{Fixture, Owner, Variant};
use super::oracle::{Case, Oracle};
use super::{Act, Cell, TableProof};
use crate::people;
use crate::policy::roles;
use crate::rows::{self, Changed, Filter, Returning, Row, RowError, Select};
use crate::schema::{Column, Schema, Table};

pub(super) struct Situation<'p, 's> {
    pub(super) conn: &'p Connection,
    pub(super) fixture: &'p Fixture<'s>,
    pub(super) enforced: &'p Schema,
    pub(super) table: &'s Table,
    pub(super) variant: &'p Variant,
    pub(super) oracle: &'p Oracle<'s>,
    pub(super) now: jiff::Timestamp,
}

/// Somebody who tries.
struct Person {
    name: String,
    who: Identity,
    /// Whose rows are theirs.
    owns: Option<Owner>,
}

impl Situation<'_, '_> {
    /// Tries everything; an error says what could not be tried.
    pub(super) fn play(&self, proof: &mut TableProof) -> Result<(), String> {
        self.fixture.add_people(self.conn, self.variant)?;
        for name in self.fixture.company(&self.table.name) {
            let Some(table) = self.fixture.schema.tables.get(&name).filter(|_| name != self.table.name)
            else {
                continue;
            };
            for owner in [Owner::Alice, Owner::Bob] {
                let row = self.fixture.row(self.conn, table, owner, self.variant)?;
                self.fixture.add(self.conn, table, &row)?;
            }
        }
        let mut made = Vec::new();
        for owner in self.owners() {
            let row = self.stored(owner, &made)?;
            made.push((owner, row));
        }
        let people = self.people();
        let tables = self.tables()?;
        for person in &people {
            for (owner, row) in &made {
                let tried = self.undone(|| {
                    let rows = std::slice::from_ref(row);
                    rows::insert(
                        self.conn,
                        self.enforced,
                        &person.who,
                        &self.table.name,
                        rows,
                        Returning::Count,
                    )
                })?;
                self.note(proof, person, Act::Insert, (*owner, row, row), &tables, outcome(tried)?);
            }
        }
        for (_, row) in &made {
            self.fixture.add(self.conn, self.table, row)?;
        }
        let tables = self.tables()?;
        for person in &people {
            self.reading(proof, person, &made, &tables)?;
            self.sweeping(proof, person, &made, &tables)?;
            for (owner, row) in &made {
                self.changing(proof, person, *owner, row, &tables)?;
            }
        }
        Ok(())
    }

    fn reading(
        &self,
        proof: &mut TableProof,
        person: &Person,
        made: &[(Owner, Row)],
        tables: &Tables,
    ) -> Result<(), String> {
        let seen = rows::select(self.conn, self.enforced, &person.who, &self.table.name, &Select::default())
            .map_err(|error| said(&error))?;
        for (owner, row) in made {
            self.note(proof, person, Act::Select, (*owner, row, row), tables, seen.contains(row));
        }
        Ok(())
    }

    fn sweeping(
        &self,
        proof: &mut TableProof,
        person: &Person,
        made: &[(Owner, Row)],
        tables: &Tables,
    ) -> Result<(), String> {
        let left = self.undone(|| {
            let name = self.table.name.as_str();
            rows::delete(self.conn, self.enforced, &person.who, name, &[], Returning::Count)
                .map_err(|error| said(&error))?;
            self.all(name)
        })??;
        for (owner, row) in made {
            self.note(proof, person, Act::Sweep, (*owner, row, row), tables, !left.contains(row));
        }
        Ok(())
    }

    fn changing(
        &self,
        proof: &mut TableProof,
        person: &Person,
        owner: Owner,
        row: &Row,
        tables: &Tables,
    ) -> Result<(), String> {
        let (conn, schema, who, name) = (self.conn, self.enforced, &person.who, self.table.name.as_str());
        let key: Vec<Filter> =
            self.table.primary_key.iter().map(|name| Filter::equal(name, row[name].clone())).collect();
        let change =
            |set: &Row| self.undone(|| rows::update(conn, schema, who, name, set, &key, Returning::Count));

        let same = Row::from_iter([(self.harmless().name.clone(), row[&self.harmless().name].clone())]);
        let tried = outcome(change(&same)?)?;
        self.note(proof, person, Act::Update, (owner, row, row), tables, tried);

        let to = match (person.owns, owner) {
            (Some(Owner::Alice), Owner::Alice) => Some((Act::GiveAway, Owner::Bob)),
            (Some(Owner::Bob), Owner::Bob) => Some((Act::GiveAway, Owner::Alice)),
            (Some(own), _) => Some((Act::Take, own)),
            (None, _) => None,
        };
        let owned = self.fixture.owned(self.table);
        if let Some((act, to)) = to.filter(|_| !owned.is_empty()) {
            let set = Row::from_iter(owned.iter().map(|column| (column.name.clone(), json!(to.id()))));
            let mut new = row.clone();
            new.extend(set.clone());
            let tried = outcome(change(&set)?)?;
            self.note(proof, person, act, (owner, row, &new), tables, tried);
        }

        let tried = self.undone(|| rows::delete(conn, schema, who, name, &key, Returning::Count))?;
        self.note(proof, person, Act::Delete, (owner, row, row), tables, outcome(tried)?);
        Ok(())
    }

    fn note(
        &self,
        proof: &mut TableProof,
        person: &Person,
        act: Act,
        (owner, row, new): (Owner, &Row, &Row),
        tables: &Tables,
        allowed: bool,
    ) {
        let case = Case { who: &person.who, act, row, new, tables, now: self.now };
        let expected = match self.oracle.expects(&case) {
            Ok(expected) => Some(expected),
            Err(reason) => {
                proof.unasserted.push(reason.to_string());
                None
            }
        };
        proof.cells.push(Cell {
            who: person.name.clone(),
            act,
            row: owner,
            situation: self.variant.name.clone(),
            allowed,
            expected,
        });
    }

    /// Whose rows the table can hold.
    fn owners(&self) -> Vec<Owner> {
        let mut owners = vec![Owner::Alice, Owner::Bob];
        let owned = self.fixture.owned(self.table);
        let free = |column: &&Column| column.nullable && !self.table.primary_key.contains(&column.name);
        if !owned.is_empty() && owned.iter().all(free) {
            owners.push(Owner::Nobody);
        }
        owners
    }

    fn people(&self) -> Vec<Person> {
        let user = |owner: Owner| Person {
            name: owner.name().to_owned(),
            who: self.fixture.identity(owner, self.variant),
            owns: Some(owner),
        };
        let mut people = vec![user(Owner::Alice), user(Owner::Bob)];
        people.push(Person { name: "anon".to_owned(), who: Identity::anon(), owns: None });
        for role in roles(std::iter::once(self.table)) {
            if let Role::Custom(name) = role {
                let who = Fixture::holder(&name);
                people.push(Person { name, who, owns: None });
            }
        }
        people
    }

    /// A row that the table accepts beside those made so far, as it will be read back. It is not there yet.
    fn stored(&self, owner: Owner, made: &[(Owner, Row)]) -> Result<Row, String> {
        let read = self.undone(|| -> Result<Vec<Row>, String> {
            for (_, row) in made {
                self.fixture.add(self.conn, self.table, row)?;
            }
            let row = self.fixture.row(self.conn, self.table, owner, self.variant)?;
            self.fixture.add(self.conn, self.table, &row)?;
            self.all(&self.table.name)
        })??;
        let new = read.into_iter().find(|row| !made.iter().any(|(_, known)| known == row));
        new.ok_or_else(|| "the row that was added is not there".to_owned())
    }

    /// The rows of the tables that decide, past all policies.
    fn tables(&self) -> Result<Tables, String> {
        let company = self.fixture.company(&self.table.name);
        let rows = |name: &str| {
            if name != people::USERS {
                return self.all(name);
            }
            Ok([Owner::Alice, Owner::Bob].map(|owner| self.fixture.person(owner, self.variant)).to_vec())
        };
        company.into_iter().map(|name| Ok((name.clone(), rows(&name)?))).collect()
    }

    fn all(&self, table: &str) -> Result<Vec<Row>, String> {
        rows::select(self.conn, self.fixture.schema, &Identity::service(), table, &Select::default())
            .map_err(|error| said(&error))
    }

    /// A column whose value changes nothing about who reaches the row.
    fn harmless(&self) -> &Column {
        let owned = self.fixture.owned(self.table);
        let plain = |column: &&Column| {
            !self.table.primary_key.contains(&column.name) && !owned.iter().any(|own| own.name == column.name)
        };
        self.table.columns.iter().find(plain).unwrap_or(&self.table.columns[0])
    }

    fn undone<T>(&self, act: impl FnOnce() -> T) -> Result<T, String> {
        let run = |sql: &str| self.conn.execute_batch(sql).map_err(|error| error.to_string());
        run("savepoint rls_act")?;
        let done = act();
        run("rollback to rls_act; release rls_act")?;
        Ok(done)
    }
}

/// Whether the policies let it happen. A constraint is asked only after they did.
fn outcome(tried: Result<Changed, RowError>) -> Result<bool, String> {
    match tried {
        Ok(changed) => Ok(changed.count > 0),
        Err(RowError::Policy { .. }) => Ok(false),
        Err(RowError::Constraint { .. }) => Ok(true),
        Err(error) => Err(said(&error)),
    }
}

/// An error with its causes.
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", said(source)),
        None => error.to_string(),
    }
}
