//! HTTP and what the data plane makes of it: requests in, answers out.

pub mod accept;
pub mod answer;
pub(crate) mod context;
pub mod json;
pub(crate) mod path;
pub mod prefer;
pub mod range;
pub mod request;

pub use accept::{Media, NullMembers};
pub use prefer::Preferences;
pub use range::RowRange;
pub use request::{Action, CallMethod, Request};
