//! The terminal dashboard: what a run does, why, what it has cost, what is proven and what waits for a
//! person, live or long after; and what a person tells it.
//!
//! It reads the ledger by cursor and sends commands, nothing else. No other part of the program knows it.
//!
//! # Flow
//!
//! ```text
//!  ledger ── Tail ──> app::feed ──┐
//!  terminal, signals ─ app::sources ─> bounded channel ──> app (one thread: fold, decide, draw)
//!  Control <── app::worker <──────┘                          │      ^
//!     │            jobs: orders, what wants() misses         v      │
//!     └ projects, backend, files, inbox           model ─> view ─> Screen
//! ```
//!
//! # Types
//!
//! - [`model::Model`] is the fold of a run's events: [`model::Picture`] is the run as one event leaves it,
//!   [`model::Log`] has a line for every event, and pictures kept on the way make any moment quick to go
//!   back to. It is pure and bounded, and it does not matter how events are cut into portions.
//! - [`data::Data`] is what is read beside the events (proposals, votes, the backend, files), each with the
//!   time it was read at. [`wants::wants`] says what a view still misses.
//! - [`state::State`] is what the screen is at; [`input`] alone changes it, and returns what is asked of
//!   others ([`input::Ask`]).
//! - [`view::draw`] makes a picture of the three, and says what lies where, for the mouse and for scrolling.
//! - [`control::Control`] is the program around: its [`control::Order`]s are carried out by the functions
//!   behind the commands of the same names.
//! - [`app::run`] is the loop. At most 60 pictures a second, none without a change.
//!
//! # What holds
//!
//! - Text from outside passes [`text::shown`]: it is shown and never obeyed.
//! - A figure has its source and its age beside it; what is not known is called unknown, and never 0.
//! - An approval carries the hash that was on the screen when the key was pressed.
//! - The terminal is given back after a panic, a signal and a suspension, and the run goes on.

pub mod app;
pub mod control;
pub mod data;
pub mod diff;
pub mod input;
pub mod look;
pub mod model;
mod screen;
pub mod state;
pub mod syntax;
pub mod text;
pub mod view;
pub mod wants;
