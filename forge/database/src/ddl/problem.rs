//! Why a migration cannot be planned.

use crate::schema::Type;

/// A change that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(*change))]
pub struct PlanError {
    /// Which change, counted from 1; `None` when it is about the whole.
    pub change: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a change or with the schema it leads to.
#[expect(missing_docs, reason = "the messages say what each is, the fields' names what they hold")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Name(forge_core::NameError),
    #[error("{kind} `{name}` exists already")]
    Exists { kind: &'static str, name: String },
    #[error("there is no {kind} `{name}`")]
    Missing { kind: &'static str, name: String, known: Vec<String> },
    #[error("{kind} `{name}` is still used by {user}")]
    Used { kind: &'static str, name: String, user: String },
    #[error("table `{table}` has no columns")]
    NoColumns { table: String },
    #[error("column `{table}.{column}` is part of the primary key and cannot be {done}")]
    Key { table: String, column: String, done: &'static str },
    #[error("column `{column}` is {ty} and cannot be part of a key")]
    KeyType { column: String, ty: Type },
    #[error("`{default}` is no default for `{column}`, which is {ty}")]
    Default { column: String, ty: Type, default: String, why: String },
    #[error("`{column}` is {ty}, but `{to}`, which it refers to, is {to_ty}")]
    ForeignType { column: String, ty: Type, to: String, to_ty: Type },
    #[error(
        "`{table}.{column}` refers to `{to_table}.{to_column}`, which is neither a primary key nor unique"
    )]
    ForeignTarget { table: String, column: String, to_table: String, to_column: String },
    #[error("`{table}.{column}` cannot be set to null on delete, because it may not be null")]
    SetNull { table: String, column: String },
    #[error("the check `{check}` cannot be used: {why}")]
    Check { check: String, why: String, hint: Option<String> },
    #[error("type {ty} of `{column}` cannot be used: {why}")]
    Type { column: String, ty: Type, why: String },
    #[error("row {row} of the seed of `{table}` cannot be used: {why}")]
    Seed { table: String, row: usize, why: String },
    #[error("the {what} cannot be used: {why}")]
    Routine { what: String, why: String, hint: Option<String> },
    #[error("the policies of `{table}` cannot be used: {why}")]
    Policy { table: String, why: String, hint: Option<String> },
    #[error("{what} cannot be had on this server: {why}")]
    Server { what: String, why: String },
    #[error("{what}: {found} are too many, {max} are allowed")]
    Limit { what: &'static str, found: usize, max: usize },
}

impl PlanError {
    /// What would make it work.
    pub fn hint(&self) -> String {
        match &self.problem {
            Problem::Name(error) => error.hint(),
            Problem::Exists { kind, .. } => {
                format!("choose another name, or drop or rename the {kind} first")
            }
            Problem::Missing { name, known, .. } => match closest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "create it in an earlier change".to_owned(),
                None => format!("there are: {}", known[..known.len().min(12)].join(", ")),
            },
            Problem::Used { user, .. } => format!("change or drop {user} first"),
            Problem::NoColumns { .. } => "give it at least `id pk`".to_owned(),
            Problem::Key { .. } => "make a new table with the key you want and copy the rows".to_owned(),
            Problem::KeyType { .. } => "use a uuid, a whole number or text as the key".to_owned(),
            Problem::Default { why, .. } => why.clone(),
            Problem::ForeignType { to_ty, column, .. } => format!("make `{column}` {to_ty}"),
            Problem::ForeignTarget { to_table, to_column, .. } => {
                format!(
                    "refer to the primary key, or add_unique: {{table: {to_table}, columns: [{to_column}]}} first"
                )
            }
            Problem::SetNull { .. } => "drop `not null`, or write `on delete cascade`".to_owned(),
            Problem::Check { hint, .. } => hint.clone().unwrap_or_else(|| {
                "write a condition over the table's own columns, such as `price >= 0`".to_owned()
            }),
            Problem::Policy { hint, .. } => {
                hint.clone().unwrap_or_else(|| "correct the policy, or use a shorthand".to_owned())
            }
            Problem::Server { .. } => "ask the server's operator, or do without it".to_owned(),
            Problem::Type { .. } => "choose another type".to_owned(),
            Problem::Seed { .. } => "correct the row".to_owned(),
            Problem::Routine { hint, .. } => {
                hint.clone().unwrap_or_else(|| "correct its query, or what it uses".to_owned())
            }
            Problem::Limit { .. } => "split the migration".to_owned(),
        }
    }
}

impl Problem {
    /// As an error of the change with this number, counted from 1.
    pub(crate) fn at(self, change: usize) -> PlanError {
        PlanError { change: Some(change), problem: self }
    }
}

impl From<Problem> for PlanError {
    fn from(problem: Problem) -> Self {
        Self { change: None, problem }
    }
}

fn place(change: Option<usize>) -> String {
    change.map_or_else(String::new, |number| format!("change {number}: "))
}

/// The known name nearest to `name`, when it is near enough to be meant.
pub fn closest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|other| (distance(name, other), other.as_str()))
        .filter(|(far, other)| *far <= 1 + other.len().min(name.len()) / 4)
        .min()
        .map(|(_, other)| other)
}

/// Edit distance; the strings are names, so they are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(128).enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let changed = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
