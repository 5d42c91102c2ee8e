//! Points in time, which are held as text in UTC.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span, ToSpan, Unit};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::interval::{DAY, Interval};
use super::{Given, Raise, raise, strict};

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    strict(conn, "pg_date_trunc", 2, |a| Ok(stored(truncated(a.text(0)?, moment(a.text(1)?)?)?)))?;
    strict(conn, "pg_date_part", 2, |a| field(a.text(0)?, moment(a.text(1)?)?).map(Value::Real))?;
    strict(conn, "pg_interval_part", 2, |a| interval_field(a.text(0)?, span(a.text(1)?)?))?;
    strict(conn, "pg_ts_add", 3, |a| match moved(moment(a.text(0)?)?, span(a.text(1)?)?, a.int(2)?) {
        Some(at) => Ok(stored(at)),
        None => raise("22008", "timestamp out of range"),
    })?;
    strict(conn, "pg_ts_sub", 2, |a| {
        let micros = micros_between(moment(a.text(1)?)?, moment(a.text(0)?)?);
        Ok(Value::Text(Interval { months: 0, days: micros / DAY, micros: micros % DAY }.to_string()))
    })?;
    strict(conn, "pg_age", 2, |a| {
        let (to, from) = (moment(a.text(0)?)?, moment(a.text(1)?)?);
        let apart = from.until((Unit::Month, to)).map_err(|_| out_of_range())?;
        let (time, days) = (apart.get_hours(), apart.get_days());
        let seconds = (i64::from(time) * 60 + apart.get_minutes()) * 60 + apart.get_seconds();
        let micros = seconds * 1_000_000 + apart.get_milliseconds() * 1_000 + apart.get_microseconds();
        Ok(Value::Text(Interval { months: apart.get_months().into(), days: days.into(), micros }.to_string()))
    })?;
    strict(conn, "pg_date_add", 2, |a| {
        let date = day(a.text(0)?)?;
        match Span::new().try_days(a.int(1)?).ok().and_then(|days| date.checked_add(days).ok()) {
            Some(date) if date.year() >= 0 => Ok(Value::Text(date.to_string())),
            _ => raise("22008", "date out of range"),
        }
    })?;
    strict(conn, "pg_date_sub", 2, |a| {
        let (to, from) = (day(a.text(0)?)?, day(a.text(1)?)?);
        let apart = from.until((Unit::Day, to)).map_err(|_| out_of_range())?;
        Ok(Value::Integer(apart.get_days().into()))
    })?;
    strict(conn, "pg_make_date", 3, |a| {
        let small = |at| a.int(at).map(|value| i16::try_from(value).unwrap_or(-1));
        let (year, month, date) = (small(0)?, small(1)?, small(2)?);
        let made = i8::try_from(month)
            .ok()
            .zip(i8::try_from(date).ok())
            .and_then(|(month, date)| Date::new(year, month, date).ok());
        match made {
            Some(date) if year >= 0 => Ok(Value::Text(date.to_string())),
            _ => raise("22008", "date field value out of range"),
        }
    })?;
    strict(conn, "pg_to_timestamp", 1, |a| {
        let seconds = a.real(0)?;
        let at = (seconds.abs() < 2e11).then(|| SignedDuration::from_micros((seconds * 1e6).round() as i64));
        match at.and_then(|after| DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(after).ok()) {
            Some(at) if at.year() >= 0 => Ok(stored(at)),
            _ => raise("22008", "timestamp out of range"),
        }
    })?;
    strict(conn, "pg_to_char", 2, |a| Ok(Value::Text(shown(moment(a.text(0)?)?, a.text(1)?)?)))?;
    strict(conn, "pg_interval_add", 3, |a| whole(span(a.text(0)?)?.plus(span(a.text(1)?)?, a.int(2)?)))?;
    strict(conn, "pg_interval_mul", 2, |a| whole(span(a.text(0)?)?.times(a.real(1)?)))?;
    strict(conn, "pg_interval_micros", 1, |a| Ok(Value::Integer(span(a.text(0)?)?.total())))?;
    strict(conn, "pg_interval_text", 1, |a| Ok(Value::Text(span(a.text(0)?)?.shown())))
}

fn out_of_range() -> Raise {
    Raise { code: "22008", message: "timestamp out of range".to_owned() }
}

fn whole(interval: Option<Interval>) -> Given {
    match interval {
        Some(interval) => Ok(Value::Text(interval.to_string())),
        None => raise("22008", "interval out of range"),
    }
}

fn span(text: &str) -> Result<Interval, Raise> {
    match Interval::stored(text) {
        Some(interval) => Ok(interval),
        None => raise("22007", "invalid interval"),
    }
}

/// Times are stored in UTC, so what stands before the offset is all there is.
fn moment(text: &str) -> Result<DateTime, Raise> {
    let civil = text.strip_suffix("+00:00").unwrap_or(text).parse::<DateTime>().ok();
    match civil {
        Some(at) => Ok(at),
        None => {
            raise("22007", format!("invalid timestamp: \"{}\"", text.chars().take(40).collect::<String>()))
        }
    }
}

fn day(text: &str) -> Result<Date, Raise> {
    match text.parse() {
        Ok(date) => Ok(date),
        Err(_) => raise("22007", "invalid date"),
    }
}

fn stored(at: DateTime) -> Value {
    Value::Text(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.subsec_nanosecond() / 1_000
    ))
}

/// Months first, then days, then the rest, as Postgres does.
fn moved(at: DateTime, by: Interval, sign: i64) -> Option<DateTime> {
    let months = i32::try_from(by.months.checked_mul(sign)?).ok()?;
    let days = i32::try_from(by.days.checked_mul(sign)?).ok()?;
    let at = at.checked_add(Span::new().try_months(months).ok()?).ok()?;
    let at = at.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let at = at.checked_add(SignedDuration::from_micros(by.micros.checked_mul(sign)?)).ok()?;
    (at.year() >= 0).then_some(at)
}

fn micros_between(from: DateTime, to: DateTime) -> i64 {
    i64::try_from(to.duration_since(from).as_micros()).unwrap_or(i64::MAX)
}

fn truncated(field: &str, at: DateTime) -> Result<DateTime, Raise> {
    let date = at.date();
    let first = |year: i16, month: i8| Date::new(year, month, 1).map_err(|_| out_of_range());
    let clock = |hour, minute, second, nanosecond| date.at(hour, minute, second, nanosecond);
    Ok(match field.to_lowercase().trim_end_matches('s') {
        "microsecond" => at,
        "millisecond" => clock(at.hour(), at.minute(), at.second(), i32::from(at.millisecond()) * 1_000_000),
        "second" => clock(at.hour(), at.minute(), at.second(), 0),
        "minute" => clock(at.hour(), at.minute(), 0, 0),
        "hour" => clock(at.hour(), 0, 0, 0),
        "day" => clock(0, 0, 0, 0),
        "week" => {
            let back = i32::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(back.days()).map_err(|_| out_of_range())?.at(0, 0, 0, 0)
        }
        "month" => first(at.year(), at.month())?.at(0, 0, 0, 0),
        "quarter" => first(at.year(), (at.month() - 1) / 3 * 3 + 1)?.at(0, 0, 0, 0),
        "year" => first(at.year(), 1)?.at(0, 0, 0, 0),
        "decade" => first(at.year() / 10 * 10, 1)?.at(0, 0, 0, 0),
        "century" => first((at.year() - 1) / 100 * 100 + 1, 1)?.at(0, 0, 0, 0),
        _ => {
            return raise(
                "22023",
                format!("unit \"{field}\" not recognized for type timestamp with time zone"),
            );
        }
    })
}

fn field(name: &str, at: DateTime) -> Result<f64, Raise> {
    let seconds = f64::from(at.second()) + f64::from(at.subsec_nanosecond() / 1_000) / 1e6;
    Ok(match name.to_lowercase().as_str() {
        "year" | "years" => at.year().into(),
        "month" | "months" => at.month().into(),
        "day" | "days" => at.day().into(),
        "hour" | "hours" => at.hour().into(),
        "minute" | "minutes" => at.minute().into(),
        "second" | "seconds" => seconds,
        "millisecond" | "milliseconds" => seconds * 1_000.0,
        "microsecond" | "microseconds" => seconds * 1_000_000.0,
        "dow" => at.date().weekday().to_sunday_zero_offset().into(),
        "isodow" => at.date().weekday().to_monday_one_offset().into(),
        "doy" => at.date().day_of_year().into(),
        "week" => at.date().iso_week_date().week().into(),
        "isoyear" => at.date().iso_week_date().year().into(),
        "quarter" => f64::from((at.month() - 1) / 3 + 1),
        "decade" => f64::from(at.year() / 10),
        "century" => f64::from((at.year() - 1) / 100 + 1),
        "epoch" => micros_between(DateTime::constant(1970, 1, 1, 0, 0, 0, 0), at) as f64 / 1e6,
        "timezone" | "timezone_hour" | "timezone_minute" => 0.0,
        _ => {
            return raise(
                "22023",
                format!("unit \"{name}\" not recognized for type timestamp with time zone"),
            );
        }
    })
}

fn interval_field(name: &str, of: Interval) -> Given {
    let seconds = |micros: i64| micros as f64 / 1e6;
    Ok(Value::Real(match name.to_lowercase().as_str() {
        "epoch" => {
            // A year has 365.25 days here.
            let years = (of.months / 12) as f64 * 365.25 * 86_400.0;
            years + (of.months % 12 * 30 + of.days) as f64 * 86_400.0 + seconds(of.micros)
        }
        "year" | "years" => (of.months / 12) as f64,
        "month" | "months" => (of.months % 12) as f64,
        "day" | "days" => of.days as f64,
        "hour" | "hours" => (of.micros / 3_600_000_000) as f64,
        "minute" | "minutes" => (of.micros / 60_000_000 % 60) as f64,
        "second" | "seconds" => seconds(of.micros % 60_000_000),
        _ => return raise("22023", format!("unit \"{name}\" not recognized for type interval")),
    }))
}

/// `to_char` with the patterns that do not depend on a language.
fn shown(at: DateTime, pattern: &str) -> Result<String, Raise> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let month = MONTHS[usize::try_from(at.month() - 1).unwrap_or(0).min(11)];
    let weekday = DAYS[usize::try_from(at.date().weekday().to_sunday_zero_offset()).unwrap_or(0).min(6)];
    let twelve = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    let noon = if at.hour() < 12 { "AM" } else { "PM" };
    let known: [(&str, String); 20] = [
        ("YYYY", format!("{:04}", at.year())),
        ("YY", format!("{:02}", at.year() % 100)),
        ("MM", format!("{:02}", at.month())),
        ("DDD", format!("{:03}", at.date().day_of_year())),
        ("DD", format!("{:02}", at.day())),
        ("HH24", format!("{:02}", at.hour())),
        ("HH12", format!("{twelve:02}")),
        ("HH", format!("{twelve:02}")),
        ("MI", format!("{:02}", at.minute())),
        ("SS", format!("{:02}", at.second())),
        ("MS", format!("{:03}", at.millisecond())),
        ("US", format!("{:06}", at.subsec_nanosecond() / 1_000)),
        ("FMMonth", month.to_owned()),
        ("Month", format!("{month:<9}")),
        ("Mon", month[..3].to_owned()),
        ("FMDay", weekday.to_owned()),
        ("Day", format!("{weekday:<9}")),
        ("Dy", weekday[..3].to_owned()),
        ("AM", noon.to_owned()),
        ("PM", noon.to_owned()),
    ];
    let mut out = String::new();
    let mut rest = pattern;
    'next: while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        for (name, value) in &known {
            if let Some(after) = rest.strip_prefix(name) {
                out.push_str(value);
                rest = after;
                continue 'next;
            }
        }
        if first.is_ascii_alphabetic() && first != 'T' {
            return raise("0A000", format!("the pattern `{rest}` of to_char cannot run on SQLite"));
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Ok(out)
}
