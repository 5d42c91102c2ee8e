//! One file a command: its arguments, whose comments are the help text, and the function that carries it out.

pub(crate) mod approve;
pub(crate) mod cleanup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod forge;
pub(crate) mod forge_detect;
mod inbox;
pub(crate) mod init;
pub(crate) mod ledger;
mod limits;
pub(crate) mod mcp;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod prompt;
pub(crate) mod receipt;
pub(crate) mod reference;
pub(crate) mod reject;
pub(crate) mod resume;
pub(crate) mod rollback;
pub(crate) mod sandbox;
pub(crate) mod skills;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod steer;
pub(crate) mod stop;
pub(crate) mod tui;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod why;

use limits::LimitArgs;
