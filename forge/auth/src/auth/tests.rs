//! The service as its clients meet it.

mod accounts;
mod admin;
mod limits;
mod mails;
mod sessions;
