//! Values that travel as text, whatever type the server infers for them.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A parameter as text: the server reads it as the type that it infers, and refuses it with its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// This text.
    pub(super) fn of(text: impl Into<Cow<'a, str>>) -> Text<'a> {
        Text(Some(text.into()))
    }
}

impl ToSql for Text<'_> {
    fn to_sql(&self, _ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }

    fn encode_format(&self, _ty: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A result whose binary form is its text: `text`, `json`, `name`.
#[derive(Debug)]
pub(super) struct Read(pub(super) String);

impl<'a> FromSql<'a> for Read {
    fn from_sql(_ty: &Type, raw: &'a [u8]) -> Result<Read, Box<dyn Error + Sync + Send>> {
        Ok(Read(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TEXT | Type::JSON | Type::NAME | Type::VARCHAR | Type::XML)
    }
}

/// A name in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Texts as the text form of a list.
pub(super) fn list<'t>(items: impl IntoIterator<Item = &'t str>) -> String {
    let item = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", items.into_iter().map(item).collect::<Vec<_>>().join(","))
}
