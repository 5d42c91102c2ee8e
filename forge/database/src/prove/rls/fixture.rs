//! Rows to try policies on: one world of rows for each user, in which everything belongs together.
//!
//! In Alice's world every foreign key points at a row of Alice's world, and every column that holds a
//! user's id holds hers. Values follow from names alone, so that a proof gives the same rows every time.

use std::collections::{BTreeMap, BTreeSet};

use forge_core::{Identity, Role};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::facts::{Facts, Slot, Wanted};
use super::values::{candidates, plain, uuid};
use crate::ddl::sqlite::quote_name;
use crate::people;
use crate::policy::{Access, Key, tables_read};
use crate::rows::{Row, to_sql};
use crate::schema::{Check, Column, Schema, Table};

/// How many combinations of values are tried to satisfy the checks of a table.
const ATTEMPTS_MAX: usize = 400;
/// How many different situations a table is tried in.
const VARIANTS_MAX: usize = 10;

/// Whose world a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Alice's.
    Alice,
    /// Bob's.
    Bob,
    /// Nobody's: the column of the owner is null.
    Nobody,
}

impl Owner {
    pub(super) fn name(self) -> &'static str {
        match self {
            Owner::Alice => "alice",
            Owner::Bob => "bob",
            Owner::Nobody => "nobody",
        }
    }

    /// The user's id.
    pub(super) fn id(self) -> String {
        uuid("user", self.name())
    }
}

/// Columns whose values a situation sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) set: BTreeMap<Slot, Value>,
}

/// A column and the values to try in it.
type Choice<'s> = (&'s Column, Vec<Value>);

/// What a search for values came to.
enum Found {
    /// A row that the table accepts.
    Accepted,
    /// One that it refuses for another reason than before.
    Otherwise(String),
    /// Nothing better; the row is as before.
    Nothing,
}

/// Knows how to make rows of a schema.
pub(super) struct Fixture<'s> {
    pub(super) schema: &'s Schema,
    facts: &'s Facts,
    /// The slot that stands for all that hold the same value, where it is another one.
    class: BTreeMap<Slot, Slot>,
    owned: BTreeSet<Slot>,
}

impl<'s> Fixture<'s> {
    pub(super) fn new(schema: &'s Schema, facts: &'s Facts) -> Fixture<'s> {
        let mut fixture = Fixture { schema, facts, class: BTreeMap::new(), owned: BTreeSet::new() };
        for (a, b) in &facts.links {
            let (a, b) = (fixture.class_of(a), fixture.class_of(b));
            if a != b {
                fixture.class.insert(a, b);
            }
        }
        fixture.owned = facts.owners.iter().map(|slot| fixture.class_of(slot)).collect();
        fixture
    }

    fn class_of(&self, slot: &Slot) -> Slot {
        let mut slot = slot;
        while let Some(next) = self.class.get(slot) {
            slot = next;
        }
        slot.clone()
    }

    /// Whether the column holds a user's id.
    fn is_owned(&self, table: &str, column: &str) -> bool {
        self.owned.contains(&self.class_of(&Slot::new(table, column)))
    }

    /// The columns of a table that hold a user's id.
    pub(super) fn owned<'t>(&self, table: &'t Table) -> Vec<&'t Column> {
        table.columns.iter().filter(|column| self.is_owned(&table.name, &column.name)).collect()
    }

    /// The tables whose rows decide about those of `table`: what it refers to and what policies read.
    pub(super) fn company(&self, table: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::from([table.to_owned()]);
        let mut open = vec![table.to_owned()];
        while let Some(name) = open.pop() {
            let Some(table) = people::table(self.schema, &name) else { continue };
            let policies = table.rls.iter().flat_map(|rls| &rls.policies);
            let referred = table.foreign_keys.iter().map(|key| key.table.clone());
            for next in referred.chain(policies.flat_map(tables_read)) {
                if found.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        found.retain(|name| people::table(self.schema, name).is_some());
        found
    }

    /// The situations in which `table` is tried: as it comes, with each deciding value, and with all. Also
    /// the names of those that are too many.
    pub(super) fn variants(&self, table: &str) -> (Vec<Variant>, Vec<String>) {
        let company = self.company(table);
        let mut variants = vec![Variant { name: "plain".to_owned(), ..Variant::default() }];
        let mut all = Variant { name: "all".to_owned(), ..Variant::default() };
        let mut left_out = Vec::new();
        for (slot, value) in self.values(table) {
            if !company.contains(&slot.table) || self.is_owned(&slot.table, &slot.column) {
                continue;
            }
            let name = format!("{}.{} = {value}", slot.table, slot.column);
            if variants.iter().any(|known| known.name == name) {
                continue;
            }
            if variants.len() == VARIANTS_MAX {
                left_out.push(name);
                continue;
            }
            all.set.entry(slot.clone()).or_insert(value.clone());
            variants.push(Variant { name, set: BTreeMap::from([(slot, value)]) });
        }
        if all.set.len() > 1 {
            variants.push(all);
        }
        (variants, left_out)
    }

    /// The deciding values that their columns can hold, those of the table itself first.
    fn values(&self, table: &str) -> Vec<(Slot, Value)> {
        let fits = |(slot, value): &&(Slot, Value)| {
            let Some(of) = people::table(self.schema, &slot.table) else { return false };
            let Some(column) = of.column(&slot.column) else { return false };
            let nullable = column.nullable && !of.primary_key.contains(&column.name);
            if value.is_null() { nullable } else { to_sql(self.schema, column, value).is_ok() }
        };
        let mut values: Vec<(Slot, Value)> = self.facts.values.iter().filter(fits).cloned().collect();
        values.sort_by_key(|(slot, _)| slot.table != table);
        values
    }

    /// The user of a world, with the claims that policies compare.
    pub(super) fn identity(&self, owner: Owner, variant: &Variant) -> Identity {
        let mut who = Identity::user(&owner.id());
        for claim in &self.facts.claims {
            let value = match &claim.wanted {
                Wanted::Slot(slot) => self.value(slot, owner, variant),
                // Only Alice holds what must be granted.
                Wanted::Text(text) if owner == Owner::Alice => json!(text),
                Wanted::Text(_) => continue,
            };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            put(&mut who.claims, &claim.path, json!(text));
        }
        let grants: Vec<String> =
            self.facts.grants.iter().filter_map(|grant| self.grant(grant, owner, variant)).collect();
        if !grants.is_empty() {
            put(&mut who.claims, &[Key::Name("grants".to_owned())], json!(grants));
        }
        // A role in the claims would change what the identity is.
        if let Some(claims) = who.claims.as_object_mut() {
            claims.insert("sub".to_owned(), json!(owner.id()));
        }
        who
    }

    /// What a user of that world is granted, as it stands among the claims.
    fn grant(&self, (on, access): &(Wanted, Access), owner: Owner, variant: &Variant) -> Option<String> {
        let resource = match on {
            Wanted::Slot(slot) => self.value(slot, owner, variant).as_str()?.to_owned(),
            Wanted::Text(text) => (owner == Owner::Alice).then(|| text.clone())?,
        };
        Some(format!("{resource}:{}", access.name()))
    }

    /// The row of a user among the people who sign in.
    pub(super) fn person(&self, owner: Owner, variant: &Variant) -> Row {
        let mut row = self.first(people::users(), owner, variant);
        // No two people have one address, so what decides is Alice's.
        for unique in ["email", "phone"] {
            let slot = Slot::new(people::USERS, unique);
            if owner != Owner::Alice && variant.set.contains_key(&slot) {
                row.insert(unique.to_owned(), self.value(&slot, owner, &Variant::default()));
            }
        }
        row
    }

    /// Adds Alice and Bob to the people who sign in.
    pub(super) fn add_people(&self, conn: &Connection, variant: &Variant) -> Result<(), String> {
        for owner in [Owner::Alice, Owner::Bob] {
            self.add(conn, people::users(), &self.person(owner, variant))?;
        }
        Ok(())
    }

    /// Somebody with a role of the app's own and no rows.
    pub(super) fn holder(role: &str) -> Identity {
        let id = uuid("user", "carol");
        let claims = json!({ "sub": id, "role": role });
        Identity { role: Role::Custom(role.to_owned()), subject: Some(id), claims }
    }

    fn value(&self, slot: &Slot, owner: Owner, variant: &Variant) -> Value {
        if let Some(value) = variant.set.get(slot) {
            return value.clone();
        }
        let class = self.class_of(slot);
        if self.owned.contains(&class) {
            return if owner == Owner::Nobody { Value::Null } else { json!(owner.id()) };
        }
        if let Some(value) = variant.set.get(&class) {
            return value.clone();
        }
        let column = people::table(self.schema, &class.table).and_then(|table| table.column(&class.column));
        column.map_or(Value::Null, |column| plain(self.schema, &class, column, owner.name()))
    }

    /// A row of `table` in a world that the table accepts, but which is not there yet.
    pub(super) fn row(
        &self,
        conn: &Connection,
        table: &'s Table,
        owner: Owner,
        variant: &Variant,
    ) -> Result<Row, String> {
        let mut row = self.first(table, owner, variant);
        let Some(mut refused) = self.try_row(conn, table, &row)? else { return Ok(row) };
        // Check by check first, which finds its way where checks share no columns; then all at once.
        for _ in 0..=table.checks.len() {
            let Some(check) =
                table.checks.iter().find(|check| refused.ends_with(&format!(": {}", check.name)))
            else {
                break;
            };
            let choices = self.choices(table, owner, variant, &[check]);
            match self.search(conn, table, &mut row, &choices, |error| error != refused)? {
                Found::Accepted => return Ok(row),
                Found::Otherwise(next) => refused = next,
                Found::Nothing => break,
            }
        }
        let every: Vec<&Check> = table.checks.iter().collect();
        let choices = self.choices(table, owner, variant, &every);
        match self.search(conn, table, &mut row, &choices, |_| false)? {
            Found::Accepted => Ok(row),
            Found::Otherwise(_) | Found::Nothing => {
                Err(format!("no row of `{}` was found that its constraints accept: {refused}", table.name))
            }
        }
    }

    /// The columns that these checks are about and that are free, with the values to try.
    fn choices(
        &self,
        table: &'s Table,
        owner: Owner,
        variant: &Variant,
        checks: &[&Check],
    ) -> Vec<Choice<'s>> {
        let free = |column: &&'s Column| {
            !variant.set.contains_key(&Slot::new(&table.name, &column.name))
                && !self.is_owned(&table.name, &column.name)
                && table.foreign_key(&column.name).is_none()
                && checks.iter().any(|check| mentions(&check.expr, &column.name))
        };
        let choice = |column: &'s Column| (column, candidates(self.schema, table, column, owner.name()));
        table.columns.iter().filter(free).map(choice).collect()
    }

    /// Tries combinations until the row is accepted, or refused in a way that is `better`.
    fn search(
        &self,
        conn: &Connection,
        table: &Table,
        row: &mut Row,
        choices: &[Choice<'_>],
        better: impl Fn(&str) -> bool,
    ) -> Result<Found, String> {
        let combinations = choices.iter().fold(1usize, |n, (_, values)| n.saturating_mul(values.len()));
        for at in 0..combinations.min(ATTEMPTS_MAX) {
            let mut tried = row.clone();
            let mut rest = at;
            for (column, values) in choices {
                tried.insert(column.name.clone(), values[rest % values.len()].clone());
                rest /= values.len();
            }
            match self.try_row(conn, table, &tried)? {
                None => {
                    *row = tried;
                    return Ok(Found::Accepted);
                }
                Some(refused) if better(&refused) => {
                    *row = tried;
                    return Ok(Found::Otherwise(refused));
                }
                Some(_as_before) => {}
            }
        }
        Ok(Found::Nothing)
    }

    fn first(&self, table: &Table, owner: Owner, variant: &Variant) -> Row {
        let mut row = Row::new();
        for column in &table.columns {
            let slot = Slot::new(&table.name, &column.name);
            // A row of nobody's refers to what is there: to Alice's world.
            let refers =
                table.foreign_key(&column.name).is_some() && !self.is_owned(&slot.table, &slot.column);
            let whose = if owner == Owner::Nobody && refers { Owner::Alice } else { owner };
            row.insert(column.name.clone(), self.value(&slot, whose, variant));
        }
        row
    }

    /// Whether the table accepts the row; if not, why. The row is taken out again.
    fn try_row(&self, conn: &Connection, table: &Table, row: &Row) -> Result<Option<String>, String> {
        let failed = |error: rusqlite::Error| error.to_string();
        conn.execute_batch("savepoint try_row").map_err(failed)?;
        let tried = self.add(conn, table, row);
        conn.execute_batch("rollback to try_row; release try_row").map_err(failed)?;
        Ok(tried.err())
    }

    /// Adds the row past all policies.
    pub(super) fn add(&self, conn: &Connection, table: &Table, row: &Row) -> Result<(), String> {
        let mut values = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let value = row.get(&column.name).unwrap_or(&Value::Null);
            values.push(to_sql(self.schema, column, value).map_err(|error| error.to_string())?);
        }
        let mut names: Vec<String> = table.columns.iter().map(|column| quote_name(&column.name)).collect();
        if table.name == people::USERS {
            // Of what is not to be read, the only thing that has to be there.
            names.push(quote_name("updated_at"));
            values.push(rusqlite::types::Value::Text("2021-01-01T00:00:00.000000+00:00".to_owned()));
        }
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("insert into {} ({}) values ({marks})", quote_name(&table.name), names.join(", "));
        let added = conn
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)));
        added.map(|_| ()).map_err(|error| error.to_string())
    }
}

fn mentions(check: &str, column: &str) -> bool {
    check.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word.eq_ignore_ascii_case(column))
}

/// Puts a claim where its path says.
fn put(claims: &mut Value, path: &[Key], value: Value) {
    let mut at = claims;
    for key in path {
        at = match key {
            Key::Name(name) => {
                if !at.is_object() {
                    *at = json!({});
                }
                &mut at[name.as_str()]
            }
            Key::Index(index) => {
                let index = (*index as usize).min(16);
                if !at.is_array() {
                    *at = json!([]);
                }
                let Some(list) = at.as_array_mut() else { return };
                list.resize(list.len().max(index + 1), Value::Null);
                &mut list[index]
            }
        };
    }
    *at = value;
}
