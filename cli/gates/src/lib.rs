//! The gates of a run: what must hold before anything is called done.

mod account;
mod bench;
mod boots;
mod build;
mod checkout;
mod confined;
pub mod diff;
mod held_out;
mod integrity;
mod lint;
pub mod project;
mod projects;
pub mod review;
pub mod runner;
mod secrets;
mod steps;
mod suite;

pub use bench::Commands;
pub use projects::{PROJECT_GATES, Setup, project_gates};
