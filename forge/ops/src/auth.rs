//! Sign-in: the providers by which people come in, which are resources of the catalog, and the people themselves,
//! who are in the application's database.

mod people;
mod providers;
#[cfg(test)]
mod tests;

pub use people::{People, PeopleError};
pub(crate) use people::{create_user, list_users, revoke_sessions};
pub(crate) use providers::{add_provider, provider_spec, remove_provider};
