//! Ranges: their text form, made the only one for what it means, and how two of them lie.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use forge_database::schema::{RangeOf, Type};
use rusqlite::types::Value as Sql;

use super::{Refused, operand};

/// A range.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sqlite) enum Range {
    Empty,
    From { lower: Option<Bound>, upper: Option<Bound> },
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sqlite) struct Bound {
    at: Sql,
    text: String,
    inclusive: bool,
}

/// Reads a range.
pub(in crate::sqlite) fn read(of: RangeOf, text: &str) -> Result<Range, Refused> {
    let malformed = || Refused::new("22P02", format!("malformed range literal: \"{text}\""));
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("empty") {
        return Ok(Range::Empty);
    }
    let lower_in = trimmed.starts_with('[');
    let upper_in = trimmed.ends_with(']');
    if !(lower_in || trimmed.starts_with('(')) || !(upper_in || trimmed.ends_with(')')) || trimmed.len() < 3 {
        return Err(malformed());
    }
    let (lower, upper) = trimmed[1..trimmed.len() - 1].split_once(',').ok_or_else(malformed)?;
    if upper.contains(',') {
        return Err(malformed());
    }
    let lower = bound(of, lower, lower_in)?;
    let upper = bound(of, upper, upper_in)?;
    if let (Some(one), Some(other)) = (&lower, &upper)
        && order(&one.at, &other.at) == Ordering::Greater
    {
        let message = "range lower bound must be less than or equal to range upper bound";
        return Err(Refused::new("22000", message));
    }
    Ok(canonical(of, lower, upper))
}

fn bound(of: RangeOf, text: &str, inclusive: bool) -> Result<Option<Bound>, Refused> {
    let text = text.trim().trim_matches('"');
    if text.is_empty() {
        return Ok(None);
    }
    let ty = match of {
        RangeOf::Integer => Type::Integer,
        RangeOf::Bigint => Type::Bigint,
        RangeOf::Numeric => Type::Numeric(1000, 0),
        RangeOf::Date => Type::Date,
        RangeOf::Timestamptz => Type::Timestamptz,
    };
    let at = operand(&BTreeMap::new(), &ty, text)?;
    let text = match (&at, of) {
        (Sql::Text(at), RangeOf::Timestamptz) => {
            format!("\"{}\"", crate::sqlite::functions::time::shown(at, None, ' ').unwrap_or_default())
        }
        (Sql::Text(at), _) => at.clone(),
        (Sql::Integer(at), _) => at.to_string(),
        _ => text.to_owned(),
    };
    Ok(Some(Bound { at, text, inclusive }))
}

/// Ranges of whole numbers and days are from a bound that is in to one that is not.
fn canonical(of: RangeOf, lower: Option<Bound>, upper: Option<Bound>) -> Range {
    let discrete = matches!(of, RangeOf::Integer | RangeOf::Bigint | RangeOf::Date);
    let lower = lower.map(|bound| if discrete && !bound.inclusive { next(bound, true) } else { bound });
    let upper = upper.map(|bound| if discrete && bound.inclusive { next(bound, false) } else { bound });
    if let (Some(one), Some(other)) = (&lower, &upper) {
        let empty = match order(&one.at, &other.at) {
            Ordering::Greater => true,
            Ordering::Equal => !(one.inclusive && other.inclusive),
            Ordering::Less => false,
        };
        if empty {
            return Range::Empty;
        }
    }
    Range::From { lower, upper }
}

fn next(bound: Bound, inclusive: bool) -> Bound {
    let (at, text) = match bound.at {
        Sql::Integer(at) => (Sql::Integer(at.saturating_add(1)), at.saturating_add(1).to_string()),
        Sql::Text(day) => {
            let next = day.parse::<jiff::civil::Date>().ok().and_then(|day| day.tomorrow().ok());
            let next = next.map_or(day, |day| day.to_string());
            (Sql::Text(next.clone()), next)
        }
        other => (other, bound.text),
    };
    Bound { at, text, inclusive }
}

fn order(one: &Sql, other: &Sql) -> Ordering {
    match (one, other) {
        (Sql::Integer(one), Sql::Integer(other)) => one.cmp(other),
        (Sql::Real(one), Sql::Real(other)) => one.total_cmp(other),
        (Sql::Text(one), Sql::Text(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

/// How two lower bounds lie; none is below all.
fn lower_order(one: &Option<Bound>, other: &Option<Bound>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => order(&one.at, &other.at).then(other.inclusive.cmp(&one.inclusive)),
    }
}

/// How two upper bounds lie; none is above all.
fn upper_order(one: &Option<Bound>, other: &Option<Bound>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => order(&one.at, &other.at).then(one.inclusive.cmp(&other.inclusive)),
    }
}

/// Whether everything up to `upper` is before `lower`; touching bounds count unless both are in.
fn before(upper: &Option<Bound>, lower: &Option<Bound>) -> bool {
    match (upper, lower) {
        (Some(upper), Some(lower)) => match order(&upper.at, &lower.at) {
            Ordering::Less => true,
            Ordering::Equal => !(upper.inclusive && lower.inclusive),
            Ordering::Greater => false,
        },
        _ => false,
    }
}

fn touch(upper: &Option<Bound>, lower: &Option<Bound>) -> bool {
    match (upper, lower) {
        (Some(upper), Some(lower)) => {
            order(&upper.at, &lower.at) == Ordering::Equal && upper.inclusive != lower.inclusive
        }
        _ => false,
    }
}

/// Whether `one operator other` holds; nothing for an operator that ranges do not have.
pub(in crate::sqlite) fn holds(one: &Range, operator: &str, other: &Range) -> Option<bool> {
    let (Range::From { lower: al, upper: au }, Range::From { lower: bl, upper: bu }) = (one, other) else {
        let (one, other) = (*one == Range::Empty, *other == Range::Empty);
        return Some(match operator {
            "@>" => other,
            "<@" => one,
            _ => false,
        });
    };
    let contains =
        |ol, ou, il, iu| lower_order(ol, il) != Ordering::Greater && upper_order(ou, iu) != Ordering::Less;
    Some(match operator {
        "@>" => contains(al, au, bl, bu),
        "<@" => contains(bl, bu, al, au),
        "&&" => !before(au, bl) && !before(bu, al),
        "<<" => before(au, bl),
        ">>" => before(bu, al),
        "&<" => upper_order(au, bu) != Ordering::Greater,
        "&>" => lower_order(al, bl) != Ordering::Less,
        "-|-" => touch(au, bl) || touch(bu, al),
        _ => return None,
    })
}

impl Range {
    /// Bytes that sort as ranges do: by the lower bound, then by the upper one, the empty one first.
    pub(in crate::sqlite) fn sort_key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        let Range::From { lower, upper } = self else { return vec![0] };
        match lower {
            None => key.push(1),
            Some(bound) => {
                key.push(2);
                bytes(&bound.at, &mut key);
                key.push(u8::from(!bound.inclusive));
            }
        }
        match upper {
            None => key.push(2),
            Some(bound) => {
                key.push(1);
                bytes(&bound.at, &mut key);
                key.push(u8::from(bound.inclusive));
            }
        }
        key
    }

    /// The same with its times written in a zone.
    pub(in crate::sqlite) fn in_zone(self, zone: &str) -> Range {
        let Range::From { lower, upper } = self else { return self };
        let moved = |bound: Bound| match &bound.at {
            Sql::Text(at) => match crate::sqlite::functions::time::shown(at, Some(zone), ' ') {
                Some(text) => Bound { text: format!("\"{text}\""), ..bound },
                None => bound,
            },
            _ => bound,
        };
        Range::From { lower: lower.map(moved), upper: upper.map(moved) }
    }
}

/// Bytes that sort as the values of a bound do.
fn bytes(of: &Sql, key: &mut Vec<u8>) {
    match of {
        Sql::Integer(number) => key.extend((*number as u64 ^ 1 << 63).to_be_bytes()),
        Sql::Real(number) => {
            let bits = number.to_bits();
            key.extend(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }.to_be_bytes());
        }
        Sql::Text(text) => {
            key.extend(text.as_bytes());
            key.push(0);
        }
        Sql::Null | Sql::Blob(_) => {}
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range::From { lower, upper } = self else { return f.write_str("empty") };
        let is_in = |bound: &Option<Bound>| bound.as_ref().is_some_and(|bound| bound.inclusive);
        let text = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.text.clone()).unwrap_or_default();
        write!(
            f,
            "{}{},{}{}",
            if is_in(lower) { '[' } else { '(' },
            text(lower),
            text(upper),
            if is_in(upper) { ']' } else { ')' }
        )
    }
}
