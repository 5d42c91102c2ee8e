//! Which rows are asked for (`Range`, `limit`, `offset`) and which there were (`Content-Range`).

use http::{HeaderMap, Method, StatusCode};

use crate::error::RestError;

/// A range of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowRange {
    /// How many rows are passed over.
    pub offset: u64,
    /// The most rows; no bound where there is none.
    pub limit: Option<u64>,
}

impl RowRange {
    /// Every row.
    pub const ALL: RowRange = RowRange { offset: 0, limit: None };

    /// What `Range` (of GET), `limit` and `offset` say together: the rows that each of them lets through.
    /// `limit=0` asks for nothing, and stands above the others.
    ///
    /// Fails with PGRST103 where no row can be in it.
    pub fn read(
        method: &Method,
        headers: &HeaderMap,
        limit: Option<u64>,
        offset: Option<u64>,
    ) -> Result<RowRange, RestError> {
        if limit == Some(0) {
            return Ok(RowRange { offset: 0, limit: Some(0) });
        }
        let offset = offset.unwrap_or(0);
        let asked = RowRange { offset, limit };
        if *method != Method::GET {
            return Ok(asked);
        }
        let header = header_range(headers)?;
        let first = offset.max(header.offset);
        let end = match (asked.end(), header.end()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let limit = match end {
            None => None,
            Some(end) if end > first => Some(end - first),
            Some(_) => return Err(upside_down(NEGATIVE)),
        };
        Ok(RowRange { offset: first, limit })
    }

    /// The number of the first row behind it.
    fn end(self) -> Option<u64> {
        self.limit.map(|limit| self.offset.saturating_add(limit))
    }

    /// The status and the value of `Content-Range` for `rows` rows from here, of `total` in all, if counted.
    pub fn answered(self, rows: u64, total: Option<u64>) -> (StatusCode, String) {
        let status = match total {
            Some(total) if self.offset > total => StatusCode::RANGE_NOT_SATISFIABLE,
            Some(total) if rows < total => StatusCode::PARTIAL_CONTENT,
            _ => StatusCode::OK,
        };
        (status, content_range(self.offset, rows, total))
    }

    /// The error where it begins behind the last row.
    pub fn beyond(self, total: u64) -> RestError {
        upside_down(&format!("An offset of {} was requested, but there are only {total} rows.", self.offset))
    }
}

/// The error for a limit below zero.
pub fn negative_limit() -> RestError {
    upside_down(NEGATIVE)
}

/// The value of `Content-Range` for `rows` rows, the first of which has the number `offset`.
pub fn content_range(offset: u64, rows: u64, total: Option<u64>) -> String {
    let span = if rows > 0 && total != Some(0) {
        format!("{offset}-{}", offset.saturating_add(rows - 1))
    } else {
        "*".to_owned()
    };
    match total {
        Some(total) => format!("{span}/{total}"),
        None => format!("{span}/*"),
    }
}

const NEGATIVE: &str = "Limit should be greater than or equal to zero.";

/// The range that the header asks for; all rows where it cannot be read.
fn header_range(headers: &HeaderMap) -> Result<RowRange, RestError> {
    let Some((first, last)) = headers
        .get(http::header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once('-'))
    else {
        return Ok(RowRange::ALL);
    };
    let Some(offset) = number(first) else { return Ok(RowRange::ALL) };
    if last.is_empty() {
        return Ok(RowRange { offset, limit: None });
    }
    let Some(last) = number(last) else { return Ok(RowRange::ALL) };
    if last < offset {
        return Err(upside_down(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    Ok(RowRange { offset, limit: Some((last - offset).saturating_add(1)) })
}

/// A number of digits only; the largest that a database knows where it is larger.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX).min(i64::MAX as u64))
}

fn upside_down(details: &str) -> RestError {
    RestError::new(StatusCode::RANGE_NOT_SATISFIABLE, "PGRST103", "Requested range not satisfiable")
        .details(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(range: &str, limit: Option<u64>, offset: Option<u64>) -> Result<RowRange, RestError> {
        let mut headers = HeaderMap::new();
        if !range.is_empty() {
            headers.insert("range", range.parse().unwrap());
        }
        RowRange::read(&Method::GET, &headers, limit, offset)
    }

    fn range(offset: u64, limit: Option<u64>) -> RowRange {
        RowRange { offset, limit }
    }

    #[test]
    fn header_limit_and_offset_are_taken_together() {
        for (header, limit, offset, expected) in [
            ("", None, None, RowRange::ALL),
            ("0-9", None, None, range(0, Some(10))),
            ("5-", None, None, range(5, None)),
            ("0-9", Some(3), None, range(0, Some(3))),
            ("0-9", Some(30), Some(5), range(5, Some(5))),
            ("", Some(3), Some(7), range(7, Some(3))),
            ("", None, Some(7), range(7, None)),
            ("0-9", Some(0), Some(4), range(0, Some(0))),
            ("items=0-9", None, None, RowRange::ALL),
            ("a-b", None, None, RowRange::ALL),
            ("-5", None, None, RowRange::ALL),
            ("0-99999999999999999999999", None, None, range(0, Some(1 << 63))),
        ] {
            assert_eq!(read(header, limit, offset).unwrap(), expected, "{header} {limit:?} {offset:?}");
        }
    }

    #[test]
    fn a_range_without_rows_is_refused() {
        let error = read("5-2", None, None).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_str()), (416, "PGRST103"));
        assert!(error.details.unwrap().to_string().contains("lower boundary"));
        assert!(read("0-4", Some(3), Some(9)).is_err());
    }

    #[test]
    fn the_header_counts_for_get_alone() {
        let mut headers = HeaderMap::new();
        headers.insert("range", "5-2".parse().unwrap());
        assert_eq!(RowRange::read(&Method::PATCH, &headers, None, None).unwrap(), RowRange::ALL);
    }

    #[test]
    fn answers_say_what_part_they_are() {
        for (from, rows, total, status, expected) in [
            (0, 10, None, 200, "0-9/*"),
            (0, 0, None, 200, "*/*"),
            (0, 0, Some(0), 200, "*/0"),
            (0, 10, Some(57), 206, "0-9/57"),
            (0, 57, Some(57), 200, "0-56/57"),
            (57, 0, Some(57), 206, "*/57"),
            (100, 0, Some(57), 416, "*/57"),
        ] {
            let (found, value) = range(from, None).answered(rows, total);
            assert_eq!((found.as_u16(), value.as_str()), (status, expected));
        }
        assert_eq!(
            range(100, None).beyond(57).details,
            Some("An offset of 100 was requested, but there are only 57 rows.".into())
        );
    }
}
