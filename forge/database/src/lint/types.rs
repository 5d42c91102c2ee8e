//! Rules about column types and defaults.

use super::case::Case;
use super::data::{enum_of, subject};
use super::names::words;
use super::{Area, Hits, Rule, Severity};
use crate::schema::{ColumnDefault, Schema, Type};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG040",
        title: "money as floating point",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "floating point cannot hold most decimal fractions, so sums drift by cents",
        fix: "use `numeric(12,2)`, or whole cents in a `bigint`",
        check: float_money,
    },
    Rule {
        id: "MIG041",
        title: "point in time without a zone",
        severity: Severity::Medium,
        area: Area::Safety,
        reason: "without a zone the same value means different instants to different readers",
        fix: "use `timestamptz`",
        check: time_without_zone,
    },
    Rule {
        id: "MIG042",
        title: "enum that does not exist",
        severity: Severity::Critical,
        area: Area::Safety,
        reason: "the column would have a type that nothing defines",
        fix: "add the enum first",
        check: unknown_enum,
    },
    Rule {
        id: "MIG043",
        title: "type with impossible bounds",
        severity: Severity::High,
        area: Area::Safety,
        reason: "no value, or no useful one, fits the type",
        fix: "give a length, a precision not below the scale, or a number of dimensions above zero",
        check: impossible_bounds,
    },
    Rule {
        id: "MIG044",
        title: "default that does not fit the column",
        severity: Severity::High,
        area: Area::Safety,
        reason: "the first insert that relies on the default fails, or stores something of another type",
        fix: "write a default of the column's own type",
        check: default_misfits,
    },
    Rule {
        id: "MIG045",
        title: "enum without values",
        severity: Severity::High,
        area: Area::Safety,
        reason: "no row can hold a value of it",
        fix: "give the enum its values",
        check: empty_enum,
    },
];

fn float_money(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns().filter(|(_, column)| column.ty == Type::Double) {
        let words = words(&column.name);
        let rate = words.iter().any(|word| matches!(*word, "rate" | "ratio" | "percent" | "score"));
        if !rate && words.iter().any(|word| MONEY.contains(word)) {
            let message = format!("`{}` looks like money and is a double", column.name);
            hits.add(subject(&table.name, &column.name), message);
        }
    }
}

const MONEY: &[&str] = &[
    "amount", "balance", "budget", "charge", "cost", "discount", "fee", "paid", "payment", "payout", "price",
    "refund", "revenue", "salary", "subtotal", "tax", "tip", "wage",
];

fn time_without_zone(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns() {
        let moment = column.name.ends_with("_at") || column.name.contains("timestamp");
        let zoneless = matches!(column.ty, Type::Text | Type::Varchar(_) | Type::Date | Type::Time);
        if moment && zoneless {
            let message = format!("`{}` names a point in time and is {}", column.name, column.ty);
            hits.add(subject(&table.name, &column.name), message);
        }
    }
}

fn unknown_enum(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns() {
        if let Some(name) = enum_of(&column.ty).filter(|name| !case.target.enums.contains_key(*name)) {
            hits.add(subject(&table.name, &column.name), format!("there is no enum `{name}`"));
        }
    }
}

fn impossible_bounds(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns().filter(|(_, column)| impossible(&column.ty)) {
        hits.add(subject(&table.name, &column.name), format!("nothing fits {}", column.ty));
    }
}

fn impossible(ty: &Type) -> bool {
    match ty {
        Type::Varchar(bound) | Type::Vector(bound) => *bound == 0,
        Type::Numeric(precision, scale) => *precision == 0 || scale > precision,
        Type::Array(inner) => impossible(inner),
        _ => false, // The others have no bounds.
    }
}

fn default_misfits(case: &Case<'_>, hits: &mut Hits) {
    for (table, column) in case.columns() {
        let Some(default) = &column.default else { continue };
        let only_key = table.primary_key.len() == 1 && table.primary_key[0] == column.name;
        let whole = matches!(column.ty, Type::Smallint | Type::Integer | Type::Bigint);
        let text = matches!(column.ty, Type::Text | Type::Varchar(_));
        let fits = match default {
            ColumnDefault::Now => text || matches!(column.ty, Type::Timestamptz | Type::Date | Type::Time),
            ColumnDefault::RandomUuid | ColumnDefault::CurrentUser => text || column.ty == Type::Uuid,
            ColumnDefault::Identity => whole && only_key,
            ColumnDefault::Literal(value) => fits(&column.ty, value, case.target),
        };
        if !fits {
            let message = format!("the default of `{}` is no {}", column.name, column.ty);
            hits.add(subject(&table.name, &column.name), message);
        }
    }
}

fn empty_enum(case: &Case<'_>, hits: &mut Hits) {
    for (name, _) in case.target.enums.iter().filter(|(_, values)| values.is_empty()) {
        hits.add(name, format!("`{name}` has no values"));
    }
}

/// Whether `value`, in its text form, can be a value of `ty`. Errs on the side of yes.
pub(super) fn fits(ty: &Type, value: &str, schema: &Schema) -> bool {
    match ty {
        Type::Text | Type::Bytea | Type::Tsvector => true,
        Type::Varchar(length) => value.chars().count() <= *length as usize,
        Type::Smallint => value.parse::<i16>().is_ok(),
        Type::Integer => value.parse::<i32>().is_ok(),
        Type::Bigint => value.parse::<i64>().is_ok(),
        Type::Double => value.parse::<f64>().is_ok(),
        Type::Numeric(precision, scale) => decimal(value, *precision, *scale),
        Type::Boolean => matches!(value, "true" | "false" | "0" | "1"),
        Type::Uuid => uuid(value),
        Type::Timestamptz | Type::Date => value.chars().filter(char::is_ascii_digit).count() >= 8,
        Type::Time => value.contains(':'),
        Type::Jsonb => serde_json::from_str::<serde_json::Value>(value).is_ok(),
        Type::Vector(_) | Type::Array(_) => value.starts_with(['[', '{']),
        Type::Range(_) => value == "empty" || value.starts_with(['[', '(']),
        // An enum that is not there is another rule's matter.
        Type::Enum(name) => schema.enums.get(name).is_none_or(|values| values.iter().any(|v| v == value)),
    }
}

fn decimal(value: &str, precision: u32, scale: u32) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let whole_digits = whole.trim_start_matches('0').len();
    !(whole.is_empty() && fraction.is_empty())
        && numeric(whole)
        && numeric(fraction)
        && whole_digits <= precision.saturating_sub(scale) as usize
        && fraction.trim_end_matches('0').len() <= scale as usize
}

fn uuid(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    let hex = |group: &&str| group.chars().all(|c| c.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}
