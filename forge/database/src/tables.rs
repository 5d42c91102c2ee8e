//! The tables in which loki keeps its books inside the app's database, and what SQLite says of its
//! own. The only SQL of this crate that is not generated.

pub(crate) mod migrations;
pub(crate) mod objects;
pub(crate) mod postgres;
pub(crate) mod schema;
