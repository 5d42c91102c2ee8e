//! `Prefer`: what a client would like, and what of it was heeded.

use http::{HeaderMap, StatusCode};

use crate::error::RestError;
use crate::plan::{Count, Resolution};

/// The preferences of a request. Of one that is given several times the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// `resolution=`
    pub resolution: Option<Resolution>,
    /// `return=`
    pub returning: Option<Representation>,
    /// `count=`
    pub count: Option<Count>,
    /// `tx=`; nothing where clients may not choose.
    pub transaction: Option<Transaction>,
    /// `missing=`
    pub missing: Option<Missing>,
    /// `handling=`
    pub handling: Option<Handling>,
    /// `timezone=`: a zone that exists.
    pub timezone: Option<String>,
    /// `max-affected=`; it binds only with `handling=strict`, see [`Preferences::affected_max`].
    pub max_affected: Option<u64>,
}

/// What comes back after writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// The rows.
    Full,
    /// Where the row is.
    HeadersOnly,
    /// Nothing.
    Minimal,
}

/// What becomes of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// It is kept.
    Commit,
    /// It is undone.
    Rollback,
}

/// What a column is that a row does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Its default.
    Default,
    /// Null.
    Null,
}

/// What happens to preferences that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// The request is refused.
    Strict,
    /// They are passed over.
    Lenient,
}

impl Preferences {
    /// The most rows that may be affected: said, and meant strictly.
    pub fn affected_max(&self) -> Option<u64> {
        self.max_affected.filter(|_| self.handling == Some(Handling::Strict))
    }

    /// Reads the preferences of a request. `rollback_allowed` says whether `tx=` is heeded.
    ///
    /// Fails with PGRST122 where one is unknown and `handling=strict` is among them.
    pub fn read(headers: &HeaderMap, rollback_allowed: bool) -> Result<Preferences, RestError> {
        let mut preferences = Preferences::default();
        let mut unknown = Vec::new();
        let values = headers.get_all("prefer");
        let values = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        for value in values {
            for preference in value.split(',').map(str::trim) {
                if !preferences.take(preference) {
                    unknown.push(preference.to_owned());
                }
            }
        }
        if !rollback_allowed {
            preferences.transaction = None;
        }
        if preferences.handling == Some(Handling::Strict) && !unknown.is_empty() {
            return Err(RestError::new(
                StatusCode::BAD_REQUEST,
                "PGRST122",
                "Invalid preferences given with handling=strict",
            )
            .details(format!("Invalid preferences: {}", unknown.join(", "))));
        }
        Ok(preferences)
    }

    /// Takes one preference, unless an earlier one says the same; whether it is known at all.
    fn take(&mut self, preference: &str) -> bool {
        match preference {
            "resolution=merge-duplicates" => first(&mut self.resolution, Resolution::Merge),
            "resolution=ignore-duplicates" => first(&mut self.resolution, Resolution::Ignore),
            "return=representation" => first(&mut self.returning, Representation::Full),
            "return=minimal" => first(&mut self.returning, Representation::Minimal),
            "return=headers-only" => first(&mut self.returning, Representation::HeadersOnly),
            "count=exact" => first(&mut self.count, Count::Exact),
            "count=planned" => first(&mut self.count, Count::Planned),
            "count=estimated" => first(&mut self.count, Count::Estimated),
            "tx=commit" => first(&mut self.transaction, Transaction::Commit),
            "tx=rollback" => first(&mut self.transaction, Transaction::Rollback),
            "missing=default" => first(&mut self.missing, Missing::Default),
            "missing=null" => first(&mut self.missing, Missing::Null),
            "handling=strict" => first(&mut self.handling, Handling::Strict),
            "handling=lenient" => first(&mut self.handling, Handling::Lenient),
            _ => return self.take_valued(preference),
        }
        true
    }

    /// The same for those whose value is free.
    fn take_valued(&mut self, preference: &str) -> bool {
        if let Some(zone) = preference.strip_prefix("timezone=") {
            let exists = is_zone(zone);
            if exists {
                first(&mut self.timezone, zone.to_owned());
            }
            return exists;
        }
        if let Some(number) = preference.strip_prefix("max-affected=") {
            // What is no number is passed over, known as the preference is.
            if let Ok(number) = number.trim().parse() {
                first(&mut self.max_affected, number);
            }
            return true;
        }
        false
    }

    /// The value of `Preference-Applied`: those of these that are set, in the order that clients know.
    pub fn applied(&self) -> Option<String> {
        let mut said: Vec<String> = [
            self.resolution.map(|resolution| match resolution {
                Resolution::Merge => "resolution=merge-duplicates",
                Resolution::Ignore => "resolution=ignore-duplicates",
            }),
            self.missing.map(|missing| match missing {
                Missing::Default => "missing=default",
                Missing::Null => "missing=null",
            }),
            self.returning.map(|returning| match returning {
                Representation::Full => "return=representation",
                Representation::HeadersOnly => "return=headers-only",
                Representation::Minimal => "return=minimal",
            }),
            self.count.map(|count| match count {
                Count::Exact => "count=exact",
                Count::Planned => "count=planned",
                Count::Estimated => "count=estimated",
            }),
            self.transaction.map(|transaction| match transaction {
                Transaction::Commit => "tx=commit",
                Transaction::Rollback => "tx=rollback",
            }),
            self.handling.map(|handling| match handling {
                Handling::Strict => "handling=strict",
                Handling::Lenient => "handling=lenient",
            }),
        ]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
        said.extend(self.timezone.as_ref().map(|zone| format!("timezone={zone}")));
        said.extend(self.affected_max().map(|rows| format!("max-affected={rows}")));
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// Sets what is not set yet.
fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// Whether a time zone of this name exists.
fn is_zone(name: &str) -> bool {
    name.eq_ignore_ascii_case("utc") || jiff::tz::TimeZone::get(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str], rollback: bool) -> Result<Preferences, RestError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        Preferences::read(&headers, rollback)
    }

    #[test]
    fn joined_and_repeated_headers_say_the_same() {
        let joined = read(&["count=exact,    tx=commit   ,return=representation , missing=default"], true);
        let repeated = read(&["count=exact", "tx=commit", "return=representation", "missing=default"], true);
        assert_eq!(joined, repeated);
        assert_eq!(
            joined.unwrap().applied().as_deref(),
            Some("missing=default, return=representation, count=exact, tx=commit")
        );
    }

    #[test]
    fn the_first_of_several_counts() {
        let preferences = read(&["tx=commit, tx=rollback", "tx=rollback"], true).unwrap();
        assert_eq!(preferences.transaction, Some(Transaction::Commit));
    }

    #[test]
    fn a_rollback_is_heeded_only_where_it_is_allowed() {
        assert_eq!(read(&["tx=rollback"], true).unwrap().transaction, Some(Transaction::Rollback));
        let refused = read(&["tx=rollback, handling=strict"], false).unwrap();
        assert_eq!(refused.transaction, None);
        assert_eq!(refused.applied().as_deref(), Some("handling=strict"));
    }

    #[test]
    fn strict_handling_refuses_what_is_unknown() {
        let error = read(&["anything, handling=strict, foo=bar, timezone=Nowhere/Land"], true).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_str()), (400, "PGRST122"));
        assert_eq!(error.message, "Invalid preferences given with handling=strict");
        assert_eq!(
            error.details,
            Some("Invalid preferences: anything, foo=bar, timezone=Nowhere/Land".into())
        );
        assert_eq!(read(&["anything, timezone=Nowhere/Land"], true).unwrap(), Preferences::default());
    }

    #[test]
    fn the_most_affected_rows_bind_only_strictly() {
        let lenient = read(&["max-affected=10"], true).unwrap();
        assert_eq!((lenient.affected_max(), lenient.applied()), (None, None));
        let strict = read(&["handling=strict, max-affected=10"], true).unwrap();
        assert_eq!(strict.affected_max(), Some(10));
        assert_eq!(strict.applied().as_deref(), Some("handling=strict, max-affected=10"));
        assert_eq!(read(&["handling=strict, max-affected=-1"], true).unwrap().affected_max(), None);
    }

    #[test]
    fn a_zone_that_exists_is_taken() {
        let preferences = read(&["timezone=UTC"], true).unwrap();
        assert_eq!(preferences.applied().as_deref(), Some("timezone=UTC"));
    }
}
