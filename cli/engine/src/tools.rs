//! Tools on the project's files that the engine brings itself.

mod write;

pub use write::WriteFile;
