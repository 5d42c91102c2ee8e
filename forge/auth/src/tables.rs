//! The tables of the schema `auth`, one file each: every statement, and what rows come to.

pub(crate) mod audit;
pub(crate) mod challenges;
pub(crate) mod devices;
pub(crate) mod factors;
pub(crate) mod flows;
pub(crate) mod grants;
pub(crate) mod identities;
pub(crate) mod one_time;
pub(crate) mod passkeys;
pub(crate) mod sessions;
pub(crate) mod squatter;
pub(crate) mod users;
