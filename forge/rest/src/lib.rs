//! The REST dialect that PostgREST's clients speak, on SQLite and on Postgres.
//!
//! Flow of a request: HTTP -> `request` (query string -> [`ast`], headers, body -> [`payload`]) ->
//! `resolve` with the [`model`] -> [`plan`] -> an [`engine`] (`sqlite` or `postgres`) compiles it to one
//! statement and runs it -> `answer`. Everything before the engine is pure and knows no engine.

pub mod ast;
pub mod engine;
pub mod error;
pub mod model;
pub mod openapi;
pub mod parse;
pub mod payload;
pub mod plan;
pub mod postgres;
pub mod query;
pub mod resolve;
pub mod rest;
pub mod sqlite;
pub mod wire;

pub use error::RestError;
pub use rest::{Rest, Settings};
