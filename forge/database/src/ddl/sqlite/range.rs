//! Ranges in the text form in which Postgres writes them: `[1,5)`, `empty`, `["2026-01-02 03:04:05+00",)`.

use std::cmp::Ordering;

use crate::schema::RangeOf;

/// A bound's value: what it is compared by, and its text.
#[derive(Debug, Clone, PartialEq)]
enum Bound {
    /// A whole number, or the days since the year 1.
    Whole(i64),
    /// A decimal: sign, digits before the point without zeros at the front, digits after it as written.
    Decimal(bool, String, String),
    At(jiff::Timestamp),
}

/// The range that `text` names, as Postgres writes it; `None` where it names none.
pub(super) fn canonical(of: RangeOf, text: &str) -> Option<String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("empty") {
        return Some("empty".to_owned());
    }
    let open = text.chars().next().filter(|c| matches!(c, '[' | '('))?;
    let close = text.chars().next_back().filter(|c| matches!(c, ']' | ')'))?;
    let (lower, upper) = split(text.get(1..text.len() - 1)?)?;
    let bound = |text: Option<String>| match text {
        Some(text) => value(of, &text).map(Some),
        None => Some(None),
    };
    let (mut lower, mut upper) = (bound(lower)?, bound(upper)?);
    let (mut from, mut to) = (open == '[' && lower.is_some(), close == ']' && upper.is_some());
    if let (Some(low), Some(high)) = (&lower, &upper) {
        match order(low, high) {
            Ordering::Greater => return None,
            Ordering::Equal if !(from && to) => return Some("empty".to_owned()),
            Ordering::Equal | Ordering::Less => {}
        }
    }
    if matches!(of, RangeOf::Integer | RangeOf::Bigint | RangeOf::Date) {
        if !from && let Some(Bound::Whole(low)) = lower {
            (lower, from) = (Some(within(of, low.checked_add(1)?)?), true);
        }
        if to && let Some(Bound::Whole(high)) = upper {
            (upper, to) = (Some(within(of, high.checked_add(1)?)?), false);
        }
        if lower.is_some() && lower == upper {
            return Some("empty".to_owned());
        }
    }
    let shown = |bound: &Option<Bound>| bound.as_ref().map_or(Some(String::new()), |bound| show(of, bound));
    let (from, to) = (if from { '[' } else { '(' }, if to { ']' } else { ')' });
    Some(format!("{from}{},{}{to}", shown(&lower)?, shown(&upper)?))
}

/// The two bounds as written, without quotes; `None` inside where there is none.
fn split(inner: &str) -> Option<(Option<String>, Option<String>)> {
    let (mut parts, mut part, mut said) = (Vec::new(), String::new(), false);
    let mut quoted = false;
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' => (quoted, said) = (!quoted, true),
            '\\' => part.push(chars.next()?),
            ',' if !quoted => {
                parts.push((said || !part.is_empty()).then(|| std::mem::take(&mut part)));
                said = false;
            }
            '(' | ')' | '[' | ']' if !quoted => return None,
            c => part.push(c),
        }
    }
    if quoted || parts.len() != 1 {
        return None;
    }
    let upper = (said || !part.is_empty()).then_some(part);
    Some((parts.pop()?, upper))
}

fn value(of: RangeOf, text: &str) -> Option<Bound> {
    let text = text.trim();
    match of {
        RangeOf::Integer => text.parse::<i32>().ok().map(|number| Bound::Whole(number.into())),
        RangeOf::Bigint => text.parse().ok().map(Bound::Whole),
        RangeOf::Numeric => decimal(text),
        RangeOf::Date => {
            let date = text.parse::<jiff::civil::Date>().ok()?;
            let days = jiff::civil::date(1, 1, 1).until(date).ok()?.get_days();
            within(of, days.into())
        }
        RangeOf::Timestamptz => super::value::instant(text).map(Bound::At),
    }
}

/// The number as a bound; `None` where the type ends.
fn within(of: RangeOf, number: i64) -> Option<Bound> {
    let fits = match of {
        RangeOf::Integer => i32::try_from(number).is_ok(),
        RangeOf::Date => day(number).is_some(),
        RangeOf::Bigint | RangeOf::Numeric | RangeOf::Timestamptz => true,
    };
    fits.then_some(Bound::Whole(number))
}

fn day(number: i64) -> Option<jiff::civil::Date> {
    use jiff::ToSpan as _;
    let days = i32::try_from(number).ok().filter(|days| (0..3_652_059).contains(days))?;
    jiff::civil::date(1, 1, 1).checked_add(days.days()).ok()
}

fn decimal(text: &str) -> Option<Bound> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() == 0 || text.len() > 1_000 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let zero = whole.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let below = text.starts_with('-') && !zero;
    Some(Bound::Decimal(below, whole.to_owned(), fraction.to_owned()))
}

fn order(low: &Bound, high: &Bound) -> Ordering {
    match (low, high) {
        (Bound::Whole(low), Bound::Whole(high)) => low.cmp(high),
        (Bound::At(low), Bound::At(high)) => low.cmp(high),
        (Bound::Decimal(a_below, a, a_rest), Bound::Decimal(b_below, b, b_rest)) => {
            let size = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
            let size = size.then_with(|| a_rest.trim_end_matches('0').cmp(b_rest.trim_end_matches('0')));
            match (a_below, b_below) {
                (false, false) => size,
                (true, true) => size.reverse(),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
            }
        }
        // Both bounds are of one type.
        _ => Ordering::Less,
    }
}

fn show(of: RangeOf, bound: &Bound) -> Option<String> {
    Some(match bound {
        Bound::Whole(number) if of == RangeOf::Date => day(*number)?.to_string(),
        Bound::Whole(number) => number.to_string(),
        Bound::Decimal(below, whole, fraction) => {
            let point = if fraction.is_empty() { "" } else { "." };
            let whole = if whole.is_empty() { "0" } else { whole };
            format!("{}{whole}{point}{fraction}", if *below { "-" } else { "" })
        }
        Bound::At(at) => {
            let civil = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
            let micros = format!("{:06}", civil.subsec_nanosecond() / 1_000);
            let digits = micros.trim_end_matches('0');
            let point = if digits.is_empty() { "" } else { "." };
            format!("\"{}{point}{digits}+00\"", civil.strftime("%Y-%m-%d %H:%M:%S"))
        }
    })
}
