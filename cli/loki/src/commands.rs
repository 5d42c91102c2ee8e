//! One file a command: its arguments, whose comments are the help text, and the function that carries it out.

pub(crate) mod cleanup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod forge_detect;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod reference;
