//! Texts that are read, texts that are refused, and texts that are written.

mod errors;
mod reading;
mod writing;
