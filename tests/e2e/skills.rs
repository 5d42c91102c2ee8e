//! Skills: the examples of those that are built in, and the specification's own checker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod library;
