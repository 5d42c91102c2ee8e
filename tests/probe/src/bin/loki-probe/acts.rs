//! Every act by name.

mod descriptors;
mod devices;
mod emulation;
mod environment;
mod exec;
mod files;
mod ipc;
mod kernel;
mod metadata;
mod mounts;
mod namespaces;
mod network;
mod outsider;
mod procfs;
mod signals;
mod survivors;
mod system;
mod terminal;
mod unix;
mod uring;

use crate::sys::{Args, Outcome, Refusal};

/// One forbidden act.
type Act = fn(&Args) -> Outcome;

const ACTS: [&[(&str, Act)]; 20] = [
    descriptors::ACTS,
    devices::ACTS,
    emulation::ACTS,
    environment::ACTS,
    exec::ACTS,
    files::ACTS,
    ipc::ACTS,
    kernel::ACTS,
    metadata::ACTS,
    mounts::ACTS,
    namespaces::ACTS,
    network::ACTS,
    outsider::ACTS,
    procfs::ACTS,
    signals::ACTS,
    survivors::ACTS,
    system::ACTS,
    terminal::ACTS,
    unix::ACTS,
    uring::ACTS,
];

/// Performs the act called `name`.
pub(crate) fn perform(name: &str, args: &Args) -> Outcome {
    let act = ACTS.iter().flat_map(|acts| acts.iter()).find(|(known, _)| *known == name);
    match act {
        Some((_, act)) => act(args),
        None => Err(Refusal::Usage(format!("there is no act `{name}`"))),
    }
}

pub(crate) use unix::{Hidden, address as unix_address};

/// The handle of a file, as the act `open-by-handle` takes it.
pub(crate) fn handle_of(path: &str) -> std::io::Result<String> {
    devices::handle(path).map(|handle| handle.encoded())
}
