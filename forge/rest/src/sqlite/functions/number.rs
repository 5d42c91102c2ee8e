//! Numbers in the forms of Postgres, and exact sums and averages.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::{Value as Sql, ValueRef};

use super::{FLAGS, Raised, real, scalar};
use crate::sqlite::values::Refused;

/// The largest exponent that a number is written out for.
const EXPONENT_MAX: u32 = 1_000;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    scalar(conn, "rest_double", 2, false, |context| {
        let quoted = context.get_raw(1) == ValueRef::Integer(1);
        Ok(Sql::Text(shown(real(context, 0), quoted)))
    })?;
    scalar(conn, "rest_fixed", 2, false, |context| {
        let places = real(context, 1).clamp(0.0, 30.0) as usize;
        let shortest = format!("{}", real(context, 0));
        Ok(Sql::Text(rounded(&shortest, places)))
    })?;
    // rest_decimal(double): the decimal of fifteen digits.
    scalar(conn, "rest_decimal", 1, false, |context| {
        let digits = format!("{:.14e}", real(context, 0));
        let exact = plain(&digits).unwrap_or(digits);
        let short =
            if exact.contains('.') { exact.trim_end_matches('0').trim_end_matches('.') } else { &exact };
        Ok(Sql::Text(short.to_owned()))
    })?;
    scalar(conn, "rest_whole", 1, false, |context| match context.get_raw(0) {
        // A double rounds to the even neighbour, a decimal away from zero.
        ValueRef::Real(value) => Ok(Sql::Text(format!("{}", value.round_ties_even()))),
        ValueRef::Text(bytes) => Ok(Sql::Text(rounded(std::str::from_utf8(bytes).unwrap_or_default(), 0))),
        other => Ok(Sql::try_from(other).unwrap_or(Sql::Null)),
    })?;
    conn.create_aggregate_function("rest_sum", 2, FLAGS, Summing { mean: false })?;
    conn.create_aggregate_function("rest_avg", 2, FLAGS, Summing { mean: true })
}

/// A double as Postgres prints it: the shortest text that is read back as the same.
pub(super) fn shown(value: f64, quoted: bool) -> String {
    if !value.is_finite() {
        let name = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return if quoted { format!("\"{name}\"") } else { name.to_owned() };
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

/// A number as `numeric` is written: without an exponent or needless zeros before the point. Nothing for what is
/// no number or has too many digits.
pub(in crate::sqlite) fn plain(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty()
        || exponent.unsigned_abs() > EXPONENT_MAX
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let before = usize::try_from(point).unwrap_or(0);
    let zeros = usize::try_from(-point).unwrap_or(0);
    let (whole, fraction) = digits.split_at(before.min(digits.len()));
    let whole = format!("{whole:0<before$}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && digits.bytes().any(|digit| digit != b'0') { "-" } else { "" };
    let fraction = if fraction.is_empty() && zeros == 0 {
        String::new()
    } else {
        format!(".{}{fraction}", "0".repeat(zeros))
    };
    Some(format!("{sign}{whole}{fraction}"))
}

/// A decimal text with so many places, rounded half away from zero.
pub(in crate::sqlite) fn rounded(text: &str, places: usize) -> String {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut kept: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    kept.resize(whole.len() + fraction.len().max(places), b'0');
    let up = kept.get(whole.len() + places).is_some_and(|digit| *digit >= b'5');
    kept.truncate(whole.len() + places);
    let mut carry = up;
    for digit in kept.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    if carry {
        kept.insert(0, b'1');
    }
    let all = String::from_utf8(kept).unwrap_or_default();
    let (whole, fraction) = all.split_at(all.len() - places);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && all.bytes().any(|digit| digit != b'0') { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The sum or the mean of whole numbers or decimals with a scale.
struct Summing {
    mean: bool,
}

/// A sum of units of the last place.
#[derive(Default)]
struct Sum {
    units: i128,
    count: i128,
    scale: usize,
}

impl Aggregate<Sum, Sql> for Summing {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sum> {
        Ok(Sum::default())
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        let text = match context.get_raw(0) {
            ValueRef::Null | ValueRef::Blob(_) => return Ok(()),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => format!("{value}"),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).unwrap_or_default().to_owned(),
        };
        sum.scale = real(context, 1).clamp(0.0, 15.0) as usize;
        let units: Option<i128> = rounded(&text, sum.scale).replace('.', "").parse().ok();
        sum.units = units.and_then(|units| sum.units.checked_add(units)).ok_or_else(overflow)?;
        sum.count += 1;
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> rusqlite::Result<Sql> {
        let Some(sum) = sum.filter(|sum| sum.count > 0) else { return Ok(Sql::Null) };
        Ok(Sql::Text(if self.mean { mean(&sum) } else { placed(sum.units, sum.scale) }))
    }
}

fn overflow() -> rusqlite::Error {
    let refused = Refused::new("22003", "value overflows numeric format");
    rusqlite::Error::UserFunctionError(Box::new(Raised(refused)))
}

fn placed(units: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if units < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The mean with as many places as Postgres' division gives: sixteen significant digits, counted in groups of
/// four.
fn mean(sum: &Sum) -> String {
    let (weight, first) = leading(sum.units.unsigned_abs(), sum.scale);
    let (by_weight, by_first) = leading(sum.count.unsigned_abs(), 0);
    let quotient = weight - by_weight - i32::from(first <= by_first);
    let places = usize::try_from(16 - quotient * 4).unwrap_or(0).max(sum.scale).min(1_000);
    let divisor = sum.count.unsigned_abs();
    let mut rest = sum.units.unsigned_abs();
    let mut digits = (rest / divisor).to_string();
    rest %= divisor;
    // The quotient of units has the sum's scale already; further digits follow one by one, one for rounding.
    digits = placed(i128::try_from(digits.parse::<u128>().unwrap_or(0)).unwrap_or(i128::MAX), sum.scale);
    if sum.scale == 0 {
        digits.push('.');
    }
    for _ in sum.scale..=places {
        rest = rest.saturating_mul(10);
        digits.push(char::from(b'0' + u8::try_from(rest / divisor).unwrap_or(9)));
        rest %= divisor;
    }
    let sign = if sum.units < 0 { "-" } else { "" };
    rounded(&format!("{sign}{digits}"), places)
}

/// The weight and the value of the first group of four digits of a decimal.
fn leading(units: u128, scale: usize) -> (i32, u32) {
    if units == 0 {
        return (0, 0);
    }
    let text = placed(i128::try_from(units).unwrap_or(i128::MAX), scale);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.trim_start_matches('0');
    if !whole.is_empty() {
        let first = if whole.len().is_multiple_of(4) { 4 } else { whole.len() % 4 };
        let weight = i32::try_from(whole.len().div_ceil(4)).unwrap_or(i32::MAX) - 1;
        return (weight, whole.get(..first).and_then(|first| first.parse().ok()).unwrap_or(0));
    }
    let zeros = fraction.len() - fraction.trim_start_matches('0').len();
    let group = zeros / 4;
    let first = format!("{fraction:0<width$}", width = (group + 1) * 4);
    let first = first.get(group * 4..group * 4 + 4).and_then(|first| first.parse().ok()).unwrap_or(0);
    (-1 - i32::try_from(group).unwrap_or(0), first)
}
