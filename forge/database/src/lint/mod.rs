//! Judges a migration before anything runs: what would fail, lose data, or let the wrong person in.
//!
//! Pure: two schemas, the migration between them and a few counts go in, findings come out. Every
//! rule is one entry of [`rules`], with a test in which it fires and one in which it does not.
//! Rules about a table speak only of tables that the migration touches, so that an old flaw does
//! not stop an unrelated change.

mod access;
mod case;
mod data;
mod names;
mod routines;
mod secrets;
mod security;
mod seed;
mod structure;
mod types;

#[cfg(test)]
pub(crate) mod tests;

pub use names::is_system;
pub use secrets::is_secret;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Migration;
use crate::schema::Schema;
use case::Case;

pub(crate) use case::table_of;

/// How bad a finding is. Critical and High stop a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It would break or expose the backend.
    Critical,
    /// It would lose data, fail on real rows, or let someone reach what they must not.
    High,
    /// It works and will hurt later.
    Medium,
    /// Worth knowing.
    Low,
}

impl Severity {
    /// Whether a finding of this severity stops a migration until it is fixed or a person takes it.
    pub fn blocks(self) -> bool {
        match self {
            Severity::Critical | Severity::High => true,
            Severity::Medium | Severity::Low => false,
        }
    }

    /// Its name, as shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        }
    }
}

/// Whose concern a finding is; one reviewer of the council for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The data stays whole.
    Safety,
    /// The data stays with whom it belongs to.
    Security,
    /// The database stays fast and manageable.
    Operations,
}

impl Area {
    /// Its name, as shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Area::Safety => "safety",
            Area::Security => "security",
            Area::Operations => "operations",
        }
    }
}

/// One thing wrong with a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that found it, such as `MIG001`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whose concern it is.
    pub area: Area,
    /// What it is about: `table`, `table.column`, or a name in the migration.
    pub subject: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Why that matters.
    pub reason: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

/// What the linter must know about the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Counts by table, under the names of the schema before the migration.
    pub tables: BTreeMap<String, TableStats>,
}

/// Counts of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableStats {
    /// Rows.
    pub rows: u64,
    /// Rows in which a column is null, for the columns that were counted.
    pub nulls: BTreeMap<String, u64>,
}

/// A rule: what it looks for, and why.
pub struct Rule {
    /// Its stable identifier.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// Whose concern it is.
    pub area: Area,
    /// Why it matters.
    pub reason: &'static str,
    /// What to write instead.
    pub fix: &'static str,
    check: fn(&Case<'_>, &mut Hits),
}

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> + Clone {
    let lists = [
        data::RULES,
        seed::RULES,
        structure::RULES,
        types::RULES,
        names::RULES,
        security::RULES,
        secrets::RULES,
        routines::RULES,
    ];
    lists.into_iter().flatten()
}

/// Judges `migration`, which leads from `current` to `target`; the worst findings first.
pub fn lint(current: &Schema, migration: &Migration, target: &Schema, stats: &Stats) -> Vec<Finding> {
    lint_with(rules(), current, migration, target, stats)
}

/// Judges by some of the rules only.
pub fn lint_with<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    current: &Schema,
    migration: &Migration,
    target: &Schema,
    stats: &Stats,
) -> Vec<Finding> {
    let case = Case::new(current, migration, target, stats);
    let mut findings: Vec<Finding> = rules.flat_map(|rule| findings(rule, &case)).collect();
    findings.sort_by(|a, b| (a.severity, a.rule, &a.subject).cmp(&(b.severity, b.rule, &b.subject)));
    findings
}

fn findings(rule: &Rule, case: &Case<'_>) -> Vec<Finding> {
    let mut hits = Hits(Vec::new());
    (rule.check)(case, &mut hits);
    let finding = |(subject, message)| Finding {
        rule: rule.id,
        severity: rule.severity,
        area: rule.area,
        subject,
        message,
        reason: rule.reason,
        fix: rule.fix,
    };
    hits.0.into_iter().map(finding).collect()
}

/// What one rule found: subject and message.
struct Hits(Vec<(String, String)>);

impl Hits {
    fn add(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.0.push((subject.into(), message.into()));
    }
}
