//! The helper process that confines: `loki __confine`.
//!
//! It is the same program, started anew: small, with one thread, so that it may fork, and that what it
//! gives up is given up by nobody else. It takes its plan from the socket that is its stdin. With
//! namespaces it forks a first process for them, which supervises; without, it supervises itself.

mod account;
mod calls;
mod command;
mod connect;
mod filters;
mod guards;
mod metadata;
mod program;
mod root;
mod rules;
mod supervise;
mod unix_sockets;

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::channel::{self, Frames};
use crate::plan::{Failure, Message, PROXY_PORT_INSIDE, Plan, Report, WayOut, doing};
use crate::sys::{self, Fork};

use guards::Guards;

/// The argument that makes the program this helper.
pub const HELPER_ARGUMENT: &str = "__confine";

/// The argument that makes the program try what the machine offers.
pub const PROBE_ARGUMENT: &str = "__confine-probe";

/// Byte on the control socket: end the command.
pub(crate) const STOP: u8 = b's';

/// Confines the command that the socket at stdin tells of, and returns once nothing of it is left. The
/// process exits with the number returned; what happened has gone over the socket by then.
pub fn helper() -> u8 {
    match prepare() {
        Ok((control, plan, stdin)) => {
            let ended = run(&control, plan, stdin);
            let said = match ended {
                Ok(messages) => messages.iter().try_for_each(|message| channel::send(&control, message, None)),
                Err(failure) => channel::send(&control, &Message::Failed(failure), None),
            };
            u8::from(said.is_err())
        }
        Err(_) => 2, // It was not started by loki: nobody to tell.
    }
}

/// Tries what the strongest level needs, and says on stdout what is missing: nothing, where all is there.
pub fn probe() -> u8 {
    close_all_above(2);
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let attempt = || {
        make_namespaces().map_err(|error| Failure::unavailable("make namespaces", &error))?;
        map_identity(user, group)?;
        match sys::fork().map_err(doing("fork"))? {
            Fork::Child => {
                let made = sys::unshare(libc::CLONE_NEWNS).map_err(doing("make a mount namespace"));
                let missing = made.and_then(|()| root::try_file_systems()).err();
                exit(missing.is_some_and(|missing| write!(std::io::stdout(), "{missing}").is_ok()))
            }
            Fork::Parent(first) => waitpid(Some(first), WaitOptions::empty()).map_err(doing("wait")),
        }
    };
    match attempt() {
        Ok(_) => 0,
        Err(missing) => u8::from(write!(std::io::stdout(), "{missing}").is_err()),
    }
}

/// Takes the plan, and leaves everything else that this process was started with.
fn prepare() -> std::io::Result<(UnixStream, Plan, OwnedFd)> {
    // From here on only loki's side of the socket ends this process.
    rustix::process::setsid().ok();
    close_all_above(2);
    let control = UnixStream::from(rustix::io::dup(std::io::stdin().as_fd())?);
    rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
    let mut frames = Frames::default();
    let plan = frames.wait::<Plan>(&control)?;
    let missing = || std::io::Error::other("nothing was asked for");
    Ok((control, plan.ok_or_else(missing)?, frames.descriptor().ok_or_else(missing)?))
}

fn run(control: &UnixStream, mut plan: Plan, stdin: OwnedFd) -> Result<Vec<Message>, Failure> {
    let guards = Guards::prepare(&mut plan)?;
    if guards.stands_for_repository {
        without_repository(&mut plan);
    }
    let ended = if plan.level.has_namespaces() {
        in_namespaces(control, &plan, stdin)
    } else {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(doing("take over orphans"))?;
        supervised(&plan, stdin, control)
    };
    let swept = guards.sweep();
    Ok(vec![Message::Ended(ended?), Message::Swept(swept)])
}

/// Go asks git about the folder around every program it builds, and takes an empty `.git` for one.
fn without_repository(plan: &mut Plan) {
    let name = "GOFLAGS";
    let before = plan.environment.iter().position(|(known, _)| known == name);
    let mut flags = before.map(|at| plan.environment.swap_remove(at).1).unwrap_or_default();
    flags.push(" -buildvcs=false");
    plan.environment.push((name.to_owned(), flags));
}

/// Makes namespaces, and in them a first process that does the rest.
fn in_namespaces(control: &UnixStream, plan: &Plan, stdin: OwnedFd) -> Result<Report, Failure> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    make_namespaces().map_err(|error| Failure::unavailable("make namespaces", &error))?;
    map_identity(user, group)?;
    network(control, plan)?;
    let (leash, held) = UnixStream::pair().map_err(doing("make a socket"))?;
    match sys::fork().map_err(doing("fork"))? {
        Fork::Child => {
            drop(leash);
            let said = match first_process(plan, stdin, &held) {
                Ok(report) => channel::send(&held, &Message::Ended(report), None),
                Err(failure) => channel::send(&held, &Message::Failed(failure), None),
            };
            exit(said.is_err())
        }
        Fork::Parent(first) => {
            drop(held);
            drop(stdin);
            attend(control, &leash, first)
        }
    }
}

fn make_namespaces() -> std::io::Result<()> {
    let own = libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
    // A user namespace makes all rights in the others rights in them alone.
    sys::unshare(libc::CLONE_NEWUSER | own)
}

/// The command is who its caller is.
fn map_identity(user: u32, group: u32) -> Result<(), Failure> {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(doing(format!("write the {file}")))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user} 1"))?;
    write("gid_map", format!("{group} {group} 1"))
}

fn network(control: &UnixStream, plan: &Plan) -> Result<(), Failure> {
    let attempt = || {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        sys::loopback_up(socket.as_fd())?;
        if plan.way_out == WayOut::Listener {
            let listener = TcpListener::bind(("127.0.0.1", PROXY_PORT_INSIDE))?;
            channel::send(control, &Message::Listening, Some(listener.as_fd()))?;
        }
        Ok::<_, std::io::Error>(())
    };
    attempt().map_err(doing("set up the network"))
}

/// The first process of the namespaces. When it ends, the kernel ends all others in them.
fn first_process(plan: &Plan, stdin: OwnedFd, leash: &UnixStream) -> Result<Report, Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(doing("tie to the helper"))?;
    sys::unshare(libc::CLONE_NEWNS).map_err(|error| Failure::unavailable("make a mount namespace", &error))?;
    root::Root::gather(plan)?.enter(plan.limits.processes_max)?;
    supervised(plan, stdin, leash)
}

/// Starts the command and watches over it.
fn supervised(plan: &Plan, stdin: OwnedFd, leash: &UnixStream) -> Result<Report, Failure> {
    let (gate, theirs) = UnixStream::pair().map_err(doing("make a socket"))?;
    match sys::fork().map_err(doing("fork"))? {
        Fork::Child => {
            drop(gate);
            command::become_command(plan, stdin, &theirs);
            exit(true)
        }
        Fork::Parent(command) => {
            drop(theirs);
            drop(stdin);
            release_output();
            supervise::supervise(plan, command, &gate, leash.as_fd())
        }
    }
}

/// Lets go of stdout and stderr, so that their reader sees the end when the command has let go.
fn release_output() {
    if let Ok(nothing) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        let _kept = rustix::stdio::dup2_stdout(&nothing);
        let _kept = rustix::stdio::dup2_stderr(&nothing);
    }
}

/// Passes word between loki and the first process, until that has ended.
fn attend(control: &UnixStream, leash: &UnixStream, first: Pid) -> Result<Report, Failure> {
    release_output();
    let mut frames = Frames::default();
    let mut asked = false;
    while !frames.closed {
        let mut watched = vec![PollFd::new(leash, PollFlags::IN)];
        watched.extend((!asked).then(|| PollFd::new(control, PollFlags::IN)));
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            other => other.map_err(doing("wait for the command"))?,
        };
        let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        if ready.get(1) == Some(&true) {
            // A word, or the end of loki: the same for the command.
            asked = true;
            let mut to = leash;
            if to.write_all(&[STOP]).is_err() {
                let _gone = kill_process(first, Signal::KILL);
            }
        }
        if ready[0] {
            frames.receive(leash).map_err(doing("hear from the first process"))?;
        }
    }
    // Once it is waited for, nothing of the namespaces is left.
    waitpid(Some(first), WaitOptions::empty()).map_err(doing("wait for the first process"))?;
    match frames.next::<Message>().map_err(doing("hear from the first process"))? {
        Some(Message::Ended(report)) => Ok(report),
        Some(Message::Failed(failure)) => Err(failure),
        Some(Message::Listening | Message::Swept(_)) | None => {
            Err(Failure::new("watch over the command", &"its supervisor was ended from outside"))
        }
    }
}

/// Closes every descriptor above `last`: handles to folders and files are rights that no policy names.
fn close_all_above(last: u32) {
    sys::close_from(last + 1);
}

/// Ends this forked process without running what its parent set up for its own end.
fn exit(failed: bool) -> ! {
    sys::exit_now(i32::from(failed))
}
