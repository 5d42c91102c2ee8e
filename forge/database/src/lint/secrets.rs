//! Rules about what must not be readable: passwords, tokens and people's particulars.

use super::case::Case;
use super::data::subject;
use super::names::words;
use super::security::world_readable;
use super::{Area, Hits, Rule, Severity};
use crate::change::Change;
use crate::schema::{Column, Type};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG083",
        title: "everybody may read secrets",
        severity: Severity::High,
        area: Area::Security,
        reason: "whoever reads a password hash, token or key can act as its owner",
        fix: "move the column into a table with `rls: none`, or limit reading to the owner",
        check: secrets_readable,
    },
    Rule {
        id: "MIG084",
        title: "everybody may read personal data",
        severity: Severity::Medium,
        area: Area::Security,
        reason: "addresses, phone numbers and dates of birth are collected from open tables within days",
        fix: "keep the column in a table that only its owner reads",
        check: personal_readable,
    },
    Rule {
        id: "MIG092",
        title: "password kept as text",
        severity: Severity::High,
        area: Area::Security,
        reason: "whoever sees the table, a backup or a log has everybody's password, here and elsewhere",
        fix: "leave passwords to the sign-in service, or keep only a `password_hash`",
        check: plain_password,
    },
    Rule {
        id: "MIG093",
        title: "seed that carries a secret",
        severity: Severity::High,
        area: Area::Security,
        reason: "migrations are committed, backed up and shown in reviews",
        fix: "leave the value out and set it through the vault, or through the program",
        check: seeded_secret,
    },
];

/// Beginnings of values that only keys and tokens have.
const TOKENS: &[&str] = &[
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "whsec_",
    "sk-",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "ASIA",
    "AIza",
    "eyJhbGciOi",
    "-----BEGIN",
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2",
];

fn secrets_readable(case: &Case<'_>, hits: &mut Hits) {
    readable(case, hits, |column| is_secret(&column.name));
}

fn personal_readable(case: &Case<'_>, hits: &mut Hits) {
    readable(case, hits, |column| is_personal(&column.name) && !is_secret(&column.name));
}

fn readable(case: &Case<'_>, hits: &mut Hits, matters: fn(&Column) -> bool) {
    for table in case.touched() {
        let Some(role) = table.rls.as_ref().and_then(world_readable) else { continue };
        for column in table.columns.iter().filter(|column| holds_data(column) && matters(column)) {
            let message = format!("`{role}` may read `{}` of every row", column.name);
            hits.add(subject(&table.name, &column.name), message);
        }
    }
}

/// Whether a column can hold what its name says: `email_verified boolean` cannot.
fn holds_data(column: &Column) -> bool {
    !matches!(column.ty, Type::Boolean | Type::Timestamptz)
}

/// Whether a name promises a secret.
pub fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let words = words(&lower);
    let has = |word: &str| words.contains(&word);
    // `token_count`, `password_changed_at`, `public_key` and the like say something about a secret.
    if ["count", "counts", "limit", "used", "usage", "at", "public", "length", "strength"]
        .iter()
        .any(|w| has(w))
    {
        return false;
    }
    ["password", "passwd", "pwd", "passphrase", "secret", "token", "otp", "totp", "apikey"]
        .iter()
        .any(|w| has(w))
        || (has("key") && ["api", "private", "access", "secret", "signing"].iter().any(|w| has(w)))
        || (has("hash") && ["password", "pin", "key"].iter().any(|w| has(w)))
}

/// Whether a name promises something about a person that is not for everybody.
fn is_personal(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let words = words(&lower);
    let has = |word: &str| words.contains(&word);
    ["email", "phone", "mobile", "ssn", "birthday", "birthdate", "dob", "iban", "passport"]
        .iter()
        .any(|w| has(w))
        || (has("birth") && has("date"))
        || (has("address")
            && ["street", "home", "postal", "ip", "billing", "shipping"].iter().any(|w| has(w)))
        || (has("card") && has("number"))
}

fn plain_password(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns() {
        let lower = column.name.to_ascii_lowercase();
        let words = words(&lower);
        let password = words.iter().any(|word| matches!(*word, "password" | "passwd" | "pwd" | "passphrase"));
        let kept_safe = ["hash", "hashed", "digest", "at", "reset", "salt", "encrypted", "hint", "policy"];
        let safe = words.iter().any(|word| kept_safe.contains(word));
        if password && !safe && matches!(column.ty, Type::Text | Type::Varchar(_)) {
            let message = format!("`{}` would hold passwords as they are", column.name);
            hits.add(subject(&table.name, &column.name), message);
        }
    }
}

fn seeded_secret(case: &Case<'_>, hits: &mut Hits) {
    for step in &case.steps {
        let Change::Seed { table, rows } = step.change else { continue };
        for (name, value) in rows.iter().flatten() {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
            if is_secret(name) || TOKENS.iter().any(|start| value.starts_with(start)) {
                // The value itself stays out of the message: findings are stored and shown.
                hits.add(subject(table, name), format!("a seeded row gives `{name}` a value"));
            }
        }
    }
}
