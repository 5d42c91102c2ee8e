//! Media types: what a client can read, and what a body is.

use std::fmt;

use http::{HeaderMap, StatusCode};

use crate::error::RestError;
use crate::plan::Explain;

/// The most media types that are read from a request.
const MEDIA_MAX: usize = 32;

/// A media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/vnd.pgrst.object+json`: exactly one row, as an object.
    Object(NullMembers),
    /// `application/vnd.pgrst.array+json;nulls=stripped`
    Stripped,
    /// `text/csv`
    Csv,
    /// `application/geo+json`
    GeoJson,
    /// `text/plain`
    Text,
    /// `text/xml`
    Xml,
    /// `application/octet-stream`
    Binary,
    /// `application/openapi+json`
    OpenApi,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `*/*`
    Any,
    /// `application/vnd.pgrst.plan`: the engine's plan.
    Plan {
        /// For an answer of which type.
        of: Box<Media>,
        /// How it is shown.
        explain: Explain,
    },
    /// Another one, as it was written.
    Other(String),
}

/// Whether members of objects that are null are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullMembers {
    /// They are.
    Kept,
    /// They are left out.
    Stripped,
}

impl Media {
    /// Reads one media type. Parameters that mean nothing here are passed over.
    pub fn read(text: &str) -> Media {
        let text = text.trim();
        let mut parts = parts(text).into_iter();
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = parameters(parts);
        let stripped = parameters.iter().any(|(name, value)| name == "nulls" && value == "stripped");
        match essence.as_str() {
            "application/json" => Media::Json,
            "application/geo+json" => Media::GeoJson,
            "text/csv" => Media::Csv,
            "text/plain" => Media::Text,
            "text/xml" => Media::Xml,
            "application/openapi+json" => Media::OpenApi,
            "application/x-www-form-urlencoded" => Media::Form,
            "application/octet-stream" => Media::Binary,
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => {
                Media::Object(if stripped { NullMembers::Stripped } else { NullMembers::Kept })
            }
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" if stripped => Media::Stripped,
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => Media::Json,
            "application/vnd.pgrst.plan" | "application/vnd.pgrst.plan+text" => plan(&parameters, false),
            "application/vnd.pgrst.plan+json" => plan(&parameters, true),
            "*/*" => Media::Any,
            _ => Media::Other(text.to_owned()),
        }
    }

    /// The value of `Content-Type` for an answer of this type.
    pub fn content_type(&self) -> String {
        match self {
            Media::Binary | Media::Other(_) => self.to_string(),
            _ => format!("{self}; charset=utf-8"),
        }
    }

    /// Whether exactly one row must come back.
    pub fn is_single(&self) -> bool {
        match self {
            Media::Object(_) => true,
            Media::Plan { of, .. } => of.is_single(),
            _ => false,
        }
    }

    /// The plan that is asked for instead of rows.
    pub fn explain(&self) -> Option<&Explain> {
        match self {
            Media::Plan { explain, .. } => Some(explain),
            _ => None,
        }
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Media::Json => "application/json",
            Media::Object(NullMembers::Kept) => "application/vnd.pgrst.object+json",
            Media::Object(NullMembers::Stripped) => "application/vnd.pgrst.object+json;nulls=stripped",
            Media::Stripped => "application/vnd.pgrst.array+json;nulls=stripped",
            Media::Csv => "text/csv",
            Media::GeoJson => "application/geo+json",
            Media::Text => "text/plain",
            Media::Xml => "text/xml",
            Media::Binary => "application/octet-stream",
            Media::OpenApi => "application/openapi+json",
            Media::Form => "application/x-www-form-urlencoded",
            Media::Any => "*/*",
            Media::Plan { of, explain } => {
                let form = if explain.json { "json" } else { "text" };
                write!(f, "application/vnd.pgrst.plan+{form}; for=\"{of}\"")?;
                if !explain.options.is_empty() {
                    write!(f, "; options={}", explain.options.join("|"))?;
                }
                return Ok(());
            }
            Media::Other(text) => text,
        };
        f.write_str(text)
    }
}

/// The media types of `Accept`, best first; any where nothing is said.
pub fn accepted(headers: &HeaderMap) -> Vec<Media> {
    let mut found: Vec<(u32, Media)> = Vec::new();
    for value in headers.get_all(http::header::ACCEPT) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        for item in split(&value, ',') {
            if item.trim().is_empty() || found.len() == MEDIA_MAX {
                continue;
            }
            let quality = quality(item);
            if quality > 0 {
                found.push((quality, Media::read(&unweighted(item))));
            }
        }
    }
    // Of two that are as good, the first one is meant: the sort is stable.
    found.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    if found.is_empty() && !headers.contains_key(http::header::ACCEPT) {
        return vec![Media::Any];
    }
    found.into_iter().map(|(_, media)| media).collect()
}

/// What an answer can be: decides between the types that a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// There is one value, or one column of values: it can be sent as it is.
    pub bare: bool,
    /// The engine's plan can be told.
    pub plans: bool,
}

/// The first of `accepted` that can be answered with; PGRST107 where none can.
pub fn negotiate(accepted: &[Media], offer: Offer) -> Result<Media, RestError> {
    let chosen = accepted.iter().find_map(|media| match media {
        Media::Any => Some(Media::Json),
        Media::Json | Media::Csv | Media::GeoJson | Media::Object(_) | Media::Stripped => Some(media.clone()),
        Media::Text | Media::Xml | Media::Binary => offer.bare.then(|| media.clone()),
        Media::Plan { of, .. } => {
            let shown = matches!(
                **of,
                Media::Json | Media::Csv | Media::GeoJson | Media::Object(_) | Media::Stripped
            );
            (offer.plans && shown).then(|| media.clone())
        }
        Media::OpenApi | Media::Form | Media::Other(_) => None,
    });
    chosen.ok_or_else(|| none_of(accepted))
}

/// Whether a client can read the description of the interface; PGRST107 where not.
pub fn describable(accepted: &[Media]) -> Result<(), RestError> {
    let readable = accepted.iter().any(|media| matches!(media, Media::OpenApi | Media::Json | Media::Any));
    if readable { Ok(()) } else { Err(none_of(accepted)) }
}

fn none_of(accepted: &[Media]) -> RestError {
    let names: Vec<String> = accepted.iter().map(ToString::to_string).collect();
    RestError::new(
        StatusCode::NOT_ACCEPTABLE,
        "PGRST107",
        format!("None of these media types are available: {}", names.join(", ")),
    )
}

/// The plan with the options that there are, in the order in which they are shown.
fn plan(parameters: &[(String, String)], json: bool) -> Media {
    let value = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    };
    // A plan of a plan is none: without this a header could nest them without end.
    let of = match Media::read_flat(value("for")) {
        Some(media) => media,
        None => Media::Json,
    };
    let asked: Vec<&str> = value("options").split('|').collect();
    let options = ["analyze", "verbose", "settings", "buffers", "wal"]
        .into_iter()
        .filter(|option| asked.contains(option))
        .map(str::to_owned)
        .collect();
    Media::Plan { of: Box::new(of), explain: Explain { json, options } }
}

impl Media {
    /// Reads a media type that is no plan; nothing where there is none.
    fn read_flat(text: &str) -> Option<Media> {
        if text.is_empty() {
            return None;
        }
        if text.trim_start().to_ascii_lowercase().starts_with("application/vnd.pgrst.plan") {
            return Some(Media::Other(text.to_owned()));
        }
        Some(Media::read(text))
    }
}

/// The quality of an item of `Accept`, in thousandths; the best where it is not said or cannot be read.
fn quality(item: &str) -> u32 {
    let parameters = parameters(parts(item).into_iter().skip(1));
    let said = parameters.iter().find(|(name, _)| name == "q").and_then(|(_, q)| q.parse::<f32>().ok());
    said.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// An item of `Accept` without its quality.
fn unweighted(item: &str) -> String {
    let is_quality = |part: &&str| part.trim_start().to_ascii_lowercase().starts_with("q=");
    let kept: Vec<&str> = parts(item).into_iter().filter(|part| !is_quality(part)).collect();
    kept.join(";")
}

/// Names in lower case and values without their quotes.
fn parameters<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned()))
        .collect()
}

fn parts(text: &str) -> Vec<&str> {
    split(text, ';')
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|found: char| {
        if found == '"' {
            quoted = !quoted;
        }
        found == separator && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Vec<Media> {
        let mut headers = HeaderMap::new();
        headers.insert("accept", text.parse().unwrap());
        accepted(&headers)
    }

    const ROWS: Offer = Offer { bare: false, plans: true };

    #[test]
    fn types_are_read_whatever_their_case_and_spacing() {
        for (text, media) in [
            ("application/json", Media::Json),
            ("application/json; charset=utf-8", Media::Json),
            ("ApplicatIon/vnd.PgRsT.object+json", Media::Object(NullMembers::Kept)),
            ("application/vnd.pgrst.object+json;nulls=stripped", Media::Object(NullMembers::Stripped)),
            ("application/vnd.pgrst.array+json; nulls=stripped", Media::Stripped),
            ("application/vnd.pgrst.array+json", Media::Json),
            ("text/csv", Media::Csv),
            ("application/octet-stream", Media::Binary),
            ("image/png", Media::Other("image/png".to_owned())),
            ("", Media::Other(String::new())),
        ] {
            assert_eq!(Media::read(text), media, "{text}");
        }
    }

    #[test]
    fn a_plan_has_a_type_and_options() {
        let text = "application/vnd.pgrst.plan+json; for=\"application/vnd.pgrst.object+json;nulls=stripped\"; options=wal|analyze|odd";
        let media = Media::read(text);
        assert!(media.is_single());
        assert_eq!(
            media.content_type(),
            "application/vnd.pgrst.plan+json; for=\"application/vnd.pgrst.object+json;nulls=stripped\"; options=analyze|wal; charset=utf-8"
        );
        let bare = Media::read("application/vnd.pgrst.plan;");
        assert_eq!(bare.to_string(), "application/vnd.pgrst.plan+text; for=\"application/json\"");
    }

    #[test]
    fn the_best_that_there_is_wins() {
        assert_eq!(negotiate(&accept("text/csv;q=0.5, application/json"), ROWS).unwrap(), Media::Json);
        assert_eq!(negotiate(&accept("image/png, text/csv"), ROWS).unwrap(), Media::Csv);
        assert_eq!(negotiate(&accept("*/*"), ROWS).unwrap(), Media::Json);
        assert_eq!(negotiate(&accepted(&HeaderMap::new()), ROWS).unwrap(), Media::Json);
        assert_eq!(negotiate(&accept("text/csv;q=0, */*;q=0.1"), ROWS).unwrap(), Media::Json);
    }

    #[test]
    fn where_none_will_do_it_is_told() {
        let error = negotiate(&accept("image/png;q=0.9, text/plain"), ROWS).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_str()), (406, "PGRST107"));
        assert_eq!(error.message, "None of these media types are available: text/plain, image/png");
        let plan = accept("application/vnd.pgrst.plan");
        assert!(negotiate(&plan, ROWS).is_ok());
        assert!(negotiate(&plan, Offer { plans: false, ..ROWS }).is_err());
    }

    #[test]
    fn a_value_can_be_sent_as_it_is() {
        let offer = Offer { bare: true, plans: false };
        assert_eq!(negotiate(&accept("text/plain"), offer).unwrap(), Media::Text);
        assert_eq!(negotiate(&accept("application/octet-stream"), offer).unwrap(), Media::Binary);
    }

    #[test]
    fn so_many_types_are_read_and_no_more() {
        assert_eq!(accept(&"a/b,".repeat(MEDIA_MAX + 8)).len(), MEDIA_MAX);
    }

    #[test]
    fn plans_do_not_nest() {
        let mut text = "application/json".to_owned();
        for _ in 0..1000 {
            text = format!("application/vnd.pgrst.plan; for={text}");
        }
        let Media::Plan { of, .. } = Media::read(&text) else { panic!("no plan") };
        assert!(matches!(*of, Media::Other(_)));
    }
}
