//! Points in time and times of day as SQLite holds them, in SQL.
//!
//! A point in time is `2026-01-02T03:04:05.123456+00:00`: in UTC, with six digits always, so that it sorts
//! as text. SQLite's own functions count milliseconds only, so the digits go around them. A time of day
//! is `03:04:05`, or `03:04:05.5` without trailing zeros, as Postgres writes it.

/// The current time, as columns hold it.
pub const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')";

/// Whether the column `name` holds a point in time as it is stored, or null.
pub(super) fn is_timestamp(name: &str) -> String {
    // `IS`, because comparing with the null that a wrong text gives would let it pass.
    format!(
        "{name} IS strftime('%Y-%m-%dT%H:%M:%S', substr({name}, 1, 19)) || substr({name}, 20, 7) || '+00:00' AND \
         substr({name}, 20, 7) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]'"
    )
}

/// Whether the column `name` holds a time of day as it is stored, or null.
pub(super) fn is_time(name: &str) -> String {
    format!(
        "substr({name}, 1, 8) IS time(substr({name}, 1, 8)) AND (length({name}) = 8 OR substr({name}, 9, 1) = '.' AND \
         length({name}) BETWEEN 10 AND 15 AND substr({name}, 10) NOT GLOB '*[^0-9]*' AND {name} NOT GLOB '*0')"
    )
}

/// The point in time that the text `v` names, as it is stored; null where it names none: a day, or a day and
/// a time with at most six digits of a fraction, in UTC unless an offset follows.
pub(crate) fn timestamp_of(v: &str) -> String {
    let offset_free = format!("replace(replace(substr({v}, 21), 'Z', '+'), '-', '+') || '+'");
    format!(
        "(SELECT CASE WHEN {day} AND substr({v}, 11, 1) IN ('', 'T', ' ') AND substr({v}, 12) NOT GLOB \
         '*[^0-9:.Z+-]*' THEN CASE WHEN substr({v}, 20, 1) <> '.' THEN strftime('%Y-%m-%dT%H:%M:%S', {v}) || \
         '.000000+00:00' WHEN length(d) BETWEEN 1 AND 6 AND d NOT GLOB '*[^0-9]*' THEN strftime('%Y-%m-%dT%H:%M:%S', \
         substr({v}, 1, 19) || substr({v}, 21 + length(d))) || '.' || substr(d || '00000', 1, 6) || '+00:00' END END \
         FROM (SELECT substr(r, 1, instr(r, '+') - 1) AS d FROM (SELECT {offset_free} AS r)))",
        day = is_day(&format!("substr({v}, 1, 10)")),
    )
}

/// The day that the text `v` names, as it is stored; null where it names none.
pub(crate) fn date_of(v: &str) -> String {
    format!("CASE WHEN {} THEN {v} END", is_day(v))
}

/// The time of day of a stored point in time.
pub(super) fn time_in(v: &str) -> String {
    format!("rtrim(rtrim(substr({v}, 12, 15), '0'), '.')")
}

/// SQLite would take the thirtieth of February for the first of March, and has a year zero.
fn is_day(v: &str) -> String {
    format!("{v} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date({v}) = {v} AND {v} >= '0001'")
}
