//! The command itself: this process gives up every right that the policy does not name, then becomes it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, remove_capability_from_bounding_set,
    set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};
use serde::{Deserialize, Serialize};

use super::filters::Filters;
use super::rules;
use crate::channel;
use crate::plan::{AUTHORITIES_FILE, Failure, Plan, doing};
use crate::sys;

/// Processes of ours at most that the kernel counts as the command's user's.
const OWN_PROCESSES: u64 = 8;

/// What the command's process says before it is the command.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// The supervisor's end of the filters is beside this.
    Filtered,
    /// It could not be confined.
    Failed(Failure),
    /// It is confined, and the program could not be started.
    NotStarted {
        /// The system's error number.
        errno: i32,
    },
}

/// Becomes the command. Returns only where that failed, and has said so by then.
pub(super) fn become_command(plan: &Plan, filters: &Filters, stdin: OwnedFd, supervisor: &UnixStream) {
    let word = match confine(plan, filters, stdin, supervisor) {
        Ok(()) => Word::NotStarted { errno: start(plan).raw_os_error().unwrap_or(libc::EIO) },
        Err(failure) => Word::Failed(failure),
    };
    // Where nobody listens any more, nobody waits for it either.
    let _nobody = channel::send(supervisor, &word, None);
}

fn confine(plan: &Plan, filters: &Filters, stdin: OwnedFd, supervisor: &UnixStream) -> Result<(), Failure> {
    rustix::process::setsid().map_err(doing("leave the terminal"))?;
    // With namespaces the kernel ends all of it with its supervisor; without, at least the command itself.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(doing("tie to the supervisor"))?;
    rustix::stdio::dup2_stdin(&stdin).map_err(doing("take stdin"))?;
    drop(stdin);
    be_first_to_die();
    limits(plan)?;
    no_privileges()?;
    if plan.level.has_landlock() {
        rules::restrict(plan)?;
    }
    link_home(plan);
    if let Some(authorities) = &plan.authorities {
        let file = plan.tmp_seen().join(AUTHORITIES_FILE);
        std::fs::write(file, authorities).map_err(doing("write the proxy's certificate authority"))?;
    }
    sys::filter(&filters.known).map_err(doing("filter unknown system calls"))?;
    let listener = sys::filter_with_listener(&filters.supervised).map_err(|error| {
        let attempt = "refer system calls to a supervisor";
        match error.raw_os_error() {
            Some(libc::EBUSY) => Failure::new(attempt, &"another sandbox around loki has one already"),
            _ => Failure::new(attempt, &error),
        }
    })?;
    let sent = channel::send(supervisor, &Word::Filtered, Some(listener.as_fd()));
    sent.map_err(doing("hand the supervisor its end"))
}

/// Puts links to what the user's home has into the command's. It is done here, with the rights of the
/// command, since earlier commands could put anything in the way; what is there already stays.
fn link_home(plan: &Plan) {
    for (name, target) in &plan.links {
        let link = plan.home_seen().join(name);
        if let Some(folder) = link.parent() {
            let _there = std::fs::create_dir_all(folder);
        }
        let _there = std::os::unix::fs::symlink(target, link);
    }
}

fn start(plan: &Plan) -> io::Error {
    let Some((program, arguments)) = plan.command.split_first() else {
        return io::Error::from_raw_os_error(libc::ENOENT);
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(&plan.folder);
    command.envs(plan.environment.iter().map(|(name, value)| (name, value)));
    command.exec()
}

/// Out of memory, the kernel ends the command before anybody else. It is a kindness: where it cannot be
/// asked for, nothing depends on it.
fn be_first_to_die() {
    if let Ok(mut score) = File::options().write(true).open("/proc/self/oom_score_adj") {
        let _not_allowed = score.write_all(b"1000");
    }
}

fn limits(plan: &Plan) -> Result<(), Failure> {
    let limits = &plan.limits;
    let wanted = [
        (Resource::Core, 0),
        (Resource::Cpu, limits.cpu_seconds_max.saturating_add(1)),
        (Resource::Fsize, limits.file_bytes_max),
        (Resource::Nofile, limits.open_files_max),
        (Resource::Data, limits.memory_bytes_max),
        (Resource::Memlock, limits.memory_bytes_max.min(64 << 20)),
    ];
    // Among everybody else this would count all that its user runs: there only the supervisor counts, and a
    // control group. In namespaces it counts our own too, and stands behind both.
    let processes =
        plan.level.has_namespaces().then_some((Resource::Nproc, limits.processes_max + OWN_PROCESSES));
    for (resource, most) in wanted.into_iter().chain(processes) {
        // What was lower already stays lower.
        let most = getrlimit(resource).maximum.map_or(most, |before| before.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(doing(format!("limit {resource:?}")))?;
    }
    Ok(())
}

/// Gives up every capability, for this process and all programs it may become.
fn no_privileges() -> Result<(), Failure> {
    let failed = || doing("give up privileges");
    set_no_new_privs(true).map_err(failed())?;
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    // Both ask for a capability that an ordinary user does not have, and then does not need to lose.
    if set_capabilities_secure_bits(bits).is_ok() {
        for capability in CapabilitySet::all() {
            let _unknown_to_this_kernel = remove_capability_from_bounding_set(capability);
        }
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(failed())
}
