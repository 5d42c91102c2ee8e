//! The frame of a migration, and mappings whose keys are known.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    change::{self, Pending},
    column::Draft,
    error::{Place, SpecError},
    node::{self, Kind, Node},
    table,
};
use crate::{
    change::{Change, Migration},
    ddl::{CHANGES_MAX, Outline},
    people,
    schema::{Schema, Type},
};

/// What the whole text and the current schema know, for its parts.
pub(super) struct Context<'a> {
    /// The text itself.
    pub(super) text: &'a str,
    /// The schema the migration starts from.
    pub(super) current: &'a Schema,
    /// Every enum, there or about to be.
    pub(super) enums: BTreeSet<String>,
    /// Columns of tables that the text adds, by table.
    pub(super) columns: BTreeMap<String, Vec<Draft>>,
    /// The keys of tables that the text adds.
    pub(super) keys: BTreeMap<String, Vec<String>>,
}

pub(super) fn migration(text: &str, name: Option<&str>, current: &Schema) -> Result<Migration, SpecError> {
    let root = node::read(text)?;
    let (name, changes) = frame(&root, name)?;
    if changes.len() > CHANGES_MAX {
        let problem = format!("the migration has {} changes", changes.len());
        return Err(SpecError::new(root.at, problem, format!("at most {CHANGES_MAX}"))
            .hint("split it into several migrations"));
    }
    let mut context = Context {
        text,
        current,
        enums: current.enums.keys().cloned().collect(),
        columns: BTreeMap::new(),
        keys: BTreeMap::new(),
    };
    // Enums may be used before they are made, so their names come first.
    for (verb, body) in &changes {
        if scalar(verb)? == "add_enum" {
            let fields = Fields::of(body, "add_enum", &["name", "values"])?;
            context.enums.insert(fields.name("name")?);
        }
    }
    let mut pending = Vec::with_capacity(changes.len());
    for (verb, body) in &changes {
        pending.push(change::read(&context, verb, body)?);
    }
    for one in &pending {
        match one {
            Pending::Table(draft) => {
                context.keys.insert(draft.name.clone(), draft.key.clone());
                context.columns.entry(draft.name.clone()).or_default().extend(draft.columns.clone());
            }
            Pending::Column { table, draft } => {
                context.columns.entry(table.clone()).or_default().push(draft.clone());
            }
            Pending::Done(_) | Pending::Alter { .. } | Pending::Rls { .. } | Pending::Routine(_) => {}
        }
    }
    let mut outline = Outline::new(current);
    let mut done: Vec<Change> = Vec::with_capacity(pending.len());
    for one in pending {
        let change = change::settle(&context, outline.schema(), one)?;
        outline.then(&change);
        done.push(change);
    }
    Ok(Migration { name, changes: done })
}

/// Changes, each a verb and a body.
type Verbs<'n> = Vec<(&'n Node, &'n Node)>;

/// The migration's name and its changes.
fn frame<'n>(root: &'n Node, given: Option<&str>) -> Result<(String, Verbs<'n>), SpecError> {
    const EXPECTED: &str = "`migration: name` and `changes: [...]`, or one change such as add_table: {...}";
    let nameless = || {
        SpecError::new(root.at, "the migration has no name", "`migration: name` at the top")
            .hint("write `migration: add_posts` above the changes")
    };
    let pairs = match &root.kind {
        Kind::Map(pairs) => pairs,
        Kind::List(items) => {
            return Ok((given.ok_or_else(nameless)?.to_owned(), verbs(items)?));
        }
        Kind::Scalar { .. } => {
            return Err(SpecError::new(root.at, format!("{} is no migration", root.sort()), EXPECTED));
        }
    };
    let wrapped = pairs.iter().any(|(key, _)| matches!(scalar(key), Ok("migration" | "changes")));
    if !wrapped {
        if let [(verb, body)] = pairs.as_slice() {
            return Ok((given.ok_or_else(nameless)?.to_owned(), vec![(verb, body)]));
        }
        return Err(SpecError::new(root.at, "this is not one change", EXPECTED)
            .hint("put several changes in a list under `changes:`"));
    }
    let fields = Fields::of(root, "a migration", &["migration", "changes"])?;
    let name = match fields.get("migration") {
        Some(_) => fields.name("migration")?,
        None => given.ok_or_else(nameless)?.to_owned(),
    };
    let changes = fields.need("changes")?;
    let Kind::List(items) = &changes.kind else {
        return Err(SpecError::new(
            changes.at,
            format!("`changes` is {}", changes.sort()),
            "a list of changes",
        ));
    };
    Ok((name, verbs(items)?))
}

fn verbs(items: &[Node]) -> Result<Verbs<'_>, SpecError> {
    let one = |item: &Node| {
        SpecError::new(
            item.at,
            format!("a change is {}", item.sort()),
            "one verb and what it does, such as add_table: {...}",
        )
        .hint("begin every change with `- ` and its verb")
    };
    items
        .iter()
        .map(|item| match &item.kind {
            Kind::Map(pairs) => match pairs.as_slice() {
                [(verb, body)] => Ok((verb, body)),
                _ => Err(one(item)),
            },
            Kind::Scalar { .. } | Kind::List(_) => Err(one(item)),
        })
        .collect()
}

impl Context<'_> {
    /// The type of a column of a table that is there or about to be; `depth` bounds chains of keys.
    pub(super) fn type_of(&self, table: &str, column: Option<&str>, depth: usize) -> Option<Type> {
        let column = column.map_or_else(|| self.key_of(table), str::to_owned);
        if let Some(drafts) = self.columns.get(table)
            && let Some(draft) = drafts.iter().find(|draft| draft.name == column)
        {
            return Some(table::type_of(self, draft, depth));
        }
        people::table(self.current, table)?.column(&column).map(|column| column.ty.clone())
    }

    /// The column that a reference to `table` means when it names none.
    pub(super) fn key_of(&self, table: &str) -> String {
        let key = self.keys.get(table).or_else(|| self.current.table(table).map(|table| &table.primary_key));
        match key.map(Vec::as_slice) {
            Some([column]) => column.clone(),
            Some(_) | None => "id".to_owned(),
        }
    }
}

/// A mapping whose keys are known.
pub(super) struct Fields<'n> {
    pub(super) at: Place,
    what: String,
    pairs: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// Refuses what is no mapping, keys that are not `known`, and keys that come twice.
    pub(super) fn of(node: &'n Node, what: &str, known: &[&str]) -> Result<Self, SpecError> {
        let list = known.join(", ");
        let Kind::Map(pairs) = &node.kind else {
            let problem = format!("{what} is {}", node.sort());
            return Err(SpecError::new(node.at, problem, format!("a mapping with {list}")));
        };
        let mut found: Vec<(&str, &Node)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let name = scalar(key)?;
            if !known.contains(&name) {
                let problem = format!("{what} has no `{name}`");
                return Err(SpecError::new(key.at, problem, list).meant(name, known));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(SpecError::new(key.at, format!("`{name}` is there twice"), "each key once"));
            }
            found.push((name, value));
        }
        Ok(Self { at: node.at, what: what.to_owned(), pairs: found })
    }

    /// The value of a key that may be missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
            .filter(|node| !node.is_null())
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, name: &str) -> Result<&'n Node, SpecError> {
        self.get(name).ok_or_else(|| {
            SpecError::new(self.at, format!("{} lacks `{name}`", self.what), format!("`{name}:`"))
        })
    }

    /// A name that must be there.
    pub(super) fn name(&self, key: &str) -> Result<String, SpecError> {
        name(self.need(key)?)
    }

    /// A list of names, one name standing for itself; empty when missing.
    pub(super) fn names(&self, key: &str) -> Result<Vec<String>, SpecError> {
        self.get(key).map_or_else(|| Ok(Vec::new()), names)
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &str) -> Result<String, SpecError> {
        scalar(self.need(key)?).map(str::to_owned)
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, SpecError> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match scalar(node)? {
            "true" | "True" | "yes" => Ok(Some(true)),
            "false" | "False" | "no" => Ok(Some(false)),
            other => Err(SpecError::new(node.at, format!("`{other}` is neither"), "true or false")),
        }
    }
}

/// A checked name.
pub(super) fn name(node: &Node) -> Result<String, SpecError> {
    let text = scalar(node)?;
    check_name(text, node.at)?;
    Ok(text.to_owned())
}

pub(super) fn check_name(text: &str, at: Place) -> Result<(), SpecError> {
    match forge_core::Name::new(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(SpecError::new(at, error.to_string(), "a name in snake_case").hint(error.hint())),
    }
}

pub(super) fn names(node: &Node) -> Result<Vec<String>, SpecError> {
    match &node.kind {
        Kind::List(items) => items.iter().map(name).collect(),
        Kind::Scalar { .. } => Ok(vec![name(node)?]),
        Kind::Map(_) => Err(SpecError::new(node.at, "this is a mapping", "a list of names")),
    }
}

/// The items of a list.
pub(super) fn list<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], SpecError> {
    match &node.kind {
        Kind::List(items) => Ok(items),
        Kind::Scalar { .. } | Kind::Map(_) => {
            Err(SpecError::new(node.at, format!("{what} is {}", node.sort()), "a list"))
        }
    }
}

pub(super) fn scalar(node: &Node) -> Result<&str, SpecError> {
    match &node.kind {
        Kind::Scalar { text, .. } => Ok(text),
        Kind::List(_) | Kind::Map(_) => {
            Err(SpecError::new(node.at, format!("this is {}", node.sort()), "a text"))
        }
    }
}
