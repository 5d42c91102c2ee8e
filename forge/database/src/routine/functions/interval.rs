//! Spans of time: months, days and microseconds, which Postgres keeps apart.

use std::fmt;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// A day, where it must be a number of microseconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// A span of time. Its text is the three numbers with spaces between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) micros: i64,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.months, self.days, self.micros)
    }
}

impl Interval {
    /// Reads the three numbers.
    pub(crate) fn stored(text: &str) -> Option<Interval> {
        let mut numbers = text.split(' ').map(|part| part.parse::<i64>().ok());
        let interval =
            Interval { months: numbers.next()??, days: numbers.next()??, micros: numbers.next()?? };
        numbers.next().is_none().then_some(interval)
    }

    pub(crate) fn plus(self, other: Interval, sign: i64) -> Option<Interval> {
        let add = |a: i64, b: i64| a.checked_add(b.checked_mul(sign)?);
        Some(Interval {
            months: add(self.months, other.months)?,
            days: add(self.days, other.days)?,
            micros: add(self.micros, other.micros)?,
        })
    }

    /// Fractions of a month become days, those of a day become time.
    pub(crate) fn times(self, factor: f64) -> Option<Interval> {
        let bounded = |value: f64| (value.is_finite() && value.abs() < 9e15).then_some(value);
        let months = bounded(self.months as f64 * factor)?;
        let days = bounded(self.days as f64 * factor + months.fract() * 30.0)?;
        let micros = bounded(self.micros as f64 * factor + (days.fract() * DAY as f64).round())?;
        Some(Interval {
            months: months.trunc() as i64,
            days: days.trunc() as i64,
            micros: micros.round() as i64,
        })
    }

    /// As one number, with months of 30 days, as Postgres compares.
    pub(crate) fn total(self) -> i64 {
        let days = self.months.saturating_mul(30).saturating_add(self.days);
        days.saturating_mul(DAY).saturating_add(self.micros)
    }

    /// As Postgres shows it: `1 year 2 mons 3 days 04:05:06`.
    pub(crate) fn shown(self) -> String {
        let mut parts = Vec::new();
        let mut count = |number: i64, one: &str| {
            if number != 0 {
                parts.push(format!("{number} {one}{}", if number == 1 { "" } else { "s" }));
            }
        };
        count(self.months / 12, "year");
        count(self.months % 12, "mon");
        count(self.days, "day");
        if self.micros != 0 || parts.is_empty() {
            let all = self.micros.unsigned_abs();
            let (second, minute, hour) = (SECOND.unsigned_abs(), MINUTE.unsigned_abs(), HOUR.unsigned_abs());
            let sign = if self.micros < 0 { "-" } else { "" };
            let mut time =
                format!("{sign}{:02}:{:02}:{:02}", all / hour, all % hour / minute, all % minute / second);
            if !all.is_multiple_of(second) {
                time.push_str(format!(".{:06}", all % second).trim_end_matches('0'));
            }
            parts.push(time);
        }
        parts.join(" ")
    }
}

/// Reads `1 day`, `2 hours 30 minutes`, `1 year -3 days`, `01:30:00`, and the same with `ago`.
pub(crate) fn parse(text: &str) -> Option<Interval> {
    if text.len() > 200 {
        return None;
    }
    let lower = text.trim().to_lowercase();
    let (body, sign) = match lower.strip_suffix("ago") {
        Some(body) => (body.trim_end(), -1),
        None => (lower.as_str(), 1),
    };
    let mut interval = Interval::default();
    let mut rest = body.trim_start();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ':' | '+' | '-')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        if number.contains(':') {
            interval.micros = interval.micros.checked_add(clock(number)?)?;
            rest = after.trim_start();
            continue;
        }
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        interval = add(interval, number.parse().ok()?, unit)?;
        rest = after.trim_start();
    }
    Interval::default().plus(interval, sign)
}

fn add(to: Interval, count: f64, unit: &str) -> Option<Interval> {
    let unit = match unit {
        "millennium" | "millenniums" | "century" | "centuries" => return None,
        "y" | "yr" | "yrs" | "year" | "years" => Interval { months: 12, ..Interval::default() },
        "mon" | "mons" | "month" | "months" => Interval { months: 1, ..Interval::default() },
        "w" | "week" | "weeks" => Interval { days: 7, ..Interval::default() },
        "d" | "day" | "days" => Interval { days: 1, ..Interval::default() },
        "h" | "hr" | "hrs" | "hour" | "hours" => Interval { micros: HOUR, ..Interval::default() },
        "m" | "min" | "mins" | "minute" | "minutes" => Interval { micros: MINUTE, ..Interval::default() },
        "" | "s" | "sec" | "secs" | "second" | "seconds" => {
            Interval { micros: SECOND, ..Interval::default() }
        }
        "ms" | "millisecond" | "milliseconds" => Interval { micros: 1_000, ..Interval::default() },
        "us" | "microsecond" | "microseconds" => Interval { micros: 1, ..Interval::default() },
        _ => return None,
    };
    to.plus(unit.times(count)?, 1)
}

/// `[-]hours:minutes[:seconds]`
fn clock(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok()?;
    if parts.next().is_some()
        || !(0..=1_000_000).contains(&hours)
        || !(0..60).contains(&minutes)
        || !(0.0..60.0).contains(&seconds)
    {
        return None;
    }
    Some(sign * (hours * HOUR + minutes * MINUTE + (seconds * SECOND as f64).round() as i64))
}
