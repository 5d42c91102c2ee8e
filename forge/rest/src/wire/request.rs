//! A request with everything read that can be read without knowing the schema.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::ast::{Query, Scoped};
use crate::engine::Context;
use crate::error::RestError;
use crate::parse::{self, Loose};
use crate::payload::{self, Body, Reading};
use crate::wire::accept::{self, Media};
use crate::wire::prefer::Preferences;
use crate::wire::range::RowRange;
use crate::wire::{context, path};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked for.
    pub action: Action,
    /// The schema it is about: exposed, by profile or the first.
    pub schema: String,
    /// Whether the answer says which schema it is about: it was named, or there are several.
    pub schema_told: bool,
    /// The query string. Limit and offset of the relation itself are in `range`, not to be read from here.
    pub query: Query,
    /// The query string in its canonical form: sorted by name and encoded anew.
    pub canonical: String,
    /// Which rows of the relation itself: `Range`, `limit` and `offset` taken together.
    pub range: RowRange,
    /// `Prefer`
    pub preferences: Preferences,
    /// The media types that would do, best first.
    pub accept: Vec<Media>,
    /// The body.
    pub body: Body,
    /// What functions and policies may ask for.
    pub context: Context,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// GET and HEAD of a relation.
    Read {
        /// Its name.
        relation: String,
        /// Whether only headers are wanted.
        head: bool,
    },
    /// POST to a relation.
    Insert(String),
    /// PUT to a relation: one row, by its key.
    Put(String),
    /// PATCH of a relation.
    Update(String),
    /// DELETE of a relation's rows.
    Delete(String),
    /// A function is called.
    Call {
        /// Its name.
        function: String,
        /// How.
        method: CallMethod,
    },
    /// GET and HEAD of `/`: the description of the interface.
    Describe {
        /// Whether only headers are wanted.
        head: bool,
    },
    /// OPTIONS of `/`.
    RootOptions,
    /// OPTIONS of a relation.
    RelationOptions(String),
    /// OPTIONS of a function.
    FunctionOptions(String),
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMethod {
    /// Read-only, arguments in the query string.
    Get,
    /// The same, and only headers are wanted.
    Head,
    /// Arguments in the body.
    Post,
}

/// What has to be known about the service to read a request.
#[derive(Debug, Clone, Copy)]
pub struct Exposed<'a> {
    /// The exposed schemas, the default one first.
    pub schemas: &'a [String],
    /// Whether a request may ask that it be undone.
    pub tx_rollback_allowed: bool,
    /// The most rows of a body.
    pub rows_max: usize,
}

impl Action {
    /// Whether rows are written.
    fn writes_rows(&self) -> bool {
        matches!(self, Action::Insert(_) | Action::Put(_) | Action::Update(_))
    }

    /// Whether only headers are wanted.
    pub fn is_head(&self) -> bool {
        matches!(
            self,
            Action::Read { head: true, .. }
                | Action::Describe { head: true }
                | Action::Call { method: CallMethod::Head, .. }
        )
    }
}

impl Request {
    /// Reads a request. Its path has nothing in front of the relation.
    ///
    /// Fails with the codes that clients know: PGRST100 and PGRST103 for the query string and the range,
    /// PGRST101, 117 and 125 for verb and path, PGRST102 for the body, 106 for the schema, 114 for a PUT
    /// with a range, 122 for preferences.
    pub fn read(request: &http::Request<Bytes>, exposed: Exposed<'_>) -> Result<Request, RestError> {
        let (method, headers) = (request.method(), request.headers());
        let preferences = Preferences::read(headers, exposed.tx_rollback_allowed)?;
        let action = path::action(method, request.uri().path())?;
        let (schema, schema_told) = schema(method, headers, exposed.schemas)?;
        let text = request.uri().query().unwrap_or_default();
        let by_get = matches!(action, Action::Call { method: CallMethod::Get | CallMethod::Head, .. });
        let query = parse::query(text, if by_get { Loose::Argument } else { Loose::Mistake })?;
        let range = RowRange::read(method, headers, own(&query.limits), own(&query.offsets))?;
        if matches!(action, Action::Put(_)) && range != RowRange::ALL {
            return Err(RestError::new(
                StatusCode::BAD_REQUEST,
                "PGRST114",
                "limit/offset querystring parameters are not allowed for PUT",
            ));
        }
        let body = body(request, &action, &query, exposed.rows_max)?;
        Ok(Request {
            schema,
            schema_told,
            canonical: parse::canonical(text)?,
            range,
            preferences,
            accept: accept::accepted(headers),
            body,
            context: context::context(method, request.uri().path(), headers),
            query,
            action,
        })
    }
}

/// What is said about the relation itself; of several the last counts.
fn own(numbers: &[Scoped<u64>]) -> Option<u64> {
    numbers.iter().rev().find(|number| number.path.is_empty()).map(|number| number.what)
}

/// The schema that a request is about, and whether the answer says so. Reading and writing name it by
/// headers of their own.
fn schema(method: &Method, headers: &HeaderMap, schemas: &[String]) -> Result<(String, bool), RestError> {
    let writes = matches!(*method, Method::POST | Method::PATCH | Method::PUT | Method::DELETE);
    let named = headers.get(if writes { "content-profile" } else { "accept-profile" });
    let Some(named) = named else {
        return Ok((schemas.first().cloned().unwrap_or_default(), schemas.len() != 1));
    };
    let named = String::from_utf8_lossy(named.as_bytes()).into_owned();
    if schemas.contains(&named) {
        return Ok((named, true));
    }
    Err(RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", format!("Invalid schema: {named}"))
        .hint(format!("Only the following schemas are exposed: {}", schemas.join(", "))))
}

/// The body, where one is read.
fn body(
    request: &http::Request<Bytes>,
    action: &Action,
    query: &Query,
    rows_max: usize,
) -> Result<Body, RestError> {
    let called = matches!(action, Action::Call { method: CallMethod::Post, .. });
    if !called && !action.writes_rows() {
        return Ok(Body::Nothing);
    }
    let media = request.headers().get(http::header::CONTENT_TYPE);
    let media = media.map_or(Media::Json, |value| Media::read(&String::from_utf8_lossy(value.as_bytes())));
    // PUT has its one row in full, whatever `columns` says.
    let columns_told = query.columns.is_some() && !matches!(action, Action::Put(_));
    let reading = Reading { media: &media, columns_told, rows_max };
    if called { payload::read_call(request.body(), reading) } else { payload::read(request.body(), reading) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Result<Request, RestError> {
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Bytes::from_static(body.as_bytes())).unwrap();
        let schemas = ["public".to_owned(), "api".to_owned()];
        Request::read(&request, Exposed { schemas: &schemas, tx_rollback_allowed: true, rows_max: 10 })
    }

    #[test]
    fn everything_of_a_request_is_read() {
        let request = read(
            "GET",
            "/todos?select=id&id=gt.5&limit=5",
            &[
                ("accept", "text/csv"),
                ("prefer", "count=exact"),
                ("range", "2-"),
                ("accept-profile", "api"),
                ("authorization", "Bearer x"),
            ],
            "",
        )
        .unwrap();
        assert_eq!(request.action, Action::Read { relation: "todos".to_owned(), head: false });
        assert_eq!((request.schema.as_str(), request.schema_told), ("api", true));
        assert_eq!(request.range, RowRange { offset: 2, limit: Some(3) });
        assert_eq!(request.accept, [Media::Csv]);
        assert_eq!(request.canonical, "id=gt.5&limit=5&select=id");
        assert_eq!(request.body, Body::Nothing);
        assert!(!request.context.headers.iter().any(|(name, _)| name == "authorization"));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        for (method, uri, header, body, status, code) in [
            ("GET", "/todos?id=5", ("a", "b"), "", 400, "PGRST100"),
            ("PUT", "/rpc/f", ("a", "b"), "", 405, "PGRST101"),
            ("POST", "/todos", ("a", "b"), "", 400, "PGRST102"),
            ("POST", "/todos", ("content-type", "text/plain"), "a", 400, "PGRST102"),
            ("GET", "/todos", ("range", "9-1"), "", 416, "PGRST103"),
            ("GET", "/todos", ("accept-profile", "x"), "", 406, "PGRST106"),
            ("POST", "/todos", ("content-profile", "x"), "{}", 406, "PGRST106"),
            ("PUT", "/todos?limit=1", ("a", "b"), "{}", 400, "PGRST114"),
            ("TRACE", "/todos", ("a", "b"), "", 405, "PGRST117"),
            ("GET", "/todos", ("prefer", "handling=strict, x"), "", 400, "PGRST122"),
            ("GET", "/a/b/c", ("a", "b"), "", 404, "PGRST125"),
        ] {
            let error = read(method, uri, &[header], body).unwrap_err();
            assert_eq!((error.status.as_u16(), error.code.as_str()), (status, code), "{method} {uri}");
        }
        let error = read("GET", "/todos", &[("accept-profile", "x")], "").unwrap_err();
        assert_eq!(error.message, "Invalid schema: x");
        assert_eq!(error.hint.as_deref(), Some("Only the following schemas are exposed: public, api"));
    }

    #[test]
    fn a_profile_of_the_other_direction_is_passed_over() {
        let request = read("GET", "/todos", &[("content-profile", "x")], "").unwrap();
        assert_eq!(request.schema, "public");
    }

    #[test]
    fn bodies_are_read_where_there_are_some() {
        assert!(matches!(read("POST", "/todos", &[], "[]").unwrap().body, Body::Rows(_)));
        assert!(matches!(read("PATCH", "/todos", &[], "{}").unwrap().body, Body::Rows(_)));
        assert!(matches!(read("POST", "/rpc/f", &[], "").unwrap().body, Body::Call(_)));
        assert!(matches!(read("DELETE", "/todos", &[], "no json").unwrap().body, Body::Nothing));
        assert!(read("POST", "/todos?columns=a,b", &[], r#"[{"a":1},{"b":2}]"#).is_ok());
        assert!(read("PUT", "/todos?columns=a,b", &[], r#"[{"a":1},{"b":2}]"#).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn anything_is_read_or_refused_as_the_client_s_mistake(
            method in "(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE)",
            path in "/(rpc/)?[a-z$%0-9]{0,5}/?",
            query in "((select|or|order|limit|offset|columns|a)[=.]|[a-z0-9=&.,:()!*>%+-]|%22|eq\\.){0,20}",
            prefer in "((count|tx|return|handling|timezone|max-affected|x)=[a-z0-9]{0,6}[,; ]?){0,4}",
            accept in "[a-z*/;=,.+ \"|]{0,30}",
            range in "[0-9-]{0,30}",
            media in "(application/json|text/csv|application/x-www-form-urlencoded|text/plain|[a-z/]{0,8})",
            body in "[\\[\\]{}\",:a-z0-9\\\\\n=&%\u{e9}]{0,40}",
        ) {
            let request = http::Request::builder()
                .method(method.as_str())
                .uri(format!("{path}?{query}"))
                .header("prefer", prefer)
                .header("accept", accept)
                .header("range", range)
                .header("content-type", media)
                .body(Bytes::from(body));
            let Ok(request) = request else { return Ok(()) };
            let schemas = ["public".to_owned()];
            let exposed = Exposed { schemas: &schemas, tx_rollback_allowed: true, rows_max: 3 };
            if let Err(error) = Request::read(&request, exposed) {
                prop_assert!(error.status.is_client_error(), "{}", error);
            }
        }
    }
}
