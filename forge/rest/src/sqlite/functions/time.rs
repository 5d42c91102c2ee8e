//! Times in a zone, in the forms of Postgres.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use rusqlite::types::{Value as Sql, ValueRef};

use super::{scalar, text};
use crate::sqlite::values::Refused;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    // rest_time(stored, zone or null, 'T' or ' ', or 'd' for the day or 't' for the time of day)
    scalar(conn, "rest_time", 3, true, |context| {
        if context.get_raw(0) == ValueRef::Null {
            return Ok(Sql::Null);
        }
        let zone = match context.get_raw(1) {
            ValueRef::Null => None,
            _ => Some(text(context, 1)),
        };
        let separator = text(context, 2).chars().next().unwrap_or('T');
        let stored = text(context, 0);
        let shown = if matches!(separator, 'd' | 't') {
            part(stored, zone, separator)
        } else {
            shown(stored, zone, separator)
        };
        match shown {
            Some(shown) => Ok(Sql::Text(shown)),
            None => {
                let zone = zone.unwrap_or("UTC");
                Err(Refused::new("22023", format!("invalid value for parameter \"TimeZone\": \"{zone}\"")))
            }
        }
    })
}

/// The day (`d`) or the time of day (`t`) that a stored time is in a zone.
fn part(stored: &str, zone: Option<&str>, which: char) -> Option<String> {
    let shown = shown(stored, zone, ' ')?;
    let (day, rest) = shown.split_once(' ')?;
    if which == 'd' {
        return Some(day.to_owned());
    }
    let clock = rest.split(['+', '-']).next().unwrap_or_default();
    Some(clock.to_owned())
}

/// A stored time as JSON (`T`) or as text (a space) has it; nothing for a zone that is not known.
pub(in crate::sqlite) fn shown(stored: &str, zone: Option<&str>, separator: char) -> Option<String> {
    let short = separator != 'T';
    let Some(zone) = zone.filter(|zone| !zone.eq_ignore_ascii_case("utc")) else {
        let bare = stored.strip_suffix("+00:00").unwrap_or(stored);
        let bare = if bare.contains('.') { bare.trim_end_matches('0').trim_end_matches('.') } else { bare };
        let offset = if short { "+00" } else { "+00:00" };
        return Some(format!("{}{offset}", bare.replacen('T', &separator.to_string(), 1)));
    };
    let zoned = stored.parse::<Timestamp>().ok()?.to_zoned(TimeZone::get(zone).ok()?);
    let micros = zoned.timestamp().subsec_microsecond().rem_euclid(1_000_000);
    let fraction = format!(".{micros:06}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let offset = zoned.offset().seconds();
    let (sign, away) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let mut ending = format!("{sign}{:02}", away / 3600);
    if !short || away % 3600 != 0 {
        ending.push_str(&format!(":{:02}", away % 3600 / 60));
    }
    // Before there were zones, each place had its own time, to the second.
    if away % 60 != 0 {
        ending.push_str(&format!(":{:02}", away % 60));
    }
    Some(format!("{}{separator}{}{fraction}{ending}", zoned.strftime("%Y-%m-%d"), zoned.strftime("%H:%M:%S")))
}
