//! Puts a table together: names made alike, nothing twice, limits kept.

use std::collections::BTreeMap;

use crate::draft::{Draft, Source};
use crate::names;
use crate::requirements::{Access, ColumnNeed, ColumnType, ForeignKeyNeed, TableNeed};

/// The most tables one text gives.
pub(crate) const TABLES_MAX: usize = 500;
/// The most columns one table gets.
pub(crate) const COLUMNS_MAX: usize = 200;
/// The most values an enumeration keeps.
const VALUES_MAX: usize = 100;

/// A column of this name, nothing else known.
pub(crate) fn column(name: &str) -> ColumnNeed {
    ColumnNeed { name: names::snake(name), nullable: true, ..ColumnNeed::default() }
}

/// A column of this name and type.
pub(crate) fn typed(name: &str, r#type: Option<ColumnType>) -> ColumnNeed {
    ColumnNeed { r#type: r#type.unwrap_or_default(), ..column(name) }
}

/// A default as a schema language or program writes it, in the words of [`ColumnNeed::default`].
pub(crate) fn default_value(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('`').trim();
    let bare = text.trim_start_matches('(').split("::").next().unwrap_or(text);
    let word: String = bare.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect();
    let word = word.to_ascii_lowercase();
    let last = word.rsplit('.').next().unwrap_or(&word);
    let called = match last {
        "now" | "current_timestamp" | "getdate" | "utcnow" | "sysdate" | "localtimestamp"
        | "current_date" | "defaultnow" => "now()",
        "gen_random_uuid" | "uuid_generate_v4" | "uuid" | "newid" | "uuid4" | "uuidv4" | "randomuuid"
        | "uuidv7" | "newguid" => "uuid()",
        "true" | "yes" => "true",
        "false" | "no" => "false",
        "null" | "none" | "nil" | "undefined" => "null",
        _ => "",
    };
    if !called.is_empty() && !text.starts_with(['\'', '"']) {
        return Some(called.to_owned());
    }
    let quoted = bare.trim_matches(|c| matches!(c, '\'' | '"' | '(' | ')'));
    let number = !bare.is_empty() && bare.trim_end_matches(')').parse::<f64>().is_ok();
    let string = bare.starts_with(['\'', '"']) && quoted.chars().count() <= 200;
    (number || string).then(|| quoted.to_owned())
}

/// `cascade`, `set null` or `restrict`, from `CASCADE`, `SetNull`, `NO ACTION`, …
pub(crate) fn on_delete(text: &str) -> Option<String> {
    let letters: String =
        text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    if letters.starts_with("cascade") {
        Some("cascade".to_owned())
    } else if letters.starts_with("setnull") {
        Some("set null".to_owned())
    } else if letters.starts_with("restrict")
        || letters.starts_with("noaction")
        || letters.starts_with("protect")
    {
        Some("restrict".to_owned())
    } else {
        None
    }
}

/// Who may touch a table's rows, from the words of a specification.
pub(crate) fn access(text: &str) -> Access {
    let text = text.to_ascii_lowercase();
    let (own, public) = (text.contains("own"), text.contains("public") || text.contains("everyone"));
    match (own, public) {
        (true, true) => Access::OwnOrPublic,
        (true, false) => Access::Own,
        (false, true) => Access::Public,
        (false, false) if text.contains("admin") || text.contains("service") || text.contains("private") => {
            Access::Private
        }
        (false, false) => Access::Unspecified,
    }
}

/// One table in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Builder {
    table: TableNeed,
}

impl Builder {
    /// A table under the name the text gives it.
    pub(crate) fn table(name: &str, line: u32) -> Self {
        let mut builder = Self { table: TableNeed { name: names::snake(name), ..TableNeed::default() } };
        builder.line(line);
        builder
    }

    /// A table for the entity, class or model `name`.
    pub(crate) fn entity(name: &str, line: u32) -> Self {
        let mut builder = Self::table(name, line);
        builder.table.name = names::plural(&builder.table.name);
        builder
    }

    /// Gives it the table name that the text maps it to.
    pub(crate) fn rename(&mut self, name: &str) {
        let name = names::snake(name);
        if !name.is_empty() {
            self.table.name = name;
        }
    }

    /// Notes a line it comes from.
    pub(crate) fn line(&mut self, line: u32) {
        if self.table.lines.last().is_none_or(|&last| last < line) {
            self.table.lines.push(line);
        }
    }

    /// Adds a column, unless it is there or has no name.
    pub(crate) fn column(&mut self, mut column: ColumnNeed, line: u32) {
        let full = self.table.columns.len() >= COLUMNS_MAX;
        if full || column.name.is_empty() || self.has(&column.name) {
            return;
        }
        column.values.truncate(VALUES_MAX);
        self.line(line);
        self.table.columns.push(column);
    }

    /// Adds a reference from `column` to the table of the entity or table `references`.
    pub(crate) fn reference(
        &mut self,
        column: &str,
        references: &str,
        to: Option<&str>,
        on_delete: Option<String>,
    ) {
        let (column, references) = (names::snake(column), names::snake(references));
        let known = self.table.fks.iter().any(|fk| fk.column == column);
        if column.is_empty() || references.is_empty() || known || self.table.fks.len() >= COLUMNS_MAX {
            return;
        }
        let references_column =
            to.map(names::snake).filter(|to| !to.is_empty()).unwrap_or_else(|| "id".to_owned());
        self.table.fks.push(ForeignKeyNeed { column, references, references_column, on_delete });
    }

    /// Notes that `column`, which ends in `_id`, refers to the table its name speaks of.
    pub(crate) fn mark_foreign(&mut self, column: &str) {
        if let Some(stem) = column.strip_suffix("_id") {
            let last = stem.rsplit('_').next().unwrap_or(stem);
            let target = if PEOPLE.contains(&last) { "user" } else { stem };
            self.reference(column, target, None, None);
        }
    }

    /// Sets the key to these columns.
    pub(crate) fn key(&mut self, columns: Vec<String>) {
        if let [only] = columns.as_slice() {
            if let Some(column) = self.table.columns.iter_mut().find(|column| column.name == *only) {
                column.primary_key = true;
            }
        } else if !columns.is_empty() {
            self.table.primary_key = columns;
        }
    }

    /// Makes these columns unique together.
    pub(crate) fn unique(&mut self, columns: Vec<String>) {
        if let [only] = columns.as_slice() {
            if let Some(column) = self.table.columns.iter_mut().find(|column| column.name == *only) {
                column.unique = true;
            }
        } else if !columns.is_empty() && !self.table.uniques.contains(&columns) {
            self.table.uniques.push(columns);
        }
    }

    /// True when it has a column of this name.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.table.columns.iter().any(|known| known.name == column)
    }

    /// The table so far.
    pub(crate) fn need(&self) -> &TableNeed {
        &self.table
    }

    /// The table so far, to change.
    pub(crate) fn need_mut(&mut self) -> &mut TableNeed {
        &mut self.table
    }
}

/// Turns what was built into drafts: tables without a name go, references and enumerations are
/// resolved, and `x_id` columns point at table `x` where there is one.
pub(crate) fn finish(builders: Vec<Builder>, source: Source) -> Vec<Draft> {
    let mut tables: Vec<TableNeed> =
        builders.into_iter().map(|b| b.table).filter(|t| !t.name.is_empty()).take(TABLES_MAX).collect();
    let known: BTreeMap<String, String> =
        tables.iter().map(|t| (names::key(&t.name), t.name.clone())).collect();
    let tails = tails(&known);
    for table in &mut tables {
        for fk in &mut table.fks {
            match known.get(&names::key(&fk.references)) {
                Some(name) => fk.references.clone_from(name),
                None => {
                    let last = fk.references.rsplit('_').next().unwrap_or(&fk.references);
                    let by_last = known.get(&names::key(last)).filter(|_| fk.column.ends_with("_id"));
                    fk.references = by_last.cloned().unwrap_or_else(|| names::plural(&fk.references));
                }
            }
        }
        link(table, &known, &tails);
    }
    tables.into_iter().map(|table| Draft { table, source }).collect()
}

/// Tables by the last word of their names, where only one ends so: `variant` for `product_variants`.
fn tails(known: &BTreeMap<String, String>) -> BTreeMap<&str, Option<&str>> {
    let mut tails = BTreeMap::new();
    for (key, name) in known {
        if let Some((_, tail)) = key.rsplit_once('_') {
            tails.entry(tail).and_modify(|only| *only = None).or_insert(Some(name.as_str()));
        }
    }
    tails
}

/// Columns that plainly refer to a table of the same text.
fn link(table: &mut TableNeed, known: &BTreeMap<String, String>, tails: &BTreeMap<&str, Option<&str>>) {
    for column in &table.columns {
        let taken = table.fks.iter().any(|fk| fk.column == column.name);
        let stem = column.name.strip_suffix("_id").or_else(|| column.name.strip_suffix("_uuid"));
        let by = column.name.strip_suffix("_by").is_some();
        let Some(stem) = stem.or(by.then_some("creator")) else { continue };
        let vendor = stem.split('_').next().is_some_and(|first| VENDORS.contains(&first));
        if taken || vendor || column.primary_key && table.columns.len() == 1 {
            continue;
        }
        let target = known.get(&names::key(stem)).map(String::as_str).or_else(|| {
            let last = stem.rsplit('_').next().unwrap_or(stem);
            if stem == "parent" {
                return known.get(&names::key(&table.name)).map(String::as_str);
            }
            let people =
                if PEOPLE.contains(&last) { known.get("user") } else { known.get(&names::key(last)) };
            people
                .map(String::as_str)
                .or_else(|| tails.get(stem).copied().flatten().filter(|target| *target != table.name))
        });
        if let Some(target) = target {
            table.fks.push(ForeignKeyNeed {
                column: column.name.clone(),
                references: target.to_owned(),
                references_column: "id".to_owned(),
                on_delete: None,
            });
        }
    }
}

/// Roles in which a user stands in a column's name.
const PEOPLE: &[&str] = &[
    "author",
    "owner",
    "creator",
    "sender",
    "receiver",
    "recipient",
    "assignee",
    "reviewer",
    "follower",
    "followee",
    "following",
    "editor",
    "uploader",
    "reporter",
    "inviter",
    "approver",
    "buyer",
    "seller",
];
/// First words of ids that are another service's: `stripe_subscription_id`.
const VENDORS: &[&str] = &[
    "stripe",
    "paypal",
    "paddle",
    "lemonsqueezy",
    "razorpay",
    "square",
    "braintree",
    "google",
    "github",
    "gitlab",
    "apple",
    "facebook",
    "twitter",
    "discord",
    "slack",
    "telegram",
    "whatsapp",
    "twilio",
    "clerk",
    "auth0",
    "firebase",
    "supabase",
    "shopify",
    "external",
    "provider",
    "remote",
    "openai",
    "plaid",
    "hubspot",
    "salesforce",
    "notion",
    "spotify",
    "youtube",
    "cloudinary",
    "aws",
    "s3",
];
