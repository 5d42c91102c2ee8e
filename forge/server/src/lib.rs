//! The server of a backend: one origin for every service of an application.
//!
//! It carries requests to services and answers back, and keeps what is not theirs away from them: callers
//! without a key, bodies that are too long, hosts that are not ours, floods, slow peers, panics. What a request
//! means is for the [`Service`] to say. [`App`] is pure HTTP in, HTTP out; [`serve`] gives it a listener.

mod access;
mod app;
mod body;
mod compress;
mod cors;
mod drain;
mod host;
mod limits;
mod metrics;
mod openapi;
mod problem;
mod request_id;
mod route;
#[cfg(test)]
mod scene;
mod serve;
mod service;
mod settings;
mod tls;

pub use access::Sink;
pub use app::{App, Parts};
pub use host::Hosts;
pub use limits::Rate;
pub use problem::Problem;
pub use serve::{ServeError, serve};
pub use service::Service;
pub use settings::{Rates, Settings};
pub use tls::{TlsError, tls};
