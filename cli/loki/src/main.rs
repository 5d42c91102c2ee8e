//! The `loki` program.
fn main() {}
