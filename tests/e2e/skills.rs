//! Skills: the examples of those that are built in, what is installed and refused, and a model that takes one up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod library;
mod places;
mod run;
