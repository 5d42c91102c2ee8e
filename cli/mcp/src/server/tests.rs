//! The server with a client of the same protocol, with raw bytes, and over HTTP.

mod bench;
mod calls;
mod over_http;
mod raw;
