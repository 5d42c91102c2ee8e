//! What every Forge service shares: names, identities, the error envelope, and the catalog of what
//! was made, approved and done.

mod error;
mod identity;
mod name;

pub use error::{Envelope, Explain};
pub use identity::{Identity, Role};
pub use name::{NAME_BYTES_MAX, Name, NameError, is_reserved, to_snake_case};
