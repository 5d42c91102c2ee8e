//! Bodies of writes: JSON, CSV and forms, as rows.

mod csv;
mod read;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::wire::json;

pub use read::{Reading, read, read_call};

/// Rows to be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Payload {
    /// The rows, in order.
    pub rows: Vec<Map<String, Value>>,
    /// The same as a JSON array, as it came where it came as one, so that numbers keep all their digits.
    pub json: String,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Body {
    /// There is none, or nobody reads it.
    #[default]
    Nothing,
    /// Rows of a relation. Their keys are the same in each, unless `columns` is given.
    Rows(Payload),
    /// What a function is called with.
    Call(CallBody),
}

/// What a function is called with by POST.
#[derive(Debug, Clone, PartialEq)]
pub struct CallBody {
    /// Which type the body is of, which decides what a function's single nameless argument may be.
    pub kind: BodyKind,
    /// The arguments by name: of a JSON object, or of a form, in which each is text. Empty for other bodies.
    pub named: Map<String, Value>,
    /// The fields of a form in order; a variadic argument may have several.
    pub fields: Vec<(String, String)>,
    /// The whole body as it came; `{}` where a JSON body is empty.
    pub bytes: Bytes,
}

/// The type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `text/csv`
    Csv,
    /// `text/plain`
    Text,
    /// `text/xml`
    Xml,
    /// `application/octet-stream`
    Binary,
}

impl Payload {
    /// The rows with each value as it is written in [`Payload::json`], in the order of its members: numbers
    /// with all their digits, strings still quoted.
    pub fn raw_rows(&self) -> Vec<Vec<(String, &str)>> {
        json::items(&self.json).map(|row| json::members(row).collect()).collect()
    }
}
